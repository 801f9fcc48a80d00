//! The command as a user types it: exit codes, messages, views and files.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};

use derby_core::paper;
use derby_tests::program;
use serde_json::{Value, json};

/// The race that most tests run: two nets of which one leaves.
#[rustfmt::skip]
const SMALL: [&str; 13] = [
    "race", "--task", "xor", "--bits", "8", "--nets", "4x1,2", "--samples", "2000",
    "--referee", "paper", "--mixer", "gradient",
];

fn derby<'a>(words: impl IntoIterator<Item = &'a str>) -> Output {
    program().command().args(words).output().expect("the command starts")
}

/// What a run that succeeds writes to standard output. It writes nothing else.
fn told<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let Output { status, stdout, stderr } = derby(words);
    assert_eq!(String::from_utf8_lossy(&stderr), "");
    assert_eq!(status.code(), Some(0));
    String::from_utf8(stdout).expect("the views are UTF-8")
}

/// The message of a run that fails with `code`. Nothing is shown of a race.
fn refusal<'a>(code: i32, words: impl IntoIterator<Item = &'a str>) -> String {
    let Output { status, stdout, stderr } = derby(words);
    let message = String::from_utf8(stderr).expect("messages are UTF-8");
    assert_eq!(status.code(), Some(code), "{message}");
    assert_eq!(String::from_utf8_lossy(&stdout), "", "{message}");
    message
}

/// The first line of a refusal of the arguments; help on usage may follow.
fn wrong_arguments<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let message = refusal(2, words);
    let (first, _) = message.split_once('\n').expect("a message is a line");
    first.strip_prefix("error: ").expect("an error is called one").to_owned()
}

/// A refusal for another reason: one line, and no more.
fn other_error<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let message = refusal(1, words);
    let line = message.strip_suffix('\n').expect("a message is a line");
    assert!(!line.contains('\n'), "{line}");
    line.strip_prefix("derby: ").expect("the message says whose it is").to_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("the temporary folder has a name of UTF-8")
}

fn lines(text: &str) -> Vec<Value> {
    let parsed = text.lines().map(|line| {
        serde_json::from_str(line).unwrap_or_else(|error| {
            panic!("{error} in {line}");
        })
    });
    parsed.collect()
}

/// The same lines without how long it took, and without the words that asked for it.
fn without_seconds(mut lines: Vec<Value>) -> Vec<Value> {
    for line in &mut lines {
        if line["event"] == "started" {
            assert!(line["command"].take().as_str().expect("words").starts_with("derby race "));
        }
        if line["event"] == "finished" {
            assert!(line["seconds"].take().as_f64().expect("seconds are a number") > 0.0);
        }
    }
    lines
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn help_and_version_are_no_mistake() {
    assert!(told(["--help"]).contains("derby race --paper"));
    assert!(told(["race", "--help"]).contains("--nets <LIST>"));
    assert!(told(["--version"]).starts_with("derby "));
}

#[test]
fn shells_complete_the_arguments() {
    for shell in ["bash", "zsh", "fish"] {
        let script = told(["completions", shell]);
        assert!(script.contains("checkpoint") && script.contains("emulate"), "{shell}");
    }
}

#[test]
fn wrong_arguments_name_the_mistake() {
    for (words, parts) in [
        (&["gallop"][..], &["gallop"][..]),
        (&["race", "--task", "chess"], &["'chess'", "--task"]),
        (&["race", "--nets", "16"], &["'16'", "--nets", "SIZESxLAYERS"]),
        (&["race", "--nets", "16x1,q"], &["'q'", "--nets"]),
        (&["race", "--nets", "9..3x1"], &["'9..3'", "--nets", "empty"]),
        (&["race", "--nets", "0x1"], &["--nets", "at least 1 unit"]),
        (&["race", "--nets", ""], &["--nets"]),
        (&["race", "--samples", "0"], &["'0'", "--samples"]),
        (&["race", "--samples", "-5"], &["-5"]),
        (&["race", "--batch", "0"], &["'0'", "--batch"]),
        (&["race", "--threads", "0"], &["'0'", "--threads"]),
        (&["race", "--isa", "mmx"], &["'mmx'", "--isa"]),
        (&["race", "--bits", "12"], &["'12'", "--bits"]),
        (&["race", "--rate", "NaN"], &["'NaN'", "--rate"]),
        (&["race", "--rate", "-1"], &["-1"]),
        (&["race", "--decay", "inf"], &["'inf'", "--decay"]),
        (&["race", "--seed", "1", "--seeds", "2"], &["--seed", "--seeds"]),
        (&["race", "--seeds", "0"], &["'0'", "--seeds"]),
        (&["race", "--checkpoint", "x", "--seeds", "2"], &["--checkpoint", "--seeds"]),
        (&["race", "--view", "film"], &["'film'", "--view"]),
        (&["isolate", "--seed", "1", "--seeds", "2"], &["--seed", "--seeds"]),
        (&["isolate", "--out", "x"], &["--out"]),
    ] {
        let line = wrong_arguments(words.iter().copied());
        assert!(parts.iter().all(|part| line.contains(part)), "{words:?}: {line}");
    }
}

#[test]
fn an_unwritable_file_is_named() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let missing = folder.path().join("no").join("run.jsonl");
    for out in [&missing, folder.path()] {
        let line = other_error(SMALL.into_iter().chain(["--out", path(out)]));
        assert!(line.contains("--out") && line.contains(path(out)), "{line}");
    }
}

#[test]
fn a_batch_that_is_all_held_back_is_refused() {
    let words = SMALL.into_iter().chain(["--batch", "4", "--held-back", "4"]);
    let Output { status, stdout, stderr } = derby(words);
    let message = String::from_utf8_lossy(&stderr);
    assert!(matches!(status.code(), Some(1 | 2)), "{message}");
    assert!(message.contains("at least one sample to learn from"), "{message}");
    assert!(stdout.is_empty());
}

#[test]
fn a_bad_number_in_a_table_is_named_by_line_and_column() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    for bad in ["NaN", "inf", "-inf", "1e300", "many"] {
        let table = folder.path().join(format!("{bad}.csv"));
        let mut text = "first,second,sum\n".to_owned();
        for row in 0..60 {
            let (a, b) = (f64::from(row) * 0.25, f64::from(row % 7));
            let second = if row == 40 { bad.to_owned() } else { b.to_string() };
            text.push_str(&format!("{a},{second},{}\n", a + b));
        }
        std::fs::write(&table, text).expect("there is room for a table");
        let words =
            ["race", path(&table), "--target", "sum", "--number", "second", "--samples", "100"];
        let line = other_error(words);
        assert!(line.contains(path(&table)), "{line}");
        assert!(line.contains("line 42") && line.contains("second"), "{line}");
    }
    let missing = folder.path().join("missing.csv");
    let line = other_error(["race", path(&missing), "--target", "sum"]);
    assert!(line.contains(path(&missing)), "{line}");
}

#[test]
fn the_plain_view_tells_the_race() {
    let text = told(SMALL);
    for part in [
        "2 nets, 8 inputs, 4 outputs, 2000 samples, seed 0",
        "leaves after",
        "Ranking",
        "Winner (4, ",
        "hash of all weights ",
    ] {
        assert!(text.contains(part), "'{part}' is not in\n{text}");
    }
    // The table of weights: a line for each net, a number for each output.
    let row = text.lines().find(|line| line.starts_with("(4, 1): [")).expect("a row of weights");
    let numbers = row.trim_start_matches("(4, 1): [").trim_end_matches(']').split(' ');
    let numbers: Vec<f32> = numbers.map(|number| number.parse().expect("a number")).collect();
    assert_eq!(numbers.len(), 4, "{row}");
    // In a pipe nothing moves: no bar, no colour, no way back to the line's start.
    assert!(!text.contains(['\r', '\x1b', '█', '░']), "{text}");
}

#[test]
fn the_json_view_is_one_object_a_line() {
    let events = lines(&told(SMALL.into_iter().chain(["--view", "json"])));
    let names: Vec<_> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names[..3], ["started", "entered", "entered"]);
    assert_eq!(names.iter().filter(|name| **name == "left").count(), 1, "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "finished").count(), 1, "{names:?}");

    let left = events.iter().find(|event| event["event"] == "left").expect("somebody left");
    assert_eq!(keys(&left["net"]), ["hidden", "layers", "seed"]);
    assert!(left["samples"].is_u64() && left["reason"].is_string(), "{left}");

    let finished = events.last().expect("the race ends");
    assert_eq!(finished["event"], "finished");
    for key in ["winner", "ranking", "hash", "samples", "seconds", "held_out"] {
        assert!(!finished[key].is_null(), "no {key} in {finished}");
    }
    assert_eq!(keys(&finished["winner"]), ["hidden", "layers", "seed"]);
    assert_ne!(finished["winner"], left["net"]);
    let ranking = finished["ranking"].as_array().expect("a ranking is a list");
    assert_eq!(ranking.len(), 2);
    assert_eq!(ranking[0]["net"], finished["winner"]);
    assert_eq!(ranking[1]["net"], left["net"]);
    assert_eq!(finished["samples"], 2000);
    let hash = finished["hash"].as_str().expect("a hash is text");
    assert_eq!(hash.len(), 8, "{hash}");
    assert!(hash.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f')), "{hash}");
    let held_out = &finished["held_out"];
    assert!(held_out["loss"].as_f64().expect("a loss is a number") > 0.0);
    let accuracy = held_out["accuracy"].as_f64().expect("bits are right or wrong");
    assert!((0.0..=1.0).contains(&accuracy), "{accuracy}");
}

#[test]
fn regression_has_no_accuracy() {
    let words = ["race", "--task", "sine", "--nets", "4x1", "--samples", "500", "--view", "json"];
    let events = lines(&told(words));
    let held_out = &events.last().expect("the race ends")["held_out"];
    assert!(held_out["accuracy"].is_null() && held_out["loss"].is_f64(), "{held_out}");
}

#[test]
fn the_file_holds_what_the_json_view_shows() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let out = folder.path().join("run.jsonl");
    let shown = told(SMALL.into_iter().chain(["--view", "json"]));
    told(SMALL.into_iter().chain(["--out", path(&out)]));
    let written = std::fs::read_to_string(&out).expect("the file was written");
    assert_eq!(without_seconds(lines(&written)), without_seconds(lines(&shown)));
}

#[test]
fn threads_and_registers_change_no_line() {
    let shown = |more: &[&str]| {
        let words = SMALL.into_iter().chain(["--view", "json"]).chain(more.iter().copied());
        without_seconds(lines(&told(words)))
    };
    let one = shown(&["--threads", "1"]);
    assert_eq!(shown(&["--threads", "3"]), one);
    for isa in derby::isa::Isa::all() {
        assert_eq!(shown(&["--isa", isa.name()]), one, "{}", isa.name());
    }
    assert_ne!(shown(&["--seed", "1"]), one);
}

#[test]
fn several_seeds_run_one_after_the_other() {
    let events = lines(&told(SMALL.into_iter().chain(["--seeds", "2", "--view", "json"])));
    let ends: Vec<_> = events.iter().filter(|event| event["event"] == "finished").collect();
    let seeds: Vec<_> = ends.iter().map(|end| &end["winner"]["seed"]).collect();
    assert_eq!(seeds, [0, 1]);
    let text = told(SMALL.into_iter().chain(["--seeds", "2"]));
    assert!(text.contains("Winners of 2 seeds"), "{text}");
    assert!(text.contains("\nseed 1: (4, "), "{text}");
}

#[test]
fn winner_and_mixture_are_told_with_their_work() {
    let words = ["race", "--task", "xor", "--bits", "8", "--nets", "2,8,24x1,2"];
    let more = ["--samples", "12000", "--view", "json"];
    let events = lines(&told(words.into_iter().chain(more)));
    let finished = events.last().expect("the race ends");
    let ranking = finished["ranking"].as_array().expect("a ranking is a list");
    assert_eq!(ranking[0]["net"], finished["winner"]);
    assert_eq!(ranking[0]["macs"], finished["macs"]);
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value} in {finished}"));
    // No net on the front is beaten, and every other is.
    for net in ranking {
        let point = |net: &Value| (number(&net["held_out"]["loss"]), number(&net["macs"]));
        let (loss, macs) = point(net);
        let beaten = ranking
            .iter()
            .map(point)
            .any(|(other, work)| other <= loss && work <= macs && (other < loss || work < macs));
        assert_eq!(net["pareto"], !beaten, "{net}");
    }
    let mixture = &finished["mixture"];
    let racing: Vec<_> = ranking.iter().filter(|net| net["left"].is_null()).collect();
    assert_eq!(mixture["nets"], racing.len());
    let macs: f64 = racing.iter().map(|net| number(&net["macs"])).sum();
    assert_eq!(number(&mixture["macs"]), macs);
    let loss = number(&mixture["held_out"]["loss"]);
    let worst = racing.iter().map(|net| number(&net["held_out"]["loss"])).fold(0.0, f64::max);
    assert!(0.0 < loss && loss < worst, "{loss} of nets up to {worst}");
}

#[test]
fn nets_beyond_the_budget_do_not_enter() {
    let nets = |budget: &[&str]| {
        let words = SMALL.into_iter().chain(["--view", "json"]);
        let words = words.map(|word| if word == "4x1,2" { "4,8,30x1,2" } else { word });
        let events = lines(&told(words.chain(budget.iter().copied())));
        (events[0]["nets"].clone(), events[0]["refused"].clone())
    };
    assert_eq!(nets(&[]), (json!(6), json!(0)));
    assert_eq!(nets(&["--max-macs", "110"]), (json!(3), json!(3)));
    assert_eq!(nets(&["--max-ram", "100"]), (json!(3), json!(3)));
    assert_eq!(nets(&["--max-flash", "1K", "--max-macs", "1M"]), (json!(4), json!(2)));
    assert_eq!(nets(&["--fit", "microbit"]), (json!(6), json!(0)));
    let line = other_error(SMALL.into_iter().chain(["--max-flash", "10"]));
    assert!(line.contains("no net is within the budget; the smallest, (4, 1), takes"), "{line}");
    for (option, value) in [("--max-ram", "much"), ("--fit", "toaster"), ("--prefer", "tall")] {
        let line = wrong_arguments(SMALL.into_iter().chain([option, value]));
        assert!(line.contains(option) && line.contains(value), "{line}");
    }
}

#[test]
fn a_small_net_can_be_preferred() {
    let winner = |more: &[&str]| {
        let words = ["race", "--task", "sine", "--nets", "1,4,12x1", "--samples", "6000"];
        let words = words.into_iter().chain(["--view", "json"]).chain(more.iter().copied());
        let events = lines(&told(words));
        let finished = events.last().expect("the race ends").clone();
        (finished["winner"]["hidden"].as_u64(), finished["held_out"]["loss"].as_f64())
    };
    let (_, best) = winner(&[]);
    let (units, loss) = winner(&["--prefer", "small=1000"]);
    assert_eq!(units, Some(1));
    assert!(loss > best);
    assert_eq!(winner(&["--prefer", "small=0"]).1.map(|loss| loss <= best.unwrap()), Some(true));
}

/// The same bytes, however it is cut up.
#[test]
fn a_study_repeats() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = |name: &str| folder.path().join(name);
    let study = |name: &str, more: &[&str]| {
        let out = file(name);
        let words = ["study", "--out", path(&out), "--seeds", "3..4", "--tasks", "noisy"];
        let words = words.into_iter().chain(["--samples", "1000", "--starts", "glorot"]);
        (told(words.chain(more.iter().copied())), std::fs::read(&out).expect("it was written"))
    };
    let whole = study("whole.csv", &[]);
    assert_eq!(study("again.csv", &["--threads", "1"]), whole);
    // From its file alone comes the same table.
    let table = ["study", "--out", path(&file("whole.csv")), "--table"].map(str::to_owned);
    assert_eq!(told(table.iter().map(String::as_str)), whole.0);

    // In two parts, put together.
    study("one.csv", &["--shard", "1/2"]);
    study("two.csv", &["--shard", "2/2"]);
    let [one, two, both] = ["one.csv", "two.csv", "both.csv"].map(file);
    let merge = ["study", "--out", path(&both), "--merge", path(&one), path(&two)];
    assert_eq!(told(merge), whole.0);
    assert_eq!(std::fs::read(&both).expect("it was written"), whole.1);

    // Cut off within a row.
    std::fs::write(file("cut.csv"), &whole.1[..whole.1.len() * 2 / 3]).expect("there is room");
    assert_eq!(study("cut.csv", &[]), whole);

    // Rows of another study are not mixed in.
    let words = ["study", "--seeds", "3..4", "--samples", "2000", "--out"];
    let line = other_error(words.into_iter().chain([path(&file("whole.csv"))]));
    assert!(line.contains("has 1000 samples of a race, and now 2000 are asked for"), "{line}");
}

/// The tables of the README come from the results that are kept here.
#[test]
fn the_readme_has_the_studys_tables() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let results = folder.path().join("study.csv");
    let kept = include_bytes!("golden/study.csv");
    std::fs::write(&results, kept).expect("there is room for the results");
    let shown = told(["study", "--table", "--out", path(&results)]);
    assert_eq!(std::fs::read(&results).expect("it is there"), kept, "nothing is changed");
    let (_, choosing) = include_str!("../README.md").split_once("## Choosing").expect("a section");
    let (choosing, _) = choosing.split_once("\n## ").expect("another section");
    let rows: Vec<_> = choosing.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows {
        assert!(shown.contains(row), "{row}");
    }
    let (_, drift) = shown.split_once("\nDrift: ").expect("a line on drift");
    assert!(choosing.contains(drift.trim()), "{drift}");
}

/// The first lines of a run, which is then ended: the paper's race takes its time.
fn first_lines(words: &[&str], count: usize) -> Vec<String> {
    let mut run = program().command();
    let mut child = run.args(words).stdout(Stdio::piped()).spawn().expect("the command starts");
    let stdout = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    let lines: io::Result<_> = stdout.lines().take(count).collect();
    child.kill().expect("the command still runs, or has ended");
    child.wait().expect("the command ends");
    lines.expect("the views are UTF-8")
}

#[test]
fn the_papers_nets_enter_the_papers_race() {
    let events = lines(&first_lines(&["race", "--paper", "--view", "json"], 19).join("\n"));
    assert_eq!(events[0]["samples"], 1_600_000);
    let nets: Vec<_> =
        events[1..].iter().map(|event| json!([event["event"], event["net"]])).collect();
    let expected: Vec<_> = paper::HIDDEN
        .iter()
        .flat_map(|hidden| paper::LAYERS.map(|layers| (hidden, layers)))
        .map(|(hidden, layers)| {
            json!(["entered", { "hidden": hidden, "layers": layers, "seed": 0 }])
        })
        .collect();
    assert_eq!(nets, expected);
}

#[test]
fn without_words_it_is_the_papers_race() {
    let line = "18 nets, 16 inputs, 16 outputs, 1600000 samples, seed 0";
    assert_eq!(first_lines(&[], 1), [line]);
}

#[test]
fn isolation_ranks_every_net() {
    let words = ["isolate", "--task", "xor", "--bits", "8", "--nets", "2,4,8x1"];
    let more = ["--samples", "1000", "--seeds", "2"];
    let text = told(words.into_iter().chain(more));
    assert!(text.contains("mean of 2 seeds") && text.contains("bits of 32"), "{text}");
    let rows = text.lines().filter(|line| line.contains(", 1)")).count();
    assert_eq!(rows, 3, "{text}");

    let ranked = lines(&told(words.into_iter().chain(more).chain(["--view", "json"])));
    let places: Vec<_> = ranked.iter().map(|line| line["place"].clone()).collect();
    assert_eq!(places, [1, 2, 3]);
    // By bits right, and by loss where those are equal.
    let shares: Vec<_> = ranked.iter().filter_map(|line| line["accuracy"].as_f64()).collect();
    assert!(shares.len() == 3 && shares.iter().rev().is_sorted(), "{shares:?}");
}

/// Nets alone learn what they learn in a race that nobody leaves.
#[test]
fn isolation_is_a_race_that_nobody_leaves() {
    let field = ["--task", "xor", "--bits", "8", "--nets", "2,8x1", "--samples", "1000"];
    let view = ["--seed", "3", "--view", "json"];
    let race = ["race", "--referee", "none"].into_iter().chain(field).chain(view);
    let race = lines(&told(race));
    let ranking = race.last().expect("the race ends")["ranking"].clone();
    for alone in lines(&told(["isolate"].into_iter().chain(field).chain(view))) {
        let nets = ranking.as_array().expect("a ranking is a list").iter();
        let mut same = nets.filter(|ranked| ranked["net"] == alone["net"]);
        let ranked = same.next().expect("the same nets");
        assert_eq!(ranked["held_out"]["loss"], alone["loss"]);
    }
}

/// As `derby race | head -1` does: a reader that has seen enough is no error.
#[test]
fn a_reader_may_leave() {
    let words = SMALL.into_iter().chain(["--view", "json"]);
    let mut run = program().command();
    let run = run.args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.spawn().expect("the command starts");
    drop(child.stdout.take());
    let Output { status, stderr, .. } = child.wait_with_output().expect("the command ends");
    assert_eq!(String::from_utf8_lossy(&stderr), "");
    assert_eq!(status.code(), Some(0));
}
