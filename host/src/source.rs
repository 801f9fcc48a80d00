//! Where samples come from: a stream to train on and samples held out to test with.

use std::sync::Arc;

use anyhow::{Result, bail};
use derby_core::{Activation, Loss, Task};

use crate::data::{self, Table};

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

    /// The samples to train on, from the first.
    pub fn stream(&self) -> Stream<'_> {
        Stream { source: self, at: 0, epoch: None }
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
    /// Of a task the next sample, of a table the next epoch.
    at: u64,
    epoch: Option<data::Samples>,
}

impl Stream<'_> {
    /// Goes to the sample that comes after the first `taken`.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn skip_to(&mut self, taken: u64) -> Result<()> {
        if let Source::Table(table) = self.source {
            let rows = table.training(0)?.count().max(1);
            self.at = taken / rows;
            let mut epoch = table.training(self.at)?;
            epoch.skip(taken % rows)?;
            self.epoch = Some(epoch);
        } else {
            self.at = taken;
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
                let (mut inputs, mut targets) = (&mut *samples.inputs, &mut *samples.targets);
                while !targets.is_empty() {
                    let epoch = match &mut self.epoch {
                        Some(epoch) => epoch,
                        None => self.epoch.insert(table.training(self.at)?),
                    };
                    let taken = epoch.fill(inputs, targets)?;
                    inputs = &mut inputs[taken * source.inputs()..];
                    targets = &mut targets[taken * source.outputs()..];
                    if !targets.is_empty() {
                        self.epoch = None;
                        self.at += 1;
                    }
                }
            }
            Source::Unseen { .. } => bail!("the samples are not here"),
        }
        Ok(())
    }
}

impl Samples {
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

    /// Going to a sample finds what reading up to it finds, within an epoch and at its ends.
    fn skips(source: &Source) {
        for taken in [0_usize, 1, 39, 40, 41, 79, 80, 100] {
            let (mut read, mut skipped) = (source.stream(), source.stream());
            let (mut expected, mut found) = (Samples::default(), Samples::default());
            read.next(taken, &mut expected).unwrap();
            read.next(50, &mut expected).unwrap();
            skipped.skip_to(taken as u64).unwrap();
            skipped.next(50, &mut found).unwrap();
            assert_eq!(found, expected, "{taken}");
        }
    }

    #[test]
    fn a_stream_goes_on_anywhere() {
        let text: String = (0..50).map(|row| format!("{row},{}\n", row * row)).collect();
        let text = format!("x,y\n{text}");
        skips(&Source::Task { task: Task::PAPER, seed: 3 });
        for memory in [1 << 20, 0] {
            let options =
                data::Options { targets: vec!["y".to_owned()], memory, ..Default::default() };
            let bytes = data::Source::spool("squares", text.as_bytes()).unwrap();
            let table = Table::read(&bytes, &options).unwrap();
            assert_eq!(table.training(0).unwrap().count(), 40);
            skips(&Source::Table(Arc::new(table)));
        }
    }
}
