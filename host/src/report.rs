//! `derby report`: a race as one page to look at, and as pictures.

mod chart;
mod picture;
mod story;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use self::picture::Picture;
use self::story::Story;
use crate::args::ReportArguments;
use crate::run_file::Told;

const PAGE: &str = include_str!("report/page.html");
/// How pictures look, in the page and alone.
const CHART: &str = include_str!("report/chart.css");

/// `derby report`.
///
/// # Errors
/// When the race cannot be read, or a file not be written.
pub fn command(arguments: &ReportArguments) -> Result<()> {
    let ReportArguments { run, seed, output, svg } = arguments;
    let report = Report::of(&Told::open(run, *seed)?);
    let page = output.clone().unwrap_or_else(|| run.with_extension("html"));
    write("--output", &page, &report.html())?;
    if let Some(folder) = svg {
        fs::create_dir_all(folder).with_context(|| format!("--svg {}", folder.display()))?;
        for (name, picture) in report.pictures() {
            write("--svg", &folder.join(name).with_extension("svg"), &picture)?;
        }
    }
    Ok(())
}

fn write(option: &str, path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{option} {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

/// A race, ready to be shown.
#[derive(Debug)]
pub struct Report {
    story: Story,
    pictures: Vec<Picture>,
}

/// What the page is filled with.
#[derive(Serialize)]
struct Page<'p> {
    style: &'static str,
    story: &'p Story,
    pictures: &'p [Picture],
    /// What the page's script reads.
    data: String,
}

impl Report {
    /// The report of a race, whole or cut off.
    pub fn of(told: &Told) -> Self {
        let story = Story::of(told);
        Self { pictures: picture::all(&story), story }
    }

    /// One page of HTML that needs nothing else.
    pub fn html(&self) -> String {
        let Self { story, pictures } = self;
        let data = serde_json::json!({
            "nets": story.nets,
            "outputs": story.outputs,
            "frames": story.frames,
        });
        // No text in it may end the script element that holds it.
        let data = data.to_string().replace('<', "\\u003c");
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_filter("grouped", grouped);
        environment
            .render_str(PAGE, Serde(Page { style: CHART, story, pictures, data }))
            .unwrap_or_else(|error| panic!("the template is wrong: {error:#}"))
    }

    /// Its pictures as SVG, each with a name.
    pub fn pictures(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.pictures.iter().map(|picture| (picture.name, chart::alone(&picture.svg)))
    }
}

/// A whole number with its digits in threes.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_stand_in_threes() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_600_000, "1,600,000")] {
            assert_eq!(grouped(number), text);
        }
    }
}
