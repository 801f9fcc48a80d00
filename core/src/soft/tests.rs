//! The proof: every exponent, the significands where rounding turns, and random bits, against
//! this machine's f32. Without optimisation a sample of it.

use super::{Tie, multiply, multiply_add, upper, upper_by_bytes};
use std::{cell::Cell, thread_local};

thread_local! {
    /// The rule left out, to see that the proof would notice.
    static LEFT_OUT: Cell<Option<Tie>> = const { Cell::new(None) };
}

pub(super) fn ties(rule: Tie) -> bool {
    LEFT_OUT.get() != Some(rule)
}

/// Ends, middles and their neighbours; runs of ones and zeros; few bits, whose products tie.
const SIGNIFICANDS: [u32; 16] = [
    0, 1, 2, 3, 0x7f_ffff, 0x7f_fffe, 0x7f_fffd, 0x40_0000, 0x40_0001, 0x3f_ffff, 0x20_0000,
    0x60_0000, 0x55_5555, 0x2a_aaab, 0x00_0fff, 0x7f_f001,
];

/// Without optimisation every so many.
const STEP: usize = if cfg!(debug_assertions) { 499 } else { 1 };

struct Random(u64);

impl Random {
    /// splitmix64
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn bits(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }
}

fn same(a: u32, b: u32) -> bool {
    a == b || f32::from_bits(a).is_nan() && f32::from_bits(b).is_nan()
}

/// How many of the two results differ from the machine's.
#[must_use]
fn wrong(sum: u32, a: u32, b: u32) -> u64 {
    let product = f32::from_bits(a) * f32::from_bits(b);
    let total = f32::from_bits(sum) + product;
    u64::from(!same(multiply(a, b), product.to_bits()))
        + u64::from(!same(multiply_add(sum, a, b), total.to_bits()))
}

fn pack(sign: u32, exponent: u32, significand: u32) -> u32 {
    sign << 31 | exponent << 23 | significand
}

/// All 2^24 triples of exponents, or every `step`-th, with signs and special significands by lot.
fn every_exponent(draws: u64, step: usize) -> u64 {
    let mut random = Random(1);
    let special = |bits: u64| {
        pack(bits as u32 & 1, 0, SIGNIFICANDS[(bits >> 1) as usize % SIGNIFICANDS.len()])
    };
    let mut count = 0;
    for exponents in (0..1 << 24).step_by(step) {
        for _ in 0..draws {
            let lot = random.next();
            let [sum, a, b] =
                [0, 1, 2].map(|n| special(lot >> (8 * n)) | (exponents >> (8 * n) & 0xff) << 23);
            count += wrong(sum, a, b);
        }
    }
    count
}

/// All special significands and signs, and all pairs of exponents near each other.
fn every_special_significand(exponents: impl Iterator<Item = u32> + Clone) -> u64 {
    let mut count = 0;
    for (a, b) in SIGNIFICANDS.iter().flat_map(|a| SIGNIFICANDS.map(|b| (*a, b))) {
        for signs in 0..8 {
            for base in exponents.clone() {
                let (a, b) = (pack(signs & 1, 127, a), pack(signs >> 1 & 1, base, b));
                for sum in SIGNIFICANDS {
                    for distance in 0..72 {
                        let exponent = (base + distance).saturating_sub(36).min(255);
                        count += wrong(pack(signs >> 2, exponent, sum), a, b);
                    }
                }
            }
        }
    }
    count
}

/// Half over all bits, half with exponents that meet.
fn random_triples(seed: u64, triples: u64) -> u64 {
    let mut random = Random(seed);
    let mut count = 0;
    for n in 0..triples {
        let [mut sum, mut a, mut b] = [random.bits(), random.bits(), random.bits()];
        if n % 2 == 0 {
            let near = |bits: u32, spread: u32| {
                bits & 0x807f_ffff | (127 - spread / 2 + (bits >> 23 & 0xff) % spread) << 23
            };
            (sum, a, b) = (near(sum, 64), near(a, 16), near(b, 16));
            // Short factors make ties and exact cancellations.
            if n % 8 == 0 {
                (a, b) = (a & !0xfff, b & !0x7ff);
            }
        }
        count += wrong(sum, a, b);
    }
    count
}

#[test]
fn every_exponent_is_exact() {
    assert_eq!(every_exponent(32, STEP), 0);
}

#[test]
fn every_special_significand_is_exact() {
    assert_eq!(
        every_special_significand(
            [0, 1, 2, 40, 63, 64, 65, 100, 127, 150, 189, 190, 191, 192, 254, 255].into_iter()
        ),
        0
    );
}

#[test]
fn ten_million_random_triples_are_exact() {
    assert_eq!(random_triples(2, 10_000_000), 0);
}

#[test]
#[ignore = "minutes"]
fn a_thousand_million_random_triples_are_exact() {
    let wrong = std::thread::scope(|scope| {
        let halves = [3, 4].map(|seed| scope.spawn(move || random_triples(seed, 500_000_000)));
        halves.map(|half| half.join().unwrap())
    });
    assert_eq!(wrong, [0, 0]);
}

#[test]
fn without_a_tie_rule_the_proof_fails() {
    for rule in [Tie::Product, Tie::Sum] {
        LEFT_OUT.set(Some(rule));
        assert!(random_triples(2, 1_000_000) > 1000);
        assert!(every_exponent(1, 1) > 1000);
        assert!(every_special_significand([127].into_iter()) > 1000);
    }
    LEFT_OUT.set(None);
    assert_eq!(random_triples(2, 1_000_000), 0);
}

#[test]
fn three_short_multiplications_make_a_long_one() {
    let mut random = Random(5);
    let specials = SIGNIFICANDS.iter().flat_map(|a| SIGNIFICANDS.map(|b| (a << 8, b << 8)));
    for (a, b) in
        specials.chain((0..1_000_000).map(|_| (random.bits() & !0xff, random.bits() & !0xff)))
    {
        let (a, b) = (a | 1 << 31, b | 1 << 31);
        assert_eq!(upper_by_bytes(a, b), upper(a, b));
    }
}
