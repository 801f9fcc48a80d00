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
    /// The square root of each lane.
    fn sqrt(self) -> Self;

    /// `then` where the lane is 0, `otherwise` where it is not.
    fn if_zero(self, then: Self, otherwise: Self) -> Self;
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

/// A register of [`Portable`].
#[derive(Clone, Copy, Debug)]
pub struct Numbers<const W: usize>([f32; W]);

impl<const W: usize> Lanes<W> for Portable {
    type Register = Numbers<W>;

    const NATIVE: bool = W <= 4;

    #[inline(always)]
    fn splat(self, x: f32) -> Numbers<W> {
        Numbers([x; W])
    }

    #[inline(always)]
    fn load(self, numbers: &[f32; W]) -> Numbers<W> {
        Numbers(*numbers)
    }

    #[inline(always)]
    fn store(self, register: Numbers<W>) -> [f32; W] {
        register.0
    }
}

impl<const W: usize> Numbers<W> {
    #[inline(always)]
    fn zip(mut self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = operation(*own, other);
        }
        self
    }
}

macro_rules! operator {
    ($($Trait:ident $function:ident $sign:tt),*) => {$(
        impl<const W: usize> $Trait for Numbers<W> {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                self.zip(other, |a, b| a $sign b)
            }
        }
    )*};
}
operator!(Add add +, Sub sub -, Mul mul *, Div div /);

impl<const W: usize> Register for Numbers<W> {
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.map(math::sqrt))
    }

    #[inline(always)]
    fn if_zero(self, then: Self, otherwise: Self) -> Self {
        let mut chosen = then;
        for ((chosen, own), otherwise) in chosen.0.iter_mut().zip(self.0).zip(otherwise.0) {
            if own != 0.0 {
                *chosen = otherwise;
            }
        }
        chosen
    }
}
