//! What the images share: the lines to the host, what happens when something goes wrong, the
//! race, and a counter of work.

#![no_std]

use cortex_m as _; // brings the critical section that the log needs

pub mod console;
mod fault;
pub mod memory;
pub mod meter;
pub mod run;
pub mod setup;

/// The board this image is for.
pub mod board {
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}
