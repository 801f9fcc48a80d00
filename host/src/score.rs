//! How good a net is on samples that it has not learned from.

use std::cmp::Ordering;

use anyhow::Result;
use derby_core::lanes::{Registers, Work};
use derby_core::{Activation, Entry};

use crate::isa::Isa;
use crate::source::{Samples, Source};

/// A net's test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Mean loss, in the net's own loss function.
    pub loss: f64,
    /// Standard error of the mean.
    pub error: f64,
    /// Share of the bits, or of the classes, that are right; `None` for regression.
    pub accuracy: Option<f64>,
    /// For tasks on bits: bits right of all those of a few fresh samples, as the paper counts.
    pub bits: Option<Bits>,
}

impl Score {
    /// Which is better: more right, and where nothing is counted or as many are right the lower
    /// loss. A loss that is not a number is the worst.
    pub fn order(&self, other: &Self) -> Ordering {
        let share = |score: &Self| score.accuracy.unwrap_or(0.0);
        share(other).total_cmp(&share(self)).then(self.loss.total_cmp(&other.loss))
    }
}

/// Bits right of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// Right.
    pub right: u32,
    /// Of these.
    pub of: u32,
}

/// The samples for a source's tests, collected once.
#[derive(Clone, Debug)]
pub struct Examiner {
    held_out: Samples,
    counted: Option<Samples>,
    outputs: usize,
    isa: Isa,
}

/// Samples that go through a net at once.
const BATCH: usize = 500;

impl Examiner {
    /// An examiner for nets that raced on `source`.
    ///
    /// # Errors
    /// When the table's file cannot be read again as it was.
    pub fn new(source: &Source, isa: Isa) -> Result<Self> {
        let (held_out, counted) = (source.held_out()?, source.counted());
        Ok(Self { held_out, counted, outputs: source.outputs(), isa })
    }

    /// The same with at most `most` of the samples.
    pub fn thinned(source: &Source, most: usize, isa: Isa) -> Result<Self> {
        let held_out = source.held_out()?.thinned(source, most);
        Ok(Self { held_out, counted: None, outputs: source.outputs(), isa })
    }

    /// The half squared error of the best constant answer, the targets' mean.
    pub fn constant(&self) -> f64 {
        let Samples { targets, .. } = &self.held_out;
        let outputs = self.outputs.max(1);
        let samples = (targets.len() / outputs).max(1) as f64;
        let column = |at: usize| targets.iter().skip(at).step_by(outputs).map(|y| f64::from(*y));
        let variance = |at| {
            let mean = column(at).sum::<f64>() / samples;
            column(at).map(|y| (y - mean).powi(2)).sum::<f64>() / samples
        };
        0.5 * (0..outputs).map(variance).sum::<f64>()
    }

    /// Tests a net.
    pub fn score(&self, entry: &Entry, parameters: &[f32]) -> Score {
        self.judge(entry, &|inputs| self.answers(entry, parameters, inputs))
    }

    /// Tests the mixture of nets with these parameters, `[net]`, under these weights,
    /// `[net][output]` or `[net]`. Its loss is that of the first net.
    pub fn mixture(&self, entries: &[Entry], parameters: &[Vec<f32>], weights: &[f32]) -> Score {
        let columns = (weights.len() / entries.len().max(1)).max(1);
        let mix = |inputs: &[f32]| {
            let mut mixed = Vec::new();
            for ((entry, own), row) in entries.iter().zip(parameters).zip(weights.chunks(columns)) {
                if row.iter().all(|weight| *weight == 0.0) {
                    continue;
                }
                let answers = self.answers(entry, own, inputs);
                mixed.resize(answers.len(), 0.0);
                let weights = row.iter().cycle();
                let samples = mixed.iter_mut().zip(&answers).zip(weights);
                samples.for_each(|((mixed, answer), weight)| *mixed += weight * answer);
            }
            mixed
        };
        self.judge(&entries[0], &mix)
    }

    /// Tests whoever answers inputs, with the loss of `entry`.
    fn judge(&self, entry: &Entry, answer: &dyn Fn(&[f32]) -> Vec<f32>) -> Score {
        let outputs = entry.shape.outputs;
        let answers = answer(&self.held_out.inputs);
        let pairs =
            || answers.chunks_exact(outputs).zip(self.held_out.targets.chunks_exact(outputs));
        let samples = pairs().len().max(1) as f64;
        let losses = || pairs().map(|(a, y)| f64::from(entry.loss.of(entry.output, a, y)));
        let loss = losses().sum::<f64>() / samples;
        let squares: f64 = losses().map(|own| (own - loss).powi(2)).sum();
        let error = (squares / (samples - 1.0).max(1.0) / samples).sqrt();
        let accuracy = if self.counted.is_some() {
            let bits = count_bits(&answers, &self.held_out.targets);
            Some(f64::from(bits.right) / f64::from(bits.of.max(1)))
        } else if entry.output == Activation::Softmax {
            let right = pairs().filter(|(a, y)| largest(a) == largest(y)).count();
            Some(right as f64 / samples)
        } else {
            None
        };
        let bits = self
            .counted
            .as_ref()
            .map(|counted| count_bits(&answer(&counted.inputs), &counted.targets));
        Score { loss, error, accuracy, bits }
    }

    fn answers(&self, entry: &Entry, parameters: &[f32], inputs: &[f32]) -> Vec<f32> {
        let samples = inputs.len() / entry.shape.inputs;
        let mut outputs = vec![0.0; samples * entry.shape.outputs];
        let mut scratch = vec![0.0; BATCH * entry.scratch()];
        let batches = inputs.chunks(BATCH * entry.shape.inputs);
        for (inputs, outputs) in batches.zip(outputs.chunks_mut(BATCH * entry.shape.outputs)) {
            let scratch = &mut scratch;
            self.isa.run(Predict { entry, parameters, inputs, outputs, scratch });
        }
        outputs
    }
}

struct Predict<'p> {
    entry: &'p Entry,
    parameters: &'p [f32],
    inputs: &'p [f32],
    outputs: &'p mut [f32],
    scratch: &'p mut [f32],
}

impl Work for Predict<'_> {
    #[inline(always)]
    fn run(self, registers: impl Registers) {
        let Self { entry, parameters, inputs, outputs, scratch } = self;
        entry.predict_on(registers, parameters, inputs, outputs, scratch);
    }
}

/// The paper's count: an output below 0.4 reads 0, above 0.6 reads 1, and else is wrong.
fn count_bits(answers: &[f32], targets: &[f32]) -> Bits {
    let right = |(a, y): &(&f32, &f32)| (**a < 0.4 && **y == 0.0) || (**a > 0.6 && **y == 1.0);
    let count = answers.iter().zip(targets).filter(right).count();
    Bits { right: count as u32, of: targets.len() as u32 }
}

/// The place of the largest number.
fn largest(numbers: &[f32]) -> usize {
    let places = numbers.iter().enumerate();
    places.max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_between_the_bounds_is_wrong() {
        let bits = count_bits(&[0.1, 0.39, 0.5, 0.61, 0.9, 0.9], &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
        assert_eq!(bits, Bits { right: 4, of: 6 });
    }
}
