//! A net as a textbook writes it: in f64, one number at a time, sharing no code with core. It is
//! compared with PyTorch too, so it stands in where no other reference is at hand. And it may round
//! as f32 might ([`Rounding`]), which says how far core may be off.
//!
//! Parameters lie `[layer][output][input]`, the bias after the last input.

mod optimizer;
mod rounding;

pub use rounding::{Rounding, U, spread};

use derby_core::{Activation, Entry, Loss, Shape};
use optimizer::Constants;

/// A batch, sample by sample.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'s> {
    /// `[sample][input]`
    pub x: &'s [Vec<f64>],
    /// `[sample][output]`
    pub y: &'s [Vec<f64>],
}

/// The model of a net.
#[derive(Clone, Debug)]
pub struct Model {
    entry: Entry,
    /// `[layer][output][input]`, then the bias.
    pub parameters: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
    constants: Constants,
    rounding: Rounding,
}

/// What the model answers to a batch.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `[sample][output]`
    pub outputs: Vec<f64>,
    /// Mean loss.
    pub cost: f64,
    /// Laid out as the parameters.
    pub gradients: Vec<f64>,
}

impl Model {
    /// The model of `entry` with these parameters. Both optimizers of the entry must be one.
    pub fn new(entry: &Entry, parameters: Vec<f64>, mut rounding: Rounding) -> Self {
        assert_eq!(entry.optimizer, entry.hidden_optimizer);
        let zeros = vec![0.0; parameters.len()];
        let constants = Constants::of(entry, &mut rounding);
        let (first, second) = (zeros.clone(), zeros);
        Self { entry: *entry, parameters, first, second, steps: 0, constants, rounding }
    }

    /// Each layer's place of its first parameter, inputs and outputs.
    fn layers(&self) -> Vec<(usize, usize, usize)> {
        let mut below = 0;
        let mut layer = |pair: &[usize]| {
            let start = below;
            below += (pair[0] + 1) * pair[1];
            (start, pair[0], pair[1])
        };
        widths(self.entry.shape).windows(2).map(&mut layer).collect()
    }

    /// The sums and the activations of every layer for one sample; the input comes first, as
    /// the activations of a layer without sums.
    fn forward(&mut self, x: &[f64]) -> Vec<(Vec<f64>, Vec<f64>)> {
        let mut layers = vec![(Vec::new(), x.to_vec())];
        let depth = self.layers().len();
        for (layer, (start, fan_in, fan_out)) in self.layers().into_iter().enumerate() {
            let x = &layers[layer].1;
            let mut sums = Vec::new();
            for output in 0..fan_out {
                let row = &self.parameters[start + output * (fan_in + 1)..][..=fan_in];
                let mut sum = 0.0;
                for (w, x) in row.iter().zip(x) {
                    let product = self.rounding.of(w * x);
                    sum = self.rounding.of(sum + product);
                }
                sums.push(self.rounding.of(sum + row[fan_in]));
            }
            let last = layer + 1 == depth;
            let f = if last { self.entry.output } else { self.entry.activation };
            let activations = activate(f, &sums, &mut self.rounding);
            layers.push((sums, activations));
        }
        layers
    }

    /// The least distance of a sum from the kink of a rectifier, and on which side of it each
    /// lies.
    pub fn kinks(&mut self, x: &[Vec<f64>]) -> (f64, Vec<bool>) {
        let (mut least, mut sides) = (f64::INFINITY, Vec::new());
        for x in x {
            let layers = self.forward(x);
            let depth = layers.len() - 1;
            for (layer, (sums, _)) in layers.iter().enumerate().skip(1) {
                let f = if layer == depth { self.entry.output } else { self.entry.activation };
                if matches!(f, Activation::Relu | Activation::LeakyRelu) {
                    least = sums.iter().fold(least, |least, z| least.min(z.abs()));
                    sides.extend(sums.iter().map(|z| *z > 0.0));
                }
            }
        }
        (least, sides)
    }

    /// The mean loss of the samples.
    pub fn cost(&mut self, samples: Samples<'_>) -> f64 {
        let mut sum = 0.0;
        for (x, y) in samples.x.iter().zip(samples.y) {
            let layers = self.forward(x);
            let loss = self.loss(&layers[layers.len() - 1].1, y);
            sum = self.rounding.of(sum + loss);
        }
        self.rounding.of(sum / samples.x.len() as f64)
    }

    fn loss(&mut self, a: &[f64], y: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (&a, &y) in a.iter().zip(y) {
            let part = match (self.entry.loss, self.entry.output) {
                (Loss::Squared, _) => {
                    let distance = self.rounding.of(a - y);
                    self.rounding.of(0.5 * distance * distance)
                }
                (Loss::CrossEntropy, Activation::Softmax) => self.rounding.to(-y * a.ln(), 2.0),
                (Loss::CrossEntropy, _) => {
                    let other = self.rounding.of(1.0 - a);
                    let hit = self.rounding.to(-y * a.ln(), 2.0);
                    let miss = self.rounding.to(-(1.0 - y) * other.ln(), 3.0);
                    self.rounding.of(hit + miss)
                }
            };
            sum = self.rounding.of(sum + part);
        }
        sum
    }

    /// Outputs, cost and gradients of a batch, by the chain rule as it is taught.
    pub fn answer(&mut self, samples: Samples<'_>) -> Answer {
        let share = self.rounding.of(1.0 / samples.x.len() as f64);
        let mut outputs = Vec::new();
        let mut gradients = vec![0.0; self.parameters.len()];
        for (x, y) in samples.x.iter().zip(samples.y) {
            let layers = self.forward(x);
            let a = &layers[layers.len() - 1].1;
            outputs.extend_from_slice(a);
            let mut deltas = self.output_deltas(a, y);
            for delta in &mut deltas {
                *delta = self.rounding.of(*delta * share);
            }
            for (layer, (start, fan_in, fan_out)) in self.layers().into_iter().enumerate().rev() {
                let x = &layers[layer].1;
                let mut errors = vec![0.0; fan_in];
                for (output, &delta) in deltas.iter().enumerate().take(fan_out) {
                    let row = start + output * (fan_in + 1);
                    for input in 0..fan_in {
                        let part = self.rounding.of(x[input] * delta);
                        gradients[row + input] = self.rounding.of(gradients[row + input] + part);
                        let back = self.rounding.of(self.parameters[row + input] * delta);
                        errors[input] = self.rounding.of(errors[input] + back);
                    }
                    gradients[row + fan_in] = self.rounding.of(gradients[row + fan_in] + delta);
                }
                for (error, &a) in errors.iter_mut().zip(x) {
                    let slope = slope(self.entry.activation, a, &mut self.rounding);
                    *error = self.rounding.of(*error * slope);
                }
                deltas = errors;
            }
        }
        Answer { outputs, cost: self.cost(samples), gradients }
    }

    /// The slope of the loss by the sums of the output layer.
    fn output_deltas(&mut self, a: &[f64], y: &[f64]) -> Vec<f64> {
        let rounding = &mut self.rounding;
        let distances: Vec<f64> = a.iter().zip(y).map(|(a, y)| rounding.of(a - y)).collect();
        match (self.entry.loss, self.entry.output) {
            (Loss::CrossEntropy, _) => distances,
            (Loss::Squared, Activation::Softmax) => {
                // The whole matrix: da_k / dz_j = a_k (1 - a_j) for k = j and -a_k a_j else.
                (0..a.len())
                    .map(|j| {
                        (0..a.len()).fold(0.0, |sum, k| {
                            let one = if j == k { 1.0 } else { 0.0 };
                            let part = rounding.to(distances[k] * a[k] * (one - a[j]), 3.0);
                            rounding.of(sum + part)
                        })
                    })
                    .collect()
            }
            (Loss::Squared, f) => {
                let slopes = a.iter().zip(distances);
                slopes.map(|(&a, d)| d * slope(f, a, rounding)).collect()
            }
        }
    }

    /// One step along the gradients of a batch.
    pub fn learn(&mut self, samples: Samples<'_>) {
        let mut gradients = self.answer(samples).gradients;
        for (start, fan_in, fan_out) in self.layers() {
            for row in (start..).step_by(fan_in + 1).take(fan_out) {
                let weights = &self.parameters[row..][..fan_in];
                for (gradient, w) in gradients[row..][..fan_in].iter_mut().zip(weights) {
                    let penalty = self.rounding.of(self.constants.l2 * w);
                    *gradient = self.rounding.of(*gradient + penalty);
                }
            }
        }
        self.steps += 1;
        let numbers = self.parameters.iter_mut().zip(&mut self.first).zip(&mut self.second);
        for (((w, first), second), g) in numbers.zip(gradients) {
            self.constants.step(self.steps, w, g, first, second, &mut self.rounding);
        }
    }
}

/// Widths of the layers of units, from the inputs to the outputs.
fn widths(shape: Shape) -> Vec<usize> {
    let hidden = std::iter::repeat_n(shape.hidden, shape.layers);
    std::iter::once(shape.inputs).chain(hidden).chain([shape.outputs]).collect()
}

fn activate(f: Activation, z: &[f64], rounding: &mut Rounding) -> Vec<f64> {
    if f == Activation::Softmax {
        let top = z.iter().copied().fold(f64::MIN, f64::max);
        let powers: Vec<f64> = z
            .iter()
            .map(|z| {
                let below = rounding.of(z - top);
                rounding.to(below.exp(), 2.0)
            })
            .collect();
        let sum = powers.iter().fold(0.0, |sum, power| rounding.of(sum + power));
        return powers.iter().map(|power| rounding.of(power / sum)).collect();
    }
    let one = |&z: &f64| match f {
        // The absolute errors that core states of its functions, 1.2e-7 and 2.4e-7.
        Activation::Sigmoid => 1.0 / (1.0 + (-z).exp()) + rounding.noise(2.0),
        Activation::Tanh => z.tanh() + rounding.noise(4.0),
        Activation::Relu => z.max(0.0),
        Activation::LeakyRelu => {
            if z > 0.0 {
                z
            } else {
                rounding.to(0.01 * z, 2.0)
            }
        }
        // Its exponential's error is relative to e^z where that is small, and to 1 else.
        Activation::Softplus => rounding.to(z.max(0.0) + (-z.abs()).exp().ln_1p(), 4.0),
        Activation::Identity | Activation::Softmax => z,
    };
    z.iter().map(one).collect()
}

/// The slope at the activation `a`.
fn slope(f: Activation, a: f64, rounding: &mut Rounding) -> f64 {
    match f {
        Activation::Sigmoid => {
            let other = rounding.of(1.0 - a);
            rounding.of(a * other)
        }
        Activation::Tanh => {
            let square = rounding.of(a * a);
            rounding.of(1.0 - square)
        }
        Activation::Relu => f64::from(a > 0.0),
        Activation::LeakyRelu if a > 0.0 => 1.0,
        Activation::LeakyRelu => rounding.of(0.01),
        Activation::Softplus => {
            let power = rounding.to((-a).exp(), 2.0);
            rounding.of(1.0 - power)
        }
        Activation::Identity => 1.0,
        Activation::Softmax => unreachable!("softmax is for outputs only"),
    }
}

/// A net's numbers, such as parameters or gradients, from core's order to the model's.
pub fn in_textbook_order(entry: &Entry, numbers: &[f32]) -> Vec<f32> {
    places(entry).into_iter().map(|place| numbers[place]).collect()
}

/// A net's parameters from the model's order to core's.
pub fn in_core_order(entry: &Entry, numbers: &[f64]) -> Vec<f32> {
    let mut ordered = vec![f32::NAN; numbers.len()];
    for (place, &number) in places(entry).into_iter().zip(numbers) {
        ordered[place] = number as f32;
    }
    ordered
}

/// Where core keeps each of the model's parameters.
pub fn places(entry: &Entry) -> Vec<usize> {
    let mut places = Vec::new();
    for (layer, pair) in widths(entry.shape).windows(2).enumerate() {
        for output in 0..pair[1] {
            for input in 0..=pair[0] {
                places.extend(entry.place(layer, input, output));
            }
        }
    }
    assert_eq!(places.len(), entry.shape.parameters());
    places
}
