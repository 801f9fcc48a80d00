//! The registers of x86-64: 4, 8 and 16 numbers in one, and pairs of registers where the machine
//! has none so wide.

use std::arch::x86_64::{__m128, __m256, __m512};
use std::ops::{Add, Div, Mul, Sub};

use derby_core::lanes::{Group, Lanes, Portable, Register, Registers, Work};
use pulp::x86::{V1, V3, V4};
use pulp::{NullaryFnOnce, cast};

/// What every x86-64 has: 16 registers of 4 numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sse2(pub(super) V1);

/// 16 registers of 8 numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(pub(super) V3);

/// 32 registers of 16 numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(pub(super) V4);

/// A register of an instruction set, which knows that the machine has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own<I, R>(I, R);

type Xmm = Own<Sse2, __m128>;
type Ymm = Own<Avx2, __m256>;
type Zmm = Own<Avx512, __m512>;

macro_rules! own {
    ($isa:ident: $($row:ident)*) => { [$(Own($isa, $row)),*] };
}

macro_rules! operators {
    ($($Trait:ident $function:ident: $xmm:ident $ymm:ident $zmm:ident),*) => {$(
        impl $Trait for Xmm {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                Own(self.0, self.0.0.sse.$xmm(self.1, other.1))
            }
        }

        impl $Trait for Ymm {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                Own(self.0, self.0.0.avx.$ymm(self.1, other.1))
            }
        }

        impl $Trait for Zmm {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                Own(self.0, self.0.0.avx512f.$zmm(self.1, other.1))
            }
        }
    )*};
}
operators!(
    Add add: _mm_add_ps _mm256_add_ps _mm512_add_ps,
    Sub sub: _mm_sub_ps _mm256_sub_ps _mm512_sub_ps,
    Mul mul: _mm_mul_ps _mm256_mul_ps _mm512_mul_ps,
    Div div: _mm_div_ps _mm256_div_ps _mm512_div_ps
);

impl Register for Xmm {
    #[inline(always)]
    fn splat(self, x: f32) -> Self {
        Lanes::<4>::splat(self.0, x)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Own(self.0, self.0.0.sse._mm_sqrt_ps(self.1))
    }

    #[inline(always)]
    fn if_zero(self, then: Self, otherwise: Self) -> Self {
        let sse = self.0.0.sse;
        let zero = sse._mm_cmpeq_ps(self.1, sse._mm_setzero_ps());
        let otherwise = sse._mm_andnot_ps(zero, otherwise.1);
        Own(self.0, sse._mm_or_ps(sse._mm_and_ps(zero, then.1), otherwise))
    }

    #[inline(always)]
    fn or_larger(self, other: Self) -> Self {
        Own(self.0, self.0.0.sse._mm_max_ps(self.1, other.1))
    }

    #[inline(always)]
    fn or_smaller(self, other: Self) -> Self {
        Own(self.0, self.0.0.sse._mm_min_ps(self.1, other.1))
    }

    #[inline(always)]
    fn power_of_2(self) -> Self {
        let sse2 = self.0.0.sse2;
        let biased = sse2._mm_add_epi32(cast(self.1), cast([127; 4]));
        Own(self.0, cast(sse2._mm_slli_epi32::<23>(biased)))
    }
}

impl Register for Ymm {
    #[inline(always)]
    fn splat(self, x: f32) -> Self {
        Lanes::<8>::splat(self.0, x)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Own(self.0, self.0.0.avx._mm256_sqrt_ps(self.1))
    }

    #[inline(always)]
    fn if_zero(self, then: Self, otherwise: Self) -> Self {
        let avx = self.0.0.avx;
        let zero = avx._mm256_cmp_ps::<0>(self.1, avx._mm256_setzero_ps());
        Own(self.0, avx._mm256_blendv_ps(otherwise.1, then.1, zero))
    }

    #[inline(always)]
    fn or_larger(self, other: Self) -> Self {
        Own(self.0, self.0.0.avx._mm256_max_ps(self.1, other.1))
    }

    #[inline(always)]
    fn or_smaller(self, other: Self) -> Self {
        Own(self.0, self.0.0.avx._mm256_min_ps(self.1, other.1))
    }

    #[inline(always)]
    fn power_of_2(self) -> Self {
        let avx2 = self.0.0.avx2;
        let biased = avx2._mm256_add_epi32(cast(self.1), cast([127; 8]));
        Own(self.0, cast(avx2._mm256_slli_epi32::<23>(biased)))
    }
}

impl Register for Zmm {
    #[inline(always)]
    fn splat(self, x: f32) -> Self {
        Lanes::<16>::splat(self.0, x)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Own(self.0, self.0.0.avx512f._mm512_sqrt_ps(self.1))
    }

    #[inline(always)]
    fn if_zero(self, then: Self, otherwise: Self) -> Self {
        let avx512f = self.0.0.avx512f;
        let zero = avx512f._mm512_cmp_ps_mask::<0>(self.1, avx512f._mm512_setzero_ps());
        Own(self.0, avx512f._mm512_mask_blend_ps(zero, otherwise.1, then.1))
    }

    #[inline(always)]
    fn or_larger(self, other: Self) -> Self {
        Own(self.0, self.0.0.avx512f._mm512_max_ps(self.1, other.1))
    }

    #[inline(always)]
    fn or_smaller(self, other: Self) -> Self {
        Own(self.0, self.0.0.avx512f._mm512_min_ps(self.1, other.1))
    }

    #[inline(always)]
    fn power_of_2(self) -> Self {
        let avx512f = self.0.0.avx512f;
        let biased = avx512f._mm512_add_epi32(cast(self.1), cast([127; 16]));
        Own(self.0, cast(avx512f._mm512_slli_epi32::<23>(biased)))
    }
}

impl Lanes<4> for Sse2 {
    type Register = Xmm;

    const NATIVE: bool = true;

    #[inline(always)]
    fn splat(self, x: f32) -> Xmm {
        Own(self, self.0.sse._mm_set1_ps(x))
    }

    #[inline(always)]
    fn load(self, numbers: &[f32; 4]) -> Xmm {
        Own(self, cast(*numbers))
    }

    #[inline(always)]
    fn store(self, register: Xmm) -> [f32; 4] {
        cast(register.1)
    }

    #[inline(always)]
    fn transpose(self, rows: [Xmm; 4]) -> [Xmm; 4] {
        let sse = self.0.sse;
        let [Own(_, a), Own(_, b), Own(_, c), Own(_, d)] = rows;
        let (ab, cd) = (sse._mm_unpacklo_ps(a, b), sse._mm_unpacklo_ps(c, d));
        let (ab_high, cd_high) = (sse._mm_unpackhi_ps(a, b), sse._mm_unpackhi_ps(c, d));
        let (i, j) = (sse._mm_shuffle_ps::<LOW>(ab, cd), sse._mm_shuffle_ps::<HIGH>(ab, cd));
        let k = sse._mm_shuffle_ps::<LOW>(ab_high, cd_high);
        let l = sse._mm_shuffle_ps::<HIGH>(ab_high, cd_high);
        own!(self: i j k l)
    }
}

/// Of 4 lanes the first two of one register and the first two of another.
const LOW: i32 = 0b01_00_01_00;
/// The last two of both.
const HIGH: i32 = 0b11_10_11_10;

impl Avx2 {
    /// Transposes the squares of 4 that stand side by side in 4 rows.
    #[inline(always)]
    fn square(self, [a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
        let avx = self.0.avx;
        let (ab, cd) = (avx._mm256_unpacklo_ps(a, b), avx._mm256_unpacklo_ps(c, d));
        let (ab_high, cd_high) = (avx._mm256_unpackhi_ps(a, b), avx._mm256_unpackhi_ps(c, d));
        [
            avx._mm256_shuffle_ps::<LOW>(ab, cd),
            avx._mm256_shuffle_ps::<HIGH>(ab, cd),
            avx._mm256_shuffle_ps::<LOW>(ab_high, cd_high),
            avx._mm256_shuffle_ps::<HIGH>(ab_high, cd_high),
        ]
    }
}

impl Lanes<8> for Avx2 {
    type Register = Ymm;

    const NATIVE: bool = true;

    #[inline(always)]
    fn splat(self, x: f32) -> Ymm {
        Own(self, self.0.avx._mm256_set1_ps(x))
    }

    #[inline(always)]
    fn load(self, numbers: &[f32; 8]) -> Ymm {
        Own(self, cast(*numbers))
    }

    #[inline(always)]
    fn store(self, register: Ymm) -> [f32; 8] {
        cast(register.1)
    }

    /// Halves of rows that are four apart meet, and then each half is a square of 4.
    #[inline(always)]
    fn transpose(self, rows: [Ymm; 8]) -> [Ymm; 8] {
        let avx = self.0.avx;
        let [
            Own(_, a),
            Own(_, b),
            Own(_, c),
            Own(_, d),
            Own(_, e),
            Own(_, f),
            Own(_, g),
            Own(_, h),
        ] = rows;
        let [i, j, k, l] = self.square([
            avx._mm256_permute2f128_ps::<0x20>(a, e),
            avx._mm256_permute2f128_ps::<0x20>(b, f),
            avx._mm256_permute2f128_ps::<0x20>(c, g),
            avx._mm256_permute2f128_ps::<0x20>(d, h),
        ]);
        let [m, n, o, p] = self.square([
            avx._mm256_permute2f128_ps::<0x31>(a, e),
            avx._mm256_permute2f128_ps::<0x31>(b, f),
            avx._mm256_permute2f128_ps::<0x31>(c, g),
            avx._mm256_permute2f128_ps::<0x31>(d, h),
        ]);
        own!(self: i j k l m n o p)
    }
}

impl Avx512 {
    /// Transposes the squares of 4 that stand side by side in 4 rows.
    #[inline(always)]
    fn square(self, [a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
        let avx = self.0.avx512f;
        let (ab, cd) = (avx._mm512_unpacklo_ps(a, b), avx._mm512_unpacklo_ps(c, d));
        let (ab_high, cd_high) = (avx._mm512_unpackhi_ps(a, b), avx._mm512_unpackhi_ps(c, d));
        [
            avx._mm512_shuffle_ps::<LOW>(ab, cd),
            avx._mm512_shuffle_ps::<HIGH>(ab, cd),
            avx._mm512_shuffle_ps::<LOW>(ab_high, cd_high),
            avx._mm512_shuffle_ps::<HIGH>(ab_high, cd_high),
        ]
    }

    /// Transposes 4 rows of 4 quarters.
    #[inline(always)]
    fn quarters(self, [a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
        let avx = self.0.avx512f;
        let ab = avx._mm512_shuffle_f32x4::<LOW>(a, b);
        let cd = avx._mm512_shuffle_f32x4::<LOW>(c, d);
        let ab_high = avx._mm512_shuffle_f32x4::<HIGH>(a, b);
        let cd_high = avx._mm512_shuffle_f32x4::<HIGH>(c, d);
        [
            avx._mm512_shuffle_f32x4::<EVEN>(ab, cd),
            avx._mm512_shuffle_f32x4::<ODD>(ab, cd),
            avx._mm512_shuffle_f32x4::<EVEN>(ab_high, cd_high),
            avx._mm512_shuffle_f32x4::<ODD>(ab_high, cd_high),
        ]
    }
}

impl Lanes<16> for Avx512 {
    type Register = Zmm;

    const NATIVE: bool = true;

    #[inline(always)]
    fn splat(self, x: f32) -> Zmm {
        Own(self, self.0.avx512f._mm512_set1_ps(x))
    }

    #[inline(always)]
    fn load(self, numbers: &[f32; 16]) -> Zmm {
        Own(self, cast(*numbers))
    }

    #[inline(always)]
    fn store(self, register: Zmm) -> [f32; 16] {
        cast(register.1)
    }

    /// In squares of 4 first, and then the quarters of the registers as a square of 4.
    #[inline(always)]
    fn transpose(self, rows: [Zmm; 16]) -> [Zmm; 16] {
        let [
            Own(_, a),
            Own(_, b),
            Own(_, c),
            Own(_, d),
            Own(_, e),
            Own(_, f),
            Own(_, g),
            Own(_, h),
            Own(_, i),
            Own(_, j),
            Own(_, k),
            Own(_, l),
            Own(_, m),
            Own(_, n),
            Own(_, o),
            Own(_, p),
        ] = rows;
        let [a0, a1, a2, a3] = self.square([a, b, c, d]);
        let [e0, e1, e2, e3] = self.square([e, f, g, h]);
        let [i0, i1, i2, i3] = self.square([i, j, k, l]);
        let [m0, m1, m2, m3] = self.square([m, n, o, p]);
        let [r0, r4, r8, r12] = self.quarters([a0, e0, i0, m0]);
        let [r1, r5, r9, r13] = self.quarters([a1, e1, i1, m1]);
        let [r2, r6, r10, r14] = self.quarters([a2, e2, i2, m2]);
        let [r3, r7, r11, r15] = self.quarters([a3, e3, i3, m3]);
        own!(self: r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 r13 r14 r15)
    }
}

/// Of 4 lanes the first and the third of one register, and of another.
const EVEN: i32 = 0b10_00_10_00;
/// The second and the fourth.
const ODD: i32 = 0b11_01_11_01;

/// Lanes of a narrower instruction set that this one includes.
macro_rules! included {
    ($($Own:ty: $W:literal of $Other:ty, $other:expr;)*) => {$(
        impl Lanes<$W> for $Own {
            type Register = <$Other as Lanes<$W>>::Register;

            const NATIVE: bool = <$Other as Lanes<$W>>::NATIVE;

            #[inline(always)]
            fn splat(self, x: f32) -> Self::Register {
                Lanes::<$W>::splat(($other)(self), x)
            }

            #[inline(always)]
            fn load(self, numbers: &[f32; $W]) -> Self::Register {
                ($other)(self).load(numbers)
            }

            #[inline(always)]
            fn store(self, register: Self::Register) -> [f32; $W] {
                ($other)(self).store(register)
            }

            #[inline(always)]
            fn transpose(self, rows: [Self::Register; $W]) -> [Self::Register; $W] {
                ($other)(self).transpose(rows)
            }
        }
    )*};
}
included! {
    Sse2: 2 of Portable, |_| Portable;
    Sse2: 1 of Portable, |_| Portable;
    Avx2: 4 of Sse2, |isa: Avx2| Sse2(**isa.0);
    Avx2: 2 of Portable, |_| Portable;
    Avx2: 1 of Portable, |_| Portable;
    Avx512: 8 of Avx2, |isa: Avx512| Avx2(*isa.0);
    Avx512: 4 of Sse2, |isa: Avx512| Sse2(***isa.0);
    Avx512: 2 of Portable, |_| Portable;
    Avx512: 1 of Portable, |_| Portable;
}

/// Registers that the machine has only half as wide.
macro_rules! paired {
    ($($Own:ty: $W:literal of $half:literal;)*) => {$(
        impl Lanes<$W> for $Own {
            type Register = Group<<$Own as Lanes<$half>>::Register, 2>;

            const NATIVE: bool = false;

            #[inline(always)]
            fn splat(self, x: f32) -> Self::Register {
                Group([Lanes::<$half>::splat(self, x); 2])
            }

            #[inline(always)]
            fn load(self, numbers: &[f32; $W]) -> Self::Register {
                let [first, second]: [[f32; $half]; 2] = cast(*numbers);
                Group([self.load(&first), self.load(&second)])
            }

            #[inline(always)]
            fn store(self, register: Self::Register) -> [f32; $W] {
                let [first, second] = register.0;
                let halves: [[f32; $half]; 2] = [self.store(first), self.store(second)];
                cast(halves)
            }
        }
    )*};
}
paired! {
    Sse2: 8 of 4;
    Sse2: 16 of 8;
    Avx2: 16 of 8;
}

/// Work for pulp.
struct Vectorized<W, R>(W, R);

impl<W: Work, R: Registers> NullaryFnOnce for Vectorized<W, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.0.run(self.1);
    }
}

macro_rules! registers {
    ($($Own:ty: $samples:literal),*) => {$(
        impl Registers for $Own {
            const SAMPLES: usize = $samples;

            // Never, as the compiler would else put all of them back into one function.
            #[inline(never)]
            fn apart(self, work: impl Work) {
                self.0.vectorize(Vectorized(work, self));
            }
        }
    )*};
}
registers!(Avx2: 5, Avx512: 10);

impl Registers for Sse2 {
    const SAMPLES: usize = 2;

    #[inline(never)]
    fn apart(self, work: impl Work) {
        work.run(self);
    }
}
