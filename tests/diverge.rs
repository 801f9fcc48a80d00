//! A net that blows up leaves, and is nobody else's concern.

use derby_core::{
    Activation, Alone, Entry, Loss, Mixing, Optimizer, Refereeing, Settings, Shape, Task,
};
use derby_tests::told::{Course, Feed};

fn entry(hidden: usize, seed: u64) -> Entry {
    Entry::new(Shape::new(1, hidden, 1, 1), seed)
        .activation(Activation::Tanh)
        .output(Activation::Identity, Loss::Squared)
}

/// Its second batch meets weights near 1e30, whose square is no f32.
fn wild(hidden: usize) -> Entry {
    entry(hidden, 0).optimizer(Optimizer::Sgd { rate: 1e30 })
}

fn course(entries: Vec<Entry>) -> Course {
    let settings = Settings { check: 200, refereeing: Refereeing::None, ..Settings::NEW };
    Course { entries, settings, task: Task::Sine, seed: 1, samples: 600 }
}

/// The events of nets that left.
fn lefts(events: &[String]) -> Vec<&String> {
    events.iter().filter(|event| event.contains("Left")).collect()
}

#[test]
fn it_leaves_and_the_others_keep_their_bits() {
    let tame = vec![entry(4, 0), entry(8, 0), entry(8, 1)];
    let without = course(tame.clone()).run(Feed::Steps);
    for place in 0..=tame.len() {
        let mut entries = tame.clone();
        entries.insert(place, wild(6));
        let mut told = course(entries).run(Feed::Steps);
        let lefts = lefts(&told.events);
        // It has learned from one batch of 10 when its loss is found to be no number.
        let start = format!("Left {{ net: {place}, samples: 10, reason: Diverged, ");
        assert!(matches!(lefts[..], [left] if left.contains(&start)), "{lefts:?}");
        told.parameters.remove(place);
        assert_eq!(told.parameters, without.parameters);
        // Out of the race it counts for nothing: the others share all trust again.
        assert_eq!(told.mixing[place], 0.0_f32.to_bits());
    }
}

#[test]
fn stretches_tell_the_same_as_steps() {
    let mixings = [Mixing::GRADIENT, Mixing::RATIO, Mixing::WIN, Mixing::POOLED, Mixing::HEDGE];
    for mixing in mixings {
        let mut course = course(vec![wild(2), entry(4, 0), wild(6), entry(8, 0)]);
        course.settings.mixing = mixing;
        let steps = course.run(Feed::Steps);
        assert_eq!(lefts(&steps.events).len(), 2);
        for stretch in [1, 7, 100] {
            course.settings.stretch = stretch;
            assert_eq!(course.run(Feed::Pieces(600)), steps, "{mixing:?}, stretch {stretch}");
        }
    }
}

#[test]
fn the_last_one_stays() {
    let mut course = course(vec![wild(2), wild(3), wild(4)]);
    let steps = course.run(Feed::Steps);
    let lefts = lefts(&steps.events);
    assert!(matches!(lefts[..], [a, b] if a.contains("net: 0") && b.contains("net: 1")));
    assert_eq!(steps.mixing, [0.0, 0.0, 1.0].map(f32::to_bits));
    course.settings.stretch = 100;
    assert_eq!(course.run(Feed::Pieces(600)), steps);
}

/// The stream changes and those who left return, save who would only blow up again.
#[test]
fn it_does_not_return() {
    let mut course = course(vec![wild(2), entry(12, 0), entry(1, 0), entry(12, 1), entry(1, 1)]);
    course.samples = 9000;
    course.settings.refereeing = Refereeing::Anytime { window: 200, survivors: 2.0, margin: 0.3 };
    let (inputs, mut targets) = course.stream();
    let changed = inputs.iter().zip(&mut targets).skip(7000);
    changed.for_each(|(x, target)| *target = if (x * 8.0) as i32 % 2 == 0 { 2.0 } else { -2.0 });
    let told = course.run_on(&inputs, &targets, Feed::Pieces(100), &mut Alone);
    let of = |name: &str| -> Vec<&String> {
        told.events.iter().filter(|event| event.contains(name)).collect()
    };
    assert!(of("Left { net: 0, samples: 10, reason: Diverged")[..].len() == 1);
    assert!(of("Returned").len() > 1, "{:#?}", of("Left"));
    assert_eq!(of("Returned { net: 0"), Vec::<&String>::new());
}

/// One sample whose square is no f32 gives the last net one loss that is no number. It takes
/// no step then, and goes on with the next batch, however far it runs alone.
#[test]
fn the_last_one_goes_on_after_an_outlier() {
    let mut course = course(vec![entry(4, 0)]);
    let (inputs, mut targets) = course.stream();
    targets[44] = 1e30;
    let steps = course.run_on(&inputs, &targets, Feed::Steps, &mut Alone);
    let finite = |bits: &u32| f32::from_bits(*bits).is_finite();
    assert!(steps.parameters[0].iter().all(finite));
    assert_ne!(
        steps.parameters,
        course.run_on(&inputs[..50], &targets[..50], Feed::Steps, &mut Alone).parameters
    );
    for stretch in [1, 7, 100] {
        course.settings.stretch = stretch;
        let told = course.run_on(&inputs, &targets, Feed::Pieces(600), &mut Alone);
        assert_eq!(told, steps, "stretch {stretch}");
    }
}
