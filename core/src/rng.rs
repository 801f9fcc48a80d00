//! Random numbers from explicit seeds: one independent stream for each purpose.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro128PlusPlus;

/// A stream of random numbers: xoshiro128++ (Blackman and Vigna), 32 bits a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream(Xoshiro128PlusPlus);

impl Stream {
    /// The stream of `seed` that serves `purpose`: two purposes share no numbers, so that
    /// asking for one more of one changes nothing in another.
    #[cfg_attr(not(feature = "full"), inline(never))]
    pub fn new(seed: u64, purpose: u64) -> Self {
        // What `seed_from_u64` does as well, for half a kilobyte more on a Cortex-M: as the
        // generator's authors advise, the state is drawn from SplitMix64.
        let seed = seed ^ split_mix(0, purpose);
        let mut state = [0; 16];
        for (half, nth) in state.as_chunks_mut::<8>().0.iter_mut().zip(1..) {
            *half = split_mix(seed, nth).to_le_bytes();
        }
        Self(Xoshiro128PlusPlus::from_seed(state))
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform over `0..bound`; 0 when `bound` is 0. The bias is below `bound` / 2^32.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.bits()) * u64::from(bound)) >> 32) as u32
    }

    /// Uniform in 0.0..1.0, in steps of 2^-24, each exact in f32.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform in `-bound..bound`.
    pub fn symmetric(&mut self, bound: f32) -> f32 {
        (2.0 * self.unit() - 1.0) * bound
    }

    /// Nearly normal with mean 0 and deviation 1: the sum of 12 uniform numbers less 6
    /// (Irwin-Hall), which reaches to 6 deviations and needs only additions.
    pub fn normal(&mut self) -> f32 {
        let mut sum = -6.0;
        for _ in 0..12 {
            sum += self.unit();
        }
        sum
    }
}

/// The `nth` number, counted from 1, of SplitMix64 (Steele, Lea and Flood) from this seed.
#[cfg_attr(not(feature = "full"), inline(never))]
fn split_mix(seed: u64, nth: u64) -> u64 {
    let z = seed.wrapping_add(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_xoshiro::SplitMix64;

    #[test]
    fn the_generator_is_its_authors() {
        // The first outputs for the state 1, 2, 3, 4, as listed in rand_xoshiro from
        // http://xoshiro.di.unimi.it/xoshiro128plusplus.c
        let seed = [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0];
        let mut rng = Xoshiro128PlusPlus::from_seed(seed);
        let expected = [641, 1_573_767, 3_222_811_527, 3_517_856_514, 836_907_274];
        assert_eq!(expected.map(|_| rng.next_u32()), expected);
    }

    #[test]
    fn a_stream_starts_where_its_crate_would() {
        for (seed, purpose) in [(0, 0), (7, 1), (u64::MAX, 5), (1 << 63, 1000)] {
            let mut spread = SplitMix64::seed_from_u64(0);
            let spread = (0..purpose).fold(0, |_, _| spread.next_u64());
            let stream = Xoshiro128PlusPlus::seed_from_u64(seed ^ spread);
            assert_eq!(Stream::new(seed, purpose).0, stream, "{seed} {purpose}");
        }
    }

    #[test]
    fn purposes_do_not_meet() {
        let first: [u32; 8] = core::array::from_fn(|_| Stream::new(7, 0).bits());
        let mut one = Stream::new(7, 1);
        assert!(first.iter().all(|&bits| bits != one.bits()));
        assert_eq!(Stream::new(7, 3), Stream::new(7, 3));
    }

    #[test]
    fn ranges_hold() {
        let mut stream = Stream::new(0, 0);
        for _ in 0..10_000 {
            assert!(stream.below(10) < 10);
            assert!((0.0..1.0).contains(&stream.unit()));
            assert!((-0.5..0.5).contains(&stream.symmetric(0.5)));
            assert!(stream.normal().abs() <= 6.0);
        }
        assert_eq!(stream.below(0), 0);
    }
}
