//! The reference program's rule for its heuristic mixers.

use super::Reason;
use crate::Mixer;
use crate::book::{Book, count_racing, racing};

/// The share of the best at which [`super::Refereeing::Faded`] lets go.
const SHARE: f32 = 1.0 / 20.0;

/// See [`super::Refereeing::Faded`].
pub(super) fn check(
    keep: usize,
    mixer: &Mixer<'_>,
    books: &mut [Book],
    left: &mut dyn FnMut(usize, Reason),
) {
    let best = racing(books).map(|net| without_largest(mixer.row(net)));
    let best = best.fold(0.0, |best, sum| if sum > best { sum } else { best });
    for net in 0..books.len() {
        if count_racing(books) <= keep {
            return;
        }
        let faded = without_largest(mixer.row(net)) <= best * SHARE;
        if let Some(book) = books.get_mut(net).filter(|book| faded && book.races()) {
            book.left = true;
            left(net, Reason::Faded);
        }
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
