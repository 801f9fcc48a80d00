//! What happens in a race, as it is told to whoever watches.
//!
//! Positions of variants and fields are part of the wire format: append only, and raise
//! [`FORMAT`] when a change could be misread.

use crate::{Reason, Shape};

/// The version of the events' shape, sent in front of each on the wire.
pub const FORMAT: u8 = 1;

/// Something that happened. `F` holds numbers: `&[f32]` where the race lends them, `Vec<f32>`
/// where they were received. Nets are named by their place among the entries.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<F> {
    /// The race is set up; an [`Event::Entered`] for each net follows.
    Started {
        /// Number of nets.
        nets: usize,
        /// Samples in a batch.
        batch: usize,
        /// Samples of a batch that are scored and not learned from.
        held_back: usize,
    },
    /// A net takes its place.
    Entered {
        /// Its place.
        net: usize,
        /// Its shape.
        shape: Shape,
        /// The seed of its first weights.
        seed: u64,
    },
    /// A stretch has been run.
    Stretch {
        /// Samples since the start.
        samples: u64,
        /// The mixture's mean half squared error over the stretch.
        loss: f32,
        /// `[net]`: each net's mean loss over the stretch, NaN once it has left.
        losses: F,
        /// `[net][output]`: the mixing weights; `[net]` where each net has one for all outputs.
        weights: F,
    },
    /// A net left the race.
    Left {
        /// Its place.
        net: usize,
        /// Samples since the start.
        samples: u64,
        /// Why.
        reason: Reason,
        /// `[output]`: the weights that it held, or its one weight.
        weights: F,
    },
    /// Part of a net's parameters at the end of the race; all nets' parameters come, in order.
    Trained {
        /// Its place.
        net: usize,
        /// How many of its parameters came before.
        from: usize,
        /// The next of its parameters, laid out as in [`crate::Entry::place`].
        parameters: F,
    },
    /// The race is over.
    Finished {
        /// Samples since the start.
        samples: u64,
        /// The racing net to hand over; see [`crate::Race::leader`].
        leader: usize,
        /// FNV-1a of all nets' parameters; see [`crate::Race::hash`].
        hash: u32,
        /// `[net]`: the mean trust in each over the last stretch that it ran.
        standings: F,
        /// `[net][output]`: the mixing weights; `[net]` where each net has one for all outputs.
        weights: F,
    },
    /// A net that had left is in the race again, with the parameters that it had then.
    Returned {
        /// Its place.
        net: usize,
        /// Samples since the start.
        samples: u64,
        /// Samples after which it was found that the stream has changed.
        found: u64,
    },
}

impl<F> Event<F> {
    /// The same event with its numbers held otherwise.
    pub fn map<G>(self, mut f: impl FnMut(F) -> G) -> Event<G> {
        match self {
            Self::Started { nets, batch, held_back } => Event::Started { nets, batch, held_back },
            Self::Entered { net, shape, seed } => Event::Entered { net, shape, seed },
            Self::Stretch { samples, loss, losses, weights } => {
                Event::Stretch { samples, loss, losses: f(losses), weights: f(weights) }
            }
            Self::Left { net, samples, reason, weights } => {
                Event::Left { net, samples, reason, weights: f(weights) }
            }
            Self::Trained { net, from, parameters } => {
                Event::Trained { net, from, parameters: f(parameters) }
            }
            Self::Finished { samples, leader, hash, standings, weights } => Event::Finished {
                samples,
                leader,
                hash,
                standings: f(standings),
                weights: f(weights),
            },
            Self::Returned { net, samples, found } => Event::Returned { net, samples, found },
        }
    }
}
