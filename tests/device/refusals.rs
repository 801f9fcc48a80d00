//! What cannot be done, and what the command says then.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use crate::{derby, program, text};

#[test]
fn what_does_not_fit_is_not_built() {
    let done = derby("emulate --board microbit --nets 64x3");
    assert_eq!(done.status.code(), Some(1));
    let said = text(&done.stderr);
    assert!(said.contains("microbit does not fit: "), "{said}");
    assert!(said.contains("0 of the 1 nets would, see derby plan"), "{said}");
}

#[test]
fn a_missing_tool_is_named_with_its_command() {
    let empty = broken(&[]);
    let without = |words| among(&empty, words);
    assert_eq!(
        without("emulate --board microbit"),
        "derby: qemu-system-arm is not installed; this installs it: \
         apt-get install qemu-system-arm\n"
    );
    for words in ["flash --board stm32f411", "watch --board stm32f411"] {
        assert_eq!(
            without(words),
            "derby: probe-rs is not installed; this installs it: \
             cargo install probe-rs-tools --locked\n"
        );
    }
}

/// A folder of programs that say what they are told and fail.
fn broken(programs: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, says) in programs {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\necho '{says}' >&2\nexit 1\n")).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

fn among(folder: &TempDir, words: &str) -> String {
    let mut command = program().command();
    let done = command.args(words.split(' ')).env("PATH", folder.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    text(&done.stderr)
}

#[test]
fn a_missing_compiler_or_target_is_named_with_its_command() {
    let emulator = ("qemu-system-arm", "");
    let said = among(&broken(&[emulator]), "emulate --board microbit");
    assert_eq!(
        said,
        "derby: cargo is not installed; this installs it: \
         curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh\n"
    );
    let without = "error[E0463]: cannot find crate for core; the target may not be installed";
    let said = among(&broken(&[emulator, ("cargo", without)]), "emulate --board microbit");
    assert_eq!(
        said,
        "derby: the compiler has no thumbv6m-none-eabi; this installs it: \
         rustup target add thumbv6m-none-eabi\n"
    );
    // Anything else that cargo complains of is shown.
    let said = among(&broken(&[emulator, ("cargo", "a typo")]), "emulate --board microbit");
    assert_eq!(said, "a typo\nderby: the image race for microbit was not built\n");
}

#[test]
fn an_emulator_that_does_not_start_is_quoted() {
    let folder = broken(&[("qemu-system-arm", "unsupported machine")]);
    let cargo = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        [folder.path().to_owned()].into_iter().chain(std::env::split_paths(&cargo)),
    );
    let mut command = program().command();
    command.args(["emulate", "--board", "microbit"]).env("PATH", path.unwrap());
    let said = text(&command.output().unwrap().stderr);
    assert_eq!(said, "derby: the board did not start (code 1): unsupported machine\n");
}

#[test]
fn boards_say_what_they_cannot_do() {
    let said = |words| text(&derby(words).stderr);
    assert_eq!(
        said("emulate --board rp2350"),
        "derby: rp2350 cannot be emulated, only flashed: derby flash\n"
    );
    assert_eq!(
        said("flash --board mps2-an386"),
        "derby: mps2-an386 cannot be flashed, only emulated: derby emulate\n"
    );
    let unknown = derby("plan --board abacus");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("boards are microbit, "), "{unknown:?}");
    assert_eq!(
        said("emulate --board microbit --seeds 3"),
        "derby: a board races one seed at a time: give --seed S instead of --seeds\n"
    );
    let nowhere = derby("emulate --board microbit --firmware /nowhere");
    assert_eq!(
        text(&nowhere.stderr),
        "derby: /nowhere has no sources of the firmware; say where with --firmware DIR\n"
    );
}
