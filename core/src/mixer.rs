//! The weighted mixer: for each net i and output j a weight `w_ij`, the trust in that net for
//! that output, and the mixed output `sum_i w_ij y_ij`.
//!
//! After every update the racing nets' weights for an output are at least 0 and sum to 1 within
//! `nets * 2^-23`; a net out of the race holds exactly 0. The mixer has no hidden layer and the
//! identity for activation, so that it cannot learn the task in the nets' place.
//!
//! Weights lie row by row: `[net][output]`, or `[net]` where a rule has one weight for all of a
//! net's outputs ([`Mixing::columns`]). An update has two halves: [`Mixer::learn`] moves
//! the weights and [`Mixer::rebalance`] makes each output's sum 1; between the two a referee may
//! look at them, as the paper's does.

mod columns;
#[cfg(all(test, feature = "full"))]
mod golden;
mod gradient;
#[cfg(feature = "full")]
mod heuristic;
#[cfg(feature = "full")]
mod pooled;

pub use gradient::{Positive, Slope};

use crate::book::{Book, count_racing, racing};
use crate::kernel::{Panels, walk};
#[cfg(feature = "full")]
use crate::lanes::Portable;
use crate::lanes::{Lanes, Registers};
use crate::{Entry, FULL, Optimizer};
#[cfg(not(target_arch = "arm"))]
use columns::{columns, columns_mut};
use columns::{racing_columns, racing_columns_mut};

/// How the mixing weights move.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mixing {
    /// The paper's: a step down the slope of the mixture's half squared error, then back to
    /// where weights are positive and sum to 1.
    Gradient {
        /// The step.
        optimizer: Optimizer,
        /// Which slope.
        slope: Slope,
        /// How negative weights become positive.
        positive: Positive,
    },
    /// The reference program's first heuristic, `fixMixingWeights`: every `interval` samples
    /// the nets, and for each output the nets, whose cost and whose error are below twice the
    /// least gain `rate / (ratio to the least)`.
    Ratio {
        /// What the best gains.
        rate: f32,
        /// Samples between updates.
        interval: u32,
    },
    /// The reference program's second heuristic, `fixMixingWin`: every `interval` samples the
    /// net of least cost gains `rate` on the outputs where its error is the least too; for each
    /// output the net of largest error loses `rate`.
    Win {
        /// Gain and loss.
        rate: f32,
        /// Samples between updates.
        interval: u32,
    },
    /// One weight for each net: the softmax of logits that Adam (betas 0.5 and 0.999) moves
    /// down the slope of the mixture's half squared error. With each step they lose `0.1 * rate`
    /// of themselves, towards equal weights.
    Pooled {
        /// Adam's learning rate, at most 10.
        rate: f32,
    },
    /// One weight for each net, proportional to `e^(-rate * its losses so far)` (Hedge, Freund
    /// and Schapire 1997). A batch's mean loss counts up to 1 for each output.
    Hedge {
        /// The larger, the sooner the best takes all.
        rate: f32,
    },
}

impl Mixing {
    /// The gradient mixer of textbook parts: true slope, RMSprop, clipping.
    pub const GRADIENT: Self = Self::Gradient {
        optimizer: Optimizer::RmsProp { rate: 1e-3, decay: 0.9, momentum: 0.0, eps: 1e-5 },
        slope: Slope::True,
        positive: Positive::Clip,
    };
    /// The first heuristic as the reference program sets it.
    pub const RATIO: Self = Self::Ratio { rate: 0.01, interval: 1000 };
    /// The second heuristic as the reference program sets it.
    pub const WIN: Self = Self::Win { rate: 0.01, interval: 1000 };
    /// The pooled mixer.
    pub const POOLED: Self = Self::Pooled { rate: 3e-3 };
    /// The pooled mixer without a gradient.
    pub const HEDGE: Self = Self::Hedge { rate: 0.01 };

    /// Whether this build has it; see the feature `full`.
    pub const fn is_built(self) -> bool {
        match self {
            Self::Gradient { optimizer, .. } => optimizer.is_built(),
            _ => FULL,
        }
    }

    /// Weights of each net: one for each output, or one for all of them.
    pub const fn columns(self, outputs: usize) -> usize {
        match self {
            Self::Pooled { .. } | Self::Hedge { .. } if FULL => 1,
            _ => outputs,
        }
    }

    /// Numbers of memory for `nets` nets with `outputs` outputs that learns from `samples`
    /// samples at a time: the weights, what the rule remembers, the mixture of the samples and
    /// a row of gradients.
    pub const fn memory(self, nets: usize, outputs: usize, samples: usize) -> usize {
        let weights = nets.saturating_mul(self.columns(outputs));
        let remembered = match self {
            Self::Gradient { optimizer, .. } => weights.saturating_mul(optimizer.slots()),
            Self::Ratio { .. } | Self::Win { .. } => weights.saturating_add(nets),
            Self::Pooled { .. } => nets.saturating_mul(4),
            Self::Hedge { .. } => nets,
        };
        let mixture = samples.saturating_mul(outputs).saturating_add(self.gradients(outputs));
        weights.saturating_add(remembered).saturating_add(mixture)
    }

    /// Numbers of the row of gradients; a rule with one weight for a net has none.
    const fn gradients(self, outputs: usize) -> usize {
        match self {
            Self::Pooled { .. } | Self::Hedge { .. } => 0,
            _ => outputs,
        }
    }
}

/// What the nets answered to one batch: for each net, at every `stride` numbers from `start`,
/// `[sample][output]`.
#[derive(Clone, Copy, Debug)]
pub struct Answers<'r> {
    /// The numbers of all nets.
    pub record: &'r [f32],
    /// From one net's to the next net's.
    pub stride: usize,
    /// Where this batch starts within a net's.
    pub start: usize,
}

impl<'r> Answers<'r> {
    /// Net `net`'s outputs, sample by sample.
    #[cfg(any(target_arch = "arm", feature = "full"))]
    fn of(self, net: usize, outputs: usize) -> impl Iterator<Item = &'r [f32]> {
        self.from(net).chunks_exact(outputs.max(1))
    }

    /// Net `net`'s outputs and all that follows.
    fn from(self, net: usize) -> &'r [f32] {
        let start = net.saturating_mul(self.stride).saturating_add(self.start);
        self.record.get(start..).unwrap_or_default()
    }
}

/// The mixing weights on lent memory.
#[derive(Debug)]
pub struct Mixer<'a> {
    mixing: Mixing,
    outputs: usize,
    /// `[net][column]`, see [`Mixing::columns`]
    weights: &'a mut [f32],
    /// What the rule remembers; each rule says in which order.
    memory: &'a mut [f32],
    /// `[sample][output]`: the mixture of the samples, then its errors.
    mixture: &'a mut [f32],
    /// `[output]`: the gradients of one net's weights.
    gradients: &'a mut [f32],
    /// Updates so far.
    steps: u32,
    /// Samples since a heuristic's last update.
    #[cfg_attr(not(feature = "full"), allow(dead_code))]
    since: u32,
}

#[cfg(feature = "snapshot")]
crate::snapshot::state!(
    Mixer<'_>: weights, memory, steps, since;
    not mixing, outputs, mixture, gradients
);

impl<'a> Mixer<'a> {
    /// A mixer of `nets` nets, all of equal weight, that learns from `samples` samples at a
    /// time, on [`Mixing::memory`] numbers; `None` when they are fewer.
    pub fn new(
        mixing: Mixing,
        nets: usize,
        outputs: usize,
        samples: usize,
        memory: &'a mut [f32],
    ) -> Option<Self> {
        let memory = memory.get_mut(..mixing.memory(nets, outputs, samples))?;
        memory.fill(0.0);
        let columns = mixing.columns(outputs);
        let (weights, memory) = memory.split_at_mut_checked(nets.checked_mul(columns)?)?;
        let (mixture, memory) = memory.split_at_mut_checked(samples.checked_mul(outputs)?)?;
        let (gradients, memory) = memory.split_at_mut_checked(mixing.gradients(outputs))?;
        weights.fill(1.0 / nets as f32);
        Some(Self { mixing, outputs, weights, memory, mixture, gradients, steps: 0, since: 0 })
    }

    /// Forgets all that was learned: the racing nets' weights are equal again.
    #[cfg(feature = "full")]
    pub(crate) fn restart(&mut self, books: &[Book]) {
        self.weights.fill(1.0);
        self.memory.fill(0.0);
        (self.steps, self.since) = (0, 0);
        self.rebalance(Portable, books);
    }

    /// All weights, `[net][output]`, or `[net]` where a net has one.
    pub fn weights(&self) -> &[f32] {
        self.weights
    }

    /// One net's weights by output, or its one weight; empty when there is no such net.
    pub fn row(&self, net: usize) -> &[f32] {
        row(self.weights, self.columns(), net)
    }

    /// The trust in a net: the mean of its weights over the outputs.
    #[cfg_attr(not(feature = "full"), inline(never))]
    pub fn trust(&self, net: usize) -> f32 {
        let mut sum = 0.0;
        self.row(net).iter().for_each(|w| sum += w);
        sum / self.columns() as f32
    }

    /// Adds net `net`'s part `w_ij y_ij` to the mixed output of a sample.
    pub fn add(&self, net: usize, outputs: &[f32], mixed: &mut [f32]) {
        add_weighted(mixed, self.row(net), outputs);
    }

    /// Moves the weights by samples with these targets, `[sample][output]`; between two
    /// updates of a heuristic it only takes note. Returns the mixture's half squared error, the
    /// samples' mean, from before the move.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    pub fn learn(
        &mut self,
        isa: impl Registers,
        entries: &[Entry],
        books: &[Book],
        answers: Answers<'_>,
        targets: &[f32],
    ) -> f32 {
        self.steps = self.steps.saturating_add(1);
        let loss = self.mix(isa, books, answers, targets);
        match self.mixing {
            Mixing::Gradient { optimizer, slope, positive } => {
                self.descend(isa, books, answers, optimizer, slope);
                match positive {
                    Positive::Clip => gradient::clip(self.weights),
                    Positive::Stretch => gradient::stretch(isa, self.weights, self.outputs, books),
                }
            }
            #[cfg(feature = "full")]
            Mixing::Ratio { interval, .. } | Mixing::Win { interval, .. } => {
                self.note(entries, books, answers, targets);
                self.since = self.since.saturating_add(self.samples(targets) as u32);
                if self.since >= interval {
                    self.since = 0;
                    self.judge(books);
                }
            }
            #[cfg(feature = "full")]
            Mixing::Pooled { rate } => self.pool(books, answers, rate),
            #[cfg(feature = "full")]
            Mixing::Hedge { rate } => self.hedge(entries, books, answers, targets, rate),
            // A race with another mixer is refused where it is not built.
            #[cfg(not(feature = "full"))]
            _ => _ = entries,
        }
        loss
    }

    /// Makes the racing nets' weights for each output sum to 1, and those of the others 0. Where
    /// no racing net holds any weight for an output, all get the same.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    pub fn rebalance(&mut self, isa: impl Registers, books: &[Book]) {
        rebalance(isa, self.weights, self.columns(), books);
    }

    /// Leaves the samples' errors, mixture less target, in `self.mixture`; returns the loss.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    fn mix(
        &mut self,
        isa: impl Registers,
        books: &[Book],
        answers: Answers<'_>,
        targets: &[f32],
    ) -> f32 {
        let width = self.outputs.max(1);
        self.mixture.fill(0.0);
        for net in racing(books) {
            let row = row(self.weights, self.columns(), net);
            #[cfg(target_arch = "arm")]
            {
                _ = isa;
                let samples = self.mixture.chunks_exact_mut(width).zip(answers.of(net, width));
                samples.for_each(|(mixed, outputs)| add_weighted(mixed, row, outputs));
            }
            #[cfg(not(target_arch = "arm"))]
            {
                let answers = answers.from(net);
                walk(width, Mix { isa, width, row, answers, mixture: self.mixture });
            }
        }
        let mut sum = 0.0;
        for (mixed, target) in self.mixture.iter_mut().zip(targets) {
            *mixed -= target;
            sum += *mixed * *mixed;
        }
        0.5 * sum / self.samples(targets).max(1) as f32
    }

    /// Weights of a net, at least 1.
    fn columns(&self) -> usize {
        self.mixing.columns(self.outputs).max(1)
    }

    fn samples(&self, targets: &[f32]) -> usize {
        targets.len() / self.outputs.max(1)
    }
}

/// One net's weights.
fn row(weights: &[f32], columns: usize, net: usize) -> &[f32] {
    let start = net.saturating_mul(columns);
    weights.get(start..).and_then(|rest| rest.get(..columns)).unwrap_or_default()
}

/// Adds the outputs, each times its weight, or all times the only one.
fn add_weighted(sums: &mut [f32], row: &[f32], outputs: &[f32]) {
    if FULL && let [weight] = row {
        sums.iter_mut().zip(outputs).for_each(|(sum, output)| *sum += weight * output);
    } else {
        add_product(sums, row, outputs);
    }
}

fn add_product(sums: &mut [f32], factors: &[f32], others: &[f32]) {
    for ((sum, factor), other) in sums.iter_mut().zip(factors).zip(others) {
        *sum += factor * other;
    }
}

/// Adds a net's answers, each times its weight, to the mixture.
#[cfg(not(target_arch = "arm"))]
struct Mix<'m, I> {
    isa: I,
    width: usize,
    row: &'m [f32],
    answers: &'m [f32],
    mixture: &'m mut [f32],
}

#[cfg(not(target_arch = "arm"))]
impl<I: Registers> Panels<I> for Mix<'_, I> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let Self { isa, width, row, answers, .. } = *self;
        let weights = if FULL && let [weight] = row {
            Lanes::<W>::splat(isa, *weight)
        } else if let Some(weights) = row.get(first..).and_then(<[_]>::first_chunk) {
            Lanes::<W>::load(isa, weights)
        } else {
            return;
        };
        let mixture = columns_mut::<W>(self.mixture, width, first);
        for (mixed, outputs) in mixture.zip(columns::<W>(answers, width, first)) {
            *mixed = isa.store(Lanes::<W>::load(isa, mixed) + weights * isa.load(outputs));
        }
    }
}

/// See [`Mixer::rebalance`]; the reference program's `rebalancePositive`.
#[cfg_attr(not(target_arch = "arm"), inline(always))]
fn rebalance(isa: impl Registers, weights: &mut [f32], columns: usize, books: &[Book]) {
    for (row, book) in weights.chunks_exact_mut(columns.max(1)).zip(books) {
        if !book.races() {
            row.fill(0.0);
        }
    }
    let equal = 1.0 / count_racing(books) as f32;
    walk(columns, Rebalance { isa, weights, width: columns, books, equal });
}

/// Divides each column of weights by its sum.
struct Rebalance<'r, I> {
    isa: I,
    weights: &'r mut [f32],
    width: usize,
    books: &'r [Book],
    equal: f32,
}

impl<I: Registers> Panels<I> for Rebalance<'_, I> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let Self { isa, width, books, equal, .. } = *self;
        let mut sums = Lanes::<W>::splat(isa, 0.0);
        for row in racing_columns::<W>(self.weights, width, first, books) {
            sums = sums + isa.load(row);
        }
        let sums = Lanes::<W>::store(isa, sums);
        let is_held = sums.map(|sum| sum > 0.0 && sum.is_finite());
        for row in racing_columns_mut::<W>(self.weights, width, first, books) {
            for ((w, sum), is_held) in row.iter_mut().zip(sums).zip(is_held) {
                *w = if is_held { *w / sum } else { equal };
            }
        }
    }
}
