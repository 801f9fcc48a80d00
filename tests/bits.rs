//! Same seed, same bits: however the samples come, however long a stretch is, however many
//! threads run it and whatever registers they have. The hashes are literals, so that debug and
//! release builds and other machines are held to the same numbers.
//!
//! A change of these literals changes every race that anybody has run, and is named in the
//! changelog.

use derby::crew::Threads;
use derby::isa::Isa;
use derby_core::lanes::{Registers, Work};
use derby_core::{
    Activation, Entry, Loss, Mixing, Optimizer, Refereeing, Settings, Shape, Task, math, paper,
};
use derby_tests::told::{Course, Feed, Told, fnv};

/// Of all parameters and of the mixing weights in the end.
type Hashes = [u32; 2];

fn hex(hash: u32) -> String {
    format!("{hash:08x}")
}

/// Six nets with a sigmoid and RMSprop, on the exclusive or of two halves; some leave.
fn xor() -> (Course, Hashes) {
    let shape = |hidden, layers| Shape::new(8, hidden, layers, 4);
    let entries = vec![
        Entry::new(shape(4, 1), 0),
        Entry::new(shape(9, 2), 0),
        Entry::new(shape(17, 1), 0),
        Entry::new(shape(17, 1), 1),
        Entry::new(shape(24, 3), 0),
        Entry::new(shape(1, 0), 0),
    ];
    let settings = Settings {
        check: 400,
        mixing: paper::SETTINGS.mixing,
        refereeing: Refereeing::Paper,
        ..Settings::NEW
    };
    let course = Course { entries, settings, task: Task::Xor { bits: 8 }, seed: 3, samples: 1503 };
    (course, [0xe088_2dff, 0x0e5e_7c81])
}

/// Eight nets with tanh and Adam on a noisy sine; the last samples of each batch are held back.
fn sine() -> (Course, Hashes) {
    let entries = (1..=8)
        .map(|hidden| {
            Entry::new(Shape::new(1, hidden * 2, 1 + hidden % 3, 1), 11)
                .activation(Activation::Tanh)
                .output(Activation::Identity, Loss::Squared)
                .optimizer(Optimizer::ADAM)
        })
        .collect();
    let settings = Settings {
        batch: 7,
        held_back: 2,
        check: 250,
        mixing: Mixing::Pooled { rate: 0.2 },
        refereeing: Refereeing::Faded,
        ..Settings::NEW
    };
    (
        Course { entries, settings, task: Task::Sine, seed: 5, samples: 2000 },
        [0x2ea4_dbab, 0xb192_34ec],
    )
}

/// Classification behind a softmax: several activations, optimizers and losses side by side.
fn classes() -> (Course, Hashes) {
    let entry = |hidden, layers, activation| {
        Entry::new(Shape::new(2, hidden, layers, 3), 9)
            .activation(activation)
            .output(Activation::Softmax, Loss::CrossEntropy)
    };
    let sgd = Optimizer::Sgd { rate: 0.1 };
    let nesterov = Optimizer::Momentum { rate: 0.05, momentum: 0.9, nesterov: true };
    let adagrad = Optimizer::Adagrad { rate: 0.05, eps: 1e-10 };
    let mut squared = entry(16, 1, Activation::Softplus).optimizers(sgd, adagrad);
    squared.loss = Loss::Squared;
    squared.decay = 1e-3;
    let entries = vec![
        entry(12, 1, Activation::Relu).optimizer(sgd),
        entry(20, 2, Activation::LeakyRelu).optimizer(nesterov),
        squared,
        entry(33, 1, Activation::Sigmoid),
    ];
    let settings = Settings { batch: 12, check: 700, mixing: Mixing::HEDGE, ..Settings::NEW };
    (
        Course { entries, settings, task: Task::XorMod, seed: 2, samples: 1801 },
        [0x818d_206a, 0x24a2_a1d0],
    )
}

/// Nets that leave by their learning curves, and return when the stream changes after most of
/// the samples.
fn drift() -> (Course, Hashes) {
    let shape = |hidden, layers| Shape::new(16, hidden, layers, 16);
    let entries = [(4, 1), (16, 1), (24, 1), (1, 0)];
    let entries = entries
        .map(|(hidden, layers)| {
            Entry::new(shape(hidden, layers), 6).optimizer(Optimizer::RMSPROP.with_rate(0.03))
        })
        .to_vec();
    let settings = Settings {
        batch: 3,
        held_back: 1,
        check: 900,
        mixing: Mixing::POOLED,
        refereeing: Refereeing::Anytime { window: 200, survivors: 2.0, margin: 0.3 },
        ..Settings::NEW
    };
    let task = Task::Drift { log_first: true, at: 3000 };
    (Course { entries, settings, task, seed: 4, samples: 3901 }, [0x031a_79b7, 0x14c0_a481])
}

/// The worse half leaves.
fn halves() -> (Course, Hashes) {
    let (mut course, _) = classes();
    course.settings.refereeing = Refereeing::Halving;
    course.settings.check = 300;
    (course, [0x4a39_c772, 0x4580_d978])
}

fn courses() -> [(&'static str, Course, Hashes); 5] {
    let named = |name, (course, hashes)| (name, course, hashes);
    [
        named("xor", xor()),
        named("sine", sine()),
        named("classes", classes()),
        named("drift", drift()),
        named("halves", halves()),
    ]
}

/// Compares event by event, so that a failure shows the first that differs.
fn assert_same(name: &str, told: &Told, reference: &Told) {
    for (place, (event, expected)) in told.events.iter().zip(&reference.events).enumerate() {
        assert_eq!(event, expected, "{name}, event {place}");
    }
    assert_eq!(told.events.len(), reference.events.len(), "{name}, number of events");
    assert!(told == reference, "{name}: the parameters differ");
}

#[test]
fn the_bits_are_pinned() {
    for (name, course, pinned) in courses() {
        let told = course.run(Feed::Steps);
        let lefts = told.events.iter().filter(|event| event.contains("Left")).count();
        assert!(lefts > 0, "{name}: somebody should leave, to make the race a test");
        let hashes = [told.hash, fnv(told.mixing)];
        assert_eq!(hashes.map(hex), pinned.map(hex), "{name}: all parameters, mixing weights");
    }
}

/// Otherwise the tests here would say little of nets that return.
#[test]
fn nets_return_when_the_stream_changes() {
    let told = drift().0.run(Feed::Steps);
    let of = |name: &str| told.events.iter().filter(|event| event.contains(name)).count();
    assert!(of("Left") > 1 && of("Returned") > 1, "{:#?}", told.events);
}

#[test]
fn the_hash_is_of_all_parameters() {
    for (name, course, _) in courses() {
        let told = course.run(Feed::Pieces(100));
        let parameters = told.parameters.concat();
        let count: usize = course.entries.iter().map(|entry| entry.shape.parameters()).sum();
        assert_eq!(parameters.len(), count, "{name}");
        assert_eq!(told.hash, fnv(parameters), "{name}");
    }
}

#[test]
fn steps_and_stretches_agree() {
    for (name, course, _) in courses() {
        let steps = course.run(Feed::Steps);
        for stretch in [1, 7, 100] {
            let mut course = course.clone();
            course.settings.stretch = stretch;
            for samples in [3, 61, course.samples] {
                let told = course.run(Feed::Pieces(samples));
                let name = format!("{name}, stretches of {stretch}, pieces of {samples}");
                assert_same(&name, &told, &steps);
            }
        }
    }
}

#[test]
fn threads_and_registers_do_not_show() {
    for (name, mut course, _) in courses() {
        course.settings.stretch = 13;
        let alone = course.run(Feed::Pieces(course.samples));
        for isa in Isa::all() {
            for threads in [1, 2, 3] {
                let mut crew = Threads::new(threads, isa);
                let told = course.run_by(Feed::Pieces(course.samples), &mut crew);
                let name = format!("{name}, {threads} threads with {}", isa.name());
                assert_same(&name, &told, &alone);
            }
        }
    }
}

/// Numbers that are beyond a function's limits, at them, tiny, or none at all, and some usual ones.
const SUMS: [f32; 37] = [
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
    f32::MIN,
    0.0,
    -0.0,
    1e-45,
    -1e-45,
    f32::MIN_POSITIVE,
    -87.33,
    87.33,
    -88.37,
    88.37,
    -87.34,
    88.38,
    -44.0,
    44.3,
    0.346_573_6,
    -0.346_573_6,
    1e-8,
    -3e-5,
    0.5,
    -0.5,
    1.0,
    -1.0,
    2.5,
    -2.5,
    7.9,
    -7.9,
    12.3,
    -13.1,
    16.6,
    -17.4,
    23.0,
    -29.0,
    3e10,
];

/// One net's answers, one sum in each output.
struct Answer<'a>(&'a Entry, &'a [f32], &'a mut [f32]);

impl Work for Answer<'_> {
    fn run(self, registers: impl Registers) {
        let Self(entry, parameters, out) = self;
        let scratch = &mut vec![0.0; entry.scratch()];
        entry.predict_on(registers, parameters, &[0.0], out, scratch);
    }
}

// So many outputs that there are groups of registers, single ones and a rest.
#[test]
fn activations_are_the_same_in_all_registers() {
    const OUTPUTS: usize = 5 * 16 + 16 + 15;
    for activation in [Activation::Sigmoid, Activation::Tanh] {
        let function = if activation == Activation::Tanh { math::tanh } else { math::sigmoid };
        let shape = Shape::new(1, 1, 1, OUTPUTS);
        let entry = Entry::new(shape, 0).output(activation, Loss::Squared);
        for first in 0..SUMS.len() {
            // The only input is 0, and the bias is the sum.
            let mut parameters = vec![0.0; shape.parameters()];
            let sums = SUMS.iter().cycle().skip(first);
            for (output, sum) in (0..OUTPUTS).zip(sums.clone()) {
                parameters[entry.place(1, 1, output).unwrap()] = *sum;
            }
            for isa in Isa::all() {
                let mut out = [0.0; OUTPUTS];
                isa.run(Answer(&entry, &parameters, &mut out));
                for (output, (answer, sum)) in out.iter().zip(sums.clone()).enumerate() {
                    let wanted = function(0.0 + sum);
                    let is_same =
                        answer.to_bits() == wanted.to_bits() || answer.is_nan() && wanted.is_nan();
                    let name = isa.name();
                    assert!(is_same, "{activation:?} {sum} in {name}, output {output}: {answer}");
                }
            }
        }
    }
}

#[test]
fn another_net_changes_no_net() {
    for (name, mut course, _) in courses() {
        course.settings.refereeing = Refereeing::None;
        course.samples = 700;
        let without = course.run(Feed::Pieces(course.samples));
        // In front, so that all others move to other places in memory.
        let mut newcomer = course.entries[1];
        newcomer.shape.hidden = 13;
        course.entries.insert(0, newcomer);
        let with = course.run(Feed::Pieces(course.samples));
        assert_eq!(with.parameters[1..], without.parameters[..], "{name}");
        assert_ne!(with.hash, without.hash, "{name}");
    }
}

#[test]
fn another_seed_is_another_race() {
    for (name, course, [hash, _]) in courses() {
        let mut other = course.clone();
        other.seed += 1;
        assert_ne!(other.run(Feed::Pieces(500)).hash, hash, "{name}: samples");
        let mut other = course;
        other.entries[0].seed += 1;
        assert_ne!(other.run(Feed::Pieces(500)).hash, hash, "{name}: first weights");
    }
}
