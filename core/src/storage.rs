//! Where a race lives: how much memory it needs, and a place for it in a `static`. The only
//! file with const generics.

use crate::{Book, Entry, Mixing, Race, Refereeing, Settings, SetupError};

/// The memory of a race by part, in numbers of 4 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Plan {
    /// Weights and biases of all nets.
    pub parameters: usize,
    /// What their optimizers remember.
    pub optimizers: usize,
    /// Mixing weights and what their rule remembers.
    pub mixer: usize,
    /// What the referee remembers.
    pub referee: usize,
    /// What the nets answered, for the mixer to walk.
    pub record: usize,
    /// The batch that [`Race::step`] fills.
    pub batch: usize,
    /// Activations and deltas, shared by all nets, and [`Entry::room`].
    pub scratch: usize,
    /// Losses for the events.
    pub losses: usize,
}

impl Plan {
    /// What these entries need under these settings.
    pub const fn of(entries: &[Entry], settings: &Settings) -> Self {
        let mut plan = Self {
            parameters: 0,
            optimizers: 0,
            mixer: 0,
            referee: 0,
            record: 0,
            batch: 0,
            scratch: 0,
            losses: 0,
        };
        let Some((first, _)) = entries.split_first() else { return plan };
        let (inputs, outputs) = (first.shape.inputs, first.shape.outputs);
        let nets = entries.len();
        let mut rest = entries;
        while let Some((entry, others)) = rest.split_first() {
            rest = others;
            plan.parameters = plan.parameters.saturating_add(entry.shape.parameters());
            plan.optimizers = plan.optimizers.saturating_add(entry.memory());
            let scratch = entry.training_scratch(settings.batch);
            plan.scratch = if scratch > plan.scratch { scratch } else { plan.scratch };
        }
        plan.mixer = Mixing::memory(settings.mixing, nets, outputs, settings.judged());
        plan.referee = Refereeing::memory(settings.refereeing, nets, outputs);
        plan.record = Self::record_of_one(outputs, settings).saturating_mul(nets);
        plan.batch = inputs.saturating_add(outputs).saturating_mul(settings.batch);
        plan.losses = nets;
        plan
    }

    /// The record of one net: outputs and two losses for each batch of a stretch.
    pub(crate) const fn record_of_one(outputs: usize, settings: &Settings) -> usize {
        let batch = settings.batch.saturating_mul(outputs).saturating_add(2);
        batch.saturating_mul(settings.stretch)
    }

    /// All parts together.
    pub const fn total(&self) -> usize {
        self.parameters
            .saturating_add(self.optimizers)
            .saturating_add(self.mixer)
            .saturating_add(self.referee)
            .saturating_add(self.record)
            .saturating_add(self.batch)
            .saturating_add(self.scratch)
            .saturating_add(self.losses)
    }
}

/// The memory of a race of `NETS` nets in `FLOATS` numbers; all zero, so that a `static` of it
/// lands in `.bss`.
///
/// ```
/// use derby_core::{Entry, Plan, Settings, Shape, Storage};
///
/// const ENTRIES: [Entry; 2] =
///     [Entry::new(Shape::new(2, 4, 1, 1), 0), Entry::new(Shape::new(2, 8, 1, 1), 0)];
/// const SETTINGS: Settings = Settings::NEW;
/// const FLOATS: usize = Plan::of(&ENTRIES, &SETTINGS).total();
///
/// let mut storage = Storage::<{ ENTRIES.len() }, FLOATS>::new();
/// let race = storage.race(&ENTRIES, SETTINGS)?;
/// assert_eq!(race.samples(), 0);
/// # Ok::<(), derby_core::SetupError>(())
/// ```
#[derive(Debug)]
pub struct Storage<const NETS: usize, const FLOATS: usize> {
    books: [Book; NETS],
    floats: [f32; FLOATS],
}

impl<const NETS: usize, const FLOATS: usize> Storage<NETS, FLOATS> {
    /// Empty storage.
    pub const fn new() -> Self {
        Self { books: [Book::NEW; NETS], floats: [0.0; FLOATS] }
    }

    /// A race that lives here; whatever lived here before is overwritten.
    ///
    /// # Errors
    /// [`SetupError`] when the entries do not go together or do not fit.
    pub fn race<'a>(
        &'a mut self,
        entries: &'a [Entry],
        settings: Settings,
    ) -> Result<Race<'a>, SetupError> {
        Race::new(entries, settings, &mut self.floats, &mut self.books)
    }
}

impl<const NETS: usize, const FLOATS: usize> Default for Storage<NETS, FLOATS> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use super::*;
    use crate::Shape;

    /// Eighteen nets of sixteen outputs, ranked, mixed and sent home in a kilobyte.
    #[test]
    fn mixer_and_referee_are_small() {
        let entries = [Entry::new(Shape::new(16, 56, 2, 16), 0); 18];
        let (mixing, refereeing) = (Mixing::POOLED, Refereeing::ANYTIME);
        let settings = Settings { held_back: 2, mixing, refereeing, ..Settings::NEW };
        let plan = Plan::of(&entries, &settings);
        assert_eq!((plan.mixer * 4, plan.referee * 4), (488, 424));
    }
}
