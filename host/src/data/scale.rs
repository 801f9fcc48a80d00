//! Scaling of a column, and the running statistics that it is fitted from.

pub use derby_core::scale::Scale;

/// Count, mean, spread and range of numbers seen one at a time (Welford's method, in f64).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    count: u64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    pub(super) const NEW: Self =
        Self { count: 0, mean: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };

    pub(super) fn add(&mut self, x: f64) {
        self.count = self.count.saturating_add(1);
        let distance = x - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (x - self.mean);
        self.min = self.min.min(x);
        self.max = self.max.max(x);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    /// Of the numbers themselves (divided by n), not of a population they stand for.
    pub(super) fn standard_deviation(&self) -> f64 {
        (self.squares / (self.count.max(1)) as f64).sqrt()
    }

    /// Mean 0 and standard deviation 1; a factor of 0 if all numbers are equal or nearly so.
    pub(super) fn z_score(&self) -> Scale {
        let factor = (1.0 / self.standard_deviation()) as f32;
        let varies = self.count > 0 && self.min < self.max && factor.is_finite();
        Scale { offset: self.mean as f32, factor: if varies { factor } else { 0.0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(numbers: &[f64]) -> Spread {
        let mut spread = Spread::NEW;
        numbers.iter().for_each(|&x| spread.add(x));
        spread
    }

    #[test]
    fn known_numbers() {
        let known = spread(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((known.mean(), known.standard_deviation()), (5.0, 2.0));
        assert_eq!((known.min, known.max, known.count()), (2.0, 9.0, 8));
        assert_eq!(known.z_score(), Scale { offset: 5.0, factor: 0.5 });
        assert_eq!(known.z_score().apply(9.0), 2.0);
        assert_eq!(known.z_score().undo(2.0), 9.0);
    }

    #[test]
    fn a_large_offset_costs_no_digits() {
        let far = spread(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]);
        assert_eq!((far.mean(), far.standard_deviation()), (1e9 + 10.0, 22.5_f64.sqrt()));
    }

    #[test]
    fn what_does_not_vary_becomes_zero() {
        for numbers in [&[][..], &[0.1], &[0.1, 0.1, 0.1], &[1e-42, 3e-42]] {
            let scale = spread(numbers).z_score();
            assert_eq!((scale.factor, scale.apply(7.0)), (0.0, 0.0), "{numbers:?}");
        }
        assert_eq!(spread(&[0.1, 0.1]).z_score().undo(3.0), 0.1);
    }
}
