//! A race saved and taken up elsewhere goes on as if it had not been: the same events, the same
//! bits. What is no snapshot of it changes nothing.

use std::convert::Infallible;

use derby::crew::Threads;
use derby::isa::Isa;
use derby_core::{
    Book, Entry, Event, Mixing, Optimizer, Plan, Race, Reason, Refereeing, RestoreError, Settings,
    Shape, Task, fingerprint, paper,
};
use derby_tests::told::{Course, Feed, Told, bits, line};
use proptest::prelude::*;

fn saved(race: &mut Race<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Ok(()) = race.save(&mut |word| {
        bytes.extend(word);
        Ok::<(), Infallible>(())
    });
    bytes
}

/// Memory for a race, as it may be found.
struct Place {
    memory: Vec<f32>,
    books: Vec<Book>,
}

impl Place {
    fn of(course: &Course) -> Self {
        let numbers = Plan::of(&course.entries, &course.settings).total();
        Self { memory: vec![f32::NAN; numbers], books: vec![Book::NEW; course.entries.len()] }
    }

    fn race<'a>(&'a mut self, course: &'a Course) -> Race<'a> {
        Race::new(&course.entries, course.settings, &mut self.memory, &mut self.books)
            .expect("the course is sound")
    }
}

/// Runs the race from `from` to `to` in pieces of `piece` samples.
fn drive(
    race: &mut Race<'_>,
    course: &Course,
    range: std::ops::Range<usize>,
    piece: usize,
    events: &mut Vec<String>,
) {
    let (inputs, targets) = course.stream();
    let (width, outputs) = (course.task.inputs(), course.task.outputs());
    let x = &inputs[range.start * width..range.end * width];
    let y = &targets[range.start * outputs..range.end * outputs];
    let mut crew = Threads::new(2, Isa::widest());
    for (x, y) in x.chunks(piece * width).zip(y.chunks(piece * outputs)) {
        race.stretch_by(x, y, &mut crew, &mut |event| events.push(line(event))).unwrap();
    }
}

/// The race with a pause after each of `cuts` samples, in which it moves to other memory.
fn told_with_cuts(course: &Course, cuts: &[usize], stretches: &[usize]) -> Told {
    let mut events = Vec::new();
    let mut snapshot: Option<Vec<u8>> = None;
    let mut at = 0;
    for (index, &cut) in cuts.iter().chain([&course.samples]).enumerate() {
        // The length of a stretch is each machine's own affair.
        let mut course = course.clone();
        course.settings.stretch = stretches[index % stretches.len()];
        let mut place = Place::of(&course);
        let mut race = place.race(&course);
        match &snapshot {
            None => race.start(&mut |event| events.push(line(event))),
            Some(bytes) => race.restore(bytes).expect("it is a snapshot of this race"),
        }
        assert_eq!(race.samples() + race.pending() as u64, at as u64);
        drive(&mut race, &course, at..cut, 37, &mut events);
        at = cut;
        let bytes = saved(&mut race);
        assert_eq!(bytes.len(), race.snapshot_bytes());
        assert_eq!(bytes, saved(&mut race), "saving changes nothing");
        snapshot = Some(bytes);
        if at == course.samples {
            race.finish(&mut |event| events.push(line(event)));
            let parameters = race.parameters().map(bits).collect();
            let mixing = bits(race.mixer().weights());
            return Told { parameters, mixing, hash: race.hash(), events };
        }
    }
    unreachable!("the last cut is the end")
}

/// Six nets of which some leave, with what a snapshot must not forget: optimizers with memory, a
/// mixer with memory and counters, held-back samples.
fn course(mixing: Mixing, refereeing: Refereeing, optimizer: Optimizer) -> Course {
    let shapes = [(3, 1), (5, 1), (4, 2), (8, 1), (2, 3), (0, 0)];
    let entries = shapes.iter().zip(0..).map(|(&(hidden, layers), seed)| {
        Entry::new(Shape::new(8, hidden, layers, 4), seed).optimizer(optimizer)
    });
    let settings = Settings { batch: 7, held_back: 2, stretch: 3, check: 60, mixing, refereeing };
    let task = Task::Xor { bits: 8 };
    Course { entries: entries.collect(), settings, task, seed: 5, samples: 600 }
}

fn courses() -> Vec<Course> {
    let mixings = [
        (Mixing::GRADIENT, Refereeing::Paper),
        (paper::SETTINGS.mixing, Refereeing::Paper),
        (Mixing::Ratio { rate: 0.01, interval: 50 }, Refereeing::Faded),
        (Mixing::Win { rate: 0.05, interval: 50 }, Refereeing::Faded),
        (Mixing::POOLED, Refereeing::None),
        (Mixing::HEDGE, Refereeing::Paper),
    ];
    let optimizers = [
        Optimizer::ADAM,
        Optimizer::RMSPROP,
        Optimizer::Rprop { rate: 0.01, shrink: 0.5, grow: 1.2, least: 1e-6, most: 50.0 },
    ];
    let pairs = mixings.into_iter().zip(optimizers.into_iter().cycle());
    pairs.map(|((mixing, refereeing), optimizer)| course(mixing, refereeing, optimizer)).collect()
}

#[test]
fn a_race_cut_anywhere_ends_in_the_same_bits() {
    for course in courses() {
        let whole = course.run(Feed::Steps);
        for cut in [1, 6, 7, 59, 60, 63, 70, 300, 421, 599] {
            assert_eq!(told_with_cuts(&course, &[cut], &[3, 5]), whole, "{cut} {course:?}");
        }
        assert_eq!(told_with_cuts(&course, &[10, 11, 200, 333, 334, 599], &[1, 4, 100]), whole);
    }
}

#[test]
fn a_small_race_cut_at_every_sample() {
    let mut course = course(Mixing::GRADIENT, Refereeing::Paper, Optimizer::ADAM);
    course.samples = 150;
    let whole = course.run(Feed::Steps);
    for cut in 1..course.samples {
        assert_eq!(told_with_cuts(&course, &[cut], &[3]), whole, "{cut}");
    }
    let all: Vec<_> = (1..course.samples).collect();
    assert_eq!(told_with_cuts(&course, &all, &[3, 1]), whole);
}

/// The layout is pinned: whoever changes it raises `SNAPSHOT_FORMAT` and names it in the change
/// log.
#[test]
fn the_bytes_are_these() {
    let entries = vec![Entry::new(Shape::new(1, 0, 0, 1), 7)];
    let settings = Settings { batch: 2, check: 3, ..Settings::NEW };
    let course = Course { entries, settings, task: Task::Sine, seed: 0, samples: 0 };
    let mut place = Place::of(&course);
    let mut race = place.race(&course);
    race.stretch(&[0.5, 0.25, 0.125], &[1.0, 0.5, 0.25], &mut |_| ()).unwrap();
    let words: Vec<_> = saved(&mut race)
        .chunks(4)
        .map(|word| word.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        .collect();
    let expected = [
        "44524259 01000000 1b008d26 39000000", // "DRBY", format, fingerprint, words
        "01000000 02000000 00000000 03000000 00000000", // pending, samples, due
        "e30d783d 00000000 01000000",          // the mixture's loss
        "00000000 00000000 00000000",          // the referee: checks, start
        "00000000 00000000 e8030000 00000000", // next, look
        "00000000 00000000 00000000 00000000", // found, windows, batches
        "00000000 00000000 0000c07f 00000000", // before, leader, loss, targets
        "00000000",                            // variance
        "00000000 00000000 00000000 00000000 00000000", // the detector
        "00000000 00000000",                   // alarm, since
        "0000803f 5c7ac93a 01000000 00000000", // the mixer
        "00000000 00000000 01000000 00000000", // the net's book
        "e30d783d 00000000 01000000 00000000 00000000 00000000",
        "0000803f 00000000 01000000 00000000",
        "8a99263e bdcccc3d d6671d37 52261c38", // parameters, optimizer
        "0000003e 00000000 0000803e 00000000", // the batch that fills up
        "83d20188",                            // crc
    ];
    assert_eq!(words.join(" "), expected.join(" "));
}

#[test]
fn what_is_no_snapshot_of_this_race_changes_nothing() {
    let course = course(Mixing::GRADIENT, Refereeing::Paper, Optimizer::ADAM);
    let (mut one, mut two) = (Place::of(&course), Place::of(&course));
    let mut race = one.race(&course);
    let mut events = Vec::new();
    drive(&mut race, &course, 0..200, 10, &mut events);
    let snapshot = saved(&mut race);
    let mut other = two.race(&course);
    drive(&mut other, &course, 0..77, 10, &mut events);
    let before = saved(&mut other);

    let mut refused = |bytes: &[u8], expected: RestoreError| {
        assert_eq!(other.restore(bytes), Err(expected));
        assert_eq!(saved(&mut other), before);
    };
    for length in 0..snapshot.len() {
        refused(&snapshot[..length], RestoreError::Cut);
    }
    for place in 0..snapshot.len() {
        let mut bytes = snapshot.clone();
        bytes[place] ^= 1 << (place % 8);
        let expected = match place / 4 {
            0 => RestoreError::NoSnapshot,
            1 => RestoreError::Format { found: 1 ^ 1 << (place % 4 * 8 + place % 8) },
            2 | 3 => RestoreError::OtherRace,
            _ => RestoreError::Damaged,
        };
        refused(&bytes, expected);
    }
    // Whole by its CRC, and yet impossible: more samples wait than a batch has.
    let mut bytes = snapshot[..snapshot.len() - 4].to_vec();
    bytes[16..20].copy_from_slice(&7_u32.to_le_bytes());
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes);
    bytes.extend(crc.to_le_bytes());
    refused(&bytes, RestoreError::Damaged);

    assert_eq!(other.restore(&snapshot), Ok(()));
    assert_eq!(saved(&mut other), snapshot);
}

#[test]
fn every_entry_and_setting_is_in_the_fingerprint() {
    let course = course(Mixing::GRADIENT, Refereeing::Paper, Optimizer::ADAM);
    let own = fingerprint(&course.entries, &course.settings);
    let settings = course.settings;
    for other in [
        Settings { batch: 8, ..settings },
        Settings { held_back: 1, ..settings },
        Settings { check: 61, ..settings },
        Settings { mixing: Mixing::POOLED, ..settings },
        Settings { refereeing: Refereeing::None, ..settings },
    ] {
        assert_ne!(fingerprint(&course.entries, &other), own, "{other:?}");
    }
    assert_eq!(fingerprint(&course.entries, &Settings { stretch: 9, ..settings }), own);
    assert_ne!(fingerprint(&course.entries[1..], &settings), own);
    let mut entries = course.entries.clone();
    entries[3].seed += 1;
    assert_ne!(fingerprint(&entries, &settings), own);
    entries = course.entries.clone();
    entries[3] = entries[3].optimizer(Optimizer::ADAM.with_rate(0.02));
    assert_ne!(fingerprint(&entries, &settings), own);
}

#[test]
fn a_net_sent_home_by_hand_leaves_and_the_last_one_stays() {
    let course = course(Mixing::GRADIENT, Refereeing::None, Optimizer::RMSPROP);
    let mut place = Place::of(&course);
    let mut race = place.race(&course);
    drive(&mut race, &course, 0..100, 10, &mut Vec::new());
    let mut left = Vec::new();
    let mut sink = |event: Event<&[f32]>| {
        if let Event::Left { net, samples, reason, weights } = event {
            left.push((net, samples, reason, weights.len()));
        }
    };
    assert!(!race.dismiss(6, &mut sink), "there is no such net");
    for net in [2, 0, 1, 5, 4] {
        assert!(race.dismiss(net, &mut sink));
        assert!(!race.dismiss(net, &mut sink), "it has left");
        assert!(race.mixer().row(net).iter().all(|&weight| weight == 0.0));
    }
    assert!(!race.dismiss(3, &mut sink), "it is the last");
    let expected = [2, 0, 1, 5, 4].map(|net| (net, 98, Reason::ByHand, 4));
    assert_eq!(left, expected);
    assert_eq!(race.mixer().row(3), [1.0; 4]);
    drive(&mut race, &course, 100..200, 10, &mut Vec::new());
    assert!(race.books().iter().enumerate().all(|(net, book)| book.races() == (net == 3)));
}

proptest! {
    #![proptest_config(derby_tests::property(300, 11))]

    /// Any words behind a right head and before a right CRC: the race takes them or refuses
    /// them, and then goes on to its end.
    #[test]
    fn hostile_snapshots_end_in_an_error_or_a_race(
        places in prop::collection::vec((4_usize..400, any::<u32>()), 0..60),
        cut in 0_usize..2000,
    ) {
        let course = course(Mixing::GRADIENT, Refereeing::Paper, Optimizer::ADAM);
        let mut place = Place::of(&course);
        let mut race = place.race(&course);
        let mut bytes = saved(&mut race);
        let end = bytes.len() - 4;
        for (word, value) in places {
            bytes[word * 4..word * 4 + 4].copy_from_slice(&value.to_le_bytes());
        }
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes[..end]);
        bytes[end..].copy_from_slice(&crc.to_le_bytes());
        if cut < 100 {
            bytes.truncate(cut);
        }
        let _ = race.restore(&bytes);
        drive(&mut race, &course, 0..70, 10, &mut Vec::new());
        race.finish(&mut |_| ());
    }
}
