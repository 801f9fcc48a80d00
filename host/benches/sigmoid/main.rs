//! The sigmoid that all targets share beside the fixed point that could take its place, by
//! instruction set; the firmware's image `bench` has them on Cortex-M.
//!
//! `cargo bench -p derby --bench sigmoid`, which first looks at how far each is from the truth.

mod fixed;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use derby::isa::{Isa, Work};
use derby_core::lanes::Registers;
use derby_core::math;

/// As many numbers as a batch of 10 has at 56 units.
const NUMBERS: usize = 560;

struct Map<'m, F> {
    x: &'m [f32],
    y: &'m mut [f32],
    f: F,
}

impl<F: Fn(f32) -> f32> Work for Map<'_, F> {
    #[inline(always)]
    fn run(self, _: impl Registers) {
        let Self { x, y, f } = self;
        y.iter_mut().zip(x).for_each(|(y, x)| *y = f(*x));
    }
}

/// The largest absolute error over every f32 from -100 to 100 but the tiny ones, of which both make
/// a half.
fn worst(f: impl Fn(f32) -> f32) -> f64 {
    let sizes = 1e-8_f32.to_bits()..=100.0_f32.to_bits();
    let numbers = sizes.flat_map(|size| [f32::from_bits(size), -f32::from_bits(size)]);
    let error = |x: f32| (f64::from(f(x)) - 1.0 / (1.0 + (-f64::from(x)).exp())).abs();
    numbers.map(error).fold(0.0, f64::max)
}

fn sigmoids(criterion: &mut Criterion) {
    println!("largest absolute error by polynomial: {:.1e}", worst(math::sigmoid));
    println!("largest absolute error by fixed point: {:.1e}", worst(fixed::sigmoid));
    let x: Vec<f32> = (0..NUMBERS).map(|at| (at % 64) as f32 / 4.0 - 8.0).collect();
    let mut group = criterion.benchmark_group("sigmoid");
    group.throughput(Throughput::Elements(NUMBERS as u64));
    for isa in Isa::all() {
        let mut y = vec![0.0; NUMBERS];
        group.bench_function(BenchmarkId::new("polynomial", isa.name()), |bencher| {
            bencher.iter(|| isa.run(Map { x: &x, y: &mut y, f: math::sigmoid }));
        });
        group.bench_function(BenchmarkId::new("fixed point", isa.name()), |bencher| {
            bencher.iter(|| isa.run(Map { x: &x, y: &mut y, f: fixed::sigmoid }));
        });
    }
    group.finish();
}

criterion_group!(benches, sigmoids);
criterion_main!(benches);
