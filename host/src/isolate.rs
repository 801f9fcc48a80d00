//! Each net alone on the same stream, ranked by its test. Nets of a race never influence each
//! other's training, so isolation is a race that nobody leaves.

use std::io::{self, Write};

use anyhow::Result;
use serde_json::json;

use crate::args::{IsolateArguments, ViewName};
use crate::field::{self, Field};
use crate::record::Ranked;
use crate::run;
use crate::view::{json, plain};

/// `derby isolate`.
///
/// # Errors
/// When the nets cannot be set up or the ranking cannot be written.
pub fn command(arguments: &IsolateArguments) -> Result<()> {
    let mut crew = field::crew(&arguments.field);
    let isa = field::isa(&arguments.field);
    let seeds: Vec<u64> = match arguments.seed {
        Some(seed) => vec![seed],
        None => (0..arguments.seeds).collect(),
    };
    let mut runs: Vec<Vec<Ranked>> = Vec::new();
    let mut samples = 0;
    for &seed in &seeds {
        let field = Field::of_isolation(&arguments.field, seed)?;
        samples = field.samples;
        let mut nets = run::race(&field, &mut crew, isa, &mut [])?.ranking;
        nets.sort_by_key(|ranked| ranked.net);
        runs.push(nets);
    }
    let mut means: Vec<Mean> = (0..runs.first().map_or(0, Vec::len))
        .map(|net| Mean::of(&runs.iter().map(|run| run[net]).collect::<Vec<_>>()))
        .collect();
    means.sort_by(|a, b| {
        let share = |mean: &Mean| mean.accuracy.unwrap_or(0.0);
        share(b).total_cmp(&share(a)).then(a.loss.0.total_cmp(&b.loss.0))
    });

    let out = &mut io::stdout().lock();
    if arguments.view == ViewName::Json {
        for (place, mean) in means.iter().enumerate() {
            let value = json!({
                "event": "isolated",
                "place": place + 1,
                "net": json::name(&mean.net.entry),
                "loss": mean.loss.0,
                "loss_deviation": mean.loss.1,
                "accuracy": mean.accuracy,
                "seeds": seeds.len(),
                "samples": samples,
            });
            writeln!(out, "{value}")?;
        }
        return Ok(());
    }
    table(out, &means, seeds.len(), samples)
}

/// A net's tests over several seeds.
struct Mean {
    net: Ranked,
    /// Mean and standard deviation of the test loss.
    loss: (f64, f64),
    accuracy: Option<f64>,
    /// Bits of a sample, for tasks on bits.
    bits: Option<u32>,
}

impl Mean {
    fn of(runs: &[Ranked]) -> Self {
        let losses: Vec<f64> = runs.iter().map(|run| run.score.loss).collect();
        let shares: Option<Vec<f64>> = runs.iter().map(|run| run.score.accuracy).collect();
        let net = runs[0];
        Self {
            net,
            loss: mean_and_deviation(&losses),
            accuracy: shares.map(|shares| mean_and_deviation(&shares).0),
            bits: net.score.bits.map(|bits| bits.of),
        }
    }
}

/// The mean, and the standard deviation of a sample; 0 of a single number.
fn mean_and_deviation(numbers: &[f64]) -> (f64, f64) {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

fn table(out: &mut impl Write, means: &[Mean], seeds: usize, samples: u64) -> Result<()> {
    writeln!(out, "Each net alone, {samples} samples, mean of {seeds} seeds, tested on samples")?;
    writeln!(out, "held out; +- is the standard deviation over the seeds")?;
    let of = means.first().and_then(|mean| mean.bits);
    let share = match of {
        Some(of) => format!("bits of {of}"),
        None => "accuracy".to_owned(),
    };
    writeln!(out, "{:>5}  {:<12} {:>17} {share:>12}", "place", "net", "loss")?;
    let several_seeds = seeds == 1
        && plain::has_several_seeds(&means.iter().map(|m| m.net.entry).collect::<Vec<_>>());
    for (place, mean) in means.iter().enumerate() {
        let share = match (mean.accuracy, of) {
            (Some(share), Some(of)) => format!("{:.1}", share * f64::from(of)),
            (Some(share), None) => format!("{:.1} %", 100.0 * share),
            (None, _) => "-".to_owned(),
        };
        writeln!(
            out,
            "{:>5}  {:<12} {:>7.4} +- {:.4} {share:>12}",
            place + 1,
            plain::label(&mean.net.entry, several_seeds),
            mean.loss.0,
            mean.loss.1,
        )?;
    }
    Ok(())
}
