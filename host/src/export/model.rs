//! What is shipped of a race: the winner or the mixture, and what its numbers mean.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use derby_core::scale::{self, Scale};
use derby_core::{Activation, Entry, Layer};
use serde::{Deserialize, Serialize};

use super::postcard;
use crate::data::{Coding, Encoding, Feature, Task};
use crate::run_file::{Origin, Placed, Told};
use crate::source::Source;

/// One net, or several whose answers are mixed, with what it takes to use them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The nets; more than one are mixed.
    pub nets: Vec<Member>,
    /// What the inputs are, in order.
    pub inputs: Vec<Column>,
    /// What the outputs are, in order.
    pub outputs: Vec<Column>,
    /// The column of which the outputs are the classes; `None` where each is a column itself.
    pub classes_of: Option<String>,
    /// The race that it comes from.
    pub history: History,
}

/// A net of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// What it is, and how it learned.
    pub entry: Entry,
    /// Its weights and biases, laid out as in [`Entry::place`].
    pub parameters: Vec<f32>,
    /// Its part of each output in the mixture.
    pub weights: Vec<f32>,
}

/// An input or an output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The column's name in the table, `name=value` for one value of a category, or the class.
    pub name: String,
    /// What stands in brackets at the end of the name, as in `speed [m/s]`; else empty.
    pub unit: String,
    /// Of a category in order its values: the number is the place among them, from 0.
    pub values: Vec<String>,
    /// From the column's numbers to the net's.
    pub scale: Scale,
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Version of derby that ran the race.
    pub version: String,
    /// The command line that ran it.
    pub command: String,
    /// Samples trained on.
    pub samples: u64,
    /// The winner's mean loss on samples held out.
    pub loss: Option<f64>,
    /// The winner's share of bits or classes right on samples held out.
    pub accuracy: Option<f64>,
}

/// The numbers of one layer of a net, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Values that come in.
    pub fan_in: usize,
    /// `[output][input]`
    pub weights: Vec<f32>,
    /// `[output]`
    pub biases: Vec<f32>,
    /// What becomes of the sums.
    pub activation: Activation,
}

impl Model {
    /// The model in the file at `path`, which is an exported postcard file or what a race wrote
    /// with `--out`; of the latter the race of `seed`, if given.
    ///
    /// # Errors
    /// When the file cannot be read or is neither, or not whole, or does not hold what is asked.
    pub fn open(path: &Path, mixture: bool, seed: Option<u64>) -> Result<Self> {
        let name = || path.display().to_string();
        if let Some(model) = postcard::open(path).with_context(name)? {
            if mixture && !model.is_mixture() {
                bail!("{} holds one net and no mixture", name());
            }
            return Ok(model);
        }
        Self::of(&Told::open(path, seed)?, mixture).with_context(name)
    }

    /// The winner of a race, or the mixture of those that were left in the end.
    ///
    /// # Errors
    /// When the race has no end, or its file does not tell what the nets were or have learned.
    pub fn of(told: &Told, mixture: bool) -> Result<Self> {
        let finished = told.finished.as_ref().context("the race was cut off before its end")?;
        let winner = finished.ranking.first().context("the race has no winner")?;
        let member = |placed: &Placed| {
            let entered = told.nets.get(placed.index).context("a net never entered")?;
            let entry = entered.entry.context("the race was elsewhere, and its nets not told")?;
            let parameters = told.parameters[placed.index].clone();
            let mut member = Member { entry, parameters, weights: placed.weights.clone() };
            member.check(placed.index)?;
            if let [weight] = *member.weights {
                member.weights = vec![weight; entry.shape.outputs];
            }
            Ok(member)
        };
        let members: Result<Vec<Member>> = if mixture {
            let mut left: Vec<_> =
                finished.ranking.iter().filter(|placed| placed.left.is_none()).collect();
            // The mixture sums up in the order of the entries.
            left.sort_by_key(|placed| placed.index);
            left.into_iter().map(member).collect()
        } else {
            member(winner).map(|own| vec![Member { weights: vec![1.0; own.weights.len()], ..own }])
        };
        let members = members?;
        let (inputs, outputs, classes_of) = match (&told.started.source, members.first()) {
            (Some(Origin::Table(encoding)), _) => columns(encoding),
            (_, Some(Member { entry, .. })) => {
                (plain("x", entry.shape.inputs), plain("y", entry.shape.outputs), None)
            }
            (_, None) => bail!("nobody raced to the end"),
        };
        let history = History {
            version: told.started.version.clone(),
            command: told.started.command.clone(),
            samples: finished.samples,
            loss: winner.held_out.loss,
            accuracy: winner.held_out.accuracy,
        };
        let model = Self { nets: members, inputs, outputs, classes_of, history };
        model.check()?;
        Ok(model)
    }

    /// Whether all parts go together and every number is one.
    ///
    /// # Errors
    /// What does not go together.
    pub fn check(&self) -> Result<()> {
        ensure!(!self.nets.is_empty(), "the model has no net");
        let (inputs, outputs) = (self.inputs.len(), self.outputs.len());
        for (net, member) in self.nets.iter().enumerate() {
            member.check(net)?;
            let shape = member.entry.shape;
            ensure!(
                (shape.inputs, shape.outputs, member.weights.len()) == (inputs, outputs, outputs),
                "net {net} is not as wide as the model: {inputs} inputs, {outputs} outputs"
            );
        }
        for Column { name, scale, .. } in self.inputs.iter().chain(&self.outputs) {
            let is_finite = scale.offset.is_finite() && scale.factor.is_finite();
            ensure!(is_finite, "the scaling of {name} is not finite");
        }
        Ok(())
    }

    /// Whether several nets are mixed.
    pub fn is_mixture(&self) -> bool {
        self.nets.len() > 1
    }

    /// What it is, in a few words.
    pub fn title(&self) -> String {
        match self.nets.as_slice() {
            [net] => format!("net {}", net.entry.shape),
            nets => {
                let shapes: Vec<_> = nets.iter().map(|net| net.entry.shape.to_string()).collect();
                format!("mixture of the nets {}", shapes.join(", "))
            }
        }
    }

    /// Weights and biases of all nets.
    pub fn parameters(&self) -> usize {
        self.nets.iter().map(|net| net.parameters.len()).sum()
    }

    /// Whether any of the columns is scaled.
    pub fn scales(columns: &[Column]) -> bool {
        columns.iter().any(|column| column.scale != Scale::NONE)
    }

    /// The answer to one sample, both in the units of the columns: what every exported file must
    /// compute to the bit. Of several nets it is the mixture, summed in their order.
    ///
    /// # Errors
    /// When the sample has another width.
    pub fn predict(&self, sample: &[f32]) -> Result<Vec<f32>> {
        let (inputs, outputs) = (self.inputs.len(), self.outputs.len());
        ensure!(sample.len() == inputs, "{} inputs instead of {inputs}", sample.len());
        let mut x = sample.to_vec();
        if Self::scales(&self.inputs) {
            let scales: Vec<_> = self.inputs.iter().map(|column| column.scale).collect();
            scale::apply(&scales, &mut x);
        }
        let mut mixed = vec![0.0; outputs];
        for Member { entry, parameters, weights } in &self.nets {
            let mut own = vec![0.0; outputs];
            entry.predict(parameters, &x, &mut own, &mut vec![0.0; entry.scratch()]);
            if !self.is_mixture() {
                mixed = own;
                break;
            }
            for ((mixed, weight), own) in mixed.iter_mut().zip(weights).zip(&own) {
                *mixed += weight * own;
            }
        }
        if Self::scales(&self.outputs) {
            for (y, column) in mixed.iter_mut().zip(&self.outputs) {
                *y = column.scale.undo(*y);
            }
        }
        Ok(mixed)
    }
}

impl Model {
    /// Fits the model to `columns` that are the same and may be scaled otherwise, as another
    /// split of a table is: in the units of the columns its answers stay, within rounding. Where
    /// the scaling is the same, no bit changes.
    ///
    /// # Errors
    /// The first column that is not the same.
    pub fn fit(&mut self, inputs: &[Column], outputs: &[Column]) -> Result<()> {
        for (side, own, new) in
            [("input", &self.inputs, inputs), ("output", &self.outputs, outputs)]
        {
            let (a, b) = (own.len(), new.len());
            ensure!(a == b, "the net has {a} {side}s and the samples have {b}");
            for (number, (own, new)) in own.iter().zip(new).enumerate() {
                let is_same = (&own.name, &own.values) == (&new.name, &new.values);
                let (number, own, new) = (number + 1, &own.name, &new.name);
                ensure!(is_same, "{side} {number} is {own} in the net and {new} in the samples");
            }
        }
        for net in &mut self.nets {
            for (input, (own, new)) in self.inputs.iter().zip(inputs).enumerate() {
                net.rescale_input(input, own.scale, new.scale);
            }
            for (output, (own, new)) in self.outputs.iter().zip(outputs).enumerate() {
                net.rescale_output(output, own.scale, new.scale);
            }
        }
        self.inputs = inputs.to_vec();
        self.outputs = outputs.to_vec();
        self.check()
    }
}

impl Member {
    /// Whether this is a net with all its parameters, and every number is one. Then no size in its
    /// shape is larger than the parameters are many.
    fn check(&self, net: usize) -> Result<()> {
        let Self { entry, parameters, weights } = self;
        ensure!(entry.is_sound(), "net {net} is not sound");
        let (shape, given) = (entry.shape, parameters.len());
        let wanted = shape.parameters();
        ensure!(given == wanted, "net {net} {shape} has {given} parameters of {wanted}");
        ensure!(
            parameters.iter().chain(weights).all(|number| number.is_finite()),
            "net {net} {shape} has parameters that are not finite: it diverged"
        );
        Ok(())
    }

    /// Takes an input that is scaled by `new` where it was by `old`.
    fn rescale_input(&mut self, input: usize, old: Scale, new: Scale) {
        // An input that never varies is 0, whatever the weight.
        if old == new || old.factor == 0.0 || new.factor == 0.0 {
            return;
        }
        let ratio = f64::from(old.factor) / f64::from(new.factor);
        let shift = (f64::from(new.offset) - f64::from(old.offset)) * f64::from(old.factor);
        let Layer { fan_in, fan_out, .. } = self.entry.shape.layer(0);
        for unit in 0..fan_out {
            let Some(w) = self.number(0, input, unit).map(|w| f64::from(*w)) else { return };
            self.change(0, input, unit, |_| w * ratio);
            self.change(0, fan_in, unit, |bias| bias + w * shift);
        }
    }

    /// Gives an output, the identity of its sum, to be unscaled by `new` instead of `old`.
    fn rescale_output(&mut self, output: usize, old: Scale, new: Scale) {
        if old == new || old.factor == 0.0 {
            return;
        }
        let ratio = f64::from(new.factor) / f64::from(old.factor);
        let shift = (f64::from(old.offset) - f64::from(new.offset)) * f64::from(new.factor);
        let last = self.entry.shape.layers;
        let Layer { fan_in, .. } = self.entry.shape.layer(last);
        for input in 0..=fan_in {
            self.change(last, input, output, |number| number * ratio);
        }
        self.change(last, fan_in, output, |bias| bias + shift);
    }

    fn change(&mut self, layer: usize, input: usize, output: usize, f: impl Fn(f64) -> f64) {
        if let Some(number) = self.number(layer, input, output) {
            *number = f(f64::from(*number)) as f32;
        }
    }

    /// A weight, or with `input` = fan-in a bias.
    fn number(&mut self, layer: usize, input: usize, output: usize) -> Option<&mut f32> {
        let place = self.entry.place(layer, input, output)?;
        self.parameters.get_mut(place)
    }

    /// The layers, from the inputs to the outputs.
    pub fn layers(&self) -> Vec<Dense> {
        let layer = |(index, layer): (usize, Layer)| {
            let number = |input, output| {
                let place = self.entry.place(index, input, output);
                place.and_then(|place| self.parameters.get(place)).copied().unwrap_or(f32::NAN)
            };
            let fan_in = layer.fan_in;
            let row = |output| (0..fan_in).map(move |input| number(input, output));
            Dense {
                fan_in,
                weights: (0..layer.fan_out).flat_map(row).collect(),
                biases: (0..layer.fan_out).map(|output| number(fan_in, output)).collect(),
                activation: if layer.last { self.entry.output } else { self.entry.activation },
            }
        };
        self.entry.shape.weight_layers().enumerate().map(layer).collect()
    }
}

/// The inputs and outputs of a source of samples.
pub fn columns_of(source: &Source) -> (Vec<Column>, Vec<Column>) {
    match source {
        Source::Table(table) => {
            let (inputs, outputs, _) = columns(table.encoding());
            (inputs, outputs)
        }
        _ => (plain("x", source.inputs()), plain("y", source.outputs())),
    }
}

/// Inputs, outputs, and the column of which the outputs are the classes.
fn columns(encoding: &Encoding) -> (Vec<Column>, Vec<Column>, Option<String>) {
    let classes_of = match (encoding.task, encoding.targets.as_slice()) {
        (Task::Classification, [target]) => Some(target.name.clone()),
        _ => None,
    };
    let inputs = features(&encoding.inputs, encoding.input_names());
    (inputs, features(&encoding.targets, encoding.target_names()), classes_of)
}

fn features(features: &[Feature], names: Vec<String>) -> Vec<Column> {
    let parts = features.iter().flat_map(|feature| {
        let values = match &feature.coding {
            Coding::Ordinal { values, .. } => values.clone(),
            _ => Vec::new(),
        };
        let column = Column {
            name: String::new(),
            unit: unit(&feature.name).to_owned(),
            values,
            scale: feature.coding.scale(),
        };
        std::iter::repeat_n(column, feature.coding.width())
    });
    parts.zip(names).map(|(column, name)| Column { name, ..column }).collect()
}

/// Columns that are numbers as they are.
fn plain(letter: &str, count: usize) -> Vec<Column> {
    let column = |number| Column {
        name: format!("{letter}{number}"),
        unit: String::new(),
        values: Vec::new(),
        scale: Scale::NONE,
    };
    (0..count).map(column).collect()
}

/// What stands in brackets at the end of a name.
fn unit(name: &str) -> &str {
    name.strip_suffix(']')
        .and_then(|name| name.rsplit_once('['))
        .map_or("", |(_, unit)| unit.trim())
}

#[cfg(test)]
mod tests {
    use super::unit;

    #[test]
    fn units_stand_in_brackets() {
        for (name, expected) in
            [("speed [m/s]", "m/s"), ("speed", ""), ("[g]", "g"), ("a [b] c", ""), ("]", "")]
        {
            assert_eq!(unit(name), expected, "{name}");
        }
    }
}
