//! The core alone, to be linked and not to be run: it links only if nothing in the core can
//! panic. What the linker calls undefined is what a panic would need.

#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use cortex_m::asm;
use cortex_m_rt::entry;
use derby_core::{Entry, Event, Plan, Settings, Shape, Storage, Task};

const ENTRIES: [Entry; 2] =
    [Entry::new(Shape::new(8, 4, 1, 4), 0), Entry::new(Shape::new(8, 8, 2, 4), 0)];
const SETTINGS: Settings = Settings::NEW;

type Memory = Storage<{ ENTRIES.len() }, { Plan::of(&ENTRIES, &SETTINGS).total() }>;

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();

    // Behind a black box the compiler must expect every task, net and setting there is.
    let entries = black_box(&ENTRIES);
    if let Ok(mut race) = MEMORY.race(entries, black_box(SETTINGS)) {
        let (mut inputs, mut targets) = ([0.0; 8], [0.0; 4]);
        let mut sink = |event: Event<&[f32]>| {
            black_box(event);
        };
        black_box(race.begin_with(black_box(0), black_box(&[0.0; 9])).is_ok());
        race.start(&mut sink);
        for index in 0..black_box(u64::MAX) {
            let task = black_box(Task::Sine);
            task.sample(index, index, &mut inputs, &mut targets);
            task.fresh(index, index, &mut inputs, &mut targets);
            black_box(race.step(&inputs, &targets, &mut sink).is_ok());
            black_box(race.predict(&inputs, &mut targets).is_ok());
        }
        race.finish(&mut sink);
        black_box(
            entries.each_ref().map(|entry| entry.place(black_box(0), black_box(0), black_box(0))),
        );
    }
    loop {
        asm::nop();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    the_core_can_panic()
}

// SAFETY: there is no such function, which is the point.
unsafe extern "C" {
    safe fn the_core_can_panic() -> !;
}
