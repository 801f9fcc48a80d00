//! What the race keeps about each net beside its weights.

/// The running mean of losses or weights since the last event. What a long sum would round off is
/// carried to the next number (Kahan).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Mean {
    sum: f32,
    carry: f32,
    count: u32,
}

impl Mean {
    /// No numbers yet.
    pub(crate) const NONE: Self = Self { sum: 0.0, carry: 0.0, count: 0 };

    /// Takes one number in.
    #[cfg_attr(not(feature = "full"), inline(never))]
    pub(crate) fn add(&mut self, number: f32) {
        let number = number - self.carry;
        let sum = self.sum + number;
        self.carry = (sum - self.sum) - number;
        self.sum = sum;
        self.count = self.count.saturating_add(1);
    }

    /// The mean of the numbers taken in; 0 of none.
    pub(crate) fn value(&self) -> f32 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f32 }
    }
}

#[cfg(feature = "snapshot")]
crate::snapshot::state!(Mean: sum, carry, count);

/// One net's page: whether it races, its steps and its losses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Book {
    /// Whether it has left the race.
    pub(crate) left: bool,
    /// Whether it left for good: it blew up and would again, or it was sent home.
    pub(crate) for_good: bool,
    /// Optimizer steps it has taken.
    pub(crate) steps: u32,
    /// Times its weights were the smallest since the referee's last check.
    pub(crate) score: u32,
    /// Training loss since the last event.
    pub(crate) trained: Mean,
    /// Held-back loss since the last event.
    pub(crate) held_back: Mean,
    /// Trust since the last event.
    pub(crate) trust: Mean,
    /// Mean trust over the whole stretch before the last event.
    pub(crate) trusted: f32,
}

#[cfg(feature = "snapshot")]
crate::snapshot::state!(Book: left, for_good, steps, score, trained, held_back, trust, trusted);

impl Book {
    /// A net that has not started. All bytes are 0, so that a static lands in `.bss`.
    pub const NEW: Self = Self {
        left: false,
        for_good: false,
        steps: 0,
        score: 0,
        trained: Mean::NONE,
        held_back: Mean::NONE,
        trust: Mean::NONE,
        trusted: 0.0,
    };

    /// Whether the net is in the race.
    pub fn races(&self) -> bool {
        !self.left
    }

    /// The loss by which nets are told apart, its mean since the last event: on held-back samples
    /// where there are any; 0 before the first batch.
    pub fn loss(&self) -> f32 {
        if self.held_back.count > 0 { self.held_back.value() } else { self.trained.value() }
    }

    /// Mean trust over the stretch under way, or where none is under way over the last one.
    pub(crate) fn standing(&self) -> f32 {
        if self.trust.count > 0 { self.trust.value() } else { self.trusted }
    }

    /// Begins a new stretch.
    pub(crate) fn turn_page(&mut self) {
        self.trusted = self.standing();
        self.trust = Mean::NONE;
        self.trained = Mean::NONE;
        self.held_back = Mean::NONE;
    }
}

/// How many nets race.
#[cfg_attr(not(feature = "full"), inline(never))]
pub(crate) fn count_racing(books: &[Book]) -> usize {
    books.iter().filter(|book| book.races()).count()
}

/// The places of the nets that race.
pub(crate) fn racing(books: &[Book]) -> impl Iterator<Item = usize> + Clone {
    books.iter().enumerate().filter(|(_, book)| book.races()).map(|(net, _)| net)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_mean_keeps_its_digits() {
        let mut mean = Mean::NONE;
        assert_eq!(mean.value(), 0.0);
        for _ in 0..10_000_000 {
            mean.add(0.1);
        }
        assert!((mean.value() - 0.1).abs() < 1e-7, "{}", mean.value());
    }
}
