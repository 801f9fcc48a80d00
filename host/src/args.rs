//! The command line.

use std::env;
use std::ffi::OsString;
use std::iter;
use std::path::PathBuf;

use crate::budget::Budget;
use crate::data::{self, Missing, Ordinal};
use crate::device::args::{DeviceArguments, PlanArguments, WatchArguments};
use crate::export;
use crate::isa::Isa;
use crate::nets::NetList;
use crate::record::Preference;
use crate::study::StudyArguments;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Finds the neural architecture for a task while its data streams in: many small nets race, a
/// weighted mixer learns which to trust, and nets that lose trust leave.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
#[command(after_help = "Without a command, derby runs the paper's race: derby race --paper.

Examples:
  derby race --paper --seeds 10
  derby race --task xor --nets 8..32/8x1..2 --samples 200000
  derby race wine.csv --target cultivar
  derby race wine.csv --target cultivar --checkpoint wine.derby
  derby race --resume wine.derby
  derby isolate --paper
  derby race wine.csv --target cultivar --out run.jsonl
  derby report run.jsonl
  derby export run.jsonl --format c --output wine.h")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What derby can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Race nets to a winner
    #[command(after_help = "Examples:
  derby race --paper --seeds 10
  derby race --task xor --nets 8..32/8x1..2 --samples 200000
  derby race wine.csv --target cultivar --out run.jsonl
  derby race wine.csv --target cultivar --checkpoint wine.derby
  derby race --resume wine.derby")]
    Race(RaceArguments),
    /// Train each net alone on the same stream and rank them by test loss
    #[command(after_help = "Examples:
  derby isolate --paper
  derby isolate --task xor --nets 8..32/8x1..2 --seed 0
  derby isolate wine.csv --target cultivar --seeds 3")]
    Isolate(IsolateArguments),
    /// Compare rules: tasks x seeds x rules, against the best net trained alone
    #[command(after_help = "Example:
  derby study --out study.csv --seeds 600..639")]
    Study(StudyArguments),
    /// Write the winner of a race, or the mixture, as Rust, C, ONNX or for derby itself
    #[command(after_help = "Examples:
  derby export run.jsonl --format c --output wine.h
  derby export run.jsonl --format onnx --mixture --output wine.onnx")]
    Export(ExportArguments),
    /// Make a page of a race, to be looked at in a browser
    #[command(after_help = "Example:
  derby report run.jsonl --svg pictures")]
    Report(ReportArguments),
    /// Measure how fast this machine races, and what share of its peak that is
    #[command(after_help = "Example:
  derby bench --paper")]
    Bench(BenchArguments),
    /// Say what a race takes of a board, and whether it fits; exit code 1 when it does not
    #[command(after_help = "Example:
  derby plan --board microbit --task xor --bits 8 --nets 4,8x1..2")]
    Plan(PlanArguments),
    /// Race on a board that QEMU emulates
    #[command(after_help = "Examples:
  derby emulate --board mps2-an386 --task xor --nets 8,16,20x1..3 --samples 16000
  derby emulate --board mps2-an386 wine.csv --target cultivar --compare")]
    Emulate(DeviceArguments),
    /// Race on a board at a debug probe
    #[command(after_help = "Example:
  derby flash --board stm32f411 --task xor --bits 8")]
    Flash(DeviceArguments),
    /// Watch a board that races already, or a recording
    #[command(after_help = "Examples:
  derby watch --board stm32f411
  derby watch --file recorded.bin")]
    Watch(WatchArguments),
    /// Print what makes a shell complete derby's arguments
    #[command(after_help = "Example:
  derby completions bash > ~/.local/share/bash-completion/completions/derby")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What enters and how it trains; the same for every command that trains.
#[derive(Args, Clone, Debug)]
pub struct FieldArguments {
    /// A table instead of a task.
    #[command(flatten)]
    pub data: DataArguments,
    /// The paper's race as published: task log, 18 nets, its optimizers, mixer and referee
    #[arg(long)]
    pub paper: bool,
    /// The task to race on [default: log]
    #[arg(long, value_enum)]
    pub task: Option<TaskName>,
    /// Bits of the xor task's input
    #[arg(long, default_value_t = 16, value_parser = parse_bits, value_name = "N")]
    pub bits: u32,
    /// Nets as SIZESxLAYERS, for example 16,24x1..3 or 8..32/8x1+16x2@0..4 (@: seeds)
    #[arg(long, value_name = "LIST")]
    pub nets: Option<NetList>,
    /// Activation of the hidden units
    #[arg(long, value_enum)]
    pub activation: Option<ActivationName>,
    /// Optimizer of all layers
    #[arg(long, value_enum)]
    pub optimizer: Option<OptimizerName>,
    /// Learning rate
    #[arg(long, value_parser = parse_positive)]
    pub rate: Option<f32>,
    /// How first weights are drawn
    #[arg(long, value_enum)]
    pub init: Option<InitName>,
    /// L2 penalty on the weights
    #[arg(long, value_parser = parse_share, value_name = "FACTOR")]
    pub decay: Option<f32>,
    /// Samples in a batch [default: 10]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "B")]
    pub batch: Option<u32>,
    /// Samples to train on [default: 1600000 with --paper, 300 epochs of a table, else 200000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub samples: Option<u64>,
    /// Threads [default: all cores]; the result is the same for any number
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024), value_name = "T")]
    pub threads: Option<u16>,
    /// Vector instructions to use [default: the widest there are]; the result is the same
    #[arg(long)]
    pub isa: Option<Isa>,
}

/// Arguments of `derby race`.
#[derive(Args, Clone, Debug)]
pub struct RaceArguments {
    /// What enters.
    #[command(flatten)]
    pub field: FieldArguments,
    /// What was exported as postcard, or the winner of what a race wrote with --out, enters with
    /// all that it has learned; the nets of --nets join it
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// How the mixing weights move [default: pooled, with --paper the paper's]
    #[arg(long, value_enum)]
    pub mixer: Option<MixerName>,
    /// Who leaves, and when [default: anytime, with --paper the paper's]
    #[arg(long, value_enum)]
    pub referee: Option<RefereeName>,
    /// Samples between two looks at the race, at which the referees paper, faded and halving
    /// decide [default: a sixteenth of the samples]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub check: Option<u32>,
    /// Samples of each batch that are scored and not learned from; mixer and referee judge by
    /// them [default: a fifth of the batch, 0 with --paper]
    #[arg(long, value_name = "N")]
    pub held_back: Option<u32>,
    /// What the winner may take of the device that is to run it.
    #[command(flatten)]
    pub budget: Budget,
    /// Which of nearly equal nets wins: small, or small=MARGIN, is the smallest whose loss is at
    /// most MARGIN (0.05 is 5 %) above the best [default margin: one standard error]
    #[arg(long, value_name = "small[=MARGIN]", value_parser = parse_preference)]
    pub prefer: Option<Preference>,
    /// Seed of the samples and of all first weights
    #[arg(long, default_value_t = 0, conflicts_with = "seeds")]
    pub seed: u64,
    /// Runs the seeds 0 to K-1 one after the other and counts the winners
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: Option<u64>,
    /// How to show the race
    #[arg(long, value_enum, default_value_t = ViewName::Auto)]
    pub view: ViewName,
    /// File to write the events to, one JSON object a line
    #[arg(long, value_name = "RUN.jsonl")]
    pub out: Option<PathBuf>,
    /// Where the race is kept.
    #[command(flatten)]
    pub keep: KeepArguments,
    /// The words behind `derby race` that these arguments are; `None` where they are not UTF-8.
    #[arg(skip)]
    pub words: Option<Vec<String>>,
}

/// How a race outlasts its process.
#[derive(Args, Clone, Debug, Default)]
pub struct KeepArguments {
    /// File to keep the race in, so that it can go on after a stop; the one before is FILE.bak
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    pub checkpoint: Option<PathBuf>,
    /// Samples between two checkpoints [default: a sixteenth of the samples]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub every: Option<u64>,
    /// Go on with the race in FILE, and keep it there; what race it is FILE knows
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    pub resume: Option<PathBuf>,
}

impl Arguments {
    /// The arguments that the words of a command line are, the program's name first.
    ///
    /// # Errors
    /// What clap finds wrong, and its help.
    pub fn of(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let words: Vec<OsString> = words.into_iter().collect();
        let mut arguments = Self::try_parse_from(&words)?;
        if let Some(Command::Race(race)) = &mut arguments.command {
            let texts = words.into_iter().skip(2).map(OsString::into_string);
            race.words = texts.collect::<Result<_, _>>().ok();
        }
        Ok(arguments)
    }
}

impl RaceArguments {
    /// The arguments that these words behind `derby race` are.
    ///
    /// # Errors
    /// As [`Arguments::of`].
    pub fn of(words: &[String]) -> Result<Self, clap::Error> {
        let all = ["derby", "race"].into_iter().chain(words.iter().map(String::as_str));
        match Arguments::of(all.map(OsString::from))?.command {
            Some(Command::Race(arguments)) => Ok(arguments),
            _ => unreachable!("the second word is race"),
        }
    }

    /// The arguments of the paper's race.
    pub fn paper() -> Self {
        match Self::of(&["--paper".to_owned()]) {
            Ok(arguments) => arguments,
            Err(error) => unreachable!("the words above are a race: {error}"),
        }
    }

    /// What race it is, without how it is run, shown and kept: equal where the bits are.
    pub fn race(&self) -> String {
        let mut race = self.clone();
        race.run_as(&Self { words: None, ..Self::of(&[]).unwrap_or_else(|_| self.clone()) });
        format!("{race:?}")
    }

    /// The command line that runs this race, to be typed again: words that a shell would take
    /// apart are quoted. Of a race that goes on, the one that it began with.
    pub fn line(&self) -> String {
        let words: Vec<String> = match &self.words {
            Some(words) => iter::once("race".to_owned()).chain(words.iter().cloned()).collect(),
            None => {
                env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
            }
        };
        let mut line = "derby".to_owned();
        for word in words {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=.,:/@%".contains(c);
            line.push(' ');
            if !word.is_empty() && word.chars().all(plain) {
                line.push_str(&word);
            } else {
                line.extend(["'", &word.replace('\'', "'\\''"), "'"]);
            }
        }
        line
    }

    /// Takes from `other` how the race is run, shown and kept.
    pub fn run_as(&mut self, other: &Self) {
        let Self { view, out, keep, words, field, .. } = other.clone();
        (self.view, self.out, self.keep, self.words) = (view, out, keep, words);
        (self.field.threads, self.field.isa) = (field.threads, field.isa);
    }
}

/// Arguments of `derby isolate`.
#[derive(Args, Clone, Debug)]
pub struct IsolateArguments {
    /// What enters.
    #[command(flatten)]
    pub field: FieldArguments,
    /// Seeds 0 to K-1, over which the ranking takes the mean
    #[arg(long, value_name = "K", default_value_t = 5, conflicts_with = "seed")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: u64,
    /// One seed alone
    #[arg(long)]
    pub seed: Option<u64>,
    /// How to show the ranking
    #[arg(long, value_enum, default_value_t = ViewName::Auto)]
    pub view: ViewName,
}

/// Arguments of `derby bench`.
#[derive(Args, Clone, Debug)]
pub struct BenchArguments {
    /// What races.
    #[command(flatten)]
    pub field: FieldArguments,
    /// Samples of a round
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
    pub round: u32,
    /// Rounds, of which the median counts
    #[arg(long, value_name = "K", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `derby export`.
#[derive(Args, Clone, Debug)]
pub struct ExportArguments {
    /// What a race wrote with --out, or a net exported as postcard
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    pub format: export::Format,
    /// All nets that were left in the end, mixed, instead of the winner
    #[arg(long)]
    pub mixture: bool,
    /// Which race of a file of several
    #[arg(long)]
    pub seed: Option<u64>,
    /// Where to write it [default: standard output]; names in C begin with the file's
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Arguments of `derby report`.
#[derive(Args, Clone, Debug)]
pub struct ReportArguments {
    /// What a race wrote with --out
    #[arg(value_name = "RUN.jsonl")]
    pub run: PathBuf,
    /// Which race of a file of several
    #[arg(long)]
    pub seed: Option<u64>,
    /// Where to write the page [default: beside the run, as .html]
    #[arg(long, value_name = "FILE.html")]
    pub output: Option<PathBuf>,
    /// Folder to write the pictures to as well, as SVG
    #[arg(long, value_name = "FOLDER")]
    pub svg: Option<PathBuf>,
}

/// A user's table.
#[derive(Args, Clone, Debug)]
pub struct DataArguments {
    /// A table to race on: CSV, also gzipped; - for standard input
    #[arg(value_name = "DATA.csv", requires = "target", conflicts_with_all = ["paper", "task"])]
    pub file: Option<PathBuf>,
    /// Columns to find, by name or by number from 1
    #[arg(long, value_name = "COL,..", value_delimiter = ',', requires = "file")]
    pub target: Vec<String>,
    /// Columns to leave out
    #[arg(long, value_name = "COL,..", value_delimiter = ',', requires = "file")]
    pub ignore: Vec<String>,
    /// Columns that hold numbers, whatever they look like
    #[arg(long, value_name = "COL,..", value_delimiter = ',', requires = "file")]
    pub number: Vec<String>,
    /// Columns that hold categories, whatever they look like
    #[arg(long, value_name = "COL,..", value_delimiter = ',', requires = "file")]
    pub category: Vec<String>,
    /// Columns of categories in order, as COL=small<medium<large
    #[arg(long, value_name = "COL=A<B<..", requires = "file")]
    pub ordinal: Vec<Ordinal>,
    /// What to do with missing cells: refuse, mean or drop
    #[arg(long, value_name = "POLICY", requires = "file")]
    pub missing: Option<Missing>,
    /// Share of the rows to test with
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, value_parser = parse_held_out)]
    pub held_out: f64,
    /// Separator of the cells [default: recognised]
    #[arg(long, value_name = "CHAR", requires = "file", value_parser = parse_separator)]
    pub separator: Option<u8>,
    /// Numbers are written with a decimal comma [default: recognised]
    #[arg(long, value_name = "YES", requires = "file")]
    pub decimal_comma: Option<bool>,
    /// The first line names the columns [default: recognised]
    #[arg(long, value_name = "YES", requires = "file")]
    pub header: Option<bool>,
}

impl DataArguments {
    /// How to read the table, with `seed` for its split and the order of its samples.
    pub fn options(&self, seed: u64) -> data::Options {
        data::Options {
            format: data::Format {
                separator: self.separator,
                decimal_comma: self.decimal_comma,
                header: self.header,
            },
            targets: self.target.clone(),
            ignore: self.ignore.clone(),
            numbers: self.number.clone(),
            categories: self.category.clone(),
            ordinals: self.ordinal.clone(),
            missing: self.missing.unwrap_or_default(),
            held_out: self.held_out,
            seed,
            ..data::Options::default()
        }
    }
}

/// Built-in tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskName {
    /// 16 random bits x to the bits of int(1000 ln x); 10,000 samples that repeat
    Log,
    /// The same, with fresh samples for ever
    LogFresh,
    /// Random bits to the exclusive or of their halves (see --bits)
    Xor,
    /// Two numbers to their exclusive or modulo 3: three classes
    XorMod,
    /// A noisy sine
    Sine,
    /// Eight numbers, of which two matter, to a noisy number; 500 samples that repeat
    Noisy,
    /// Xor to the middle of the samples, then log
    Drift,
    /// Log to the middle of the samples, then xor
    Drift2,
}

/// Activations of hidden units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "documented in derby_core::Activation")]
pub enum ActivationName {
    Sigmoid,
    Tanh,
    Relu,
    LeakyRelu,
    Softplus,
    Identity,
}

/// Optimizers with their textbook settings; --rate changes the learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "documented in derby_core::Optimizer")]
pub enum OptimizerName {
    Sgd,
    Momentum,
    Nesterov,
    Adagrad,
    Adadelta,
    Rmsprop,
    Adam,
    Rprop,
}

/// Initialisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "documented in derby_core::Init")]
pub enum InitName {
    Glorot,
    He,
    Uniform,
    Reference,
}

/// Mixers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MixerName {
    /// A weight for each net and output, down the mixture's slope
    Gradient,
    /// The paper's gradient mixer, with the reference program's steps
    Paper,
    /// The reference program's first heuristic, by ratios of cost and error
    Ratio,
    /// The reference program's second heuristic, by the least cost and error
    Win,
    /// One weight for each net: softmax of logits that Adam moves
    Pooled,
    /// One weight for each net: Hedge
    Hedge,
}

/// Referees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RefereeName {
    /// Nobody leaves
    None,
    /// The net that most often holds the smallest weights leaves
    Paper,
    /// Nets leave whose weights fade below a twentieth of the best
    Faded,
    /// The worse half leaves at checks 1, 2, 4, 8 and so on
    Halving,
    /// Nets leave that will not come near the best; they return when the stream changes
    Anytime,
}

/// Ways to show a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ViewName {
    /// Live on a terminal, else plain
    Auto,
    /// Bars and courses that move, with keys
    Live,
    /// Tables of text
    Plain,
    /// One JSON object a line
    Json,
}

fn parse_bits(text: &str) -> Result<u32, String> {
    match text {
        "8" => Ok(8),
        "16" => Ok(16),
        "32" => Ok(32),
        _ => Err("the xor task has 8, 16 or 32 bits".to_owned()),
    }
}

fn parse_positive(text: &str) -> Result<f32, String> {
    let number: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number > 0.0 && number.is_finite() { Ok(number) } else { Err("must be above 0".to_owned()) }
}

fn parse_preference(text: &str) -> Result<Preference, String> {
    let margin = match text.strip_prefix("small") {
        Some("") => None,
        Some(rest) => rest.strip_prefix('=').and_then(|number| number.parse().ok()),
        None => Some(f64::NAN),
    };
    match margin {
        None if text != "small" => Err("MARGIN is a number such as 0.05".to_owned()),
        Some(margin) if !(0.0..f64::INFINITY).contains(&margin) => {
            Err("small, or small=MARGIN with a MARGIN such as 0.05".to_owned())
        }
        margin => Ok(Preference { margin }),
    }
}

fn parse_share(text: &str) -> Result<f32, String> {
    let number: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("must be in 0..1".to_owned()) }
}

fn parse_held_out(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number > 0.0 && number < 1.0 {
        Ok(number)
    } else {
        Err("must be between 0 and 1".to_owned())
    }
}

fn parse_separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("one ASCII character, or tab".to_owned()),
    }
}
