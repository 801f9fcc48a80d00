//! The sigmoid in fixed point, which [`derby_core::math::sigmoid`] could be instead. Only benches
//! have it, those of the host and of the firmware.

/// `1 / (1 + e^-x)` by a polynomial and Newton's steps in u32, the same bits everywhere. The largest
/// absolute error is 4.2e-8. NaN counts as infinite.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    // 1 / ln 2, and from the highest power down the coefficients of (1 - 2^-f) / f at Chebyshev's
    // nodes of 0..1, within 6e-9; all in units of 2^-31 and 2^-32.
    const LOG2_E: u32 = 0xb8aa_3b29;
    const COEFFICIENTS: [u32; 5] = [0x54_a612, 0x274_f388, 0xe35_3290, 0x3d7f_7506, 0xb172_17df];

    let bits = x.to_bits();
    // |x|, below 32, in units of 2^-27, and times 1 / ln 2 in units of 2^-26.
    let size = (bits & !(1 << 31)).min(32.0_f32.to_bits() - 1);
    let size = ((size << 8) | (1 << 31)) >> (131 - (size >> 23)).min(31);
    let power = high(size, LOG2_E);
    // 2^-f, in units of 2^-31, and shifted by the whole part e^-|x|.
    let f = power << 6;
    let mut sum = 0x7_8809;
    for coefficient in COEFFICIENTS {
        sum = coefficient - high(f, sum);
    }
    let e = ((1 << 31) - (high(f, sum) >> 1)) >> (power >> 26).min(31);

    // 1 / (1 + e): a parabola within 1.0e-2 and two of Newton's steps, in units of 2^-31.
    let divisor = (1 << 31) + (e & !(1 << 31)); // 1 itself, where e is 1, stands for 2
    let short = (e >> 15).min(0xffff);
    let r = 52_958 - ((short * 21_183) >> 16);
    let r = (64_874 - ((short * r) >> 16)) << 15;
    let r = newton(newton(r, divisor), divisor);
    let r = if e >> 31 == 1 { 1 << 30 } else { r.min(1 << 31) };

    let r = if bits >> 31 == 0 { r } else { (1 << 31) - r };
    // Half of it fits the conversion of signed numbers, which vector units have; 2^-30 is taken
    // off the exponent.
    f32::from_bits(((r >> 1) as i32 as f32).to_bits().saturating_sub(30 << 23))
}

/// `r (2 - r d)`, both in units of 2^-31.
#[inline(always)]
fn newton(r: u32, d: u32) -> u32 {
    high(r, (high(r, d) << 1).wrapping_neg()) << 1
}

/// The upper half of the product.
#[inline(always)]
fn high(a: u32, b: u32) -> u32 {
    // Armv6-M has no long multiplication, nor compare-and-swap.
    if cfg!(all(target_arch = "arm", not(target_has_atomic = "32"))) {
        let (a, a_low, b, b_low) = (a >> 16, a & 0xffff, b >> 16, b & 0xffff);
        let middle = a.wrapping_mul(b_low).wrapping_add(a_low.wrapping_mul(b_low) >> 16);
        let carried = a_low.wrapping_mul(b).wrapping_add(middle & 0xffff) >> 16;
        a.wrapping_mul(b).wrapping_add(middle >> 16).wrapping_add(carried)
    } else {
        ((u64::from(a) * u64::from(b)) >> 32) as u32
    }
}
