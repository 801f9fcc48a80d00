//! The weights a net starts from.

use crate::shape::Layer;
use crate::{Shape, kernel, math, rng::Stream};

/// How initial weights are drawn; all draws are uniform in `-bound..bound`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Init {
    /// `bound = gain * sqrt(6 / (fan_in + fan_out))`, biases 0 (Glorot and Bengio 2010).
    Glorot {
        /// See [`crate::Activation::gain`].
        gain: f32,
    },
    /// `bound = sqrt(6 / fan_in)`, biases 0 (He et al. 2015, uniform).
    He,
    /// A bound given by hand, for weights and biases.
    Uniform {
        /// Largest size of a weight.
        bound: f32,
    },
    /// The reference program's `sqrt(6) / (fan_in + fan_out)`, for weights and biases, where
    /// the bias unit of a layer counts in its fan.
    Reference,
}

impl Init {
    /// Draws the parameters of a net from the stream of `seed` and its shape: layer by layer,
    /// input by input with the bias last, output by output. Neither other nets nor the layout in
    /// memory have a part in it.
    pub(crate) fn draw(self, shape: Shape, seed: u64, mut parameters: &mut [f32]) {
        // Sizes that fit a memory leave the fields apart.
        let purpose = (shape.inputs as u64) << 48
            ^ (shape.hidden as u64) << 32
            ^ (shape.layers as u64) << 20
            ^ shape.outputs as u64;
        let mut stream = Stream::new(seed, purpose);
        for layer in shape.weight_layers() {
            let Some((own, rest)) = parameters.split_at_mut_checked(layer.parameters()) else {
                return;
            };
            let (weight, bias) = self.bounds(layer);
            for input in 0..=layer.fan_in {
                let bound = if input < layer.fan_in { weight } else { bias };
                for output in 0..layer.fan_out {
                    let place = kernel::place(layer, input, output);
                    if let Some(slot) = place.and_then(|place| own.get_mut(place)) {
                        *slot = stream.symmetric(bound);
                    }
                }
            }
            parameters = rest;
        }
    }

    /// The bounds of a layer's weights and of its biases.
    fn bounds(self, layer: Layer) -> (f32, f32) {
        let (fan_in, fan_out) = (layer.fan_in as f32, layer.fan_out as f32);
        match self {
            Self::Glorot { gain } => (gain * math::sqrt(6.0 / (fan_in + fan_out)), 0.0),
            Self::He => (math::sqrt(6.0 / fan_in), 0.0),
            Self::Uniform { bound } => (bound, bound),
            Self::Reference => {
                let units_out = if layer.last { fan_out } else { fan_out + 1.0 };
                let bound = math::sqrt(6.0) / (fan_in + 1.0 + units_out);
                (bound, bound)
            }
        }
    }
}
