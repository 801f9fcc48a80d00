//! The race as text: the paper's table of weights at each check, who left and why, the ranking.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use derby_core::{Entry, Event, Reason};

use super::View;
use crate::budget::Inference;
use crate::field::Field;
use crate::record::{Mixture, Ranked, pareto};
use crate::run::Outcome;
use crate::score::Bits;
use crate::source::Source;

/// Writes tables.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
}

impl<W: Write> Plain<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// The paper's Figure 3: a line for each net, its weights by output or its one weight, two
    /// digits each.
    fn weights(&mut self, field: &Field, weights: &[f32]) -> Result<()> {
        let several_seeds = has_several_seeds(&field.entries);
        let columns = (weights.len() / field.entries.len().max(1)).max(1);
        for (entry, row) in field.entries.iter().zip(weights.chunks_exact(columns)) {
            let row: Vec<_> = row.iter().map(|&weight| two_digits(weight)).collect();
            writeln!(self.out, "{}: [{}]", label(entry, several_seeds), row.join(" "))?;
        }
        Ok(())
    }
}

/// A net's name in a table.
pub fn label(entry: &Entry, with_seed: bool) -> String {
    let shape = entry.shape;
    if with_seed { format!("{shape}@{}", entry.seed) } else { shape.to_string() }
}

/// Whether nets of several seeds race, so that a net's name needs its seed.
pub fn has_several_seeds(entries: &[Entry]) -> bool {
    entries.windows(2).any(|pair| matches!(pair, [a, b] if a.seed != b.seed))
}

/// A number with two significant digits.
fn two_digits(number: f32) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let places = 1 - number.abs().log10().floor() as i32;
    let number = format!("{number:.*}", places.clamp(0, 9) as usize);
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        number
    }
}

/// A reason in words.
pub fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Diverged => "its loss is no longer a finite number",
        Reason::SmallestWeights => "it held the smallest weights in more than half of the batches",
        Reason::Seventh => "it held the smallest weights most often, and at a 7th check one leaves",
        Reason::Faded => "its weights faded below a twentieth of the best",
        Reason::Halved => "its loss was in the worse half",
        Reason::Projected => "its loss will not come near the leader's",
        Reason::Crowded => "fewer may race by now, and its projected loss was the largest",
        Reason::ByHand => "it was sent home by hand",
        _ => "the referee decided so",
    }
}

/// Bits right, as a number of those counted and as a share of the domain.
fn bits(bits: Bits) -> String {
    format!("{} of {}", bits.right, bits.of)
}

impl<W: Write> View for Plain<W> {
    fn seed(&mut self, seed: u64) -> Result<()> {
        writeln!(self.out, "\nSeed {seed}")?;
        Ok(())
    }

    fn event(&mut self, field: &Field, event: &Event<&[f32]>) -> Result<()> {
        match event {
            Event::Started { nets, .. } => {
                if let Source::Table(table) = &field.source {
                    writeln!(
                        self.out,
                        "{}nets     without --nets about as wide as inputs and outputs together, half \
                         and a quarter of that\n",
                        table.summary()
                    )?;
                }
                let (inputs, outputs) = (field.source.inputs(), field.source.outputs());
                write!(self.out, "{nets} nets, {inputs} inputs, {outputs} outputs")?;
                // Of samples that are elsewhere no more is known.
                if field.samples > 0 {
                    write!(self.out, ", {} samples, seed {}", field.samples, field.seed)?;
                }
                writeln!(self.out)?;
                if field.refused > 0 {
                    writeln!(self.out, "{} nets are not within the budget", field.refused)?;
                }
            }
            Event::Stretch { samples, loss, weights, .. } => {
                writeln!(self.out, "\nAfter {samples} samples; loss of the mixture {loss:.4}")?;
                self.weights(field, weights)?;
            }
            Event::Left { net, samples, reason, .. } => {
                let entry = &field.entries[*net];
                let label = label(entry, has_several_seeds(&field.entries));
                writeln!(self.out, "{label} leaves after {samples} samples: {}", why(*reason))?;
            }
            Event::Returned { net, samples, .. } => {
                let label = label(&field.entries[*net], has_several_seeds(&field.entries));
                writeln!(
                    self.out,
                    "{label} returns after {samples} samples: the stream has changed"
                )?;
            }
            Event::Finished { samples, weights, .. } => {
                writeln!(self.out, "\nIn the end, after {samples} samples")?;
                self.weights(field, weights)?;
            }
            _ => {}
        }
        self.out.flush()?;
        Ok(())
    }

    fn outcome(&mut self, field: &Field, outcome: &Outcome) -> Result<()> {
        let several_seeds = has_several_seeds(&field.entries);
        let has_bits = outcome.ranking.iter().any(|ranked| ranked.score.bits.is_some());
        let accuracy = if has_bits { "bits, all" } else { "accuracy" };
        writeln!(
            self.out,
            "\nRanking; loss and accuracy on samples held out; * none is better for as little work"
        )?;
        let counted = if has_bits { "  bits, 8 fresh" } else { "" };
        writeln!(
            self.out,
            "place  net               bytes      MACs      loss {accuracy:>10}{counted}  left after"
        )?;
        for ((place, ranked), pareto) in
            outcome.ranking.iter().enumerate().zip(pareto(&outcome.ranking))
        {
            let Ranked { entry, left, score, .. } = ranked;
            let Inference { flash, macs, .. } = Inference::of(entry.shape);
            let accuracy =
                score.accuracy.map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share));
            writeln!(
                self.out,
                "{:>5}  {:<12} {:>10} {:>9} {:>8}{} {:>10}{}  {}",
                place + 1,
                label(entry, several_seeds),
                flash,
                macs,
                if score.loss.is_nan() { "-".to_owned() } else { format!("{:.4}", score.loss) },
                if pareto { '*' } else { ' ' },
                accuracy,
                score.bits.map_or(String::new(), |counted| format!("{:>15}", bits(counted))),
                left.map_or("-".to_owned(), |samples| samples.to_string()),
            )?;
        }
        if let Some(mixture) = &outcome.mixture {
            let Mixture { nets, macs, score } = mixture;
            let loss = score.loss;
            writeln!(self.out, "\nThe mixture of {nets}: loss {loss:.4} for {macs} MACs")?;
        }
        if let Some(winner) = outcome.ranking.first() {
            let label = label(&winner.entry, several_seeds);
            writeln!(
                self.out,
                "\nWinner {label}; hash of all weights {:08x}; {:.1} s, {:.0} samples/s",
                outcome.finish.hash,
                outcome.seconds,
                outcome.finish.samples as f64 / outcome.seconds
            )?;
        }
        self.out.flush()?;
        Ok(())
    }
}

/// Who won how often over several seeds.
///
/// # Errors
/// When `out` cannot be written.
pub fn winners(out: &mut impl Write, races: &[(u64, Vec<Ranked>)]) -> Result<()> {
    writeln!(out, "\nWinners of {} seeds", races.len())?;
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (seed, ranking) in races {
        let names: Vec<_> = ranking.iter().take(2).map(|r| r.entry.shape.to_string()).collect();
        writeln!(out, "seed {seed}: {}", names.join(", then "))?;
        for (place, name) in names.into_iter().enumerate() {
            let count = counts.entry(name).or_default();
            if place == 0 { count.0 += 1 } else { count.1 += 1 }
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (name, (first, second)) in counts {
        writeln!(out, "{name}: first {first} times, second {second} times")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_significant_digits() {
        let cases = [(0.0, "0"), (0.98, "0.98"), (0.000_98, "0.00098"), (0.1, "0.1"), (1.0, "1")];
        for (number, text) in cases {
            assert_eq!(two_digits(number), text);
        }
        assert_eq!(two_digits(0.055_55), "0.056");
    }
}
