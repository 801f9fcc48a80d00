//! Races read back from the file that `--out` wrote.
//!
//! The file is not trusted: it may be cut off anywhere, or come from anywhere. Nothing in it makes
//! this program take more memory than the file is long, times a small number.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use derby_core::{Entry, Reason, Task};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::data::Encoding;

/// Longest line that is read, in bytes: the parameters of a net of 20 million.
const LONGEST: u64 = 256 << 20;
/// Most nets that enter a race.
const MOST: usize = 10_000;

/// What the first line of a race tells.
#[derive(Clone, Debug, Deserialize)]
pub struct Started {
    /// Nets that enter.
    pub nets: usize,
    /// Width of a sample.
    pub inputs: usize,
    /// Width of a target.
    pub outputs: usize,
    /// Seed of the samples.
    pub seed: u64,
    /// Samples to train on.
    pub samples: u64,
    /// Version of the program that ran the race.
    #[serde(default)]
    pub version: String,
    /// The command line that ran it.
    #[serde(default)]
    pub command: String,
    /// Where the samples came from; `None` where that was not known.
    #[serde(default)]
    pub source: Option<Origin>,
    /// How the nets raced, by the names of [`derby_core::Settings`]; for people, so that files of
    /// other versions stay readable.
    #[serde(default)]
    pub settings: BTreeMap<String, Value>,
}

/// Where samples came from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A built-in task.
    Task(Task),
    /// A table, as its columns became numbers.
    Table(Encoding),
}

/// What names a net.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Name {
    /// Units of each hidden layer.
    pub hidden: usize,
    /// Hidden layers.
    pub layers: usize,
    /// Seed of its first weights.
    pub seed: u64,
}

/// A net that has entered.
#[derive(Clone, Debug, Deserialize)]
pub struct Entered {
    /// Its name.
    pub net: Name,
    /// Its parameters.
    pub parameters: usize,
    /// All of it; `None` where only its shape was known.
    #[serde(default)]
    pub entry: Option<Entry>,
}

/// A net in a stretch.
#[derive(Clone, Debug, Deserialize)]
pub struct Standing {
    /// Its place among the entries.
    pub index: usize,
    /// Its mean loss over the stretch; `None` where it was no number.
    pub loss: Option<f32>,
    /// Its mixing weights, by output, or one for all outputs.
    pub weights: Vec<f32>,
}

/// A stretch of the race.
#[derive(Clone, Debug, Deserialize)]
pub struct Stretch {
    /// Samples since the start.
    pub samples: u64,
    /// Loss of the mixture; `None` where it was no number.
    pub loss: Option<f32>,
    /// The nets that raced.
    pub nets: Vec<Standing>,
}

/// A net that has left.
#[derive(Clone, Debug, Deserialize)]
pub struct Left {
    /// Its place among the entries.
    pub index: usize,
    /// Samples since the start.
    pub samples: u64,
    /// Why.
    pub reason: Reason,
}

/// What a net has learned.
#[derive(Clone, Debug, Deserialize)]
struct Trained {
    index: usize,
    /// `None` for what is no number.
    parameters: Vec<Option<f32>>,
}

/// A test on samples held out.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Test {
    /// Mean loss; `None` where it was no number or nothing was there to test with.
    pub loss: Option<f64>,
    /// Share of bits or classes that are right; `None` for regression.
    pub accuracy: Option<f64>,
}

/// A net's place in the end.
#[derive(Clone, Debug, Deserialize)]
pub struct Placed {
    /// Its place among the entries.
    pub index: usize,
    /// Samples at which it left.
    pub left: Option<u64>,
    /// Its test.
    pub held_out: Test,
    /// Its mixing weights in the end, by output, or one for all outputs.
    #[serde(default)]
    pub weights: Vec<f32>,
}

/// The end of a race.
#[derive(Clone, Debug, Deserialize)]
pub struct Finished {
    /// The nets, the winner first.
    pub ranking: Vec<Placed>,
    /// FNV-1a of all nets' parameters, in hexadecimal digits.
    pub hash: String,
    /// Samples trained on.
    pub samples: u64,
    /// How long it took.
    pub seconds: f64,
}

/// A race as its file tells it.
#[derive(Clone, Debug)]
pub struct Told {
    /// How it started.
    pub started: Started,
    /// The nets, by their place among the entries.
    pub nets: Vec<Entered>,
    /// Its stretches, in order.
    pub stretches: Vec<Stretch>,
    /// Who left, in order.
    pub left: Vec<Left>,
    /// `[net]`: what each has learned; empty where that was not told.
    pub parameters: Vec<Vec<f32>>,
    /// How it ended; `None` of a race that was cut off.
    pub finished: Option<Finished>,
}

#[derive(Deserialize)]
struct Tag {
    event: String,
}

impl Told {
    fn new(started: Started) -> Result<Self> {
        ensure!(started.nets <= MOST, "more than {MOST} nets");
        Ok(Self {
            nets: Vec::new(),
            stretches: Vec::new(),
            left: Vec::new(),
            parameters: vec![Vec::new(); started.nets],
            finished: None,
            started,
        })
    }

    /// Takes the line of an event other than the start. Events of later versions are passed over.
    fn add(&mut self, event: &str, line: &str) -> Result<()> {
        let nets = self.started.nets;
        let check = |index: usize| {
            ensure!(index < nets, "there is no net {index} among {nets}");
            Ok(index)
        };
        let row = |weights: &[f32]| {
            let outputs = self.started.outputs;
            let fits = weights.len() == outputs || weights.len() == 1;
            ensure!(fits, "{} weights for {outputs} outputs", weights.len());
            Ok(())
        };
        match event {
            "entered" => {
                let entered: Entered = parse(line)?;
                ensure!(self.nets.len() < nets, "more nets than the {nets} that were announced");
                self.nets.push(entered);
            }
            "stretch" => {
                let stretch: Stretch = parse(line)?;
                for standing in &stretch.nets {
                    check(standing.index)?;
                    row(&standing.weights)?;
                }
                self.stretches.push(stretch);
            }
            "left" => {
                let left: Left = parse(line)?;
                check(left.index)?;
                self.left.push(left);
            }
            "trained" => {
                let Trained { index, parameters } = parse(line)?;
                check(index)?;
                self.parameters[index] =
                    parameters.into_iter().map(|number| number.unwrap_or(f32::NAN)).collect();
            }
            "finished" => {
                let finished: Finished = parse(line)?;
                for placed in &finished.ranking {
                    check(placed.index)?;
                    row(&placed.weights)?;
                }
                self.finished = Some(finished);
            }
            _ => {}
        }
        Ok(())
    }

    /// The one race of the file at `path`, or of several the one of `seed`.
    ///
    /// # Errors
    /// When the file cannot be read or is no such file, with its line; when it holds no race, or
    /// it is not clear which is meant.
    pub fn open(path: &Path, seed: Option<u64>) -> Result<Self> {
        let name = path.display();
        let file = File::open(path).with_context(|| name.to_string())?;
        let races = read(BufReader::new(file)).with_context(|| name.to_string())?;
        let seeds: Vec<_> = races.iter().map(|race| race.started.seed.to_string()).collect();
        let mut races =
            races.into_iter().filter(|race| seed.is_none_or(|seed| race.started.seed == seed));
        match (races.next(), races.next()) {
            (Some(race), None) => Ok(race),
            (Some(_), Some(_)) => {
                bail!("{name} holds {} races; choose one by --seed: {}", seeds.len(), {
                    seeds.join(", ")
                })
            }
            (None, _) if seeds.is_empty() => bail!("{name} holds no race"),
            (None, _) => bail!("{name} holds no race of that seed, only of {}", seeds.join(", ")),
        }
    }
}

/// All races of a file. A last line without an end is what a race was cut off in, and left out.
///
/// # Errors
/// The first line that is not as `--out` writes it.
pub fn read(mut file: impl BufRead) -> Result<Vec<Told>> {
    let mut races: Vec<Told> = Vec::new();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        file.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        let place = || format!("line {number}");
        ensure!((line.len() as u64) < LONGEST, "{} has more than {LONGEST} bytes", place());
        let Some(b'\n') = line.pop() else { break };
        let text = std::str::from_utf8(&line).with_context(place)?;
        let Tag { event } =
            parse(text).with_context(|| format!("{} is no event of a race", place()))?;
        if event == "started" {
            let started = parse(text).with_context(place)?;
            races.push(Told::new(started).with_context(place)?);
        } else {
            let race = races.last_mut();
            let race = race.with_context(|| format!("{}: no race has started", place()))?;
            race.add(&event, text).with_context(place)?;
        }
    }
    Ok(races)
}

/// What a line says. Where it is wrong, the message names the column; the line is known.
fn parse<T: DeserializeOwned>(line: &str) -> Result<T> {
    serde_json::from_str(line).map_err(|error| {
        anyhow!("{}", error.to_string().replace(" at line 1 column ", ", column "))
    })
}
