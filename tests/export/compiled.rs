//! The Rust modules and C headers, compiled as users may compile them, answer as the core does.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use derby::export::Format;
use tempfile::tempdir;

use crate::{answers, assert_same_bits, from_bytes, models, run, samples, to_bytes};

/// Runs `program` with the number of each model and its samples, and compares what it answers.
fn check(program: &Path, folder: &Path, what: &str) {
    for (number, model) in models().iter().enumerate() {
        let samples = samples(model);
        let input = folder.join("samples");
        fs::write(&input, to_bytes(&samples)).unwrap();
        let mut command = Command::new(program);
        let output = run(command.arg(number.to_string()).stdin(File::open(&input).unwrap()));
        let what = format!("{what}, model {number}");
        assert_same_bits(&from_bytes(&output.stdout), &answers(model, &samples), &what);
    }
}

/// Writes every model to a file of its own.
fn write(folder: &Path, format: Format, ending: &str) {
    for (number, model) in models().iter().enumerate() {
        let name = format!("model_{number}");
        fs::write(folder.join(&name).with_extension(ending), format.write(model, &name)).unwrap();
    }
}

#[test]
fn rust_modules_answer_as_the_core_does() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    write(folder.path(), Format::Rust, "rs");
    let mut modules = "#![no_std]\n#![forbid(unsafe_code)]\n#![deny(warnings)]\n".to_owned();
    let mut arms = String::new();
    for number in 0..models().len() {
        writeln!(modules, "pub mod model_{number};").unwrap();
        writeln!(arms, "        {number} => answer!(models::model_{number}),").unwrap();
    }
    fs::write(file("models.rs"), modules).unwrap();
    fs::write(file("main.rs"), include_str!("main.rs").replace("/* arms */", &arms)).unwrap();
    for level in ["0", "3"] {
        let rustc = |name: &str, more: &[&str]| {
            let mut rustc = Command::new("rustc");
            rustc.current_dir(folder.path()).args(["--edition=2024", "-C"]);
            rustc.arg(format!("opt-level={level}")).args(["-C", "target-cpu=native"]);
            run(rustc.args(more).arg(name));
        };
        rustc("models.rs", &["--crate-type=rlib"]);
        rustc("main.rs", &["--extern=models=libmodels.rlib"]);
        check(&file("main"), folder.path(), &format!("rustc, level {level}"));
    }
}

/// The ways to compile C: careful ones, and ones that fuse wherever they may.
const C: [(&str, &str); 6] = [
    ("cc", "-std=c99 -pedantic -Wall -Wextra -Werror -O2 -ffp-contract=off"),
    ("cc", "-O0"),
    ("cc", "-O2 -ffp-contract=off"),
    ("cc", "-O3 -march=native"),
    ("cc", "-Os -march=native -ffp-contract=fast"),
    ("c++", "-std=c++11 -Wall -Wextra -Werror -O3 -march=native -x c++"),
];

#[test]
fn c_headers_answer_as_the_core_does() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    write(folder.path(), Format::C, "h");
    let (mut headers, mut cases) = (String::new(), String::new());
    for number in 0..models().len() {
        writeln!(headers, "#include \"model_{number}.h\"").unwrap();
        writeln!(cases, "    ANSWER({number}, model_{number}, MODEL_{number})").unwrap();
    }
    let main = include_str!("main.c");
    let main = main.replace("/* headers */", &headers).replace("/* cases */", &cases);
    fs::write(file("main.c"), main).unwrap();
    for (compiler, flags) in C {
        let mut cc = Command::new(compiler);
        run(cc.current_dir(folder.path()).args(flags.split(' ')).args(["-o", "main", "main.c"]));
        check(&file("main"), folder.path(), &format!("{compiler} {flags}"));
    }
}

#[test]
fn flags_that_change_bits_are_refused() {
    let folder = tempdir().unwrap();
    write(folder.path(), Format::C, "h");
    let mut cc = Command::new("cc");
    cc.current_dir(folder.path()).args(["-ffast-math", "-x", "c", "-c", "model_0.h"]);
    let output = cc.output().expect("there is a compiler");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("-ffast-math reorders sums"));
}
