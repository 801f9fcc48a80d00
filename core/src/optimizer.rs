//! How gradients become steps. Definitions are PyTorch's (`torch.optim`), save the last two,
//! which are the reference program's and serve the paper preset only.

use crate::FULL;
use crate::lanes::{Lanes, Portable};
#[cfg(feature = "full")]
use crate::{lanes::Register as _, math};

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

    /// Moves the weights `w` by one step. `g` holds the gradients times [`Self::carried`],
    /// `first` and `second` the memory of the same weights (empty where there is none), `t`
    /// counts the steps from 1, and `decay` is the L2 penalty's factor.
    #[cfg_attr(target_arch = "arm", inline(never))]
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    pub(crate) fn step<I: Lanes<W>, const W: usize>(
        self,
        isa: I,
        t: u32,
        decay: f32,
        w: &mut [[f32; W]],
        g: &mut [[f32; W]],
        first: &mut [[f32; W]],
        second: &mut [[f32; W]],
    ) {
        if decay != 0.0 {
            let decay = isa.splat(decay * self.carried());
            each(
                isa,
                g,
                w,
                #[inline(always)]
                |g, w| g + decay * w,
            );
        }
        if let Self::Sgd { .. } = self {
            each(
                isa,
                w,
                g,
                #[inline(always)]
                |w, g| w - g,
            );
            return;
        }
        #[cfg(feature = "full")]
        self.step_by_memory(isa, t, w, g, first, second);
        // A race with another optimizer is refused where it is not built.
        #[cfg(not(feature = "full"))]
        let _ = (t, first, second);
    }

    /// [`Self::step`] without registers and penalty.
    pub(crate) fn step_each(
        self,
        t: u32,
        w: &mut [f32],
        g: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let [w, g, first, second] = [w, g, first, second].map(|slice| slice.as_chunks_mut::<1>().0);
        self.step(Portable, t, 0.0, w, g, first, second);
    }

    /// [`Self::step`] of all that is not plain SGD.
    #[cfg(feature = "full")]
    #[inline(always)]
    fn step_by_memory<I: Lanes<W>, const W: usize>(
        self,
        isa: I,
        t: u32,
        w: &mut [[f32; W]],
        g: &[[f32; W]],
        first: &mut [[f32; W]],
        second: &mut [[f32; W]],
    ) {
        match self {
            Self::Sgd { .. } => {}
            Self::Momentum { rate, momentum, nesterov } => {
                let (rate, momentum) = (isa.splat(rate), isa.splat(momentum));
                each_with(
                    isa,
                    w,
                    g,
                    first,
                    #[inline(always)]
                    |w, g, b| {
                        let b = momentum * b + g;
                        (w - rate * if nesterov { g + momentum * b } else { b }, b)
                    },
                );
            }
            Self::Adagrad { rate, eps } => {
                let (rate, eps) = (isa.splat(rate), isa.splat(eps));
                each_with(
                    isa,
                    w,
                    g,
                    first,
                    #[inline(always)]
                    |w, g, s| {
                        let s = s + g * g;
                        (w - rate * g / (s.sqrt() + eps), s)
                    },
                );
            }
            Self::Adadelta { rate, rho, eps } => {
                let new = isa.splat(1.0 - rho);
                let (rate, rho, eps) = (isa.splat(rate), isa.splat(rho), isa.splat(eps));
                each_with_two(
                    isa,
                    w,
                    g,
                    first,
                    second,
                    #[inline(always)]
                    |w, g, s, u| {
                        let s = rho * s + new * (g * g);
                        let d = (u + eps).sqrt() / (s + eps).sqrt() * g;
                        (w - rate * d, s, rho * u + new * (d * d))
                    },
                );
            }
            Self::RmsProp { rate, decay, momentum: 0.0, eps } => {
                let new = isa.splat(1.0 - decay);
                let (rate, decay, eps) = (isa.splat(rate), isa.splat(decay), isa.splat(eps));
                each_with(
                    isa,
                    w,
                    g,
                    first,
                    #[inline(always)]
                    |w, g, s| {
                        let s = decay * s + new * (g * g);
                        (w - rate * (g / (s.sqrt() + eps)), s)
                    },
                );
            }
            Self::RmsProp { rate, decay, momentum, eps } => {
                let new = isa.splat(1.0 - decay);
                let (rate, decay, momentum, eps) =
                    (isa.splat(rate), isa.splat(decay), isa.splat(momentum), isa.splat(eps));
                each_with_two(
                    isa,
                    w,
                    g,
                    first,
                    second,
                    #[inline(always)]
                    |w, g, s, b| {
                        let s = decay * s + new * (g * g);
                        let b = momentum * b + g / (s.sqrt() + eps);
                        (w - rate * b, s, b)
                    },
                );
            }
            Self::Adam { rate, beta1, beta2, eps } => {
                let rate = isa.splat(rate / (1.0 - math::powi(beta1, t)));
                let root = isa.splat(math::sqrt(1.0 - math::powi(beta2, t)));
                let (new1, new2) = (isa.splat(1.0 - beta1), isa.splat(1.0 - beta2));
                let (beta1, beta2, eps) = (isa.splat(beta1), isa.splat(beta2), isa.splat(eps));
                each_with_two(
                    isa,
                    w,
                    g,
                    first,
                    second,
                    #[inline(always)]
                    |w, g, m, v| {
                        let m = beta1 * m + new1 * g;
                        let v = beta2 * v + new2 * (g * g);
                        (w - rate * m / (v.sqrt() / root + eps), m, v)
                    },
                );
            }
            Self::Rprop { rate, shrink, grow, least, most } => {
                let w = w.as_flattened_mut().iter_mut().zip(g.as_flattened());
                let memory = first.as_flattened_mut().iter_mut().zip(second.as_flattened_mut());
                for ((w, g), (before, size)) in w.zip(memory) {
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
                let (rate, carry) = (isa.splat(rate), isa.splat(carry));
                each_with(
                    isa,
                    w,
                    g,
                    first,
                    #[inline(always)]
                    |w, g, before| ((w - rate * g) - carry * before, g),
                );
            }
            Self::PaperRmsProp { rate, decay, eps, carry, lambda } => {
                let new = isa.splat(1.0 - decay);
                let (rate, decay, eps, carry, lambda) = (
                    isa.splat(rate),
                    isa.splat(decay),
                    isa.splat(eps),
                    isa.splat(carry),
                    isa.splat(lambda),
                );
                each_with_two(
                    isa,
                    w,
                    g,
                    first,
                    second,
                    #[inline(always)]
                    |w, g, s, before| {
                        let square = g * g;
                        let next = decay * s + new * square;
                        let scaled = rate * (g / (next + eps).sqrt());
                        let step = s.if_zero(rate * g, scaled);
                        (((w - step) - carry * before) - lambda * w, s.if_zero(square, next), g)
                    },
                );
            }
        }
    }
}

/// Replaces each `w` by `step(w, g)`.
#[inline(always)]
fn each<I: Lanes<W>, const W: usize>(
    isa: I,
    w: &mut [[f32; W]],
    g: &[[f32; W]],
    step: impl Fn(I::Register, I::Register) -> I::Register,
) {
    for (w, g) in w.iter_mut().zip(g) {
        *w = isa.store(step(isa.load(w), isa.load(g)));
    }
}

/// Replaces each `w` and its memory `a` by `step(w, g, a)`.
#[cfg(feature = "full")]
#[inline(always)]
fn each_with<I: Lanes<W>, const W: usize>(
    isa: I,
    w: &mut [[f32; W]],
    g: &[[f32; W]],
    a: &mut [[f32; W]],
    step: impl Fn(I::Register, I::Register, I::Register) -> (I::Register, I::Register),
) {
    for ((w, g), a) in w.iter_mut().zip(g).zip(a) {
        let (new_w, new_a) = step(isa.load(w), isa.load(g), isa.load(a));
        (*w, *a) = (isa.store(new_w), isa.store(new_a));
    }
}

/// Replaces each `w` and its memory `a` and `b` by `step(w, g, a, b)`.
#[cfg(feature = "full")]
#[inline(always)]
fn each_with_two<I: Lanes<W>, const W: usize>(
    isa: I,
    w: &mut [[f32; W]],
    g: &[[f32; W]],
    a: &mut [[f32; W]],
    b: &mut [[f32; W]],
    step: impl Fn(I::Register, I::Register, I::Register, I::Register) -> Three<I, W>,
) {
    for (((w, g), a), b) in w.iter_mut().zip(g).zip(a).zip(b) {
        let (new_w, new_a, new_b) = step(isa.load(w), isa.load(g), isa.load(a), isa.load(b));
        (*w, *a, *b) = (isa.store(new_w), isa.store(new_a), isa.store(new_b));
    }
}

#[cfg(feature = "full")]
type Three<I, const W: usize> =
    (<I as Lanes<W>>::Register, <I as Lanes<W>>::Register, <I as Lanes<W>>::Register);
