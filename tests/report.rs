//! The page of a race, opened in a real browser.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use derby_tests::program;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

fn derby(folder: &Path, words: &str) {
    let mut command = program().command();
    let output = command.current_dir(folder).args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A race that is reported.
fn race() -> TempDir {
    let folder = tempdir().unwrap();
    let words = "race --referee paper --mixer gradient --held-back 0 --task xor --bits 8 \
                 --nets 4,8x1..2 --samples 4000 --check 500";
    derby(folder.path(), &format!("{words} --out run.jsonl"));
    derby(folder.path(), "report run.jsonl --svg pictures");
    folder
}

/// What the browser made of a page, once its scripts have run, and what its console said.
fn browse(page: &Path, hash: &str) -> (String, String) {
    let profile = tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]);
    chromium.args(["--no-first-run", "--disable-background-networking"]);
    chromium.args(["--disable-component-update", "--disable-sync"]);
    chromium.arg(format!("--user-data-dir={}", profile.path().display()));
    // The clock runs ahead whenever the page waits, so that playing takes no time.
    chromium.args(["--enable-logging=stderr", "--v=0", "--virtual-time-budget=60000"]);
    chromium.arg("--dump-dom").arg(format!("file://{}{hash}", page.display()));
    let output = chromium.output();
    let Output { status, stdout, stderr } =
        output.unwrap_or_else(|error| panic!("chromium: {error}; tests/run installs it"));
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{stderr}");
    let console = stderr.lines().filter(|line| line.contains("CONSOLE")).collect();
    (String::from_utf8(stdout).unwrap(), console)
}

/// All parts of `text` between `start` and `end`.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Vec<&'t str> {
    text.split(start).skip(1).filter_map(|rest| Some(rest.split_once(end)?.0)).collect()
}

/// The lengths of the bars, in percent, and what stands beside the slider.
fn shown(page: &Path, hash: &str) -> (Vec<f64>, String) {
    let (dom, console) = browse(page, hash);
    assert_eq!(console, "");
    let bars = between(&dom, "<i class=\"\" style=\"width: ", "%");
    let bars = bars.iter().map(|width| width.parse().unwrap()).collect();
    let [moment] = between(&dom, "<output id=\"samples\">", "</output>")[..] else {
        panic!("{dom}")
    };
    (bars, moment.to_owned())
}

/// The bars as the race's own file has them.
fn expected(run: &Path, moment: usize) -> Vec<f64> {
    let text = fs::read_to_string(run).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let stretch = lines.iter().filter(|line| line["event"] == "stretch").nth(moment).unwrap();
    let finished = lines.last().unwrap();
    let mean = |place: &Value| {
        let mut nets = stretch["nets"].as_array().unwrap().iter();
        let Some(net) = nets.find(|net| net["index"] == place["index"]) else { return 0.0 };
        let weights = net["weights"].as_array().unwrap();
        100.0 * weights.iter().map(|weight| weight.as_f64().unwrap()).sum::<f64>()
            / weights.len() as f64
    };
    finished["ranking"].as_array().unwrap().iter().map(mean).collect()
}

#[test]
fn the_slider_moves_the_bars() {
    let folder = race();
    let (page, run) = (folder.path().join("run.html"), folder.path().join("run.jsonl"));
    for (moment, samples) in [(0, "after 500"), (2, "after 1,500"), (5, "after 3,000")] {
        let (bars, text) = shown(&page, &format!("#at={moment}"));
        assert_eq!(text, samples);
        let expected = expected(&run, moment);
        assert_eq!(bars.len(), 4);
        for (bar, expected) in bars.iter().zip(&expected) {
            assert!((bar - expected).abs() < 0.02, "{moment}: {bars:?} {expected:?}");
        }
    }
    assert_ne!(shown(&page, "#at=0").0, shown(&page, "#at=5").0);
    // It opens at the end, and playing leads there.
    let (bars, text) = shown(&page, "");
    assert_eq!(text, "after 4,000");
    assert_eq!(shown(&page, "#at=0&play"), (bars, text));
}

/// The test above would pass over a page that fails if the console were not heard.
#[test]
fn the_console_is_heard() {
    let folder = race();
    let page = folder.path().join("run.html");
    let text = fs::read_to_string(&page).unwrap();
    fs::write(&page, text.replace("</html>", "<script>nonsense()</script></html>")).unwrap();
    let (_, console) = browse(&page, "");
    assert!(console.contains("nonsense is not defined"), "{console}");
}

#[test]
fn the_page_needs_no_network_and_tells_all() {
    let folder = race();
    let text = fs::read_to_string(folder.path().join("run.html")).unwrap();
    let alone = text.replace("http://www.w3.org/2000/svg", "");
    for part in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!alone.contains(part), "{part}");
    }
    for part in [
        "Race on exclusive or, 8 bits",
        "--nets 4,8x1..2 --samples 4000 --check 500 --out run.jsonl</pre>",
        "<td>Samples between checks</td><td>500</td>",
        "<td>Referee</td><td>Paper</td>",
        "RmsProp",
        "it held the smallest weights",
        "Order of leaving",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn pictures_stand_alone() {
    let folder = race();
    for (name, part) in [
        ("trust", "<polyline"),
        ("losses", "<polyline"),
        ("leaving", "<rect"),
        ("pareto", "<circle"),
    ] {
        let picture = folder.path().join("pictures").join(name).with_extension("svg");
        let (dom, console) = browse(&picture, "");
        assert_eq!(console, "");
        assert!(dom.contains(part) && !dom.contains("parsererror"), "{name}: {dom}");
        assert!(!dom.contains("NaN") && !dom.contains("inf"), "{name}: {dom}");
    }
}

#[test]
fn hostile_names_are_text() {
    let folder = tempdir().unwrap();
    let name = "</script><b id=bold>&\"";
    let mut table = format!("x,\"{}\"\n", name.replace('"', "\"\""));
    for row in 0..80 {
        table.push_str(&format!("{row},<i>{}\n", row % 2));
    }
    fs::write(folder.path().join("data.csv"), table).unwrap();
    derby(folder.path(), "race data.csv --target 2 --nets 2,3x1 --samples 400 --out run.jsonl");
    derby(folder.path(), "report run.jsonl --output page.html");
    let (dom, console) = browse(&folder.path().join("page.html"), "");
    assert_eq!(console, "");
    assert!(dom.contains("Race for &lt;/script&gt;&lt;b id=bold&gt;&amp;\"</h1>"), "{dom}");
    assert!(!dom.contains("<b id"), "{dom}");
    assert!(dom.contains("title=\"&lt;i&gt;0: ") || dom.contains("title=\"<i>0: "), "{dom}");
}

#[test]
fn a_race_that_was_cut_off_is_shown_up_to_there() {
    let folder = race();
    let run = folder.path().join("run.jsonl");
    let text = fs::read_to_string(&run).unwrap();
    fs::write(&run, &text[..text.find("\"left\"").unwrap()]).unwrap();
    derby(folder.path(), "report run.jsonl");
    let (dom, console) = browse(&folder.path().join("run.html"), "");
    assert_eq!(console, "");
    assert!(dom.contains("<b>This race was cut off</b> after "), "{dom}");
    fs::write(&run, text.lines().next().unwrap().to_owned() + "\n").unwrap();
    derby(folder.path(), "report run.jsonl");
    let (dom, console) = browse(&folder.path().join("run.html"), "");
    assert_eq!(console, "");
    assert!(dom.contains("The race has told no weights."), "{dom}");
}
