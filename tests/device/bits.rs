//! The same bits on the host and on every emulated board.

use std::fs;

use derby_boards::BOARDS;

use crate::{derby, field, finished, frames_here, text};

/// Races that fit every board, with the parts that each is to try.
const RACES: [(&str, &str); 3] = [
    (
        "sigmoid and RMSprop",
        "--task xor --bits 8 --nets 4,8x1,2 --samples 1500 --check 150 --optimizer rmsprop \
         --referee paper --mixer gradient",
    ),
    (
        "tanh and Adam",
        "--task sine --nets 4,6,8x1..2 --samples 1500 --check 250 --held-back 2 --seed 3 \
         --activation tanh --optimizer adam --mixer pooled --referee paper",
    ),
    (
        "softmax classes",
        "--task xor-mod --nets 4,8x0..2 --samples 1500 --check 200 --batch 7 --seed 1 \
         --activation leaky-relu --optimizer momentum --rate 0.05 --mixer hedge \
         --referee halving",
    ),
];

const WINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/wine.csv");

/// Runs the words on `board` and compares every byte of the events, the outcome that is shown,
/// and the static data with what is known here.
fn same_bits(board: &str, words: &str, how: &str) {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("events.bin");
    let line = format!("emulate --board {board} {words} {how} --view json --record");
    let done = derby(&format!("{line} {}", record.display()));
    let log = text(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{board} {words}: {log}");

    let (frames, hash) = frames_here(&field(words));
    let recorded = fs::read(&record).unwrap();
    let start = recorded.iter().position(|&byte| byte == 0).expect("an end of a frame") + 1;
    assert_eq!(recorded[start..].len(), frames.len(), "{board} {words}: other bytes");
    assert!(recorded[start..] == frames, "{board} {words}: other bytes");
    let shown = finished(&done.stdout);
    assert_eq!(shown["hash"], format!("{hash:08x}"), "{board} {words}");
    assert_eq!(shown, finished(&derby(&format!("race {words} --view json")).stdout), "{board}");
    assert!(log.contains("board: exit 0\n"), "{log}");
}

/// The three races on a board; one of them is also compared by the command itself.
fn races(name: &str) {
    for (what, words) in RACES {
        println!("{name}: {what}");
        let how = if what.starts_with("tanh") { "--compare" } else { "" };
        same_bits(name, words, how);
    }
}

#[test]
fn bits_on_microbit() {
    races("microbit");
}

#[test]
fn bits_on_lm3s6965evb() {
    races("lm3s6965evb");
}

#[test]
fn bits_on_netduinoplus2() {
    races("netduinoplus2");
}

#[test]
fn bits_on_mps2_an386() {
    races("mps2-an386");
}

#[test]
fn bits_on_mps2_an500() {
    races("mps2-an500");
}

#[test]
fn bits_on_mps2_an505() {
    races("mps2-an505");
}

/// The default referee: a net that cannot bend enough leaves by its learning curve.
#[test]
fn learning_curves_on_the_smallest_board_and_a_larger_one() {
    let words = "--task sine --nets 1,2,8,16x1+1x0 --samples 6000 --check 3000";
    for board in ["microbit", "mps2-an386"] {
        same_bits(board, words, "");
        let done = derby(&format!("emulate --board {board} {words} --view json"));
        let shown = text(&done.stdout);
        assert!(shown.contains("\"reason\":\"projected\""), "{shown}");
    }
}

#[test]
fn every_emulated_board_is_tested_above() {
    let emulated: Vec<_> =
        BOARDS.iter().filter(|board| board.emulator.is_some()).map(|board| board.name).collect();
    let tested =
        ["microbit", "lm3s6965evb", "netduinoplus2", "mps2-an386", "mps2-an500", "mps2-an505"];
    assert_eq!(emulated, tested);
}

#[test]
fn a_table_is_streamed_to_the_board() {
    let words = format!("{WINE} --target cultivar --nets 4,8,16x1 --samples 4260 --check 284");
    same_bits("mps2-an386", &words, "--compare");
    same_bits("microbit", &words, "");
}

#[test]
fn samples_of_a_task_can_be_sent() {
    same_bits("mps2-an386", RACES[0].1, "--serve --compare");
}

#[test]
fn a_winner_among_nine_nets() {
    let done =
        derby("emulate --board mps2-an386 --samples 3000 --check 200 --referee paper --view json");
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let shown = finished(&done.stdout);
    assert_eq!(shown["ranking"].as_array().expect("a ranking").len(), 9);
    assert!(shown["winner"]["hidden"].as_u64().is_some_and(|hidden| hidden > 0), "{shown}");
    let left = text(&done.stdout).lines().filter(|line| line.contains("\"left\",")).count();
    assert!(left >= 2, "{left} of 9 nets left");
}
