//! Counts what answering and learning take, whole and for each multiply-accumulate, and what
//! mixer and referee add to it: in QEMU (with `-icount shift=7`) instructions, on a board cycles.

#![no_std]
#![no_main]

// Of the host's benches, which measure it too.
#[path = "../../../host/benches/sigmoid/fixed.rs"]
mod fixed;

use core::hint::black_box;

use cortex_m::Peripherals;
use cortex_m_rt::entry;
use derby_core::{
    Batch, Book, Entry, Mixing, Net, Optimizer, Plan, Race, Refereeing, Settings, Shape, Task, math,
};
use derby_firmware::console::{self, Verdict};
use derby_firmware::meter::{Meter, UNIT};
use derby_firmware::{board, memory};

/// What is measured, if the board has room for it: a net, and samples in a batch.
const CASES: [(Shape, usize); 4] = [
    (Shape::new(16, 16, 1, 8), 1),
    (Shape::new(16, 32, 2, 16), 1),
    (Shape::new(16, 56, 2, 16), 1),
    (Shape::new(16, 56, 2, 16), 10),
];

/// Plain descent: what is measured is the net, not the optimizer.
const OPTIMIZER: Optimizer = Optimizer::Sgd { rate: 0.01 };

/// Counts of which the mean is taken.
const ROUNDS: usize = 4;

/// The races whose mixer and referee are counted: the nets of `races/nine.rs` under the settings
/// that a race has by default, over so few samples that all nets stay.
static RACES: [(&str, [Entry; 9]); 2] =
    [("plain descent", racers(OPTIMIZER)), ("RMSprop", racers(Optimizer::RMSPROP))];
const TASK: Task = Task::Xor { bits: 16 };
const SAMPLES: usize = 2000;
const SETTINGS: Settings = Settings {
    held_back: 2,
    check: SAMPLES as u32 / 16,
    mixing: Mixing::POOLED,
    refereeing: Refereeing::ANYTIME,
    ..Settings::NEW
};

const fn racers(optimizer: Optimizer) -> [Entry; 9] {
    const fn of(hidden: usize, layers: usize, optimizer: Optimizer) -> Entry {
        let shape = Shape::new(TASK.inputs(), hidden, layers, TASK.outputs());
        Entry::new(shape, 0).optimizer(optimizer)
    }
    [
        of(8, 1, optimizer),
        of(8, 2, optimizer),
        of(8, 3, optimizer),
        of(16, 1, optimizer),
        of(16, 2, optimizer),
        of(16, 3, optimizer),
        of(20, 1, optimizer),
        of(20, 2, optimizer),
        of(20, 3, optimizer),
    ]
}

/// Numbers of a batch: inputs, targets and outputs.
const BATCH: usize = (TASK.inputs() + 2 * TASK.outputs()) * SETTINGS.batch;

/// Numbers that the larger race takes, and a batch of its samples.
const RACE: usize = Plan::of(&racers(Optimizer::RMSPROP), &SETTINGS).total() + BATCH;

/// Numbers for everything of the largest case that fits.
const ROOM: usize = {
    let (mut room, mut case) = (if fits(RACE) { RACE } else { 0 }, 0);
    while case < CASES.len() {
        let (shape, batch) = CASES[case];
        let own = numbers(&entry(shape), batch);
        if own > room && fits(own) {
            room = own;
        }
        case += 1;
    }
    room
};

const fn entry(shape: Shape) -> Entry {
    Entry::new(shape, 0).optimizer(OPTIMIZER)
}

/// Numbers that a case takes: parameters, scratch, and inputs, targets and outputs of a batch.
const fn numbers(entry: &Entry, batch: usize) -> usize {
    let Shape { inputs, outputs, .. } = entry.shape;
    entry.shape.parameters() + entry.training_scratch(batch) + (inputs + 2 * outputs) * batch
}

/// Whether so many numbers leave two kilobytes of RAM to the rest of the image.
const fn fits(numbers: usize) -> bool {
    numbers * 4 + 2048 <= memory::ROOM
}

#[entry]
fn main() -> ! {
    static mut MEMORY: [f32; ROOM] = [0.0; ROOM];
    static mut BOOKS: [Book; RACES[0].1.len()] = [Book::NEW; RACES[0].1.len()];

    let _lines = console::open();
    defmt::info!("bench on {=str}", board::NAME);
    let Some(mut meter) = Peripherals::take().and_then(Meter::start) else {
        defmt::error!("nothing counts {=str} here; QEMU needs -icount shift=7", UNIT);
        console::exit(Verdict::Failed)
    };
    for (shape, batch) in CASES {
        if fits(numbers(&entry(shape), batch)) {
            measure(&mut meter, entry(shape), batch, MEMORY);
        }
    }
    sigmoids(&mut meter, "polynomial", &mut |z| z.iter_mut().for_each(|z| *z = math::sigmoid(*z)));
    sigmoids(&mut meter, "fixed point", &mut |z| {
        z.iter_mut().for_each(|z| *z = fixed::sigmoid(*z));
    });
    if fits(RACE) {
        for (optimizer, entries) in &RACES {
            share(&mut meter, optimizer, black_box(entries), MEMORY, BOOKS);
        }
    }
    console::exit(Verdict::Done)
}

/// Measures one case and prints its lines.
fn measure(meter: &mut Meter, entry: Entry, batch: usize, memory: &mut [f32]) {
    // The compiler must not know which case it is: in a race it does not either.
    let entry = black_box(entry);
    let Shape { inputs, hidden, layers, outputs } = entry.shape;
    let (parameters, rest) = memory.split_at_mut(entry.shape.parameters());
    let (x, rest) = rest.split_at_mut(inputs * batch);
    let (y, rest) = rest.split_at_mut(outputs * batch);
    let (out, scratch) = rest.split_at_mut(outputs * batch);
    entry.start(parameters);
    x.iter_mut().zip(0_u16..).for_each(|(x, place)| *x = f32::from(place % 13) / 13.0);
    y.iter_mut().zip(0_u16..).for_each(|(y, place)| *y = f32::from(place % 2));

    let answer = mean(meter, &mut || {
        entry.predict(parameters, &x[..inputs], &mut out[..outputs], scratch);
    });
    let mut net = Net { entry: &entry, parameters, memory: &mut [], steps: 0 };
    let samples = Batch { inputs: x, targets: y, samples: batch, held_back: 0 };
    let learn = mean(meter, &mut || {
        net.learn(samples, out, scratch);
    });

    // One for each weight; what biases take counts, but not as work done.
    let macs = entry.shape.macs() - entry.shape.hidden_units() - outputs;
    let print = |what: &str, count: Option<usize>, macs: usize| {
        let Some(count) = count else {
            defmt::info!("{=str}: beyond the counter", what);
            return;
        };
        let (whole, hundredths) = (count / macs, count * 100 / macs % 100);
        defmt::info!(
            "{=usize}-{=usize}x{=usize}-{=usize} batch {=usize} {=str}: {=usize} {=str} a sample, \
             {=usize}.{=usize:02} a multiply-accumulate",
            inputs,
            hidden,
            layers,
            outputs,
            batch,
            what,
            count,
            UNIT,
            whole,
            hundredths
        );
    };
    if batch == 1 {
        print("answer", answer, macs);
    }
    // Forward, backward and the gradient: three for each weight, and each sample of the batch.
    print("learn", learn.map(|count| count / batch), 3 * macs);
}

/// The mean of some counts of the same work; `None` when the counter cannot hold it.
fn mean(meter: &mut Meter, work: &mut dyn FnMut()) -> Option<usize> {
    let mut sum = 0;
    for _ in 0..ROUNDS {
        sum += meter.count(work)? as usize;
    }
    Some(sum / ROUNDS)
}

/// Counts what a sigmoid takes of numbers from -8 to 8, and prints its mean.
fn sigmoids(meter: &mut Meter, which: &str, apply: &mut dyn FnMut(&mut [f32])) {
    let mut numbers = core::array::from_fn(|at: usize| (at as f32 - 32.0) / 4.0);
    let numbers: &mut [f32; 64] = black_box(&mut numbers);
    if let Some(count) = meter.count(&mut || apply(numbers)) {
        let tenths = count as usize * 10 / numbers.len();
        defmt::info!(
            "sigmoid by {=str}: {=usize}.{=usize} {=str}",
            which,
            tenths / 10,
            tenths % 10,
            UNIT
        );
    }
}

/// Counts a race and the same nets learning alone from the same samples, and prints what mixer and
/// referee add.
fn share(
    meter: &mut Meter,
    optimizer: &str,
    entries: &[Entry],
    memory: &mut [f32],
    books: &mut [Book],
) {
    let (together, alone) = (race(meter, entries, memory, books), alone(meter, entries, memory));
    let (Some(together), Some(alone)) = (together, alone) else {
        defmt::info!("race of {=usize} nets, {=str}: beyond the counter", entries.len(), optimizer);
        return;
    };
    let added = together.saturating_sub(alone) * 10_000 / alone.max(1);
    defmt::info!(
        "race of {=usize} nets, {=str}: {=u64} {=str} a sample, {=u64} the nets alone, \
         {=u64}.{=u64:02} % on top",
        entries.len(),
        optimizer,
        together / SAMPLES as u64,
        UNIT,
        alone / SAMPLES as u64,
        added / 100,
        added % 100
    );
}

/// What the race takes for its samples, which are made beforehand.
fn race(
    meter: &mut Meter,
    entries: &[Entry],
    memory: &mut [f32],
    books: &mut [Book],
) -> Option<u64> {
    let (batch, memory) = memory.split_at_mut_checked(BATCH)?;
    let mut race = Race::new(entries, SETTINGS, memory, books).ok()?;
    let mut sum = 0;
    for first in (0..SAMPLES).step_by(SETTINGS.batch) {
        let (inputs, targets) = samples(first, batch)?;
        let steps = || inputs.chunks(TASK.inputs()).zip(targets.chunks(TASK.outputs()));
        let mut is_taken = true;
        sum += u64::from(meter.count(&mut || {
            for (inputs, targets) in steps() {
                is_taken &= race.step(inputs, targets, &mut |_| ()).is_ok();
            }
        })?);
        if !is_taken {
            return None;
        }
    }
    race.books().iter().all(Book::races).then_some(sum)
}

/// What the nets alone take for the same.
fn alone(meter: &mut Meter, entries: &[Entry], memory: &mut [f32]) -> Option<u64> {
    let (batch, memory) = memory.split_at_mut_checked(BATCH)?;
    let Plan { parameters, optimizers, .. } = Plan::of(entries, &SETTINGS);
    let (parameters, memory) = memory.split_at_mut_checked(parameters)?;
    let (optimizers, scratch) = memory.split_at_mut_checked(optimizers)?;
    optimizers.fill(0.0);
    let mut rest = &mut *parameters;
    entries.iter().for_each(|entry| {
        let own = rest.split_off_mut(..entry.shape.parameters());
        entry.start(own.unwrap_or_default());
    });
    let mut out = [0.0; TASK.outputs() * SETTINGS.batch];
    let mut sum = 0;
    for (steps, first) in (0..SAMPLES).step_by(SETTINGS.batch).enumerate() {
        let (inputs, targets) = samples(first, batch)?;
        let Settings { batch: samples, held_back, .. } = SETTINGS;
        let batch = Batch { inputs, targets, samples, held_back };
        let (mut parameters, mut optimizers) = (&mut *parameters, &mut *optimizers);
        for entry in entries {
            let parameters = parameters.split_off_mut(..entry.shape.parameters())?;
            let memory = optimizers.split_off_mut(..entry.memory())?;
            let mut net = Net { entry, parameters, memory, steps: steps as u32 };
            sum += u64::from(meter.count(&mut || {
                net.learn(batch, &mut out, scratch);
            })?);
        }
    }
    Some(sum)
}

/// The samples of a batch from `first` on.
fn samples(first: usize, memory: &mut [f32]) -> Option<(&[f32], &[f32])> {
    let (inputs, rest) = memory.split_at_mut_checked(TASK.inputs() * SETTINGS.batch)?;
    let (targets, _) = rest.split_at_mut_checked(TASK.outputs() * SETTINGS.batch)?;
    let each = inputs.chunks_mut(TASK.inputs()).zip(targets.chunks_mut(TASK.outputs()));
    for (index, (inputs, targets)) in (first as u64..).zip(each) {
        TASK.sample(0, index, inputs, targets);
    }
    Some((inputs, targets))
}
