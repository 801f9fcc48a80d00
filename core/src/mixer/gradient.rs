//! The paper's mixer: down the slope, then back to positive weights.

use super::{Answers, Mixer, column, column_mut};
use crate::Optimizer;
use crate::book::{Book, racing};

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
    pub(super) fn descend(
        &mut self,
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
            self.gradients.fill(0.0);
            for (outputs, errors) in answers.of(net, width).zip(self.mixture.chunks_exact(width)) {
                super::add_product(self.gradients, outputs, errors);
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

/// See [`Positive::Clip`]. NaN becomes 0 too.
pub(super) fn clip(weights: &mut [f32]) {
    for w in weights {
        *w = if *w > 0.0 { *w } else { 0.0 };
    }
}

/// See [`Positive::Stretch`].
pub(super) fn stretch(weights: &mut [f32], outputs: usize, books: &[Book]) {
    for output in 0..outputs {
        let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
        for w in column(weights, outputs, output, books) {
            least = if w < least { w } else { least };
            most = if w > most { w } else { most };
        }
        let span = most - least;
        if span >= 1e-8 {
            column_mut(weights, outputs, output, books)
                .for_each(|w| *w = ((*w - least) / span + 0.001) * 0.99);
        }
    }
}
