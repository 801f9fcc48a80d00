//! Memory does not grow with the file: the peak of this process, which runs this one test.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::io::{self, Read};

use derby::data::{Options, Source, Table};

/// `left` rows of numbers that are nowhere held as a whole.
struct Rows {
    left: u32,
    row: Vec<u8>,
}

impl Read for Rows {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.row.is_empty() && self.left > 0 {
            self.left -= 1;
            let i = self.left;
            self.row = format!("{i},{}.125,{},k{}\n", i % 977, i * 7 % 1013, i % 4).into_bytes();
        }
        let count = self.row.as_slice().read(buffer)?;
        self.row.drain(..count);
        Ok(count)
    }
}

/// Largest memory that the process ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Reads a table of so many rows, and every sample of it.
fn walk(rows: u32) {
    let source = Source::spool("rows", Rows { left: rows, row: Vec::new() }).unwrap();
    let options = Options { targets: vec!["4".into()], memory: 0, ..Options::default() };
    let table = Table::read(&source, &options).unwrap();
    for mut samples in [table.training(0).unwrap(), table.held_out().unwrap()] {
        let mut count = 0;
        while samples.read().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, samples.count());
    }
}

#[test]
fn forty_times_the_rows_take_the_same_memory() {
    walk(10_000);
    let before = peak();
    walk(400_000);
    let grown = peak() - before;
    assert!(grown < 512, "{grown} KiB more for 8 MB of rows");
}
