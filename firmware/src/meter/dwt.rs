//! The cycle counter of Armv7-M and later: 32 bits.

use cortex_m::Peripherals;
use cortex_m::peripheral::DWT;

pub(super) struct Counter;

impl Counter {
    pub(super) fn start(mut peripherals: Peripherals) -> Self {
        peripherals.DCB.enable_trace();
        peripherals.DWT.enable_cycle_counter();
        Self
    }

    /// Cycles that `work` and its call take. One copy, so that the call always takes the same.
    #[inline(never)]
    #[expect(clippy::unnecessary_wraps, reason = "the other counter can overflow")]
    pub(super) fn ticks(&mut self, work: &mut dyn FnMut()) -> Option<u32> {
        let before = DWT::cycle_count();
        work();
        Some(DWT::cycle_count().wrapping_sub(before))
    }
}
