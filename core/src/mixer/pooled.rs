//! Mixers with one weight for each net, the same for all its outputs.

use super::{Answers, Mixer};
use crate::book::{Book, racing};
use crate::{Entry, Optimizer, math};

/// The share of a step by which a logit falls towards 0, where all nets weigh the same.
const DECAY: f32 = 0.1;

impl Mixer<'_> {
    /// One step of Adam on the logits, which also fall to 0 by themselves. Memory: logits,
    /// gradients, Adam's two moments.
    pub(super) fn pool(&mut self, books: &[Book], answers: Answers<'_>, rate: f32) {
        let width = self.outputs.max(1);
        let nets = self.weights.len();
        let share = 1.0 / (self.mixture.len() / width).max(1) as f32;
        let mut slots = self.memory.chunks_exact_mut(nets.max(1));
        let [Some(logits), Some(gradients), Some(first), Some(second)] =
            core::array::from_fn(|_| slots.next())
        else {
            return;
        };
        // By a net's weight p_i the slope is g_i = sum over samples and outputs of y_ij e_j; by
        // its logit it is p_i (g_i - sum_k p_k g_k).
        let mut mean = 0.0;
        for net in racing(books) {
            let mut sum = 0.0;
            for (outputs, errors) in answers.of(net, width).zip(self.mixture.chunks_exact(width)) {
                for (y, e) in outputs.iter().zip(errors) {
                    sum += y * e;
                }
            }
            let gradient = sum * share;
            mean += self.weights.get(net).unwrap_or(&0.0) * gradient;
            if let Some(slot) = gradients.get_mut(net) {
                *slot = gradient;
            }
        }
        for ((gradient, weight), book) in gradients.iter_mut().zip(self.weights.iter()).zip(books) {
            *gradient = if book.races() { weight * (*gradient - mean) } else { 0.0 };
        }
        // Decoupled from the gradients (Loshchilov and Hutter 2019), so that trust which was won
        // long ago, on a plateau or on few rows, does not last.
        logits.iter_mut().for_each(|logit| *logit *= 1.0 - DECAY * rate);
        let adam = Optimizer::Adam { rate, beta1: 0.5, beta2: 0.999, eps: 1e-8 };
        adam.at(self.steps).step(logits, gradients, first, second);
        self.spread(books);
    }

    /// Adds the batch's losses. Memory: the logits, `-rate *` the sum of losses, the best 0.
    pub(super) fn hedge(
        &mut self,
        entries: &[Entry],
        books: &[Book],
        answers: Answers<'_>,
        targets: &[f32],
        rate: f32,
    ) {
        let width = self.outputs.max(1);
        let samples = self.samples(targets).max(1) as f32;
        let mut best = f32::NEG_INFINITY;
        for net in racing(books) {
            let (Some(entry), Some(logit)) = (entries.get(net), self.memory.get_mut(net)) else {
                return;
            };
            let mut sum = 0.0;
            for (outputs, target) in answers.of(net, width).zip(targets.chunks_exact(width)) {
                sum += entry.loss.of(entry.output, outputs, target);
            }
            let (loss, bound) = (sum / samples, width as f32);
            *logit -= rate * if loss < bound { loss } else { bound };
            best = if *logit > best { *logit } else { best };
        }
        self.memory.iter_mut().for_each(|logit| *logit -= best);
        self.spread(books);
    }

    /// Gives each racing net `e^logit` as weight, the greatest 1; rebalancing makes it their
    /// softmax.
    fn spread(&mut self, books: &[Book]) {
        let logits = self.memory.iter().zip(books).filter(|(_, book)| book.races());
        let top = logits.fold(f32::NEG_INFINITY, |top, (&l, _)| if l > top { l } else { top });
        for ((weight, logit), book) in self.weights.iter_mut().zip(self.memory.iter()).zip(books) {
            *weight = if book.races() { math::exp(logit - top) } else { 0.0 };
        }
    }
}
