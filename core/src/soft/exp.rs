//! [`polynomial::exp`] and the logistic function without a float unit: the very operations that stand
//! there, one after the other, each rounded as IEEE 754 has it. What makes them cheaper than a
//! library's: ranges are known, so that nothing is checked; constants are taken apart when
//! compiling; a product goes into its sum without being packed.

use super::{HIDDEN, SIGN, against, exponent, plus, round, round_product};
use crate::math::polynomial;

/// A factor taken apart: its sign bit, its significand from the top bit down, its exponent.
#[derive(Clone, Copy)]
struct Factor {
    sign: u32,
    significand: u32,
    exponent: u32,
}

impl Factor {
    /// Of the bits of a normal number.
    #[inline(always)]
    const fn of(bits: u32) -> Self {
        Self { sign: bits & SIGN, significand: bits << 8 | SIGN, exponent: bits << 1 >> 24 }
    }

    const fn constant(number: f32) -> Self {
        Self::of(number.to_bits())
    }

    /// The product, rounded: its significand, 2^23..=2^24, and the exponent that goes with it.
    #[inline(always)]
    fn times(self, other: Self) -> (u32, u32) {
        let place = self.exponent.wrapping_add(other.exponent).wrapping_sub(127);
        round_product(self.significand, other.significand, place, 1)
    }

    /// `sum + self * other`, where the product's exponent is at most 31 below that of the sum.
    #[inline(always)]
    fn times_plus(self, other: Self, sum: u32) -> u32 {
        let (significand, place) = self.times(other);
        let term = against(significand, self.sign ^ other.sign ^ sum);
        plus(sum, term, exponent(sum).wrapping_sub(place))
    }
}

/// `sum + term`, where the term's last place is `distance` below that of the sum and the result
/// may be in the power of two below the sum's. `sum` is a positive constant.
#[inline(always)]
fn plus_either(sum: u32, term: u32, distance: u32) -> u32 {
    // All in units of the lower power's last place.
    let distance = distance.wrapping_sub(1);
    let whole = term.cast_signed().wrapping_shr(distance).cast_unsigned();
    let part = term.wrapping_shl(31_u32.wrapping_sub(distance)) << 1;
    let total = (sum & (HIDDEN - 1) | HIDDEN).wrapping_shl(1).wrapping_add(whole);
    let start = (exponent(sum) << 23).wrapping_sub(HIDDEN);
    if total >> 24 == 0 {
        round(start.wrapping_sub(HIDDEN).wrapping_add(total), part)
    } else {
        round(start.wrapping_add(total >> 1), total << 31 | part >> 1)
    }
}

/// [`polynomial::exp`] of the bits of an f32, as bits.
#[inline(never)]
pub(crate) fn exp(x: u32) -> u32 {
    const LOG2_E: Factor = Factor::constant(polynomial::LOG2_E);
    // ln 2's upper part, exact in units of 2^-25, and the lower in units of 2^-36.
    const LN2_HIGH: u32 = (polynomial::LN2_HIGH * (1 << 25) as f32) as u32;
    const LN2_LOW: u32 = Factor::constant(polynomial::LN2_LOW).significand >> 8;
    const { assert!(LN2_HIGH as f32 == polynomial::LN2_HIGH * (1 << 25) as f32) }
    const {
        assert!(
            polynomial::LN2_LOW < 0.0 && Factor::constant(polynomial::LN2_LOW).exponent == 150 - 36
        )
    }

    let size = x & !SIGN;
    let limit = if x & SIGN == 0 { polynomial::EXP_HIGH } else { -polynomial::EXP_LOW }.to_bits();
    // Small numbers and NaN: from 2^-13 on all distances below are at most 31.
    if size.wrapping_sub(LEAST) > f32::INFINITY.to_bits().wrapping_sub(LEAST) {
        return defined(x);
    }
    let size = size.min(limit);
    let x = size | x & SIGN;

    // To the nearest whole number; its last place is 2^0, whose exponent is 150 - 0.
    let (significand, place) = Factor::of(x).times(LOG2_E);
    let distance = 150_u32.wrapping_sub(place);
    let term = against(significand, x);
    let n = if distance < 32 {
        let whole = term.cast_signed().wrapping_shr(distance).cast_unsigned();
        round(whole, term.wrapping_shl(31_u32.wrapping_sub(distance)) << 1)
    } else {
        0
    };

    // r = (x - n LN2_HIGH) - n LN2_LOW: the first difference is exact.
    let mut r = x;
    if n != 0 {
        let fixed = (size & (HIDDEN - 1) | HIDDEN).wrapping_shl(exponent(size).wrapping_sub(125));
        let high = against(fixed, x).wrapping_sub(n.wrapping_mul(LN2_HIGH));
        let low = against(n, n).wrapping_mul(LN2_LOW);
        let surplus = 8_u32.wrapping_sub(low.leading_zeros());
        let low = round(low >> surplus, low.wrapping_shl(31_u32.wrapping_sub(surplus)) << 1);
        let low = against(low << surplus, n);
        let total = high.wrapping_add((low.cast_signed() >> 11).cast_unsigned());
        let part = low << 21;
        // To a sign and a size.
        let negative = (total.cast_signed() >> 31).cast_unsigned();
        let total = (total ^ negative).wrapping_sub(if part == 0 { negative } else { 0 });
        let part = (part ^ negative).wrapping_sub(negative);
        let up = total.leading_zeros().wrapping_sub(8);
        if up > 12 {
            return defined(x);
        }
        let total = total.wrapping_shl(up) | (part >> 1).wrapping_shr(31_u32.wrapping_sub(up));
        let start = 124_u32.wrapping_sub(up) << 23;
        r = round(start.wrapping_add(total), part.wrapping_shl(up)) | negative & SIGN;
    }

    let [c2, c3, c4, c5, c6, c7] = polynomial::COEFFICIENTS.map(f32::to_bits);
    let start = r;
    let r = Factor::of(start);
    let (significand, place) = r.times(r);
    let r2 = Factor::of((place.wrapping_sub(1) << 23).wrapping_add(significand));
    let (significand, place) = r.times(Factor::of(c3));
    let low = plus_either(c2, against(significand, start), exponent(c2).wrapping_sub(place));
    let middle = r.times_plus(Factor::of(c5), c4);
    let high = r.times_plus(Factor::of(c7), c6);
    let sum = r2.times_plus(Factor::of(high), middle);
    let sum = r2.times_plus(Factor::of(sum), low);
    let one =
        plus_either(ONE, against(r.significand >> 8, start), 127_u32.wrapping_sub(r.exponent));
    let power = r2.times_plus(Factor::of(sum), one);
    power.wrapping_add(n << 23)
}

/// The bits of 1.
const ONE: u32 = 1.0_f32.to_bits();

/// Where the fast path starts.
const LEAST: u32 = 114 << 23;

/// By the float operations themselves.
#[cold]
#[inline(never)]
fn defined(x: u32) -> u32 {
    // Up to 2^-26 it is 1.
    if exponent(x) < 101 { ONE } else { polynomial::exp(f32::from_bits(x)).to_bits() }
}

/// `1 / (1 + e^x)` of the bits of an f32, as bits.
#[inline(never)]
pub(crate) fn falling_sigmoid(x: u32) -> u32 {
    let e = exp(x);
    let up = exponent(e).wrapping_sub(127);
    let sum = if up < 25 {
        plus(e, HIDDEN, up)
    } else if up.wrapping_neg() < 26 {
        plus(ONE, e & (HIDDEN - 1) | HIDDEN, up.wrapping_neg())
    } else if up.cast_signed() < 0 {
        ONE
    } else {
        e
    };
    if exponent(sum) > 252 {
        // NaN, or a result that may be subnormal.
        return (1.0 / f32::from_bits(sum)).to_bits();
    }
    reciprocal(sum)
}

/// `1 / s`, for s from 1 to 2^125.
#[inline(always)]
fn reciprocal(s: u32) -> u32 {
    let divisor = s & (HIDDEN - 1) | HIDDEN;
    // A parabola within 1.0e-2, which two of Newton's steps square twice (s = 1 + f, 0 <= f < 1).
    let f = (s & (HIDDEN - 1)) >> 7; // 16 bits after the point
    let r = 52_958_u32.wrapping_sub(f.wrapping_mul(21_183) >> 16);
    let r = 64_874_u32.wrapping_sub(f.wrapping_mul(r) >> 16);
    let miss = (r << 16).wrapping_add(f.wrapping_mul(r)).wrapping_neg(); // 1 - r s, 32 bits
    let r = r.wrapping_add(scaled(miss, 11, r, 21));
    let miss = (1_u32 << 31).wrapping_sub(high_of_short(divisor << 8, r)); // 31 bits
    let r = (r << 16).wrapping_add(scaled(miss, 3, r, 12));
    // Within one of the quotient's last places, 2^47 / s; the remainder tells which way.
    let quotient = (r >> 8).max(HIDDEN);
    let rest = quotient.wrapping_mul(divisor).wrapping_neg().cast_signed();
    let half = (divisor >> 1).cast_signed();
    let quotient = if rest > half {
        quotient.wrapping_add(1)
    } else if rest < half.wrapping_neg() {
        quotient.wrapping_sub(1)
    } else {
        quotient
    };
    (252_u32.wrapping_sub(exponent(s)) << 23).wrapping_add(quotient)
}

/// A signed `miss` times `r`, each step shifted so that neither factor nor product overflows.
#[inline(always)]
fn scaled(miss: u32, before: u32, r: u32, after: u32) -> u32 {
    ((miss.cast_signed() >> before).wrapping_mul(r.cast_signed()) >> after).cast_unsigned()
}

/// `a * b >> 16` for a `b` of 16 bits.
#[inline(always)]
fn high_of_short(a: u32, b: u32) -> u32 {
    (a >> 16).wrapping_mul(b).wrapping_add((a & 0xffff).wrapping_mul(b) >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: u32, b: f32) -> bool {
        a == b.to_bits() || f32::from_bits(a).is_nan() && b.is_nan()
    }

    /// The first of every `step`-th f32 for which one of the functions differs.
    fn difference(from: u32, step: usize) -> Option<f32> {
        let mut numbers = (from..=u32::MAX).step_by(step).map(f32::from_bits);
        numbers.find(|&x| {
            !same(exp(x.to_bits()), polynomial::exp(x))
                || !same(falling_sigmoid(x.to_bits()), 1.0 / (1.0 + polynomial::exp(x)))
        })
    }

    #[test]
    fn the_bits_are_those_of_the_float_operations() {
        assert_eq!(difference(0, if cfg!(debug_assertions) { 9973 } else { 97 }), None);
        // And all those near 0 and 1, and near the limits.
        for x in [
            0.0,
            1.0,
            -1.0,
            polynomial::EXP_LOW,
            polynomial::EXP_HIGH,
            f32::INFINITY,
            -f32::INFINITY,
        ] {
            for near in 0..2000 {
                let x = f32::from_bits(x.to_bits().wrapping_sub(1000).wrapping_add(near));
                assert!(same(exp(x.to_bits()), polynomial::exp(x)), "{x:e}");
            }
        }
    }

    #[test]
    #[ignore = "minutes"]
    fn the_bits_are_those_of_the_float_operations_for_every_f32() {
        let found = std::thread::scope(|scope| {
            let halves = [0, 1].map(|from| scope.spawn(move || difference(from, 2)));
            halves.map(|half| half.join().unwrap())
        });
        assert_eq!(found, [None, None]);
    }
}
