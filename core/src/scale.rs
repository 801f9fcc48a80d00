//! Fitting the numbers of a sensor or a table to a net, and back. Fitted once, on the host and on
//! training samples only; applied wherever the net runs.

use crate::math;

/// One column's scaling: `scaled = (x - offset) * factor`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scale {
    /// What becomes 0, in the column's unit.
    pub offset: f32,
    /// Scaled units for each of the column's; 0 for a column that never varies.
    pub factor: f32,
}

impl Scale {
    /// Leaves numbers as they are.
    pub const NONE: Self = Self { offset: 0.0, factor: 1.0 };

    /// Makes every number 0.
    pub const CONSTANT: Self = Self { offset: 0.0, factor: 0.0 };

    /// Min-max: the least of `values` becomes 0 and the greatest 1.
    pub fn min_max(values: impl Iterator<Item = f32>) -> Self {
        let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
        for value in values {
            least = if value < least { value } else { least };
            most = if value > most { value } else { most };
        }
        Self::of(least, most - least)
    }

    /// Z-score: mean 0 and standard deviation 1 (of the population), by Welford's method.
    pub fn z_score(values: impl Iterator<Item = f32>) -> Self {
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for value in values {
            count += 1.0;
            let before = value - mean;
            mean += before / count;
            squares += before * (value - mean);
        }
        Self::of(mean, math::sqrt(squares / if count > 0.0 { count } else { 1.0 }))
    }

    /// From what becomes 0, and the distance that becomes 1.
    fn of(offset: f32, unit: f32) -> Self {
        if !offset.is_finite() {
            return Self::NONE;
        }
        let factor = 1.0 / unit;
        Self { offset, factor: if factor.is_finite() { factor } else { 0.0 } }
    }

    /// The scaled number.
    pub fn apply(self, x: f32) -> f32 {
        (x - self.offset) * self.factor
    }

    /// The number in the column's own unit.
    pub fn undo(self, scaled: f32) -> f32 {
        if self.factor == 0.0 { self.offset } else { scaled / self.factor + self.offset }
    }
}

/// Scales one sample, column by column.
pub fn apply(scales: &[Scale], sample: &mut [f32]) {
    for (x, scale) in sample.iter_mut().zip(scales) {
        *x = scale.apply(*x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn min_max_spans_zero_to_one() {
        let scale = Scale::min_max([3.0, 5.0, 4.0].into_iter());
        assert_eq!([3.0, 4.0, 5.0].map(|x| scale.apply(x)), [0.0, 0.5, 1.0]);
        assert_eq!(scale.undo(0.5), 4.0);
    }

    #[test]
    fn z_score_has_mean_zero_and_deviation_one() {
        let scale = Scale::z_score([1.0, 3.0, 5.0, 7.0].into_iter());
        let scaled = [1.0, 3.0, 5.0, 7.0].map(|x| scale.apply(x));
        assert!(scaled.iter().sum::<f32>().abs() < 1e-6);
        assert!((scaled.iter().map(|x| x * x).sum::<f32>() / 4.0 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_constant_or_empty_column_is_harmless() {
        for scale in [Scale::min_max([2.0; 3].into_iter()), Scale::z_score([2.0; 3].into_iter())] {
            assert_eq!((scale.apply(9.0), scale.undo(7.0)), (0.0, 2.0));
        }
        assert_eq!(Scale::min_max(core::iter::empty()), Scale::NONE);
    }
}
