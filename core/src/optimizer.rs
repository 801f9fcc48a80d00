//! How gradients become steps. Definitions are PyTorch's (`torch.optim`), save the last two,
//! which are the reference program's and serve the paper preset only.

#[cfg(feature = "full")]
use crate::math;

/// A rule for the step of each parameter `w` with gradient `g`; `rate` is the learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs, reason = "the fields are named in each variant's formula")]
pub enum Optimizer {
    /// `w -= rate g`.
    Sgd { rate: f32 },
    /// `b = momentum b + g; w -= rate b`, or with Nesterov `w -= rate (g + momentum b)`.
    Momentum { rate: f32, momentum: f32, nesterov: bool },
    /// `s += g^2; w -= rate g / (sqrt s + eps)`.
    Adagrad { rate: f32, eps: f32 },
    /// `s = rho s + (1 - rho) g^2; d = sqrt(u + eps) / sqrt(s + eps) g;
    /// u = rho u + (1 - rho) d^2; w -= rate d`.
    Adadelta { rate: f32, rho: f32, eps: f32 },
    /// `s = decay s + (1 - decay) g^2; b = momentum b + g / (sqrt s + eps); w -= rate b`.
    RmsProp { rate: f32, decay: f32, momentum: f32, eps: f32 },
    /// `m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
    /// w -= rate / (1 - beta1^t) m / (sqrt v / sqrt(1 - beta2^t) + eps)`.
    Adam { rate: f32, beta1: f32, beta2: f32, eps: f32 },
    /// Each weight has a step size, first `rate`, times `grow` while the gradient keeps its
    /// sign and times `shrink` when it turns (and then the weight rests), within `least..most`.
    Rprop { rate: f32, shrink: f32, grow: f32, least: f32, most: f32 },
    /// `w -= rate g; w -= carry g(t-1)`: what the reference program calls momentum.
    PaperSgd { rate: f32, carry: f32 },
    /// `s = g^2` at first and then `decay s + (1 - decay) g^2`; `w -= rate g / sqrt(s + eps)`,
    /// at first without the divisor; then `w -= carry g(t-1) + lambda w(t-1)`.
    PaperRmsProp { rate: f32, decay: f32, eps: f32, carry: f32, lambda: f32 },
}

impl Optimizer {
    /// RMSprop at the rate that the study of defaults favours for these small nets.
    pub const RMSPROP: Self = Self::RmsProp { rate: 0.01, decay: 0.99, momentum: 0.0, eps: 1e-8 };

    /// Adam with its authors' betas (Kingma and Ba 2015).
    pub const ADAM: Self = Self::Adam { rate: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 };

    /// The same optimizer with another learning rate.
    pub const fn with_rate(mut self, new: f32) -> Self {
        match &mut self {
            Self::Sgd { rate }
            | Self::Momentum { rate, .. }
            | Self::Adagrad { rate, .. }
            | Self::Adadelta { rate, .. }
            | Self::RmsProp { rate, .. }
            | Self::Adam { rate, .. }
            | Self::Rprop { rate, .. }
            | Self::PaperSgd { rate, .. }
            | Self::PaperRmsProp { rate, .. } => *rate = new,
        }
        self
    }

    /// Whether this build has it; see the feature `full`.
    pub const fn is_built(self) -> bool {
        cfg!(feature = "full") || matches!(self, Self::Sgd { .. })
    }

    /// Numbers of memory for each parameter.
    pub const fn slots(self) -> usize {
        match self {
            Self::Sgd { .. } => 0,
            Self::Momentum { .. } | Self::Adagrad { .. } | Self::PaperSgd { .. } => 1,
            Self::RmsProp { momentum, .. } => {
                if momentum == 0.0 {
                    1
                } else {
                    2
                }
            }
            Self::Adadelta { .. }
            | Self::Adam { .. }
            | Self::Rprop { .. }
            | Self::PaperRmsProp { .. } => 2,
        }
    }

    /// The factor by which deltas may be scaled before gradients are summed, so that the sum
    /// is the step itself: plain SGD's rate, for the others 1.
    pub(crate) const fn carried(self) -> f32 {
        match self {
            Self::Sgd { rate } => rate,
            _ => 1.0,
        }
    }

    /// Whether a step is `w -= g`, with `g` scaled by [`Self::carried`], and no more.
    pub(crate) const fn is_plain(self, decay: f32) -> bool {
        matches!(self, Self::Sgd { .. }) && decay == 0.0
    }

    /// Moves the weights `w` by one step. `g` holds the gradients times [`Self::carried`],
    /// `first` and `second` the memory of the same weights (empty where there is none), `t`
    /// counts the steps from 1, and `decay` is the L2 penalty's factor.
    #[cfg_attr(target_arch = "arm", inline(never))]
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    pub(crate) fn step(
        self,
        t: u32,
        decay: f32,
        w: &mut [f32],
        g: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        if decay != 0.0 {
            let decay = decay * self.carried();
            for (g, w) in g.iter_mut().zip(w.iter()) {
                *g += decay * w;
            }
        }
        if let Self::Sgd { .. } = self {
            w.iter_mut().zip(g).for_each(|(w, g)| *w -= *g);
            return;
        }
        #[cfg(feature = "full")]
        self.step_by_memory(t, w, g, first, second);
        // A race with another optimizer is refused where it is not built.
        #[cfg(not(feature = "full"))]
        let _ = (t, first, second);
    }

    /// [`Self::step`] of all that is not plain SGD.
    #[cfg(feature = "full")]
    #[inline(always)]
    fn step_by_memory(
        self,
        t: u32,
        w: &mut [f32],
        g: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let one = w.iter_mut().zip(g);
        match self {
            Self::Sgd { .. } => {}
            Self::Momentum { rate, momentum, nesterov } => {
                for ((w, g), b) in one.zip(first) {
                    *b = momentum * *b + g;
                    *w -= rate * if nesterov { g + momentum * *b } else { *b };
                }
            }
            Self::Adagrad { rate, eps } => {
                for ((w, g), s) in one.zip(first) {
                    *s += g * g;
                    *w -= rate * g / (math::sqrt(*s) + eps);
                }
            }
            Self::Adadelta { rate, rho, eps } => {
                for (((w, g), s), u) in one.zip(first).zip(second) {
                    *s = rho * *s + (1.0 - rho) * (g * g);
                    let d = math::sqrt(*u + eps) / math::sqrt(*s + eps) * g;
                    *u = rho * *u + (1.0 - rho) * (d * d);
                    *w -= rate * d;
                }
            }
            Self::RmsProp { rate, decay, momentum: 0.0, eps } => {
                for ((w, g), s) in one.zip(first) {
                    *s = decay * *s + (1.0 - decay) * (g * g);
                    *w -= rate * (g / (math::sqrt(*s) + eps));
                }
            }
            Self::RmsProp { rate, decay, momentum, eps } => {
                for (((w, g), s), b) in one.zip(first).zip(second) {
                    *s = decay * *s + (1.0 - decay) * (g * g);
                    *b = momentum * *b + g / (math::sqrt(*s) + eps);
                    *w -= rate * *b;
                }
            }
            Self::Adam { rate, beta1, beta2, eps } => {
                let rate = rate / (1.0 - math::powi(beta1, t));
                let root = math::sqrt(1.0 - math::powi(beta2, t));
                for (((w, g), m), v) in one.zip(first).zip(second) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * (g * g);
                    *w -= rate * *m / (math::sqrt(*v) / root + eps);
                }
            }
            Self::Rprop { rate, shrink, grow, least, most } => {
                for (((w, g), before), size) in one.zip(first).zip(second) {
                    let agreement = g * *before;
                    let old = if t <= 1 { rate } else { *size };
                    let turned = agreement < 0.0;
                    let new = if agreement > 0.0 {
                        old * grow
                    } else if turned {
                        old * shrink
                    } else {
                        old
                    };
                    let new = if new > most { most } else { new };
                    *size = if new < least { least } else { new };
                    let g = if turned { 0.0 } else { *g };
                    if g > 0.0 {
                        *w -= *size;
                    } else if g < 0.0 {
                        *w += *size;
                    }
                    *before = g;
                }
            }
            Self::PaperSgd { rate, carry } => {
                for ((w, &g), before) in one.zip(first) {
                    *w = (*w - rate * g) - carry * *before;
                    *before = g;
                }
            }
            Self::PaperRmsProp { rate, decay, eps, carry, lambda } => {
                for (((w, &g), s), before) in one.zip(first).zip(second) {
                    let square = g * g;
                    let next = decay * *s + (1.0 - decay) * square;
                    let scaled = rate * (g / math::sqrt(next + eps));
                    let is_first = *s == 0.0;
                    *s = if is_first { square } else { next };
                    let step = if is_first { rate * g } else { scaled };
                    *w = ((*w - step) - carry * *before) - lambda * *w;
                    *before = g;
                }
            }
        }
    }
}
