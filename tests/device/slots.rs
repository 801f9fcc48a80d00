//! A race that is saved in flash and loses its power there ends as one that never did.

use std::process::{Command, Stdio};

use derby::device::build::{Firmware, constants};
use derby::device::log::Texts;
use derby_boards::{EMULATOR, Link};

use crate::{board, field, frames_here};

/// What the image does is told in `firmware/src/bin/keep.rs`.
#[test]
fn a_race_outlives_power_cuts_while_it_is_saved() {
    let board = board("mps2-an386");
    let field = field(
        "--task xor --bits 8 --nets 4,8x1..2 --samples 3000 --check 150 --optimizer adam \
         --batch 7 --held-back 2",
    );
    let firmware = Firmware::find(None).expect("the firmware is here");
    let image = firmware.build(board, "keep", Link::Semihosting, Some(&constants(&field)));
    let image = image.expect("it builds");
    let name = image.to_str().expect("a name of UTF-8");
    let done = Command::new(EMULATOR)
        .args(board.emulator_arguments(name, false).expect("the board is emulated"))
        .stdin(Stdio::null())
        .output()
        .expect("these tests need qemu-system-arm: apt-get install qemu-system-arm");
    let mut lines = Vec::new();
    let texts = Texts::of(&image).expect("the image has a log");
    texts.read(&mut &done.stdout[..], &mut |line| lines.push(line.text)).expect("a log");
    assert_eq!(done.status.code(), Some(0), "{lines:?}");

    // Nothing was saved yet, then the first, then one of the later ones.
    let numbers = |start: &str| -> Vec<u64> {
        let line = |line: &String| line.strip_prefix(start)?.split(':').next()?.parse().ok();
        lines.iter().filter_map(line).collect()
    };
    let (starts, cuts) = (numbers("on from sample "), numbers("not saved after "));
    assert_eq!(cuts.len(), 3, "{lines:?}");
    assert_eq!(starts.len(), 4, "{lines:?}");
    assert_eq!((starts[..2].to_vec(), cuts[0]), (vec![0, 0], 150));
    for (start, cut) in starts[1..].iter().zip(&cuts) {
        assert_eq!(start + 150, *cut, "the one before it was whole: {lines:?}");
    }
    assert!(starts[2] > 0 && starts[3] > starts[2], "{starts:?}");

    let (frames, hash) = frames_here(&field);
    let said = format!("hash {hash:08x}");
    assert!(lines.iter().any(|line| line.ends_with(&said)), "{said}: {lines:?}");
    let end = &frames[frames.len() / 2..];
    assert!(done.stderr.ends_with(end), "other events");
}
