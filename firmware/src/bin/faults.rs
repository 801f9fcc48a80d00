//! Ends in the way its input asks for, to test that every end is noticed: `p` panics, `f` makes
//! the processor fault, `s` overflows the stack, `h` hangs, anything else is a good end.

#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m::asm;
use cortex_m_rt::entry;
use derby_firmware::console::{self, Verdict};

#[entry]
fn main() -> ! {
    let (mut events, mut samples) = console::open();
    defmt::info!("faults on {=str}", derby_firmware::board::NAME);
    events.write(b"event\n");
    match samples.byte() {
        Some(b'p') => panic!("as asked"),
        Some(b'f') => asm::udf(),
        Some(b's') => defmt::info!("deep {=u32}", deeper(u32::MAX)),
        Some(b'h') => loop {
            asm::nop();
        },
        _ => {}
    }
    console::exit(Verdict::Done)
}

/// Takes some stack and calls itself.
#[inline(never)]
fn deeper(depth: u32) -> u32 {
    let room = black_box([depth; 32]);
    let below = if depth == 0 { 0 } else { deeper(depth - 1) };
    below ^ room[depth as usize % 32]
}
