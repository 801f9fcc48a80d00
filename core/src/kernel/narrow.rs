//! The kernels for processors with a float unit and no vector registers: tiles of sums that stay
//! in its 32 registers, so that what counts is how few numbers are loaded and stored for each
//! product.
//!
//! One sample alone: strips of 8 outputs, a weight loaded for each product. A batch: tiles of 4
//! outputs and 5 samples (forward), 4 inputs and 5 samples (backward) or 4 inputs and 4 outputs
//! (gradient), where each number loaded serves 4 or 5 products. What is left over at the rim of
//! a layer goes one by one.

use super::{Layer, Run, panels};

/// Outputs of a strip.
const STRIP: usize = 8;

/// Side of a tile.
const SIDE: usize = 4;

/// Samples of a tile.
const BLOCK: usize = 5;

/// Numbers of a run.
const RUN: usize = 64;

/// `z = x W + b` for `samples` samples.
#[inline(never)]
pub(crate) fn forward(layer: Layer, parameters: &[f32], samples: usize, x: &[f32], z: &mut [f32]) {
    let Layer { fan_in, fan_out, .. } = layer;
    for (from, count) in blocks(samples) {
        let x = x.get(from.saturating_mul(fan_in)..).unwrap_or_default();
        let z = z.get_mut(from.saturating_mul(fan_out)..).unwrap_or_default();
        if count == BLOCK {
            forward_block(layer, parameters, x, z);
        } else {
            forward_one(layer, parameters, x.get(..fan_in).unwrap_or_default(), z);
        }
    }
}

/// The samples in blocks, as (first sample, samples). From [`BLOCK`] on all are whole and the
/// last may overlap the one before it, which answers some samples twice and changes no bit.
fn blocks(samples: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = if samples < BLOCK { 1 } else { BLOCK };
    let mut next = 0_usize;
    core::iter::from_fn(move || {
        let from = next;
        next = next.saturating_add(count);
        (from < samples).then(|| (from.min(samples.saturating_sub(count)), count))
    })
}

fn forward_one(layer: Layer, parameters: &[f32], x: &[f32], z: &mut [f32]) {
    each_panel(layer, parameters, z, |width, panel, z| match width {
        16 => forward_row::<16>(panel, x, z),
        8 => forward_row::<8>(panel, x, z),
        _ => forward_columns(width, panel, x, z),
    });
}

/// One sample and the `W` outputs of a panel.
#[inline(never)]
fn forward_row<const W: usize>(panel: &[f32], x: &[f32], z: &mut [f32]) {
    let Some((biases, weights)) = panel.as_chunks::<W>().0.split_last() else { return };
    let Some(z) = z.first_chunk_mut::<W>() else { return };
    let mut sums = [0.0; W];
    for (x, row) in x.iter().zip(weights) {
        for (sum, w) in sums.iter_mut().zip(row) {
            *sum += w * x;
        }
    }
    for ((z, sum), bias) in z.iter_mut().zip(sums).zip(biases) {
        *z = sum + bias;
    }
}

/// One sample and the outputs of a narrow panel, one after the other.
#[inline(never)]
fn forward_columns(width: usize, panel: &[f32], x: &[f32], z: &mut [f32]) {
    for (lane, z) in z.iter_mut().enumerate() {
        let mut column = panel.iter().skip(lane).step_by(width);
        let mut sum = 0.0;
        for (x, w) in x.iter().zip(column.by_ref()) {
            sum += w * x;
        }
        *z = sum + column.next().unwrap_or(&0.0);
    }
}

/// 5 samples.
fn forward_block(layer: Layer, parameters: &[f32], x: &[f32], z: &mut [f32]) {
    let Layer { fan_in, fan_out, .. } = layer;
    let Some(x) = rows::<BLOCK>(x, fan_in) else { return };
    let mut first = 0_usize;
    each_panel(layer, parameters, &[][..], |width, panel, _| {
        if width < SIDE {
            for (x, z) in x.iter().zip(z.chunks_exact_mut(fan_out.max(1))) {
                let z = z.get_mut(first..first.saturating_add(width)).unwrap_or_default();
                forward_columns(width, panel, x, z);
            }
        }
        for lane in (0..width / SIDE).map(|tile| tile.saturating_mul(SIDE)) {
            let sums = forward_tile(width, lane, panel, x);
            let biases = panel.iter().skip(fan_in.saturating_mul(width).saturating_add(lane));
            for (z, sums) in z.chunks_exact_mut(fan_out.max(1)).zip(sums) {
                let z = z.iter_mut().skip(first.saturating_add(lane));
                for ((z, sum), bias) in z.zip(sums).zip(biases.clone()) {
                    *z = sum + bias;
                }
            }
        }
        first = first.saturating_add(width);
    });
}

/// 5 samples and the 4 outputs from `lane` on.
#[inline(never)]
fn forward_tile(
    width: usize,
    lane: usize,
    panel: &[f32],
    x: [&[f32]; BLOCK],
) -> [[f32; SIDE]; BLOCK] {
    let mut sums = [[0.0; SIDE]; BLOCK];
    let [a, b, c, d, e] = x;
    let samples = a.iter().zip(b).zip(c).zip(d).zip(e);
    for (row, ((((a, b), c), d), e)) in panel.chunks_exact(width.max(1)).zip(samples) {
        let Some(row) = four(row, lane) else { return sums };
        for (sums, x) in sums.iter_mut().zip([a, b, c, d, e]) {
            for (sum, w) in sums.iter_mut().zip(row) {
                *sum += w * x;
            }
        }
    }
    sums
}

/// 4 numbers from `first` on.
#[inline(always)]
fn four(numbers: &[f32], first: usize) -> Option<&[f32; SIDE]> {
    numbers.get(first..)?.first_chunk()
}

/// The first `N` rows of `width` numbers.
#[inline(always)]
fn rows<const N: usize>(mut numbers: &[f32], width: usize) -> Option<[&[f32]; N]> {
    let mut found = [&[][..]; N];
    for row in &mut found {
        (*row, numbers) = numbers.split_at_checked(width)?;
    }
    Some(found)
}

/// `e = d W'` for `samples` samples: what reaches the layer's inputs, before their slope.
#[inline(never)]
pub(crate) fn backward(layer: Layer, parameters: &[f32], samples: usize, d: &[f32], e: &mut [f32]) {
    let Layer { fan_in, fan_out, .. } = layer;
    for (from, count) in blocks(samples) {
        let d = d.get(from.saturating_mul(fan_out)..).unwrap_or_default();
        let e = e.get_mut(from.saturating_mul(fan_in)..).unwrap_or_default();
        let whole = if count == BLOCK { fan_in & !(SIDE - 1) } else { 0 };
        if let Some(d) = rows::<BLOCK>(d, fan_out).filter(|_| whole > 0) {
            backward_block(layer, parameters, d, e);
        }
        // Inputs that make no tile.
        for (d, e) in
            d.chunks_exact(fan_out.max(1)).zip(e.chunks_exact_mut(fan_in.max(1))).take(count)
        {
            for (input, e) in e.iter_mut().enumerate().skip(whole) {
                *e = 0.0;
                each_panel(layer, parameters, d, |width, panel, d| {
                    let row = panel.get(input.saturating_mul(width)..).unwrap_or_default();
                    d.iter().zip(row).for_each(|(d, w)| *e += w * d);
                });
            }
        }
    }
}

/// 5 samples and the inputs that make tiles.
fn backward_block(layer: Layer, parameters: &[f32], d: [&[f32]; BLOCK], e: &mut [f32]) {
    let Layer { fan_in, .. } = layer;
    for input in (0..fan_in / SIDE).map(|tile| tile.saturating_mul(SIDE)) {
        let mut sums = [[0.0; SIDE]; BLOCK];
        let mut first = 0_usize;
        each_panel(layer, parameters, &[][..], |width, panel, _| {
            let weights = panel.get(input.saturating_mul(width)..).unwrap_or_default();
            let d = d.map(|d| d.get(first..).unwrap_or_default());
            first = first.saturating_add(width);
            let Some(weights) = rows::<SIDE>(weights, width) else { return };
            backward_tile(weights, d, &mut sums);
        });
        for (e, sums) in e.chunks_exact_mut(fan_in.max(1)).zip(sums) {
            e.iter_mut().skip(input).zip(sums).for_each(|(e, sum)| *e = sum);
        }
    }
}

/// 5 samples and 4 inputs, through one panel.
#[inline(never)]
fn backward_tile(weights: [&[f32]; SIDE], d: [&[f32]; BLOCK], tile: &mut [[f32; SIDE]; BLOCK]) {
    let mut sums = *tile;
    let [p, q, r, s] = weights;
    let [a, b, c, d, e] = d;
    let weights = p.iter().zip(q).zip(r).zip(s);
    let deltas = a.iter().zip(b).zip(c).zip(d).zip(e);
    for ((((p, q), r), s), ((((a, b), c), d), e)) in weights.zip(deltas) {
        for (sums, d) in sums.iter_mut().zip([a, b, c, d, e]) {
            for (sum, w) in sums.iter_mut().zip([p, q, r, s]) {
                *sum += w * d;
            }
        }
    }
    *tile = sums;
}

/// Sums each parameter's gradient over the samples of `d` and shows it, with the parameter, to
/// `update`; every parameter once.
#[inline(never)]
pub(crate) fn gradient(
    layer: Layer,
    parameters: &mut [f32],
    x: &[f32],
    d: &[f32],
    mut update: impl FnMut(Run<'_>),
) {
    let Layer { fan_in, fan_out, .. } = layer;
    let mut sums = [0.0; RUN];
    let mut rest = parameters;
    let mut offset = 0_usize;
    for (first, width) in panels(fan_out) {
        let mut input = 0_usize;
        while input <= fan_in {
            // As many rows of weights as a run holds, and in the end the row of biases.
            let biases = input == fan_in;
            let left = fan_in.saturating_sub(input).max(1);
            let rows = left.min(RUN / width.max(1));
            let count = rows.saturating_mul(width);
            let taken = core::mem::take(&mut rest).split_at_mut_checked(count);
            let (Some((parameters, others)), Some(gradients)) = (taken, sums.get_mut(..count))
            else {
                return;
            };
            rest = others;
            let x = x.chunks_exact(fan_in.max(1));
            let d = d.chunks_exact(fan_out.max(1));
            sum_run(gradients, width, first, (!biases).then_some(input), x.zip(d));
            update(Run { offset, parameters, gradients, biases });
            offset = offset.saturating_add(count);
            input = input.saturating_add(rows);
        }
    }
}

/// Sums the gradients of the parameters from `input`, or where there is none of the biases, to
/// the `width` outputs from `first` on.
#[inline(never)]
fn sum_run<'s>(
    gradients: &mut [f32],
    width: usize,
    first: usize,
    input: Option<usize>,
    samples: impl Iterator<Item = (&'s [f32], &'s [f32])> + Clone,
) {
    let tiled = if width < SIDE { 0 } else { (gradients.len() / width.max(1)) & !(SIDE - 1) };
    for row in (0..tiled / SIDE).map(|tile| tile.saturating_mul(SIDE)) {
        let Some(input) = input.map(|input| input.saturating_add(row)) else { return };
        for lane in (0..width / SIDE).map(|tile| tile.saturating_mul(SIDE)) {
            let sums = gradient_tile(input, first.saturating_add(lane), samples.clone());
            let rows = gradients.chunks_exact_mut(width.max(1)).skip(row);
            for (row, sums) in rows.zip(sums) {
                row.iter_mut().skip(lane).zip(sums).for_each(|(slot, sum)| *slot = sum);
            }
        }
    }
    // What makes no tile.
    for (row, gradients) in gradients.chunks_exact_mut(width.max(1)).enumerate().skip(tiled) {
        let input = input.map(|input| input.saturating_add(row));
        for (lane, gradient) in gradients.iter_mut().enumerate() {
            let mut sum = -0.0;
            for (x, d) in samples.clone() {
                let x = input.map_or(&1.0, |input| x.get(input).unwrap_or(&0.0));
                sum += x * d.get(first.saturating_add(lane)).unwrap_or(&0.0);
            }
            *gradient = sum;
        }
    }
}

/// 4 inputs and 4 outputs over all samples.
#[inline(never)]
fn gradient_tile<'s>(
    input: usize,
    output: usize,
    samples: impl Iterator<Item = (&'s [f32], &'s [f32])>,
) -> [[f32; SIDE]; SIDE] {
    let mut sums = [[-0.0; SIDE]; SIDE];
    for (x, d) in samples {
        let (Some(x), Some(d)) = (four(x, input), four(d, output)) else { return sums };
        for (sums, x) in sums.iter_mut().zip(x) {
            for (sum, d) in sums.iter_mut().zip(d) {
                *sum += x * d;
            }
        }
    }
    sums
}

/// A step of plain descent from one sample: [`backward`], where `e` is wanted, and `w -= x c` with
/// `c = rate d`, in one pass over the weights.
#[inline(never)]
pub(crate) fn descend(
    layer: Layer,
    parameters: &mut [f32],
    rate: f32,
    x: &[f32],
    d: &mut [f32],
    mut e: Option<&mut [f32]>,
) {
    if let Some(e) = e.as_deref_mut() {
        e.fill(0.0);
    }
    let inputs = layer.fan_in.saturating_add(1);
    let (mut rest, mut deltas) = (parameters, &*d);
    for (_, width) in panels(layer.fan_out) {
        let taken = core::mem::take(&mut rest).split_at_mut_checked(inputs.saturating_mul(width));
        let (Some((panel, others)), Some((d, behind))) = (taken, deltas.split_at_checked(width))
        else {
            return;
        };
        (rest, deltas) = (others, behind);
        let e = e.as_deref_mut();
        match width {
            16 => descend_panel::<16>(panel, rate, x, d, e),
            8 => descend_panel::<8>(panel, rate, x, d, e),
            _ => descend_rows(width, panel, rate, x, d, e),
        }
    }
}

/// A panel of `W` outputs.
fn descend_panel<const W: usize>(
    panel: &mut [f32],
    rate: f32,
    x: &[f32],
    d: &[f32],
    e: Option<&mut [f32]>,
) {
    let Some((biases, weights)) = panel.as_chunks_mut::<W>().0.split_last_mut() else { return };
    let Some(d) = d.first_chunk::<W>() else { return };
    let c = d.map(|d| d * rate);
    biases.iter_mut().zip(c).for_each(|(bias, c)| *bias -= c);
    let Some(e) = e else {
        update_rows(weights, x, &c);
        return;
    };
    let (d, c) = (d.as_chunks::<STRIP>().0, c.as_chunks::<STRIP>().0);
    for (strip, (d, c)) in d.iter().zip(c).enumerate() {
        descend_strip(weights, strip, x, d, c, e);
    }
}

/// 8 weights of each row, and what they send back.
#[inline(never)]
fn descend_strip<const W: usize>(
    weights: &mut [[f32; W]],
    strip: usize,
    x: &[f32],
    d: &[f32; STRIP],
    c: &[f32; STRIP],
    e: &mut [f32],
) {
    let (d, c) = (*d, *c);
    for ((row, x), e) in weights.iter_mut().zip(x).zip(e) {
        let Some(row) = row.as_chunks_mut::<STRIP>().0.get_mut(strip) else { return };
        let mut sum = *e;
        for ((w, d), c) in row.iter_mut().zip(d).zip(c) {
            sum += *w * d;
            *w -= x * c;
        }
        *e = sum;
    }
}

/// All weights of a panel, where nothing is sent back.
#[inline(never)]
fn update_rows<const W: usize>(weights: &mut [[f32; W]], x: &[f32], c: &[f32; W]) {
    let c = *c;
    for (row, x) in weights.iter_mut().zip(x) {
        for (w, c) in row.iter_mut().zip(c) {
            *w -= x * c;
        }
    }
}

/// A narrow panel, row by row.
#[inline(never)]
fn descend_rows(
    width: usize,
    panel: &mut [f32],
    rate: f32,
    x: &[f32],
    d: &[f32],
    mut e: Option<&mut [f32]>,
) {
    let mut x = x.iter();
    for (input, row) in panel.chunks_exact_mut(width.max(1)).enumerate() {
        if let Some(e) = e.as_deref_mut().and_then(|e| e.get_mut(input)) {
            row.iter().zip(d).for_each(|(w, d)| *e += w * d);
        }
        // The last row is the biases.
        let x = x.next().unwrap_or(&1.0);
        row.iter_mut().zip(d).for_each(|(w, d)| *w -= x * (d * rate));
    }
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
