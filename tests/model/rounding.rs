//! Rounding as f32 might: Monte Carlo arithmetic.
//!
//! How far off may f32 be after twenty steps of Adam? As far as rounding takes it, and the
//! net's own conditioning says how far that is. So the model may round: [`Rounding`] multiplies
//! the result of every operation by `1 + U n` with n uniform in -1..1, as if it had been an
//! operation in f32, and every constant likewise, once (D. S. Parker, "Monte Carlo arithmetic",
//! 1997). Core's run is one more draw from the spread of such runs: [`spread`] measures it.

use derby_core::rng::Stream;

/// Unit roundoff of f32, 2^-24.
pub const U: f64 = 1.0 / 16_777_216.0;

/// How operations round.
#[derive(Clone, Debug)]
pub struct Rounding(Option<Stream>);

impl Rounding {
    /// As f64 does.
    pub const EXACT: Self = Self(None);

    /// As f32 might, in the way that `seed` picks.
    pub fn random(seed: u64) -> Self {
        Self(Some(Stream::new(seed, 0)))
    }

    /// The result `x` of one operation.
    pub(super) fn of(&mut self, x: f64) -> f64 {
        self.to(x, 1.0)
    }

    /// The result `x` of a function whose relative error reaches `units` of [`U`].
    pub(super) fn to(&mut self, x: f64, units: f64) -> f64 {
        x + self.noise(units * x)
    }

    /// An error of up to `bound` times [`U`].
    pub(super) fn noise(&mut self, bound: f64) -> f64 {
        self.0.as_mut().map_or(0.0, |stream| f64::from(stream.symmetric(1.0)) * bound * U)
    }
}

/// How far each number may be from `exact`: four times as far as the farthest of the `rounded`
/// runs, and two roundings for what is done with it. Sixteen runs of a normal spread reach two
/// deviations, so the bound is at about eight.
pub fn spread<'r>(exact: &[f64], rounded: impl IntoIterator<Item = &'r [f64]>) -> Vec<f64> {
    let mut most: Vec<f64> = exact.iter().map(|x| 0.5 * U * x.abs()).collect();
    for run in rounded {
        for ((most, x), exact) in most.iter_mut().zip(run).zip(exact) {
            *most = most.max((x - exact).abs());
        }
    }
    most.iter_mut().for_each(|most| *most *= 4.0);
    most
}
