//! Running a race's nets on all cores and the widest vector registers. The bits are the same for
//! any number of threads and any instruction set.
//!
//! Which registers a function may use is fixed when it is compiled, so the kernels are compiled
//! once for each instruction set and the machine is asked which it has. `pulp` owns the unsafe
//! call that this takes.

use std::str::FromStr;
use std::sync::Mutex;

use derby_core::{Crew, Racer};
use pulp::{NullaryFnOnce, Scalar, Simd};

/// An instruction set.
#[derive(Clone, Copy, Debug)]
pub enum Isa {
    /// What every machine of the architecture has: SSE2 on x86-64, NEON on aarch64.
    Baseline(Scalar),
    /// 256-bit registers.
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// 512-bit registers.
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
}

impl Isa {
    /// All that this machine has, the widest last.
    pub fn all() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))]
        let mut all = vec![Self::Baseline(Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(pulp::x86::V3::try_new().map(Self::Avx2));
            all.extend(pulp::x86::V4::try_new().map(Self::Avx512));
        }
        all
    }

    /// The widest that this machine has.
    pub fn widest() -> Self {
        Self::all().pop().unwrap_or(Self::Baseline(Scalar))
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline(_) if cfg!(target_arch = "x86_64") => "sse2",
            Self::Baseline(_) if cfg!(target_arch = "aarch64") => "neon",
            Self::Baseline(_) => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
        }
    }

    /// Has a racer learn from its stretch.
    pub fn train(self, racer: &mut Racer<'_>, scratch: &mut [f32]) {
        self.run(Stretch(racer, scratch));
    }

    /// Runs `work`, compiled for this instruction set.
    pub fn run<W: NullaryFnOnce>(self, work: W) -> W::Output {
        match self {
            Self::Baseline(isa) => isa.vectorize(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(isa) => isa.vectorize(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(isa) => isa.vectorize(work),
        }
    }
}

impl FromStr for Isa {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = Self::all();
        all.iter().copied().find(|isa| isa.name() == name).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|isa| isa.name()).collect();
            format!("this machine has no '{name}', only {}", names.join(", "))
        })
    }
}

/// A racer's stretch as work for [`Isa::run`].
struct Stretch<'r, 's>(&'s mut Racer<'r>, &'s mut [f32]);

impl NullaryFnOnce for Stretch<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.0.run(self.1);
    }
}

/// Threads that share a stretch's nets.
#[derive(Clone, Debug)]
pub struct Threads {
    isa: Isa,
    /// Scratch of each thread.
    scratches: Vec<Vec<f32>>,
}

impl Threads {
    /// So many threads, at least 1.
    pub fn new(threads: usize, isa: Isa) -> Self {
        Self { isa, scratches: vec![Vec::new(); threads.max(1)] }
    }
}

impl Crew for Threads {
    fn run<'r>(&mut self, racers: impl Iterator<Item = Racer<'r>>, _: &mut [f32]) {
        let mut racers: Vec<_> = racers.collect();
        let most = racers.iter().map(Racer::scratch).max().unwrap_or(0);
        // The longest work is taken first, so that nobody starts on it when the others are done.
        racers.sort_by_key(Racer::macs);
        let waiting = Mutex::new(racers);
        let next = || waiting.lock().unwrap_or_else(|poison| poison.into_inner()).pop();
        let isa = self.isa;
        let work = |scratch: &mut Vec<f32>| {
            scratch.resize(most, 0.0);
            while let Some(mut racer) = next() {
                isa.train(&mut racer, scratch);
            }
        };
        let Some((own, others)) = self.scratches.split_first_mut() else { return };
        std::thread::scope(|scope| {
            for scratch in others {
                scope.spawn(|| work(scratch));
            }
            work(own);
        });
    }
}
