//! Races that are stopped and go on: however they end, nothing is lost.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::Result;
use derby::args::RaceArguments;
use derby::checkpoint::{Checkpoint, Head, Keeper, backup};
use derby::crew::Threads;
use derby::field::Field;
use derby::isa::Isa;
use derby::run::{Outcome, Run};
use derby::stop::{Stop, Stopped};
use derby::view::View;
use derby::view::json::Json;
use derby_core::Event;
use derby_tests::program;
use serde_json::Value;
use tempfile::TempDir;

/// A race of which three nets leave.
const SMALL: &str = "--task xor --bits 8 --nets 4,8x1..2 --samples 8000 --check 400";

fn table() -> String {
    format!("{}/data/wine.csv --target cultivar", env!("CARGO_MANIFEST_DIR"))
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// The lines of a race told as JSON, without how it was run: its command line and its time.
fn untimed(text: &[u8]) -> Vec<Value> {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    let mut lines: Vec<Value> =
        lines.map(|line| serde_json::from_slice(line).expect("every line is whole")).collect();
    for line in &mut lines {
        match line["event"].as_str() {
            Some("started") => line["command"].take(),
            Some("finished") => line["seconds"].take(),
            _ => Value::Null,
        };
    }
    lines
}

// In this process: cut at an event.

/// Stops a race at an event.
struct Brake<'b> {
    /// Events still to come before it.
    left: &'b Cell<usize>,
    stop: Stop,
}

impl View for Brake<'_> {
    fn seed(&mut self, _: u64) -> Result<()> {
        Ok(())
    }

    fn event(&mut self, _: &Field, _: &Event<&[f32]>) -> Result<()> {
        if self.left.get() == 0 {
            self.stop.ask();
        }
        self.left.set(self.left.get().saturating_sub(1));
        Ok(())
    }

    fn outcome(&mut self, _: &Field, _: &Outcome) -> Result<()> {
        Ok(())
    }
}

/// Runs a race, from the checkpoint at `path` if there is one, to its end or to the event at
/// `until`. What it told is added to `told`.
fn run(
    line: &str,
    path: &Path,
    every: u64,
    threads: usize,
    until: usize,
    told: &mut Vec<u8>,
) -> bool {
    let arguments = RaceArguments::of(&words(line)).expect("the words are a race");
    let field = Field::of_race(&arguments, arguments.seed).expect("the race is sound");
    let checkpoint = path.exists().then(|| Checkpoint::read(path).expect("it is whole"));
    let head = Head {
        words: words(line),
        taken: 0,
        samples: field.samples,
        seconds: 0.0,
        table: field.source.crc().expect("the table is there"),
    };
    let keeper = Keeper::new(path, every, head, field.event_room(), checkpoint.as_ref()).unwrap();
    let stop = Stop::default();
    let left = Cell::new(until);
    let isa = Isa::widest();
    let mut views: Vec<Box<dyn View + '_>> = vec![
        Box::new(Json::new(told, arguments.line())),
        Box::new(Brake { left: &left, stop: stop.clone() }),
    ];
    let run = Run { checkpoint, keeper: Some(keeper), stop: Some(stop), ..Run::new(&field, isa) };
    match run.race(&mut Threads::new(threads, isa), &mut views) {
        Ok(_) => true,
        Err(error) => {
            let stopped = error.downcast_ref::<Stopped>().expect("nothing else ends it");
            assert_eq!(stopped.code(), 130);
            let how = format!("go on with: derby race --resume {}", path.display());
            assert!(stopped.message.contains(&how), "{stopped}");
            false
        }
    }
}

fn whole(line: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    assert!(run(line, &folder.path().join("kept"), u64::MAX, 2, usize::MAX, &mut told));
    untimed(&told)
}

#[test]
fn a_race_cut_at_any_event_ends_in_the_same_bits() {
    let expected = whole(SMALL);
    assert!(expected.len() > 20);
    for until in 0..expected.len() + 2 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let mut told = Vec::new();
        let ended = run(SMALL, &path, 1000, 1, until, &mut told);
        if !ended {
            told.clear();
            assert!(run(SMALL, &path, 1000, 3, usize::MAX, &mut told));
        }
        assert_eq!(untimed(&told), expected, "cut at event {until}");
    }
}

#[test]
fn a_race_cut_again_and_again_ends_in_the_same_bits() {
    let table = table();
    for line in [
        "--task log --nets 8,16x1 --samples 11000 --check 500 --mixer paper --batch 7".to_owned(),
        "--task log-fresh --nets 8x1@1..3 --samples 3000 --check 200 --optimizer adam".to_owned(),
        "--task xor-mod --nets 8x0..2 --samples 4000 --check 300 --mixer pooled".to_owned(),
        "--task sine --nets 4,8x1 --samples 3000 --check 210 --mixer win --held-back 3".to_owned(),
        "--task drift --nets 8x1..3 --samples 3000 --check 200 --mixer hedge".to_owned(),
        format!("{table} --samples 4000 --check 250 --seed 4"),
        format!("{table} --samples 2000 --batch 33 --mixer ratio --referee faded"),
    ] {
        let expected = whole(&line);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let mut told = Vec::new();
        let mut runs = 1;
        // Each run ends three events behind the last one.
        while !run(&line, &path, 170, runs % 3 + 1, 3 * runs, &mut told) {
            told.clear();
            runs += 1;
        }
        assert_eq!(untimed(&told), expected, "{line}");
        assert!(runs > 3, "{line} was cut {runs} times");
    }
}

// As a user runs it.

/// A folder with a race that runs for some seconds.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn derby(&self, line: &str) -> Command {
        let mut command = program().command();
        command.current_dir(&self.folder).args(line.split_whitespace());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn done(&self, line: &str) -> Output {
        self.derby(line).output().expect("the command starts")
    }

    /// What a run tells that ends well and has nothing to remark.
    fn told(&self, line: &str) -> Vec<Value> {
        let done = self.done(line);
        assert_eq!((said(&done).as_str(), done.status.code()), ("", Some(0)));
        untimed(&done.stdout)
    }

    /// Starts a run, and waits until it has kept itself.
    fn kept(&self, line: &str, checkpoint: &str) -> Child {
        let mut child = self.derby(line).spawn().expect("the command starts");
        while !self.path(checkpoint).exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended too early");
            std::thread::sleep(Duration::from_millis(1));
        }
        child
    }
}

fn said(done: &Output) -> String {
    String::from_utf8(done.stderr.clone()).expect("messages are UTF-8")
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(done.expect("there is kill").success());
}

/// Long enough to be stopped on the way, also where everything is fast.
const LONG: &str = "race --task xor --nets 8,16x1..2 --samples 30000 --check 1500 --view json";

#[test]
fn signals_keep_the_race_and_say_how_to_go_on() {
    let place = Place::new();
    let expected = place.told(LONG);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let began = format!("{LONG} --checkpoint {name} --every 500 --out {name}.jsonl");
        let child = place.kept(&began, name);
        signal(&child, name);
        let done = child.wait_with_output().unwrap();
        let message = said(&done);
        assert_eq!(done.status.code(), Some(code), "{message}");
        assert!(message.starts_with("derby: stopped at "), "{message}");
        let end = format!(" of 30000 samples; go on with: derby race --resume {name}\n");
        assert!(message.ends_with(&end), "{message}");
        let told = untimed(&done.stdout);
        assert_eq!(told[..], expected[..told.len()]);
        assert_eq!(untimed(&fs::read(place.path(&format!("{name}.jsonl"))).unwrap()), told);
        // It goes on by its file alone, and its file of events is whole in the end.
        let line = format!("race --resume {name} --view json --threads 1 --out {name}.jsonl");
        assert_eq!(place.told(&line), expected);
        let file = fs::read(place.path(&format!("{name}.jsonl"))).unwrap();
        assert_eq!(untimed(&file), expected);
        // The file names the command that began it.
        let first: Value =
            serde_json::from_slice(file.split(|&b| b == b'\n').next().unwrap()).unwrap();
        assert_eq!(first["command"], format!("derby {began}"));
        // And what has ended ends again.
        assert_eq!(place.told(&line), expected);
    }
}

#[test]
fn a_signal_without_a_checkpoint_says_what_would_have_kept_it() {
    let place = Place::new();
    let child = place.kept(&format!("{LONG} --out run.jsonl"), "run.jsonl");
    // The file is there before signals are caught; its first line is written when the race starts.
    while fs::metadata(place.path("run.jsonl")).unwrap().len() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(&child, "INT");
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(130));
    assert!(said(&done).contains("--checkpoint FILE keeps a race"), "{}", said(&done));
}

#[test]
fn a_race_killed_at_any_time_goes_on() {
    let place = Place::new();
    let expected = place.told(LONG);
    let mut line = format!("{LONG} --checkpoint kept --every 300");
    // Pauses of all lengths, the same in every run.
    for round in 0..12_u64 {
        let mut child = place.kept(&line, "kept");
        std::thread::sleep(Duration::from_micros(round * 7919 % 30_000));
        let has_ended = child.try_wait().unwrap().is_some();
        if !has_ended {
            signal(&child, "KILL");
        }
        let done = child.wait_with_output().unwrap();
        if has_ended {
            assert_eq!(untimed(&done.stdout), expected);
        }
        line = "race --resume kept --every 300 --view json".to_owned();
    }
    assert_eq!(place.told(&line), expected);
    let left: Vec<_> = fs::read_dir(place.folder.path()).unwrap().collect();
    assert!(left.len() <= 3, "the file, the one before, and at most one half written: {left:?}");
}

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before() {
    let place = Place::new();
    let race = format!("race {SMALL} --view json");
    let expected = place.told(&race);
    let stopped = |name: &str| {
        let mut told = Vec::new();
        assert!(!run(SMALL, &place.path(name), 500, 1, 12, &mut told));
        assert!(backup(&place.path(name)).exists());
    };
    let resume = |name: &str| place.done(&format!("race --resume {name} --view json"));

    stopped("flipped");
    let mut bytes = fs::read(place.path("flipped")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(place.path("flipped"), bytes).unwrap();
    let done = resume("flipped");
    assert_eq!(
        said(&done),
        "derby: flipped: the checkpoint is damaged; the one before it is used\n"
    );
    assert_eq!(untimed(&done.stdout), expected);

    stopped("missing");
    fs::remove_file(place.path("missing")).unwrap();
    let done = resume("missing");
    assert!(said(&done).contains("the one before it is used"), "{}", said(&done));
    assert_eq!(untimed(&done.stdout), expected);

    stopped("both");
    for path in [place.path("both"), backup(&place.path("both"))] {
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    }
    let done = resume("both");
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(said(&done), "derby: --resume both: both: the checkpoint is damaged\n");
}

#[test]
fn what_cannot_go_on_says_why() {
    let place = Place::new();
    fs::copy(format!("{}/data/wine.csv", env!("CARGO_MANIFEST_DIR")), place.path("wine.csv"))
        .unwrap();
    let race = "race wine.csv --target cultivar --samples 3000 --check 500";
    let child = place.kept(&format!("{race} --checkpoint kept --every 10"), "kept");
    signal(&child, "INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));

    let refused = |line: &str, part: &str| {
        let before = fs::read(place.path("kept")).unwrap();
        let done = place.done(line);
        let message = said(&done);
        assert_eq!((done.status.code(), done.stdout.len()), (Some(1), 0), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.starts_with("derby: ") && message.contains(part), "{message}");
        assert_eq!(fs::read(place.path("kept")).unwrap(), before);
    };
    refused(&format!("{race} --seed 1 --resume kept"), "another race than the arguments");
    refused(&format!("{race} --checkpoint kept"), "go on with it: derby race --resume kept");
    refused(&format!("{race} --checkpoint wine.csv"), "wine.csv is another kind of file");
    refused("race --resume wine.csv", "this is no checkpoint of derby");
    refused("race --resume nowhere", "nowhere: No such file");
    refused(&format!("{race} --checkpoint no/where"), "--checkpoint no/where: No such file");
    let table = fs::read_to_string(place.path("wine.csv")).unwrap();
    fs::write(place.path("wine.csv"), table.replace("14.23", "14.24")).unwrap();
    refused("race --resume kept", "the table is not the one that the race began with");
    fs::remove_file(place.path("wine.csv")).unwrap();
    refused("race --resume kept", "wine.csv");
}

#[test]
fn a_full_disk_is_named_and_the_last_checkpoint_stays() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let place = Place::new();
    let race = format!("race {SMALL}");
    let done = place.derby(&race).stdout(fs::File::create("/dev/full").unwrap()).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(said(&done).starts_with("derby: standard output: No space left"), "{}", said(&done));
    let done = place.done(&format!("{race} --out /dev/full"));
    assert_eq!(done.status.code(), Some(1));
    assert!(said(&done).starts_with("derby: --out /dev/full: No space left"), "{}", said(&done));

    // Files may grow to 10 blocks of 512 bytes: the first checkpoints fit, later ones, which hold
    // more events, do not.
    let limited = format!(
        "trap '' XFSZ; ulimit -f 10; exec {} {race} --checkpoint kept --every 100",
        program().path().display()
    );
    let mut shell = Command::new("sh");
    shell.current_dir(&place.folder).args(["-c", &limited]);
    let done = shell.output().unwrap();
    let message = said(&done);
    assert_eq!(done.status.code(), Some(1), "{message}");
    assert!(message.starts_with("derby: --checkpoint kept: it cannot be written; the last one"));
    assert!(message.contains("File too large"), "{message}");
    assert_eq!(place.told("race --resume kept --view json"), whole(SMALL));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let place = Place::new();
    let shell = format!(
        "{{ {} {LONG} --checkpoint kept --every 2000; echo code $? >&2; }} | head -1",
        program().path().display()
    );
    let mut command = Command::new("sh");
    let done = command.current_dir(&place.folder).args(["-c", &shell]).output().unwrap();
    assert_eq!(said(&done), "code 0\n");
    assert_eq!(done.stdout.split(|&byte| byte == b'\n').count(), 2);
    // It stopped on the way, and what it had learned is kept.
    let head = Checkpoint::read(&place.path("kept")).unwrap().head;
    assert!(head.taken < head.samples, "{head:?}");
    assert_eq!(place.told("race --resume kept --view json"), place.told(LONG));
}
