//! The lines between board and host: logs (`defmt` macros), events out, samples in, and the
//! verdict at the end. Two links carry them, chosen by a feature.

#[cfg(feature = "rtt")]
mod rtt;
#[cfg(feature = "semihosting")]
mod semihosting;

#[cfg(feature = "rtt")]
use rtt as link;
#[cfg(feature = "semihosting")]
use semihosting as link;

pub use link::{Events, Samples, open};

use crate::memory;

/// The codes an image can end with; the emulator ends with the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// Done.
    Done = 0,
    /// The race could not be run; the log says why.
    Failed = 1,
    /// A panic; the log has file and line.
    Panicked = 101,
    /// A processor fault; the log has the registers.
    Faulted = 102,
}

/// Ends the image: prints the stack's high-water mark and, as its last line, the verdict.
pub fn exit(verdict: Verdict) -> ! {
    let code = verdict as u8;
    defmt::info!("stack {=u32} of {=u32} bytes", memory::stack_used(), memory::stack_size());
    defmt::info!("exit {=u8}", code);
    link::exit(code)
}

/// Ends the image at once, without a word.
pub(crate) fn abort(verdict: Verdict) -> ! {
    link::exit(verdict as u8)
}
