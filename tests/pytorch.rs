//! Core's outputs, costs, gradients and steps against PyTorch's, in every case of the golden file.
//!
//! # Tolerance
//! Two bounds hold, both derived. A run in f32 may be as far from the exact one as runs of the
//! model in Monte Carlo arithmetic are (`model/rounding.rs`), number by number: that bound knows how
//! optimizers with steps of nearly one size, such as Adam, RMSprop and Rprop, magnify the rounding of
//! a gradient near 0, and how errors grow from step to step. Before and at the first step there
//! is the bound of textbooks too, `units in the last place x number of terms` ([`FEW`]). The
//! file's own rounding, to ten digits, is added to both ([`PRINTED`]).

use derby_core::{Activation, Batch, Entry, Init, Loss, Net, Optimizer, Shape};
use derby_tests::model::{self, Model, Rounding, Samples, U, in_core_order, in_textbook_order};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Units in the last place for each term on a number's way.
const FEW: f64 = 2.0;
/// The file's numbers end at the tenth decimal.
const PRINTED: f64 = 0.5e-10;
/// Runs of the model in Monte Carlo arithmetic.
const RUNS: u64 = 16;

#[derive(Deserialize)]
struct Case {
    name: String,
    inputs: usize,
    hidden: usize,
    layers: usize,
    outputs: usize,
    hidden_activation: String,
    output_activation: String,
    loss: String,
    optimizer: String,
    batch: usize,
    initial: Vec<Layer>,
    batches: Vec<Numbers>,
    first: First,
    after: BTreeMap<usize, Vec<Layer>>,
}

#[derive(Deserialize)]
struct Layer {
    weights: Vec<Vec<f64>>,
    bias: Vec<f64>,
}

#[derive(Deserialize)]
struct Numbers {
    x: Vec<Vec<f64>>,
    y: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct First {
    outputs: Vec<Vec<f64>>,
    cost: f64,
    gradients: Vec<Layer>,
}

fn all_cases() -> Vec<Case> {
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Case>,
    }
    let File { cases } = serde_json::from_str(include_str!("golden/pytorch-training.json"))
        .expect("the golden file is JSON of the form that its README describes");
    assert!(!cases.is_empty());
    cases
}

/// In the model's order: each unit's weights, then its bias.
fn in_a_row(layers: &[Layer]) -> Vec<f64> {
    let units = layers.iter().flat_map(|layer| layer.weights.iter().zip(&layer.bias));
    units.flat_map(|(weights, bias)| weights.iter().chain([bias])).copied().collect()
}

fn activation(name: &str) -> Activation {
    match name {
        "sigmoid" => Activation::Sigmoid,
        "tanh" => Activation::Tanh,
        "relu" => Activation::Relu,
        "leaky_relu" => Activation::LeakyRelu,
        "softplus" => Activation::Softplus,
        "identity" => Activation::Identity,
        "softmax" => Activation::Softmax,
        other => panic!("unknown activation {other}"),
    }
}

fn optimizer(name: &str) -> Optimizer {
    let momentum = |nesterov| Optimizer::Momentum { rate: 0.1, momentum: 0.9, nesterov };
    let rmsprop = |momentum| Optimizer::RmsProp { rate: 0.01, decay: 0.9, momentum, eps: 1e-8 };
    match name {
        "sgd" | "sgd_weight_decay" => Optimizer::Sgd { rate: 0.1 },
        "sgd_momentum" => momentum(false),
        "sgd_nesterov" => momentum(true),
        "adagrad" => Optimizer::Adagrad { rate: 0.05, eps: 1e-10 },
        "adadelta" => Optimizer::Adadelta { rate: 1.0, rho: 0.9, eps: 1e-6 },
        "rmsprop" => rmsprop(0.0),
        "rmsprop_momentum" => rmsprop(0.6),
        "adam" => Optimizer::Adam { rate: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        "rprop" => Optimizer::Rprop { rate: 0.01, shrink: 0.5, grow: 1.2, least: 1e-6, most: 50.0 },
        other => panic!("unknown optimizer {other}"),
    }
}

impl Case {
    fn entry(&self) -> Entry {
        let loss = match self.loss.as_str() {
            "mse" => Loss::Squared,
            "cross_entropy" => Loss::CrossEntropy,
            other => panic!("unknown loss {other}"),
        };
        let optimizer = optimizer(&self.optimizer);
        Entry {
            shape: Shape::new(self.inputs, self.hidden, self.layers, self.outputs),
            activation: activation(&self.hidden_activation),
            output: activation(&self.output_activation),
            loss,
            optimizer,
            hidden_optimizer: optimizer,
            decay: if self.optimizer == "sgd_weight_decay" { 0.01 } else { 0.0 },
            init: Init::Reference,
            seed: 0,
        }
    }

    /// Operations between a sample and a gradient: a sum over the inputs of each layer and one
    /// over its outputs on the way back, some eight operations for each activation with its slope
    /// and for the optimizer's step, and the sum over the batch.
    fn terms(&self) -> f64 {
        let hidden = self.layers * (2 * self.hidden + 8);
        (self.inputs + hidden + self.outputs + 8 + self.batch + 8) as f64
    }
}

/// Whether each number is within its tolerance of the reference.
fn assert_close(name: &str, numbers: &[f32], reference: &[f64], tolerances: &[f64]) {
    assert_eq!(numbers.len(), reference.len(), "{name}");
    let all = numbers.iter().zip(reference).zip(tolerances).enumerate();
    for (place, ((&number, reference), tolerance)) in all {
        let off = (f64::from(number) - reference).abs();
        let tolerance = tolerance + PRINTED;
        assert!(
            off <= tolerance,
            "{name}, number {place}: {number} and not {reference}, off by {off:e} of {tolerance:e}"
        );
    }
}

/// The bound of textbooks, relative to the largest number of its kind.
fn assert_few_units(name: &str, numbers: &[f32], reference: &[f64], terms: f64) {
    let largest = reference.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    assert_close(name, numbers, reference, &vec![FEW * U * terms * largest; reference.len()]);
}

/// One training in f32, one exact, and some in Monte Carlo arithmetic, side by side.
struct Training<'c> {
    case: &'c Case,
    entry: Entry,
    parameters: Vec<f32>,
    memory: Vec<f32>,
    steps: u32,
    exact: Model,
    runs: Vec<Model>,
}

impl<'c> Training<'c> {
    fn new(case: &'c Case) -> Self {
        let entry = case.entry();
        // Exact in f32, as the file says, but not as printed.
        let initial: Vec<_> =
            in_a_row(&case.initial).into_iter().map(|w| f64::from(w as f32)).collect();
        let model = |rounding| Model::new(&entry, initial.clone(), rounding);
        Self {
            case,
            entry,
            parameters: in_core_order(&entry, &initial),
            memory: vec![0.0; entry.memory()],
            steps: 0,
            exact: model(Rounding::EXACT),
            runs: (0..RUNS).map(|seed| model(Rounding::random(seed))).collect(),
        }
    }

    /// Shows the net, with room for its answers and for its scratch.
    fn with_net<T>(&mut self, work: impl FnOnce(&mut Net<'_>, &mut [f32], &mut [f32]) -> T) -> T {
        let Self { case, entry, parameters, memory, steps, .. } = self;
        let mut net = Net { entry, parameters, memory, steps: *steps };
        let mut out = vec![f32::NAN; case.batch * case.outputs];
        let mut scratch = vec![f32::NAN; entry.training_scratch(case.batch)];
        let result = work(&mut net, &mut out, &mut scratch);
        *steps = net.steps;
        result
    }

    /// Outputs, cost and gradients of the first batch.
    fn compare_first(&mut self) {
        let case = self.case;
        let (inputs, targets) = flat(&case.batches[0]);
        let batch = Batch { inputs: &inputs, targets: &targets, samples: case.batch, held_back: 0 };
        let (outputs, cost, gradients) = self.with_net(|net, out, scratch| {
            let mut gradients = vec![f32::NAN; net.parameters.len()];
            let loss = net.gradient(batch, out, scratch, &mut gradients);
            (out.to_vec(), loss.trained, gradients)
        });
        let gradients = in_textbook_order(&self.entry, &gradients);

        let samples = samples(&case.batches[0]);
        let exact = self.exact.answer(samples);
        let runs: Vec<_> = self.runs.iter_mut().map(|run| run.answer(samples)).collect();
        let compare =
            |what, numbers: &[f32], reference: &[f64], of: fn(&model::Answer) -> &[f64]| {
                let name = format!("{}, {what} of the first batch", case.name);
                assert_close(
                    &format!("{name} (model)"),
                    &as_f32(of(&exact)),
                    reference,
                    &reference.iter().map(|x| U * x.abs() + PRINTED).collect::<Vec<_>>(),
                );
                let tolerances = model::spread(of(&exact), runs.iter().map(of));
                assert_close(&name, numbers, reference, &tolerances);
                assert_few_units(&name, numbers, reference, case.terms());
            };
        compare("outputs", &outputs, &case.first.outputs.concat(), |answer| &answer.outputs);
        compare("cost", &[cost], &[case.first.cost], |answer| std::slice::from_ref(&answer.cost));
        compare("gradients", &gradients, &in_a_row(&case.first.gradients), |answer| {
            &answer.gradients
        });
    }

    fn learn(&mut self, numbers: &Numbers) {
        let (inputs, targets) = flat(numbers);
        let batch =
            Batch { inputs: &inputs, targets: &targets, samples: self.case.batch, held_back: 0 };
        self.with_net(|net, out, scratch| net.learn(batch, out, scratch));
        self.exact.learn(samples(numbers));
        self.runs.iter_mut().for_each(|run| run.learn(samples(numbers)));
    }

    fn compare_after(&self, step: usize, reference: &[f64]) {
        let name = format!("{}, parameters after step {step}", self.case.name);
        let parameters = in_textbook_order(&self.entry, &self.parameters);
        let exact = &self.exact.parameters;
        let rounding: Vec<_> = reference.iter().map(|x| U * x.abs() + 20.0 * PRINTED).collect();
        assert_close(&format!("{name} (model)"), &as_f32(exact), reference, &rounding);
        let tolerances = model::spread(exact, self.runs.iter().map(|run| &run.parameters[..]));
        assert_close(&name, &parameters, reference, &tolerances);
        if step == 1 {
            assert_few_units(&name, &parameters, reference, self.case.terms());
        }
        // A tolerance as wide as the way gone would say nothing.
        let initial = in_a_row(&self.case.initial);
        let way = reference.iter().zip(&initial).map(|(after, before)| (after - before).abs());
        let way = way.fold(0.0, f64::max);
        let tolerance = tolerances.iter().copied().fold(0.0, f64::max);
        assert!(tolerance < 1e-3 * way, "{name}: {tolerance:e} is much for a way of {way:e}");
    }
}

fn flat(numbers: &Numbers) -> (Vec<f32>, Vec<f32>) {
    (as_f32(&numbers.x.concat()), as_f32(&numbers.y.concat()))
}

fn samples(numbers: &Numbers) -> Samples<'_> {
    Samples { x: &numbers.x, y: &numbers.y }
}

fn as_f32(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&number| number as f32).collect()
}

#[test]
fn every_case_agrees() {
    for case in all_cases() {
        let mut training = Training::new(&case);
        training.compare_first();
        for (done, batch) in case.batches.iter().enumerate() {
            training.learn(batch);
            if let Some(reference) = case.after.get(&(done + 1)) {
                training.compare_after(done + 1, &in_a_row(reference));
            }
        }
        assert!(case.after.keys().all(|&step| step <= case.batches.len()), "{}", case.name);
    }
}
