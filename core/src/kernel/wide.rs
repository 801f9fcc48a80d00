//! The kernels for vector registers: tiles of sums that stay in registers over blocks of samples
//! and inputs, a copy for each width of a panel.

use super::{Layer, Run, Update, panel_width};
use crate::lanes::{Lanes, Registers};

/// One kernel, called for each panel of a layer from the first output to the last. It holds the
/// parameters not yet visited and takes its panel from them.
trait Panels<I> {
    /// `first` is the panel's first output, `W` its width.
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>;
}

/// Shows `kernel` every panel: one copy of it for each width.
#[inline(always)]
fn walk<I: Registers>(fan_out: usize, mut kernel: impl Panels<I>) {
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

/// `S` rows of sums, each a register. All three kernels are sums of outer products, over inputs,
/// outputs or samples.
type Tile<I, const W: usize, const S: usize> = [<I as Lanes<W>>::Register; S];

/// Adds `vector * scalars[s]` to each row s.
#[inline(always)]
fn add_one<I: Lanes<W>, const W: usize, const S: usize>(
    isa: I,
    sums: &mut Tile<I, W, S>,
    vector: &[f32; W],
    scalars: [f32; S],
) {
    let vector = isa.load(vector);
    for (sum, scalar) in sums.iter_mut().zip(scalars) {
        *sum = *sum + vector * isa.splat(scalar);
    }
}

/// Adds the outer products of `vectors` with the scalars that stand at the same place in `rows`.
/// The sums come and go by value: behind a reference they would be kept in memory.
#[inline(always)]
fn add_all<I: Lanes<W>, const W: usize, const S: usize>(
    isa: I,
    mut sums: Tile<I, W, S>,
    vectors: &[[f32; W]],
    rows: [&[f32]; S],
) -> Tile<I, W, S> {
    let mut equal = [&[][..]; S];
    for (equal, row) in equal.iter_mut().zip(rows) {
        let Some(row) = row.get(..vectors.len()) else { return sums };
        *equal = row;
    }
    // All of one length, so that the compiler sees that no look below can fail.
    for place in 0..vectors.len() {
        let Some(vector) = vectors.get(place) else { break };
        let vector = isa.load(vector);
        for (sum, row) in sums.iter_mut().zip(&equal) {
            let Some(&scalar) = row.get(place) else { break };
            *sum = *sum + vector * isa.splat(scalar);
        }
    }
    sums
}

/// How many rows to take at once when `left` remain and `most` sums fit in registers.
#[inline(always)]
const fn block(left: usize, most: usize) -> usize {
    if most >= 10 && left >= 10 {
        10
    } else if most == ROWS && left >= ROWS {
        ROWS
    } else if most >= 4 && left >= 4 {
        4
    } else if left >= 2 {
        2
    } else {
        1
    }
}

/// Calls `$kernel::<.., S>` for blocks of S of the `$left` rows, as many as fit in registers.
macro_rules! blocks {
    ($I:ident, $W:ident, $left:expr, $kernel:ident $arguments:tt) => {{
        let mut left = $left;
        while left > 0 {
            let taken = block(left, <$I as Lanes<$W>>::SUMS);
            match taken {
                10 => $kernel::<$I, $W, 10> $arguments,
                4 => $kernel::<$I, $W, 4> $arguments,
                2 => $kernel::<$I, $W, 2> $arguments,
                _ => $kernel::<$I, $W, 1> $arguments,
            }
            left -= taken;
        }
    }};
}

/// Takes the first `S` rows of `width` numbers.
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
pub(crate) fn forward(
    isa: impl Registers,
    layer: Layer,
    parameters: &[f32],
    samples: usize,
    x: &[f32],
    z: &mut [f32],
) {
    walk(layer.fan_out, Forward { isa, layer, parameters, samples, x, z });
}

struct Forward<'k, I> {
    isa: I,
    layer: Layer,
    parameters: &'k [f32],
    samples: usize,
    x: &'k [f32],
    z: &'k mut [f32],
}

impl<I: Registers> Panels<I> for Forward<'_, I> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let Layer { fan_in, fan_out, .. } = self.layer;
        let size = (fan_in + 1) * W;
        let Some((panel, rest)) = self.parameters.split_at_checked(size) else { return };
        self.parameters = rest;
        let Some((bias, weights)) = panel.as_chunks::<W>().0.split_last() else { return };
        let mut x = self.x;
        let mut z = self.z.chunks_exact_mut(fan_out.max(1));
        let (isa, x, z) = (self.isa, &mut x, &mut z);
        blocks!(I, W, self.samples, block_forward(isa, weights, bias, x, z, first));
    }
}

#[inline(always)]
fn block_forward<'z, I: Lanes<W>, const W: usize, const S: usize>(
    isa: I,
    weights: &[[f32; W]],
    bias: &[f32; W],
    x: &mut &[f32],
    z: &mut impl Iterator<Item = &'z mut [f32]>,
    first: usize,
) {
    let x = take_rows::<S>(x, weights.len());
    let sums = add_all(isa, [isa.splat(0.0); S], weights, x);
    let bias = isa.load(bias);
    for (sum, z) in sums.into_iter().zip(z) {
        let Some(z) = lanes_mut::<W>(z, first) else { return };
        *z = isa.store(sum + bias);
    }
}

/// `e = d W'` for `samples` samples: what reaches the layer's inputs, before their slope.
#[inline(always)]
pub(crate) fn backward(
    isa: impl Registers,
    layer: Layer,
    parameters: &[f32],
    samples: usize,
    d: &[f32],
    e: &mut [f32],
) {
    e.fill(0.0);
    walk(layer.fan_out, Backward { isa, layer, parameters, samples, d, e });
}

struct Backward<'k, I> {
    isa: I,
    layer: Layer,
    parameters: &'k [f32],
    samples: usize,
    d: &'k [f32],
    e: &'k mut [f32],
}

impl<I: Registers> Panels<I> for Backward<'_, I> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>,
    {
        let size = (self.layer.fan_in + 1) * W;
        let Some((panel, rest)) = self.parameters.split_at_checked(size) else { return };
        self.parameters = rest;
        let Some((_, weights)) = panel.as_chunks::<W>().0.split_last() else { return };
        let weights = self.squares::<W, 16>(weights, first);
        let weights = self.squares::<W, 8>(weights, first);
        let weights = self.squares::<W, 4>(weights, first);
        self.singles(weights, first);
    }
}

impl<I: Registers> Backward<'_, I> {
    /// Adds a panel's part to the first inputs, in squares of `T` inputs and `T` outputs. A
    /// square is transposed first, so that a register holds `T` inputs and each sums on its own.
    /// Returns the rows of the inputs that are left.
    #[inline(always)]
    fn squares<'w, const W: usize, const T: usize>(
        &mut self,
        weights: &'w [[f32; W]],
        first: usize,
    ) -> &'w [[f32; W]]
    where
        I: Lanes<T>,
    {
        if W < T || !<I as Lanes<T>>::NATIVE {
            return weights;
        }
        let Layer { fan_in, .. } = self.layer;
        let isa = self.isa;
        let (blocks, rest) = weights.as_chunks::<T>();
        let mut input = fan_in - weights.len();
        for block in blocks {
            for column in (0..W).step_by(T) {
                let by_output = square(isa, block, column);
                let (d, e, output) = (&mut &*self.d, &mut &mut *self.e, first + column);
                blocks!(
                    I,
                    T,
                    self.samples,
                    block_backward(isa, self.layer, &by_output, d, output, e, input)
                );
            }
            input += T;
        }
        rest
    }

    /// The same for the last inputs, one by one.
    #[inline(always)]
    fn singles<const W: usize>(&mut self, weights: &[[f32; W]], first: usize) {
        let Layer { fan_in, fan_out, .. } = self.layer;
        let input = fan_in - weights.len();
        let samples = self.d.chunks_exact(fan_out.max(1));
        for (d, e) in samples.zip(self.e.chunks_exact_mut(fan_in.max(1))).take(self.samples) {
            let Some(d) = lanes::<W>(d, first) else { return };
            for (e, row) in e.iter_mut().skip(input).zip(weights) {
                for (d, w) in d.iter().zip(row) {
                    *e += w * d;
                }
            }
        }
    }
}

/// The weights of `T` inputs to `T` outputs from `column` on, by output.
#[inline(always)]
fn square<I: Lanes<T>, const W: usize, const T: usize>(
    isa: I,
    block: &[[f32; W]; T],
    column: usize,
) -> [[f32; T]; T] {
    let mut rows = [isa.splat(0.0); T];
    for (row, weights) in rows.iter_mut().zip(block) {
        if let Some(weights) = lanes::<T>(weights, column) {
            *row = isa.load(weights);
        }
    }
    let mut by_output = [[0.0; T]; T];
    for (slot, row) in by_output.iter_mut().zip(isa.transpose(rows)) {
        *slot = isa.store(row);
    }
    by_output
}

#[inline(always)]
fn block_backward<I: Lanes<T>, const T: usize, const S: usize>(
    isa: I,
    layer: Layer,
    by_output: &[[f32; T]; T],
    d: &mut &[f32],
    output: usize,
    e: &mut &mut [f32],
    input: usize,
) {
    let mut deltas = take_rows::<S>(d, layer.fan_out);
    for row in &mut deltas {
        *row = row.get(output..).unwrap_or_default();
    }
    let taken = core::mem::take(e).split_at_mut_checked(S * layer.fan_in);
    let Some((own, rest)) = taken else { return };
    *e = rest;
    let mut sums = [isa.splat(0.0); S];
    for (sum, e) in sums.iter_mut().zip(own.chunks_exact(layer.fan_in.max(1))) {
        let Some(e) = lanes::<T>(e, input) else { return };
        *sum = isa.load(e);
    }
    let sums = add_all(isa, sums, by_output, deltas);
    for (sum, e) in sums.into_iter().zip(own.chunks_exact_mut(layer.fan_in.max(1))) {
        let Some(e) = lanes_mut::<T>(e, input) else { return };
        *e = isa.store(sum);
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
    walk(layer.fan_out, Gradient { isa, layer, parameters, offset: 0, x, d, update });
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

/// Rows of weights whose gradients are summed side by side at most.
const ROWS: usize = 8;

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
        let Layer { fan_in, fan_out, .. } = self.layer;
        let size = (fan_in + 1) * W;
        let parameters = core::mem::take(&mut self.parameters);
        let Some((panel, rest)) = parameters.split_at_mut_checked(size) else { return };
        self.parameters = rest;
        let Some((bias, mut weights)) = panel.as_chunks_mut::<W>().0.split_last_mut() else {
            return;
        };
        let x = self.x.chunks_exact(fan_in.max(1));
        let samples = x.zip(self.d.chunks_exact(fan_out.max(1)));
        let mut input = 0;
        let mut sums = [[0.0; W]; ROWS];
        loop {
            let left = weights.len();
            let rows = block(left, <I as Lanes<W>>::SUMS.min(ROWS));
            match rows {
                _ if left == 0 => block_bias(self.isa, self.d, fan_out, first, &mut sums),
                8 => block_gradient::<I, W, 8>(self.isa, samples.clone(), input, first, &mut sums),
                4 => block_gradient::<I, W, 4>(self.isa, samples.clone(), input, first, &mut sums),
                2 => block_gradient::<I, W, 2>(self.isa, samples.clone(), input, first, &mut sums),
                _ => block_gradient::<I, W, 1>(self.isa, samples.clone(), input, first, &mut sums),
            }
            // One call for all, as each is a copy of every optimizer.
            let biases = left == 0;
            let (parameters, rest) = if biases {
                (core::slice::from_mut(bias), &mut [][..])
            } else {
                core::mem::take(&mut weights).split_at_mut_checked(rows).unwrap_or_default()
            };
            weights = rest;
            let Some(gradients) = sums.get_mut(..parameters.len()) else { return };
            let (layer, offset) = (self.layer, self.offset);
            self.offset += parameters.as_flattened().len();
            self.update.run(self.isa, Run { layer, offset, parameters, gradients, biases });
            if biases {
                return;
            }
            input += rows;
        }
    }
}

/// The gradients of `R` inputs' weights to `W` outputs.
#[inline(always)]
fn block_gradient<'s, I: Lanes<W>, const W: usize, const R: usize>(
    isa: I,
    samples: impl Iterator<Item = (&'s [f32], &'s [f32])>,
    input: usize,
    first: usize,
    gradients: &mut [[f32; W]],
) {
    let mut sums = [isa.splat(-0.0); R];
    for (x, d) in samples {
        let (Some(x), Some(d)) = (lanes::<R>(x, input), lanes::<W>(d, first)) else { break };
        add_one(isa, &mut sums, d, *x);
    }
    for (gradient, sum) in gradients.iter_mut().zip(sums) {
        *gradient = isa.store(sum);
    }
}

/// The gradients of `W` biases.
#[inline(always)]
fn block_bias<I: Lanes<W>, const W: usize>(
    isa: I,
    d: &[f32],
    fan_out: usize,
    first: usize,
    gradients: &mut [[f32; W]],
) {
    let mut sum = isa.splat(-0.0);
    for d in d.chunks_exact(fan_out.max(1)) {
        let Some(d) = lanes::<W>(d, first) else { break };
        sum = sum + isa.load(d);
    }
    if let Some(gradient) = gradients.first_mut() {
        *gradient = isa.store(sum);
    }
}
