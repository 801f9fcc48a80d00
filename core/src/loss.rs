//! How wrong an output is, and which way it should move.

use crate::{Activation, FULL, math};

/// A loss, summed over a sample's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Loss {
    /// Half the squared distance, `sum_j (a_j - y_j)^2 / 2`, for any output.
    Squared,
    /// With softmax outputs `-sum_j y_j ln a_j`; with sigmoid outputs the sum of the binary
    /// cross-entropies `-y_j ln a_j - (1 - y_j) ln(1 - a_j)`. Needs one of the two.
    CrossEntropy,
}

/// Below this a probability counts as this, which bounds the loss of one output at 16.2.
const LEAST: f32 = 1e-7;

impl Loss {
    /// Whether this build has it; see the feature `full`.
    pub const fn is_built(self) -> bool {
        FULL || matches!(self, Self::Squared)
    }

    /// Whether the loss is defined for outputs of this activation.
    pub const fn suits(self, output: Activation) -> bool {
        match self {
            Self::Squared => true,
            Self::CrossEntropy => matches!(output, Activation::Sigmoid | Activation::Softmax),
        }
    }

    /// The loss of one sample whose outputs are `a` and should be `y`.
    #[cfg_attr(target_arch = "arm", inline(never))]
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    pub fn of(self, output: Activation, a: &[f32], y: &[f32]) -> f32 {
        let mut sum = 0.0;
        if self == Self::Squared || !FULL {
            a.iter().zip(y).for_each(|(a, y)| sum += (a - y) * (a - y));
            return 0.5 * sum;
        }
        let both = output != Activation::Softmax;
        for (&a, &y) in a.iter().zip(y) {
            sum -= surprise(y, a);
            if both {
                sum -= surprise(1.0 - y, 1.0 - a);
            }
        }
        sum
    }

    /// Writes the loss's slope by each output's sum: `delta_j = dL / dz_j`, for samples
    /// `width` wide.
    #[cfg_attr(target_arch = "arm", inline(never))]
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    pub(crate) fn deltas(
        self,
        output: Activation,
        a: &[f32],
        y: &[f32],
        width: usize,
        deltas: &mut [f32],
    ) {
        for ((delta, a), y) in deltas.iter_mut().zip(a).zip(y) {
            *delta = a - y;
        }
        // Behind softmax and sigmoid the cross-entropy's slope is a - y itself.
        if self == Self::Squared {
            output.chain(deltas, a);
            if FULL && output == Activation::Softmax {
                let width = width.max(1);
                let samples = deltas.chunks_exact_mut(width).zip(a.chunks_exact(width));
                samples.for_each(|(deltas, a)| through_softmax(deltas, a));
            }
        }
    }
}

/// `share * ln p`, the expected surprise at an event of probability `p`; NaN stays NaN.
#[inline(always)]
fn surprise(share: f32, p: f32) -> f32 {
    if share == 0.0 && p.is_finite() {
        return 0.0;
    }
    share * math::ln(if p < LEAST { LEAST } else { p })
}

/// Softmax's slope: `delta_j = a_j (e_j - sum_k e_k a_k)`.
fn through_softmax(deltas: &mut [f32], a: &[f32]) {
    let mut mean = 0.0;
    for (delta, a) in deltas.iter().zip(a) {
        mean += delta * a;
    }
    for (delta, a) in deltas.iter_mut().zip(a) {
        *delta = a * (*delta - mean);
    }
}
