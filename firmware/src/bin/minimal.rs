//! The smallest race: one task, one optimizer, no log and no wire. It is there to be weighed.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use cortex_m::asm;
use cortex_m_rt::entry;
use derby_core::{Entry, Mixing, Optimizer, Plan, Positive, Settings, Shape, Slope, Storage, Task};

const OPTIMIZER: Optimizer = Optimizer::Sgd { rate: 0.1 };
const TASK: Task = Task::Xor { bits: 8 };
const ENTRIES: [Entry; 2] = [
    Entry::new(Shape::new(8, 4, 1, 4), 0).optimizer(OPTIMIZER),
    Entry::new(Shape::new(8, 8, 2, 4), 0).optimizer(OPTIMIZER),
];
const SETTINGS: Settings = Settings {
    mixing: Mixing::Gradient { optimizer: OPTIMIZER, slope: Slope::True, positive: Positive::Clip },
    ..Settings::NEW
};

type Memory = Storage<{ ENTRIES.len() }, { Plan::of(&ENTRIES, &SETTINGS).total() }>;

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();

    if let Ok(mut race) = MEMORY.race(&ENTRIES, SETTINGS) {
        let (mut inputs, mut targets) = ([0.0; 8], [0.0; 4]);
        let mut sample = 0;
        while !race.is_decided() {
            TASK.sample(0, sample, &mut inputs, &mut targets);
            sample += 1;
            if race.step(&inputs, &targets, &mut |_| ()).is_err() {
                break;
            }
        }
    }
    loop {
        asm::nop();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        asm::nop();
    }
}
