//! One step of one net on a batch, by shape and instruction set.
//!
//! `cargo bench -p derby` compares with the last run; what counts are ratios on one machine.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use derby::isa::Isa;
use derby_core::lanes::{Registers, Work};
use derby_core::{Batch, Entry, Net, Shape, paper};

const BATCH: usize = 10;

struct Step<'s> {
    net: Net<'s>,
    batch: Batch<'s>,
    out: &'s mut [f32],
    scratch: &'s mut [f32],
}

impl Work for Step<'_> {
    #[inline(always)]
    fn run(self, registers: impl Registers) {
        let Self { mut net, batch, out, scratch } = self;
        net.learn_on(registers, batch, out, scratch);
    }
}

fn step(isa: Isa, entry: &Entry, numbers: &mut Numbers) {
    let Numbers { parameters, memory, inputs, targets, out, scratch } = numbers;
    let batch = Batch { inputs, targets, samples: BATCH, held_back: 0 };
    isa.run(Step { net: Net { entry, parameters, memory, steps: 0 }, batch, out, scratch });
}

/// What a net works on.
struct Numbers {
    parameters: Vec<f32>,
    memory: Vec<f32>,
    inputs: Vec<f32>,
    targets: Vec<f32>,
    out: Vec<f32>,
    scratch: Vec<f32>,
}

impl Numbers {
    fn of(entry: &Entry) -> Self {
        let mut parameters = vec![0.0; entry.shape.parameters()];
        entry.start(&mut parameters);
        Self {
            parameters,
            memory: vec![0.0; entry.memory()],
            inputs: (0..BATCH * entry.shape.inputs).map(|at| (at % 3) as f32 - 1.0).collect(),
            targets: (0..BATCH * entry.shape.outputs).map(|at| (at % 2) as f32).collect(),
            out: vec![0.0; BATCH * entry.shape.outputs],
            scratch: vec![0.0; entry.training_scratch(BATCH)],
        }
    }
}

fn kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    for (hidden, layers) in [(16, 1), (24, 2), (56, 2)] {
        let entry = paper::entry(Shape::new(16, hidden, layers, 16), 0);
        group.throughput(Throughput::Elements(BATCH as u64));
        for isa in Isa::all() {
            let mut numbers = Numbers::of(&entry);
            let id = BenchmarkId::new(isa.name(), entry.shape);
            group.bench_function(id, |bencher| {
                bencher.iter(|| step(isa, &entry, &mut numbers));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, kernels);
criterion_main!(benches);
