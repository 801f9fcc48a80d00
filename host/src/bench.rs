//! `derby bench`: how fast this machine races, and how much of what it could do that is.
//!
//! All nets stay in the race. Rounds of the race alternate with rounds of a loop that does nothing
//! but multiply and add in registers, on as many threads and the same instruction set: the
//! machine's peak. What is told is the median over the rounds, so that what else the machine does
//! meanwhile falls on both.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use anyhow::Result;
use derby_core::lanes::{Lanes, Registers, Work};
use derby_core::{Book, Crew, Entry, Plan, Race, Racer, Refereeing, Settings};
use serde_json::json;

use crate::args::BenchArguments;
use crate::crew::Threads;
use crate::field::{self, Field};
use crate::isa::{self, Isa};
use crate::source::Samples;

/// Floating-point operations that one sample costs a net: forward and gradient take a
/// multiplication and an addition for each parameter, backward for each weight above the first
/// layer; a sample that is held back goes forward only. Activations and the optimizer's step are
/// not counted.
fn flops(entry: &Entry, settings: &Settings) -> f64 {
    let parameters = entry.shape.parameters() as f64;
    let backward = entry.shape.weight_layers().skip(1).map(|layer| layer.fan_in * layer.fan_out);
    let learned = (settings.batch - settings.held_back) as f64 / settings.batch as f64;
    2.0 * (parameters + learned * (parameters + backward.sum::<usize>() as f64))
}

/// Seconds of a round, by what they went to.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    samples: f64,
    nets: f64,
    /// Of the nets' time what the same samples take to be answered only.
    forward: f64,
    rest: f64,
    peak_gflops: f64,
}

impl Round {
    fn total(&self) -> f64 {
        self.samples + self.nets + self.rest
    }
}

/// Counts the time of the nets.
struct Timed<'c>(&'c mut Threads, f64);

impl Crew for Timed<'_> {
    fn run<'r>(&mut self, racers: impl Iterator<Item = Racer<'r>>, scratch: &mut [f32]) {
        let start = Instant::now();
        self.0.run(racers, scratch);
        self.1 += start.elapsed().as_secs_f64();
    }

    fn apart(&mut self, work: impl Work) {
        self.0.apart(work);
    }
}

/// `derby bench`.
///
/// # Errors
/// When the race cannot be set up, or the result not be written.
pub fn command(arguments: &BenchArguments) -> Result<()> {
    let mut field = Field::of_isolation(&arguments.field, 0)?;
    field.settings.refereeing = Refereeing::None;
    let (isa, threads) = (field::isa(&arguments.field), field::threads(&arguments.field));
    let mut rounds = run(&field, isa, threads, arguments)?;
    let flops: f64 = field.entries.iter().map(|entry| flops(entry, &field.settings)).sum();
    let samples = f64::from(arguments.round);
    let gflops = |round: &Round| samples * flops / round.total() / 1e9;
    let share = |round: &Round| gflops(round) / round.peak_gflops;
    rounds.sort_by(|a, b| share(a).total_cmp(&share(b)));
    let median = rounds[rounds.len() / 2];
    let speed = samples / median.total();
    let of_all = |seconds: f64| seconds / median.total();
    let phases = [
        ("samples", of_all(median.samples)),
        ("forward", of_all(median.forward)),
        ("backward_and_update", of_all(median.nets - median.forward)),
        ("mixer_and_referee", of_all(median.rest)),
    ];
    let out = &mut io::stdout().lock();
    if arguments.json {
        let phases: serde_json::Map<_, _> =
            phases.iter().map(|(name, share)| ((*name).to_owned(), json!(share))).collect();
        let line = json!({
            "event": "bench",
            "nets": field.entries.len(),
            "samples_per_second": speed,
            "gflops": gflops(&median),
            "peak_gflops": median.peak_gflops,
            "share_of_peak": share(&median),
            "threads": threads,
            "isa": isa.name(),
            "phases": phases,
        });
        writeln!(out, "{line}")?;
        return Ok(());
    }
    writeln!(
        out,
        "{} nets, all in the race; {} on {threads} threads",
        field.entries.len(),
        isa.name()
    )?;
    writeln!(out, "{speed:>12.0} samples/s")?;
    writeln!(
        out,
        "{:>12.1} GFLOP/s of {:.1}: {:.0} %",
        gflops(&median),
        median.peak_gflops,
        100.0 * share(&median)
    )?;
    for (name, share) in phases {
        writeln!(out, "{:>12.1} % {}", 100.0 * share, name.replace('_', " "))?;
    }
    Ok(())
}

fn run(field: &Field, isa: Isa, threads: usize, arguments: &BenchArguments) -> Result<Vec<Round>> {
    let (mut memory, mut books) = (Vec::new(), vec![Book::NEW; field.entries.len()]);
    let memory = isa::in_lines(&mut memory, Plan::of(&field.entries, &field.settings).total());
    let mut race = Race::new(&field.entries, field.settings, memory, &mut books)?;
    let mut stream = field.source.stream(&field.settings)?;
    let mut samples = Samples::default();
    let mut crew = Threads::new(threads, isa);
    let mut rounds = Vec::new();
    // The first round warms the machine up.
    for round in 0..=arguments.rounds {
        let start = Instant::now();
        stream.next(arguments.round as usize, &mut samples)?;
        let made = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let mut timed = Timed(&mut crew, 0.0);
        race.stretch_by(&samples.inputs, &samples.targets, &mut timed, &mut |_| {})?;
        let (whole, nets) = (start.elapsed().as_secs_f64(), timed.1);
        let start = Instant::now();
        answer(&race, field, isa, threads, &samples);
        let forward = start.elapsed().as_secs_f64().min(nets);
        let peak_gflops = peak(isa, threads, 0.2);
        if round > 0 {
            rounds.push(Round { samples: made, nets, forward, rest: whole - nets, peak_gflops });
        }
    }
    Ok(rounds)
}

/// Has every net answer every sample, batch by batch as when it learns.
fn answer(race: &Race<'_>, field: &Field, isa: Isa, threads: usize, samples: &Samples) {
    let nets: Vec<_> = field.entries.iter().zip(race.parameters()).collect();
    let batch = field.settings.batch;
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // From the last, which mostly is the largest.
                while let Some((entry, parameters)) = nets
                    .len()
                    .checked_sub(1 + next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                    .map(|net| nets[net])
                {
                    isa.run(Answer { entry, parameters, batch, inputs: &samples.inputs });
                }
            });
        }
    });
}

struct Answer<'a> {
    entry: &'a Entry,
    parameters: &'a [f32],
    batch: usize,
    inputs: &'a [f32],
}

impl Work for Answer<'_> {
    #[inline(always)]
    fn run(self, registers: impl Registers) {
        let Self { entry, parameters, batch, inputs } = self;
        let mut out = vec![0.0; batch * entry.shape.outputs];
        let mut scratch = vec![0.0; batch * entry.scratch()];
        for inputs in inputs.chunks_exact(batch * entry.shape.inputs) {
            entry.predict_on(registers, parameters, inputs, &mut out, &mut scratch);
            black_box(&mut out);
        }
    }
}

/// What `threads` threads do when they do nothing else, in 10^9 multiplications and additions a
/// second: of all the time, as a round of the race is.
fn peak(isa: Isa, threads: usize, seconds: f64) -> f64 {
    let work = || {
        let (mut operations, start) = (0.0, Instant::now());
        while start.elapsed().as_secs_f64() < seconds {
            isa.run(Peak(&mut operations));
        }
        operations / start.elapsed().as_secs_f64() / 1e9
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        work() + others.into_iter().map(|other| other.join().unwrap_or(0.0)).sum::<f64>()
    })
}

/// Multiplies and adds in registers, and counts the operations.
struct Peak<'p>(&'p mut f64);

impl Work for Peak<'_> {
    #[inline(always)]
    fn run(self, registers: impl Registers) {
        *self.0 += in_widest(registers);
    }
}

#[inline(always)]
fn in_widest<R: Registers>(registers: R) -> f64 {
    if <R as Lanes<16>>::NATIVE {
        multiply_and_add::<R, 16>(registers)
    } else if <R as Lanes<8>>::NATIVE {
        multiply_and_add::<R, 8>(registers)
    } else {
        multiply_and_add::<R, 4>(registers)
    }
}

/// Chains of a multiplication and an addition in turn: enough to hide the latency of both, few
/// enough for 16 registers.
const CHAINS: usize = 13;
const STEPS: u32 = 1_000_000;

#[inline(always)]
fn multiply_and_add<I: Lanes<W>, const W: usize>(isa: I) -> f64 {
    let (one, zero) = (isa.splat(black_box(1.0)), isa.splat(black_box(0.0)));
    let mut numbers = [isa.splat(black_box(1.5)); CHAINS];
    for _ in 0..STEPS {
        for number in &mut numbers {
            *number = *number * one + zero;
        }
    }
    for number in numbers {
        black_box(isa.store(number));
    }
    f64::from(STEPS) * (2 * CHAINS * W) as f64
}
