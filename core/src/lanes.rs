//! Vector registers: what an instruction set offers to the kernels.
//!
//! A lane is one number of a register. Every operation works lane by lane and rounds as IEEE 754
//! says, so a register of any width computes what its lanes would compute alone.

use core::ops::{Add, Div, Mul, Sub};

use crate::math;

/// An instruction set with registers of `W` numbers.
pub trait Lanes<const W: usize>: Copy {
    /// `W` numbers.
    type Register: Register;

    /// Whether [`Self::Register`] is one register of the machine, and not a pair of them.
    const NATIVE: bool;

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::Register;

    /// The register of these numbers.
    fn load(self, numbers: &[f32; W]) -> Self::Register;

    /// The numbers of a register.
    fn store(self, register: Self::Register) -> [f32; W];

    /// Lane i of register j is lane j of row i.
    #[inline(always)]
    fn transpose(self, rows: [Self::Register; W]) -> [Self::Register; W] {
        let mut columns = rows;
        for (lane, column) in columns.iter_mut().enumerate() {
            let mut numbers = [0.0; W];
            for (number, row) in numbers.iter_mut().zip(rows) {
                *number = self.store(row).get(lane).copied().unwrap_or(0.0);
            }
            *column = self.load(&numbers);
        }
        columns
    }
}

/// A register of numbers.
pub trait Register:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// `x` in every lane, as in this register.
    fn splat(self, x: f32) -> Self;

    /// The square root of each lane.
    fn sqrt(self) -> Self;

    /// `then` where the lane is 0, `otherwise` where it is not.
    fn if_zero(self, then: Self, otherwise: Self) -> Self;

    /// The larger of both; where one of them is NaN, `other`.
    fn or_larger(self, other: Self) -> Self;

    /// The smaller of both; where one of them is NaN, `other`.
    fn or_smaller(self, other: Self) -> Self;

    /// `2^n`, where n is the whole number in the low bits of a lane, from -126 to 127.
    fn power_of_2(self) -> Self;
}

/// An instruction set with registers of all the widths that the kernels use.
pub trait Registers: Lanes<16> + Lanes<8> + Lanes<4> + Lanes<2> + Lanes<1> {
    /// How many samples' sums of 16 numbers stay in registers together: enough to hide the latency
    /// of an addition, and some registers left for what is added. It is 10, 5 or 2.
    const SAMPLES: usize;

    /// Does `work` in a function of its own, compiled for these registers.
    fn apart(self, work: impl Work);
}

/// What can be done in any instruction set's registers.
pub trait Work {
    /// Does it. To be inlined, so that it is compiled for those registers.
    fn run(self, registers: impl Registers);
}

impl Registers for Portable {
    // 8 of the 16 registers of 4 numbers that any vector unit has.
    const SAMPLES: usize = 2;

    #[cfg_attr(target_arch = "arm", inline(always))]
    #[cfg_attr(not(target_arch = "arm"), inline(never))]
    fn apart(self, work: impl Work) {
        work.run(self);
    }
}

/// Plain arrays: whatever the compiler makes of them on any target.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl<const W: usize> Lanes<W> for Portable {
    type Register = Group<f32, W>;

    const NATIVE: bool = W <= 4;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::Register {
        Group([x; W])
    }

    #[inline(always)]
    fn load(self, numbers: &[f32; W]) -> Self::Register {
        Group(*numbers)
    }

    #[inline(always)]
    fn store(self, register: Self::Register) -> [f32; W] {
        register.0
    }
}

/// A register of one lane.
impl Register for f32 {
    #[inline(always)]
    fn splat(self, x: f32) -> Self {
        x
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        math::sqrt(self)
    }

    #[inline(always)]
    fn if_zero(self, then: Self, otherwise: Self) -> Self {
        if self != 0.0 { otherwise } else { then }
    }

    #[inline(always)]
    fn or_larger(self, other: Self) -> Self {
        if self > other { self } else { other }
    }

    #[inline(always)]
    fn or_smaller(self, other: Self) -> Self {
        if self < other { self } else { other }
    }

    #[inline(always)]
    fn power_of_2(self) -> Self {
        Self::from_bits(self.to_bits().wrapping_add(127) << 23)
    }
}

/// Registers side by side, taken as one. While one of them waits for a result, the others go on.
///
/// All operations are loops: a closure could end up in a function of its own, which is compiled
/// without the instruction set.
#[derive(Clone, Copy, Debug)]
pub struct Group<R, const K: usize>(pub [R; K]);

macro_rules! operator {
    ($($Trait:ident $function:ident),*) => {$(
        impl<R: Register, const K: usize> $Trait for Group<R, K> {
            type Output = Self;

            #[inline(always)]
            fn $function(mut self, other: Self) -> Self {
                for (own, other) in self.0.iter_mut().zip(&other.0) {
                    *own = own.$function(*other);
                }
                self
            }
        }
    )*};
}
operator!(Add add, Sub sub, Mul mul, Div div);

impl<R: Register, const K: usize> Register for Group<R, K> {
    #[inline(always)]
    fn splat(mut self, x: f32) -> Self {
        for own in &mut self.0 {
            *own = own.splat(x);
        }
        self
    }

    #[inline(always)]
    fn sqrt(mut self) -> Self {
        for own in &mut self.0 {
            *own = own.sqrt();
        }
        self
    }

    #[inline(always)]
    fn if_zero(self, then: Self, otherwise: Self) -> Self {
        let mut chosen = then;
        for ((chosen, own), otherwise) in chosen.0.iter_mut().zip(&self.0).zip(&otherwise.0) {
            *chosen = own.if_zero(*chosen, *otherwise);
        }
        chosen
    }

    #[inline(always)]
    fn or_larger(mut self, other: Self) -> Self {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own = own.or_larger(*other);
        }
        self
    }

    #[inline(always)]
    fn or_smaller(mut self, other: Self) -> Self {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own = own.or_smaller(*other);
        }
        self
    }

    #[inline(always)]
    fn power_of_2(mut self) -> Self {
        for own in &mut self.0 {
            *own = own.power_of_2();
        }
        self
    }
}
