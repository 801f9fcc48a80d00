//! The kernels for vector registers: tiles of sums that stay in registers over blocks of samples
//! and inputs, a copy for each width of a panel.
//!
//! Values and deltas lie in panels here: all rows that a tile reads follow each other, so that one
//! address is enough for all.

use super::{Layer, Panels, Run, Update, walk};
use crate::lanes::{Lanes, Registers};

/// Does `$tile` for blocks of `S` of the `$samples` samples, as many as fit in registers, of about
/// equal size; `$sample` is the block's first. Where `$is_rare` is true only the largest and the
/// smallest blocks have copies of their own.
macro_rules! blocks {
    ($I:ident, $is_rare:expr, $samples:expr, |$sample:ident| $tile:expr) => {
        blocks!($I, $is_rare, $samples, |$sample| $tile, 10 8 5 4 2 1)
    };
    ($I:ident, $is_rare:expr, $samples:expr, |$sample:ident| $tile:expr, $($size:literal)*) => {
        let (samples, mut $sample): (usize, usize) = ($samples, 0);
        let most = samples.div_ceil(samples.div_ceil($I::SAMPLES).max(1));
        $(if is_block($size, $I::SAMPLES, $is_rare) {
            const S: usize = $size;
            while S <= most && samples - $sample >= S {
                $tile;
                $sample += S;
            }
        })*
    };
}

/// Whether there is a copy for blocks of this size where the sums of `most` samples fit.
const fn is_block(size: usize, most: usize, is_rare: bool) -> bool {
    size == 1 || size == most || !is_rare && (size == 8 && most == 10 || size == 4 && most >= 5)
}

/// Rows of `W` numbers from `start` on.
#[inline(always)]
fn rows<const W: usize>(values: &[f32], start: usize) -> &[[f32; W]] {
    values.get(start..).unwrap_or_default().as_chunks().0
}

/// Rows of `W` numbers from `start` on, to be changed.
#[inline(always)]
fn rows_mut<const W: usize>(values: &mut [f32], start: usize) -> &mut [[f32; W]] {
    values.get_mut(start..).unwrap_or_default().as_chunks_mut().0
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
    walk::<I, _>(layer.fan_out, Forward { isa, layer, parameters, samples, x, z });
}

struct Forward<'k, I> {
    isa: I,
    layer: Layer,
    /// Those of the panels to come.
    parameters: &'k [f32],
    samples: usize,
    x: &'k [f32],
    /// Those of the panels to come.
    z: &'k mut [f32],
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
        let (isa, samples) = (self.isa, self.samples);
        let mut panels = [&[][..]; N];
        for panel in &mut panels {
            let Some(own) = self.parameters.split_off(..(self.layer.fan_in + 1) * W) else {
                return;
            };
            *panel = own.as_chunks::<W>().0;
        }
        let Some(z) = self.z.split_off_mut(..N * samples * W) else { return };
        blocks!(I, W < 8 || N > 1, samples, |sample| {
            let Some(tiles) = self.tiles::<W, S, N>(panels, sample) else { return };
            for (tile, panel) in tiles.into_iter().zip((0..).step_by(samples * W)) {
                let z = rows_mut::<W>(z, panel + sample * W).first_chunk_mut::<S>();
                let Some(z) = z else { return };
                for (z, sum) in z.iter_mut().zip(tile) {
                    *z = isa.store(sum);
                }
            }
        });
    }

    /// The sums of a block of samples.
    #[inline(always)]
    fn tiles<const W: usize, const S: usize, const N: usize>(
        &self,
        mut panels: [&[[f32; W]]; N],
        sample: usize,
    ) -> Option<[Tile<I, W, S>; N]>
    where
        I: Lanes<W>,
    {
        let Self { isa, layer, samples, x, .. } = *self;
        let mut sums = [[Lanes::<W>::splat(isa, 0.0); S]; N];
        let mut input = 0;
        while layer.fan_in - input >= 16 {
            let x = rows::<16>(x, input * samples + sample * 16);
            sums = add_all(isa, sums, next_rows(&mut panels)?, x)?;
            input += 16;
        }
        if layer.fan_in - input >= 8 {
            let x = rows::<8>(x, input * samples + sample * 8);
            sums = add_all(isa, sums, next_rows(&mut panels)?, x)?;
            input += 8;
        }
        // Too few inputs for a loop of their own.
        for (first, width) in super::panels(layer.fan_in - input) {
            let x = x.get((input + first) * samples + sample * width..)?;
            for unit in 0..width {
                for (sums, [weights]) in sums.iter_mut().zip(next_rows(&mut panels)?) {
                    let weights = isa.load(weights);
                    for (sum, at) in sums.iter_mut().zip((unit..).step_by(width)) {
                        *sum = *sum + weights * Lanes::<W>::splat(isa, *x.get(at)?);
                    }
                }
            }
        }
        for (sums, [bias]) in sums.iter_mut().zip(next_rows(&mut panels)?) {
            let bias = isa.load(bias);
            for sum in sums {
                *sum = *sum + bias;
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

/// `e = d W'` for `samples` samples: what reaches the layer's inputs, before their slope. `room`
/// holds [`ROOM`] numbers of any value.
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
    let squares = room.as_chunks_mut().0;
    let backward = Backward { isa, layer, parameters, samples, d, e, squares };
    walk::<I, _>(layer.fan_out, backward);
}

/// Numbers of room for the transposed weights of two panels.
pub(crate) const ROOM: usize = 2 * SQUARE;

/// Numbers of a square of weights.
const SQUARE: usize = 16 * 16;

struct Backward<'k, I> {
    isa: I,
    layer: Layer,
    /// Those of the panels to come.
    parameters: &'k [f32],
    samples: usize,
    d: &'k [f32],
    e: &'k mut [f32],
    squares: &'k mut [[f32; SQUARE]],
}

impl<I: Registers> Panels<I> for Backward<'_, I> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let Self { isa, layer, samples, d, .. } = *self;
        let Some(panel) = self.parameters.split_off(..(layer.fan_in + 1) * W) else { return };
        let (panel, d) = (panel.as_chunks::<W>().0, rows::<W>(d, first * samples));
        let (e, squares) = (&mut *self.e, &mut *self.squares);
        let is_first = first == 0;
        let outputs = Outputs { isa, panel, samples, is_first, d, e, squares };
        walk::<I, _>(layer.fan_in, outputs);
    }
}

/// A panel of outputs, and what it adds to the inputs' sums, which wait in `e` from panel to panel.
struct Outputs<'k, I, const W: usize> {
    isa: I,
    panel: &'k [[f32; W]],
    samples: usize,
    /// Whether there are no sums yet.
    is_first: bool,
    d: &'k [[f32; W]],
    e: &'k mut [f32],
    squares: &'k mut [[f32; SQUARE]],
}

impl<I: Registers + Lanes<W>, const W: usize> Panels<I> for Outputs<'_, I, W> {
    const PAIRS: bool = I::SAMPLES >= 10 && W >= 8;

    #[inline(always)]
    fn panel<const T: usize>(&mut self, input: usize)
    where
        I: Lanes<T>,
    {
        if T >= 8 {
            self.inputs::<T, 1>(input);
        } else {
            self.singly::<T>(input);
        }
    }

    #[inline(always)]
    fn pair(&mut self, input: usize) {
        self.inputs::<16, 2>(input);
    }
}

impl<I: Registers + Lanes<W>, const W: usize> Outputs<'_, I, W> {
    /// `N` times `T` inputs: a register holds as many, so that each sums on its own. For that their
    /// weights are transposed first.
    #[inline(always)]
    fn inputs<const T: usize, const N: usize>(&mut self, input: usize)
    where
        I: Lanes<T>,
    {
        let Self { isa, samples, is_first, d, .. } = *self;
        let mut vectors = [&[[0.0; T]; W]; N];
        let Some(squares) = self.squares.first_chunk_mut::<N>() else { return };
        let squares = squares.iter_mut().zip((input..).step_by(T));
        for (vectors, (square, input)) in vectors.iter_mut().zip(squares) {
            let weights = self.panel.get(input..).and_then(<[_]>::first_chunk::<T>);
            let by_output = rows_mut::<T>(square, 0).first_chunk_mut::<W>();
            let (Some(weights), Some(by_output)) = (weights, by_output) else { return };
            transpose::<I, W, T>(isa, weights, by_output);
            *vectors = by_output;
        }
        let Some(e) = self.e.get_mut(input * samples..) else { return };
        blocks!(I, W < 8 || N > 1, samples, |sample| {
            let mut sums = [[Lanes::<T>::splat(isa, 0.0); S]; N];
            if !is_first {
                for (sums, panel) in sums.iter_mut().zip((0..).step_by(samples * T)) {
                    let e = rows::<T>(e, panel + sample * T).first_chunk::<S>();
                    let Some(e) = e else { return };
                    for (sum, e) in sums.iter_mut().zip(e) {
                        *sum = isa.load(e);
                    }
                }
            }
            let d = d.get(sample..).unwrap_or_default();
            let Some(sums) = add_all::<I, T, S, W, N>(isa, sums, vectors, d) else { return };
            for (sums, panel) in sums.into_iter().zip((0..).step_by(samples * T)) {
                let e = rows_mut::<T>(e, panel + sample * T).first_chunk_mut::<S>();
                let Some(e) = e else { return };
                for (e, sum) in e.iter_mut().zip(sums) {
                    *e = isa.store(sum);
                }
            }
        });
    }

    /// Inputs too few to fill a register.
    #[inline(always)]
    fn singly<const T: usize>(&mut self, input: usize) {
        let weights = self.panel.get(input..).and_then(<[_]>::first_chunk::<T>);
        let Some(weights) = weights else { return };
        let e = rows_mut::<T>(self.e, input * self.samples);
        for (e, d) in e.iter_mut().zip(self.d).take(self.samples) {
            for (e, weights) in e.iter_mut().zip(weights) {
                let mut sum = if self.is_first { 0.0 } else { *e };
                for (d, w) in d.iter().zip(weights) {
                    sum += w * d;
                }
                *e = sum;
            }
        }
    }
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
        let Some(d) = rows::<W>(self.d, first * self.samples).get(..self.samples) else { return };
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
        let x = rows::<V>(x, input * stride);
        for (part, weights) in weights.as_chunks_mut::<R>().0.iter_mut().enumerate() {
            let mut samples = x.iter().zip(self.d).map_while(
                #[inline(always)]
                |(x, d)| Some((x.as_chunks::<R>().0.get(part)?, Lanes::<W>::load(isa, d))),
            );
            // The sums begin with the first sample's products: adding these to -0 changes nothing.
            let mut sums = [Lanes::<W>::splat(isa, -0.0); R];
            if let Some((x, d)) = samples.next() {
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = d * Lanes::<W>::splat(isa, *x);
                }
            }
            for (x, d) in samples {
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
