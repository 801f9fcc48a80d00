//! Ways to show a race.

pub mod json;
pub mod plain;

use anyhow::Result;
use derby_core::Event;

use crate::field::Field;
use crate::run::Outcome;

/// Whoever is told what happens in a race.
pub trait View {
    /// A race of this seed comes next, one of several.
    ///
    /// # Errors
    /// When the view cannot be written; so for all methods.
    fn seed(&mut self, seed: u64) -> Result<()>;

    /// Something happened.
    ///
    /// # Errors
    /// As above.
    fn event(&mut self, field: &Field, event: &Event<&[f32]>) -> Result<()>;

    /// The race is over and the nets are tested.
    ///
    /// # Errors
    /// As above.
    fn outcome(&mut self, field: &Field, outcome: &Outcome) -> Result<()>;
}

/// The nets best first: those left by trust, then those that left, the last one first.
pub fn ranking(standings: &[f32], left: &[Option<u64>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..left.len()).collect();
    order.sort_by(|&a, &b| {
        let stayed = |net: usize| left[net].unwrap_or(u64::MAX);
        stayed(b).cmp(&stayed(a)).then(standings[b].total_cmp(&standings[a]))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_left_lead_and_the_first_to_leave_is_last() {
        let order = ranking(&[0.1, 0.6, 0.3, 0.9], &[Some(100), None, None, Some(200)]);
        assert_eq!(order, [1, 2, 3, 0]);
    }
}
