//! The reference program's two mixers without a gradient. Here a net out of the race is in no
//! minimum and no maximum, which is where the reference program errs.

use super::columns::{column, column_mut};
use super::{Answers, Mixer, Mixing, gradient};
use crate::Entry;
use crate::book::{Book, racing};
use crate::lanes::Portable;

impl Mixer<'_> {
    /// Adds the batch's costs and errors. Memory: `[net][output]` the sums of `|w_ij d_ij|`,
    /// where `d_ij` is the slope of net i's loss by the sum of its output j; then the costs.
    pub(super) fn note(
        &mut self,
        entries: &[Entry],
        books: &[Book],
        answers: Answers<'_>,
        targets: &[f32],
    ) {
        let width = self.outputs.max(1);
        let Some((errors, costs)) = self.memory.split_at_mut_checked(self.weights.len()) else {
            return;
        };
        let weights = self.weights.chunks_exact(width);
        let nets = entries.iter().zip(books).zip(weights).zip(errors.chunks_exact_mut(width));
        for (net, (((entry, book), weights), errors)) in nets.enumerate() {
            if !book.races() {
                continue;
            }
            for (outputs, target) in answers.of(net, width).zip(targets.chunks_exact(width)) {
                if let Some(cost) = costs.get_mut(net) {
                    *cost += entry.loss.of(entry.output, outputs, target);
                }
                entry.loss.deltas(entry.output, outputs, target, width, self.gradients);
                for ((error, delta), w) in errors.iter_mut().zip(self.gradients.iter()).zip(weights)
                {
                    let part = w * delta;
                    *error += if part < 0.0 { -part } else { part };
                }
            }
        }
    }

    /// Moves the weights by what was noted, and forgets it.
    pub(super) fn judge(&mut self, books: &[Book]) {
        let Some((errors, costs)) = self.memory.split_at_mut_checked(self.weights.len()) else {
            return;
        };
        match self.mixing {
            Mixing::Win { rate, .. } => {
                win(self.weights, self.outputs, books, errors, costs, rate);
            }
            Mixing::Ratio { rate, .. } => {
                gain_by_error(self.weights, self.outputs, books, errors, rate);
                gain_by_cost(self.weights, self.outputs, books, costs, rate);
            }
            _ => {}
        }
        gradient::stretch(Portable, self.weights, self.outputs, books);
        self.memory.fill(0.0);
    }
}

/// Ratios from here on gain nothing.
const RATIO_LIMIT: f32 = 2.0;
/// Keeps a division by a cost of 0 finite.
const EPSILON: f32 = 1e-8;

/// How often `number` holds the least one; the least itself once, also where it is 0.
fn ratio(number: f32, least: f32, epsilon: f32) -> f32 {
    if number == least { 1.0 } else { number / (least + epsilon) }
}

/// For each output, nets whose share of the error is below twice the least share gain.
pub(super) fn gain_by_error(
    weights: &mut [f32],
    outputs: usize,
    books: &[Book],
    errors: &[f32],
    rate: f32,
) {
    for output in 0..outputs {
        let least = column(errors, outputs, output, books).fold(f32::INFINITY, lesser);
        let errors = column(errors, outputs, output, books);
        for (w, error) in column_mut(weights, outputs, output, books).zip(errors) {
            let ratio = ratio(error, least, 0.0);
            if ratio < RATIO_LIMIT {
                *w += rate * (1.0 / ratio);
            }
        }
    }
}

/// Nets whose cost is below twice the least gain, for every output.
pub(super) fn gain_by_cost(
    weights: &mut [f32],
    outputs: usize,
    books: &[Book],
    costs: &[f32],
    rate: f32,
) {
    let least = racing(books).filter_map(|net| costs.get(net).copied()).fold(f32::INFINITY, lesser);
    let rows = weights.chunks_exact_mut(outputs.max(1)).zip(costs).zip(books);
    for ((row, cost), _) in rows.filter(|(_, book)| book.races()) {
        let ratio = ratio(*cost, least, EPSILON);
        if ratio < RATIO_LIMIT {
            row.iter_mut().for_each(|w| *w += rate * (1.0 / ratio));
        }
    }
}

/// The least cost wins where its error is the least; the largest error loses.
pub(super) fn win(
    weights: &mut [f32],
    outputs: usize,
    books: &[Book],
    errors: &[f32],
    costs: &[f32],
    rate: f32,
) {
    let Some(first) = racing(books).next() else { return };
    let at = |numbers: &[f32], place| numbers.get(place).copied().unwrap_or(0.0);
    let cheapest = racing(books)
        .fold(first, |best, net| if at(costs, net) < at(costs, best) { net } else { best });
    for output in 0..outputs {
        let error = |net: usize| at(errors, net.saturating_mul(outputs).saturating_add(output));
        let (mut least, mut most) = (first, first);
        for net in racing(books) {
            if error(net) < error(least) {
                least = net;
            } else if error(net) > error(most) {
                most = net;
            }
        }
        for (net, w) in racing(books).zip(column_mut(weights, outputs, output, books)) {
            if net == least && net == cheapest {
                *w += rate;
            } else if net == most && net != cheapest {
                *w -= rate;
            }
        }
    }
}

fn lesser(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}
