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
