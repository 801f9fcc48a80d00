//! The kernels for processors without vector registers, where code is to be small: one sample at
//! a time, 8 outputs of a panel in registers, and the few outputs of a narrow panel one by one.

use super::{Layer, Run, Update, panels};
use crate::lanes::Lanes;

/// Outputs whose sums stay in registers together.
const LANES: usize = 8;

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
    for (x, z) in x.chunks_exact(layer.fan_in.max(1)).zip(z).take(samples) {
        each_panel(layer, parameters, z, |width, panel, z| match width {
            16 => {
                let (low, high) = z.split_at_mut_checked(LANES).unwrap_or_default();
                forward_lanes::<16, 0>(panel, x, low);
                forward_lanes::<16, 1>(panel, x, high);
            }
            8 => forward_lanes::<8, 0>(panel, x, z),
            _ => {
                for (lane, z) in z.iter_mut().enumerate() {
                    let mut column = panel.iter().skip(lane).step_by(width);
                    let mut sum = 0.0;
                    for (x, w) in x.iter().zip(column.by_ref()) {
                        sum += w * x;
                    }
                    *z = sum + column.next().unwrap_or(&0.0);
                }
            }
        });
    }
}

#[inline(always)]
fn forward_lanes<const ROW: usize, const PART: usize>(panel: &[f32], x: &[f32], z: &mut [f32]) {
    let Some((bias, rows)) = panel.as_chunks::<ROW>().0.split_last() else { return };
    let mut sums = [0.0; LANES];
    for (x, row) in x.iter().zip(rows) {
        for (sum, w) in sums.iter_mut().zip(part::<ROW, PART>(row)) {
            *sum += w * x;
        }
    }
    for ((z, sum), bias) in z.iter_mut().zip(sums).zip(part::<ROW, PART>(bias)) {
        *z = sum + bias;
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
    for (d, e) in d.chunks_exact(layer.fan_out.max(1)).zip(e).take(samples) {
        each_panel(layer, parameters, d, |width, panel, d| match width {
            16 => {
                let (low, high) = d.split_at_checked(LANES).unwrap_or_default();
                backward_lanes::<16, 0>(panel, low, e);
                backward_lanes::<16, 1>(panel, high, e);
            }
            8 => backward_lanes::<8, 0>(panel, d, e),
            _ => {
                for (e, row) in e.iter_mut().zip(panel.chunks_exact(width.max(1))) {
                    for (d, w) in d.iter().zip(row) {
                        *e += w * d;
                    }
                }
            }
        });
    }
}

#[inline(always)]
fn backward_lanes<const ROW: usize, const PART: usize>(panel: &[f32], d: &[f32], e: &mut [f32]) {
    let Some(&d) = d.first_chunk::<LANES>() else { return };
    for (e, row) in e.iter_mut().zip(panel.as_chunks::<ROW>().0) {
        let mut sum = *e;
        for (d, w) in d.iter().zip(part::<ROW, PART>(row)) {
            sum += w * d;
        }
        *e = sum;
    }
}

/// 8 numbers of a row: the first or the second.
#[inline(always)]
fn part<const ROW: usize, const PART: usize>(row: &[f32; ROW]) -> &[f32; LANES] {
    row.as_chunks::<LANES>().0.get(PART).unwrap_or(&[0.0; LANES])
}

/// Shows `kernel` the width and the parameters of every panel, and its part of `outputs`.
#[inline(always)]
fn each_panel<T: Outputs>(
    layer: Layer,
    mut parameters: &[f32],
    mut outputs: T,
    mut kernel: impl FnMut(usize, &[f32], T),
) {
    let rows = layer.fan_in.saturating_add(1);
    for (_, width) in panels(layer.fan_out) {
        let Some((panel, rest)) = parameters.split_at_checked(rows.saturating_mul(width)) else {
            return;
        };
        parameters = rest;
        kernel(width, panel, outputs.split_off(width));
    }
}

/// Numbers by output, read or written.
trait Outputs {
    /// Takes the first `count` numbers off.
    fn split_off(&mut self, count: usize) -> Self;
}

impl Outputs for &[f32] {
    fn split_off(&mut self, count: usize) -> Self {
        let (first, rest) = self.split_at_checked(count).unwrap_or_default();
        *self = rest;
        first
    }
}

impl Outputs for &mut [f32] {
    fn split_off(&mut self, count: usize) -> Self {
        let whole = core::mem::take(self);
        let (first, rest) = whole.split_at_mut_checked(count).unwrap_or_default();
        *self = rest;
        first
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
            let taken = core::mem::take(&mut rest).split_at_mut_checked(count);
            let (Some((parameters, others)), Some(gradients)) = (taken, sums.get_mut(..count))
            else {
                return;
            };
            rest = others;
            gradients.fill(0.0);
            let samples = x.chunks_exact(layer.fan_in.max(1));
            for (x, d) in samples.zip(d.chunks_exact(layer.fan_out.max(1))) {
                let d = d.get(first..first.saturating_add(width)).unwrap_or_default();
                let x = if biases { &[1.0] } else { x.get(input..).unwrap_or_default() };
                outer(gradients, x, d);
            }
            let (parameters, gradients) =
                (parameters.as_chunks_mut().0, gradients.as_chunks_mut().0);
            update.run::<1>(isa, Run { layer, offset, parameters, gradients, biases });
            offset = offset.saturating_add(count);
            input = input.saturating_add(rows);
        }
    }
}

/// Adds `x_i d_j` to row i, column j of `sums`.
#[inline(never)]
fn outer(sums: &mut [f32], x: &[f32], d: &[f32]) {
    for (row, x) in sums.chunks_exact_mut(d.len().max(1)).zip(x) {
        let (parts, rest) = row.as_chunks_mut::<LANES>();
        let (d_parts, d_rest) = d.as_chunks::<LANES>();
        for (part, d) in parts.iter_mut().zip(d_parts) {
            for (sum, d) in part.iter_mut().zip(d) {
                *sum += x * d;
            }
        }
        for (sum, d) in rest.iter_mut().zip(d_rest) {
            *sum += x * d;
        }
    }
}
