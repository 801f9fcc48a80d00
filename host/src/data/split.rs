//! Which rows are held out: an exact, seeded, stratified sample drawn while rows pass by.
//!
//! Knuth's algorithm S (The Art of Computer Programming 2, 3.4.2), once per stratum: of the rows
//! still to come, each is taken with probability (still wanted) / (still to come). No row is
//! kept, every sample of the right size is equally likely, and a clone repeats the decisions.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Rows of one class, or all rows of a regression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stratum {
    to_come: u64,
    wanted: u64,
}

/// The decisions about all rows, in the order of the file.
#[derive(Debug, Clone)]
pub(super) struct Split {
    strata: Vec<Stratum>,
    rng: Xoshiro256PlusPlus,
}

impl Split {
    /// Holds `share` of the rows out, `counts` being the rows of each stratum.
    pub(super) fn new(counts: &[u64], share: f64, seed: u64) -> Self {
        let strata = counts
            .iter()
            .zip(quotas(counts, share))
            .map(|(&to_come, wanted)| Stratum { to_come, wanted })
            .collect();
        Self { strata, rng: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    /// Rows to be held out of each stratum, for a split that has not begun.
    pub(super) fn held_out(&self) -> impl Iterator<Item = u64> {
        self.strata.iter().map(|stratum| stratum.wanted)
    }

    /// Whether the next row, which is of `stratum`, is held out; `None` if no such row was counted.
    pub(super) fn decide(&mut self, stratum: usize) -> Option<bool> {
        let stratum = self.strata.get_mut(stratum)?;
        let left = stratum.to_come.checked_sub(1)?;
        let taken = below(&mut self.rng, stratum.to_come) < stratum.wanted;
        stratum.to_come = left;
        stratum.wanted = stratum.wanted.saturating_sub(u64::from(taken));
        Some(taken)
    }

    /// Whether every counted row has come.
    pub(super) fn is_over(&self) -> bool {
        self.strata.iter().all(|stratum| stratum.to_come == 0)
    }
}

/// Rows to hold out of each stratum: together `share` of all, each to within one row of its own
/// share (largest remainders), and never the last row of a stratum.
fn quotas(counts: &[u64], share: f64) -> Vec<u64> {
    let exact = |count: u64| count as f64 * share;
    let mut quotas: Vec<u64> =
        counts.iter().map(|&count| (exact(count) as u64).min(count.saturating_sub(1))).collect();
    let rows = counts.iter().fold(0_u64, |sum, &count| sum.saturating_add(count));
    let taken = quotas.iter().fold(0_u64, |sum, &quota| sum.saturating_add(quota));
    let missing = (exact(rows).round() as u64).saturating_sub(taken);
    let mut order: Vec<(f64, usize)> =
        counts.iter().map(|&count| exact(count).fract()).zip(0..).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut missing = missing;
    for (_, index) in order {
        let (Some(quota), Some(&count)) = (quotas.get_mut(index), counts.get(index)) else {
            continue;
        };
        if missing > 0 && quota.saturating_add(1) < count {
            *quota = quota.saturating_add(1);
            missing = missing.saturating_sub(1);
        }
    }
    quotas
}

/// A number of `0..limit`; each is equally likely to within `limit / 2^64`.
pub(super) fn below(rng: &mut Xoshiro256PlusPlus, limit: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(limit)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_add_up() {
        assert_eq!(quotas(&[59, 71, 48], 0.2), [12, 14, 10]);
        assert_eq!(quotas(&[100; 4], 0.2), [20; 4]);
        assert_eq!(quotas(&[2, 2, 2, 2, 2], 0.2), [1, 1, 0, 0, 0]);
        assert_eq!(quotas(&[1, 1, 3], 0.2), [0, 0, 1]);
        assert_eq!(quotas(&[1], 0.5), [0]);
        assert_eq!(quotas(&[10], 0.999), [9]);
        assert_eq!(quotas(&[10, 20], 0.0), [0, 0]);
    }

    #[test]
    fn every_stratum_gets_its_quota_and_a_clone_repeats_it() {
        let split = Split::new(&[59, 71, 48], 0.2, 7);
        let (mut first, mut second) = (split.clone(), split);
        let mut held = [0_u64; 3];
        for stratum in [0; 59].into_iter().chain([1; 71]).chain([2; 48]) {
            let decision = first.decide(stratum);
            assert_eq!(decision, second.decide(stratum));
            held[stratum] += u64::from(decision.unwrap());
        }
        assert_eq!(held, [12, 14, 10]);
        assert!(first.is_over());
        assert_eq!(first.decide(1), None);
        assert_eq!(first.decide(3), None);
    }

    #[test]
    fn every_row_is_equally_likely() {
        let mut held = [0_u32; 10];
        for seed in 0..2000 {
            let mut split = Split::new(&[10], 0.2, seed);
            held.iter_mut().for_each(|count| *count += u32::from(split.decide(0).unwrap()));
        }
        // 400 expected, standard deviation sqrt(2000 * 0.2 * 0.8) = 17.9; five of those allowed.
        assert!(held.iter().all(|&count| count.abs_diff(400) < 90), "{held:?}");
    }
}
