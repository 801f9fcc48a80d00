//! The kernels for vector registers: tiles of sums that stay in registers over blocks of samples
//! and inputs, a copy for each width of a panel.
//!
//! Values and deltas lie in panels here: all rows that a tile reads follow each other, so that one
//! address is enough for all.

use super::{Layer, Panels, Run, Update, walk};
use crate::lanes::{Lanes, Registers};

/// Whether there is a copy for blocks of this size where the sums of `most` samples fit. Where blocks
/// are rare only the largest and the smallest have one.
const fn is_block(size: usize, most: usize, is_rare: bool) -> bool {
    size == 1 || size == most || !is_rare && (size == 8 && most == 10 || size == 4 && most >= 5)
}

/// Rows of `W` numbers from `start` on.
#[inline(always)]
fn rows<const W: usize>(values: &[f32], start: usize) -> Option<&[[f32; W]]> {
    Some(values.get(start..)?.as_chunks().0)
}

/// `S` rows of sums. All three kernels are sums of outer products, over inputs, outputs or
/// samples.
type Tile<I, const W: usize, const S: usize> = [<I as Lanes<W>>::Register; S];

/// Adds the outer products of the vectors of `N` panels with the scalars that stand at the same
/// place in each row. The sums come and go by value: behind a reference they would be kept in
/// memory.
#[inline(always)]
fn add_all<I: Lanes<W>, const W: usize, const S: usize, const V: usize, const N: usize>(
    isa: I,
    mut sums: [Tile<I, W, S>; N],
    vectors: [&[[f32; W]; V]; N],
    rows: &[[f32; V]],
) -> Option<[Tile<I, W, S>; N]> {
    let rows = rows.first_chunk::<S>()?;
    for place in 0..V {
        let mut own = [isa.splat(0.0); N];
        for (own, vectors) in own.iter_mut().zip(vectors) {
            *own = isa.load(vectors.get(place)?);
        }
        for (sample, row) in rows.iter().enumerate() {
            let scalar = isa.splat(*row.get(place)?);
            for (sums, vector) in sums.iter_mut().zip(own) {
                let sum = sums.get_mut(sample)?;
                *sum = *sum + vector * scalar;
            }
        }
    }
    Some(sums)
}

/// `z = x W + b` for `samples` samples.
#[inline(always)]
pub(crate) fn forward<I: Registers>(
    isa: I,
    layer: Layer,
    parameters: &[f32],
    samples: usize,
    x: &[f32],
    z: &mut [f32],
) {
    let sums = Sums::new(isa, layer.fan_in, samples, x, z);
    walk::<I, _>(layer.fan_out, Forward { parameters, sums });
}

struct Forward<'k, I> {
    /// Those of the panels to come.
    parameters: &'k [f32],
    sums: Sums<'k, I>,
}

impl<I: Registers> Panels<I> for Forward<'_, I> {
    const PAIRS: bool = I::SAMPLES >= 10;

    #[inline(always)]
    fn panel<const W: usize>(&mut self, _: usize)
    where
        I: Lanes<W>,
    {
        self.panels::<W, 1>();
    }

    #[inline(always)]
    fn pair(&mut self, _: usize) {
        self.panels::<16, 2>();
    }
}

impl<I: Registers> Forward<'_, I> {
    #[inline(always)]
    fn panels<const W: usize, const N: usize>(&mut self)
    where
        I: Lanes<W>,
    {
        let mut panels = [&[][..]; N];
        for panel in &mut panels {
            let own = self.parameters.split_off(..(self.sums.units + 1) * W);
            let Some(own) = own else { return };
            *panel = own.as_chunks::<W>().0;
        }
        self.sums.panels(panels);
    }
}

/// `e = d W'` for `samples` samples: what reaches the layer's inputs, before their slope. It is the
/// forward pass of the transposed weights, without biases. `room` holds [`room`] numbers of any
/// value.
#[inline(always)]
pub(crate) fn backward<I: Registers>(
    isa: I,
    layer: Layer,
    parameters: &[f32],
    samples: usize,
    d: &[f32],
    e: &mut [f32],
    room: &mut [f32],
) {
    let sums = Sums::new(isa, layer.fan_out, samples, d, e);
    walk::<I, _>(layer.fan_in, Backward { layer, parameters, room, sums });
}

/// Numbers of room for the transposed weights of two panels of inputs.
pub(crate) const fn room(fan_out: usize) -> usize {
    fan_out.saturating_mul(2 * 16)
}

struct Backward<'k, I> {
    layer: Layer,
    parameters: &'k [f32],
    room: &'k mut [f32],
    sums: Sums<'k, I>,
}

impl<I: Registers> Panels<I> for Backward<'_, I> {
    const PAIRS: bool = I::SAMPLES >= 10;

    #[inline(always)]
    fn panel<const T: usize>(&mut self, first: usize)
    where
        I: Lanes<T>,
    {
        self.panels::<T, 1>(first);
    }

    #[inline(always)]
    fn pair(&mut self, first: usize) {
        self.panels::<16, 2>(first);
    }
}

impl<I: Registers> Backward<'_, I> {
    #[inline(always)]
    fn panels<const T: usize, const N: usize>(&mut self, first: usize)
    where
        I: Lanes<T>,
    {
        let Self { layer, parameters, sums: Sums { isa, .. }, .. } = *self;
        let mut room = &mut *self.room;
        let mut panels = [&[][..]; N];
        for (panel, input) in panels.iter_mut().zip((first..).step_by(T)) {
            let Some(own) = room.split_off_mut(..layer.fan_out * T) else { return };
            let own = own.as_chunks_mut::<T>().0;
            let by_output = &mut *own;
            walk::<I, _>(layer.fan_out, Transpose { isa, layer, parameters, input, by_output });
            *panel = own;
        }
        self.sums.panels(panels);
    }
}

/// Writes the weights from `T` inputs, the first of which is `input`, as a row for each output.
struct Transpose<'k, I, const T: usize> {
    isa: I,
    layer: Layer,
    /// Those of the panels to come.
    parameters: &'k [f32],
    input: usize,
    /// Those of the panels to come.
    by_output: &'k mut [[f32; T]],
}

impl<I: Registers, const T: usize> Panels<I> for Transpose<'_, I, T> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, _: usize)
    where
        I: Lanes<W>,
    {
        let size = (self.layer.fan_in + 1) * W;
        let Some(panel) = self.parameters.split_off(..size) else { return };
        let Some(weights) = rows::<W>(panel, self.input * W) else { return };
        let Some(by_output) = self.by_output.split_off_mut(..W) else { return };
        if let (Some(weights), Some(by_output)) =
            (weights.first_chunk(), by_output.first_chunk_mut())
        {
            transpose::<I, W, T>(self.isa, weights, by_output);
        }
    }
}

/// The sums of both passes: panels of `W` sums for each sample, each the sum of `units` products.
struct Sums<'k, I> {
    isa: I,
    units: usize,
    samples: usize,
    /// Samples of the largest block.
    block: usize,
    /// The units' values.
    x: &'k [f32],
    /// Of the panels to come.
    z: &'k mut [f32],
}

impl<'k, I: Registers> Sums<'k, I> {
    #[inline(always)]
    fn new(isa: I, units: usize, samples: usize, x: &'k [f32], z: &'k mut [f32]) -> Self {
        let block = samples.div_ceil(samples.div_ceil(I::SAMPLES).max(1));
        Self { isa, units, samples, block, x, z }
    }

    /// The next `N` panels. Each comes with a row of weights for each unit; a row that is left is
    /// added last.
    #[inline(always)]
    fn panels<const W: usize, const N: usize>(&mut self, panels: [&[[f32; W]]; N])
    where
        I: Lanes<W>,
    {
        let Some(z) = self.z.split_off_mut(..N * self.samples * W) else { return };
        let sample = self.blocks::<W, 10, N>(panels, z, 0);
        let sample = self.blocks::<W, 8, N>(panels, z, sample);
        let sample = self.blocks::<W, 5, N>(panels, z, sample);
        let sample = self.blocks::<W, 4, N>(panels, z, sample);
        let sample = self.blocks::<W, 2, N>(panels, z, sample);
        self.blocks::<W, 1, N>(panels, z, sample);
    }

    /// Blocks of `S` samples from `sample` on. Gives the first sample that is left.
    #[inline(always)]
    fn blocks<const W: usize, const S: usize, const N: usize>(
        &self,
        panels: [&[[f32; W]]; N],
        z: &mut [f32],
        mut sample: usize,
    ) -> usize
    where
        I: Lanes<W>,
    {
        let (isa, samples) = (self.isa, self.samples);
        if !is_block(S, I::SAMPLES, W < 8 || N > 1) {
            return sample;
        }
        while S <= self.block && samples - sample >= S {
            let Some(tiles) = self.tiles::<W, S, N>(panels, sample) else { return sample };
            for (tile, panel) in tiles.into_iter().zip((0..).step_by(samples * W)) {
                let Some(z) = z.get_mut(panel + sample * W..) else { return sample };
                let Some(z) = z.as_chunks_mut::<W>().0.first_chunk_mut::<S>() else {
                    return sample;
                };
                for (z, sum) in z.iter_mut().zip(tile) {
                    *z = isa.store(sum);
                }
            }
            sample += S;
        }
        sample
    }

    /// Those of a block of samples.
    #[inline(always)]
    fn tiles<const W: usize, const S: usize, const N: usize>(
        &self,
        mut panels: [&[[f32; W]]; N],
        sample: usize,
    ) -> Option<[Tile<I, W, S>; N]>
    where
        I: Lanes<W>,
    {
        let Self { isa, units, samples, x, .. } = *self;
        let mut sums = [[Lanes::<W>::splat(isa, 0.0); S]; N];
        let mut unit = 0;
        while units - unit >= 16 {
            let x = rows::<16>(x, unit * samples + sample * 16)?;
            sums = add_all(isa, sums, next_rows(&mut panels)?, x)?;
            unit += 16;
        }
        if units - unit >= 8 {
            let x = rows::<8>(x, unit * samples + sample * 8)?;
            sums = add_all(isa, sums, next_rows(&mut panels)?, x)?;
            unit += 8;
        }
        // Too few units for a loop of their own.
        for (first, width) in super::panels(units - unit) {
            let x = x.get((unit + first) * samples + sample * width..)?;
            for unit in 0..width {
                for (sums, [weights]) in sums.iter_mut().zip(next_rows(&mut panels)?) {
                    let weights = isa.load(weights);
                    for (sum, at) in sums.iter_mut().zip((unit..).step_by(width)) {
                        *sum = *sum + weights * Lanes::<W>::splat(isa, *x.get(at)?);
                    }
                }
            }
        }
        for (sums, panel) in sums.iter_mut().zip(panels) {
            if let [bias, ..] = panel {
                let bias = isa.load(bias);
                for sum in sums {
                    *sum = *sum + bias;
                }
            }
        }
        Some(sums)
    }
}

/// The next `V` rows of each panel.
#[inline(always)]
fn next_rows<'p, const V: usize, const W: usize, const N: usize>(
    panels: &mut [&'p [[f32; W]]; N],
) -> Option<[&'p [[f32; W]; V]; N]> {
    let mut rows = [&[[0.0; W]; V]; N];
    for (rows, panel) in rows.iter_mut().zip(panels) {
        (*rows, *panel) = panel.split_first_chunk()?;
    }
    Some(rows)
}

/// Writes `T` rows of `W` weights as `W` rows of `T`. Its many copies would fill the stack where
/// nothing is optimised.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
fn transpose<I: Registers, const W: usize, const T: usize>(
    isa: I,
    weights: &[[f32; W]; T],
    by_output: &mut [[f32; T]; W],
) {
    match if W < T { W } else { T } {
        16 if <I as Lanes<16>>::NATIVE => in_squares::<I, W, T, 16>(isa, weights, by_output),
        8.. if <I as Lanes<8>>::NATIVE => in_squares::<I, W, T, 8>(isa, weights, by_output),
        4.. => in_squares::<I, W, T, 4>(isa, weights, by_output),
        _ => {
            for (weights, input) in weights.iter().zip(0..) {
                for (weight, slots) in weights.iter().zip(by_output.iter_mut()) {
                    if let Some(slot) = slots.get_mut(input) {
                        *slot = *weight;
                    }
                }
            }
        }
    }
}

/// The same, in squares of `Q`.
#[inline(always)]
fn in_squares<I: Lanes<Q>, const W: usize, const T: usize, const Q: usize>(
    isa: I,
    weights: &[[f32; W]; T],
    by_output: &mut [[f32; T]; W],
) {
    for (block, input) in weights.as_chunks::<Q>().0.iter().zip((0..T).step_by(Q)) {
        let slots = by_output.as_chunks_mut::<Q>().0;
        for (slots, output) in slots.iter_mut().zip((0..W).step_by(Q)) {
            let mut square = [isa.splat(0.0); Q];
            for (row, weights) in square.iter_mut().zip(block) {
                if let Some(weights) = weights.get(output..).and_then(<[_]>::first_chunk::<Q>) {
                    *row = isa.load(weights);
                }
            }
            for (slot, row) in slots.iter_mut().zip(isa.transpose(square)) {
                if let Some(slot) = slot.get_mut(input..).and_then(<[_]>::first_chunk_mut::<Q>) {
                    *slot = isa.store(row);
                }
            }
        }
    }
}

/// Sums each parameter's gradient over the samples of `d` and shows it, with the parameter, to
/// `update`; every parameter once. `x` may hold more samples.
#[inline(always)]
pub(crate) fn gradient<I: Registers>(
    isa: I,
    layer: Layer,
    parameters: &mut [f32],
    x: &[f32],
    d: &[f32],
    update: impl Update<I>,
) {
    let samples = d.len() / layer.fan_out.max(1);
    let is_all = x.len() == samples * layer.fan_in;
    let stride = if is_all { samples } else { x.len() / layer.fan_in.max(1) };
    let gradient = Gradient { isa, layer, parameters, offset: 0, samples, stride, x, d, update };
    walk::<I, _>(layer.fan_out, gradient);
}

struct Gradient<'k, I, U> {
    isa: I,
    layer: Layer,
    /// Those of the panels to come.
    parameters: &'k mut [f32],
    offset: usize,
    /// Those of `d`.
    samples: usize,
    /// Those of `x`.
    stride: usize,
    x: &'k [f32],
    d: &'k [f32],
    update: U,
}

impl<I: Registers, U: Update<I>> Panels<I> for Gradient<'_, I, U> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let size = (self.layer.fan_in + 1) * W;
        let Some(panel) = self.parameters.split_off_mut(..size) else { return };
        let Some((bias, weights)) = panel.as_chunks_mut::<W>().0.split_last_mut() else { return };
        let Some(d) = rows::<W>(self.d, first * self.samples) else { return };
        let Some(d) = d.get(..self.samples) else { return };
        walk::<I, _>(self.layer.fan_in, Inputs { gradient: self, d, weights });
        self.bias(d, bias);
    }
}

/// The weights to a panel of outputs.
struct Inputs<'g, 'k, I, U, const W: usize> {
    gradient: &'g mut Gradient<'k, I, U>,
    d: &'g [[f32; W]],
    /// Those of the inputs to come.
    weights: &'g mut [[f32; W]],
}

impl<I: Registers + Lanes<W>, U: Update<I>, const W: usize> Panels<I> for Inputs<'_, '_, I, U, W> {
    /// As many inputs at once as there are registers for the sums.
    #[inline(always)]
    fn panel<const V: usize>(&mut self, input: usize) {
        match V {
            16 if W >= 16 && I::SAMPLES >= 8 => self.tiles::<V, 16>(input),
            8.. if W >= 8 && I::SAMPLES >= 8 => self.tiles::<V, 8>(input),
            4.. if W >= 4 && I::SAMPLES >= 4 => self.tiles::<V, 4>(input),
            2.. if W >= 4 && I::SAMPLES < 4 => self.tiles::<V, 2>(input),
            _ => self.tiles::<V, 1>(input),
        }
    }
}

impl<I: Registers + Lanes<W>, U: Update<I>, const W: usize> Inputs<'_, '_, I, U, W> {
    /// A panel of `V` inputs, `R` of them at once.
    #[inline(always)]
    fn tiles<const V: usize, const R: usize>(&mut self, input: usize) {
        let Gradient { isa, x, stride, .. } = *self.gradient;
        let Some(weights) = self.weights.split_off_mut(..V) else { return };
        let Some(x) = rows::<V>(x, input * stride) else { return };
        let (Some((first_d, d)), Some((first_x, x))) = (self.d.split_first(), x.split_first())
        else {
            return;
        };
        let Some(x) = x.get(..d.len()) else { return };
        let first_d = Lanes::<W>::load(isa, first_d);
        let parts = weights.as_chunks_mut::<R>().0.iter_mut().zip(first_x.as_chunks::<R>().0);
        for (part, (weights, first_x)) in parts.enumerate() {
            // The sums begin with the first sample's products: adding these to -0 changes nothing.
            let mut sums = [Lanes::<W>::splat(isa, -0.0); R];
            for (sum, x) in sums.iter_mut().zip(first_x) {
                *sum = first_d * Lanes::<W>::splat(isa, *x);
            }
            for (x, d) in x.iter().zip(d) {
                let Some(x) = x.as_chunks::<R>().0.get(part) else { return };
                let d = Lanes::<W>::load(isa, d);
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = *sum + d * Lanes::<W>::splat(isa, *x);
                }
            }
            self.gradient.update(weights, sums.map(|sum| Lanes::<W>::store(isa, sum)), false);
        }
    }
}

impl<I: Registers, U: Update<I>> Gradient<'_, I, U> {
    /// The biases of `W` outputs.
    #[inline(always)]
    fn bias<const W: usize>(&mut self, d: &[[f32; W]], parameters: &mut [f32; W])
    where
        I: Lanes<W>,
    {
        let isa = self.isa;
        let mut sum = Lanes::<W>::splat(isa, -0.0);
        for d in d {
            sum = sum + isa.load(d);
        }
        self.update(core::array::from_mut(parameters), [isa.store(sum)], true);
    }

    #[inline(always)]
    fn update<const W: usize, const R: usize>(
        &mut self,
        parameters: &mut [[f32; W]; R],
        mut gradients: [[f32; W]; R],
        biases: bool,
    ) where
        I: Lanes<W>,
    {
        let (layer, offset) = (self.layer, self.offset);
        self.offset += W * R;
        let run = Run { layer, offset, parameters, gradients: &mut gradients, biases };
        self.update.run(self.isa, run);
    }
}
