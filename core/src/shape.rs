//! Which net: how many inputs, hidden units, hidden layers and outputs, and what that costs.

use core::fmt;

/// The shape of a fully connected net.
///
/// Each of `layers` hidden layers has `hidden` units; `layers` may be 0, and then inputs meet
/// outputs directly and `hidden` plays no part. Sizes saturate instead of overflowing, so that
/// a hostile shape is merely too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Shape {
    /// Width of a sample.
    pub inputs: usize,
    /// Units in each hidden layer.
    pub hidden: usize,
    /// Number of hidden layers.
    pub layers: usize,
    /// Width of a target.
    pub outputs: usize,
}

/// One layer of weights: every one of `fan_in` values reaches every one of `fan_out` units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Values that come in.
    pub fan_in: usize,
    /// Units, and values that go out.
    pub fan_out: usize,
    /// Parameters of the layers below it.
    pub below: usize,
    /// Whether this is the last one, whose units are the net's outputs.
    pub last: bool,
}

impl Layer {
    /// Weights and biases.
    pub const fn parameters(self) -> usize {
        self.fan_in.saturating_add(1).saturating_mul(self.fan_out)
    }
}

impl Shape {
    /// A shape; see [`Shape`] for the meaning of each number.
    pub const fn new(inputs: usize, hidden: usize, layers: usize, outputs: usize) -> Self {
        Self { inputs, hidden, layers, outputs }
    }

    /// Whether every layer has something to do: no width is 0.
    pub const fn is_sound(self) -> bool {
        self.inputs > 0 && self.outputs > 0 && (self.layers == 0 || self.hidden > 0)
    }

    /// Layers of weights: one more than hidden layers.
    pub const fn depth(self) -> usize {
        self.layers.saturating_add(1)
    }

    /// The layer of weights at `index`, counted from the inputs.
    #[cfg_attr(not(feature = "full"), inline(never))]
    pub const fn layer(self, index: usize) -> Layer {
        let fan_out = if index < self.layers { self.hidden } else { self.outputs };
        let last = index >= self.layers;
        if index == 0 {
            return Layer { fan_in: self.inputs, fan_out, below: 0, last };
        }
        let first = self.inputs.saturating_add(1);
        let others = self.hidden.saturating_add(1).saturating_mul(index - 1);
        let below = first.saturating_add(others).saturating_mul(self.hidden);
        Layer { fan_in: self.hidden, fan_out, below, last }
    }

    /// The layers of weights, from the inputs to the outputs.
    pub fn weight_layers(self) -> impl DoubleEndedIterator<Item = Layer> {
        (0..self.depth()).map(move |index| self.layer(index))
    }

    /// Parameters below the output layer.
    pub const fn hidden_parameters(self) -> usize {
        self.layer(self.layers).below
    }

    /// Parameters of the output layer.
    pub const fn output_parameters(self) -> usize {
        self.layer(self.layers).parameters()
    }

    /// Weights and biases of the whole net.
    #[cfg_attr(not(feature = "full"), inline(never))]
    pub const fn parameters(self) -> usize {
        let last = self.layer(self.layers);
        last.below.saturating_add(last.parameters())
    }

    /// Hidden units of the whole net.
    pub const fn hidden_units(self) -> usize {
        self.hidden.saturating_mul(self.layers)
    }

    /// Multiply-accumulates of one inference: one per weight, and one per bias.
    pub const fn macs(self) -> usize {
        self.parameters()
    }

    /// Width of the widest layer of units.
    pub const fn widest(self) -> usize {
        if self.layers > 0 && self.hidden > self.outputs { self.hidden } else { self.outputs }
    }
}

/// The paper's notation: `(hidden, layers)`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.hidden, self.layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_the_layers_hold() {
        for layers in 0..4 {
            let shape = Shape::new(16, 24, layers, 5);
            let sum: usize = shape.weight_layers().map(Layer::parameters).sum();
            assert_eq!(shape.parameters(), sum, "{layers} hidden layers");
        }
        assert_eq!(Shape::new(16, 56, 2, 16).parameters(), 17 * 56 + 57 * 56 + 57 * 16);
    }

    #[test]
    fn hostile_sizes_saturate() {
        assert_eq!(Shape::new(usize::MAX, 2, 1, 1).parameters(), usize::MAX);
        assert_eq!(Shape::new(1, usize::MAX, 9, 1).parameters(), usize::MAX);
    }

    #[test]
    fn a_width_of_zero_is_not_sound() {
        assert!(!Shape::new(0, 1, 1, 1).is_sound());
        assert!(!Shape::new(1, 1, 1, 0).is_sound());
        assert!(!Shape::new(1, 0, 1, 1).is_sound());
        assert!(Shape::new(1, 0, 0, 1).is_sound());
    }
}
