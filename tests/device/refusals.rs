//! What cannot be done, and what the command says then.

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
    let empty = tempfile::tempdir().unwrap();
    let without = |words: &str| {
        let mut command = program().command();
        let done = command.args(words.split(' ')).env("PATH", empty.path()).output().unwrap();
        assert_eq!(done.status.code(), Some(1));
        text(&done.stderr)
    };
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
