//! `sum + a * b` and `a * b` on the bits of f32, for processors without a float unit: each
//! operation rounded to nearest, ties to even, as IEEE 754 has it.
//!
//! The fast path is for numbers between 2^-63 and 2^64 and for sums that stay in their power of
//! two; it never packs, normalises or shifts a sticky bit. Everything unusual leaves it for a cold
//! function. All functions are total: any bits in, the bits of IEEE 754 out (a NaN for a NaN).
//!
//! Why it is faster than a library's multiplication followed by its addition:
//! - The product's significands are left-aligned, so that the upper 32 of 64 bits hold what counts
//!   and one addition rounds them; only where a tie is possible are the bits below looked at.
//! - One comparison in the top byte of a word checks the range of both factors.
//! - The product joins the packed sum in two's complement. Where sign and exponent of the sum stay
//!   as they are, the result is right but for rounding: half of a forward pass, most of an update.
//! - The part shifted out fits one word, so ties need no sticky bit.

/// Armv6-M multiplies 32 × 32 to 32 bits only. Of the Cortex-M it alone has no compare-and-swap either,
/// and that a stable `cfg` can see.
pub(crate) const SHORT_MULTIPLY: bool =
    cfg!(all(target_arch = "arm", not(target_has_atomic = "32")));

pub(crate) const SIGN: u32 = 1 << 31;
/// The bit above a stored significand: 1.0 in units of its last place.
const HIDDEN: u32 = 1 << 23;

/// `sum + a * b`.
#[inline(always)]
pub(crate) fn multiply_add(sum: u32, a: u32, b: u32) -> u32 {
    let Some(product) = Product::of(a, b) else {
        return exact(sum, a, b);
    };
    let distance = exponent(sum).wrapping_sub(product.exponent());
    if distance < 32 {
        plus(sum, against(product.significand, sum ^ a ^ b), distance)
    } else {
        plus_larger(sum, product.bits(a ^ b))
    }
}

/// `a * b`.
#[inline(always)]
pub(crate) fn multiply(a: u32, b: u32) -> u32 {
    match Product::of(a, b) {
        Some(product) => product.bits(a ^ b),
        None => (f32::from_bits(a) * f32::from_bits(b)).to_bits(),
    }
}

/// Whether `a` can take the fast path as a factor: from 2^-63 up to 2^64.
#[inline(always)]
pub(crate) fn plain(a: u32) -> bool {
    exponent(a).wrapping_sub(64) < 127
}

/// Whatever the fast path leaves, by the target's own f32.
#[cold]
#[inline(never)]
pub(crate) fn exact(sum: u32, a: u32, b: u32) -> u32 {
    // A rectifier makes many zeros; they need no arithmetic.
    let finite = b << 1 < 0xff << 24;
    if a << 1 == 0 && finite && sum != SIGN {
        return sum;
    }
    (f32::from_bits(sum) + f32::from_bits(a) * f32::from_bits(b)).to_bits()
}

#[inline(always)]
fn exponent(a: u32) -> u32 {
    a << 1 >> 24
}

/// The magnitude of a product, rounded.
struct Product {
    /// 2^23..=2^24; the upper end is not renormalised, nothing below needs it.
    significand: u32,
    /// Exponent less 64 in the top byte, what is left of `b` below.
    place: u32,
}

impl Product {
    /// None unless both factors are normal and the product is between 2^-63 and 2^65.
    #[inline(always)]
    fn of(a: u32, b: u32) -> Option<Self> {
        // The exponents' sum less 127 + 64, modulo 256. With that of `a` in 64..=190, a zero in `b` gives
        // 129..=255 and 255 gives 128..=254: the top bit is the whole check. In this order of operations
        // the part of `a` leaves the loop.
        let place = (a >> 23 << 24).wrapping_sub(191 << 24).wrapping_add(b << 1);
        if !plain(a) || place & SIGN != 0 {
            return None;
        }
        let (significand, place) = round_product(a << 8 | SIGN, b << 8 | SIGN, place, 1 << 24);
        Some(Self { significand, place })
    }

    #[inline(always)]
    fn exponent(&self) -> u32 {
        (self.place >> 24).wrapping_add(64)
    }

    /// A significand of 2^24 carries into the exponent, which is what it means.
    #[inline(always)]
    fn bits(&self, sign: u32) -> u32 {
        (self.exponent().wrapping_sub(1) << 23).wrapping_add(self.significand) | sign & SIGN
    }
}

/// The product of two significands, each with its top bit set and eight zero bits at its end,
/// rounded to 2^23..=2^24. Where it is 2 or more, `place` grows by `one`.
#[inline(always)]
fn round_product(left: u32, right: u32, place: u32, one: u32) -> (u32, u32) {
    let top = upper(left, right);
    // 2^30..2^32: seven or eight bits more than a significand has.
    let (mut significand, rest, place) = if top & SIGN == 0 {
        let half_up = top.wrapping_add(1 << 6);
        (half_up >> 7, half_up << 25, place)
    } else {
        let half_up = top.wrapping_add(1 << 7);
        (half_up >> 8, half_up << 24, place.wrapping_add(one))
    };
    // Exactly half only if the bits below `top` are zero too, and one 32-bit product has those.
    if rest == 0 && (left >> 8).wrapping_mul(right >> 8) << 16 == 0 && ties(Tie::Product) {
        significand &= !1;
    }
    (significand, place)
}

/// In two's complement, negative if the sign bit of `signs` is set.
#[inline(always)]
fn against(significand: u32, signs: u32) -> u32 {
    let mask = (signs.cast_signed() >> 31).cast_unsigned();
    (significand ^ mask).wrapping_sub(mask)
}

/// `sum` and a `term` in two's complement whose last place is `distance`, 0..32, below that of `sum`.
#[inline(always)]
fn plus(sum: u32, term: u32, distance: u32) -> u32 {
    let whole = term.cast_signed().wrapping_shr(distance).cast_unsigned();
    // What the shift drops, as a fraction of the last place. Two shifts, because 32 in one is none.
    let part = term.wrapping_shl(31_u32.wrapping_sub(distance)) << 1;
    // The sum stays packed: as long as the addition stays below sign and exponent, they are right.
    let raw = sum.wrapping_add(whole);
    if (raw ^ sum) >> 23 == 0 { round(raw, part) } else { normalise(sum, raw, part) }
}

/// To nearest, ties to even; a carry out of the significand makes the next power of two.
#[inline(always)]
fn round(whole: u32, part: u32) -> u32 {
    let up = part >> 31;
    let nearest = whole.wrapping_add(up);
    // With nothing below its top bit, `part` is a tie or zero; then `up` is zero too and clears nothing.
    if part << 1 == 0 && ties(Tie::Sum) { nearest & !up } else { nearest }
}

/// `raw` has left the power of two of `sum`: by at most one upwards, by any number downwards or past zero.
#[cold]
#[inline(never)]
fn normalise(sum: u32, raw: u32, mut part: u32) -> u32 {
    let mut start = sum & !(HIDDEN - 1);
    let mut total = raw.wrapping_sub(start).wrapping_add(HIDDEN);
    if total & SIGN != 0 {
        // Past zero only from distance 0, where there is no part to negate.
        start ^= SIGN;
        total = total.wrapping_neg();
    } else if total >> 24 != 0 {
        // The lowest bit of the part is free: distances end at 31.
        return round(start.wrapping_add(total >> 1), total << 31 | part >> 1);
    }
    if total | part == 0 {
        return 0;
    }
    while total < HIDDEN {
        total = total << 1 | part >> 31;
        part <<= 1;
        start = start.wrapping_sub(HIDDEN);
    }
    round(start.wrapping_add(total.wrapping_sub(HIDDEN)), part)
}

/// `sum + product` where the product has the larger exponent, or either is too small to matter.
#[cold]
#[inline(never)]
fn plus_larger(sum: u32, product: u32) -> u32 {
    let distance = exponent(product).wrapping_sub(exponent(sum));
    if distance < 32 {
        plus(product, against(sum & (HIDDEN - 1) | HIDDEN, sum ^ product), distance)
    } else if distance.cast_signed() < 0 {
        sum // also when it is infinite or NaN
    } else {
        product // also when the sum is zero or subnormal
    }
}

/// The upper half of the 64-bit product of two significands, each with eight zero bits at its end.
#[inline(always)]
fn upper(a: u32, b: u32) -> u32 {
    if SHORT_MULTIPLY {
        upper_by_bytes(a, b)
    } else {
        (u64::from(a).wrapping_mul(u64::from(b)) >> 32) as u32
    }
}

/// 24 × 8 bits three times, from the lowest byte; what each step drops cannot reach the upper half.
#[inline(always)]
fn upper_by_bytes(a: u32, b: u32) -> u32 {
    let a = a >> 8;
    let low = a.wrapping_mul(b >> 8 & 0xff);
    let middle = a.wrapping_mul(b >> 16 & 0xff).wrapping_add(low >> 8);
    a.wrapping_mul(b >> 24).wrapping_add(middle >> 8)
}

/// The two places where a tie goes to even.
#[derive(Clone, Copy, PartialEq)]
enum Tie {
    Product,
    Sum,
}

#[cfg(not(test))]
const fn ties(_: Tie) -> bool {
    true
}

#[cfg(test)]
use tests::ties;

#[cfg(not(feature = "micromath"))]
mod exp;
#[cfg(test)]
mod tests;

#[cfg(not(any(test, feature = "micromath")))]
pub(crate) use exp::{exp, falling_sigmoid};
