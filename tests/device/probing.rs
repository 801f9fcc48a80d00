//! A race at a debug probe, from flashing to the last event. The probe is a fake, see
//! `fake_probe.rs`, and the board an emulated one; the image, its channels and what the command
//! makes of them are those of a real board.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use escargot::{CargoBuild, CargoRun};
use tempfile::TempDir;

use crate::{SHORT, finished, program, text};

/// The board that can be both emulated and flashed.
const BOARD: &str = "netduinoplus2";

/// A folder with a fake `probe-rs` and the board behind it.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        static FAKE: OnceLock<CargoRun> = OnceLock::new();
        let fake = FAKE.get_or_init(|| {
            let build = CargoBuild::new().package("derby-tests").example("fake_probe");
            build.current_release().run().expect("the fake builds")
        });
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(fake.path(), folder.path().join("probe-rs")).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn derby(&self, words: &str) -> Output {
        let own = self.path().to_owned();
        let others = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([own].into_iter().chain(env::split_paths(&others))).unwrap();
        let mut command = program().command();
        command.env("PATH", path).env("FAKE_PROBE", self.path());
        command.args(words.split_whitespace()).output().expect("the command starts")
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // A board does not end by itself.
        if let Ok(process) = fs::read_to_string(self.path().join("process")) {
            let _ = Command::new("sh").arg("-c").arg(format!("kill -9 {process}")).status();
        }
    }
}

#[test]
fn a_race_is_flashed_and_told() {
    let bench = Bench::new();
    let flash = format!("flash --board {BOARD} {SHORT} --compare --view json");
    let done = bench.derby(&flash);
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert!(said.contains("same bits as here: all "), "{said}");
    assert!(said.contains("board: exit 0\n"), "{said}");
    let here = bench.derby(&format!("race {SHORT} --view json"));
    assert_eq!(finished(&done.stdout), finished(&here.stdout));
    // It has told all, and whoever comes now hears nothing more.
    let late = bench.derby(&format!("watch --board {BOARD} --timeout 1"));
    assert_eq!(text(&late.stderr), "derby: silent for 1 s\n");
}

#[test]
fn samples_are_sent_through_the_probe() {
    let words = "--task sine --nets 2,3x1 --samples 150 --check 50 --serve --compare --view json";
    let bench = Bench::new();
    let done = bench.derby(&format!("flash --board {BOARD} {words}"));
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert!(said.contains("board: serve on netduinoplus2"), "{said}");
    assert!(said.contains("same bits as here: all "), "{said}");
}

#[test]
fn a_board_without_a_race_cannot_be_watched() {
    let bench = Bench::new();
    let never = bench.derby(&format!("watch --board {BOARD}"));
    let said = text(&never.stderr);
    assert_eq!(never.status.code(), Some(1), "{said}");
    assert!(said.starts_with("derby: probe-rs read: "), "{said}");
}
