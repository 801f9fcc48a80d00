//! A race as it is told to people: names instead of numbers, and no more frames than are seen.

use std::collections::BTreeSet;

use derby_core::{Entry, Task};
use serde::Serialize;
use serde_json::{Value, json};

use super::grouped;
use crate::run_file::{Finished, Name, Origin, Standing, Stretch, Told};
use crate::view::plain;

/// Most moments of a race that are shown.
const MOMENTS: usize = 400;

/// A race.
#[derive(Debug, Serialize)]
pub(super) struct Story {
    pub(super) title: String,
    /// Whether it was told to its end.
    pub(super) is_whole: bool,
    pub(super) samples: u64,
    pub(super) seconds: Option<f64>,
    pub(super) hash: Option<String>,
    pub(super) command: String,
    /// Names and values.
    pub(super) settings: Vec<(&'static str, String)>,
    pub(super) outputs: Vec<String>,
    /// The nets, the best first.
    pub(super) nets: Vec<Net>,
    pub(super) frames: Vec<Frame>,
    /// The mixture's losses: samples and loss.
    #[serde(skip)]
    pub(super) mixture: Vec<(f64, f64)>,
}

/// How a net fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fate {
    Winner,
    Stayed,
    Left,
}

/// A net of a race.
#[derive(Debug, Serialize)]
pub(super) struct Net {
    pub(super) name: String,
    pub(super) parameters: usize,
    pub(super) fate: Fate,
    /// Samples at which it left.
    pub(super) left: Option<u64>,
    pub(super) reason: Option<&'static str>,
    /// On samples held out.
    pub(super) loss: Option<f64>,
    pub(super) accuracy: Option<f64>,
    /// Its losses: samples and loss.
    #[serde(skip)]
    pub(super) losses: Vec<(f64, f64)>,
    /// Its mean weight: samples and share.
    #[serde(skip)]
    pub(super) trust: Vec<(f64, f64)>,
}

/// The mixing weights at one moment.
#[derive(Debug, Serialize)]
pub(super) struct Frame {
    samples: u64,
    /// By net in the order of the story, then by output, or one for all outputs; `None` of nets
    /// that have left.
    weights: Vec<Option<Vec<f64>>>,
}

impl Story {
    pub(super) fn of(told: &Told) -> Self {
        let finished = told.finished.as_ref();
        let order = order(told, finished);
        let moments = moments(told);
        let nets = order.iter().map(|&index| net(told, finished, &moments, index)).collect();
        let samples = finished
            .map(|finished| finished.samples)
            .or_else(|| told.stretches.last().map(|stretch| stretch.samples));
        let mixture = told
            .stretches
            .iter()
            .filter_map(|stretch| Some((stretch.samples as f64, f64::from(stretch.loss?))));
        let step = told.stretches.len().div_ceil(MOMENTS).max(1);
        Self {
            title: title(told),
            is_whole: finished.is_some(),
            samples: samples.unwrap_or(0),
            seconds: finished.map(|finished| finished.seconds),
            hash: finished.map(|finished| finished.hash.clone()),
            command: told.started.command.clone(),
            settings: settings(told),
            outputs: outputs(told),
            frames: frames(finished, &moments, &order),
            mixture: mixture.step_by(step).collect(),
            nets,
        }
    }

    /// The end of the samples' axis, at least 1.
    pub(super) fn end(&self) -> f64 {
        self.samples.max(1) as f64
    }
}

/// The nets by place: those of the ranking, or where there is none as they entered.
fn order(told: &Told, finished: Option<&Finished>) -> Vec<usize> {
    let ranked = finished.map(|finished| finished.ranking.iter().map(|placed| placed.index));
    let ranked: Vec<_> =
        ranked.into_iter().flatten().filter(|&net| net < told.nets.len()).collect();
    let mut seen = BTreeSet::new();
    ranked.into_iter().chain(0..told.nets.len()).filter(|&net| seen.insert(net)).collect()
}

/// A moment that is shown, and how each net stood then, by its place among the entries.
struct Moment<'t> {
    samples: u64,
    nets: Vec<Option<&'t Standing>>,
}

/// The moments that are shown, spread evenly and counted from the end, so that the last one is.
fn moments(told: &Told) -> Vec<Moment<'_>> {
    let step = told.stretches.len().div_ceil(MOMENTS).max(1);
    let mut moments: Vec<_> = told.stretches.iter().rev().step_by(step).collect();
    moments.reverse();
    moments.into_iter().map(|stretch| Moment::of(stretch, told.nets.len())).collect()
}

impl<'t> Moment<'t> {
    fn of(stretch: &'t Stretch, count: usize) -> Self {
        let mut nets = vec![None; count];
        for standing in &stretch.nets {
            if let Some(net) = nets.get_mut(standing.index) {
                *net = Some(standing);
            }
        }
        Self { samples: stretch.samples, nets }
    }
}

fn net(told: &Told, finished: Option<&Finished>, moments: &[Moment<'_>], index: usize) -> Net {
    let Name { hidden, layers, seed } = told.nets[index].net;
    let several_seeds = told.nets.iter().any(|other| other.net.seed != seed);
    let seed = if several_seeds { format!("@{seed}") } else { String::new() };
    let placed = finished.and_then(|finished| {
        let place = finished.ranking.iter().position(|placed| placed.index == index)?;
        Some((place, &finished.ranking[place]))
    });
    // Who has left may return, and in the end the ranking knows best.
    let left = told.left.iter().rfind(|left| left.index == index);
    let left = left.filter(|_| placed.is_none_or(|(_, placed)| placed.left.is_some()));
    let standings =
        moments.iter().filter_map(|moment| Some((moment.samples as f64, moment.nets[index]?)));
    Net {
        name: format!("({hidden}, {layers}){seed}"),
        parameters: told.nets[index].parameters,
        fate: match (placed, left) {
            (Some((0, _)), _) => Fate::Winner,
            (_, Some(_)) => Fate::Left,
            (_, None) => Fate::Stayed,
        },
        left: left.map(|left| left.samples),
        reason: left.map(|left| plain::why(left.reason)),
        loss: placed.and_then(|(_, placed)| placed.held_out.loss),
        accuracy: placed.and_then(|(_, placed)| placed.held_out.accuracy),
        losses: standings.clone().filter_map(|(at, s)| Some((at, s.loss?.into()))).collect(),
        trust: standings.map(|(at, standing)| (at, mean(&standing.weights))).collect(),
    }
}

fn mean(weights: &[f32]) -> f64 {
    weights.iter().map(|&weight| f64::from(weight)).sum::<f64>() / weights.len().max(1) as f64
}

fn frames(finished: Option<&Finished>, moments: &[Moment<'_>], order: &[usize]) -> Vec<Frame> {
    let digits = |weight: &f32| (f64::from(*weight) * 1e4).round() / 1e4;
    let rounded = |weights: &Vec<f32>| weights.iter().map(digits).collect();
    let row = |moment: &Moment<'_>, index: usize| {
        moment.nets[index].map(|standing| rounded(&standing.weights))
    };
    let frame = |moment: &Moment<'_>| Frame {
        samples: moment.samples,
        weights: order.iter().map(|&index| row(moment, index)).collect(),
    };
    let mut frames: Vec<_> = moments.iter().map(frame).collect();
    frames.extend(finished.map(|finished| {
        let mut weights = vec![None; moments.first().map_or(0, |moment| moment.nets.len())];
        for placed in finished.ranking.iter().filter(|placed| placed.left.is_none()) {
            if let Some(net) = weights.get_mut(placed.index) {
                *net = Some(rounded(&placed.weights));
            }
        }
        let weights = order.iter().map(|&index| weights.get_mut(index)?.take()).collect();
        Frame { samples: finished.samples, weights }
    }));
    frames
}

fn title(told: &Told) -> String {
    match &told.started.source {
        Some(Origin::Table(encoding)) => {
            let names: Vec<_> = encoding.targets.iter().map(|target| &*target.name).collect();
            format!("Race for {}", names.join(", "))
        }
        Some(Origin::Task(task)) => format!("Race on {}", name(*task)),
        None => "Race".to_owned(),
    }
}

/// A task as people call it.
fn name(task: Task) -> String {
    match task {
        Task::Log { pool: 0 } => "the logarithm’s bits, always fresh".to_owned(),
        Task::Log { pool } => format!("the logarithm’s bits, {} samples", grouped(pool.into())),
        Task::Xor { bits } => format!("exclusive or, {bits} bits"),
        Task::XorMod => "exclusive or modulo 3".to_owned(),
        Task::Sine => "a noisy sine".to_owned(),
        Task::Drift { log_first: true, .. } => "logarithm, then exclusive or".to_owned(),
        Task::Drift { log_first: false, .. } => "exclusive or, then logarithm".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Names of the outputs: classes or columns, where the file tells them.
fn outputs(told: &Told) -> Vec<String> {
    match &told.started.source {
        Some(Origin::Table(encoding)) => encoding.target_names(),
        _ => {
            let standing = told.stretches.iter().find_map(|stretch| stretch.nets.first());
            let outputs = standing.map_or(0, |standing| standing.weights.len());
            (0..outputs).map(|output| format!("output {output}")).collect()
        }
    }
}

fn settings(told: &Told) -> Vec<(&'static str, String)> {
    let started = &told.started;
    let mut rows = vec![
        ("Inputs, outputs", format!("{}, {}", started.inputs, started.outputs)),
        ("Seed", started.seed.to_string()),
        ("Version", format!("derby {}", started.version)),
    ];
    let names = [
        ("batch", "Samples in a batch"),
        ("held_back", "Held back of these"),
        ("check", "Samples between checks"),
        ("mixing", "Mixer"),
        ("refereeing", "Referee"),
    ];
    rows.extend(names.into_iter().filter_map(|(key, name)| {
        let value = started.settings.get(key)?;
        Some((name, words(value)))
    }));
    let each = |name: &'static str, text: fn(&Entry) -> String| {
        let entries = told.nets.iter().filter_map(|net| net.entry.as_ref());
        let texts: BTreeSet<_> = entries.map(text).collect();
        let text = texts.into_iter().collect::<Vec<_>>().join("; ");
        (!text.is_empty()).then_some((name, text))
    };
    rows.extend(each("Hidden units", |entry| format!("{:?}", entry.activation)));
    rows.extend(each("Outputs", |entry| format!("{:?}, loss {:?}", entry.output, entry.loss)));
    rows.extend(each("Optimizer", |entry| words(&json!(entry.optimizer))));
    rows.extend(each("Optimizer of hidden layers", |entry| words(&json!(entry.hidden_optimizer))));
    rows.extend(each("First weights", |entry| words(&json!(entry.init))));
    rows.extend(each("L2 penalty", |entry| entry.decay.to_string()));
    rows
}

/// A value in words, such as `RmsProp (decay 0.9, rate 0.001)`.
fn words(value: &Value) -> String {
    let Value::Object(fields) = value else {
        return value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    };
    let part = |(name, value): (&String, &Value)| match value {
        Value::Object(_) => format!("{name} ({})", words(value)),
        _ => format!("{name} {}", words(value)),
    };
    fields.iter().map(part).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_as_words() {
        let value =
            json!({ "Gradient": { "optimizer": { "Sgd": { "rate": 0.5 } }, "slope": "True" } });
        assert_eq!(words(&value), "Gradient (optimizer (Sgd (rate 0.5)), slope True)");
        assert_eq!(words(&json!("Paper")), "Paper");
    }
}
