//! Analytic gradients against finite differences of the loss, which the model computes in f64.
//!
//! # Tolerance
//! A central difference over `h` is off by `h^2 / 6` times the third derivative ([`TRUNCATED`])
//! and by f64's rounding over h, some 1e-16 / 1e-4. Rounding in f32 is what runs of the model in
//! Monte Carlo arithmetic show, the most of any gradient in the layer (`model/rounding.rs`).

use derby_core::rng::Stream;
use derby_core::{Activation, Batch, BatchLoss, Entry, Loss, Net, Shape};
use derby_tests::model::{self, Model, Rounding, Samples, U, in_core_order, in_textbook_order};
use derby_tests::property;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Half the length of a difference.
const H: f64 = 1e-4;
/// `h^2 / 6` times a third derivative of up to 60 times the largest gradient or the loss.
const TRUNCATED: f64 = 1e-7;
/// Runs of the model in Monte Carlo arithmetic.
const RUNS: u64 = 4;
/// Parameters of each layer that are looked at one by one.
const SINGLE: u32 = 6;

/// What a case is about.
#[derive(Clone, Debug)]
struct Case {
    shape: Shape,
    activation: Activation,
    output: (Activation, Loss),
    samples: usize,
    held_back: usize,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let shape = (1..=40_usize, 1..=40_usize, 0..=3_usize, 1..=40_usize)
        .prop_map(|(inputs, hidden, layers, outputs)| Shape::new(inputs, hidden, layers, outputs));
    let hidden = prop::sample::select(vec![
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Softplus,
        Activation::Identity,
    ]);
    let output = prop::sample::select(vec![
        (Activation::Sigmoid, Loss::Squared),
        (Activation::Sigmoid, Loss::CrossEntropy),
        (Activation::Softmax, Loss::Squared),
        (Activation::Softmax, Loss::CrossEntropy),
        (Activation::Tanh, Loss::Squared),
        (Activation::Relu, Loss::Squared),
        (Activation::LeakyRelu, Loss::Squared),
        (Activation::Softplus, Loss::Squared),
        (Activation::Identity, Loss::Squared),
    ]);
    let batch = (1..=12_usize).prop_flat_map(|samples| (Just(samples), 0..samples));
    (shape, hidden, output, batch, any::<u64>()).prop_map(
        |(shape, activation, output, (samples, held_back), seed)| Case {
            shape,
            activation,
            output,
            samples,
            held_back,
            seed,
        },
    )
}

/// Rows of numbers that are exact in f32.
fn rows(
    stream: &mut Stream,
    rows: usize,
    width: usize,
    of: fn(&mut Stream) -> f32,
) -> Vec<Vec<f64>> {
    (0..rows).map(|_| (0..width).map(|_| f64::from(of(stream))).collect()).collect()
}

fn flat(rows: &[Vec<f64>]) -> Vec<f32> {
    rows.iter().flatten().map(|&x| x as f32).collect()
}

/// Core's losses and gradients.
fn core(
    entry: &Entry,
    parameters: &[f64],
    x: &[Vec<f64>],
    y: &[Vec<f64>],
    held_back: usize,
) -> (BatchLoss, Vec<f32>) {
    let samples = x.len();
    let (inputs, targets) = (flat(x), flat(y));
    let batch = Batch { inputs: &inputs, targets: &targets, samples, held_back };
    let mut parameters = in_core_order(entry, parameters);
    let before = parameters.clone();
    let mut memory = vec![0.0; entry.memory()];
    let mut out = vec![f32::NAN; samples * entry.shape.outputs];
    let mut scratch = vec![f32::NAN; entry.training_scratch(samples)];
    let mut gradients = vec![f32::NAN; parameters.len()];
    let mut net = Net { entry, parameters: &mut parameters, memory: &mut memory, steps: 0 };
    let loss = net.gradient(batch, &mut out, &mut scratch, &mut gradients);
    assert_eq!(parameters, before, "asking for gradients changes nothing");
    (loss, in_textbook_order(entry, &gradients))
}

/// What was compared, to be sure that kinks do not excuse too much.
#[derive(Debug, Default)]
struct Tally {
    compared: usize,
    at_a_kink: usize,
}

fn check(case: &Case, tally: &mut Tally) -> Result<(), TestCaseError> {
    let Case { shape, activation, output: (output, loss), samples, held_back, seed } = *case;
    let entry = Entry::new(shape, seed).activation(activation).output(output, loss);
    let mut stream = Stream::new(seed, 1);
    let mut start = vec![0.0; shape.parameters()];
    entry.start(&mut start);
    // Biases start at 0, where a slip would not show.
    let parameters: Vec<f64> = in_textbook_order(&entry, &start)
        .into_iter()
        .map(|w| f64::from(w + 0.1 * stream.symmetric(1.0)))
        .collect();
    let x = rows(&mut stream, samples, shape.inputs, |stream| stream.symmetric(1.0));
    let mut y = rows(&mut stream, samples, shape.outputs, Stream::unit);
    if output == Activation::Softmax && loss == Loss::CrossEntropy {
        // Shares, as the slope a - y holds for targets that sum to 1.
        for y in &mut y {
            let class = stream.below(y.len() as u32) as usize;
            y.fill(0.0);
            y[class] = 1.0;
        }
    }

    let trained = samples - held_back;
    let learned = Samples { x: &x[..trained], y: &y[..trained] };
    let mut exact = Model::new(&entry, parameters.clone(), Rounding::EXACT);
    let mut runs: Vec<_> = (0..RUNS)
        .map(|seed| Model::new(&entry, parameters.clone(), Rounding::random(seed)))
        .collect();
    let (losses, gradients) = core(&entry, &parameters, &x, &y, held_back);

    // The losses, of the samples learned from and of those held back.
    for (name, x, y, value) in [
        ("trained", &x[..trained], &y[..trained], losses.trained),
        ("held back", &x[trained..], &y[trained..], losses.held_back),
    ] {
        if x.is_empty() {
            prop_assert_eq!(value, 0.0, "{} of none", name);
            continue;
        }
        let samples = Samples { x, y };
        let cost = exact.cost(samples);
        let costs: Vec<_> = runs.iter_mut().map(|run| [run.cost(samples)]).collect();
        let tolerance = model::spread(&[cost], costs.iter().map(|cost| &cost[..]))[0];
        let tolerance = tolerance + 16.0 * U * cost;
        let off = (f64::from(value) - cost).abs();
        prop_assert!(off <= tolerance, "{} loss {} and not {}", name, value, cost);
    }

    let (kink, sides) = exact.kinks(learned.x);
    // So near to a kink f32 may take the other side.
    prop_assume!(kink > 1e-5);
    let answer = exact.answer(learned);
    let runs: Vec<_> = runs.iter_mut().map(|run| run.answer(learned).gradients).collect();
    let spread = model::spread(&answer.gradients, runs.iter().map(|run| &run[..]));

    let mut below = 0;
    for layer in shape.weight_layers() {
        let own = below..below + layer.parameters();
        below = own.end;
        let largest = |numbers: &[f64]| {
            numbers[own.clone()].iter().fold(0.0, |most: f64, x| most.max(x.abs()))
        };
        let rounding = largest(&spread);
        let scale = largest(&answer.gradients).max(answer.cost);
        // All of the layer's parameters at once, some up and some down, then a few alone.
        let signs: Vec<_> =
            own.clone().map(|place| (place, stream.symmetric(1.0).signum())).collect();
        let singles = (0..SINGLE).map(|_| {
            let place = own.start + stream.below(layer.parameters() as u32) as usize;
            vec![(place, 1.0)]
        });
        let directions: Vec<_> = std::iter::once(signs).chain(singles).collect();
        for direction in directions {
            // Steps along a direction of many parameters are as long as along one.
            let h = H / (direction.len() as f64).sqrt();
            let cost_at = |h: f64| {
                let mut moved = exact.clone();
                for &(place, sign) in &direction {
                    moved.parameters[place] += h * f64::from(sign);
                }
                let stays = moved.kinks(learned.x).1 == sides;
                (moved.cost(learned), stays)
            };
            let ((up, up_stays), (down, down_stays)) = (cost_at(h), cost_at(-h));
            if !(up_stays && down_stays) {
                tally.at_a_kink += 1;
                continue;
            }
            tally.compared += 1;
            let difference = (up - down) / (2.0 * h);
            let slope: f64 =
                direction.iter().map(|&(p, sign)| f64::from(gradients[p] * sign)).sum();
            // Of many parameters errors add up as the root of their number.
            let many = (direction.len() as f64).sqrt();
            let tolerance = many * (rounding + TRUNCATED * scale);
            prop_assert!(
                (slope - difference).abs() <= tolerance,
                "layer {:?}, {} parameters from {}: slope {} and not {}, tolerance {:e}",
                layer,
                direction.len(),
                direction[0].0,
                slope,
                difference,
                tolerance
            );
        }
    }
    Ok(())
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let tally = std::cell::RefCell::new(Tally::default());
    let mut runner = TestRunner::new(property(120, 0));
    let result = runner.run(&cases(), |case| check(&case, &mut tally.borrow_mut()));
    if let Err(error) = result {
        panic!("{error}");
    }
    let Tally { compared, at_a_kink } = tally.into_inner();
    assert!(at_a_kink < compared / 10, "{at_a_kink} at a kink, {compared} compared");
}
