//! The race as JSON, one object a line: for programs, and for files that `--out` names, which
//! [`crate::run_file`] reads.

use std::io::Write;

use anyhow::Result;
use derby_core::{Entry, Event};
use serde::Serialize;
use serde_json::{Value, json};

use super::View;
use crate::budget::Inference;
use crate::field::Field;
use crate::record::pareto;
use crate::run::Outcome;
use crate::score::Score;
use crate::source::Source;

/// Writes a line for each event.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    /// The command line that runs the race.
    command: String,
    /// The net whose parameters are coming, and those that have come: events tell them in parts,
    /// a line tells all.
    trained: Option<(usize, Vec<f32>)>,
}

/// A net's parameters, written straight to the line: as numbers of JSON's own they would all
/// have the digits of an f64.
#[derive(Serialize)]
struct Trained<'t> {
    event: &'static str,
    index: usize,
    net: Value,
    parameters: &'t [f32],
}

impl<W: Write> Json<W> {
    /// Writes to `out` of the race that `command` runs.
    pub fn new(out: W, command: String) -> Self {
        Self { out, command, trained: None }
    }

    fn line(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.out, value).map_err(std::io::Error::from)?;
        self.out.write_all(b"\n")?;
        self.out.flush()?;
        Ok(())
    }

    /// Writes the line of the net whose parameters have come.
    fn all_parameters(&mut self, field: &Field) -> Result<()> {
        let Some((index, parameters)) = self.trained.take() else { return Ok(()) };
        let net = name(&field.entries[index]);
        self.line(&Trained { event: "trained", index, net, parameters: &parameters })
    }
}

/// What names a net.
pub fn name(entry: &Entry) -> Value {
    json!({ "hidden": entry.shape.hidden, "layers": entry.shape.layers, "seed": entry.seed })
}

/// Where the samples come from, and what their numbers mean; null where that is not known.
fn source(source: &Source) -> Value {
    match source {
        Source::Task { task, .. } => json!({ "task": task }),
        Source::Table(table) => json!({ "table": table.encoding() }),
        Source::Unseen { .. } => Value::Null,
    }
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
        // Of a race elsewhere only shapes and seeds are told.
        let is_known = !matches!(field.source, Source::Unseen { .. });
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
                "version": env!("CARGO_PKG_VERSION"),
                "command": self.command,
                "source": source(&field.source),
                "settings": field.settings,
            }),
            Event::Entered { net, .. } => json!({
                "event": "entered",
                "net": entry(*net),
                "parameters": field.entries[*net].shape.parameters(),
                "index": net,
                "entry": is_known.then_some(&field.entries[*net]),
            }),
            Event::Stretch { samples, loss, losses, weights } => {
                let rows = weights.chunks_exact((weights.len() / losses.len().max(1)).max(1));
                let nets: Vec<_> = field
                    .entries
                    .iter()
                    .zip(losses.iter().zip(rows))
                    .enumerate()
                    .filter(|(_, (_, (loss, _)))| !loss.is_nan())
                    .map(|(index, (entry, (loss, weights)))| {
                        json!({
                            "net": name(entry),
                            "loss": loss,
                            "weights": weights,
                            "index": index,
                        })
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
                "index": net,
            }),
            Event::Returned { net, samples, found } => json!({
                "event": "returned",
                "net": entry(*net),
                "samples": samples,
                "found": found,
                "index": net,
            }),
            Event::Trained { net, from, parameters } => {
                if *from == 0 {
                    self.all_parameters(field)?;
                    self.trained = Some((*net, Vec::new()));
                }
                if let Some((_, all)) = &mut self.trained {
                    all.extend_from_slice(parameters);
                }
                return Ok(());
            }
            Event::Finished { .. } => return self.all_parameters(field),
            _ => return Ok(()),
        };
        self.line(&value)
    }

    fn outcome(&mut self, _: &Field, outcome: &Outcome) -> Result<()> {
        let finish = &outcome.finish;
        let width = finish.weights.len() / outcome.ranking.len().max(1);
        let weights = |net: usize| finish.weights.chunks_exact(width.max(1)).nth(net);
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
                    "index": ranked.net,
                    "trust": finish.standings.get(ranked.net),
                    "weights": weights(ranked.net),
                })
            })
            .collect();
        let winner = outcome.ranking.first();
        self.line(&json!({
            "event": "finished",
            "winner": winner.map(|ranked| name(&ranked.entry)),
            "ranking": ranking,
            "hash": format!("{:08x}", finish.hash),
            "samples": finish.samples,
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
