//! Derby's weights with bounds of their errors.
//!
//! The reference computes in f64, Derby in f32 with unit roundoff [`U`]. [`Weights`] carries for
//! each weight a bound of its error, to first order in `U`: it starts with the rounding of the
//! input, and each operation's method says how it grows. Nothing is tuned.

use std::vec::Vec;

use super::{Case, rounded};
use crate::book::{Book, racing};
use crate::lanes::Portable;
use crate::mixer::{gradient, rebalance};

/// Unit roundoff of f32, 2^-24.
const U: f64 = 1.0 / 16_777_216.0;

/// Derby's weights on their way through a case, with a bound of each one's error.
pub(super) struct Weights {
    pub(super) outputs: usize,
    pub(super) values: Vec<f32>,
    pub(super) errors: Vec<f64>,
}

impl Weights {
    pub(super) fn of(case: &Case) -> Self {
        Self {
            outputs: case.outputs,
            values: rounded(&case.weights),
            errors: case.weights.iter().map(|w| U * w.abs()).collect(),
        }
    }

    /// The places of an output's weights of racing nets.
    fn column(&self, output: usize, books: &[Book]) -> Vec<usize> {
        racing(books).map(|net| net * self.outputs + output).collect()
    }

    fn largest_error(&self, places: &[usize]) -> f64 {
        places.iter().fold(0.0, |most: f64, &place| most.max(self.errors[place]))
    }

    /// `((w - least) / span + 0.001) * 0.99`, with errors up to e in `w`, `least` and `most`.
    /// Numerator and span are each off by at most `2 e + U span`, so the quotient, at most 1, by
    /// `2 (2 e + U span) / span + U`. The other two operations and two constants, on numbers up
    /// to 1.001, add 4 U.
    pub(super) fn stretch(&mut self, books: &[Book]) {
        for output in 0..self.outputs {
            let places = self.column(output, books);
            let error = self.largest_error(&places);
            let values = places.iter().map(|&place| f64::from(self.values[place]));
            let (least, most) =
                values.fold((f64::MAX, f64::MIN), |(least, most), w| (least.min(w), most.max(w)));
            let span = most - least;
            if span >= 1e-8 {
                places.iter().for_each(|&p| self.errors[p] = 4.0 * error / span + 7.0 * U);
            }
        }
        gradient::stretch(Portable, &mut self.values, self.outputs, books);
    }

    /// `p = w / sum` over n nets, with errors up to e in each `w`: the sum is off by at most
    /// `n e + (n - 1) U sum`, so p by `e / sum + p (n e / sum + n U)`.
    pub(super) fn rebalance(&mut self, books: &[Book]) {
        let before = self.values.clone();
        rebalance(Portable, &mut self.values, self.outputs, books);
        for output in 0..self.outputs {
            let places = self.column(output, books);
            let nets = places.len() as f64;
            let sum: f64 = places.iter().map(|&place| f64::from(before[place])).sum();
            assert!(sum > 0.0, "the reference divides by a sum of {sum}");
            let error = self.largest_error(&places) / sum;
            for place in places {
                let share = f64::from(self.values[place]);
                self.errors[place] = error + share * nets * (error + U);
            }
        }
    }

    /// A step that moved weights by gains of at most `most`, each the product of the rate and
    /// the inverse of a ratio of rounded numbers: 6 roundings and 2 of inputs. The addition's
    /// own is relative to the new weight.
    pub(super) fn gained(&mut self, most: f64) {
        for (error, value) in self.errors.iter_mut().zip(&self.values) {
            *error += U * (8.0 * most + f64::from(value.abs()));
        }
    }

    /// Whether racing nets hold what the reference says within the bounds, and others nothing.
    pub(super) fn assert_agree(&self, case: &Case, books: &[Book], reference: &[f64]) {
        for (place, &expected) in reference.iter().enumerate() {
            let (net, output) = (place / self.outputs, place % self.outputs);
            let (value, bound) = (f64::from(self.values[place]), self.errors[place]);
            let name = std::format!("case {}, {}, w[{net}][{output}]", case.place, case.op);
            assert!(bound < 1e-4, "{name}: a bound of {bound} says nothing");
            if books[net].races() {
                let off = (value - expected).abs();
                assert!(off <= bound, "{name} = {value}, not {expected}: {off:e} > {bound:e}");
            } else {
                assert_eq!(value, 0.0, "{name} of a net out of the race");
            }
        }
    }
}
