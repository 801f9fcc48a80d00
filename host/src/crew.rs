//! Running a race's nets on all cores. The bits are the same for any number of threads.

use std::sync::Mutex;

use derby_core::lanes::{Registers, Work};
use derby_core::{Crew, Racer};

use crate::isa::{self, Isa};

/// A racer's stretch as work for [`Isa::run`].
struct Stretch<'r, 's>(&'s mut Racer<'r>, &'s mut [f32]);

impl Work for Stretch<'_, '_> {
    #[inline(always)]
    fn run(self, registers: impl Registers) {
        self.0.run_on(registers, self.1);
    }
}

/// Has a racer learn from its stretch.
pub fn train(isa: Isa, racer: &mut Racer<'_>, scratch: &mut [f32]) {
    isa.run(Stretch(racer, scratch));
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
            let scratch = isa::in_lines(scratch, most);
            while let Some(mut racer) = next() {
                train(isa, &mut racer, scratch);
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

    fn apart(&mut self, work: impl Work) {
        self.isa.run(work);
    }
}
