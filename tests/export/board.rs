//! The Rust modules on emulated boards, with an FPU and without.

use std::process::Command;

use derby::device::build::{Firmware, INFER};
use derby::export::Format;
use derby::export::model::Model;
use derby_boards::{Board, EMULATOR, Link};
use derby_core::rng::Stream;

use crate::{answers, assert_same_bits, from_bytes, models, run};

/// Samples that the image answers.
const SAMPLES: u64 = 64;

fn check(board: &str, number: usize, model: &Model) {
    let board = Board::named(board).unwrap();
    let text = String::from_utf8(Format::Rust.write(model, "net")).unwrap();
    let firmware = Firmware::find(None).unwrap();
    let image = firmware.build(board, INFER, Link::Semihosting, Some(&text)).unwrap();
    let image = image.to_str().unwrap();
    let done = run(Command::new(EMULATOR).args(board.emulator_arguments(image, false).unwrap()));

    let sample = |sample| {
        let mut stream = Stream::new(sample, 0);
        (0..model.inputs.len()).map(|_| stream.symmetric(3.0)).collect::<Vec<_>>()
    };
    let samples: Vec<_> = (0..SAMPLES).flat_map(sample).collect();
    let start = done.stderr.iter().position(|&byte| byte == 0).expect("the line is opened") + 1;
    let found = from_bytes(&done.stderr[start..]);
    assert_same_bits(&found, &answers(model, &samples), &format!("{}, {number}", board.name));
}

#[test]
fn a_mixture_of_classes_on_a_cortex_m0() {
    check("microbit", 7, &models()[7]);
}

#[test]
fn mixtures_on_a_cortex_m4() {
    for number in [7, 8] {
        check("mps2-an386", number, &models()[number]);
    }
}
