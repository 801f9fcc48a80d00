//! Counts what answering and learning take, whole and for each multiply-accumulate: in QEMU
//! (with `-icount shift=7`) instructions, on a board cycles.

#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m::Peripherals;
use cortex_m_rt::entry;
use derby_core::{Batch, Entry, Net, Optimizer, Shape};
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

/// Numbers for everything of the largest case that fits.
const ROOM: usize = {
    let (mut room, mut case) = (0, 0);
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

/// Whether so many numbers leave a kilobyte of RAM to the rest of the image.
const fn fits(numbers: usize) -> bool {
    numbers * 4 + 1024 <= memory::ROOM
}

#[entry]
fn main() -> ! {
    static mut MEMORY: [f32; ROOM] = [0.0; ROOM];

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
