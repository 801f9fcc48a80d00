//! Races on a built-in task. All of it happens on the board; a host may watch.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use derby_firmware::setup::{SAMPLES, SEED, TASK};
use derby_firmware::{board, console, run::Course};

#[entry]
fn main() -> ! {
    static mut COURSE: Course = Course::new();

    let (mut events, _) = console::open();
    defmt::info!("race on {=str}", board::NAME);
    let mut indices = 0..SAMPLES;
    let verdict = COURSE.run(&mut events, &mut |inputs, targets| {
        let index = indices.next();
        index.inspect(|&index| TASK.sample(SEED, index, inputs, targets)).is_some()
    });
    console::exit(verdict)
}
