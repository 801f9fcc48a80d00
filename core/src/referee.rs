//! Who leaves the race, and when. The referee reads weights and losses and nothing else; which
//! mixer moves the weights is another choice.

use crate::Mixer;
use crate::book::{Book, racing};

/// The rule by which nets leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Whoever watches sent it home; see [`crate::Race::dismiss`].
    ByHand,
}

/// Checks after which one net leaves anyway ([`Refereeing::Paper`]).
const UNCONDITIONAL: u32 = 7;
/// The share of the best at which [`Refereeing::Faded`] lets go.
const FADED: f32 = 1.0 / 20.0;

/// A rule and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Referee {
    refereeing: Refereeing,
    /// Nets with which elimination ends.
    keep: usize,
    /// Checks since one left unconditionally.
    checks: u32,
}

#[cfg(feature = "snapshot")]
crate::snapshot::state!(Referee: checks; not refereeing, keep);

impl Referee {
    /// A referee for a race of `nets` nets.
    pub fn new(refereeing: Refereeing, nets: usize) -> Self {
        let keep = match refereeing {
            Refereeing::None => nets,
            Refereeing::Paper | Refereeing::Faded => {
                if nets >= 8 {
                    2
                } else {
                    1
                }
            }
        };
        Self { refereeing, keep: keep.max(1), checks: 0 }
    }

    /// Whether nobody will leave any more.
    pub fn is_done(&self, books: &[Book]) -> bool {
        racing(books).count() <= self.keep
    }

    /// Takes note of a batch, between the mixer's step and its rebalancing.
    pub fn score(&mut self, mixer: &Mixer<'_>, books: &mut [Book]) {
        if self.refereeing != Refereeing::Paper || self.is_done(books) {
            return;
        }
        let (mut least, mut last) = (f32::INFINITY, None);
        for net in racing(books) {
            let trust = mixer.trust(net);
            if trust < least {
                (least, last) = (trust, Some(net));
            }
        }
        if let Some(book) = last.and_then(|net| books.get_mut(net)) {
            book.score = book.score.saturating_add(1);
        }
    }

    /// Decides who leaves now, and marks their books. Calls `left` for each.
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
            Refereeing::None => {}
            Refereeing::Paper => {
                self.checks = self.checks.saturating_add(1);
                let must = self.checks >= UNCONDITIONAL;
                if must {
                    self.checks = 0;
                }
                if let Some((net, reason)) = most_scores(books, must)
                    && let Some(book) = books.get_mut(net)
                {
                    book.left = true;
                    left(net, reason);
                }
                books.iter_mut().for_each(|book| book.score = 0);
            }
            Refereeing::Faded => {
                let best = racing(books).map(|net| without_largest(mixer.row(net)));
                let best = best.fold(0.0, |best, sum| if sum > best { sum } else { best });
                for net in 0..books.len() {
                    if self.is_done(books) {
                        return;
                    }
                    let faded = without_largest(mixer.row(net)) <= best * FADED;
                    if let Some(book) = books.get_mut(net).filter(|book| faded && book.races()) {
                        book.left = true;
                        left(net, Reason::Faded);
                    }
                }
            }
        }
    }
}

/// The racing net with more than half of the scores, or where one `must` leave the first with
/// the most.
fn most_scores(books: &[Book], must: bool) -> Option<(usize, Reason)> {
    let score = |net: usize| books.get(net).map_or(0, |book| book.score);
    let sum: u64 = racing(books).map(|net| u64::from(score(net))).sum();
    let top = racing(books).reduce(|top, net| if score(net) > score(top) { net } else { top })?;
    if u64::from(score(top)) * 2 > sum {
        Some((top, Reason::SmallestWeights))
    } else {
        must.then_some((top, Reason::Seventh))
    }
}

/// The sum of a net's weights less the largest, or the one weight of a single output.
fn without_largest(row: &[f32]) -> f32 {
    if let [weight] = row {
        return *weight;
    }
    let (mut sum, mut largest) = (0.0, 0.0);
    for &w in row {
        sum += w;
        largest = if w > largest { w } else { largest };
    }
    sum - largest
}
