//! The kernels for processors with a float unit and no vector registers: sums stay in its 32
//! registers, so that what counts is how few numbers are loaded and stored for each product.
//!
//! One sample alone: a panel's sums at once, a weight loaded for each product, and in a step of
//! plain descent each weight loaded once for backward and update. A batch: tiles in which each
//! number loaded serves 4 or 5 products, 4 outputs by 5 samples or 4 inputs by 4 outputs. What is
//! left over at the rim of a layer goes one by one.

use core::array;

use super::{Layer, Run, Update, panels};
use crate::lanes::Lanes;

/// Outputs of a strip, for one sample.
const STRIP: usize = 8;

/// Inputs or outputs of a tile.
const SIDE: usize = 4;

/// Samples of a tile.
const BLOCK: usize = 5;

/// Whether flash may be spent on speed: else there are no tiles.
const FAST: bool = cfg!(feature = "full");

/// Rows in a turn of [`update_rows`].
const TURN: usize = if FAST { 2 } else { 1 };

// Places are computed with wrapping arithmetic: they lie within slices that exist, and where they
// did not, the slices would say so.

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
    if FAST && samples == 1 {
        forward_one(layer, parameters, x, z);
    } else {
        forward_batch(layer, parameters, samples, x, z);
    }
}

#[cfg_attr(feature = "full", inline(never))]
fn forward_batch(layer: Layer, parameters: &[f32], samples: usize, x: &[f32], z: &mut [f32]) {
    let Layer { fan_in, fan_out, .. } = layer;
    let mut from = 0;
    while let Some((first, whole)) = block(&mut from, samples) {
        let x = x.get(first.wrapping_mul(fan_in)..).unwrap_or_default();
        let z = z.get_mut(first.wrapping_mul(fan_out)..).unwrap_or_default();
        if whole {
            forward_block(layer, parameters, x, z);
        } else {
            forward_one(layer, parameters, x.get(..fan_in).unwrap_or_default(), z);
        }
    }
}

/// The next block of samples from `from` on: its first, and whether it has [`BLOCK`] samples or
/// one. From [`BLOCK`] samples on all blocks are whole, and the last may overlap the one before
/// it, which computes some samples twice and changes no bit.
fn block(from: &mut usize, samples: usize) -> Option<(usize, bool)> {
    let whole = FAST && samples >= BLOCK;
    let count = if whole { BLOCK } else { 1 };
    let first = *from;
    *from = first.wrapping_add(count);
    (first < samples).then(|| (first.min(samples.saturating_sub(count)), whole))
}

#[inline(always)]
fn forward_one(layer: Layer, mut parameters: &[f32], x: &[f32], mut z: &mut [f32]) {
    for (_, width) in panels(layer.fan_out) {
        let panel = parameters.split_off(..size(layer, width));
        let (Some(panel), Some(z)) = (panel, z.split_off_mut(..width)) else { return };
        match width {
            16 => forward_row::<16>(panel, x, z),
            8 => forward_row::<8>(panel, x, z),
            _ => forward_columns(width, panel, x, z),
        }
    }
}

/// Numbers in a panel.
fn size(layer: Layer, width: usize) -> usize {
    layer.fan_in.wrapping_add(1).wrapping_mul(width)
}

/// One sample and the `W` outputs of a panel.
#[inline(never)]
fn forward_row<const W: usize>(panel: &[f32], x: &[f32], z: &mut [f32]) {
    let Some((biases, weights)) = panel.as_chunks::<W>().0.split_last() else { return };
    let Some(z) = z.first_chunk_mut::<W>() else { return };
    let mut sums = [0.0; W];
    for (x, row) in x.iter().zip(weights) {
        add_row(&mut sums, row, *x);
    }
    for ((z, sum), bias) in z.iter_mut().zip(sums).zip(biases) {
        *z = sum + bias;
    }
}

#[inline(always)]
fn add_row<const W: usize>(sums: &mut [f32; W], row: &[f32; W], x: f32) {
    for (sum, w) in sums.iter_mut().zip(row) {
        *sum += w * x;
    }
}

/// One sample and the outputs of a narrow panel.
#[inline(never)]
fn forward_columns(width: usize, panel: &[f32], x: &[f32], z: &mut [f32]) {
    z.fill(0.0);
    let (weights, biases) = panel.split_at_checked(x.len().wrapping_mul(width)).unwrap_or_default();
    for (x, row) in x.iter().zip(weights.chunks_exact(width.max(1))) {
        z.iter_mut().zip(row).for_each(|(z, w)| *z += w * x);
    }
    z.iter_mut().zip(biases).for_each(|(z, bias)| *z += bias);
}

/// 5 samples.
fn forward_block(layer: Layer, mut parameters: &[f32], x: &[f32], mut z: &mut [f32]) {
    let Layer { fan_in, fan_out, .. } = layer;
    let Some(samples) = rows::<BLOCK>(x, fan_in) else { return };
    for (_, width) in panels(fan_out) {
        let Some(panel) = parameters.split_off(..size(layer, width)) else { return };
        for lane in (0..width / SIDE).map(|tile| tile.wrapping_mul(SIDE)) {
            let Some(z) = z.get_mut(lane..) else { return };
            forward_tile(layer, width, lane, panel, &samples, z);
        }
        if width < SIDE {
            for (sample, x) in samples.iter().enumerate() {
                let at = sample.wrapping_mul(fan_out);
                let z = z.get_mut(at..at.wrapping_add(width)).unwrap_or_default();
                forward_columns(width, panel, x, z);
            }
        }
        z = z.get_mut(width..).unwrap_or_default();
    }
}

/// 5 samples and the 4 outputs from `lane` on, with which each sample's `z` begins.
#[inline(never)]
fn forward_tile(
    layer: Layer,
    width: usize,
    lane: usize,
    panel: &[f32],
    x: &[&[f32]; BLOCK],
    z: &mut [f32],
) {
    let mut sums = [[0.0; SIDE]; BLOCK];
    let [a, b, c, d, e] = *x;
    let samples = a.iter().zip(b).zip(c).zip(d).zip(e);
    for (row, ((((a, b), c), d), e)) in panel.chunks_exact(width.max(1)).zip(samples) {
        let Some(row) = four(row, lane) else { return };
        add(&mut sums, &row, [*a, *b, *c, *d, *e]);
    }
    let biases = layer.fan_in.wrapping_mul(width).wrapping_add(lane);
    let Some(biases) = four(panel, biases) else { return };
    let mut put = |sample: usize, sums: [f32; SIDE]| {
        let own = z.get_mut(sample.wrapping_mul(layer.fan_out)..).unwrap_or_default();
        if let Some(own) = own.first_chunk_mut::<SIDE>() {
            for ((z, sum), bias) in own.iter_mut().zip(sums).zip(biases) {
                *z = sum + bias;
            }
        }
    };
    let [p, q, r, s, t] = sums;
    put(0, p);
    put(1, q);
    put(2, r);
    put(3, s);
    put(4, t);
}

/// 4 numbers from `first` on.
#[inline(always)]
fn four(numbers: &[f32], first: usize) -> Option<[f32; SIDE]> {
    numbers.get(first..)?.first_chunk().copied()
}

/// Adds the outer product.
#[inline(always)]
fn add<const N: usize, const M: usize>(sums: &mut [[f32; M]; N], row: &[f32; M], column: [f32; N]) {
    for (sums, x) in sums.iter_mut().zip(column) {
        add_row(sums, row, x);
    }
}

/// The first `N` rows of `width` numbers.
#[inline(always)]
fn rows<const N: usize>(mut numbers: &[f32], width: usize) -> Option<[&[f32]; N]> {
    let mut found = [&[][..]; N];
    for row in &mut found {
        *row = numbers.split_off(..width)?;
    }
    Some(found)
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
    let Layer { fan_in, fan_out, .. } = layer;
    let mut from = 0;
    while let Some((first, whole)) = block(&mut from, samples) {
        let d = d.get(first.wrapping_mul(fan_out)..).unwrap_or_default();
        let e = e.get_mut(first.wrapping_mul(fan_in)..).unwrap_or_default();
        if whole {
            let Some(e) = e.get_mut(..fan_in.wrapping_mul(BLOCK)) else { return };
            backward_block(layer, parameters, d, e);
        } else {
            let Some(e) = e.get_mut(..fan_in) else { return };
            e.fill(0.0);
            backward_one(layer, parameters, d, e);
        }
    }
}

fn backward_one(layer: Layer, mut parameters: &[f32], mut d: &[f32], e: &mut [f32]) {
    for (_, width) in panels(layer.fan_out) {
        let panel = parameters.split_off(..size(layer, width));
        let (Some(panel), Some(d)) = (panel, d.split_off(..width)) else { return };
        add_dots(width, panel, d, e);
    }
}

/// Adds a panel's part to what one sample sends back.
#[inline(never)]
fn add_dots(width: usize, panel: &[f32], d: &[f32], e: &mut [f32]) {
    for (e, row) in e.iter_mut().zip(panel.chunks_exact(width.max(1))) {
        d.iter().zip(row).for_each(|(d, w)| *e += w * d);
    }
}

/// 5 samples.
fn backward_block(layer: Layer, mut parameters: &[f32], mut d: &[f32], e: &mut [f32]) {
    let Layer { fan_in, fan_out, .. } = layer;
    for (first, width) in panels(fan_out) {
        let Some(panel) = parameters.split_off(..size(layer, width)) else { return };
        for lane in (0..width / SIDE).map(|tile| tile.wrapping_mul(SIDE)) {
            let Some(d) = d.get(lane..) else { return };
            if first == 0 && lane == 0 {
                backward_tile::<true>(layer, width, lane, panel, d, e);
            } else {
                backward_tile::<false>(layer, width, lane, panel, d, e);
            }
        }
        if width < SIDE {
            if first == 0 {
                e.fill(0.0);
            }
            for (sample, e) in e.chunks_exact_mut(fan_in.max(1)).enumerate() {
                let at = sample.wrapping_mul(fan_out);
                let d = d.get(at..at.wrapping_add(width)).unwrap_or_default();
                add_dots(width, panel, d, e);
            }
        }
        d = d.get(width..).unwrap_or_default();
    }
}

/// 5 samples and the 4 outputs from `lane` on, with which each sample's `d` begins; the sums in
/// `e` may `BEGIN` with them.
#[inline(never)]
fn backward_tile<const BEGIN: bool>(
    layer: Layer,
    width: usize,
    lane: usize,
    panel: &[f32],
    mut d: &[f32],
    e: &mut [f32],
) {
    let mut deltas = [[0.0; SIDE]; BLOCK];
    for deltas in &mut deltas {
        let Some(own) = d.first_chunk() else { return };
        *deltas = *own;
        d = d.get(layer.fan_out..).unwrap_or_default();
    }
    let mut samples = e.chunks_exact_mut(layer.fan_in.max(1));
    let [Some(a), Some(b), Some(c), Some(d), Some(e)] = [(); BLOCK].map(|()| samples.next()) else {
        return;
    };
    let [p, q, r, s, t] = deltas;
    let e = a.iter_mut().zip(b).zip(c).zip(d).zip(e);
    for (row, ((((a, b), c), d), e)) in panel.chunks_exact(width.max(1)).zip(e) {
        let Some(row) = four(row, lane) else { return };
        add_dot::<BEGIN>(a, &row, p);
        add_dot::<BEGIN>(b, &row, q);
        add_dot::<BEGIN>(c, &row, r);
        add_dot::<BEGIN>(d, &row, s);
        add_dot::<BEGIN>(e, &row, t);
    }
}

#[inline(always)]
fn add_dot<const BEGIN: bool>(sum: &mut f32, row: &[f32; SIDE], d: [f32; SIDE]) {
    let mut total = if BEGIN { 0.0 } else { *sum };
    for (w, d) in row.iter().zip(d) {
        total += w * d;
    }
    *sum = total;
}

/// Sums each parameter's gradient over the samples of `d` and shows it, with the parameter, to
/// `update`; every parameter once.
#[inline(never)]
pub(crate) fn gradient<I: Lanes<1>>(
    isa: I,
    layer: Layer,
    mut parameters: &mut [f32],
    x: &[f32],
    d: &[f32],
    mut update: impl Update<I>,
) {
    let mut sums = [0.0; RUN];
    let mut offset = 0_usize;
    for (first, width) in panels(layer.fan_out) {
        let mut input = 0_usize;
        while input <= layer.fan_in {
            // As many rows of weights as a run holds, and in the end the row of biases.
            let biases = input == layer.fan_in;
            let left = layer.fan_in.saturating_sub(input).max(1);
            let rows = left.min(RUN / width.max(1));
            let count = rows.wrapping_mul(width);
            let parameters = parameters.split_off_mut(..count);
            let (Some(parameters), Some(gradients)) = (parameters, sums.get_mut(..count)) else {
                return;
            };
            let row = (!biases).then_some(input);
            sum_rows::<false>(layer, (first, width), gradients, row, x, d);
            let (parameters, gradients) =
                (parameters.as_chunks_mut().0, gradients.as_chunks_mut().0);
            update.run::<1>(isa, Run { layer, offset, parameters, gradients, biases });
            offset = offset.wrapping_add(count);
            input = input.wrapping_add(rows);
        }
    }
}

/// The gradients of rows of `width` weights, the first of which belongs to `input` and the first
/// output `first`; without an `input` of the row of biases. They replace `rows`, or are taken
/// `OFF` them.
fn sum_rows<const OFF: bool>(
    layer: Layer,
    (first, width): (usize, usize),
    rows: &mut [f32],
    input: Option<usize>,
    x: &[f32],
    d: &[f32],
) {
    match (input, width) {
        (Some(input), 16) if FAST => sum_panel::<16, OFF>(layer, first, rows, input, x, d),
        (Some(input), 8) if FAST => sum_panel::<8, OFF>(layer, first, rows, input, x, d),
        (Some(input), 4) if FAST => sum_panel::<4, OFF>(layer, first, rows, input, x, d),
        _ => sum_rim::<OFF>(layer, (first, width), rows, input, x, d),
    }
}

/// Rows of weights of a panel of `W` outputs.
fn sum_panel<const W: usize, const OFF: bool>(
    layer: Layer,
    first: usize,
    rows: &mut [f32],
    input: usize,
    x: &[f32],
    d: &[f32],
) {
    let (tiles, rim) = rows.as_chunks_mut::<W>().0.as_chunks_mut::<SIDE>();
    for lane in 0..W / SIDE {
        gradient_tiles::<W, OFF>(layer, lane, tiles, (input, first), x, d);
    }
    let input = input.wrapping_add(tiles.len().wrapping_mul(SIDE));
    sum_rim::<OFF>(layer, (first, W), rim.as_flattened_mut(), Some(input), x, d);
}

fn sum_rim<const OFF: bool>(
    layer: Layer,
    (first, width): (usize, usize),
    rows: &mut [f32],
    input: Option<usize>,
    x: &[f32],
    d: &[f32],
) {
    for (row, gradients) in rows.chunks_exact_mut(width.max(1)).enumerate() {
        let input = input.map(|input| input.wrapping_add(row));
        gradient_row::<OFF>(layer, gradients, input, first, x, d);
    }
}

/// Four columns of `tiles`, 4 rows at a time.
#[inline(never)]
fn gradient_tiles<const W: usize, const OFF: bool>(
    layer: Layer,
    lane: usize,
    tiles: &mut [[[f32; W]; SIDE]],
    (mut input, first): (usize, usize),
    x: &[f32],
    d: &[f32],
) {
    if lane >= W / SIDE {
        return;
    }
    let output = first.wrapping_add(lane.wrapping_mul(SIDE));
    let (Some((x0, x)), Some((d0, d))) =
        (x.split_at_checked(layer.fan_in), d.split_at_checked(layer.fan_out))
    else {
        return;
    };
    let Some(d0) = four(d0, output) else { return };
    let samples = x.chunks_exact(layer.fan_in.max(1)).zip(d.chunks_exact(layer.fan_out.max(1)));
    for tile in tiles {
        let Some(x0) = four(x0, input) else { return };
        let mut sums = x0.map(|x| d0.map(|d| x * d));
        for (x, d) in samples.clone() {
            let (Some(x), Some(d)) = (four(x, input), four(d, output)) else { return };
            add(&mut sums, &d, x);
        }
        let [p, q, r, s] = sums;
        let [a, b, c, d] = tile;
        take::<W, OFF>(a, lane, p);
        take::<W, OFF>(b, lane, q);
        take::<W, OFF>(c, lane, r);
        take::<W, OFF>(d, lane, s);
        input = input.wrapping_add(SIDE);
    }
}

/// Writes the gradients to the row's 4 numbers at `lane`, or takes them `OFF`.
#[inline(always)]
fn take<const W: usize, const OFF: bool>(row: &mut [f32; W], lane: usize, gradients: [f32; SIDE]) {
    let slots = row.as_chunks_mut::<SIDE>().0.get_mut(lane);
    slots.into_iter().for_each(|slots| put::<SIDE, OFF>(slots, gradients));
}

/// Writes the gradients to `slots`, or takes them `OFF`.
#[inline(always)]
fn put<const N: usize, const OFF: bool>(slots: &mut [f32; N], gradients: [f32; N]) {
    for (slot, gradient) in slots.iter_mut().zip(gradients) {
        *slot = if OFF { *slot - gradient } else { gradient };
    }
}

/// One row of weights at the rim, or without an `input` that of the biases.
#[inline(never)]
fn gradient_row<const OFF: bool>(
    layer: Layer,
    gradients: &mut [f32],
    input: Option<usize>,
    first: usize,
    x: &[f32],
    d: &[f32],
) {
    let parts = if FAST { gradients.len() & !(SIDE - 1) } else { 0 };
    let (parts, rim) = gradients.split_at_mut_checked(parts).unwrap_or_default();
    let parts = parts.as_chunks_mut::<SIDE>().0;
    let mut output = first;
    for slots in parts {
        if input.is_none() {
            bias_part::<OFF>(layer, slots, output, d);
        } else {
            gradient_part::<SIDE, OFF>(layer, slots, input, output, x, d);
        }
        output = output.wrapping_add(SIDE);
    }
    for slot in rim {
        gradient_part::<1, OFF>(layer, array::from_mut(slot), input, output, x, d);
        output = output.wrapping_add(1);
    }
}

/// 4 biases.
#[inline(always)]
fn bias_part<const OFF: bool>(layer: Layer, slots: &mut [f32; SIDE], output: usize, d: &[f32]) {
    let mut sums = [-0.0; SIDE];
    for d in d.chunks_exact(layer.fan_out.max(1)) {
        let Some(d) = four(d, output) else { return };
        sums.iter_mut().zip(d).for_each(|(sum, d)| *sum += d);
    }
    put::<SIDE, OFF>(slots, sums);
}

/// `N` numbers of a row.
#[inline(always)]
fn gradient_part<const N: usize, const OFF: bool>(
    layer: Layer,
    slots: &mut [f32; N],
    input: Option<usize>,
    output: usize,
    x: &[f32],
    d: &[f32],
) {
    let mut sums = [-0.0; N];
    let samples = x.chunks_exact(layer.fan_in.max(1)).zip(d.chunks_exact(layer.fan_out.max(1)));
    for (x, d) in samples {
        let x = input.and_then(|input| x.get(input)).unwrap_or(&1.0);
        let Some(d) = d.get(output..).and_then(<[f32]>::first_chunk::<N>) else { return };
        sums.iter_mut().zip(d).for_each(|(sum, d)| *sum += x * d);
    }
    put::<N, OFF>(slots, sums);
}

/// A step of plain descent: [`backward`], where `e` is wanted, and `w -= g` with the gradients of
/// `rate d`, which becomes of `d`.
#[inline(never)]
pub(crate) fn descend(
    isa: impl Copy,
    layer: Layer,
    mut parameters: &mut [f32],
    rate: f32,
    samples: usize,
    x: &[f32],
    d: &mut [f32],
    mut e: Option<&mut [f32]>,
) {
    if samples != 1 {
        descend_batch(isa, layer, parameters, rate, samples, x, d, e);
        return;
    }
    let mut d = &*d;
    for (first, width) in panels(layer.fan_out) {
        let panel = parameters.split_off_mut(..size(layer, width));
        let (Some(panel), Some(d)) = (panel, d.split_off(..width)) else { return };
        let (e, begin) = (e.as_deref_mut(), first == 0);
        match width {
            16 => descend_panel::<16>(panel, rate, x, d, e, begin),
            8 => descend_panel::<8>(panel, rate, x, d, e, begin),
            _ => descend_rows(width, panel, rate, x, d, e, begin),
        }
    }
}

#[inline(never)]
fn descend_batch(
    isa: impl Copy,
    layer: Layer,
    mut parameters: &mut [f32],
    rate: f32,
    samples: usize,
    x: &[f32],
    d: &mut [f32],
    e: Option<&mut [f32]>,
) {
    if let Some(e) = e {
        backward(isa, layer, parameters, samples, d, e);
    }
    let (turns, rest) = d.as_chunks_mut::<SIDE>();
    for deltas in turns {
        deltas.iter_mut().for_each(|d| *d *= rate);
    }
    rest.iter_mut().for_each(|d| *d *= rate);
    for (first, width) in panels(layer.fan_out) {
        let Some(panel) = parameters.split_off_mut(..size(layer, width)) else { return };
        let weights = panel.len().saturating_sub(width);
        let Some((weights, biases)) = panel.split_at_mut_checked(weights) else { return };
        sum_rows::<true>(layer, (first, width), weights, Some(0), x, d);
        sum_rows::<true>(layer, (first, width), biases, None, x, d);
    }
}

/// A panel of `W` outputs; where it is the first, the sums in `e` begin.
fn descend_panel<const W: usize>(
    panel: &mut [f32],
    rate: f32,
    x: &[f32],
    d: &[f32],
    e: Option<&mut [f32]>,
    begin: bool,
) {
    let Some((biases, weights)) = panel.as_chunks_mut::<W>().0.split_last_mut() else { return };
    let Some(e) = e else {
        if let Some(d) = d.first_chunk() {
            update_rows(weights, biases, rate, x, d);
        }
        return;
    };
    let strips = d.as_chunks().0.iter().zip(biases.as_chunks_mut().0);
    for (strip, (d, biases)) in strips.enumerate() {
        if begin && strip == 0 {
            descend_strip::<W, true>(weights, biases, 0, rate, x, d, e);
        } else {
            descend_strip::<W, false>(weights, biases, strip, rate, x, d, e);
        }
    }
}

/// 8 weights of each row with their biases, and what they send back.
#[inline(never)]
fn descend_strip<const W: usize, const BEGIN: bool>(
    weights: &mut [[f32; W]],
    biases: &mut [f32; STRIP],
    strip: usize,
    rate: f32,
    x: &[f32],
    d: &[f32; STRIP],
    e: &mut [f32],
) {
    if strip >= W / STRIP {
        return;
    }
    let d = *d;
    let c = d.map(|d| d * rate);
    take_row(biases, 1.0, &c);
    for ((row, x), e) in weights.iter_mut().zip(x).zip(e) {
        let Some(row) = row.as_chunks_mut::<STRIP>().0.get_mut(strip) else { return };
        let mut sum = if BEGIN { 0.0 } else { *e };
        for ((w, d), c) in row.iter_mut().zip(d).zip(c) {
            sum += *w * d;
            *w -= x * c;
        }
        *e = sum;
    }
}

/// All weights and biases of a panel, where nothing is sent back.
#[inline(never)]
fn update_rows<const W: usize>(
    weights: &mut [[f32; W]],
    biases: &mut [f32; W],
    rate: f32,
    x: &[f32],
    d: &[f32; W],
) {
    let c = d.map(|d| d * rate);
    take_row(biases, 1.0, &c);
    let ((rows, left), (x, x_left)) = (weights.as_chunks_mut::<TURN>(), x.as_chunks::<TURN>());
    for (rows, x) in rows.iter_mut().zip(x) {
        for (row, x) in rows.iter_mut().zip(x) {
            take_row(row, *x, &c);
        }
    }
    for (row, x) in left.iter_mut().zip(x_left) {
        take_row(row, *x, &c);
    }
}

#[inline(always)]
fn take_row<const W: usize>(row: &mut [f32; W], x: f32, c: &[f32; W]) {
    for (w, c) in row.iter_mut().zip(c) {
        *w -= x * c;
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
    begin: bool,
) {
    if let Some(e) = e.as_deref_mut().filter(|_| begin) {
        e.fill(0.0);
    }
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
