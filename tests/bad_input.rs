//! Set-ups and samples that are refused: why, with which words, and that nothing has changed.

use derby_core::{
    Activation, Book, Entry, Loss, Plan, Race, SampleError, Settings, SetupError, Shape, Task,
};

const SHAPE: Shape = Shape::new(3, 4, 1, 2);

/// What a race of these says about its set-up.
fn refusal(entries: &[Entry], settings: Settings) -> SetupError {
    let mut memory = vec![7.0; 10_000];
    let mut books = vec![Book::NEW; entries.len() + 1];
    let refused = Race::new(entries, settings, &mut memory, &mut books).map(|_| ()).unwrap_err();
    assert!(memory.iter().all(|&number| number == 7.0), "{refused}: the memory was touched");
    refused
}

fn with_shape(shape: Shape) -> [Entry; 2] {
    [Entry::new(SHAPE, 0), Entry::new(shape, 0)]
}

#[test]
fn no_net() {
    assert_eq!(refusal(&[], Settings::NEW), SetupError::NoNets);
}

#[test]
fn widths_of_zero() {
    for shape in [Shape::new(0, 4, 1, 2), Shape::new(3, 4, 1, 0), Shape::new(3, 0, 1, 2)] {
        let refused = refusal(&with_shape(shape), Settings::NEW);
        assert_eq!(refused, SetupError::Shape { net: 1 }, "{shape:?}");
        assert_eq!(refused.to_string(), "net 1 has a layer without inputs or units");
        let alone = refusal(&[Entry::new(shape, 0)], Settings::NEW);
        assert_eq!(alone, SetupError::Shape { net: 0 }, "{shape:?}");
    }
}

#[test]
fn widths_that_differ() {
    for shape in [Shape::new(4, 4, 1, 2), Shape::new(3, 4, 1, 1)] {
        let refused = refusal(&with_shape(shape), Settings::NEW);
        assert_eq!(refused, SetupError::Width { net: 1 }, "{shape:?}");
    }
}

#[test]
fn losses_that_do_not_suit() {
    let sound = Entry::new(SHAPE, 0);
    for entry in [
        sound.activation(Activation::Softmax),
        sound.output(Activation::Identity, Loss::CrossEntropy),
        sound.output(Activation::Tanh, Loss::CrossEntropy),
        sound.output(Activation::Relu, Loss::CrossEntropy),
    ] {
        assert_eq!(refusal(&[sound, entry], Settings::NEW), SetupError::Loss { net: 1 });
    }
}

#[test]
fn batches_with_nothing_to_learn_from() {
    let entries = with_shape(SHAPE);
    for (batch, held_back) in [(0, 0), (1, 1), (10, 10), (10, 11), (10, usize::MAX)] {
        let settings = Settings { batch, held_back, ..Settings::NEW };
        assert_eq!(refusal(&entries, settings), SetupError::Batch, "{batch}, {held_back}");
    }
}

#[test]
fn memory_one_number_short() {
    let entries = with_shape(SHAPE);
    let needed = Plan::of(&entries, &Settings::NEW).total();
    let mut memory = vec![7.0; needed];
    let mut books = [Book::NEW; 2];
    let short = &mut memory[1..];
    let refused = Race::new(&entries, Settings::NEW, short, &mut books).map(|_| ()).unwrap_err();
    assert_eq!(refused, SetupError::Memory { needed, given: needed - 1 });
    let words = format!("the race needs {needed} numbers of memory and got {}", needed - 1);
    assert_eq!(refused.to_string(), words);
    assert!(memory.iter().all(|&number| number == 7.0), "the memory was touched");
    let few = &mut books[1..];
    let refused = Race::new(&entries, Settings::NEW, &mut memory, few).map(|_| ()).unwrap_err();
    assert_eq!(refused, SetupError::Books { needed: 2, given: 1 });
    assert!(memory.iter().all(|&number| number == 7.0), "the memory was touched");
    assert!(Race::new(&entries, Settings::NEW, &mut memory, &mut books).is_ok());
}

#[test]
fn sizes_beyond_any_memory() {
    for shape in [
        Shape::new(usize::MAX, 1, 1, usize::MAX),
        Shape::new(3, usize::MAX, 2, 2),
        Shape::new(3, 1 << 40, usize::MAX, 2),
    ] {
        let refused = refusal(&[Entry::new(shape, 0)], Settings::NEW);
        let expected = SetupError::Memory { needed: usize::MAX, given: 10_000 };
        assert_eq!(refused, expected, "{shape:?}");
    }
    let settings = Settings { batch: usize::MAX, ..Settings::NEW };
    assert!(matches!(refusal(&with_shape(SHAPE), settings), SetupError::Memory { .. }));
    let settings = Settings { stretch: usize::MAX, ..Settings::NEW };
    assert!(matches!(refusal(&with_shape(SHAPE), settings), SetupError::Memory { .. }));
}

/// Feeds a race a batch and a half, then what `bad` does, then the rest; the race must be the
/// same as one that never saw anything bad.
fn assert_unmoved(name: &str, bad: impl Fn(&mut Race<'_>) -> SampleError) -> SampleError {
    let task = Task::XorMod;
    let entries = [4, 9].map(|hidden| {
        let (output, loss) = task.output();
        Entry::new(Shape::new(task.inputs(), hidden, 1, task.outputs()), 0).output(output, loss)
    });
    let settings = Settings { stretch: 3, check: 20, ..Settings::NEW };
    let run = |bad: &dyn Fn(&mut Race<'_>)| {
        let mut memory = vec![0.0; Plan::of(&entries, &settings).total()];
        let mut books = [Book::NEW; 2];
        let mut race = Race::new(&entries, settings, &mut memory, &mut books).unwrap();
        let (mut x, mut y) = ([0.0; 2], [0.0; 3]);
        for index in 0..60 {
            if index == 15 {
                bad(&mut race);
            }
            task.sample(0, index, &mut x, &mut y);
            race.step(&x, &y, &mut |_| {}).unwrap();
        }
        let weights: Vec<_> = race.mixer().weights().iter().map(|w| w.to_bits()).collect();
        (race.hash(), race.samples(), weights)
    };
    let refused = std::cell::Cell::new(None);
    let with = run(&|race| {
        let before = (race.hash(), race.samples());
        refused.set(Some(bad(race)));
        assert_eq!((race.hash(), race.samples()), before, "{name}");
    });
    assert_eq!(with, run(&|_| {}), "{name}");
    refused.get().unwrap()
}

/// Two and a half batches with a number at one place that is none.
fn spoilt(place: usize, bad: f32, of: usize) -> Vec<f32> {
    let mut numbers = vec![0.5; of];
    numbers[place] = bad;
    numbers
}

#[test]
fn numbers_that_are_none() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for sample in [0, 12, 24] {
            for column in 0..5 {
                let name = format!("{bad} in sample {sample}, column {column}");
                let inputs = match column {
                    0..2 => spoilt(sample * 2 + column, bad, 50),
                    _ => vec![0.5; 50],
                };
                let targets = match column {
                    2..5 => spoilt(sample * 3 + column - 2, bad, 75),
                    _ => vec![0.5; 75],
                };
                let refused = assert_unmoved(&name, |race| {
                    race.stretch(&inputs, &targets, &mut |event| panic!("{event:?}")).unwrap_err()
                });
                assert_eq!(refused, SampleError::NotFinite { sample, column }, "{name}");
            }
        }
    }
    let refused = assert_unmoved("a step", |race| {
        race.step(&[0.0, 0.0], &[0.0, f32::NAN, 0.0], &mut |_| {}).unwrap_err()
    });
    assert_eq!(refused.to_string(), "sample 0, column 3 is not a finite number");
}

#[test]
fn samples_of_another_width() {
    for (inputs, targets, expected) in [
        (0, 0, SampleError::Inputs { width: 2, given: 0 }),
        (1, 3, SampleError::Inputs { width: 2, given: 1 }),
        (3, 3, SampleError::Inputs { width: 2, given: 3 }),
        (2, 2, SampleError::Targets { width: 3, given: 2 }),
        (2, 0, SampleError::Targets { width: 3, given: 0 }),
        (4, 3, SampleError::Targets { width: 3, given: 3 }),
        (4, 9, SampleError::Targets { width: 3, given: 9 }),
    ] {
        let name = format!("{inputs} inputs, {targets} targets");
        let refused = assert_unmoved(&name, |race| {
            let (inputs, targets) = (vec![0.5; inputs], vec![0.5; targets]);
            race.stretch(&inputs, &targets, &mut |event| panic!("{event:?}")).unwrap_err()
        });
        assert_eq!(refused, expected, "{name}");
    }
    let message = SampleError::Targets { width: 3, given: 2 }.to_string();
    assert_eq!(message, "2 targets are not one row of 3 for each sample");
}

/// The mixture answers one sample at a time, whatever its caller's buffer held before.
#[test]
fn questions_of_another_width() {
    let refused = |inputs: &[f32], mixed: usize| {
        assert_unmoved(&format!("{inputs:?}, {mixed} outputs"), |race| {
            let mut mixed = vec![0.25; mixed];
            let error = race.predict(inputs, &mut mixed).unwrap_err();
            assert!(mixed.iter().all(|&y| y == 0.25), "{error}: the buffer was touched");
            error
        })
    };
    assert_eq!(refused(&[0.5], 3), SampleError::Inputs { width: 2, given: 1 });
    assert_eq!(refused(&[0.5; 4], 6), SampleError::Inputs { width: 2, given: 4 });
    assert_eq!(refused(&[0.5; 2], 2), SampleError::Targets { width: 3, given: 2 });
    assert_eq!(refused(&[0.5, f32::NAN], 3), SampleError::NotFinite { sample: 0, column: 1 });
    let refused = assert_unmoved("a buffer of NaN", |race| {
        let mut mixed = [f32::NAN; 3];
        assert_eq!(race.predict(&[0.5; 2], &mut mixed), Ok(()));
        assert!(mixed.iter().all(|y| y.is_finite()));
        race.predict(&[], &mut mixed).unwrap_err()
    });
    assert_eq!(refused, SampleError::Inputs { width: 2, given: 0 });
}

#[test]
fn parameters_to_begin_with() {
    let entries = with_shape(Shape::new(3, 5, 1, 2));
    let mut memory = vec![0.0; Plan::of(&entries, &Settings::NEW).total()];
    let mut books = [Book::NEW; 2];
    let mut race = Race::new(&entries, Settings::NEW, &mut memory, &mut books).unwrap();
    let drawn = race.hash();
    let (first, second) = (entries[0].shape.parameters(), entries[1].shape.parameters());
    for (net, parameters) in [
        (1, vec![0.5; second - 1]),
        (1, vec![0.5; second + 1]),
        (1, [vec![0.5; second - 1], vec![f32::NAN]].concat()),
        (0, [vec![f32::INFINITY], vec![0.5; first - 1]].concat()),
        (2, vec![0.5; second]),
        (usize::MAX, vec![]),
    ] {
        assert_eq!(race.begin_with(net, &parameters), Err(SetupError::Parameters { net }));
        assert_eq!(race.hash(), drawn, "net {net} was touched");
    }
    race.begin_with(1, &vec![0.5; second]).unwrap();
    let mut parameters = race.parameters();
    let mut alone = vec![0.0; first];
    entries[0].start(&mut alone);
    assert_eq!(parameters.next().unwrap(), alone);
    assert_eq!(parameters.next().unwrap(), vec![0.5; second]);
}
