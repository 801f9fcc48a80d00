//! Where samples come from: a stream to train on and samples held out to test with.

use std::sync::Arc;

use anyhow::{Result, bail};
use derby_core::{Activation, Loss, Settings, Task};

use crate::data::{self, Part, Table};

/// A source of samples.
#[derive(Clone, Debug)]
pub enum Source {
    /// A built-in task.
    Task {
        /// What is to be found.
        task: Task,
        /// Which of its streams.
        seed: u64,
    },
    /// A user's table, epoch after epoch.
    Table(Arc<Table>),
    /// Samples that somebody else has, of which only the widths are known.
    Unseen {
        /// Width of a sample.
        inputs: usize,
        /// Width of a target.
        outputs: usize,
    },
}

/// Samples side by side, `[sample][column]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// `[sample][input]`
    pub inputs: Vec<f32>,
    /// `[sample][output]`
    pub targets: Vec<f32>,
}

/// Fresh samples to test with, where a task has no domain to try out whole.
const TESTED: u64 = 4096;
/// Fresh samples of which the paper counts the bits.
const COUNTED: u64 = 8;

impl Source {
    /// Width of a sample.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Task { task, .. } => task.inputs(),
            Self::Table(table) => table.encoding().input_width(),
            Self::Unseen { inputs, .. } => *inputs,
        }
    }

    /// Width of a target.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Task { task, .. } => task.outputs(),
            Self::Table(table) => table.encoding().target_width(),
            Self::Unseen { outputs, .. } => *outputs,
        }
    }

    /// The outputs' activation and the loss that fit.
    pub fn output(&self) -> (Activation, Loss) {
        match self {
            Self::Task { task, .. } => task.output(),
            Self::Table(table) => match table.task() {
                data::Task::Classification => (Activation::Softmax, Loss::CrossEntropy),
                data::Task::Regression => (Activation::Identity, Loss::Squared),
            },
            Self::Unseen { .. } => (Activation::Identity, Loss::Squared),
        }
    }

    /// CRC-32 of the table's file; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read again.
    pub fn crc(&self) -> Result<Option<u32>> {
        match self {
            Self::Table(table) => Ok(Some(table.crc()?)),
            _ => Ok(None),
        }
    }

    /// The samples to train on, from the first, for a race of these settings. Where it holds
    /// samples back, a table's rows that are judged by are never learned from: batch by batch
    /// come some to learn from and some to judge by, each side epoch after epoch.
    ///
    /// # Errors
    /// When a table has too few rows for its nets to be judged by some.
    pub fn stream(&self, settings: &Settings) -> Result<Stream<'_>> {
        let (judged, of) = (settings.held_back, settings.batch);
        let mut sides = Vec::new();
        if let Self::Table(table) = self {
            let part = |part, count| Side { part, count, epoch: 0, samples: None };
            if judged == 0 {
                sides.push(part(Part::All, of));
            } else {
                let (judged, of) = (judged as u64, of as u64);
                let held = Part::Judged { judged, of };
                if table.part(0, held)?.count() == 0 {
                    bail!(
                        "the table has {} rows to train on, too few to hold back {judged} of {of}; \
                         give --held-back 0",
                        table.training(0)?.count()
                    );
                }
                sides.push(part(Part::Learned { judged, of }, settings.batch - settings.held_back));
                sides.push(part(held, settings.held_back));
            }
        }
        Ok(Stream { source: self, at: 0, sides })
    }

    /// Samples to test with: of a task the whole domain where it can be tried, else fresh ones;
    /// of a table the rows held out.
    ///
    /// # Errors
    /// When the table's file cannot be read again as it was.
    pub fn held_out(&self) -> Result<Samples> {
        let mut samples = Samples::default();
        match self {
            Self::Task { task, seed } => match task.domain() {
                Some(size) => samples.collect(self, 0..u64::from(size), |x, inputs, targets| {
                    task.of_domain(x as u32, inputs, targets);
                }),
                None => samples.collect(self, 0..TESTED, |index, x, y| {
                    task.fresh(*seed, index, x, y);
                }),
            },
            Self::Table(table) => {
                let mut rows = table.held_out()?;
                samples.resize(self, usize::try_from(rows.count())?);
                rows.fill(&mut samples.inputs, &mut samples.targets)?;
            }
            Self::Unseen { .. } => {}
        }
        Ok(samples)
    }

    /// The fresh samples of which the paper counts the bits; none where targets are not bits.
    pub fn counted(&self) -> Option<Samples> {
        let Self::Task { task, seed } = self else { return None };
        if !task.has_bits() {
            return None;
        }
        let mut samples = Samples::default();
        samples.collect(self, 0..COUNTED, |index, x, y| task.fresh(*seed, index, x, y));
        Some(samples)
    }
}

/// The samples to train on, one after the other, without end.
#[derive(Debug)]
pub struct Stream<'s> {
    source: &'s Source,
    /// The next sample.
    at: u64,
    /// Of a table: what makes up a batch.
    sides: Vec<Side>,
}

/// A part of a table's rows, epoch after epoch.
#[derive(Debug)]
struct Side {
    part: Part,
    /// Samples of a batch that come from here.
    count: usize,
    /// The next epoch.
    epoch: u64,
    samples: Option<data::Samples>,
}

impl Side {
    /// Writes the next sample.
    fn next(&mut self, table: &Table, inputs: &mut [f32], targets: &mut [f32]) -> Result<()> {
        loop {
            let samples = match &mut self.samples {
                Some(samples) => samples,
                None => self.samples.insert(table.part(self.epoch, self.part)?),
            };
            if samples.fill(inputs, targets)? > 0 {
                return Ok(());
            }
            self.samples = None;
            self.epoch += 1;
        }
    }
}

impl Stream<'_> {
    /// Goes to the sample that comes after the first `taken`.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn skip_to(&mut self, taken: u64) -> Result<()> {
        self.at = taken;
        let Source::Table(table) = self.source else { return Ok(()) };
        let batch = self.sides.iter().map(|side| side.count as u64).sum::<u64>().max(1);
        let mut rest = taken % batch;
        for side in &mut self.sides {
            let count = side.count as u64;
            let own = taken / batch * count + rest.min(count);
            rest = rest.saturating_sub(count);
            let rows = table.part(0, side.part)?.count().max(1);
            side.epoch = own / rows;
            let mut samples = table.part(side.epoch, side.part)?;
            samples.skip(own % rows)?;
            side.samples = Some(samples);
        }
        Ok(())
    }

    /// Replaces `samples` by the next `count`.
    ///
    /// # Errors
    /// When the table's file cannot be read again as it was.
    pub fn next(&mut self, count: usize, samples: &mut Samples) -> Result<()> {
        let source = self.source;
        match source {
            Source::Task { task, seed } => {
                let places = self.at..self.at + count as u64;
                self.at = places.end;
                samples.collect(source, places, |index, x, y| task.sample(*seed, index, x, y));
            }
            Source::Table(table) => {
                samples.resize(source, count);
                let inputs = samples.inputs.chunks_exact_mut(source.inputs());
                let rows = inputs.zip(samples.targets.chunks_exact_mut(source.outputs()));
                let batch = self.sides.iter().map(|side| side.count as u64).sum::<u64>().max(1);
                for (inputs, targets) in rows {
                    let mut place = (self.at % batch) as usize;
                    self.at += 1;
                    for side in &mut self.sides {
                        if place < side.count {
                            side.next(table, inputs, targets)?;
                            break;
                        }
                        place -= side.count;
                    }
                }
            }
            Source::Unseen { .. } => bail!("the samples are not here"),
        }
        Ok(())
    }
}

impl Samples {
    /// At most `most` of these samples, evenly spread.
    pub fn thinned(self, source: &Source, most: usize) -> Self {
        let step = (self.targets.len() / source.outputs().max(1)).div_ceil(most).max(1);
        if step == 1 {
            return self;
        }
        let thin = |numbers: &[f32], width: usize| {
            numbers.chunks_exact(width).step_by(step).flatten().copied().collect()
        };
        Self {
            inputs: thin(&self.inputs, source.inputs()),
            targets: thin(&self.targets, source.outputs()),
        }
    }

    fn resize(&mut self, source: &Source, count: usize) {
        self.inputs.resize(count * source.inputs(), 0.0);
        self.targets.resize(count * source.outputs(), 0.0);
    }

    fn collect(
        &mut self,
        source: &Source,
        places: std::ops::Range<u64>,
        write: impl Fn(u64, &mut [f32], &mut [f32]),
    ) {
        self.resize(source, (places.end - places.start) as usize);
        let inputs = self.inputs.chunks_exact_mut(source.inputs());
        let targets = self.targets.chunks_exact_mut(source.outputs());
        for ((place, inputs), targets) in places.zip(inputs).zip(targets) {
            write(place, inputs, targets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("squares.csv");
        let text: String = (0..50).map(|row| format!("{row},{}\n", row * row)).collect();
        std::fs::write(&path, format!("x,y\n{text}")).unwrap();
        let options = data::Options { targets: vec!["y".to_owned()], ..Default::default() };
        Table::read(&data::Source::open(&path).unwrap(), &options).unwrap()
    }

    fn settings(held_back: usize) -> Settings {
        Settings { held_back, ..Settings::NEW }
    }

    #[test]
    fn rows_that_are_held_back_are_never_learned_from() {
        let source = Source::Table(Arc::new(table()));
        let (mut learned, mut judged) = (Vec::new(), Vec::new());
        let mut samples = Samples::default();
        source.stream(&settings(2)).unwrap().next(2000, &mut samples).unwrap();
        for (place, x) in samples.inputs.iter().enumerate() {
            let side = if place % 10 < 8 { &mut learned } else { &mut judged };
            side.push(x.to_bits());
        }
        for side in [&mut learned, &mut judged] {
            side.sort_unstable();
            side.dedup();
        }
        // Forty rows to train on, a fifth of them held back.
        assert_eq!((learned.len(), judged.len()), (32, 8));
        assert!(judged.iter().all(|x| !learned.contains(x)));
    }

    #[test]
    fn a_stream_goes_on_anywhere() {
        let task = Source::Task { task: Task::PAPER, seed: 3 };
        for source in [task, Source::Table(Arc::new(table()))] {
            for held_back in [0, 2] {
                for taken in [0_usize, 1, 8, 9, 10, 39, 40, 41, 79, 80, 100, 333] {
                    let stream = || source.stream(&settings(held_back)).unwrap();
                    let (mut read, mut skipped) = (stream(), stream());
                    let (mut expected, mut found) = (Samples::default(), Samples::default());
                    read.next(taken, &mut expected).unwrap();
                    read.next(50, &mut expected).unwrap();
                    skipped.skip_to(taken as u64).unwrap();
                    skipped.next(50, &mut found).unwrap();
                    assert_eq!(found, expected, "{taken}, {held_back} held back");
                }
            }
        }
    }
}
