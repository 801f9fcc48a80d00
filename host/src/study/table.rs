//! The results as tables of text: per rule and group of tasks the geometric means of regret and
//! mixture with their 95 % intervals, and the share of the work.

use std::io::Write;

use anyhow::Result;
use clap::ValueEnum;

use super::rows::{Row, name};
use super::{Rule, Start, StudyTask};

/// Tasks that are summed up together.
const GROUPS: [(&str, &[StudyTask]); 3] = [
    ("big", &[StudyTask::Log, StudyTask::LogFresh, StudyTask::Xor, StudyTask::Digits]),
    ("drift", &[StudyTask::Drift, StudyTask::Drift2]),
    ("small", &[StudyTask::Noisy, StudyTask::Wine]),
];

/// Writes the tables: for each group and start, for both starts together, then for each task.
pub(super) fn write<'r>(out: &mut impl Write, rows: impl Iterator<Item = &'r Row>) -> Result<()> {
    let rows: Vec<_> = rows.collect();
    writeln!(
        out,
        "Loss on fresh samples over that of the best net trained alone: geometric mean [95 %\n\
         interval] of winner and mixture, where less than a thousandth of a constant answer's loss\n\
         counts as that; share of the work of training all nets"
    )?;
    for (group, tasks) in GROUPS {
        let of_group = |row: &&&Row| tasks.contains(&row.task);
        let own: Vec<&Row> = rows.iter().filter(of_group).copied().collect();
        for &start in Start::value_variants() {
            let own: Vec<_> = own.iter().filter(|row| row.start == start).copied().collect();
            section(out, &format!("{group}, {}", name(&start)), &own)?;
        }
        if own.iter().any(|row| row.start != own[0].start) {
            section(out, &format!("{group}, both starts"), &own)?;
        }
    }
    for &task in StudyTask::value_variants() {
        let own: Vec<_> = rows.iter().filter(|row| row.task == task).copied().collect();
        section(out, &format!("task {}", name(&task)), &own)?;
    }
    changes(out, &rows)
}

fn section(out: &mut impl Write, title: &str, rows: &[&Row]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n| {title} | n | winner | rank | work | mixture | nets | best left |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for rule in Rule::value_variants() {
        let own: Vec<_> = rows.iter().filter(|row| row.rule == *rule).collect();
        if own.is_empty() {
            continue;
        }
        let regrets: Vec<f64> = own.iter().map(|row| row.regret).collect();
        let mixtures: Vec<f64> = own.iter().filter_map(|row| row.mixture).collect();
        let racing: Vec<f64> =
            own.iter().filter_map(|row| row.racing).map(|nets| nets as f64).collect();
        let left = own.iter().filter(|row| row.best_left.is_some()).count();
        let is_blind = mixtures.is_empty();
        writeln!(
            out,
            "| {} | {} | {} | {:.1} | {:.3} | {} | {} | {} |",
            name(rule),
            own.len(),
            interval(&regrets),
            mean(&own.iter().map(|row| row.rank).collect::<Vec<_>>()),
            mean(&own.iter().map(|row| row.compute).collect::<Vec<_>>()),
            if is_blind { "-".to_owned() } else { interval(&mixtures) },
            if is_blind { "-".to_owned() } else { format!("{:.1}", mean(&racing)) },
            if is_blind { "-".to_owned() } else { format!("{left} of {}", own.len()) },
        )?;
    }
    Ok(())
}

/// What the detector of drift did.
fn changes(out: &mut impl Write, rows: &[&Row]) -> Result<()> {
    let own: Vec<_> = rows.iter().filter(|row| row.rule == Rule::Anytime).collect();
    if own.is_empty() {
        return Ok(());
    }
    let drifts = |row: &&&&Row| matches!(row.task, StudyTask::Drift | StudyTask::Drift2);
    let still: u64 =
        own.iter().map(|row| if drifts(&row) { row.samples / 2 } else { row.samples }).sum();
    let alarms: usize = own.iter().filter_map(|row| row.false_alarms).sum();
    let mut delays: Vec<_> = own.iter().filter(drifts).map(|row| row.delay).collect();
    delays.sort_unstable();
    let found: Vec<u64> = delays.iter().filter_map(|delay| *delay).collect();
    write!(out, "\nDrift: {alarms} false alarms in {still} samples without change; ")?;
    match (found.first(), found.last()) {
        (Some(least), Some(most)) => writeln!(
            out,
            "{} of {} changes found, after {least} to {most} samples",
            found.len(),
            delays.len()
        )?,
        _ => writeln!(out, "{} of {} changes found", found.len(), delays.len())?,
    }
    Ok(())
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len().max(1) as f64
}

/// The geometric mean and its 95 % interval: 1.96 standard errors of the logarithms.
fn interval(ratios: &[f64]) -> String {
    let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let middle = mean(&logs);
    let squares: Vec<f64> = logs.iter().map(|log| (log - middle).powi(2)).collect();
    let count = logs.len() as f64;
    let half = if logs.len() > 1 {
        1.96 * (squares.iter().sum::<f64>() / (count - 1.0) / count).sqrt()
    } else {
        f64::NAN
    };
    let [low, high] = [middle - half, middle + half].map(f64::exp);
    format!("{:.3} [{low:.2}, {high:.2}]", middle.exp())
}
