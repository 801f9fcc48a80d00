//! Races on microcontrollers: what fits a board, an image for it, and what the board tells while
//! it races.
//!
//! ```text
//! arguments --> plan --> build --> emulate | flash --> listen --> views
//!               fits?    image     what a board says   events
//! ```
//! [`watch`] listens to a board that races already, or to a recording.

pub mod args;
pub mod build;
pub mod check;
pub mod cost;
pub mod emulate;
pub mod end;
pub mod feed;
pub mod flash;
pub mod heard;
pub mod listen;
pub mod log;
pub mod needs;
pub mod plan;
pub mod probe;
pub mod rtt;
pub mod show;
pub mod tool;
pub mod watch;

use anyhow::{Result, bail};
use derby_boards::Board;

use crate::args::{MixerName, RaceArguments, RefereeName, TaskName};
use crate::field::Field;
use crate::nets::NetList;

/// A board with less static memory than this gets the smaller default race.
const SMALL: u32 = 32 * 1024;

/// The race that `arguments` describe on `board`. What they leave open is chosen to be done in a
/// minute on the emulated board: the races of `firmware/races`.
///
/// # Errors
/// When they ask for what only a host does.
pub fn field(board: &Board, arguments: &RaceArguments) -> Result<Field> {
    if arguments.seeds.is_some() {
        bail!("a board races one seed at a time: give --seed S instead of --seeds");
    }
    if arguments.keep.checkpoint.is_some() || arguments.keep.resume.is_some() {
        bail!("--checkpoint and --resume are for races on this machine: derby race");
    }
    if arguments.from.is_some() {
        bail!("a board's nets begin anew: --from is for derby race");
    }
    let mut arguments = arguments.clone();
    if !arguments.field.paper && arguments.field.data.file.is_none() {
        let small = board.static_ram() < SMALL;
        let (samples, check, nets) =
            if small { (8_000, 500, "4,8,12x1+8x2") } else { (12_000, 1_000, "8,16,20x1..3") };
        let field = &mut arguments.field;
        if field.task.is_none() {
            field.task = Some(TaskName::Xor);
            field.bits = if small { 8 } else { field.bits };
        }
        if field.nets.is_none() {
            field.nets = Some(nets.parse::<NetList>()?);
        }
        if field.samples.is_none() {
            field.samples = Some(samples);
            // Too short for learning curves, so nets leave by the mixer's trust.
            arguments.check = arguments.check.or(Some(check));
            arguments.referee = arguments.referee.or(Some(RefereeName::Paper));
            arguments.mixer = arguments.mixer.or(Some(MixerName::Gradient));
            arguments.held_back = arguments.held_back.or(Some(0));
        }
    }
    let mut field = Field::of_race(&arguments, arguments.seed)?;
    // A board has no memory to spare for a longer record; the bits are the same.
    field.settings.stretch = 1;
    Ok(field)
}

/// FNV-1a, 32 bits: the hash that a race tells of its parameters.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
