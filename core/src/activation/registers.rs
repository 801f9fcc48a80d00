//! Sigmoid and tanh in vector registers.
//!
//! The steps of their polynomial wait for each other. Five registers go through it side by side:
//! enough to hide that, and few enough that they stay in registers.

use crate::lanes::{Group, Lanes, Register, Registers};
use crate::math::polynomial;

/// Replaces numbers by their sigmoid.
#[inline(always)]
pub(super) fn sigmoid(isa: impl Registers, values: &mut [f32]) {
    map(isa, values, Sigmoid);
}

/// Replaces numbers by their tanh.
#[inline(always)]
pub(super) fn tanh(isa: impl Registers, values: &mut [f32]) {
    map(isa, values, Tanh);
}

/// A function of each lane.
trait Function: Copy {
    fn of<R: Register>(self, x: R) -> R;
}

#[derive(Clone, Copy)]
struct Sigmoid;

impl Function for Sigmoid {
    #[inline(always)]
    fn of<R: Register>(self, x: R) -> R {
        polynomial::sigmoid(x)
    }
}

#[derive(Clone, Copy)]
struct Tanh;

impl Function for Tanh {
    #[inline(always)]
    fn of<R: Register>(self, x: R) -> R {
        polynomial::tanh(x)
    }
}

/// Maps numbers in registers as wide as the machine's.
#[inline(always)]
fn map<I: Registers>(isa: I, values: &mut [f32], function: impl Function) {
    if <I as Lanes<16>>::NATIVE {
        map_rows::<I, 16>(isa, values, function);
    } else if <I as Lanes<8>>::NATIVE {
        map_rows::<I, 8>(isa, values, function);
    } else {
        map_rows::<I, 4>(isa, values, function);
    }
}

#[inline(always)]
fn map_rows<I: Lanes<W>, const W: usize>(isa: I, values: &mut [f32], function: impl Function) {
    let (rows, rest) = values.as_chunks_mut::<W>();
    let (groups, singles) = rows.as_chunks_mut::<5>();
    for group in groups {
        let mut registers = Group([isa.splat(0.0); 5]);
        for (register, row) in registers.0.iter_mut().zip(group.iter()) {
            *register = isa.load(row);
        }
        for (row, register) in group.iter_mut().zip(function.of(registers).0) {
            *row = isa.store(register);
        }
    }
    for row in singles {
        *row = isa.store(function.of(isa.load(row)));
    }
    for value in rest {
        *value = function.of(*value);
    }
}
