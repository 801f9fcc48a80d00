//! The paper's rule.

use super::Reason;
use crate::Mixer;
use crate::book::{Book, racing};

/// Checks after which one net leaves anyway ([`super::Refereeing::Paper`]).
const UNCONDITIONAL: u32 = 7;

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
