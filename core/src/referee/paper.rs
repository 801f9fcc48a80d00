//! The paper's rule, and the reference program's for its heuristic mixers.

use super::Reason;
use crate::Mixer;
use crate::book::{Book, racing};

/// Checks after which one net leaves anyway ([`super::Refereeing::Paper`]).
const UNCONDITIONAL: u32 = 7;
/// The share of the best at which [`super::Refereeing::Faded`] lets go.
const FADED: f32 = 1.0 / 20.0;

/// The net whose weights sum to the least scores.
pub(super) fn score(mixer: &Mixer<'_>, books: &mut [Book]) {
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

/// See [`super::Refereeing::Paper`].
pub(super) fn check(checks: &mut u32, books: &mut [Book], left: &mut dyn FnMut(usize, Reason)) {
    *checks = checks.saturating_add(1);
    let must = *checks >= UNCONDITIONAL;
    if must {
        *checks = 0;
    }
    if let Some((net, reason)) = most_scores(books, must)
        && let Some(book) = books.get_mut(net)
    {
        book.left = true;
        left(net, reason);
    }
    books.iter_mut().for_each(|book| book.score = 0);
}

/// See [`super::Refereeing::Faded`].
pub(super) fn fade(
    keep: usize,
    mixer: &Mixer<'_>,
    books: &mut [Book],
    left: &mut dyn FnMut(usize, Reason),
) {
    let best = racing(books).map(|net| without_largest(mixer.row(net)));
    let best = best.fold(0.0, |best, sum| if sum > best { sum } else { best });
    for net in 0..books.len() {
        if racing(books).count() <= keep {
            return;
        }
        let faded = without_largest(mixer.row(net)) <= best * FADED;
        if let Some(book) = books.get_mut(net).filter(|book| faded && book.races()) {
            book.left = true;
            left(net, Reason::Faded);
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
