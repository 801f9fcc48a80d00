//! The study of rules: tasks x starts x seeds x rules, each measured against the best of the
//! nets trained alone.
//!
//! ```text
//! cells --> cell: nets train once, rules replay --> rows of a CSV --> table
//! ```
//! A cell is a task with a start and a seed. All its nets train once, with nobody to leave; a
//! rule by which nets only leave sees the same outputs and losses again. Where nets pause and
//! return the race is run. No row holds a time, so that the same study gives the same bytes.

mod cell;
mod rows;
mod table;
mod tape;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::isa::Isa;
use crate::run;
use cell::Cell;
use rows::{Results, Row};

/// The tasks of the study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum StudyTask {
    /// Bits of int(1000 ln x), 10,000 samples that repeat
    Log,
    /// The same, with fresh samples
    LogFresh,
    /// Exclusive or of two bytes
    Xor,
    /// Handwritten digits, a table
    Digits,
    /// Xor to the middle of the samples, then log
    Drift,
    /// Log to the middle of the samples, then xor
    Drift2,
    /// Noisy regression on 500 samples, where small nets do best
    Noisy,
    /// Cultivars of wine, a table
    Wine,
}

/// How the nets start and learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Start {
    /// Derby's own: Glorot with gain, RMSprop
    Glorot,
    /// The paper's: the reference program's initialisation and steps
    Reference,
}

/// The rules that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Rule {
    /// All nets train to the end; the least held-back loss wins
    All,
    /// Any net, without a look; expected
    Random,
    /// The paper's referee and mixer, a check every sixteenth of the samples
    Paper,
    /// Successive halving on held-back loss, from a sixteenth of the samples
    Halving,
    /// The any-time referee and the pooled mixer
    Anytime,
    /// The same referee with a weight for each net and output
    AnytimePerOutput,
}

/// Arguments of `derby study`.
#[derive(Args, Clone, Debug)]
pub struct StudyArguments {
    /// File of the results; a study that was cut off goes on from there
    #[arg(long, value_name = "FILE.csv")]
    pub out: PathBuf,
    /// Tasks [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST")]
    pub tasks: Vec<StudyTask>,
    /// How nets start and learn [default: both]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST")]
    pub starts: Vec<Start>,
    /// Seeds, from the first to the last
    #[arg(long, value_name = "A..B", default_value = "0..9", value_parser = parse_seeds)]
    pub seeds: (u64, u64),
    /// Samples of every task [default: each task its own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1000..))]
    pub samples: Option<u64>,
    /// Do the I-th of N parts alone; each writes a file of its own
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    pub shard: Option<(usize, usize)>,
    /// Run nothing: put these files together in --out and print the table
    #[arg(long, value_name = "FILE.csv", num_args = 1.., conflicts_with_all = ["shard", "samples"])]
    pub merge: Vec<PathBuf>,
    /// Run nothing: print the table of --out
    #[arg(long, conflicts_with_all = ["merge", "shard", "samples"])]
    pub table: bool,
    /// Folder of the tables wine.csv and digits.csv
    #[arg(long, value_name = "DIR", default_value = TABLES)]
    pub data: PathBuf,
    /// Threads [default: all cores]; the result is the same for any number
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024), value_name = "T")]
    pub threads: Option<u16>,
}

/// The tables that came with this program's sources.
const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data");

/// `derby study`.
///
/// # Errors
/// What cannot be read, written or set up, and a file of another study.
pub fn command(arguments: &StudyArguments) -> Result<()> {
    let mut results = Results::open(&arguments.out)?;
    if !arguments.merge.is_empty() {
        for file in &arguments.merge {
            results.merge(file)?;
        }
    } else if !arguments.table {
        fill(&mut results, arguments)?;
    }
    results.finish()?;
    let out = &mut io::stdout().lock();
    table::write(out, results.rows())?;
    Ok(out.flush()?)
}

/// Runs the cells that `results` lack, each on a thread of its own.
fn fill(results: &mut Results, arguments: &StudyArguments) -> Result<()> {
    let done: BTreeSet<_> = results.rows().map(Row::cell).collect();
    let cells: Vec<Cell> = cells(arguments)
        .into_iter()
        .filter(|cell| !done.contains(&(cell.task, cell.start, cell.seed)))
        .collect();
    for row in results.rows() {
        let wanted = cell::samples(row.task, arguments.samples);
        if row.samples != wanted {
            bail!(
                "{} has {} samples of a race, and now {wanted} are asked for: name another file",
                arguments.out.display(),
                row.samples
            );
        }
    }
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = arguments.threads.map_or_else(cores, usize::from).min(cells.len());
    let isa = Isa::widest();
    let progress = run::progress(cells.len() as u64);
    let (next, results, failed) = (AtomicUsize::new(0), Mutex::new(results), Mutex::new(None));
    let fail = |error: anyhow::Error| {
        let mut failed = failed.lock().unwrap_or_else(|poison| poison.into_inner());
        failed.get_or_insert(error);
        // Nobody takes another.
        next.store(cells.len(), Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let rows = cell.run(&arguments.data, isa);
                    let mut results = results.lock().unwrap_or_else(|poison| poison.into_inner());
                    if let Err(error) = rows.and_then(|rows| results.add(rows)) {
                        fail(error);
                    }
                    progress.inc(1);
                }
            });
        }
    });
    progress.finish_and_clear();
    failed.into_inner().unwrap_or_else(|poison| poison.into_inner()).map_or(Ok(()), Err)
}

/// The cells that are asked for, seed by seed, so that a part of a study is a study too.
fn cells(arguments: &StudyArguments) -> Vec<Cell> {
    let or_all = |given: &[StudyTask]| match given {
        [] => StudyTask::value_variants().to_vec(),
        given => given.to_vec(),
    };
    let starts = match &*arguments.starts {
        [] => Start::value_variants().to_vec(),
        given => given.to_vec(),
    };
    let (first, last) = arguments.seeds;
    let mut cells = Vec::new();
    for seed in first..=last {
        for task in or_all(&arguments.tasks) {
            for &start in &starts {
                let samples = cell::samples(task, arguments.samples);
                cells.push(Cell { task, start, seed, samples });
            }
        }
    }
    match arguments.shard {
        Some((part, parts)) => cells.into_iter().skip(part - 1).step_by(parts).collect(),
        None => cells,
    }
}

fn parse_seeds(text: &str) -> Result<(u64, u64), String> {
    let wrong = || format!("'{text}' is no range of seeds such as 100..109");
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let seeds = (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
    if seeds.0 <= seeds.1 && seeds.1 - seeds.0 < 1_000_000 { Ok(seeds) } else { Err(wrong()) }
}

fn parse_shard(text: &str) -> Result<(usize, usize), String> {
    let wrong = || format!("'{text}' is no part such as 1/4");
    let (part, parts) = text.split_once('/').ok_or_else(wrong)?;
    let shard = (part.parse().map_err(|_| wrong())?, parts.parse().map_err(|_| wrong())?);
    if 0 < shard.0 && shard.0 <= shard.1 { Ok(shard) } else { Err(wrong()) }
}
