//! The kernels for processors without a float unit: the same operations as in [`super`], at a
//! fraction of what a library's cost.
//!
//! All are one of two loops over a row, both around [`soft::multiply_add`]. Backward and update are
//! two passes: they would share one load in a hundred instructions, and apart they keep everything
//! in registers.

use super::{Layer, Run, Update, panels};
use crate::lanes::Lanes;
use crate::soft::{self, SIGN};

/// The bits of 1.0.
const ONE: u32 = 0x3f80_0000;

/// Numbers of a run.
const RUN: usize = 64;

/// `z = x W + b` for `samples` samples.
#[inline(never)]
pub(crate) fn forward(
    _: impl Copy,
    layer: Layer,
    parameters: &[f32],
    samples: usize,
    x: &[f32],
    z: &mut [f32],
) {
    let z = z.chunks_exact_mut(layer.fan_out.max(1));
    for (x, mut z) in x.chunks_exact(layer.fan_in.max(1)).zip(z).take(samples) {
        let mut weights = parameters;
        for (_, width) in panels(layer.fan_out) {
            let Some(sums) = z.split_off_mut(..width) else { return };
            sums.fill(0.0);
            for x in x {
                let Some(row) = weights.split_off(..width) else { return };
                add_row(sums, x.to_bits(), row);
            }
            let Some(biases) = weights.split_off(..width) else { return };
            add_row(sums, ONE, biases);
        }
    }
}

/// `e = d W'` for `samples` samples: what reaches the layer's inputs, before their slope.
#[inline(never)]
pub(crate) fn backward(
    _: impl Copy,
    layer: Layer,
    parameters: &[f32],
    samples: usize,
    d: &[f32],
    e: &mut [f32],
) {
    e.fill(0.0);
    let e = e.chunks_exact_mut(layer.fan_in.max(1));
    for (mut d, e) in d.chunks_exact(layer.fan_out.max(1)).zip(e).take(samples) {
        let mut weights = parameters;
        for (_, width) in panels(layer.fan_out) {
            let Some(d) = d.split_off(..width) else { return };
            for sum in &mut *e {
                let Some(row) = weights.split_off(..width) else { return };
                add_dot(sum, d, row);
            }
            let Some(_biases) = weights.split_off(..width) else { return };
        }
    }
}

/// Sums each parameter's gradient over the samples of `d` and shows it, with the parameter, to
/// `update`; every parameter once.
#[inline(never)]
pub(crate) fn gradient<I: Lanes<1>>(
    isa: I,
    layer: Layer,
    parameters: &mut [f32],
    x: &[f32],
    d: &[f32],
    mut update: impl Update<I>,
) {
    let mut sums = [0.0; RUN];
    let mut rest = parameters;
    let mut offset = 0_usize;
    for (first, width) in panels(layer.fan_out) {
        let mut input = 0_usize;
        while input <= layer.fan_in {
            // As many rows of weights as a run holds, and in the end the row of biases.
            let biases = input == layer.fan_in;
            let left = layer.fan_in.saturating_sub(input).max(1);
            let rows = left.min(RUN / width.max(1));
            let count = rows.saturating_mul(width);
            let (Some(parameters), Some(gradients)) =
                (rest.split_off_mut(..count), sums.get_mut(..count))
            else {
                return;
            };
            let samples = x.chunks_exact(layer.fan_in.max(1));
            let samples = samples.zip(d.chunks_exact(layer.fan_out.max(1)));
            for (sample, (x, d)) in samples.enumerate() {
                let d = d.get(first..first.saturating_add(width)).unwrap_or_default();
                let x = if biases { &[1.0] } else { x.get(input..).unwrap_or_default() };
                for (sums, x) in gradients.chunks_exact_mut(width.max(1)).zip(x) {
                    // The first sample's products need no sum to join.
                    let join = if sample == 0 { set_row } else { add_row };
                    join(sums, x.to_bits(), d);
                }
            }
            let (parameters, gradients) =
                (parameters.as_chunks_mut().0, gradients.as_chunks_mut().0);
            update.run::<1>(isa, Run { layer, offset, parameters, gradients, biases });
            offset = offset.saturating_add(count);
            input = input.saturating_add(rows);
        }
    }
}

/// Takes the gradients from the parameters.
struct Subtract;

impl<I> Update<I> for Subtract {
    fn run<const W: usize>(&mut self, _: I, run: Run<'_, W>)
    where
        I: Lanes<W>,
    {
        let gradients = run.gradients.as_flattened();
        for (w, g) in run.parameters.as_flattened_mut().iter_mut().zip(gradients) {
            *w = f32::from_bits(soft::multiply_add(w.to_bits(), ONE, g.to_bits() ^ SIGN));
        }
    }
}

/// A step of plain descent: [`backward`], where `e` is wanted, and `w -= g` with the gradients of
/// `rate d`, which becomes of `d`.
#[inline(never)]
pub(crate) fn descend<I: Lanes<1>>(
    isa: I,
    layer: Layer,
    parameters: &mut [f32],
    rate: f32,
    samples: usize,
    x: &[f32],
    d: &mut [f32],
    e: Option<&mut [f32]>,
) {
    if let Some(e) = e {
        backward(isa, layer, parameters, samples, d, e);
    }
    for d in &mut *d {
        *d = f32::from_bits(soft::multiply(d.to_bits(), rate.to_bits()));
    }
    if samples != 1 {
        gradient(isa, layer, parameters, x, d, Subtract);
        return;
    }
    let (mut rest, mut d) = (parameters, &*d);
    for (_, width) in panels(layer.fan_out) {
        let Some(d) = d.split_off(..width) else { return };
        for x in x.iter().chain(&[1.0]).take(layer.fan_in.saturating_add(1)) {
            let Some(sums) = rest.split_off_mut(..width) else { return };
            // w - x c is w + (-x) c.
            add_row(sums, x.to_bits() ^ SIGN, d);
        }
    }
}

/// `sums_j += a row_j`; `a` as bits, because a comparison of floats would be a library's.
#[inline(never)]
fn add_row(sums: &mut [f32], a: u32, row: &[f32]) {
    if soft::plain(a) {
        for (sum, b) in sums.iter_mut().zip(row) {
            *sum = f32::from_bits(soft::multiply_add(sum.to_bits(), a, b.to_bits()));
        }
    } else if a << 1 != 0 || !idle(sums, row) {
        for (sum, b) in sums.iter_mut().zip(row) {
            *sum = f32::from_bits(soft::exact(sum.to_bits(), a, b.to_bits()));
        }
    }
}

/// `sums_j = a row_j`
#[inline(never)]
fn set_row(sums: &mut [f32], a: u32, row: &[f32]) {
    for (sum, b) in sums.iter_mut().zip(row) {
        *sum = f32::from_bits(soft::multiply(a, b.to_bits()));
    }
}

/// Whether zero times `row` leaves `sums` as they are: nothing in it comes near infinity, and no
/// sum is -0.
fn idle(sums: &[f32], row: &[f32]) -> bool {
    let unfit = sums.iter().zip(row).fold(0, |unfit, (sum, b)| {
        let (sum, b) = (sum.to_bits(), b.to_bits());
        // The lowest bit set is the sign; the two top bits of the exponent are set, as from 2^65 on.
        unfit | sum & sum.wrapping_neg() | (b & b << 1) << 1
    });
    unfit >> 31 == 0
}

/// `sum = ((sum + a_0 b_0) + a_1 b_1) + ..`
#[inline(never)]
fn add_dot(sum: &mut f32, a: &[f32], b: &[f32]) {
    let total = a
        .iter()
        .zip(b)
        .fold(sum.to_bits(), |sum, (a, b)| soft::multiply_add(sum, a.to_bits(), b.to_bits()));
    *sum = f32::from_bits(total);
}
