//! Built-in streams to race on. A sample is a pure function of seed and index, so that any
//! machine, at any time, sees the same one, and there is no state to keep.

use crate::{Activation, Loss, math, rng::Stream};

/// A stream of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Task {
    /// The paper's: 16 random bits x, lowest first, in 0..65535; to find are the 16 bits of
    /// `int(1000 ln x)`, lowest first. For x = 0 all are 0, where the reference program asks
    /// for the logarithm of 0. Bits 14 and 15 are 0 for every x.
    Log {
        /// Distinct samples, which then repeat in order (the paper: 10,000); 0 for fresh ones
        /// for ever.
        pool: u32,
    },
    /// `bits` random bits, 8, 16 or 32; to find is the exclusive or of the two halves.
    Xor {
        /// Inputs, twice the outputs.
        bits: u32,
    },
    /// Two whole numbers in 0..255, given as a share of 255; their exclusive or modulo 3 is the
    /// class, one of three outputs.
    XorMod,
    /// A number x in -1..1; to find is `sin(3 x)`, given with normal noise of deviation 0.1.
    Sine,
    /// Eight numbers in -1..1, of which two matter: to find is `sin(2 x0) + x1 / 2`, given with
    /// normal noise of deviation 0.5, also where fresh. The fewer the samples, the smaller the
    /// net that does best.
    Noisy {
        /// Distinct samples, which then repeat in order; 0 for fresh ones for ever.
        pool: u32,
    },
    /// 16 random bits; to find is `first` before sample `at` and the other from there on: the
    /// exclusive or of each bit with the one 8 places on, or the logarithm of [`Task::Log`].
    Drift {
        /// Whether the logarithm comes first.
        log_first: bool,
        /// First sample of the second function.
        at: u64,
    },
}

/// Purposes of random streams, apart from those of the nets' shapes by their top bit.
const TRAINING: u64 = 1 << 63;
const FRESH: u64 = 1 << 63 | 1 << 62;

impl Task {
    /// The paper's task with its 10,000 samples.
    pub const PAPER: Self = Self::Log { pool: 10_000 };

    /// Width of a sample.
    pub const fn inputs(self) -> usize {
        match self {
            Self::Log { .. } | Self::Drift { .. } => 16,
            Self::Xor { bits } => bits as usize,
            Self::XorMod => 2,
            Self::Sine => 1,
            Self::Noisy { .. } => 8,
        }
    }

    /// Width of a target.
    pub const fn outputs(self) -> usize {
        match self {
            Self::Log { .. } | Self::Drift { .. } => 16,
            Self::Xor { bits } => (bits / 2) as usize,
            Self::XorMod => 3,
            Self::Sine | Self::Noisy { .. } => 1,
        }
    }

    /// The outputs' activation and the loss that fit.
    pub const fn output(self) -> (Activation, Loss) {
        match self {
            Self::Log { .. } | Self::Drift { .. } | Self::Xor { .. } => {
                (Activation::Sigmoid, Loss::Squared)
            }
            Self::XorMod => (Activation::Softmax, Loss::CrossEntropy),
            Self::Sine | Self::Noisy { .. } => (Activation::Identity, Loss::Squared),
        }
    }

    /// Whether targets are bits, to be counted right or wrong.
    pub const fn has_bits(self) -> bool {
        matches!(self, Self::Log { .. } | Self::Drift { .. } | Self::Xor { .. })
    }

    /// The number of different samples where all can be tried: at most 2^16.
    pub const fn domain(self) -> Option<u32> {
        match self {
            Self::Log { .. } | Self::Drift { .. } => Some(65_535),
            Self::Xor { bits } if bits <= 16 => Some(1 << bits),
            _ => None,
        }
    }

    /// Writes sample `index` of the stream of `seed`.
    pub fn sample(self, seed: u64, index: u64, inputs: &mut [f32], targets: &mut [f32]) {
        let own = match self {
            Self::Log { pool } | Self::Noisy { pool } if pool > 0 => index % u64::from(pool),
            _ => index,
        };
        self.draw(Stream::new(seed, TRAINING ^ own), index, inputs, targets);
    }

    /// Writes fresh sample `index`, from a stream that training never sees: what the net is to
    /// know in the end, without noise, and after any drift.
    pub fn fresh(self, seed: u64, index: u64, inputs: &mut [f32], targets: &mut [f32]) {
        let mut stream = Stream::new(seed, FRESH ^ index);
        if self == Self::Sine {
            let x = stream.symmetric(1.0);
            put(inputs, core::iter::once(x));
            put(targets, core::iter::once(math::sin(3.0 * x)));
            return;
        }
        self.draw(stream, u64::MAX, inputs, targets);
    }

    /// Writes sample `x` of the [`Self::domain`], after any drift.
    pub fn of_domain(self, x: u32, inputs: &mut [f32], targets: &mut [f32]) {
        self.bits(x, u64::MAX, inputs, targets);
    }

    fn draw(self, mut stream: Stream, index: u64, inputs: &mut [f32], targets: &mut [f32]) {
        match self {
            Self::Log { .. } => self.bits(stream.below(65_535), index, inputs, targets),
            Self::Xor { .. } | Self::Drift { .. } => {
                self.bits(stream.bits(), index, inputs, targets);
            }
            Self::XorMod => {
                let (a, b) = (stream.below(255), stream.below(255));
                let class = (a ^ b) % 3;
                put(inputs, [a, b].map(|number| number as f32 / 255.0));
                put(targets, (0..3).map(|k| if k == class { 1.0 } else { 0.0 }));
            }
            Self::Sine => {
                let x = stream.symmetric(1.0);
                put(inputs, core::iter::once(x));
                put(targets, core::iter::once(math::sin(3.0 * x) + 0.1 * stream.normal()));
            }
            Self::Noisy { .. } => {
                let x: [f32; 8] = core::array::from_fn(|_| stream.symmetric(1.0));
                let [first, second, ..] = x;
                let signal = math::sin(2.0 * first) + 0.5 * second;
                put(inputs, x);
                put(targets, core::iter::once(signal + 0.5 * stream.normal()));
            }
        }
    }

    /// Writes the sample with input bits `x`, for tasks on bits.
    fn bits(self, x: u32, index: u64, inputs: &mut [f32], targets: &mut [f32]) {
        let fx = match self {
            Self::Drift { log_first, at } if log_first != (index < at) => {
                let x = x & 0xffff;
                x ^ (x >> 8 | x << 8)
            }
            Self::Xor { bits } => x ^ x.checked_shr(bits / 2).unwrap_or(0),
            _ => milli_log(x & 0xffff),
        };
        put(inputs, (0..32).map(|bit| (x >> bit & 1) as f32));
        put(targets, (0..32).map(|bit| (fx >> bit & 1) as f32));
    }
}

/// `int(1000 ln x)`, and 0 for x = 0.
fn milli_log(x: u32) -> u32 {
    if x == 0 { 0 } else { (libm::log(f64::from(x)) * 1000.0) as u32 }
}

fn put(slots: &mut [f32], numbers: impl IntoIterator<Item = f32>) {
    slots.iter_mut().zip(numbers).for_each(|(slot, number)| *slot = number);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bits: &[f32]) -> u32 {
        bits.iter().rev().fold(0, |number, &bit| number << 1 | bit as u32)
    }

    #[test]
    fn log_bits_are_those_of_the_logarithm() {
        let (mut x, mut y) = ([0.0; 16], [0.0; 16]);
        for (input, expected) in [(0, 0), (1, 0), (2, 693), (1000, 6907), (65_534, 11_090)] {
            Task::PAPER.of_domain(input, &mut x, &mut y);
            assert_eq!((number(&x), number(&y)), (input, expected));
        }
    }

    #[test]
    fn xor_is_of_the_halves() {
        for bits in [8, 16, 32] {
            let task = Task::Xor { bits };
            let (mut x, mut y) = ([0.0; 32], [0.0; 16]);
            for index in 0..100 {
                let (x, y) = (&mut x[..task.inputs()], &mut y[..task.outputs()]);
                task.sample(3, index, x, y);
                let (low, high) = x.split_at(task.outputs());
                assert_eq!(number(y), number(low) ^ number(high));
            }
        }
    }

    #[test]
    fn the_papers_pool_repeats_and_fresh_samples_differ() {
        let sample = |index| {
            let (mut x, mut y) = ([0.0; 16], [0.0; 16]);
            Task::PAPER.sample(0, index, &mut x, &mut y);
            x
        };
        assert_eq!(sample(7), sample(10_007));
        assert_ne!(sample(7), sample(8));
        let (mut x, mut y) = ([0.0; 16], [0.0; 16]);
        Task::PAPER.fresh(0, 7, &mut x, &mut y);
        assert_ne!(sample(7), x);
    }

    #[test]
    fn drift_changes_the_function_midway() {
        let task = Task::Drift { log_first: false, at: 5 };
        let (mut x, mut y) = ([0.0; 16], [0.0; 16]);
        for index in 0..10 {
            task.sample(0, index, &mut x, &mut y);
            let bits = number(&x);
            let rotated = (bits >> 8 | bits << 8) & 0xffff;
            let expected = if index < 5 { bits ^ rotated } else { milli_log(bits) };
            assert_eq!(number(&y), expected, "sample {index}");
        }
    }

    #[test]
    fn classes_are_one_of_three() {
        let (mut x, mut y) = ([0.0; 2], [0.0; 3]);
        let mut seen = [0; 3];
        for index in 0..300 {
            Task::XorMod.sample(0, index, &mut x, &mut y);
            assert_eq!(y.iter().sum::<f32>(), 1.0);
            seen[y.iter().position(|&k| k == 1.0).unwrap()] += 1;
        }
        assert!(seen.iter().all(|&count| count > 50), "{seen:?}");
    }
}
