//! What the images weigh: no panic in the core, flash and RAM within their budgets, and both as
//! `derby plan` says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use clap::Parser as _;
use derby::args::{Arguments, Command as Derby};
use derby::device::build::{Firmware, constants};
use derby::device::log::Texts;
use derby::device::needs::{Needs, RACE, SERVE};
use derby::device::{cost, field};
use derby::field::Field;
use derby_boards::{Board, Core, EMULATOR, Link};
use derby_core::{Entry, Optimizer, Shape};
use derby_tests::GROWTH;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

/// A board of each processor, first those that are emulated and then those that are flashed.
const EMULATED: [&str; 4] = ["microbit", "lm3s6965evb", "mps2-an386", "mps2-an505"];
const FLASHED: [&str; 3] = ["microbit", "stm32f411", "rp2350"];

/// Most bytes of code that a minimal race with one optimizer may have on a Cortex-M4F, with the
/// core at opt-level 3 as in all images.
const LIMIT: u64 = 12 * 1024;

fn board(name: &str) -> &'static Board {
    Board::named(name).expect("a board of the table")
}

fn firmware() -> Firmware {
    Firmware::find(None).expect("the firmware is here")
}

/// The race that `derby plan` plans for `board` with these words.
fn planned(board: &Board, words: &str) -> Field {
    let line = format!("derby plan --board {} {words}", board.name);
    let arguments = Arguments::try_parse_from(line.split_whitespace());
    match arguments.expect("the words are a race").command {
        Some(Derby::Plan(arguments)) => field(board, &arguments.race).expect("it is sound"),
        other => panic!("{other:?} is no plan"),
    }
}

/// Bytes of the sections of these names.
fn bytes_of(image: &Path, names: &[&str]) -> u64 {
    let bytes = fs::read(image).expect("the image is there");
    let file = object::File::parse(&*bytes).expect("the image is ELF");
    let section = |name: &&str| file.section_by_name(name).map_or(0, |section| section.size());
    names.iter().map(section).sum()
}

fn static_ram(image: &Path) -> u64 {
    bytes_of(image, &[".data", ".bss", ".uninit"])
}

fn flash(image: &Path) -> u64 {
    let names = [".vector_table", ".start_block", ".text", ".rodata", ".data", ".gnu.sgstubs"];
    bytes_of(image, &names)
}

#[test]
fn the_core_cannot_panic() {
    for name in EMULATED {
        let image =
            firmware().build(board(name), "panic_free", Link::Semihosting, None).expect("it links");
        let bytes = fs::read(&image).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let code = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
        let names: Vec<_> = code.filter_map(|symbol| symbol.name().ok()).collect();
        assert!(names.iter().any(|name| name.contains("derby_core")), "{name}: no symbols");
        for part in ["panicking", "begin_unwind", "core_can_panic", "unwrap_failed", "alloc"] {
            let found: Vec<_> = names.iter().filter(|name| name.contains(part)).collect();
            assert!(found.is_empty(), "{name}: {found:?}");
        }
    }
}

/// Builds the smallest race, without what it does not use.
fn minimal() -> PathBuf {
    let board = board("mps2-an386");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--quiet", "--bin", "minimal"]);
    cargo.args(["--no-default-features", "--features", "semihosting"]);
    cargo.args(["--target", board.core.target(), "--target-dir", "target"]);
    cargo.env("DERBY_BOARD", board.name).current_dir(&folder);
    for flags in ["DERBY_RACE", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(flags);
    }
    assert!(cargo.status().expect("cargo runs").success());
    folder.join("target").join(board.core.target()).join("release/minimal")
}

#[test]
fn a_minimal_race_is_small() {
    let image = minimal();
    let text = bytes_of(&image, &[".text"]);
    println!("a minimal race: {text} bytes of code, {} of flash in all", flash(&image));
    assert!(text < LIMIT, "{text} bytes of code, allowed are {LIMIT}");
}

#[test]
fn ram_is_as_planned_to_the_byte() {
    let links = [(&EMULATED[..], Link::Semihosting), (&FLASHED[..], Link::Rtt)];
    for (names, link) in links {
        for board in names.iter().map(|name| board(name)) {
            for (words, image) in [
                ("", RACE),
                ("--task xor-mod --nets 3,5x0..2 --batch 7 --mixer pooled --held-back 2", SERVE),
                ("--task sine --nets 7x1@1..3 --optimizer adam --mixer win", RACE),
            ] {
                let field = planned(board, words);
                let needs = Needs::of(board, &field.entries, &field.settings, image, link);
                let built = firmware().build(board, image, link, Some(&constants(&field)));
                let built = built.expect("it builds");
                let (said, is) = (needs.static_ram() as u64, static_ram(&built));
                assert_eq!(said, is, "{} {image} by {link:?} {words}", board.name);
                // The default race is the one that flash is measured with.
                if words.is_empty() {
                    let (said, is) = (needs.flash as f64, flash(&built) as f64);
                    println!("{} by {link:?}: flash {is}, planned {said}", board.name);
                    assert!((said / is - 1.0).abs() < 0.15, "{}: {said} for {is}", board.name);
                }
            }
        }
    }
}

/// The lines that `bench` prints on a board, which is run once.
fn bench(board: &Board) -> Vec<String> {
    static RUNS: Mutex<BTreeMap<&str, Vec<String>>> = Mutex::new(BTreeMap::new());
    let mut runs = RUNS.lock().expect("no run has failed");
    runs.entry(board.name).or_insert_with(|| run_bench(board)).clone()
}

fn run_bench(board: &Board) -> Vec<String> {
    let image = firmware().build(board, "bench", Link::Semihosting, None).expect("it builds");
    let name = image.to_str().expect("a name of UTF-8");
    let arguments = board.emulator_arguments(name, true).expect("the board is emulated");
    let done = Command::new(EMULATOR)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .expect("these tests need qemu-system-arm: apt-get install qemu-system-arm");
    assert!(done.status.success());
    let mut lines = Vec::new();
    let texts = Texts::of(&image).expect("the image has a log");
    texts.read(&mut &done.stdout[..], &mut |line| lines.push(line.text)).expect("a log");
    lines
}

/// Instructions that training takes for a sample, as `bench` counted them when the goals were reached;
/// what it counts now is in the table of firmware/README.md.
const COUNTS: [(&str, &str, f64); 14] = [
    ("microbit", "16-16x1-8 batch 1", 114_260.0),
    ("microbit", "16-32x2-16 batch 1", 607_581.0),
    ("lm3s6965evb", "16-16x1-8 batch 1", 67_799.0),
    ("lm3s6965evb", "16-32x2-16 batch 1", 358_475.0),
    ("lm3s6965evb", "16-56x2-16 batch 1", 813_378.0),
    ("lm3s6965evb", "16-56x2-16 batch 10", 856_926.0),
    ("mps2-an386", "16-16x1-8 batch 1", 4_603.0),
    ("mps2-an386", "16-32x2-16 batch 1", 19_412.0),
    ("mps2-an386", "16-56x2-16 batch 1", 42_171.0),
    ("mps2-an386", "16-56x2-16 batch 10", 33_993.0),
    ("mps2-an505", "16-16x1-8 batch 1", 4_603.0),
    ("mps2-an505", "16-32x2-16 batch 1", 19_412.0),
    ("mps2-an505", "16-56x2-16 batch 1", 42_171.0),
    ("mps2-an505", "16-56x2-16 batch 10", 33_993.0),
];

/// Most instructions of a multiply-accumulate of learning on a Cortex-M4F, and how many of those
/// each net has: three for a weight.
const GOALS: [(&str, f64, f64); 4] = [
    ("16-16x1-8 batch 1", 4.0, 3.0 * 384.0),
    ("16-32x2-16 batch 1", 3.3, 3.0 * 2048.0),
    ("16-56x2-16 batch 1", 3.0, 3.0 * 4928.0),
    ("16-56x2-16 batch 10", 2.3, 3.0 * 4928.0),
];

/// Most percent that mixer and referee add to what nine nets take.
const SHARE: f64 = 5.0;

/// The count of the line that begins with `case`.
fn count(lines: &[String], case: &str) -> f64 {
    let line = lines.iter().find_map(|line| line.strip_prefix(&format!("{case} learn: ")));
    let count = line.and_then(|line| line.split(' ').next()?.parse().ok());
    count.unwrap_or_else(|| panic!("no count of {case}: {lines:?}"))
}

#[test]
fn instructions_have_not_grown() {
    for board in EMULATED {
        let lines = bench(self::board(board));
        for (_, case, allowed) in COUNTS.iter().filter(|(name, ..)| *name == board) {
            let count = count(&lines, case);
            println!("{board} {case}: {count}, allowed {:.0}", allowed * (1.0 + GROWTH));
            assert!(count <= allowed * (1.0 + GROWTH), "{board} {case}: {count}, was {allowed}");
        }
    }
}

#[test]
fn a_float_unit_reaches_its_goals() {
    let lines = bench(board("mps2-an386"));
    for (case, goal, macs) in GOALS {
        let each = count(&lines, case) / macs;
        println!("{case}: {each:.3} a multiply-accumulate, the goal is {goal}");
        assert!(each <= goal, "{case}: {each:.3} a multiply-accumulate, the goal is {goal}");
    }
}

#[test]
fn mixer_and_referee_add_little() {
    for (board, races) in [("lm3s6965evb", 1), ("mps2-an386", 2), ("mps2-an505", 2)] {
        let lines = bench(self::board(board));
        let shares: Vec<f64> = lines
            .iter()
            .filter(|line| line.starts_with("race of 9 nets, "))
            .filter_map(|line| line.strip_suffix(" % on top")?.rsplit(' ').next()?.parse().ok())
            .collect();
        lines.iter().filter(|line| line.contains("race")).for_each(|l| println!("{board}: {l}"));
        assert_eq!(shares.len(), races, "{board}: {lines:?}");
        assert!(shares.iter().all(|share| (0.1..=SHARE).contains(share)), "{board}: {shares:?}");
    }
}

#[test]
fn instructions_are_about_as_planned() {
    for (name, core) in EMULATED.iter().zip([Core::M0, Core::M3, Core::M4F, Core::M33]) {
        let board = board(name);
        assert_eq!(board.core, core);
        let mut found = 0;
        for line in bench(board) {
            println!("{name}: {line}");
            let Some((case, rest)) = line.split_once(" learn: ") else { continue };
            let numbers: Vec<usize> = case
                .split(|sign: char| !sign.is_ascii_digit())
                .filter_map(|word| word.parse().ok())
                .collect();
            let count = rest.split(' ').next().and_then(|word| word.parse::<f64>().ok());
            let (&[inputs, hidden, layers, outputs, batch], Some(count)) = (&numbers[..], count)
            else {
                continue;
            };
            let shape = Shape::new(inputs, hidden, layers, outputs);
            let entry = Entry::new(shape, 0).optimizer(Optimizer::Sgd { rate: 0.01 });
            let said = cost::per_sample(core, &entry, batch);
            let share = said / count;
            assert!((0.7..1.4).contains(&share), "{name} {case}: planned {said}, took {count}");
            found += 1;
        }
        assert!(found >= 2, "{name}: {found} counts");
    }
}
