//! Every way in which a board can end.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;
use derby::device::build::{self, Firmware};
use derby::device::emulate::Emulator;
use derby::device::end::{End, judge};
use derby::device::listen::{Hush, Listener};
use derby::field::Field;
use derby::run::Outcome;
use derby::view::View;
use derby_boards::{Board, Core, Link};
use derby_core::Event;
use serde_json::Value;

use crate::{SHORT, board, derby, field, frames_here, program, text};

/// An image that ends as it is asked to; once for each kind of processor.
fn faulty(core: Core) -> (&'static Board, &'static Path) {
    static IMAGES: [OnceLock<PathBuf>; 4] = [const { OnceLock::new() }; 4];
    let (place, name) = match core {
        Core::M0 => (0, "microbit"),
        Core::M3 => (1, "lm3s6965evb"),
        Core::M4F | Core::M7 => (2, "netduinoplus2"),
        Core::M33 => (3, "mps2-an505"),
    };
    let board = board(name);
    let image = IMAGES[place].get_or_init(|| {
        program();
        let firmware = Firmware::find(None).expect("the firmware is here");
        firmware.build(board, "faults", Link::Semihosting, None).expect("it builds")
    });
    (board, image)
}

/// What is said about a board that is asked to end in this way.
fn ended(core: Core, letter: &[u8], patience: Duration) -> Result<()> {
    let field = field(SHORT);
    let (board, image) = faulty(core);
    let (mut emulator, mut samples) = Emulator::start(board, image)?;
    samples.write_all(letter)?;
    let mut listener = Listener::new(&field, Vec::new());
    let end = match listener.listen(&emulator.said, patience)? {
        Hush::Ended => emulator.end()?,
        Hush::Timeout => End::Silent(patience),
    };
    judge(end, listener.heard())
}

const CORES: [Core; 4] = [Core::M0, Core::M3, Core::M4F, Core::M33];
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_panic_names_file_and_line() {
    for core in CORES {
        let said = ended(core, b"p", MINUTE).unwrap_err().to_string();
        assert!(said.contains("stopped after 0 samples: panic at src/bin/faults.rs:"), "{said}");
        let line = said.rsplit(':').next().map(str::parse::<u32>);
        assert!(matches!(line, Some(Ok(1..))), "{said}");
    }
}

#[test]
fn a_fault_shows_the_registers() {
    for core in CORES {
        let said = ended(core, b"f", MINUTE).unwrap_err().to_string();
        for register in ["fault at pc 0x", "lr 0x", "r0 0x", "r12 0x", "xpsr 0x"] {
            assert!(said.contains(register), "{core:?}: {said}");
        }
        // A Cortex-M0 has no such register.
        assert_eq!(said.contains("cfsr 0x"), core != Core::M0, "{core:?}: {said}");
    }
}

#[test]
fn a_stack_overflow_is_told_and_harms_nothing() {
    for core in CORES {
        let said = ended(core, b"s", MINUTE).unwrap_err().to_string();
        assert!(said.contains("stack overflow, stack pointer 0x"), "{core:?}: {said}");
    }
}

#[test]
fn a_board_that_hangs_is_given_up() {
    let said = ended(Core::M4F, b"h", Duration::from_secs(2)).unwrap_err().to_string();
    assert!(said.contains("silent for 2 s and was given up after 0 samples"), "{said}");
}

#[test]
fn an_end_without_a_race_is_not_taken_for_one() {
    let said = ended(Core::M4F, b"x", MINUTE).unwrap_err().to_string();
    assert_eq!(said, "the record breaks off after 0 samples, before the race's end");
}

/// Cuts the board's power when it has told so many events.
struct Scissors {
    process: u32,
    events: usize,
}

impl View for Scissors {
    fn seed(&mut self, _: u64) -> Result<()> {
        Ok(())
    }

    fn event(&mut self, _: &Field, _: &Event<&[f32]>) -> Result<()> {
        // What was under way when the power went may still arrive.
        let Some(left) = self.events.checked_sub(1) else { return Ok(()) };
        self.events = left;
        if left == 0 {
            kill(self.process);
        }
        Ok(())
    }

    fn outcome(&mut self, _: &Field, _: &Outcome) -> Result<()> {
        Ok(())
    }
}

fn kill(process: u32) {
    let killed = Command::new("sh").arg("-c").arg(format!("kill -9 {process}")).status();
    assert!(killed.expect("there is a shell").success());
}

#[test]
fn a_power_cut_at_any_event_leaves_the_record_up_to_there() {
    program();
    let mut field = field(SHORT);
    field.settings.stretch = 1;
    let firmware = Firmware::find(None).unwrap();
    let board = board("microbit");
    let race = build::constants(&field);
    let image = firmware.build(board, "race", Link::Semihosting, Some(&race)).unwrap();
    let (frames, _) = frames_here(&field);
    let told = frames.split(|&byte| byte == 0).count() - 1;
    // The last events come within a millisecond, too fast to cut between them.
    for events in 1..=11 {
        let (mut emulator, samples) = Emulator::start(board, &image).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.bin");
        let cut = Scissors { process: emulator.id(), events };
        let mut listener = Listener::new(&field, vec![Box::new(cut)]);
        listener.record(fs::File::create(&path).unwrap());
        assert_eq!(listener.listen(&emulator.said, MINUTE).unwrap(), Hush::Ended);
        drop(samples);
        assert_eq!(emulator.end().unwrap(), End::Cut);
        let heard = listener.heard();
        let said = judge(End::Cut, heard).unwrap_err().to_string();
        let samples = heard.samples;
        let expected = format!(
            "the power was cut: the record is complete up to the event at {samples} samples"
        );
        assert_eq!(said, expected);
        assert_eq!(samples % 400, 0);
        assert_eq!((heard.damaged, heard.strange), (0, 0));
        // The whole frames of the recording are the first of the race.
        let recorded = fs::read(&path).unwrap();
        let whole = &recorded[1..=recorded.iter().rposition(|&byte| byte == 0).unwrap()];
        assert!(frames.starts_with(whole), "cut at event {events}");
        let count = whole.split(|&byte| byte == 0).count() - 1;
        assert!((events..told).contains(&count), "{count} events when cut at event {events}");
    }
}

#[test]
fn a_power_cut_is_told_to_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run.jsonl");
    let mut command = program().command();
    command.args("emulate --board microbit --view json --out".split(' ')).arg(&out);
    let mut running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = || fs::read_to_string(&out).unwrap_or_default().lines().count();
    while lines() < 8 {
        assert!(running.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(2));
    }
    let id = running.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    kill(children.trim().parse().expect("one emulator"));
    let done = running.wait_with_output().unwrap();
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap();
    let start = "derby: the power was cut: the record is complete up to the event at ";
    assert!(last.starts_with(start) && last.ends_with(" samples"), "{said}");
    let written = fs::read_to_string(&out).unwrap();
    assert!(written.ends_with('\n'));
    for line in written.lines() {
        serde_json::from_str::<Value>(line).expect("every line is whole");
    }
    let whole = text(&derby("emulate --board microbit --view json").stdout);
    // The first line has the words of the command, and here they differ.
    let [events, written] =
        [&whole, &written].map(|lines| lines.split_once('\n').expect("the race has started").1);
    assert!(events.starts_with(written), "{written}");
}

#[test]
fn silence_ends_a_race() {
    let words = "emulate --board microbit --samples 8000 --check 8000 --timeout 0.3 --view json";
    let done = derby(words);
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap();
    let start = "derby: the board has been silent for 0.3 s and was given up after 0 samples";
    assert!(last.starts_with(start), "{said}");
}
