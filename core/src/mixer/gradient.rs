//! The paper's mixer: down the slope, then back to positive weights.

#[cfg(not(target_arch = "arm"))]
use super::columns::columns;
use super::columns::{racing_columns, racing_columns_mut};
use super::{Answers, Mixer};
use crate::Optimizer;
use crate::book::{Book, racing};
use crate::kernel::{Panels, walk};
use crate::lanes::{Lanes, Register, Registers};

/// The slope that [`super::Mixing::Gradient`] follows, where `e_j` is the mixture's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Slope {
    /// `y_ij e_j`, the derivative by `w_ij`.
    True,
    /// `w_ij y_ij e_j`: the reference program's, which overwrites `y_ij` by the product.
    Product,
}

/// How [`super::Mixing::Gradient`] makes weights positive before they are rebalanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Positive {
    /// Negative weights become 0.
    Clip,
    /// The paper's `normalizeNegative`: for each output the weights are stretched linearly to
    /// 0.00099..0.99099, unless they differ by less than 1e-8.
    Stretch,
}

impl Mixer<'_> {
    /// One step of every weight along the batch's mean slope. Memory: the optimizer's first
    /// slot of all weights, then its second.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    pub(super) fn descend(
        &mut self,
        isa: impl Registers,
        books: &[Book],
        answers: Answers<'_>,
        optimizer: Optimizer,
        slope: Slope,
    ) {
        let width = self.outputs.max(1);
        let share = optimizer.carried() / (self.mixture.len() / width).max(1) as f32;
        let slot = self.weights.len();
        let (first, second) = self.memory.split_at_mut_checked(slot).unwrap_or_default();
        for net in racing(books) {
            let start = net.saturating_mul(width);
            let end = start.saturating_add(width);
            let Some(weights) = self.weights.get_mut(start..end) else { return };
            #[cfg(target_arch = "arm")]
            {
                _ = isa;
                self.gradients.fill(0.0);
                let samples = answers.of(net, width).zip(self.mixture.chunks_exact(width));
                samples.for_each(|(outputs, errors)| {
                    super::add_product(self.gradients, outputs, errors);
                });
            }
            #[cfg(not(target_arch = "arm"))]
            {
                let (answers, errors) = (answers.from(net), &*self.mixture);
                walk(width, Slopes { isa, width, answers, errors, gradients: self.gradients });
            }
            for (gradient, w) in self.gradients.iter_mut().zip(weights.iter()) {
                if slope == Slope::Product {
                    *gradient *= w;
                }
                *gradient *= share;
            }
            let first = first.get_mut(start..end).unwrap_or_default();
            let second = second.get_mut(start..end).unwrap_or_default();
            optimizer.at(self.steps).step(weights, self.gradients, first, second);
        }
    }
}

/// Sums a net's answers, each times the mixture's error, over the samples.
#[cfg(not(target_arch = "arm"))]
struct Slopes<'s, I> {
    isa: I,
    width: usize,
    answers: &'s [f32],
    errors: &'s [f32],
    gradients: &'s mut [f32],
}

#[cfg(not(target_arch = "arm"))]
impl<I: Registers> Panels<I> for Slopes<'_, I> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let Self { isa, width, answers, errors, .. } = *self;
        let mut sums = Lanes::<W>::splat(isa, 0.0);
        let answers = columns::<W>(answers, width, first);
        for (outputs, errors) in answers.zip(columns(errors, width, first)) {
            sums = sums + Lanes::<W>::load(isa, outputs) * Lanes::<W>::load(isa, errors);
        }
        let slots = self.gradients.get_mut(first..).and_then(<[_]>::first_chunk_mut);
        if let Some(slots) = slots {
            *slots = Lanes::<W>::store(isa, sums);
        }
    }
}

/// See [`Positive::Clip`]. NaN becomes 0 too.
pub(super) fn clip(weights: &mut [f32]) {
    for w in weights {
        *w = if *w > 0.0 { *w } else { 0.0 };
    }
}

/// See [`Positive::Stretch`].
#[cfg_attr(not(target_arch = "arm"), inline(always))]
pub(super) fn stretch(isa: impl Registers, weights: &mut [f32], outputs: usize, books: &[Book]) {
    walk(outputs, Stretch { isa, weights, width: outputs, books });
}

/// Stretches each column of weights.
struct Stretch<'s, I> {
    isa: I,
    weights: &'s mut [f32],
    width: usize,
    books: &'s [Book],
}

impl<I: Registers> Panels<I> for Stretch<'_, I> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let Self { isa, width, books, .. } = *self;
        let (mut least, mut most) =
            (Lanes::<W>::splat(isa, f32::INFINITY), Lanes::<W>::splat(isa, f32::NEG_INFINITY));
        for row in racing_columns::<W>(self.weights, width, first, books) {
            least = Lanes::<W>::load(isa, row).or_smaller(least);
            most = Lanes::<W>::load(isa, row).or_larger(most);
        }
        let (span, least) = (Lanes::<W>::store(isa, most - least), Lanes::<W>::store(isa, least));
        for row in racing_columns_mut::<W>(self.weights, width, first, books) {
            for ((w, least), span) in row.iter_mut().zip(least).zip(span) {
                let stretched = ((*w - least) / span + 0.001) * 0.99;
                *w = if span >= 1e-8 { stretched } else { *w };
            }
        }
    }
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;
    use crate::Mixing;
    use crate::lanes::Portable;
    use crate::rng::Stream;

    const NETS: usize = 4;
    const SAMPLES: usize = 5;

    /// The weights, by output, of a mixer that learns some batches of `outputs`, whose answers and
    /// targets come from the streams of their places among all outputs. Net 2 is out of the race.
    fn weights(mixing: Mixing, outputs: core::ops::Range<usize>) -> Vec<Vec<u32>> {
        let width = outputs.len();
        let mut memory = vec![0.0; mixing.memory(NETS, width, SAMPLES)];
        let mut mixer = Mixer::new(mixing, NETS, width, SAMPLES, &mut memory).unwrap();
        let mut books = [Book::NEW; NETS];
        books[2].left = true;
        let mut streams: Vec<_> = outputs.map(|output| Stream::new(output as u64, 0)).collect();
        for _ in 0..20 {
            let mut numbers = vec![vec![0.0; SAMPLES * width]; NETS + 1];
            for own in &mut numbers {
                for row in own.chunks_exact_mut(width) {
                    row.iter_mut().zip(&mut streams).for_each(|(y, s)| *y = s.symmetric(1.0));
                }
            }
            let targets = numbers.pop().unwrap();
            let record = numbers.concat();
            let answers = Answers { record: &record, stride: SAMPLES * width, start: 0 };
            mixer.learn(Portable, &[], &books, answers, &targets);
            mixer.rebalance(Portable, &books);
        }
        let column = |output| mixer.weights().iter().skip(output).step_by(width);
        (0..width).map(|output| column(output).map(|w| w.to_bits()).collect()).collect()
    }

    /// Also where a panel ends and the next one begins.
    #[test]
    fn each_output_is_mixed_as_if_it_were_the_only_one() {
        let optimizer = Optimizer::RmsProp { rate: 0.05, decay: 0.9, momentum: 0.0, eps: 1e-5 };
        for (slope, positive) in
            [(Slope::True, Positive::Clip), (Slope::Product, Positive::Stretch)]
        {
            let mixing = Mixing::Gradient { optimizer, slope, positive };
            for width in [1, 2, 7, 16, 31, 43] {
                for (output, own) in weights(mixing, 0..width).into_iter().enumerate() {
                    let alone = weights(mixing, output..output + 1);
                    assert_eq!(own, alone[0], "output {output} of {width}, {positive:?}");
                    assert_eq!(own[2], 0);
                }
            }
        }
    }
}
