//! The kernels for vector registers: tiles of sums that stay in registers over blocks of samples
//! and inputs, a copy for each width of a panel.

use super::{Layer, Run, Update, panel_width};
use crate::lanes::{Lanes, Registers};

/// One kernel, called for each panel of a layer from the first output to the last.
trait Panels<I> {
    /// `first` is the panel's first output, `W` its width.
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>;
}

/// Shows `kernel` every panel: one copy of it for each width.
#[inline(always)]
fn walk<I: Registers>(_: I, fan_out: usize, mut kernel: impl Panels<I>) {
    let mut first = 0;
    while let Some(left) = fan_out.checked_sub(first).filter(|&left| left > 0) {
        let width = panel_width(left);
        match width {
            16 => kernel.panel::<16>(first),
            8 => kernel.panel::<8>(first),
            4 => kernel.panel::<4>(first),
            2 => kernel.panel::<2>(first),
            _ => kernel.panel::<1>(first),
        }
        first += width;
    }
}

/// `W` numbers of a row from `first` on.
#[inline(always)]
fn lanes<const W: usize>(row: &[f32], first: usize) -> Option<&[f32; W]> {
    row.get(first..)?.first_chunk()
}

/// `W` numbers of a row from `first` on, to be changed.
#[inline(always)]
fn lanes_mut<const W: usize>(row: &mut [f32], first: usize) -> Option<&mut [f32; W]> {
    row.get_mut(first..)?.first_chunk_mut()
}

/// `S` rows of sums. All three kernels are sums of outer products, over inputs, outputs or
/// samples.
type Tile<I, const W: usize, const S: usize> = [<I as Lanes<W>>::Register; S];

/// Adds the outer products of vectors with the scalars that stand at the same place in `rows`,
/// counted from `from`. The sums come and go by value: behind a reference they would be kept in
/// memory.
#[inline(always)]
fn add_all<I: Lanes<W>, const W: usize, const S: usize>(
    isa: I,
    mut sums: Tile<I, W, S>,
    vectors: &[[f32; W]],
    rows: &[&[f32]; S],
    from: usize,
) -> Tile<I, W, S> {
    let mut equal = [&[][..]; S];
    for (equal, row) in equal.iter_mut().zip(rows) {
        let Some(row) = row.get(from..).and_then(|row| row.get(..vectors.len())) else {
            return sums;
        };
        *equal = row;
    }
    // All of one length, so that the compiler sees that no look below can fail; and four at a time,
    // as there are more rows than registers for their addresses.
    let fours = if S > 5 { vectors.as_chunks::<4>().0 } else { &[] };
    for (at, four) in fours.iter().enumerate() {
        let four = four.each_ref().map(|vector| isa.load(vector));
        for (sum, row) in sums.iter_mut().zip(&equal) {
            let Some(scalars) = row.as_chunks::<4>().0.get(at) else { break };
            for (vector, scalar) in four.into_iter().zip(scalars) {
                *sum = *sum + vector * isa.splat(*scalar);
            }
        }
    }
    for place in 4 * fours.len()..vectors.len() {
        let Some(vector) = vectors.get(place) else { break };
        let vector = isa.load(vector);
        for (sum, row) in sums.iter_mut().zip(&equal) {
            let Some(&scalar) = row.get(place) else { break };
            *sum = *sum + vector * isa.splat(scalar);
        }
    }
    sums
}

/// How many of the `left` samples to take at once where the sums of `most` fit in registers: equal
/// parts, of a size that there is a copy for.
const fn block(left: usize, most: usize) -> usize {
    let parts = left.div_ceil(most);
    let size = left.div_ceil(parts);
    match size {
        10.. => 10,
        8.. => 8,
        5.. if most == 5 => 5,
        4.. => 4,
        2.. if most == 2 => 2,
        _ => 1,
    }
}

/// Calls `$kernel` for blocks of S of the `$left` samples, as many as fit in registers; its first
/// argument says S.
macro_rules! blocks {
    ($I:ident, $left:expr, $kernel:ident($($argument:expr),*)) => {{
        let mut left = $left;
        while left > 0 {
            let taken = block(left, $I::SAMPLES);
            match taken {
                10 if $I::SAMPLES >= 10 => $kernel([(); 10], $($argument),*),
                8 if $I::SAMPLES >= 8 => $kernel([(); 8], $($argument),*),
                5 if $I::SAMPLES == 5 => $kernel([(); 5], $($argument),*),
                4 if $I::SAMPLES >= 4 => $kernel([(); 4], $($argument),*),
                2 if $I::SAMPLES == 2 => $kernel([(); 2], $($argument),*),
                _ => $kernel([(); 1], $($argument),*),
            }
            left -= taken;
        }
    }};
}

/// Takes the next `S` rows of `width` numbers.
#[inline(always)]
fn take_rows<'r, const S: usize>(rest: &mut &'r [f32], width: usize) -> [&'r [f32]; S] {
    let mut rows = [&[][..]; S];
    for row in &mut rows {
        (*row, *rest) = rest.split_at_checked(width).unwrap_or_default();
    }
    rows
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
    let (x, z) = (&mut &*x, &mut &mut *z);
    blocks!(I, samples, forward_block(isa, layer, parameters, x, z));
}

#[inline(always)]
fn forward_block<I: Registers, const S: usize>(
    _: [(); S],
    isa: I,
    layer: Layer,
    parameters: &[f32],
    x: &mut &[f32],
    z: &mut &mut [f32],
) {
    let Layer { fan_in, fan_out, .. } = layer;
    let x = take_rows::<S>(x, fan_in);
    let Some(z) = z.split_off_mut(..S * fan_out) else { return };
    walk(isa, fan_out, Forward { isa, layer, parameters, x, z });
}

/// A block of samples.
struct Forward<'k, I, const S: usize> {
    isa: I,
    layer: Layer,
    /// Those of the panels to come.
    parameters: &'k [f32],
    x: [&'k [f32]; S],
    z: &'k mut [f32],
}

impl<I: Registers, const S: usize> Panels<I> for Forward<'_, I, S> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let Layer { fan_in, fan_out, .. } = self.layer;
        let Some(panel) = self.parameters.split_off(..(fan_in + 1) * W) else { return };
        let Some((bias, weights)) = panel.as_chunks::<W>().0.split_last() else { return };
        let isa = self.isa;
        let sums = add_all(isa, [Lanes::<W>::splat(isa, 0.0); S], weights, &self.x, 0);
        let bias = isa.load(bias);
        for (sum, z) in sums.into_iter().zip(self.z.chunks_exact_mut(fan_out.max(1))) {
            let Some(z) = lanes_mut::<W>(z, first) else { return };
            *z = isa.store(sum + bias);
        }
    }
}

/// `e = d W'` for `samples` samples: what reaches the layer's inputs, before their slope.
#[inline(always)]
pub(crate) fn backward<I: Registers>(
    isa: I,
    layer: Layer,
    parameters: &[f32],
    samples: usize,
    d: &[f32],
    e: &mut [f32],
) {
    let mut input = 0;
    while layer.fan_in - input >= 16 {
        backward_inputs::<I, 16>(isa, layer, parameters, samples, d, e, input);
        input += 16;
    }
    while layer.fan_in - input >= 8 {
        backward_inputs::<I, 8>(isa, layer, parameters, samples, d, e, input);
        input += 8;
    }
    if input < layer.fan_in {
        let samples = d.chunks_exact(layer.fan_out.max(1)).take(samples);
        for (d, e) in samples.zip(e.chunks_exact_mut(layer.fan_in)) {
            let Some(e) = e.get_mut(input..) else { return };
            e.fill(0.0);
            walk(isa, layer.fan_out, Singly { layer, parameters, d, e, input });
        }
    }
}

/// One sample and the inputs from `input` on, one by one.
struct Singly<'k> {
    layer: Layer,
    /// Those of the panels to come.
    parameters: &'k [f32],
    d: &'k [f32],
    e: &'k mut [f32],
    input: usize,
}

impl<I> Panels<I> for Singly<'_> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let panel = self.parameters.split_off(..(self.layer.fan_in + 1) * W);
        let (Some(panel), Some(d)) = (panel, lanes::<W>(self.d, first)) else { return };
        for (e, row) in self.e.iter_mut().zip(panel.as_chunks::<W>().0.iter().skip(self.input)) {
            for (d, w) in d.iter().zip(row) {
                *e += w * d;
            }
        }
    }
}

/// The inputs from `input` on, `T` of them: a register holds as many, so that each sums on its own.
/// For that their weights are transposed first, panel by panel.
#[inline(always)]
fn backward_inputs<I: Registers + Lanes<T>, const T: usize>(
    isa: I,
    layer: Layer,
    parameters: &[f32],
    samples: usize,
    d: &[f32],
    e: &mut [f32],
    input: usize,
) {
    if I::SAMPLES >= 10 {
        let (d, e) = (&mut &*d, &mut &mut *e);
        blocks!(I, samples, backward_block(isa, [(); T], layer, parameters, d, e, input));
    } else {
        // Few samples make a block: all blocks share a transposed panel, and sums wait in memory.
        walk(isa, layer.fan_out, InMemory::<I, T> { isa, layer, parameters, samples, d, e, input });
    }
}

/// The weights of the `T` inputs from `input` on in the next panel, `W` wide, by output. Its many
/// copies would fill the stack where nothing is optimised.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
fn next_by_output<I: Registers, const W: usize, const T: usize>(
    isa: I,
    layer: Layer,
    parameters: &mut &[f32],
    input: usize,
    slots: &mut [[f32; T]; W],
) -> Option<()> {
    let panel = parameters.split_off(..(layer.fan_in + 1) * W)?;
    let rows = panel.as_chunks::<W>().0.get(input..)?.first_chunk::<T>()?;
    match T.min(W) {
        16 => transpose::<I, W, T, 16>(isa, rows, slots),
        8 => transpose::<I, W, T, 8>(isa, rows, slots),
        4 => transpose::<I, W, T, 4>(isa, rows, slots),
        _ => {
            for (row, input) in rows.iter().zip(0..) {
                for (weight, slot) in row.iter().zip(slots.iter_mut()) {
                    if let Some(slot) = slot.get_mut(input) {
                        *slot = *weight;
                    }
                }
            }
        }
    }
    Some(())
}

#[inline(always)]
fn backward_block<I: Registers + Lanes<T>, const S: usize, const T: usize>(
    _: [(); S],
    isa: I,
    _: [(); T],
    layer: Layer,
    parameters: &[f32],
    d: &mut &[f32],
    e: &mut &mut [f32],
    input: usize,
) {
    let d = take_rows::<S>(d, layer.fan_out);
    let Some(e) = e.split_off_mut(..S * layer.fan_in) else { return };
    let sums = [Lanes::<T>::splat(isa, 0.0); S];
    let mut block = InRegisters::<I, S, T> { isa, layer, parameters, d, input, sums };
    walk(isa, layer.fan_out, &mut block);
    for (sum, e) in block.sums.into_iter().zip(e.chunks_exact_mut(layer.fan_in.max(1))) {
        let Some(e) = lanes_mut::<T>(e, input) else { return };
        *e = Lanes::<T>::store(isa, sum);
    }
}

/// Backward for a block of samples, whose sums stay in registers.
struct InRegisters<'k, I: Lanes<T>, const S: usize, const T: usize> {
    isa: I,
    layer: Layer,
    /// Those of the panels to come.
    parameters: &'k [f32],
    d: [&'k [f32]; S],
    input: usize,
    sums: Tile<I, T, S>,
}

impl<I: Registers + Lanes<T>, const S: usize, const T: usize> Panels<I>
    for &mut InRegisters<'_, I, S, T>
{
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let (isa, parameters) = (self.isa, &mut self.parameters);
        let mut by_output = [[0.0; T]; W];
        let next = next_by_output(isa, self.layer, parameters, self.input, &mut by_output);
        if next.is_some() {
            self.sums = add_all::<I, T, S>(isa, self.sums, &by_output, &self.d, first);
        }
    }
}

/// Backward for all samples, whose sums are in `e` from panel to panel.
struct InMemory<'k, I, const T: usize> {
    isa: I,
    layer: Layer,
    /// Those of the panels to come.
    parameters: &'k [f32],
    samples: usize,
    d: &'k [f32],
    e: &'k mut [f32],
    input: usize,
}

impl<I: Registers + Lanes<T>, const T: usize> Panels<I> for InMemory<'_, I, T> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let (isa, layer, input) = (self.isa, self.layer, self.input);
        let mut by_output = [[0.0; T]; W];
        let next = next_by_output(isa, layer, &mut self.parameters, input, &mut by_output);
        if next.is_some() {
            let (d, e) = (&mut &*self.d, &mut &mut *self.e);
            blocks!(I, self.samples, add_panel(isa, layer, &by_output, d, first, e, input));
        }
    }
}

/// Adds what comes through the outputs from `first` on to the errors of `S` samples.
#[inline(always)]
fn add_panel<I: Lanes<T>, const S: usize, const T: usize>(
    _: [(); S],
    isa: I,
    layer: Layer,
    by_output: &[[f32; T]],
    d: &mut &[f32],
    first: usize,
    e: &mut &mut [f32],
    input: usize,
) {
    let d = take_rows::<S>(d, layer.fan_out);
    let Some(e) = e.split_off_mut(..S * layer.fan_in) else { return };
    let mut sums = [isa.splat(0.0); S];
    if first > 0 {
        for (sum, e) in sums.iter_mut().zip(e.chunks_exact(layer.fan_in.max(1))) {
            let Some(e) = lanes::<T>(e, input) else { return };
            *sum = isa.load(e);
        }
    }
    let sums = add_all(isa, sums, by_output, &d, first);
    for (sum, e) in sums.into_iter().zip(e.chunks_exact_mut(layer.fan_in.max(1))) {
        let Some(e) = lanes_mut::<T>(e, input) else { return };
        *e = isa.store(sum);
    }
}

/// Writes the `T` rows of `W` weights as `W` rows of `T`, in squares of `Q`.
#[inline(always)]
fn transpose<I: Lanes<Q>, const W: usize, const T: usize, const Q: usize>(
    isa: I,
    rows: &[[f32; W]; T],
    slots: &mut [[f32; T]; W],
) {
    for (block, input) in rows.as_chunks::<Q>().0.iter().zip((0..T).step_by(Q)) {
        for (slots, output) in slots.as_chunks_mut::<Q>().0.iter_mut().zip((0..W).step_by(Q)) {
            let mut square = [isa.splat(0.0); Q];
            for (row, weights) in square.iter_mut().zip(block) {
                if let Some(weights) = lanes::<Q>(weights, output) {
                    *row = isa.load(weights);
                }
            }
            for (slot, row) in slots.iter_mut().zip(isa.transpose(square)) {
                if let Some(slot) = lanes_mut::<Q>(slot, input) {
                    *slot = isa.store(row);
                }
            }
        }
    }
}

/// Sums each parameter's gradient over `samples` samples and shows it, with the parameter, to
/// `update`; every parameter once.
#[inline(always)]
pub(crate) fn gradient<I: Registers>(
    isa: I,
    layer: Layer,
    parameters: &mut [f32],
    x: &[f32],
    d: &[f32],
    update: impl Update<I>,
) {
    walk(isa, layer.fan_out, Gradient { isa, layer, parameters, offset: 0, x, d, update });
}

/// A step of plain descent; `e` is what [`backward`] leaves, where it is wanted, and `d` becomes
/// `rate d`.
#[inline(always)]
pub(crate) fn descend(
    isa: impl Registers,
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
    d.iter_mut().for_each(|d| *d *= rate);
    gradient(isa, layer, parameters, x, d, Subtract);
}

/// Takes the gradients from the parameters.
struct Subtract;

impl<I> Update<I> for Subtract {
    #[inline(always)]
    fn run<const W: usize>(&mut self, isa: I, run: Run<'_, W>)
    where
        I: Lanes<W>,
    {
        for (w, g) in run.parameters.iter_mut().zip(run.gradients) {
            *w = isa.store(isa.load(w) - isa.load(g));
        }
    }
}

struct Gradient<'k, I, U> {
    isa: I,
    layer: Layer,
    parameters: &'k mut [f32],
    offset: usize,
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
        let Some((bias, mut weights)) = panel.as_chunks_mut::<W>().0.split_last_mut() else {
            return;
        };
        let mut input = 0;
        while !weights.is_empty() {
            let rows = match weights.len() {
                16.. if W >= 16 && I::SAMPLES >= 8 => 16,
                8.. if W >= 8 && I::SAMPLES >= 8 => 8,
                4.. if W >= 4 && I::SAMPLES >= 4 => 4,
                2.. if W >= 4 && I::SAMPLES < 4 => 2,
                _ => 1,
            };
            let Some(parameters) = weights.split_off_mut(..rows) else { return };
            match rows {
                16 if W >= 16 && I::SAMPLES >= 8 => self.rows::<W, 16>(first, input, parameters),
                8 if W >= 8 && I::SAMPLES >= 8 => self.rows::<W, 8>(first, input, parameters),
                4 if W >= 4 && I::SAMPLES >= 4 => self.rows::<W, 4>(first, input, parameters),
                2 if W >= 4 && I::SAMPLES < 4 => self.rows::<W, 2>(first, input, parameters),
                _ => self.rows::<W, 1>(first, input, parameters),
            }
            input += rows;
        }
        self.bias(first, bias);
    }
}

impl<I: Registers, U: Update<I>> Gradient<'_, I, U> {
    /// The weights of `R` inputs to `W` outputs.
    #[inline(always)]
    fn rows<const W: usize, const R: usize>(
        &mut self,
        first: usize,
        input: usize,
        parameters: &mut [[f32; W]],
    ) where
        I: Lanes<W>,
    {
        let Layer { fan_in, fan_out, .. } = self.layer;
        let isa = self.isa;
        let Some(parameters) = parameters.first_chunk_mut::<R>() else { return };
        let x = self.x.chunks_exact(fan_in.max(1));
        let mut samples = x
            .zip(self.d.chunks_exact(fan_out.max(1)))
            .map_while(|(x, d)| Some((lanes::<R>(x, input)?, isa.load(lanes::<W>(d, first)?))));
        // Adding to -0 changes nothing, so that the sums begin with the first sample's products.
        let mut sums = samples.next().map_or([Lanes::<W>::splat(isa, -0.0); R], |(x, d)| {
            x.map(|x| d * Lanes::<W>::splat(isa, x))
        });
        for (x, d) in samples {
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = *sum + d * Lanes::<W>::splat(isa, *x);
            }
        }
        self.update(parameters, sums.map(|sum| Lanes::<W>::store(isa, sum)), false);
    }

    /// The biases of `W` outputs.
    #[inline(always)]
    fn bias<const W: usize>(&mut self, first: usize, parameters: &mut [f32; W])
    where
        I: Lanes<W>,
    {
        let isa = self.isa;
        let mut sum = Lanes::<W>::splat(isa, -0.0);
        for d in self.d.chunks_exact(self.layer.fan_out.max(1)) {
            let Some(d) = lanes::<W>(d, first) else { break };
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
