//! SysTick: 24 bits, counting down, on every Cortex-M but a few M0.

use cortex_m::Peripherals;
use cortex_m::asm;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// The largest value, from which SysTick counts down.
const TOP: u32 = 0xff_ffff;

pub(super) struct Counter(SYST);

impl Counter {
    pub(super) fn start(peripherals: Peripherals) -> Self {
        let mut timer = peripherals.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(TOP);
        timer.clear_current();
        timer.enable_counter();
        Self(timer)
    }

    /// Ticks that `work` and its call take, `None` when they are more than the counter holds.
    /// One copy, so that the call always takes the same.
    #[inline(never)]
    pub(super) fn ticks(&mut self, work: &mut dyn FnMut()) -> Option<u32> {
        self.0.clear_current();
        asm::delay(20); // it takes its first value at the next tick
        self.0.has_wrapped(); // and that is not the wrap to look for
        let before = SYST::get_current();
        work();
        let after = SYST::get_current();
        (!self.0.has_wrapped()).then(|| before.saturating_sub(after))
    }
}
