//! Successive halving.

use super::Reason;
use crate::book::{Book, count_racing, racing};

/// See [`super::Refereeing::Halving`]. A loss that is no number is the worst; of equal losses
/// the first net's is the better.
pub(super) fn check(checks: &mut u32, books: &mut [Book], left: &mut dyn FnMut(usize, Reason)) {
    *checks = checks.saturating_add(1);
    if !checks.is_power_of_two() {
        return;
    }
    for _ in 0..count_racing(books) / 2 {
        let loss = |net: usize| books.get(net).map_or(f32::NAN, Book::loss);
        let worse = |worst, net| {
            let spared = loss(net) < loss(worst) || loss(worst).is_nan();
            if spared { worst } else { net }
        };
        let worst = racing(books).reduce(worse);
        if let Some((net, book)) = worst.and_then(|net| books.get_mut(net).map(|book| (net, book)))
        {
            book.left = true;
            left(net, Reason::Halved);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn the_worse_half_leaves_whenever_the_checks_have_doubled() {
        let losses = [3.0, f32::NAN, 1.0, 5.0, 1.0, 4.0, 2.0];
        let mut books = losses.map(|loss| {
            let mut book = Book::NEW;
            book.trained.add(loss);
            book
        });
        let (mut checks, mut gone) = (0, Vec::new());
        let mut rounds = Vec::new();
        for _ in 0..8 {
            check(&mut checks, &mut books, &mut |net, reason| {
                assert_eq!(reason, Reason::Halved);
                gone.push(net);
            });
            rounds.push(gone.len());
        }
        assert_eq!(gone, [1, 3, 5, 0, 6, 4]);
        assert_eq!(rounds, [3, 5, 5, 6, 6, 6, 6, 6]);
    }
}
