//! Who leaves the race, and when. The referee reads weights and losses and nothing else; which
//! mixer moves the weights is another choice.

#[cfg(feature = "full")]
mod anytime;
#[cfg(feature = "full")]
mod faded;
#[cfg(feature = "full")]
mod halving;
mod paper;

#[cfg(feature = "full")]
use crate::Entry;
use crate::book::{Book, count_racing};
use crate::{FULL, Mixer};

/// The rule by which nets leave.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refereeing {
    /// Nobody leaves.
    None,
    /// The paper's. After each batch the net whose weights sum to the least scores. At each
    /// check a net with more than half of the scores leaves; at every 7th check the net with
    /// the most leaves anyway. Ends with 2 nets when 8 or more start, else with 1.
    Paper,
    /// The reference program's `zeroSmall`, which goes with its heuristic mixers: at each check
    /// those leave whose weights, less the largest, sum to at most 1/20 of the best such sum.
    /// With one output there is no largest to leave out. Ends as the paper's does.
    Faded,
    /// Successive halving (Jamieson and Talwalkar 2016): at checks 1, 2, 4, 8 and so on, of the
    /// nets that race, those leave whose loss since the check before is in the worse half. Ends
    /// with 1 net.
    Halving,
    /// Learning curves, on samples held back where there are any, projected three doublings of
    /// the samples ahead: whoever will not come near the leader leaves, and the racing nets may
    /// cost less work as the samples grow more. It needs no end to aim at. Nets that left keep
    /// their parameters, and all return when the leader's loss rises for good: the stream has
    /// changed.
    ///
    /// A net's loss is here half the squared error, whatever its own loss is: of classes that is
    /// the Brier score, where a cross-entropy on few samples is that of the one where a net is
    /// sure and wrong.
    ///
    /// It looks after every 1000 samples, and at the end of every window of losses. In between
    /// it only takes note, so that nets may run alone that long; no setting has a part in it.
    Anytime {
        /// Samples of the first window; each next end is 2^(1/4) times as far from the start.
        window: u32,
        /// So many times the work of all nets, times (samples until the leader found something) /
        /// (samples so far), is what the racing nets may cost together; but 2 always race, and 3
        /// where they cost at most 3/8 of the work of all.
        survivors: f32,
        /// How far above the leader's loss, as a share of it, a projection may stay.
        margin: f32,
    },
}

impl Refereeing {
    /// The any-time rule for a stream without end.
    pub const ANYTIME: Self = Self::anytime(100_000);

    /// The any-time rule as the study of rules favours it, for a race of so many samples: nobody
    /// leaves before a twenty-fifth of them, as some nets are slow to begin with and best in
    /// the end, and a longer race has time to wait for them. The first window is of 400 samples
    /// at least.
    pub const fn anytime(samples: u64) -> Self {
        let window = samples / 50;
        let window = if window < 400 { 400 } else { window };
        let window = if window < u32::MAX as u64 { window as u32 } else { u32::MAX };
        Self::Anytime { window, survivors: 1.2, margin: 0.1 }
    }

    /// Whether this build has it; see the feature `full`.
    pub const fn is_built(self) -> bool {
        match self {
            Self::None | Self::Paper => true,
            Self::Faded | Self::Halving | Self::Anytime { .. } => FULL,
        }
    }

    /// Numbers of memory for `nets` nets with `outputs` outputs.
    pub const fn memory(self, nets: usize, outputs: usize) -> usize {
        match self {
            #[cfg(feature = "full")]
            Self::Anytime { .. } => anytime::Anytime::memory(nets, outputs),
            _ => {
                let _ = (nets, outputs);
                0
            }
        }
    }
}

/// Why a net left the race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reason {
    /// Its loss was no longer a finite number.
    Diverged,
    /// It held the smallest weights in more than half of the batches since the last check.
    SmallestWeights,
    /// It held the smallest weights most often when one had to leave.
    Seventh,
    /// Its weights fell below a twentieth of the best net's.
    Faded,
    /// Its loss was in the worse half ([`Refereeing::Halving`]).
    Halved,
    /// Its loss will not come near the leader's ([`Refereeing::Anytime`]).
    Projected,
    /// The racing nets cost too much by now, and its projected loss was the largest
    /// ([`Refereeing::Anytime`]).
    Crowded,
    /// Whoever watches sent it home; see [`crate::Race::dismiss`].
    ByHand,
}

/// A rule and where it stands.
#[derive(Debug)]
pub struct Referee<'a> {
    refereeing: Refereeing,
    /// Nets with which elimination ends.
    keep: usize,
    /// Checks so far; of the paper's rule those since one left unconditionally.
    checks: u32,
    /// [`Refereeing::memory`] numbers.
    #[cfg_attr(not(feature = "full"), allow(dead_code))]
    memory: &'a mut [f32],
    #[cfg(feature = "full")]
    anytime: anytime::Anytime,
}

#[cfg(feature = "snapshot")]
crate::snapshot::state!(Referee<'_>: checks, memory, anytime; not refereeing, keep);

impl<'a> Referee<'a> {
    /// A referee for a race of `nets` nets on [`Refereeing::memory`] numbers, all 0.
    pub fn new(refereeing: Refereeing, nets: usize, memory: &'a mut [f32]) -> Self {
        let keep = match refereeing {
            Refereeing::None => nets,
            Refereeing::Paper | Refereeing::Faded if nets >= 8 => 2,
            _ => 1,
        };
        Self {
            refereeing,
            keep: keep.max(1),
            checks: 0,
            memory,
            #[cfg(feature = "full")]
            anytime: match refereeing {
                Refereeing::Anytime { window, .. } => anytime::Anytime::new(nets, window, 0),
                _ => anytime::Anytime::new(0, 0, 0),
            },
        }
    }

    /// Whether nobody will leave any more. Where nets may return, nobody until they do.
    pub fn is_done(&self, books: &[Book]) -> bool {
        count_racing(books) <= self.keep
    }

    /// The samples at which [`Self::look`] is due.
    pub fn due(&self) -> u64 {
        match self.refereeing {
            #[cfg(feature = "full")]
            Refereeing::Anytime { .. } => self.anytime.due(),
            _ => u64::MAX,
        }
    }

    /// The racing net that it would hand over, where it has an opinion.
    pub fn leader(&self, books: &[Book]) -> Option<usize> {
        match self.refereeing {
            #[cfg(feature = "full")]
            Refereeing::Anytime { .. } => self.anytime.leader(self.memory, books),
            _ => {
                let _ = books;
                None
            }
        }
    }

    /// Takes note of a racing net's half squared error of a batch, before [`Self::score`].
    #[inline(always)]
    pub fn note(&mut self, net: usize, loss: f32) {
        #[cfg(feature = "full")]
        if let Refereeing::Anytime { .. } = self.refereeing {
            self.anytime.note(self.memory, net, loss);
        }
        #[cfg(not(feature = "full"))]
        let _ = (net, loss);
    }

    /// Takes note of a batch with these targets, between the mixer's step and its rebalancing.
    pub fn score(&mut self, mixer: &Mixer<'_>, books: &mut [Book], targets: &[f32]) {
        match self.refereeing {
            Refereeing::Paper if !self.is_done(books) => paper::score(mixer, books),
            #[cfg(feature = "full")]
            Refereeing::Anytime { .. } => self.anytime.score(self.memory, books, targets),
            _ => _ = targets,
        }
    }

    /// Decides at a check who leaves now, and marks their books. Calls `left` for each.
    pub fn check(
        &mut self,
        mixer: &Mixer<'_>,
        books: &mut [Book],
        left: &mut dyn FnMut(usize, Reason),
    ) {
        if self.is_done(books) {
            return;
        }
        match self.refereeing {
            Refereeing::Paper => paper::check(&mut self.checks, books, left),
            #[cfg(feature = "full")]
            Refereeing::Faded => faded::check(self.keep, mixer, books, left),
            #[cfg(feature = "full")]
            Refereeing::Halving => halving::check(&mut self.checks, books, left),
            _ => _ = mixer,
        }
    }

    /// Decides when [`Self::due`] who leaves now, and marks their books. Calls `left` for each.
    /// Where the stream has changed, so that all are to return, it returns the samples after
    /// which that was found.
    #[cfg(feature = "full")]
    pub fn look(
        &mut self,
        samples: u64,
        entries: &[Entry],
        books: &mut [Book],
        left: &mut dyn FnMut(usize, Reason),
    ) -> Option<u64> {
        match self.refereeing {
            Refereeing::Anytime { survivors, margin, .. } => {
                let limits = anytime::Limits { survivors, margin };
                self.anytime.look(self.memory, samples, limits, entries, books, left)
            }
            _ => None,
        }
    }
}
