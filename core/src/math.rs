//! The functions beyond `+ - * /`: the one place from which all of them come, so that every
//! target computes the same bits. Nothing here fuses a multiply with an add.

/// Square root, correctly rounded.
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    #[cfg(feature = "micromath")]
    return micromath::F32(x).sqrt().0;
    // IEEE 754 rounds a square root exactly, so the instruction and libm agree to the bit.
    #[cfg(all(feature = "std", not(feature = "micromath")))]
    return x.sqrt();
    #[cfg(not(any(feature = "std", feature = "micromath")))]
    return libm::sqrtf(x);
}

/// Natural logarithm.
#[inline]
pub fn ln(x: f32) -> f32 {
    #[cfg(feature = "micromath")]
    return micromath::F32(x).ln().0;
    #[cfg(not(feature = "micromath"))]
    libm::logf(x)
}

/// `ln(1 + x)`, exact to the last bits for small `x`.
#[inline]
pub fn ln_1p(x: f32) -> f32 {
    #[cfg(feature = "micromath")]
    return micromath::F32(1.0 + x).ln().0;
    #[cfg(not(feature = "micromath"))]
    libm::log1pf(x)
}

/// Sine, in radians.
#[inline]
pub fn sin(x: f32) -> f32 {
    libm::sinf(x)
}

/// `x` to a whole power by repeated squaring: at most 64 roundings.
pub fn powi(mut x: f32, mut exponent: u32) -> f32 {
    let mut power = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            power *= x;
        }
        x *= x;
        exponent >>= 1;
    }
    power
}

/// `e` to the `x`: the largest relative error is 1.2e-7 for `x` in -87.33..=88.37, beyond which
/// the result stays at the bound's. NaN gives NaN.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2`; a polynomial gives `e^r` and the exponent bits give
/// `2^n`. Branch-free multiplies and adds, so that a loop over it becomes vector code. Without a
/// float unit the same operations are computed in integers.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    #[cfg(feature = "micromath")]
    return micromath::F32(x).exp().0;
    #[cfg(all(target_arch = "arm", not(target_abi = "eabihf"), not(feature = "micromath")))]
    return f32::from_bits(crate::soft::exp(x.to_bits()));
    #[cfg(not(any(all(target_arch = "arm", not(target_abi = "eabihf")), feature = "micromath")))]
    polynomial::exp(x)
}

/// What [`exp`] is made of.
#[cfg(not(feature = "micromath"))]
pub(crate) mod polynomial {
    use crate::lanes::Register;

    /// Where [`exp`] stops falling: its least result is 1.2e-38, a normal number.
    pub(crate) const EXP_LOW: f32 = -87.33;
    /// Where [`exp`] stops rising: its greatest result is 2.4e38, below 2^128.
    pub(crate) const EXP_HIGH: f32 = 88.37;

    pub(crate) const LOG2_E: f32 = core::f32::consts::LOG2_E;
    /// ln 2 in two parts: n * LN2_HIGH is exact for every n that occurs.
    pub(crate) const LN2_HIGH: f32 = 0.693_359_4;
    pub(crate) const LN2_LOW: f32 = -2.121_944_4e-4;

    /// Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
    pub(super) const ROUND: f32 = 12_582_912.0;

    /// Coefficients of Cephes' expf (S. L. Moshier), of r^2 to r^7.
    pub(crate) const COEFFICIENTS: [f32; 6] =
        [5.000_000_3e-1, 1.666_666_5e-1, 4.166_579_5e-2, 8.333_452e-3, 1.398_2e-3, 1.987_569_2e-4];

    /// [`super::exp`] in float operations.
    #[inline(always)]
    pub(crate) fn exp(x: f32) -> f32 {
        exp_of(x, 1.0)
    }

    /// [`super::sigmoid`] of each lane.
    #[cfg(not(target_arch = "arm"))]
    #[inline(always)]
    pub(crate) fn sigmoid<R: Register>(x: R) -> R {
        x.splat(1.0) / (x.splat(1.0) + exp_of(x, -1.0))
    }

    /// [`super::tanh`] of each lane.
    #[cfg(not(target_arch = "arm"))]
    #[inline(always)]
    pub(crate) fn tanh<R: Register>(x: R) -> R {
        x.splat(2.0) * sigmoid(x.splat(2.0) * x) - x.splat(1.0)
    }

    /// `e^(sign x)` for a sign of 1 or -1, which goes into the constants: rounding is the same on
    /// both sides of 0.
    #[cfg(not(all(target_arch = "arm", feature = "full")))]
    #[inline(always)]
    pub(crate) fn exp_of<R: Register>(x: R, sign: f32) -> R {
        let x = clamped(x, sign);
        power(x, shifted(x, sign), sign)
    }

    /// The same where there are no vectors, and flash to spend: a look at n finds the few beyond
    /// the limits.
    #[cfg(all(target_arch = "arm", feature = "full"))]
    #[inline(always)]
    pub(crate) fn exp_of(mut x: f32, sign: f32) -> f32 {
        let mut shifted_x = shifted(x, sign);
        if !is_within(shifted_x) {
            x = clamped(x, sign);
            shifted_x = shifted(x, sign);
        }
        power(x, shifted_x, sign)
    }

    /// Between the limits of `sign x`; NaN passes.
    #[cfg_attr(all(target_arch = "arm", feature = "full"), cold, inline(never))]
    #[cfg_attr(not(all(target_arch = "arm", feature = "full")), inline(always))]
    fn clamped<R: Register>(x: R, sign: f32) -> R {
        let (low, high) = if sign > 0.0 { (EXP_LOW, EXP_HIGH) } else { (-EXP_HIGH, -EXP_LOW) };
        x.splat(high).or_smaller(x.splat(low).or_larger(x))
    }

    /// `sign x / ln 2`, rounded to the whole number n in the low bits.
    #[inline(always)]
    fn shifted<R: Register>(x: R, sign: f32) -> R {
        x * x.splat(sign * LOG2_E) + x.splat(ROUND)
    }

    /// `e^(sign x)`, where `shifted` holds n.
    #[inline(always)]
    fn power<R: Register>(x: R, shifted: R, sign: f32) -> R {
        let [c2, c3, c4, c5, c6, c7] = COEFFICIENTS;
        let n = shifted - x.splat(ROUND);
        // sign r
        let r = (x - n * x.splat(sign * LN2_HIGH)) - n * x.splat(sign * LN2_LOW);
        // In Estrin's order.
        let r2 = r * r;
        let high = x.splat(c6) + r * x.splat(sign * c7);
        let middle = x.splat(c4) + r * x.splat(sign * c5);
        let low = x.splat(c2) + r * x.splat(sign * c3);
        let line = x.splat(1.0) + x.splat(sign) * r;
        (line + r2 * (low + r2 * (middle + r2 * high))) * shifted.power_of_2()
    }

    /// Whether n is at most 125 on either side, and so the number within the limits.
    #[cfg(any(test, all(target_arch = "arm", feature = "full")))]
    #[inline(always)]
    pub(super) fn is_within(shifted: f32) -> bool {
        shifted.to_bits().wrapping_sub(ROUND.to_bits() - 125) <= 250
    }
}

/// The logistic function `1 / (1 + e^-x)`, with an absolute error below 1.2e-7.
#[cfg_attr(feature = "full", inline(always))]
#[cfg_attr(not(feature = "full"), inline(never))]
pub fn sigmoid(x: f32) -> f32 {
    #[cfg(feature = "micromath")]
    return 1.0 / (1.0 + exp(-x));
    #[cfg(all(target_arch = "arm", not(target_abi = "eabihf"), not(feature = "micromath")))]
    return f32::from_bits(crate::soft::falling_sigmoid((-x).to_bits()));
    #[cfg(not(any(
        all(target_arch = "arm", not(target_abi = "eabihf")),
        feature = "micromath"
    )))]
    return 1.0 / (1.0 + polynomial::exp_of(x, -1.0));
}

/// Hyperbolic tangent, with an absolute error below 2.4e-7.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

/// `ln(1 + e^x)`, without overflow.
#[inline(never)]
pub fn softplus(x: f32) -> f32 {
    let positive = if x > 0.0 { x } else { 0.0 };
    positive + ln_1p(exp(-if x < 0.0 { -x } else { x }))
}

#[cfg(all(test, not(feature = "micromath")))]
mod tests {
    use super::polynomial::{EXP_HIGH, EXP_LOW, LOG2_E, ROUND, is_within};
    use super::*;

    /// Below this size `e^x` is 1 and `tanh x` is x, within 2^-26.
    const TINY: f32 = 1.490_116_1e-8;

    /// The numbers from 0 to `end`, which may be negative: every f32 of some size, and a sample
    /// of the tiny ones. Without optimisation a sample of all.
    fn sweep(end: f32) -> impl Iterator<Item = f32> {
        let sign = end.to_bits() & 0x8000_0000;
        let step = if cfg!(debug_assertions) { 9973 } else { 1 };
        let tiny = (0..TINY.to_bits()).step_by(99_991);
        let others = (TINY.to_bits()..=end.to_bits() & !0x8000_0000).step_by(step);
        tiny.chain(others).map(move |bits| f32::from_bits(bits | sign))
    }

    /// The largest error over all numbers from 0 to `end`.
    fn worst(end: f32, error: impl Fn(f32) -> f64) -> f64 {
        sweep(end).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn exp_keeps_its_promise() {
        for end in [EXP_LOW, EXP_HIGH] {
            let error = worst(end, |x| {
                let exact = libm::exp(f64::from(x));
                ((f64::from(exp(x)) - exact) / exact).abs()
            });
            assert!(error < 1.2e-7, "{error:e} from 0 to {end}");
        }
    }

    #[test]
    fn a_number_that_looks_within_the_limits_is() {
        let looks = |x: f32| is_within(x * LOG2_E + ROUND);
        for end in [-f32::INFINITY, f32::INFINITY] {
            assert!(sweep(end).filter(|&x| looks(x)).all(|x| (EXP_LOW..=EXP_HIGH).contains(&x)));
        }
        assert!(looks(-86.9) && looks(86.9) && !looks(f32::NAN) && !looks(-f32::NAN));
    }

    // Beyond 90 both are at their limits to the last bit.
    #[test]
    fn sigmoid_keeps_its_promise() {
        for end in [-90.0, 90.0] {
            let exact = |x: f64| 1.0 / (1.0 + libm::exp(-x));
            let error = worst(end, |x| (f64::from(sigmoid(x)) - exact(f64::from(x))).abs());
            assert!(error < 1.2e-7, "{error:e} from 0 to {end}");
        }
        assert_eq!([-f32::MAX, f32::MAX].map(sigmoid), [-90.0, 90.0].map(sigmoid));
    }

    #[test]
    fn tanh_keeps_its_promise() {
        for end in [-90.0, 90.0] {
            let error = worst(end, |x| (f64::from(tanh(x)) - libm::tanh(f64::from(x))).abs());
            assert!(error < 2.4e-7, "{error:e} from 0 to {end}");
        }
        assert_eq!([-f32::MAX, f32::MAX].map(tanh), [-1.0, 1.0]);
    }

    #[test]
    fn exp_stops_at_its_bounds_and_passes_nan_on() {
        assert_eq!(exp(f32::NEG_INFINITY), exp(EXP_LOW));
        assert_eq!(exp(f32::INFINITY), exp(EXP_HIGH));
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(EXP_LOW).is_normal() && exp(EXP_HIGH).is_finite());
    }

    #[test]
    fn powers_are_products() {
        assert_eq!(powi(3.0, 5), 243.0);
        assert_eq!(powi(0.5, 0), 1.0);
        assert_eq!(powi(0.999, u32::MAX), 0.0);
    }
}
