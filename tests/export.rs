//! Exported nets: compiled and run, they answer as the core does, to the bit; read back, they
//! race on; damaged, they are refused.

#[path = "export/board.rs"]
mod board;
#[path = "export/commands.rs"]
mod commands;
#[path = "export/compiled.rs"]
mod compiled;
#[path = "export/damaged.rs"]
mod damaged;
#[path = "export/onnx.rs"]
mod onnx;

use std::process::{Command, Output};

use derby::export::model::{Column, History, Member, Model};
use derby_core::rng::Stream;
use derby_core::scale::Scale;
use derby_core::{Activation, Entry, Loss, Shape};

/// Runs a tool that has to succeed.
fn run(command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| panic!("{name}: {error}; see tests/run"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A net with numbers at random, smaller where sums are longer, as in trained nets.
fn member(shape: Shape, hidden: Activation, output: Activation, part: f32) -> Member {
    let loss = if output == Activation::Softmax { Loss::CrossEntropy } else { Loss::Squared };
    let entry = Entry::new(shape, 7).activation(hidden).output(output, loss);
    let mut stream = Stream::new(shape.parameters() as u64, 1);
    let bound = 3.0 / (shape.widest().max(shape.inputs) as f32).sqrt();
    let parameters = (0..shape.parameters()).map(|_| stream.symmetric(bound)).collect();
    Member { entry, parameters, weights: vec![part; shape.outputs] }
}

/// Columns with names that no file may stumble over.
fn columns(count: usize, scaled: bool) -> Vec<Column> {
    const NAMES: [&str; 5] = ["plain", "a */ b", "quote \" \\ ??/", "Größe [m/s]", "two\nlines"];
    let mut stream = Stream::new(count as u64, 2);
    let mut column = |number: usize| {
        let scale = Scale { offset: stream.symmetric(40.0), factor: 2.1 + stream.symmetric(2.0) };
        Column {
            name: NAMES[number % NAMES.len()].to_owned(),
            unit: if number == 3 { "m/s".to_owned() } else { String::new() },
            values: if number == 1 {
                ["low */", "mid\nhigh", "\\"].map(String::from).into()
            } else {
                Vec::new()
            },
            scale: if scaled { scale } else { Scale::NONE },
        }
    };
    (0..count).map(&mut column).collect()
}

/// A model of these nets; columns are scaled as told, and classes where the outputs are shares.
fn model(nets: Vec<Member>, scaled: (bool, bool)) -> Model {
    let Entry { shape, output, .. } = nets[0].entry;
    let model = Model {
        nets,
        inputs: columns(shape.inputs, scaled.0),
        outputs: columns(shape.outputs, scaled.1),
        classes_of: (output == Activation::Softmax).then(|| "a */ class\n".to_owned()),
        history: History {
            version: "0.0.0".to_owned(),
            command: "derby race 'a */ b.csv\\'".to_owned(),
            samples: 1000,
            loss: Some(0.25),
            accuracy: None,
        },
    };
    model.check().expect("the model is sound");
    model
}

/// Models of every activation, of no, one and several hidden layers, of one net and of several,
/// with every kind of scaling.
fn models() -> Vec<Model> {
    use Activation::{Identity, LeakyRelu, Relu, Sigmoid, Softmax, Softplus, Tanh};
    let one = |shape, hidden, output| vec![member(shape, hidden, output, 1.0)];
    vec![
        model(one(Shape::new(3, 5, 1, 2), Sigmoid, Sigmoid), (false, false)),
        model(one(Shape::new(13, 17, 2, 3), Tanh, Softmax), (true, false)),
        model(one(Shape::new(16, 56, 2, 16), Relu, Sigmoid), (false, false)),
        model(one(Shape::new(4, 9, 3, 2), LeakyRelu, Identity), (true, true)),
        model(one(Shape::new(5, 8, 1, 1), Softplus, Identity), (false, true)),
        model(one(Shape::new(2, 0, 0, 4), Sigmoid, Softmax), (true, false)),
        model(one(Shape::new(1, 1, 1, 1), Identity, Tanh), (true, false)),
        model(
            vec![
                member(Shape::new(6, 7, 1, 3), Sigmoid, Softmax, 0.25),
                member(Shape::new(6, 12, 2, 3), Tanh, Softmax, 0.4),
                member(Shape::new(6, 0, 0, 3), Relu, Softmax, 0.35),
            ],
            (true, false),
        ),
        model(
            vec![
                member(Shape::new(2, 4, 2, 1), Softplus, Identity, 0.7),
                member(Shape::new(2, 20, 1, 1), LeakyRelu, Identity, 0.3),
            ],
            (true, true),
        ),
    ]
}

/// Samples for a model, `[sample][input]`: likely ones, and ones that overflow.
fn samples(model: &Model) -> Vec<f32> {
    let mut stream = Stream::new(3, model.inputs.len() as u64);
    let mut samples = Vec::new();
    for sample in 0..200 {
        for (input, column) in model.inputs.iter().enumerate() {
            let extremes = [0.0, -0.0, 1e30, -1e30, 1e-40, 3.4e38, -87.5, 88.5];
            samples.push(match sample {
                0..8 => extremes[(sample + input) % 8],
                8..16 => extremes[sample - 8],
                _ => column.scale.undo(stream.symmetric(3.0)),
            });
        }
    }
    samples
}

/// What the core answers, `[sample][output]`.
fn answers(model: &Model, samples: &[f32]) -> Vec<f32> {
    let samples = samples.chunks_exact(model.inputs.len());
    samples.flat_map(|sample| model.predict(sample).expect("a sample of this width")).collect()
}

fn to_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// Compares bits. What is no number is one thing, whatever its bits: processors differ there.
fn assert_same_bits(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        let is_same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
        assert!(is_same, "{what}, number {place}: {found:?} is not {expected:?}");
    }
}
