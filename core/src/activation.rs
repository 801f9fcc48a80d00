//! What a unit does with its sum.

#[cfg(not(any(target_arch = "arm", feature = "micromath")))]
mod registers;

use crate::lanes::Registers;
use crate::{FULL, math};
#[cfg(not(any(target_arch = "arm", feature = "micromath")))]
use registers::{sigmoid, tanh};

/// An activation function `a = f(z)`, with the derivative written in terms of `a`, so that the
/// backward pass needs no memory of `z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Activation {
    /// `1 / (1 + e^-z)`; `f' = a (1 - a)`.
    Sigmoid,
    /// `tanh z`; `f' = 1 - a^2`.
    Tanh,
    /// `max(0, z)`; `f' = 1` where `a > 0`, else 0.
    Relu,
    /// `z` where `z > 0`, else `0.01 z`; `f' = 1` or 0.01.
    LeakyRelu,
    /// `ln(1 + e^z)`; `f' = 1 - e^-a`.
    Softplus,
    /// `z`; `f' = 1`.
    Identity,
    /// `e^z_j / sum_k e^z_k` over a sample's outputs; for the output layer only.
    Softmax,
}

/// The slope of [`Activation::LeakyRelu`] below 0.
const LEAK: f32 = 0.01;

/// Numbers in a turn of the loop over slopes: more where a float unit has no vectors, and flash may
/// be spent on speed.
const TURN: usize =
    if cfg!(all(target_arch = "arm", target_abi = "eabihf", feature = "full")) { 4 } else { 1 };

impl Activation {
    /// Whether this build has it; see the feature `full`.
    pub const fn is_built(self) -> bool {
        FULL || !matches!(self, Self::Softplus | Self::Softmax)
    }

    /// Replaces the sums `z` of `width`-wide samples by their activations.
    #[cfg_attr(target_arch = "arm", inline(never))]
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    pub(crate) fn apply(self, isa: impl Registers, z: &mut [f32], width: usize) {
        match self {
            Self::Sigmoid => sigmoid(isa, z),
            Self::Tanh => tanh(isa, z),
            Self::Relu => map(z, |z| if z > 0.0 { z } else { 0.0 }),
            Self::LeakyRelu => map(z, |z| if z > 0.0 { z } else { LEAK * z }),
            Self::Softplus if FULL => map(z, math::softplus),
            Self::Softmax if FULL => z.chunks_exact_mut(width.max(1)).for_each(softmax),
            Self::Identity | Self::Softplus | Self::Softmax => {}
        }
    }

    /// Multiplies each delta by the slope at its activation `a`. Softmax's slope is a matrix
    /// and stands in [`crate::Loss`]; here it counts as the identity.
    #[cfg_attr(target_arch = "arm", inline(never))]
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    pub(crate) fn chain(self, deltas: &mut [f32], activations: &[f32]) {
        match self {
            Self::Sigmoid => zip_in_turns(deltas, activations, |d, a| d * (a * (1.0 - a))),
            Self::Tanh => zip(deltas, activations, |d, a| d * (1.0 - a * a)),
            Self::Relu => zip(deltas, activations, |d, a| if a > 0.0 { d } else { 0.0 }),
            Self::LeakyRelu => zip(deltas, activations, |d, a| if a > 0.0 { d } else { LEAK * d }),
            Self::Softplus if FULL => zip(deltas, activations, |d, a| d * (1.0 - math::exp(-a))),
            Self::Identity | Self::Softplus | Self::Softmax => {}
        }
    }

    /// The gain that keeps a signal's size through a layer with this activation, for
    /// [`crate::Init::Glorot`]: 4 for the sigmoid (its slope at 0 is 1/4), 5/3 for tanh, the
    /// square root of 2 for the rectifiers, 1 else (the values PyTorch documents for
    /// `calculate_gain`, save the sigmoid's).
    pub const fn gain(self) -> f32 {
        match self {
            Self::Sigmoid => 4.0,
            Self::Tanh => 5.0 / 3.0,
            Self::Relu | Self::LeakyRelu | Self::Softplus => core::f32::consts::SQRT_2,
            Self::Identity | Self::Softmax => 1.0,
        }
    }
}

#[inline(always)]
fn map(values: &mut [f32], f: impl Fn(f32) -> f32) {
    for value in values {
        *value = f(*value);
    }
}

/// Replaces numbers by their sigmoid, two in a turn where that pays.
#[cfg(any(target_arch = "arm", feature = "micromath"))]
#[inline(always)]
fn sigmoid(_: impl Registers, values: &mut [f32]) {
    let (turns, rest) = values.as_chunks_mut::<{ if TURN > 1 { 2 } else { 1 } }>();
    for values in turns {
        map(values, math::sigmoid);
    }
    map(rest, math::sigmoid);
}

/// Replaces numbers by their tanh.
#[cfg(any(target_arch = "arm", feature = "micromath"))]
#[inline(always)]
fn tanh(_: impl Registers, values: &mut [f32]) {
    map(values, math::tanh);
}

#[inline(always)]
fn zip(values: &mut [f32], others: &[f32], f: impl Fn(f32, f32) -> f32) {
    for (value, &other) in values.iter_mut().zip(others) {
        *value = f(*value, other);
    }
}

/// [`zip`], some numbers in a turn where that pays.
#[inline(always)]
fn zip_in_turns(values: &mut [f32], others: &[f32], f: impl Fn(f32, f32) -> f32) {
    let (turns, rest) = values.as_chunks_mut::<TURN>();
    let (others, left) = others.as_chunks::<TURN>();
    for (values, others) in turns.iter_mut().zip(others) {
        zip(values, others, &f);
    }
    zip(rest, left, f);
}

/// Softmax in place, shifted by the maximum so that no power overflows.
pub(crate) fn softmax(z: &mut [f32]) {
    let top = z.iter().copied().fold(f32::NEG_INFINITY, |top, z| if z > top { z } else { top });
    let mut sum = 0.0;
    for z in z.iter_mut() {
        *z = math::exp(*z - top);
        sum += *z;
    }
    for z in z.iter_mut() {
        *z /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Portable;

    #[test]
    fn softmax_of_large_sums_is_finite() {
        let mut z = [1000.0, 1000.0, -1000.0, 999.0];
        softmax(&mut z);
        assert!((z.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(z.iter().all(|a| a.is_finite() && *a >= 0.0));
        assert_eq!(z[0], z[1]);
    }

    #[test]
    fn not_a_number_stays_visible() {
        for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Softmax] {
            let mut z = [f32::NAN, 1.0];
            activation.apply(Portable, &mut z, 2);
            assert!(z[0].is_nan(), "{activation:?}");
        }
    }
}
