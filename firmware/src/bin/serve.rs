//! Races on samples that the host sends, frame by frame.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use derby_firmware::setup::{INPUTS, OUTPUTS};
use derby_firmware::{board, console, run::Course};
use derby_wire::{Frames, read_sample, sample_room};

/// Bytes of a sample's frame.
const FRAME: usize = sample_room(INPUTS + OUTPUTS);

#[entry]
fn main() -> ! {
    static mut COURSE: Course = Course::new();
    static mut FRAMES: Frames<[u8; FRAME]> = Frames::new([0; FRAME]);

    let (mut events, mut samples) = console::open();
    defmt::info!("serve on {=str}", board::NAME);
    let mut strangers = 0_u32;
    let verdict = COURSE.run(&mut events, &mut |inputs, targets| {
        while let Some(byte) = samples.byte() {
            let Some(content) = FRAMES.push(byte) else { continue };
            match read_sample(content, inputs, targets) {
                Ok(more) => return more,
                Err(_) => strangers = strangers.saturating_add(1),
            }
        }
        false
    });
    if FRAMES.damaged() > 0 || strangers > 0 {
        defmt::warn!("{=u32} frames damaged, {=u32} not samples", FRAMES.damaged(), strangers);
    }
    console::exit(verdict)
}
