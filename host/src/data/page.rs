//! A summary as people read it: at most 24 lines of 80 characters.

use std::fmt;

use super::encoding::Task;
use super::name::{clipped, figure, shown};
use super::options::Missing;
use super::profile::Kind;
use super::summary::{Column, Summary, Use};

/// Characters of a line.
const WIDTH: usize = 80;
/// Characters before the text of a line, where its label stands.
const INDENT: usize = 9;
/// Most lines of one list.
const LIST: usize = 3;
/// Most inputs that get a line of their own.
const INPUTS: usize = 10;
/// Most notes that are shown.
const NOTES: usize = 3;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = if self.layout.header { "header" } else { "no header" };
        let comma = if self.layout.decimal_comma { ", decimal comma" } else { "" };
        let about = format!(
            ": {} rows, {} columns; {header}, separator {}{comma}",
            self.rows,
            self.columns.len(),
            self.layout.separator_name()
        );
        let room = WIDTH.saturating_sub(about.chars().count());
        writeln!(f, "{}{about}", tail(&self.file, room))?;
        self.targets(f)?;
        self.inputs(f)?;
        let sides = self.split;
        let of = if sides.stratified { "every class" } else { "all" };
        let text = format!(
            "{} rows to train on, {} held out ({}% of {of}), seed {}",
            sides.training,
            sides.held_out,
            figure(100.0 * sides.share),
            sides.seed
        );
        line(f, "split", &text)?;
        line(f, "missing", &self.gaps())?;
        for note in self.notes.iter().take(NOTES) {
            line(f, "note", note)?;
        }
        Ok(())
    }
}

impl Summary {
    fn targets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets: Vec<&Column> = self.of(Use::Target).collect();
        match self.task {
            Task::Classification => {
                let name = targets.first().map(|column| shown(&column.name));
                let name = name.unwrap_or_default();
                line(f, "predict", &format!("{name}: one of {} classes", self.classes.len()))?;
                let rows = self.classes.iter().fold(0.0, |sum, class| sum + class.rows as f64);
                let items = self.classes.iter().map(|class| {
                    let share = 100.0 * class.rows as f64 / rows;
                    format!("{} {} ({share:.1}%)", clipped(&class.name, 20), class.rows)
                });
                list(f, items.collect())
            }
            Task::Regression => {
                let count = targets.len();
                line(f, "predict", &format!("{count} number{}", plural(count)))?;
                let items = targets.iter().map(|column| {
                    let name = clipped(&column.name, 20);
                    match column.numbers {
                        Some(n) => format!("{name} {} +- {}", figure(n.mean), figure(n.deviation)),
                        None => name,
                    }
                });
                list(f, items.collect())
            }
        }
    }

    fn inputs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs: Vec<&Column> = self.of(Use::Input).collect();
        let kinds = [
            (Kind::Number, "number", "numbers"),
            (Kind::Category, "category", "categories"),
            (Kind::Constant, "constant", "constants"),
        ];
        let mut parts = Vec::new();
        for (kind, one, many) in kinds {
            match inputs.iter().filter(|column| column.kind == Some(kind)).count() {
                0 => {}
                1 => parts.push(format!("1 {one}")),
                count => parts.push(format!("{count} {many}")),
            }
        }
        let plural = plural(self.inputs);
        line(f, "from", &format!("{}: {} input{plural} of a net", parts.join(", "), self.inputs))?;
        writeln!(
            f,
            "  {:<26} {:>12} {:>12} {:>12} {:>12}",
            "", "smallest", "mean", "largest", "deviation"
        )?;
        let lines = if inputs.len() > INPUTS { INPUTS.saturating_sub(1) } else { INPUTS };
        for column in inputs.iter().take(lines) {
            input(f, column)?;
        }
        match inputs.len().saturating_sub(lines) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }

    fn of(&self, purpose: Use) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(move |column| column.purpose == purpose)
    }

    fn gaps(&self) -> String {
        let gaps = self.missing;
        if gaps.cells == 0 {
            return "nothing".into();
        }
        let mut worst: Vec<&Column> = self.columns.iter().filter(|c| c.missing > 0).collect();
        worst.sort_by_key(|column| std::cmp::Reverse(column.missing));
        let names: Vec<String> = worst
            .iter()
            .take(2)
            .map(|column| format!("{} {}", clipped(&column.name, 16), column.missing))
            .collect();
        let cells = usize::try_from(gaps.cells).unwrap_or(usize::MAX);
        let done = match (gaps.policy, gaps.rows_left_out) {
            (Missing::Mean, 0) => "filled".into(),
            (Missing::Mean, rows) => format!("filled, {rows} rows left out"),
            (_, rows) => format!("{rows} rows left out"),
        };
        let dots = if worst.len() > names.len() { ", .." } else { "" };
        format!("{cells} cell{} ({}{dots}): {done}", plural(cells), names.join(", "))
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// One input: its numbers, or its values.
fn input(f: &mut fmt::Formatter<'_>, column: &Column) -> fmt::Result {
    let name = clipped(&column.name, 26);
    if let Some(values) = &column.values {
        let names: Vec<String> = values.iter().take(8).map(|value| clipped(value, 20)).collect();
        let text = format!("{} values: {}", values.len(), names.join(", "));
        return writeln!(f, "  {name:<26}  {}", clipped(&text, WIDTH.saturating_sub(30)));
    }
    match column.numbers {
        Some(n) if column.kind == Some(Kind::Number) => {
            let [min, mean, max, deviation] = [n.min, n.mean, n.max, n.deviation].map(figure);
            writeln!(f, "  {name:<26} {min:>12} {mean:>12} {max:>12} {deviation:>12}")
        }
        _ => writeln!(f, "  {name:<26} {:>12}", "constant"),
    }
}

/// A labelled line, cut to the width.
fn line(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    let text = clipped(text, WIDTH.saturating_sub(INDENT));
    writeln!(f, "{label:<INDENT$}{text}")
}

/// Items on as many lines as they need and at most three, then how many are left.
fn list(f: &mut fmt::Formatter<'_>, items: Vec<String>) -> fmt::Result {
    /// Room for ` and 1000000 more`.
    const REST: usize = 17;
    let mut lines: Vec<String> = vec![String::new()];
    let mut shown = 0_usize;
    for item in &items {
        let last = lines.len() == LIST;
        let Some(current) = lines.last_mut() else {
            break;
        };
        let reserve = if last { REST } else { 0 };
        let length = current.chars().count().saturating_add(item.chars().count());
        if length.saturating_add(3) <= WIDTH.saturating_sub(INDENT).saturating_sub(reserve) {
            if !current.is_empty() {
                current.push_str(", ");
            }
            current.push_str(item);
        } else if last {
            break;
        } else {
            current.push(',');
            lines.push(item.clone());
        }
        shown = shown.saturating_add(1);
    }
    let more = items.len().saturating_sub(shown);
    if more > 0
        && let Some(current) = lines.last_mut()
    {
        current.push_str(&format!(" and {more} more"));
    }
    lines.iter().try_for_each(|text| line(f, "", text))
}

/// The last `most` characters of a path, the first of them `…` if cut.
fn tail(path: &str, most: usize) -> String {
    let reversed: String = path.chars().rev().collect();
    clipped(&reversed, most).chars().rev().collect()
}
