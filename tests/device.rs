//! Races on emulated boards: the bits of the host, every way in which a board can end, and what
//! the commands for boards say.

#[path = "device/bits.rs"]
mod bits;
#[path = "device/ends.rs"]
mod ends;
#[path = "device/probing.rs"]
mod probing;
#[path = "device/refusals.rs"]
mod refusals;
#[path = "device/watching.rs"]
mod watching;

use std::process::{Command, Output};
use std::sync::OnceLock;

use clap::Parser as _;
use derby::args::{Arguments, Command as Derby};
use derby::field::Field;
use derby::source::Samples;
use derby_boards::{Board, EMULATOR};
use derby_core::{Book, Event, Plan, Race};
use escargot::{CargoBuild, CargoRun};
use serde_json::Value;

/// A race that is short, and long enough to be cut.
const SHORT: &str = "--task xor --bits 8 --nets 4,8x1 --samples 4000 --check 400 --referee paper \
                     --mixer gradient --held-back 0";

/// The command, and with it the certainty that there is an emulator.
fn program() -> &'static CargoRun {
    static PROGRAM: OnceLock<CargoRun> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let found = Command::new(EMULATOR).arg("--version").output();
        assert!(found.is_ok(), "these tests need {}: apt-get install qemu-system-arm", EMULATOR);
        let build = CargoBuild::new().package("derby").bin("derby").current_release();
        build.run().expect("the command builds")
    })
}

/// Runs the command with these words.
fn derby(words: &str) -> Output {
    program().command().args(words.split_whitespace()).output().expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn board(name: &str) -> &'static Board {
    Board::named(name).expect("a board of the table")
}

/// The race that the words after `derby race` describe.
fn field(words: &str) -> Field {
    let words = ["derby", "race"].into_iter().chain(words.split_whitespace());
    match Arguments::try_parse_from(words).expect("the words are a race").command {
        Some(Derby::Race(arguments)) => {
            Field::of_race(&arguments, arguments.seed).expect("the race is sound")
        }
        other => panic!("{other:?} is no race"),
    }
}

/// The frames of all events of the race, run here sample by sample, and its hash.
fn frames_here(field: &Field) -> (Vec<u8>, u32) {
    let mut memory = vec![0.0; Plan::of(&field.entries, &field.settings).total()];
    let mut books = vec![Book::NEW; field.entries.len()];
    let mut race = Race::new(&field.entries, field.settings, &mut memory, &mut books).unwrap();
    let outputs = field.source.outputs();
    let mut buffer = vec![0; derby_wire::event_room(field.entries.len(), outputs)];
    let mut frames = Vec::new();
    let mut tell = |event: Event<&[f32]>| {
        frames.extend_from_slice(derby_wire::event(&event, &mut buffer).unwrap());
    };
    race.start(&mut tell);
    let mut samples = Samples::default();
    field
        .source
        .stream(&field.settings)
        .unwrap()
        .next(field.samples as usize, &mut samples)
        .unwrap();
    let inputs = samples.inputs.chunks_exact(field.source.inputs());
    for (x, y) in inputs.zip(samples.targets.chunks_exact(outputs)) {
        race.step(x, y, &mut tell).unwrap();
    }
    race.finish(&mut tell);
    let hash = race.hash();
    (frames, hash)
}

/// The last line of a JSON view without the time it took.
fn finished(stdout: &[u8]) -> Value {
    let text = text(stdout);
    let mut last: Value = serde_json::from_str(text.lines().last().expect("a line")).unwrap();
    assert_eq!(last["event"], "finished");
    last["seconds"].take();
    last
}
