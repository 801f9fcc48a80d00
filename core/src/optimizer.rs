//! How gradients become steps. Definitions are PyTorch's (`torch.optim`), save the last two,
//! which are the reference program's and serve the paper preset only.

mod rule;

use crate::FULL;
use crate::lanes::{Lanes, Portable};
#[cfg(feature = "full")]
use crate::math;
pub(crate) use rule::{Rule, Visitor};

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
        FULL || matches!(self, Self::Sgd { .. })
    }

    /// Numbers of memory for each parameter.
    pub const fn slots(self) -> usize {
        match self {
            _ if !self.is_built() => 0,
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

    /// Shows `visitor` the rule of step `t`, counted from 1; gradients are to be given to it times
    /// [`Self::carried`].
    #[inline(always)]
    pub(crate) fn visit(self, t: u32, visitor: impl Visitor) {
        match self {
            Self::Sgd { .. } => visitor.visit(rule::Sgd {}),
            #[cfg(feature = "full")]
            Self::Momentum { rate, momentum, nesterov: false } => {
                visitor.visit(rule::Momentum { rate, momentum });
            }
            #[cfg(feature = "full")]
            Self::Momentum { rate, momentum, nesterov: true } => {
                visitor.visit(rule::Nesterov { rate, momentum });
            }
            #[cfg(feature = "full")]
            Self::Adagrad { rate, eps } => visitor.visit(rule::Adagrad { rate, eps }),
            #[cfg(feature = "full")]
            Self::Adadelta { rate, rho, eps } => {
                visitor.visit(rule::Adadelta { rate, rho, new: 1.0 - rho, eps });
            }
            #[cfg(feature = "full")]
            Self::RmsProp { rate, decay, momentum: 0.0, eps } => {
                visitor.visit(rule::RmsProp { rate, decay, new: 1.0 - decay, eps });
            }
            #[cfg(feature = "full")]
            Self::RmsProp { rate, decay, momentum, eps } => {
                visitor.visit(rule::RmsPropMomentum {
                    rate,
                    decay,
                    new: 1.0 - decay,
                    momentum,
                    eps,
                });
            }
            #[cfg(feature = "full")]
            Self::Adam { rate, beta1, beta2, eps } => {
                let rate = rate / (1.0 - math::powi(beta1, t));
                let root = math::sqrt(1.0 - math::powi(beta2, t));
                let (new1, new2) = (1.0 - beta1, 1.0 - beta2);
                visitor.visit(rule::Adam { rate, root, beta1, new1, beta2, new2, eps });
            }
            #[cfg(feature = "full")]
            Self::Rprop { rate, shrink, grow, least, most } => {
                let first = (t <= 1).then_some(rate);
                visitor.visit(rule::Rprop { shrink, grow, least, most, first });
            }
            #[cfg(feature = "full")]
            Self::PaperSgd { rate, carry } => visitor.visit(rule::PaperSgd { rate, carry }),
            #[cfg(feature = "full")]
            Self::PaperRmsProp { rate, decay, eps, carry, lambda } => {
                let new = 1.0 - decay;
                visitor.visit(rule::PaperRmsProp { rate, decay, new, eps, carry, lambda });
            }
            // A race with another optimizer is refused where it is not built.
            #[cfg(not(feature = "full"))]
            _ => _ = t,
        }
    }

    /// Its step `t`, counted from 1, as one rule for all optimizers.
    pub(crate) const fn at(self, t: u32) -> At {
        At { optimizer: self, t }
    }
}

/// Step `t` of an optimizer, whichever it is.
#[derive(Clone, Copy)]
pub(crate) struct At {
    optimizer: Optimizer,
    t: u32,
}

impl At {
    /// Moves the parameters `w` with gradients `g`, which are times [`Optimizer::carried`];
    /// `first` and `second` are the memory, empty where there is none.
    #[inline(never)]
    pub(crate) fn step(self, w: &mut [f32], g: &[f32], first: &mut [f32], second: &mut [f32]) {
        self.optimizer.visit(self.t, Numbers { w, g, first, second });
    }
}

impl Rule for At {
    const SLOTS: Option<usize> = None;

    #[inline(always)]
    fn step_rows<I: Lanes<W>, const W: usize>(
        self,
        _: I,
        w: &mut [[f32; W]],
        g: &[[f32; W]],
        first: &mut [[f32; W]],
        second: &mut [[f32; W]],
    ) {
        self.step(
            w.as_flattened_mut(),
            g.as_flattened(),
            first.as_flattened_mut(),
            second.as_flattened_mut(),
        );
    }
}

/// What [`At::step`] moves, number by number.
struct Numbers<'n> {
    w: &'n mut [f32],
    g: &'n [f32],
    first: &'n mut [f32],
    second: &'n mut [f32],
}

impl Visitor for Numbers<'_> {
    #[inline(always)]
    fn visit(self, rule: impl Rule) {
        let [w, first, second] =
            [self.w, self.first, self.second].map(|numbers| numbers.as_chunks_mut::<1>().0);
        rule.step_rows(Portable, w, self.g.as_chunks().0, first, second);
    }
}
