//! Counts work: instructions in QEMU, processor cycles on a board.
//!
//! With `-icount shift=7` QEMU lets each instruction take 2^7 ns of emulated time, which SysTick
//! counts. Without the option it counts the host's time, which means nothing.

#[cfg_attr(cycle_counter, path = "meter/dwt.rs")]
#[cfg_attr(not(cycle_counter), path = "meter/systick.rs")]
mod counter;

use cortex_m::{Peripherals, asm};
use counter::Counter;

use crate::board;

/// What is counted.
pub const UNIT: &str = if cfg!(feature = "rtt") { "cycles" } else { "instructions" };

/// Turns of a loop that [`Meter::start`] tries the counter on.
const TRIAL: u32 = 10_000;

/// A counter of work.
#[expect(missing_debug_implementations, reason = "the processor's registers have none")]
pub struct Meter {
    counter: Counter,
    /// What counting nothing counts.
    overhead: u32,
}

impl Meter {
    /// Starts the counter. `None` when the processor has none, or what it counts is not work:
    /// the same loop twice gives two counts.
    pub fn start(peripherals: Peripherals) -> Option<Self> {
        let mut meter = Self { counter: Counter::start(peripherals), overhead: 0 };
        meter.overhead = meter.count(&mut || ())?;
        // A turn is two instructions and takes no processor less than a cycle.
        let mut trial = || meter.count(&mut || asm::delay(TRIAL));
        let (once, again) = (trial()?, trial()?);
        let plausible = once.abs_diff(again) <= 2 && (TRIAL..=TRIAL * 4).contains(&once);
        plausible.then_some(meter)
    }

    /// What `work` takes. `None` when that is more than the counter holds: in QEMU 5 million
    /// instructions on most boards, 780,000 on netduinoplus2.
    pub fn count(&mut self, work: &mut dyn FnMut()) -> Option<u32> {
        let ticks = self.counter.ticks(work)?;
        Some(in_units(ticks).saturating_sub(self.overhead))
    }
}

/// On a board a tick is a cycle. In QEMU this turns time into instructions, rounded to whole
/// ones.
fn in_units(ticks: u32) -> u32 {
    if cfg!(feature = "rtt") {
        return ticks;
    }
    let period = u64::from(board::SYSTICK_HZ) * u64::from(board::NANOSECONDS_PER_INSTRUCTION);
    let count = (u64::from(ticks) * 1_000_000_000 + period / 2) / period;
    u32::try_from(count).unwrap_or(u32::MAX)
}
