//! The paper's race as it was published: the one place where Derby follows the reference
//! program (hqr/gorann, branch blogsupermixer) against the textbook.
//!
//! What the published race depends on, and is followed:
//! - mixing weights are stretched to 0.00099..0.99099 at every batch ([`Positive::Stretch`]);
//! - the slope of the mixing weights carries an extra factor `w_ij` ([`Slope::Product`]), their
//!   step is the program's RMSprop and shrinks them by a thousandth;
//! - "momentum" is the previous gradient, unscaled, so that hidden layers move at a rate of
//!   about 0.61; RMSprop serves the output layer alone ([`Optimizer::PaperSgd`],
//!   [`Optimizer::PaperRmsProp`]);
//! - RMSprop's first step is a plain one;
//! - the first weights come from a narrower range than Glorot's ([`Init::Reference`]);
//! - the referee checks every 100,000 samples ([`Refereeing::Paper`]).
//!
//! What is not followed: weights sum to 1 at once when a net has left, not one batch later.

use crate::{Entry, Init, Mixing, Optimizer, Positive, Refereeing, Settings, Shape, Slope};

/// The nets' hidden sizes; each races with 1, 2 and 3 hidden layers.
pub const HIDDEN: [usize; 6] = [16, 24, 32, 40, 48, 56];
/// The nets' numbers of hidden layers.
pub const LAYERS: [usize; 3] = [1, 2, 3];
/// Samples of the published race.
pub const SAMPLES: u64 = 1_600_000;

/// A net that learns as the reference program's do.
pub const fn entry(shape: Shape, seed: u64) -> Entry {
    Entry::new(shape, seed)
        .optimizers(
            Optimizer::PaperRmsProp { rate: 0.01, decay: 0.9, eps: 1e-5, carry: 0.6, lambda: 0.0 },
            Optimizer::PaperSgd { rate: 0.01, carry: 0.6 },
        )
        .init(Init::Reference)
}

/// The 18 nets of the published race, in its order.
pub fn entries(seed: u64) -> [Entry; 18] {
    let mut shapes = HIDDEN.iter().flat_map(|&hidden| LAYERS.map(|layers| (hidden, layers)));
    core::array::from_fn(|_| {
        let (hidden, layers) = shapes.next().unwrap_or_default();
        entry(Shape::new(16, hidden, layers, 16), seed)
    })
}

/// Mixer, referee and batches of the published race.
pub const SETTINGS: Settings = Settings {
    batch: 10,
    held_back: 0,
    stretch: 1,
    check: 100_000,
    mixing: Mixing::Gradient {
        // The penalty's 0.01 is divided by the batch.
        optimizer: Optimizer::PaperRmsProp {
            rate: 0.01,
            decay: 0.9,
            eps: 1e-5,
            carry: 0.6,
            lambda: 0.001,
        },
        slope: Slope::Product,
        positive: Positive::Stretch,
    },
    refereeing: Refereeing::Paper,
};
