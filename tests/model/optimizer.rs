//! The optimizers, as PyTorch's documentation writes them.

use derby_core::{Entry, Optimizer};

use super::Rounding;

/// The optimizer's settings as decimals, each rounded once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants {
    optimizer: Optimizer,
    pub(super) l2: f64,
    rate: f64,
    /// Momentum, rho, beta1 or the factor of a step that shrinks.
    a: f64,
    /// The decay of squares, beta2 or the factor of a step that grows.
    b: f64,
    eps: f64,
}

impl Constants {
    pub(super) fn of(entry: &Entry, rounding: &mut Rounding) -> Self {
        let (rate, a, b, eps) = match entry.optimizer {
            Optimizer::Sgd { rate } => (rate, 0.0, 0.0, 0.0),
            Optimizer::Momentum { rate, momentum, .. } => (rate, momentum, 0.0, 0.0),
            Optimizer::Adagrad { rate, eps } => (rate, 0.0, 0.0, eps),
            Optimizer::Adadelta { rate, rho, eps } => (rate, rho, 0.0, eps),
            Optimizer::RmsProp { rate, decay, momentum, eps } => (rate, momentum, decay, eps),
            Optimizer::Adam { rate, beta1, beta2, eps } => (rate, beta1, beta2, eps),
            Optimizer::Rprop { rate, shrink, grow, .. } => (rate, shrink, grow, 0.0),
            other => panic!("{other:?} is not PyTorch's"),
        };
        let mut once = |constant: f32| rounding.of(decimal(constant));
        Self {
            optimizer: entry.optimizer,
            l2: once(entry.decay),
            rate: once(rate),
            a: once(a),
            b: once(b),
            eps: once(eps),
        }
    }

    /// `torch.optim`, as its documentation writes it.
    pub(super) fn step(
        &self,
        t: i32,
        w: &mut f64,
        g: f64,
        first: &mut f64,
        second: &mut f64,
        rounding: &mut Rounding,
    ) {
        let Self { rate, a, b, eps, .. } = *self;
        // Each closure is a term of at most three operations.
        let mut of = |x: f64| rounding.to(x, 3.0);
        let step = match self.optimizer {
            Optimizer::Sgd { .. } => of(rate * g),
            Optimizer::Momentum { nesterov, .. } => {
                *first = of(a * *first) + g;
                let ahead = if nesterov { g + of(a * *first) } else { *first };
                of(rate * ahead)
            }
            Optimizer::Adagrad { .. } => {
                *first = of(*first + g * g);
                of(rate * g / (first.sqrt() + eps))
            }
            Optimizer::Adadelta { .. } => {
                *first = of(a * *first) + of((1.0 - a) * g * g);
                let d = of((*second + eps).sqrt()) / of((*first + eps).sqrt()) * g;
                *second = of(a * *second) + of((1.0 - a) * d * d);
                of(rate * d)
            }
            Optimizer::RmsProp { .. } => {
                *first = of(b * *first) + of((1.0 - b) * g * g);
                *second = of(a * *second) + of(g / (first.sqrt() + eps));
                of(rate * *second)
            }
            Optimizer::Adam { .. } => {
                *first = of(a * *first) + of((1.0 - a) * g);
                *second = of(b * *second) + of((1.0 - b) * g * g);
                // The powers are near 1 at first, where their rounding counts most.
                let (a_power, b_power) = (of(a.powi(t)), of(b.powi(t)));
                let mean = of(*first / (1.0 - a_power));
                let square = of(*second / (1.0 - b_power));
                of(rate * mean / (square.sqrt() + eps))
            }
            Optimizer::Rprop { least, most, .. } => {
                let size = if t == 1 { rate } else { *second };
                let (size, g) = if g * *first > 0.0 {
                    (of(size * b), g)
                } else if g * *first < 0.0 {
                    (of(size * a), 0.0)
                } else {
                    (size, g)
                };
                *second = size.clamp(decimal(least), decimal(most));
                *first = g;
                if g == 0.0 { 0.0 } else { *second * g.signum() }
            }
            other => panic!("{other:?} is not PyTorch's"),
        };
        *w = rounding.of(*w - step);
    }
}

/// The decimal that a constant was written as: 0.1, and not the f32 next to it.
fn decimal(constant: f32) -> f64 {
    constant.to_string().parse().unwrap_or(f64::NAN)
}
