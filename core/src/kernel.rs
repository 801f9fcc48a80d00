//! The loops that take nearly all the time: forward, backward, gradient and update of one layer.
//!
//! # Layout of a layer
//! Outputs are cut into panels of 16, and what is left into one of 8, 4, 2 and 1 as needed. A
//! panel of `W` outputs holds a row of `W` weights for each input and, last, its row of biases:
//! ```text
//! layer   | panel: outputs 0..16      | panel: outputs 16..24   | ...
//! panel   | input 0 | input 1 | ..    | bias |      each row: W numbers, side by side
//! ```
//! A row is a vector register (or two, or four), rows follow each other as the loops read them,
//! and no number is padding.
//!
//! What a net takes and gives is sample-major, `[sample][unit]`. Where there are vector registers
//! ([`IN_PANELS`]) values between its layers, and their deltas, lie in panels too, with a row for
//! each sample; else they are sample-major as well. For one sample, or for as many units as a panel
//! has, both are the same.
//!
//! # Order of operations
//! This is the definition that every target computes, whatever its registers:
//! - forward: `z_j = ((0 + w_0j x_0) + w_1j x_1) + .. + b_j`, inputs ascending, bias last;
//! - backward: `e_i = ((0 + w_i0 d_0) + w_i1 d_1) + ..`, outputs ascending, with the weights
//!   from before the update;
//! - gradient: `g_ij = ((-0 + x_i d_j of sample 0) + x_i d_j of sample 1) + ..`, samples
//!   ascending; a bias has `x = 1`. Adding to -0 changes nothing, so that one sample's gradient
//!   is the product itself.
//!
//! - plain descent: `w_ij -= g_ij`, where `g` is the gradient of `rate d`; backward sees the
//!   weights from before it.
//!
//! Lanes hold different outputs (or inputs) and never parts of one sum; no product is fused
//! with an addition. So neither the width of a register nor the number of threads can show.

use crate::FULL;
use crate::lanes::{Lanes, Registers};
use crate::shape::Layer;

// Each is compiled where it pays, and all for tests, which compare them.
#[cfg(any(test, all(target_arch = "arm", target_abi = "eabihf")))]
mod narrow;
#[cfg(any(test, all(target_arch = "arm", not(target_abi = "eabihf"))))]
mod soft;
#[cfg(any(test, not(target_arch = "arm")))]
mod wide;

#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
pub(crate) use narrow::{backward, descend, forward, gradient};
#[cfg(all(target_arch = "arm", not(target_abi = "eabihf")))]
pub(crate) use soft::{backward, descend, forward, gradient};
#[cfg(not(target_arch = "arm"))]
pub(crate) use wide::{backward, forward, gradient, room};

/// Whether the kernels want values and deltas in panels.
pub(crate) const IN_PANELS: bool = cfg!(not(target_arch = "arm"));

/// Numbers of room that the backward pass of a layer needs.
#[cfg(target_arch = "arm")]
pub(crate) const fn room(_: usize) -> usize {
    0
}

/// Whether panels of these values are laid out otherwise than samples one after the other.
#[inline(always)]
pub(crate) const fn differs(units: usize, samples: usize) -> bool {
    IN_PANELS && samples > 1 && units > 0 && panel_width(units) != units
}

/// Lays `[sample][unit]` in panels of `stride` rows.
#[cfg(any(test, not(target_arch = "arm")))]
pub(crate) fn pack(units: usize, by_sample: &[f32], stride: usize, in_panels: &mut [f32]) {
    for (first, width) in panels(units) {
        let panel = in_panels.get_mut(first.saturating_mul(stride)..).unwrap_or_default();
        let samples = by_sample.chunks_exact(units.max(1));
        for (row, sample) in panel.chunks_exact_mut(width).zip(samples) {
            row.iter_mut().zip(sample.iter().skip(first)).for_each(|(own, other)| *own = *other);
        }
    }
}

/// Lays panels of `stride` rows out as `[sample][unit]`.
#[cfg(any(test, not(target_arch = "arm")))]
pub(crate) fn unpack(units: usize, in_panels: &[f32], stride: usize, by_sample: &mut [f32]) {
    for (first, width) in panels(units) {
        let panel = in_panels.get(first.saturating_mul(stride)..).unwrap_or_default();
        let samples = by_sample.chunks_exact_mut(units.max(1));
        for (row, sample) in panel.chunks_exact(width).zip(samples) {
            sample.iter_mut().skip(first).zip(row).for_each(|(own, other)| *own = *other);
        }
    }
}

/// Whether `descend` is more than its definition, and there is flash to spend on it.
pub(crate) const FUSED: bool = FULL && cfg!(target_arch = "arm");

/// Shows `each` what belongs together of values of some samples and of as many or more.
#[cfg(not(target_arch = "arm"))]
#[inline(always)]
pub(crate) fn zip_panels(
    units: usize,
    mut some: &mut [f32],
    mut others: &[f32],
    mut each: impl FnMut(&mut [f32], &[f32]),
) {
    if some.len() == others.len() {
        return each(some, others);
    }
    let (few, many) = (some.len() / units.max(1), others.len() / units.max(1));
    for (_, width) in panels(units) {
        let own = some.split_off_mut(..few.saturating_mul(width));
        let (Some(own), Some(other)) = (own, others.split_off(..many.saturating_mul(width))) else {
            return;
        };
        each(own, other);
    }
}

/// One kernel, called for each panel of a layer's units from the first unit to the last.
pub(crate) trait Panels<I> {
    /// Whether two panels of 16 are better taken together.
    const PAIRS: bool = false;

    /// `first` is the panel's first unit, `W` its width.
    fn panel<const W: usize>(&mut self, first: usize)
    where
        I: Lanes<W>;

    /// Two panels of 16.
    #[inline(always)]
    fn pair(&mut self, _first: usize)
    where
        I: Lanes<16>,
    {
    }
}

/// Shows `kernel` every panel: one copy of it for each width. Only the widest come in loops: what a
/// loop may need is worked out before it, also for a width that does not come.
///
/// A Cortex-M has no vectors, and kernels of their own: what walks there, the mixer's columns, gets
/// each unit as a panel of 1.
#[inline(always)]
pub(crate) fn walk<I: Registers, K: Panels<I>>(units: usize, mut kernel: K) {
    let mut first = 0;
    if cfg!(target_arch = "arm") {
        (0..units).for_each(|unit| kernel.panel::<1>(unit));
        return;
    }
    while K::PAIRS && units - first >= 32 {
        kernel.pair(first);
        first += 32;
    }
    while units - first >= 16 {
        kernel.panel::<16>(first);
        first += 16;
    }
    if units - first >= 8 {
        kernel.panel::<8>(first);
        first += 8;
    }
    if units - first >= 4 {
        kernel.panel::<4>(first);
        first += 4;
    }
    if units - first >= 2 {
        kernel.panel::<2>(first);
        first += 2;
    }
    if units - first >= 1 {
        kernel.panel::<1>(first);
    }
}

/// The width of the panel that starts with `left` outputs to go.
const fn panel_width(left: usize) -> usize {
    if left >= 16 { 16 } else { 1 << left.ilog2() }
}

/// The panels of a layer as (first output, width).
fn panels(fan_out: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    core::iter::from_fn(move || {
        let left = fan_out.checked_sub(first).filter(|&left| left > 0)?;
        let width = panel_width(left);
        first += width;
        Some((first - width, width))
    })
}

/// The place in memory of the weight from `input` to `output`, counted within the layer;
/// `input == fan_in` is the bias. `None` when there is no such weight.
pub(crate) fn place(layer: Layer, input: usize, output: usize) -> Option<usize> {
    let (first, width) = panels(layer.fan_out).find(|(first, width)| output < first + width)?;
    let rows = layer.fan_in.checked_add(1)?;
    (input < rows).then(|| rows * first + input * width + (output - first))
}

/// Rows of parameters that follow each other in a panel, `W` wide, and their gradients.
pub(crate) struct Run<'r, const W: usize> {
    /// The layer that they belong to.
    pub(crate) layer: Layer,
    /// Place of the first one within the layer.
    pub(crate) offset: usize,
    pub(crate) parameters: &'r mut [[f32; W]],
    pub(crate) gradients: &'r mut [[f32; W]],
    /// Whether they are biases; else they are weights.
    pub(crate) biases: bool,
}

/// What is done with each parameter and its gradient.
pub(crate) trait Update<I> {
    /// Comes for every parameter of a layer once.
    fn run<const W: usize>(&mut self, isa: I, run: Run<'_, W>)
    where
        I: Lanes<W>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Portable, Work};

    #[test]
    fn panels_cover_every_output_once() {
        for fan_out in 0..70 {
            let mut next = 0;
            for (first, width) in panels(fan_out) {
                assert_eq!(first, next);
                next += width;
            }
            assert_eq!(next, fan_out);
        }
    }

    #[test]
    fn every_parameter_has_its_own_place() {
        let layer = Layer { fan_in: 3, fan_out: 29, below: 0, last: false };
        let mut seen = [false; 4 * 29];
        for input in 0..=3 {
            for output in 0..29 {
                let place = place(layer, input, output).unwrap();
                assert!(!core::mem::replace(&mut seen[place], true));
            }
        }
        assert_eq!(place(layer, 4, 0), None);
        assert_eq!(place(layer, 0, 29), None);
    }

    /// Numbers that no two operations treat alike.
    fn ordinary(count: usize, seed: u64) -> std::vec::Vec<f32> {
        let mut stream = crate::rng::Stream::new(seed, 0);
        (0..count).map(|_| stream.symmetric(2.0)).collect()
    }

    /// Numbers among which are zeros of both signs, infinities, NaN, tiny and huge ones.
    fn any(count: usize, seed: u64) -> std::vec::Vec<f32> {
        const ODD: [f32; 12] = [
            0.0,
            -0.0,
            f32::MIN_POSITIVE,
            -1e-45,
            1e-44,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            f32::MAX,
            1e19,
            -1e-19,
            0.0,
        ];
        let mut stream = crate::rng::Stream::new(seed, 1);
        let mut number = || match stream.below(60) {
            odd @ 0..12 => ODD[odd as usize],
            12..20 => 0.0,
            _ => stream.symmetric(2.0),
        };
        (0..count).map(|_| number()).collect()
    }

    /// Their bits, where every NaN counts as the same.
    fn bits(numbers: &[f32]) -> std::vec::Vec<u32> {
        let one = |number: &f32| if number.is_nan() { f32::NAN } else { *number };
        numbers.iter().map(|number| one(number).to_bits()).collect()
    }

    /// A set of kernels: forward, backward, gradient, descent.
    type Kernels = (
        fn(Layer, &[f32], usize, &[f32], &mut [f32]),
        fn(Layer, &[f32], usize, &[f32], &mut [f32]),
        fn(Layer, &mut [f32], &[f32], &[f32], Keep<'_>),
        fn(Layer, &mut [f32], f32, usize, &[f32], &mut [f32], Option<&mut [f32]>),
    );

    macro_rules! kernels {
        ($set:ident) => {
            (
                |layer, own, samples, x, z| $set::forward(Portable, layer, own, samples, x, z),
                |layer, own, samples, d, e| $set::backward(Portable, layer, own, samples, d, e),
                |layer, own, x, d, update| $set::gradient(Portable, layer, own, x, d, update),
                |layer, own, rate, samples, x, d, e| {
                    $set::descend(Portable, layer, own, rate, samples, x, d, e);
                },
            )
        };
    }

    /// Samples in panels, with some rows more than there are samples.
    fn panels_of(units: usize, by_sample: &[f32], more: usize) -> std::vec::Vec<f32> {
        let mut values = std::vec![f32::NAN; by_sample.len() + more * units];
        pack(units, by_sample, by_sample.len() / units + more, &mut values);
        values
    }

    fn samples_of(units: usize, in_panels: &[f32], by_sample: &mut [f32]) {
        unpack(units, in_panels, in_panels.len() / units, by_sample);
    }

    /// Plain arrays in place of the registers of an instruction set that takes `S` samples at once:
    /// 10 with AVX-512, 5 with AVX2, else 2.
    #[derive(Clone, Copy)]
    struct Samples<const S: usize>;

    impl<const S: usize, const W: usize> Lanes<W> for Samples<S> {
        type Register = <Portable as Lanes<W>>::Register;

        const NATIVE: bool = match S {
            10 => W <= 16,
            5 => W <= 8,
            _ => W <= 4,
        };

        fn splat(self, x: f32) -> Self::Register {
            Portable.splat(x)
        }

        fn load(self, numbers: &[f32; W]) -> Self::Register {
            Portable.load(numbers)
        }

        fn store(self, register: Self::Register) -> [f32; W] {
            Portable.store(register)
        }
    }

    impl<const S: usize> Registers for Samples<S> {
        const SAMPLES: usize = S;

        fn apart(self, work: impl Work) {
            work.run(self);
        }
    }

    /// Those that want panels; for the gradients there are more samples than are learned from.
    const fn wide<const S: usize>() -> Kernels {
        (
            |layer, own, samples, x, z| {
                let (x, mut values) = (panels_of(layer.fan_in, x, 0), std::vec![f32::NAN; z.len()]);
                wide::forward(Samples::<S>, layer, own, samples, &x, &mut values);
                samples_of(layer.fan_out, &values, z);
            },
            |layer, own, samples, d, e| send_back::<S>(layer, own, samples, d, e),
            |layer, own, x, d, update| {
                let (x, d) = (panels_of(layer.fan_in, x, 2), panels_of(layer.fan_out, d, 0));
                wide::gradient(Samples::<S>, layer, own, &x, &d, update);
            },
            // As it is defined.
            |layer, own, rate, samples, x, d, e| {
                if let Some(e) = e {
                    send_back::<S>(layer, own, samples, d, e);
                }
                let (x, mut d) = (panels_of(layer.fan_in, x, 2), panels_of(layer.fan_out, d, 0));
                d.iter_mut().for_each(|d| *d *= rate);
                wide::gradient(Samples::<S>, layer, own, &x, &d, Subtract);
            },
        )
    }

    fn send_back<const S: usize>(
        layer: Layer,
        own: &[f32],
        samples: usize,
        d: &[f32],
        e: &mut [f32],
    ) {
        let (d, mut values) = (panels_of(layer.fan_out, d, 0), std::vec![f32::NAN; e.len()]);
        let mut room = std::vec![f32::NAN; wide::room(layer.fan_out)];
        wide::backward(Samples::<S>, layer, own, samples, &d, &mut values, &mut room);
        samples_of(layer.fan_in, &values, e);
    }

    /// What `kernels` make of numbers: outputs, errors, gradients; then the parameters after
    /// descent, and the errors it sends back.
    fn results(
        (forward, backward, gradient, descend): Kernels,
        layer: Layer,
        samples: usize,
        numbers: fn(usize, u64) -> std::vec::Vec<f32>,
    ) -> [std::vec::Vec<u32>; 6] {
        let Layer { fan_in, fan_out, .. } = layer;
        let parameters = numbers(layer.parameters(), 1);
        let (x, d) = (numbers(samples * fan_in, 2), numbers(samples * fan_out, 3));

        let mut z = std::vec![f32::NAN; samples * fan_out];
        forward(layer, &parameters, samples, &x, &mut z);
        let mut e = std::vec![f32::NAN; samples * fan_in];
        backward(layer, &parameters, samples, &d, &mut e);
        let mut gradients = std::vec![None; layer.parameters()];
        gradient(layer, &mut parameters.clone(), &x, &d, Keep(&mut gradients));
        let gradients: Option<std::vec::Vec<f32>> = gradients.into_iter().collect();
        let mut alone = parameters.clone();
        descend(layer, &mut alone, 0.1, samples, &x, &mut d.clone(), None);
        let (mut moved, mut d) = (parameters, d);
        let mut sent = std::vec![f32::NAN; samples * fan_in];
        descend(layer, &mut moved, 0.1, samples, &x, &mut d, Some(&mut sent));
        [z, e, gradients.unwrap(), alone, moved, sent].map(|numbers| bits(&numbers))
    }

    /// Takes the gradients from the parameters.
    struct Subtract;

    impl<I> Update<I> for Subtract {
        fn run<const W: usize>(&mut self, _: I, run: Run<'_, W>)
        where
            I: Lanes<W>,
        {
            let own = run.parameters.as_flattened_mut().iter_mut();
            own.zip(run.gradients.as_flattened()).for_each(|(w, g)| *w -= g);
        }
    }

    /// Writes the gradients down, each in its place.
    struct Keep<'k>(&'k mut [Option<f32>]);

    impl<I> Update<I> for Keep<'_> {
        fn run<const W: usize>(&mut self, _: I, run: Run<'_, W>)
        where
            I: Lanes<W>,
        {
            let own = self.0[run.offset..].iter_mut();
            for (slot, gradient) in own.zip(run.gradients.as_flattened()) {
                let before = slot.replace(*gradient);
                assert_eq!(before, None, "a gradient after {} comes twice", run.offset);
            }
        }
    }

    #[test]
    fn all_kernels_give_the_same_bits() {
        let (narrow, soft): (Kernels, Kernels) = (kernels!(narrow), kernels!(soft));
        for (fan_in, fan_out) in [(1, 1), (3, 31), (16, 16), (56, 24), (9, 8), (40, 7), (47, 79)] {
            let layer = Layer { fan_in, fan_out, below: 0, last: false };
            for samples in [1, 4, 5, 10, 13] {
                for numbers in [ordinary, any] {
                    let narrow = results(narrow, layer, samples, numbers);
                    let what = std::format!("{fan_in}-{fan_out}, {samples} samples");
                    assert_eq!(narrow, results(soft, layer, samples, numbers), "soft {what}");
                    for (at_once, wide) in [(2, wide::<2>()), (5, wide::<5>()), (10, wide::<10>())]
                    {
                        let wide = results(wide, layer, samples, numbers);
                        assert_eq!(narrow, wide, "wide, {at_once} at once, {what}");
                    }
                }
            }
        }
    }
}
