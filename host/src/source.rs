//! Where samples come from: a stream to train on and samples held out to test with.

use derby_core::{Activation, Loss, Task};

/// A source of samples.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// What is to be found.
    pub task: Task,
    /// Which of its streams.
    pub seed: u64,
}

/// Samples side by side, `[sample][column]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// `[sample][input]`
    pub inputs: Vec<f32>,
    /// `[sample][output]`
    pub targets: Vec<f32>,
}

/// Fresh samples to test with, where a task has no domain to try out whole.
const TESTED: u64 = 4096;
/// Fresh samples of which the paper counts the bits.
const COUNTED: u64 = 8;

impl Source {
    /// Width of a sample.
    pub fn inputs(&self) -> usize {
        self.task.inputs()
    }

    /// Width of a target.
    pub fn outputs(&self) -> usize {
        self.task.outputs()
    }

    /// The outputs' activation and the loss that fit.
    pub fn output(&self) -> (Activation, Loss) {
        self.task.output()
    }

    /// Replaces `samples` by `count` of the stream from place `from` on.
    pub fn fill(&self, from: u64, count: usize, samples: &mut Samples) {
        samples.collect(self, from..from + count as u64, |index, x, y| {
            self.task.sample(self.seed, index, x, y);
        });
    }

    /// Samples to test with: the whole domain where it can be tried, else fresh ones.
    pub fn held_out(&self) -> Samples {
        let mut samples = Samples::default();
        match self.task.domain() {
            Some(size) => samples.collect(self, 0..u64::from(size), |x, inputs, targets| {
                self.task.of_domain(x as u32, inputs, targets);
            }),
            None => samples.collect(self, 0..TESTED, |index, x, y| {
                self.task.fresh(self.seed, index, x, y);
            }),
        }
        samples
    }

    /// The fresh samples of which the paper counts the bits.
    pub fn counted(&self) -> Samples {
        let mut samples = Samples::default();
        samples.collect(self, 0..COUNTED, |index, x, y| self.task.fresh(self.seed, index, x, y));
        samples
    }
}

impl Samples {
    fn collect(
        &mut self,
        source: &Source,
        places: std::ops::Range<u64>,
        write: impl Fn(u64, &mut [f32], &mut [f32]),
    ) {
        let count = (places.end - places.start) as usize;
        self.inputs.resize(count * source.inputs(), 0.0);
        self.targets.resize(count * source.outputs(), 0.0);
        let inputs = self.inputs.chunks_exact_mut(source.inputs());
        let targets = self.targets.chunks_exact_mut(source.outputs());
        for ((place, inputs), targets) in places.zip(inputs).zip(targets) {
            write(place, inputs, targets);
        }
    }
}
