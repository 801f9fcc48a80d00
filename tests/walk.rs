//! The way a new user takes, from a table to a net on a board, one command after the other; and
//! every command that the README and the help show is one.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use clap::CommandFactory;
use derby::args::Arguments;
use derby_tests::program;
use serde_json::Value;
use tempfile::tempdir;

/// Runs `command`, which must succeed, and returns what it writes and what it remarks.
fn done(command: &mut Command) -> (String, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let Output { status, stdout, stderr } = output;
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
    assert!(status.success(), "{command:?}: {status}, {stderr}");
    (stdout, stderr)
}

/// The classes of each row of the table on standard input: as found, and as they are.
const MAIN: &str = r#"
#include <stdio.h>
#include "wine.h"
int main(void) {
    float sample[WINE_INPUTS];
    char class[100];
    for (;;) {
        for (int i = 0; i < WINE_INPUTS; i++)
            if (scanf("%f,", &sample[i]) != 1) return 0;
        if (scanf("%99s", class) != 1) return 1;
        printf("%s %s\n", wine_classes[wine_classify(sample)], class);
    }
}
"#;

#[test]
fn from_a_table_to_a_net_on_a_board() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let derby = |line: &str| {
        let mut command = program().command();
        done(command.current_dir(folder.path()).args(line.split_whitespace()))
    };
    let table = fs::read_to_string(format!("{}/data/wine.csv", env!("CARGO_MANIFEST_DIR")));
    let table = table.expect("the table is there");
    fs::write(file("wine.csv"), &table).unwrap();

    // A race, to a winner.
    let race = "wine.csv --target cultivar --nets 8,16x1..2 --samples 10000";
    let (told, _) = derby(&format!("race {race} --out run.jsonl"));
    assert!(told.contains("\nWinner ("), "{told}");
    let run = fs::read_to_string(file("run.jsonl")).unwrap();
    let finished: Value = serde_json::from_str(run.lines().last().unwrap()).unwrap();
    let hash = finished["hash"].as_str().expect("the run has finished");
    assert!(told.contains(hash), "{told}");

    // A page to look at it.
    derby("report run.jsonl --svg pictures");
    let page = fs::read_to_string(file("run.html")).unwrap();
    assert!(page.contains(hash) && page.contains("cultivar"));
    assert!(fs::read_dir(file("pictures")).unwrap().count() > 0);

    // The winner in C knows most of the wines.
    derby("export run.jsonl --format c --output wine.h");
    fs::write(file("main.c"), MAIN).unwrap();
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-ffp-contract=off"]);
    done(gcc.args(["main.c", "-o", "wine"]).current_dir(folder.path()));
    let (_, rows) = table.split_once('\n').unwrap();
    fs::write(file("rows.csv"), rows).unwrap();
    let rows_file = fs::File::open(file("rows.csv")).unwrap();
    let (found, _) = done(Command::new(file("wine")).stdin(rows_file));
    let right = found.lines().filter_map(|line| line.split_once(' ')).filter(|(a, b)| a == b);
    assert_eq!(found.lines().count(), rows.lines().count());
    let (right, all) = (right.count(), rows.lines().count());
    assert!(20 * right >= 19 * all, "{right} of {all} wines");

    // The same race on a board.
    let race = race.replace("10000", "2000");
    let (told, remarks) = derby(&format!("emulate --board mps2-an386 {race} --compare"));
    assert!(told.contains("\nWinner ("), "{told}");
    assert!(remarks.contains("same bits as here: all "), "{remarks}");
}

/// The commands in a text: lines that begin with `derby`, without what a shell takes for itself.
fn commands(text: &str) -> Vec<Vec<OsString>> {
    let lines = text.lines().map(str::trim_start).filter(|line| line.starts_with("derby "));
    let words = |line: &str| {
        line.split_whitespace()
            .take_while(|word| !["#", ">", "|"].contains(word))
            .map(OsString::from)
            .collect()
    };
    lines.map(words).collect()
}

#[test]
fn every_command_shown_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    // Commands stand in blocks for a shell.
    let blocks: Vec<_> = readme.split("```sh\n").skip(1).collect();
    let mut shown: String = blocks.iter().map(|rest| rest.split("```").next().unwrap()).collect();
    let mut derby = Arguments::command();
    for help in std::iter::once(derby.clone()).chain(derby.get_subcommands_mut().map(|c| c.clone()))
    {
        let after = help.get_after_help().map(ToString::to_string).unwrap_or_default();
        let name = help.get_name();
        assert!(name == "help" || !commands(&after).is_empty(), "derby {name} shows no example");
        shown += &after;
        shown.push('\n');
    }
    for words in commands(&shown) {
        match Arguments::of(words.clone()) {
            Ok(_) => {}
            Err(error) if error.exit_code() == 0 => {}
            Err(error) => panic!("{words:?}: {error}"),
        }
    }
}
