//! One side of the split as samples, from memory or from the file.
//!
//! In memory a sample is one stretch of f32s, inputs first:
//!
//! ```text
//! | inputs of row 0 | targets of row 0 | inputs of row 1 | targets of row 1 | ..
//! ```

use std::sync::Arc;

use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::error::Error;
use super::rows::{Rows, Walk};
use super::split::below;

/// The numbers of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// Scaled and one-hot inputs.
    pub inputs: &'a [f32],
    /// Scaled targets, or 1 for the class of the row and 0 for the others.
    pub targets: &'a [f32],
}

/// Which of the training rows: of every `of` rows in the order of the file the last `judged` are
/// judged by and never learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    All,
    /// Those to learn from.
    Learned {
        /// Rows to judge by.
        judged: u64,
        /// Of so many.
        of: u64,
    },
    /// Those to judge by.
    Judged {
        /// Rows to judge by.
        judged: u64,
        /// Of so many.
        of: u64,
    },
}

impl Part {
    /// Whether row `row` is of this part.
    fn has(self, row: u64) -> bool {
        let is_judged = |judged: u64, of: u64| row % of.max(1) >= of.saturating_sub(judged);
        match self {
            Self::All => true,
            Self::Learned { judged, of } => !is_judged(judged, of),
            Self::Judged { judged, of } => is_judged(judged, of),
        }
    }

    /// How many of `rows` rows are of this part.
    fn count(self, rows: u64) -> u64 {
        match self {
            Self::All => rows,
            Self::Learned { judged, of } => rows - Self::Judged { judged, of }.count(rows),
            Self::Judged { judged, of } => {
                let of = of.max(1);
                let rest = (rows % of).saturating_sub(of.saturating_sub(judged));
                rows / of * judged.min(of) + rest
            }
        }
    }
}

/// One side of the split.
#[derive(Debug, Clone)]
pub(super) struct Store {
    /// The numbers of all samples, if they fit.
    pub(super) values: Option<Arc<Vec<f32>>>,
    pub(super) rows: u64,
    pub(super) held_out: bool,
}

/// Samples one after another. After an error there are none left.
#[derive(Debug)]
pub struct Samples {
    from: From,
    /// Inputs and targets of a sample.
    inputs: usize,
    targets: usize,
    rows: u64,
}

#[derive(Debug)]
enum From {
    Memory {
        values: Arc<Vec<f32>>,
        /// Positions of the samples in the order they come; in the order of the file if `None`.
        order: Option<Vec<u32>>,
        next: usize,
    },
    File {
        /// `None` after the last row, or an error.
        rows: Option<Box<Rows>>,
        held_out: bool,
        part: Part,
        /// Rows of this side that were passed.
        passed: u64,
        sample: Vec<f32>,
    },
}

impl Samples {
    /// `order` is the seed of the order in memory; without one samples come in the order of the file.
    pub(super) fn new(
        store: &Store,
        walk: &Walk,
        widths: (usize, usize),
        order: Option<u64>,
        part: Part,
    ) -> Result<Self, Error> {
        let from = match &store.values {
            Some(values) => From::Memory {
                values: Arc::clone(values),
                order: order.map(|seed| {
                    let mut order = shuffled(store.rows, seed);
                    order.retain(|&row| part.has(u64::from(row)));
                    order
                }),
                next: 0,
            },
            None => From::File {
                rows: Some(Box::new(walk.rows().map_err(|e| walk.error(e))?)),
                held_out: store.held_out,
                part,
                passed: 0,
                sample: Vec::new(),
            },
        };
        let rows = part.count(store.rows);
        Ok(Self { from, inputs: widths.0, targets: widths.1, rows })
    }

    /// Samples from first to last.
    pub fn count(&self) -> u64 {
        self.rows
    }

    /// The next sample; `None` at the end.
    ///
    /// # Errors
    /// Only if the samples come from the file and it cannot be read again as it was.
    pub fn read(&mut self) -> Result<Option<Sample<'_>>, Error> {
        let width = self.inputs.saturating_add(self.targets);
        let sample = match &mut self.from {
            From::Memory { values, order, next } => {
                let index = match order {
                    Some(order) => order.get(*next).map(|&index| index as usize),
                    None => Some(*next),
                };
                *next = next.saturating_add(1);
                let start = index.map(|index| index.saturating_mul(width));
                start.and_then(|start| values.get(start..start.saturating_add(width)))
            }
            From::File { rows, held_out, part, passed, sample } => {
                sample.clear();
                while !part.has(*passed) && advance(rows, *held_out, None)? {
                    *passed = passed.saturating_add(1);
                }
                *passed = passed.saturating_add(1);
                advance(rows, *held_out, Some(sample))?.then_some(sample.as_slice())
            }
        };
        Ok(sample
            .and_then(|sample| sample.split_at_checked(self.inputs))
            .map(|(inputs, targets)| Sample { inputs, targets }))
    }

    /// Copies the next samples into `inputs` and `targets`, sample after sample, as many as fit
    /// into both; returns how many, fewer only at the end.
    ///
    /// # Errors
    /// As [`Samples::read`].
    pub fn fill(&mut self, inputs: &mut [f32], targets: &mut [f32]) -> Result<usize, Error> {
        let inputs = inputs.chunks_exact_mut(self.inputs.max(1));
        let targets = targets.chunks_exact_mut(self.targets.max(1));
        let mut count = 0_usize;
        for (inputs, targets) in inputs.zip(targets) {
            let Some(sample) = self.read()? else { break };
            inputs.copy_from_slice(sample.inputs);
            targets.copy_from_slice(sample.targets);
            count = count.saturating_add(1);
        }
        Ok(count)
    }

    /// Leaves `count` samples out, as after a resumed race; at once in memory, by reading in a file.
    ///
    /// # Errors
    /// As [`Samples::read`].
    pub fn skip(&mut self, count: u64) -> Result<(), Error> {
        match &mut self.from {
            From::Memory { next, .. } => {
                *next = next.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
            }
            From::File { rows, held_out, part, passed, .. } => {
                let mut left = count;
                while left > 0 && advance(rows, *held_out, None)? {
                    left = left.saturating_sub(u64::from(part.has(*passed)));
                    *passed = passed.saturating_add(1);
                }
            }
        }
        Ok(())
    }
}

/// Goes to the next row of one side and encodes it; false at the end, and after an error.
fn advance(
    rows: &mut Option<Box<Rows>>,
    side: bool,
    mut sample: Option<&mut Vec<f32>>,
) -> Result<bool, Error> {
    let Some(mut walking) = rows.take() else {
        return Ok(false);
    };
    while let Some((held_out, _)) = walking.advance().map_err(|e| walking.error(e))? {
        if held_out == side {
            if let Some(sample) = &mut sample {
                walking.encode(sample).map_err(|e| walking.error(e))?;
            }
            *rows = Some(walking);
            return Ok(true);
        }
    }
    Ok(false)
}

/// The positions `0..rows` in an order that `seed` decides (Fisher and Yates).
fn shuffled(rows: u64, seed: u64) -> Vec<u32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut order: Vec<u32> = (0..u32::try_from(rows).unwrap_or(u32::MAX)).collect();
    for last in (1..order.len()).rev() {
        let other = below(&mut rng, (last as u64).saturating_add(1));
        order.swap(last, usize::try_from(other).unwrap_or(last));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_share_the_rows_among_them() {
        for (judged, of) in [(2, 10), (1, 3), (0, 4), (9, 10)] {
            let (learn, judge) = (Part::Learned { judged, of }, Part::Judged { judged, of });
            for rows in 0..50 {
                let count = |part: Part| (0..rows).filter(|&row| part.has(row)).count() as u64;
                assert_eq!(count(learn), learn.count(rows));
                assert_eq!(count(judge), judge.count(rows));
                assert_eq!(count(learn) + count(judge), Part::All.count(rows));
            }
        }
    }

    #[test]
    fn an_order_is_a_permutation_that_the_seed_decides() {
        let order = shuffled(100, 3);
        assert_eq!(order, shuffled(100, 3));
        assert_ne!(order, shuffled(100, 4));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..100));
        assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(shuffled(0, 1).is_empty());
    }
}
