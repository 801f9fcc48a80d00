//! Whole tables, from bytes to samples: ordinary ones, broken ones, and hostile ones.

mod broken;
mod coding;
mod hostile;
mod sampling;

use std::io::Write;

use super::*;

fn options(target: &str) -> Options {
    Options { targets: vec![target.into()], ..Options::default() }
}

fn read(text: impl AsRef<[u8]>, options: &Options) -> Result<Table, Error> {
    Table::read(&Source::spool("t.csv", text.as_ref()).unwrap(), options)
}

fn fault(text: impl AsRef<[u8]>, options: &Options) -> String {
    read(text, options).unwrap_err().to_string()
}

/// All samples, inputs and targets of each in one row.
fn rows(mut samples: Samples) -> Vec<Vec<f32>> {
    let mut rows = Vec::new();
    while let Some(sample) = samples.read().unwrap() {
        rows.push([sample.inputs, sample.targets].concat());
    }
    rows
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

/// `count` rows of two numbers and a class `a`, `b` or `c`.
fn numbers(count: usize) -> String {
    let mut text = "x,y,class\n".to_owned();
    for i in 0..count {
        let class = ["a", "b", "c"][i % 3];
        text.push_str(&format!("{},{}.25,{class}\n", i * 7 % 31, i * 5 % 17));
    }
    text
}
