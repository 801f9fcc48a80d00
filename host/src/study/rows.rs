//! The results as a CSV file: one row for each cell and rule, in their order.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Rule, Start, StudyTask};

/// How a rule did in a cell. Ratios are to the test loss of the best net trained alone; losses
/// below a thousandth of a constant answer's count as that.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Row {
    #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
    pub(super) task: StudyTask,
    #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
    pub(super) start: Start,
    pub(super) seed: u64,
    #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
    pub(super) rule: Rule,
    pub(super) samples: u64,
    /// Test loss of the best net trained alone, and of the best constant answer.
    pub(super) best: f64,
    pub(super) constant: f64,
    /// The winner, as hidden x layers.
    pub(super) winner: String,
    /// The winner's test loss, as a ratio.
    pub(super) regret: f64,
    /// The winner's place among the nets trained alone, from 1.
    pub(super) rank: f64,
    /// Share of the work of training all nets to the end.
    pub(super) compute: f64,
    /// Samples at which the net left that would have been the best.
    pub(super) best_left: Option<u64>,
    /// The mixture's test loss, as a ratio.
    pub(super) mixture: Option<f64>,
    /// Nets that raced in the end.
    pub(super) racing: Option<usize>,
    /// Times that nets returned though the stream had not changed.
    pub(super) false_alarms: Option<usize>,
    /// Samples from the change to when it was found.
    pub(super) delay: Option<u64>,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            task: StudyTask::Log,
            start: Start::Glorot,
            seed: 0,
            rule: Rule::All,
            samples: 0,
            best: 0.0,
            constant: 0.0,
            winner: String::new(),
            regret: 1.0,
            rank: 1.0,
            compute: 1.0,
            best_left: None,
            mixture: None,
            racing: None,
            false_alarms: None,
            delay: None,
        }
    }
}

impl Row {
    /// Task, start and seed.
    pub(super) fn cell(&self) -> (StudyTask, Start, u64) {
        (self.task, self.start, self.seed)
    }
}

/// The name of a variant on the command line.
pub(super) fn name<V: ValueEnum>(variant: &V) -> String {
    variant.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn write_name<V: ValueEnum, S: Serializer>(variant: &V, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&name(variant))
}

fn read_name<'d, V: ValueEnum, D: Deserializer<'d>>(from: D) -> Result<V, D::Error> {
    let text = String::deserialize(from)?;
    V::from_str(&text, false).map_err(serde::de::Error::custom)
}

type Key = (StudyTask, Start, u64, Rule);

/// The file of a study. Rows are added at its end as they come, and put in order in the end.
#[derive(Debug)]
pub(super) struct Results {
    path: PathBuf,
    rows: BTreeMap<Key, Row>,
}

impl Results {
    /// The rows of the file, if it is there. Cells that are not complete are left out.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let rows = if path.exists() { read(path)? } else { BTreeMap::new() };
        let results = Self { path: path.to_owned(), rows };
        results.write()?;
        Ok(results)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Adds the rows of a cell and writes them to the file.
    pub(super) fn add(&mut self, rows: Vec<Row>) -> Result<()> {
        let context = || self.path.display().to_string();
        let file = OpenOptions::new().append(true).open(&self.path).with_context(context)?;
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(file);
        for row in &rows {
            writer.serialize(row).with_context(context)?;
        }
        writer.flush().with_context(context)?;
        self.rows.extend(rows.into_iter().map(keyed));
        Ok(())
    }

    /// Takes the rows of another file in.
    pub(super) fn merge(&mut self, path: &Path) -> Result<()> {
        for (key, row) in read(path)? {
            if self.rows.get(&key).is_some_and(|own| own.samples != row.samples) {
                bail!("{}: a row of another study, of {} samples", path.display(), row.samples);
            }
            self.rows.insert(key, row);
        }
        Ok(())
    }

    /// Writes the rows in their order.
    pub(super) fn finish(&self) -> Result<()> {
        self.write()
    }

    /// Writes all rows, and either all or none.
    fn write(&self) -> Result<()> {
        let context = || self.path.display().to_string();
        let new = self.path.with_extension("csv.new");
        let file = File::create(&new).with_context(context)?;
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(file);
        writer.write_record(HEADER).with_context(context)?;
        for row in self.rows() {
            writer.serialize(row).with_context(context)?;
        }
        writer.flush().with_context(context)?;
        drop(writer);
        fs::rename(&new, &self.path).with_context(context)
    }
}

const HEADER: [&str; 16] = [
    "task",
    "start",
    "seed",
    "rule",
    "samples",
    "best",
    "constant",
    "winner",
    "regret",
    "rank",
    "compute",
    "best_left",
    "mixture",
    "racing",
    "false_alarms",
    "delay",
];

fn keyed(row: Row) -> (Key, Row) {
    ((row.task, row.start, row.seed, row.rule), row)
}

/// The rows of the cells that are complete. A study that was cut off may have left half a row at
/// the end.
fn read(path: &Path) -> Result<BTreeMap<Key, Row>> {
    let context = || path.display().to_string();
    let file = File::open(path).with_context(context)?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    if reader.headers().with_context(context)? != HEADER.as_slice() {
        bail!("{}: not the results of a study", path.display());
    }
    let mut rows = BTreeMap::new();
    let mut records = reader.records().peekable();
    while let Some(record) = records.next() {
        let record = record.with_context(context)?;
        match record.deserialize(None) {
            Ok(row) if record.len() == HEADER.len() => rows.extend([keyed(row)]),
            _ if records.peek().is_none() => {}
            Ok(_) => bail!("{}: a row has {} cells", path.display(), record.len()),
            Err(error) => return Err(error).with_context(context),
        }
    }
    let rules = Rule::value_variants().len();
    let of_cell = |row: &Row| rows.values().filter(|other| other.cell() == row.cell()).count();
    let complete: BTreeMap<_, _> = rows
        .iter()
        .filter(|(_, row)| of_cell(row) == rules)
        .map(|(key, row)| (*key, row.clone()))
        .collect();
    Ok(complete)
}
