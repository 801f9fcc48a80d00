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
//! and no number is padding. Samples and deltas are sample-major: `[sample][unit]`.
//!
//! # Order of operations
//! This is the definition that every target computes, whatever its registers:
//! - forward: `z_j = ((0 + w_0j x_0) + w_1j x_1) + .. + b_j`, inputs ascending, bias last;
//! - backward: `e_i = ((0 + w_i0 d_0) + w_i1 d_1) + ..`, outputs ascending, with the weights
//!   from before the update;
//! - gradient: `g_ij = ((0 + x_i d_j of sample 0) + x_i d_j of sample 1) + ..`, samples
//!   ascending; a bias has `x = 1`.
//!
//! Lanes hold different outputs (or inputs) and never parts of one sum; no product is fused
//! with an addition. So neither the width of a register nor the number of threads can show.

use crate::lanes::Lanes;
use crate::shape::Layer;

// Each is compiled where it pays, and both for tests, which compare them.
#[cfg(any(test, target_arch = "arm"))]
mod narrow;
#[cfg(any(test, not(target_arch = "arm")))]
mod wide;

#[cfg(target_arch = "arm")]
pub(crate) use narrow::{backward, forward, gradient};
#[cfg(not(target_arch = "arm"))]
pub(crate) use wide::{backward, forward, gradient};

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

impl<I, U: Update<I>> Update<I> for &mut U {
    #[inline(always)]
    fn run<const W: usize>(&mut self, isa: I, run: Run<'_, W>)
    where
        I: Lanes<W>,
    {
        (**self).run(isa, run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Portable;

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
    fn numbers(count: usize, seed: u64) -> std::vec::Vec<f32> {
        let mut stream = crate::rng::Stream::new(seed, 0);
        (0..count).map(|_| stream.symmetric(2.0)).collect()
    }

    fn bits(numbers: &[f32]) -> std::vec::Vec<u32> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    /// Writes the gradients down, each in its place.
    struct Keep<'k>(&'k mut [f32]);

    impl<I> Update<I> for Keep<'_> {
        fn run<const W: usize>(&mut self, _: I, run: Run<'_, W>)
        where
            I: Lanes<W>,
        {
            let own = self.0[run.offset..].iter_mut();
            for (slot, gradient) in own.zip(run.gradients.as_flattened()) {
                assert!(slot.is_nan(), "a gradient after {} comes twice", run.offset);
                *slot = *gradient;
            }
        }
    }

    #[test]
    fn narrow_and_wide_kernels_give_the_same_bits() {
        for (fan_in, fan_out) in [(1, 1), (3, 31), (16, 16), (56, 24), (9, 8), (40, 7)] {
            let layer = Layer { fan_in, fan_out, below: 0, last: false };
            for samples in [1, 4, 5, 10, 13] {
                let parameters = numbers(layer.parameters(), 1);
                let (x, d) = (numbers(samples * fan_in, 2), numbers(samples * fan_out, 3));

                let mut z = [(); 2].map(|()| std::vec![0.0; samples * fan_out]);
                wide::forward(Portable, layer, &parameters, samples, &x, &mut z[0]);
                narrow::forward(Portable, layer, &parameters, samples, &x, &mut z[1]);
                assert_eq!(bits(&z[0]), bits(&z[1]), "forward {fan_in}-{fan_out}, {samples}");

                let mut e = [(); 2].map(|()| std::vec![0.0; samples * fan_in]);
                wide::backward(Portable, layer, &parameters, samples, &d, &mut e[0]);
                narrow::backward(Portable, layer, &parameters, samples, &d, &mut e[1]);
                assert_eq!(bits(&e[0]), bits(&e[1]), "backward {fan_in}-{fan_out}, {samples}");

                let mut gradients = [(); 2].map(|()| std::vec![f32::NAN; layer.parameters()]);
                let mut own = parameters.clone();
                wide::gradient(Portable, layer, &mut own, &x, &d, Keep(&mut gradients[0]));
                narrow::gradient(Portable, layer, &mut own, &x, &d, Keep(&mut gradients[1]));
                assert_eq!(bits(&gradients[0]), bits(&gradients[1]), "gradient {samples}");
            }
        }
    }
}
