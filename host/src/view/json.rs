//! The race as JSON, one object a line: for programs, and for files that `--out` names.

use std::io::Write;

use anyhow::Result;
use derby_core::{Entry, Event};
use serde_json::{Value, json};

use super::View;
use crate::budget::Inference;
use crate::field::Field;
use crate::record::pareto;
use crate::run::Outcome;
use crate::score::Score;

/// Writes a line for each event.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
}

impl<W: Write> Json<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    fn line(&mut self, value: &Value) -> Result<()> {
        serde_json::to_writer(&mut self.out, value).map_err(std::io::Error::from)?;
        self.out.write_all(b"\n")?;
        self.out.flush()?;
        Ok(())
    }
}

/// What names a net.
pub fn name(entry: &Entry) -> Value {
    json!({ "hidden": entry.shape.hidden, "layers": entry.shape.layers, "seed": entry.seed })
}

fn score(score: &Score) -> Value {
    let bits = score.bits.map(|bits| json!({ "right": bits.right, "of": bits.of }));
    json!({ "loss": score.loss, "accuracy": score.accuracy, "bits": bits })
}

impl<W: Write> View for Json<W> {
    fn seed(&mut self, _: u64) -> Result<()> {
        Ok(())
    }

    fn event(&mut self, field: &Field, event: &Event<&[f32]>) -> Result<()> {
        let entry = |net: usize| name(&field.entries[net]);
        let value = match event {
            Event::Started { nets, batch, held_back } => json!({
                "event": "started",
                "nets": nets,
                "inputs": field.source.inputs(),
                "outputs": field.source.outputs(),
                "batch": batch,
                "held_back": held_back,
                "seed": field.seed,
                "samples": field.samples,
                "refused": field.refused,
            }),
            Event::Entered { net, .. } => json!({
                "event": "entered",
                "net": entry(*net),
                "parameters": field.entries[*net].shape.parameters(),
            }),
            Event::Stretch { samples, loss, losses, weights } => {
                let rows = weights.chunks_exact((weights.len() / losses.len().max(1)).max(1));
                let nets: Vec<_> = field
                    .entries
                    .iter()
                    .zip(losses.iter().zip(rows))
                    .filter(|(_, (loss, _))| !loss.is_nan())
                    .map(|(entry, (loss, weights))| {
                        json!({ "net": name(entry), "loss": loss, "weights": weights })
                    })
                    .collect();
                json!({ "event": "stretch", "samples": samples, "loss": loss, "nets": nets })
            }
            Event::Left { net, samples, reason, weights } => json!({
                "event": "left",
                "net": entry(*net),
                "samples": samples,
                "reason": reason,
                "weights": weights,
            }),
            Event::Returned { net, samples, found } => json!({
                "event": "returned",
                "net": entry(*net),
                "samples": samples,
                "found": found,
            }),
            // Told with the ranking, once the nets are tested.
            _ => return Ok(()),
        };
        self.line(&value)
    }

    fn outcome(&mut self, _: &Field, outcome: &Outcome) -> Result<()> {
        let ranking: Vec<_> = outcome
            .ranking
            .iter()
            .zip(pareto(&outcome.ranking))
            .map(|(ranked, pareto)| {
                let Inference { ram, flash, macs } = Inference::of(ranked.entry.shape);
                json!({
                    "net": name(&ranked.entry),
                    "parameters": ranked.entry.shape.parameters(),
                    "ram": ram,
                    "flash": flash,
                    "macs": macs,
                    "pareto": pareto,
                    "left": ranked.left,
                    "held_out": score(&ranked.score),
                })
            })
            .collect();
        let winner = outcome.ranking.first();
        self.line(&json!({
            "event": "finished",
            "winner": winner.map(|ranked| name(&ranked.entry)),
            "ranking": ranking,
            "hash": format!("{:08x}", outcome.finish.hash),
            "samples": outcome.finish.samples,
            "seconds": outcome.seconds,
            "held_out": winner.map(|ranked| score(&ranked.score)),
            "macs": winner.map(|ranked| ranked.entry.shape.macs()),
            "mixture": outcome.mixture.map(|mixture| json!({
                "nets": mixture.nets,
                "macs": mixture.macs,
                "held_out": score(&mixture.score),
            })),
        }))
    }
}
