//! What every mixer keeps under every referee, whatever races and whatever comes: after each batch
//! the racing nets' weights for an output are at least 0 and sum to 1 within `nets * 2^-23`, nets
//! that left hold exactly 0, and somebody races.

use derby_core::rng::Stream;
use derby_core::{
    Activation, Book, Entry, Event, Loss, Mixing, Optimizer, Plan, Positive, Race, Refereeing,
    Settings, Shape, Slope,
};
use derby_tests::property;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Batches of a race.
const BATCHES: usize = 40;

/// Who races on what.
#[derive(Clone, Debug)]
struct Case {
    entries: Vec<Entry>,
    settings: Settings,
    /// Size of the targets. Where it is large, squares overflow and nets diverge.
    size: f32,
    seed: u64,
}

/// PyTorch's optimizers.
fn textbook(rate: f32) -> Vec<Optimizer> {
    let momentum = |nesterov| Optimizer::Momentum { rate, momentum: 0.9, nesterov };
    let rmsprop = |momentum| Optimizer::RmsProp { rate, decay: 0.9, momentum, eps: 1e-5 };
    vec![
        Optimizer::Sgd { rate },
        momentum(false),
        momentum(true),
        Optimizer::Adagrad { rate, eps: 1e-10 },
        Optimizer::Adadelta { rate, rho: 0.9, eps: 1e-6 },
        rmsprop(0.0),
        rmsprop(0.6),
        Optimizer::Adam { rate, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        Optimizer::Rprop { rate, shrink: 0.5, grow: 1.2, least: 1e-6, most: 50.0 },
    ]
}

/// All optimizers.
fn optimizers(rate: f32) -> Vec<Optimizer> {
    let mut all = textbook(rate);
    all.push(Optimizer::PaperSgd { rate, carry: 0.6 });
    all.push(Optimizer::PaperRmsProp { rate, decay: 0.9, eps: 1e-5, carry: 0.6, lambda: 0.001 });
    all
}

/// Every rule, with steps from small to absurd.
fn mixings() -> Vec<Mixing> {
    let mut mixings = vec![
        Mixing::RATIO,
        Mixing::Ratio { rate: 0.5, interval: 7 },
        Mixing::WIN,
        Mixing::Win { rate: 0.5, interval: 7 },
        Mixing::POOLED,
        Mixing::Pooled { rate: 10.0 },
        Mixing::HEDGE,
        Mixing::Hedge { rate: 100.0 },
        Mixing::GRADIENT,
    ];
    for rate in [0.01, 1e30] {
        for optimizer in optimizers(rate) {
            for slope in [Slope::True, Slope::Product] {
                for positive in [Positive::Clip, Positive::Stretch] {
                    mixings.push(Mixing::Gradient { optimizer, slope, positive });
                }
            }
        }
    }
    mixings
}

fn entries(inputs: usize, outputs: usize, rate: f32) -> impl Strategy<Value = Vec<Entry>> {
    let hidden = prop::sample::select(vec![
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::Softplus,
    ]);
    let output = prop::sample::select(vec![
        (Activation::Sigmoid, Loss::Squared),
        (Activation::Sigmoid, Loss::CrossEntropy),
        (Activation::Softmax, Loss::CrossEntropy),
        (Activation::Tanh, Loss::Squared),
        (Activation::Identity, Loss::Squared),
    ]);
    let optimizer = prop::sample::select(textbook(rate));
    let one = (1..=12_usize, 0..=2_usize, hidden, output, optimizer, any::<u64>()).prop_map(
        move |(units, layers, hidden, (output, loss), optimizer, seed)| {
            Entry::new(Shape::new(inputs, units, layers, outputs), seed)
                .activation(hidden)
                .output(output, loss)
                .optimizer(optimizer)
        },
    );
    prop::collection::vec(one, 1..=10)
}

fn cases(mixing: Mixing) -> impl Strategy<Value = Case> {
    let referee = prop::sample::select(vec![
        Refereeing::None,
        Refereeing::Paper,
        Refereeing::Faded,
        Refereeing::Halving,
        Refereeing::Anytime { window: 20, survivors: 2.0, margin: 0.3 },
    ]);
    // Steps and targets of a size to learn from, or absurd ones.
    let sizes = prop::sample::select(vec![(1.0, 0.01), (1e20, 1e3)]);
    let batch = (1..=8_usize).prop_flat_map(|batch| (Just(batch), 0..batch));
    (1..=9_usize, 1..=17_usize, batch, 1..=5_usize, 1..=60_u32, referee, sizes, any::<u64>())
        .prop_flat_map(move |(inputs, outputs, batch, stretch, check, refereeing, sizes, seed)| {
            let (batch, held_back) = batch;
            let (size, rate) = sizes;
            let settings = Settings { batch, held_back, stretch, check, mixing, refereeing };
            entries(inputs, outputs, rate).prop_map(move |entries| Case {
                entries,
                settings,
                size,
                seed,
            })
        })
}

/// Whether the weights are what they are to be.
fn check_weights(weights: &[f32], columns: usize, books: &[Book]) -> Result<(), TestCaseError> {
    let racing = books.iter().filter(|book| book.races()).count();
    prop_assert!(racing > 0, "nobody races");
    for column in 0..columns {
        let mut sum = 0.0;
        for (net, book) in books.iter().enumerate() {
            let weight = weights[net * columns + column];
            prop_assert!(weight >= 0.0, "w[{}][{}] = {}", net, column, weight);
            prop_assert!(book.races() || weight == 0.0, "{} left and has {}", net, weight);
            sum += f64::from(weight);
        }
        let bound = racing as f64 / f64::from(1 << 23);
        prop_assert!((sum - 1.0).abs() <= bound, "column {}: the sum is {}", column, sum);
    }
    Ok(())
}

/// What a sink saw.
#[derive(Debug, Default)]
struct Seen {
    /// Nets that left since the last look, and how many of them diverged.
    left: Vec<usize>,
    diverged: usize,
    ever_diverged: usize,
}

fn check(case: &Case, tally: &mut Seen) -> Result<(), TestCaseError> {
    let Case { entries, settings, size, seed } = case;
    let shape = entries[0].shape;
    let mut memory = vec![f32::NAN; Plan::of(entries, settings).total()];
    let mut books = vec![Book::NEW; entries.len()];
    let mut race = Race::new(entries, *settings, &mut memory, &mut books)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    let columns = settings.mixing.columns(shape.outputs);
    check_weights(race.mixer().weights(), columns, race.books())?;
    let keeps_two = matches!(settings.refereeing, Refereeing::Paper | Refereeing::Faded);
    let kept = if keeps_two && entries.len() >= 8 { 2 } else { 1 };

    let mut stream = Stream::new(*seed, 0);
    let mut inputs = vec![0.0; settings.batch * shape.inputs];
    let mut targets = vec![0.0; settings.batch * shape.outputs];
    for batch in 1..=BATCHES {
        inputs.fill_with(|| stream.symmetric(1.0));
        // Shares that sum to 1 at the most, which softmax and cross-entropy need.
        targets.fill_with(|| stream.unit() * size / shape.outputs as f32);
        let mut seen = Seen::default();
        let before: Vec<_> = race.books().iter().map(Book::races).collect();
        let racing = before.iter().filter(|races| **races).count();
        race.stretch(&inputs, &targets, &mut |event| {
            if let Event::Left { net, reason, weights, .. } = event {
                seen.left.push(net);
                seen.diverged += usize::from(reason == derby_core::Reason::Diverged);
                assert_eq!(weights.len(), settings.mixing.columns(shape.outputs));
            }
        })?;
        check_weights(race.mixer().weights(), columns, race.books())?;

        // Books and events tell the same.
        let gone = |net: &usize| before[*net] && !race.books()[*net].races();
        let mut left: Vec<_> = (0..entries.len()).filter(gone).collect();
        seen.left.sort_unstable();
        left.sort_unstable();
        prop_assert_eq!(&seen.left, &left, "events and books, batch {}", batch);
        tally.ever_diverged += seen.diverged;
        tally.left.extend(&seen.left);

        // The referee keeps as many as it says; those that diverged it could not hold.
        let sent_home = seen.left.len() - seen.diverged;
        let allowed = match settings.refereeing {
            Refereeing::None => 0,
            Refereeing::Paper => 1,
            Refereeing::Faded | Refereeing::Halving | Refereeing::Anytime { .. } => entries.len(),
        };
        prop_assert!(sent_home <= allowed.min((racing - seen.diverged).saturating_sub(kept)));

        if *size <= 1.0 {
            let mut mixed = vec![0.0; shape.outputs];
            race.predict(&inputs[..shape.inputs], &mut mixed)?;
            prop_assert!(mixed.iter().all(|y| y.is_finite()), "{:?}", mixed);
        }
    }
    Ok(())
}

#[test]
fn weights_are_shares_after_every_batch() {
    let tally = std::cell::RefCell::new(Seen::default());
    for (mixing, seed) in mixings().into_iter().zip(0..) {
        let mut runner = TestRunner::new(property(6, seed));
        let result = runner.run(&cases(mixing), |case| check(&case, &mut tally.borrow_mut()));
        if let Err(error) = result {
            panic!("{error}");
        }
    }
    // Otherwise the test would say little of nets that leave.
    let Seen { left, ever_diverged, .. } = tally.into_inner();
    assert!(left.len() - ever_diverged > 50, "{} left, {ever_diverged} diverged", left.len());
    assert!(ever_diverged > 50, "{ever_diverged} diverged");
}
