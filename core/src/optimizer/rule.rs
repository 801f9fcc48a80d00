//! The formulas of the optimizers, a parameter in each lane.

use crate::lanes::{Lanes, Register};

/// How rows of parameters move in one step.
pub(crate) trait Rule: Copy {
    /// Numbers remembered of each parameter, where that is known when compiling.
    const SLOTS: Option<usize>;

    /// Moves the parameters `w` with gradients `g`; `first` and `second` are what is remembered
    /// of them, empty where it is nothing.
    fn step_rows<I: Lanes<W>, const W: usize>(
        self,
        isa: I,
        w: &mut [[f32; W]],
        g: &[[f32; W]],
        first: &mut [[f32; W]],
        second: &mut [[f32; W]],
    );
}

/// A rule that is a formula for each parameter.
trait Formula: Copy {
    /// Numbers remembered of each parameter, at most 2.
    const SLOTS: usize;

    /// From parameters, gradients and memory the next parameters and memory.
    fn step<R: Register>(self, w: R, g: R, memory: [R; 2]) -> (R, [R; 2]);
}

impl<F: Formula> Rule for F {
    const SLOTS: Option<usize> = Some(<F as Formula>::SLOTS);

    #[inline(always)]
    fn step_rows<I: Lanes<W>, const W: usize>(
        self,
        isa: I,
        w: &mut [[f32; W]],
        g: &[[f32; W]],
        first: &mut [[f32; W]],
        second: &mut [[f32; W]],
    ) {
        let rows = w.iter_mut().zip(g);
        match <F as Formula>::SLOTS {
            0 => {
                for (w, g) in rows {
                    let g = isa.load(g);
                    let (next, _) = self.step(isa.load(w), g, [g; 2]);
                    *w = isa.store(next);
                }
            }
            1 => {
                for ((w, g), a) in rows.zip(first) {
                    let (next, [next_a, _]) = self.step(isa.load(w), isa.load(g), [isa.load(a); 2]);
                    (*w, *a) = (isa.store(next), isa.store(next_a));
                }
            }
            _ => {
                for (((w, g), a), b) in rows.zip(first).zip(second) {
                    let (next, [next_a, next_b]) =
                        self.step(isa.load(w), isa.load(g), [isa.load(a), isa.load(b)]);
                    (*w, *a, *b) = (isa.store(next), isa.store(next_a), isa.store(next_b));
                }
            }
        }
    }
}

/// Whoever wants to know which rule an optimizer has.
pub(crate) trait Visitor {
    /// Is called once.
    fn visit(self, rule: impl Rule);
}

/// Declares formulas: their numbers, the slots of memory, and what parameter, gradient and memory
/// become. In the formula each number is a register of it.
macro_rules! rules {
    ($($Name:ident { $($number:ident),* } $slots:literal: |$w:ident, $g:ident, $a:ident, $b:ident| $formula:expr;)*) => {$(
        #[derive(Clone, Copy)]
        pub(super) struct $Name {
            $(pub(super) $number: f32),*
        }

        impl Formula for $Name {
            const SLOTS: usize = $slots;

            #[inline(always)]
            fn step<R: Register>(self, $w: R, $g: R, [$a, $b]: [R; 2]) -> (R, [R; 2]) {
                let Self { $($number),* } = self;
                $(let $number = $w.splat($number);)*
                $formula
            }
        }
    )*};
}

rules! {
    Sgd {} 0: |w, g, a, b| (w - g, [a, b]);
}

#[cfg(feature = "full")]
rules! {
    Momentum { rate, momentum } 1: |w, g, b, none| {
        let b = momentum * b + g;
        (w - rate * b, [b, none])
    };
    Nesterov { rate, momentum } 1: |w, g, b, none| {
        let b = momentum * b + g;
        (w - rate * (g + momentum * b), [b, none])
    };
    Adagrad { rate, eps } 1: |w, g, s, none| {
        let s = s + g * g;
        (w - rate * g / (s.sqrt() + eps), [s, none])
    };
    Adadelta { rate, rho, new, eps } 2: |w, g, s, u| {
        let s = rho * s + new * (g * g);
        let d = (u + eps).sqrt() / (s + eps).sqrt() * g;
        (w - rate * d, [s, rho * u + new * (d * d)])
    };
    RmsProp { rate, decay, new, eps } 1: |w, g, s, none| {
        let s = decay * s + new * (g * g);
        (w - rate * (g / (s.sqrt() + eps)), [s, none])
    };
    RmsPropMomentum { rate, decay, new, momentum, eps } 2: |w, g, s, b| {
        let s = decay * s + new * (g * g);
        let b = momentum * b + g / (s.sqrt() + eps);
        (w - rate * b, [s, b])
    };
    Adam { rate, root, beta1, new1, beta2, new2, eps } 2: |w, g, m, v| {
        let m = beta1 * m + new1 * g;
        let v = beta2 * v + new2 * (g * g);
        (w - rate * m / (v.sqrt() / root + eps), [m, v])
    };
    PaperSgd { rate, carry } 1: |w, g, before, none| {
        ((w - rate * g) - carry * before, [g, none])
    };
    PaperRmsProp { rate, decay, new, eps, carry, lambda } 2: |w, g, s, before| {
        let square = g * g;
        let next = decay * s + new * square;
        let step = s.if_zero(rate * g, rate * (g / (next + eps).sqrt()));
        (((w - step) - carry * before) - lambda * w, [s.if_zero(square, next), g])
    };
}

/// Each lane on its own, as they take different ways.
#[cfg(feature = "full")]
#[derive(Clone, Copy)]
pub(super) struct Rprop {
    pub(super) shrink: f32,
    pub(super) grow: f32,
    pub(super) least: f32,
    pub(super) most: f32,
    /// The step size to begin with, at the first step.
    pub(super) first: Option<f32>,
}

#[cfg(feature = "full")]
impl Rule for Rprop {
    const SLOTS: Option<usize> = Some(2);

    #[inline(always)]
    fn step_rows<I: Lanes<W>, const W: usize>(
        self,
        _: I,
        w: &mut [[f32; W]],
        g: &[[f32; W]],
        before: &mut [[f32; W]],
        size: &mut [[f32; W]],
    ) {
        let Self { shrink, grow, least, most, first } = self;
        let [w, before, size] = [w, before, size].map(|rows| rows.as_flattened_mut().iter_mut());
        for (((w, g), before), size) in w.zip(g.as_flattened()).zip(before).zip(size) {
            let agreement = *g * *before;
            let old = first.unwrap_or(*size);
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
            *before = if turned { 0.0 } else { *g };
            if *before > 0.0 {
                *w -= *size;
            } else if *before < 0.0 {
                *w += *size;
            }
        }
    }
}
