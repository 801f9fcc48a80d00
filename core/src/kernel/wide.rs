//! The kernels for vector registers: tiles of sums that stay in registers over blocks of samples
//! and inputs, a copy for each width of a panel.

use super::{Layer, Run, panel_width};

/// One kernel, called for each panel of a layer from the first output to the last. It holds the
/// parameters not yet visited and takes its panel from them.
trait Panels {
    /// `first` is the panel's first output, `W` its width.
    fn panel<const W: usize>(&mut self, first: usize);
}

/// Shows `kernel` every panel: one copy of it for each width.
#[inline(always)]
fn walk(fan_out: usize, mut kernel: impl Panels) {
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

/// Splits the first `S` rows of `width` numbers off `rest`.
#[inline(always)]
fn rows<'r, const S: usize>(rest: &mut &'r [f32], width: usize) -> Option<[&'r [f32]; S]> {
    let mut found = [&[][..]; S];
    for row in &mut found {
        (*row, *rest) = rest.split_at_checked(width)?;
    }
    Some(found)
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

/// `S` rows of `L` sums. All three kernels are sums of outer products, over inputs, outputs or
/// samples.
type Tile<const L: usize, const S: usize> = [[f32; L]; S];

/// Written out for each `S`, as compilers keep sums in registers only when no index into them
/// is left.
trait Outer<const L: usize, const S: usize>: Sized {
    /// Adds `vector * scalars[s]` to each row s, one step after the other.
    fn add<'v>(self, steps: impl Iterator<Item = (&'v [f32; L], [f32; S])>) -> Self;

    /// The scalars at `place` in each of `rows`.
    fn scalars(rows: [&[f32]; S], place: usize) -> Option<[f32; S]>;
}

macro_rules! outer {
    ($S:literal: $($sums:ident $scalar:ident),*) => {
        impl<const L: usize> Outer<L, $S> for Tile<L, $S> {
            #[inline(always)]
            fn add<'v>(self, steps: impl Iterator<Item = (&'v [f32; L], [f32; $S])>) -> Self {
                let [$(mut $sums),*] = self;
                for (vector, [$($scalar),*]) in steps {
                    $( axpy(&mut $sums, vector, $scalar); )*
                }
                [$($sums),*]
            }

            #[inline(always)]
            fn scalars(rows: [&[f32]; $S], place: usize) -> Option<[f32; $S]> {
                let [$($scalar),*] = rows;
                Some([$(*$scalar.get(place)?),*])
            }
        }
    };
}
outer!(5: a p, b q, c r, d s, e t);
outer!(4: a p, b q, c r, d s);
outer!(1: a p);

#[inline(always)]
fn axpy<const L: usize>(sums: &mut [f32; L], vector: &[f32; L], scalar: f32) {
    for (sum, v) in sums.iter_mut().zip(vector) {
        *sum += v * scalar;
    }
}

/// Adds the outer products of `vectors` with the scalars that stand at the same place in `rows`.
#[inline(always)]
fn add_all<const L: usize, const S: usize>(
    sums: Tile<L, S>,
    vectors: &[[f32; L]],
    rows: [&[f32]; S],
) -> Tile<L, S>
where
    Tile<L, S>: Outer<L, S>,
{
    let steps = vectors.iter().enumerate();
    sums.add(steps.map_while(|(place, v)| Some((v, Tile::<L, S>::scalars(rows, place)?))))
}

/// How many samples to take at once when `left` remain: enough sums to hide the latency of an
/// addition, few enough to stay in registers.
#[inline(always)]
const fn block(left: usize) -> usize {
    if left >= 10 || left == 5 {
        5
    } else if left >= 4 {
        4
    } else {
        1
    }
}

/// `z = x W + b` for `samples` samples.
#[inline(always)]
pub(crate) fn forward(layer: Layer, parameters: &[f32], samples: usize, x: &[f32], z: &mut [f32]) {
    walk(layer.fan_out, Forward { layer, parameters, samples, x, z });
}

struct Forward<'k> {
    layer: Layer,
    parameters: &'k [f32],
    samples: usize,
    x: &'k [f32],
    z: &'k mut [f32],
}

impl Panels for Forward<'_> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize) {
        let Layer { fan_in, fan_out, .. } = self.layer;
        let size = (fan_in + 1) * W;
        let Some((panel, rest)) = self.parameters.split_at_checked(size) else { return };
        self.parameters = rest;
        let Some((bias, weights)) = panel.as_chunks::<W>().0.split_last() else { return };
        let mut x = self.x;
        let mut z = self.z.chunks_exact_mut(fan_out.max(1));
        let mut left = self.samples;
        while left > 0 {
            let taken = block(left);
            match taken {
                5 => block_forward::<W, 5>(weights, bias, &mut x, fan_in, &mut z, first),
                4 => block_forward::<W, 4>(weights, bias, &mut x, fan_in, &mut z, first),
                _ => block_forward::<W, 1>(weights, bias, &mut x, fan_in, &mut z, first),
            }
            left -= taken;
        }
    }
}

#[inline(always)]
fn block_forward<'z, const W: usize, const S: usize>(
    weights: &[[f32; W]],
    bias: &[f32; W],
    x: &mut &[f32],
    fan_in: usize,
    z: &mut impl Iterator<Item = &'z mut [f32]>,
    first: usize,
) where
    Tile<W, S>: Outer<W, S>,
{
    let Some(x) = rows::<S>(x, fan_in) else { return };
    let sums = add_all([[0.0; W]; S], weights, x);
    for (sums, z) in sums.iter().zip(z) {
        let Some(z) = lanes_mut::<W>(z, first) else { return };
        for ((z, sum), bias) in z.iter_mut().zip(sums).zip(bias) {
            *z = sum + bias;
        }
    }
}

/// `e = d W'` for `samples` samples: what reaches the layer's inputs, before their slope.
#[inline(always)]
pub(crate) fn backward(layer: Layer, parameters: &[f32], samples: usize, d: &[f32], e: &mut [f32]) {
    e.fill(0.0);
    walk(layer.fan_out, Backward { layer, parameters, samples, d, e });
}

struct Backward<'k> {
    layer: Layer,
    parameters: &'k [f32],
    samples: usize,
    d: &'k [f32],
    e: &'k mut [f32],
}

impl Panels for Backward<'_> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize) {
        let size = (self.layer.fan_in + 1) * W;
        let Some((panel, rest)) = self.parameters.split_at_checked(size) else { return };
        self.parameters = rest;
        let Some((_, weights)) = panel.as_chunks::<W>().0.split_last() else { return };
        let mut input = 0;
        let (blocks, weights) = weights.as_chunks::<16>();
        for weights in blocks {
            self.inputs::<W, 16>(weights, first, input);
            input += 16;
        }
        let (blocks, weights) = weights.as_chunks::<8>();
        for weights in blocks {
            self.inputs::<W, 8>(weights, first, input);
            input += 8;
        }
        for weights in weights {
            self.inputs::<W, 1>(core::array::from_ref(weights), first, input);
            input += 1;
        }
    }
}

impl Backward<'_> {
    /// Adds a panel's part to `L` inputs from `input` on. The block of weights is transposed
    /// first, so that a register holds `L` inputs and each sums on its own.
    #[inline(always)]
    fn inputs<const W: usize, const L: usize>(
        &mut self,
        weights: &[[f32; W]; L],
        first: usize,
        input: usize,
    ) {
        let Layer { fan_in, fan_out, .. } = self.layer;
        let mut by_output = [[0.0; L]; W];
        for (lane, row) in weights.iter().enumerate() {
            for (column, &weight) in by_output.iter_mut().zip(row) {
                if let Some(slot) = column.get_mut(lane) {
                    *slot = weight;
                }
            }
        }
        let mut d = self.d;
        let mut e = self.e.chunks_exact_mut(fan_in.max(1));
        let mut left = self.samples;
        while left > 0 {
            let taken = block(left);
            match taken {
                5 => block_backward::<W, L, 5>(&by_output, &mut d, fan_out, first, &mut e, input),
                4 => block_backward::<W, L, 4>(&by_output, &mut d, fan_out, first, &mut e, input),
                _ => block_backward::<W, L, 1>(&by_output, &mut d, fan_out, first, &mut e, input),
            }
            left -= taken;
        }
    }
}

#[inline(always)]
fn block_backward<'e, const W: usize, const L: usize, const S: usize>(
    by_output: &[[f32; L]; W],
    d: &mut &[f32],
    fan_out: usize,
    first: usize,
    e: &mut impl Iterator<Item = &'e mut [f32]>,
    input: usize,
) where
    Tile<L, S>: Outer<L, S>,
{
    let Some(d) = rows::<S>(d, fan_out) else { return };
    let mut deltas = [&[][..]; S];
    for (deltas, row) in deltas.iter_mut().zip(d) {
        let Some(lanes) = lanes::<W>(row, first) else { return };
        *deltas = lanes;
    }
    let mut slots = [const { None }; S];
    let mut sums = [[0.0; L]; S];
    for ((slot, sums), e) in slots.iter_mut().zip(&mut sums).zip(e) {
        let Some(lanes) = lanes_mut::<L>(e, input) else { return };
        *sums = *lanes;
        *slot = Some(lanes);
    }
    let sums = add_all(sums, by_output, deltas);
    for (slot, sums) in slots.into_iter().zip(sums) {
        if let Some(slot) = slot {
            *slot = sums;
        }
    }
}

/// Sums each parameter's gradient over `samples` samples and shows it, with the parameter, to
/// `update`; every parameter once.
#[inline(always)]
pub(crate) fn gradient(
    layer: Layer,
    parameters: &mut [f32],
    x: &[f32],
    d: &[f32],
    update: impl FnMut(Run<'_>),
) {
    walk(layer.fan_out, Gradient { layer, parameters, offset: 0, x, d, update });
}

/// A step of plain descent; `e` is what [`backward`] leaves, where it is wanted, and `d` becomes
/// `rate d`.
#[inline(always)]
pub(crate) fn descend(
    layer: Layer,
    parameters: &mut [f32],
    rate: f32,
    samples: usize,
    x: &[f32],
    d: &mut [f32],
    e: Option<&mut [f32]>,
) {
    if let Some(e) = e {
        backward(layer, parameters, samples, d, e);
    }
    d.iter_mut().for_each(|d| *d *= rate);
    gradient(layer, parameters, x, d, |run| {
        run.parameters.iter_mut().zip(run.gradients).for_each(|(w, g)| *w -= *g);
    });
}

/// Rows of weights whose gradients are summed side by side in registers.
const ROWS: usize = 4;

struct Gradient<'k, F> {
    layer: Layer,
    parameters: &'k mut [f32],
    offset: usize,
    x: &'k [f32],
    d: &'k [f32],
    update: F,
}

impl<F: FnMut(Run<'_>)> Panels for Gradient<'_, F> {
    #[inline(always)]
    fn panel<const W: usize>(&mut self, first: usize) {
        let size = (self.layer.fan_in + 1) * W;
        let parameters = core::mem::take(&mut self.parameters);
        let Some((panel, rest)) = parameters.split_at_mut_checked(size) else { return };
        self.parameters = rest;
        let Some((bias, weights)) = panel.as_chunks_mut::<W>().0.split_last_mut() else { return };
        let mut input = 0;
        let (blocks, weights) = weights.as_chunks_mut::<ROWS>();
        for weights in blocks {
            self.inputs(weights, first, input);
            input += ROWS;
        }
        for weights in weights {
            self.inputs(core::array::from_mut(weights), first, input);
            input += 1;
        }
        let mut sums = [-0.0; W];
        for d in self.d.chunks_exact(self.layer.fan_out.max(1)) {
            let Some(d) = lanes::<W>(d, first) else { return };
            for (sum, d) in sums.iter_mut().zip(d) {
                *sum += d;
            }
        }
        self.run(bias, &mut sums, true);
    }
}

impl<F: FnMut(Run<'_>)> Gradient<'_, F> {
    #[inline(always)]
    fn inputs<const W: usize, const R: usize>(
        &mut self,
        weights: &mut [[f32; W]; R],
        first: usize,
        input: usize,
    ) where
        Tile<W, R>: Outer<W, R>,
    {
        let Layer { fan_in, fan_out, .. } = self.layer;
        let samples = self.x.chunks_exact(fan_in.max(1)).zip(self.d.chunks_exact(fan_out.max(1)));
        let steps = samples.map_while(|(x, d)| Some((lanes(d, first)?, *lanes(x, input)?)));
        let mut sums = [[-0.0; W]; R].add(steps);
        self.run(weights.as_flattened_mut(), sums.as_flattened_mut(), false);
    }

    #[inline(always)]
    fn run(&mut self, parameters: &mut [f32], gradients: &mut [f32], biases: bool) {
        let offset = self.offset;
        self.offset += parameters.len();
        (self.update)(Run { offset, parameters, gradients, biases });
    }
}
