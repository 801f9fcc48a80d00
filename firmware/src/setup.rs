//! The race this image runs: the constants of the file that `DERBY_RACE` names, see `races/`.
//!
//! The file may write variants without their enum. So what `{:?}` prints of entries and settings
//! is a race file too, and a host needs no other way to write one.

use derby_core::{Plan, Storage};

pub use file::{ENTRIES, SAMPLES, SEED, SETTINGS, TASK};

/// Width of a sample.
pub const INPUTS: usize = ENTRIES[0].shape.inputs;
/// Width of a target.
pub const OUTPUTS: usize = ENTRIES[0].shape.outputs;

/// The memory of this race, to the byte.
pub type Memory = Storage<{ ENTRIES.len() }, { Plan::of(&ENTRIES, &SETTINGS).total() }>;

#[allow(missing_docs, unused_imports, reason = "hosts write such files, with what they need")]
mod file {
    use derby_core::{
        Activation::*, Entry, Init::*, Loss::*, Mixing, Mixing::*, Optimizer, Optimizer::*,
        Positive::*, Refereeing, Refereeing::*, Settings, Shape, Slope::*, Task, Task::*,
    };

    include!(env!("DERBY_RACE_FILE"));
}
