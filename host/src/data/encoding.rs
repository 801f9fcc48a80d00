//! How columns become the inputs and targets of a net: what is stored and shipped with it.

use serde::{Deserialize, Serialize};

use super::scale::Scale;

/// What the targets ask of a net.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One target, one of several classes: one output per class.
    Classification,
    /// Numbers: one output per target.
    Regression,
}

/// The different values of a column, in the order of their outputs or inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Values {
    /// Words, in alphabetical or the given order.
    Text(Vec<String>),
    /// Numbers in ascending order; `1` and `1.0` are the same.
    Number(Vec<f64>),
}

impl Values {
    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Text(words) => words.len(),
            Self::Number(numbers) => numbers.len(),
        }
    }

    /// The values as text.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Text(words) => words.clone(),
            Self::Number(numbers) => numbers.iter().map(f64::to_string).collect(),
        }
    }
}

/// How one column becomes numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coding {
    /// One number, always 0: the column was the same in every row.
    Constant,
    /// One number, scaled.
    Number {
        /// Fitted on the training rows.
        scale: Scale,
    },
    /// One number, the position of the value from 0, scaled.
    Ordinal {
        /// From the lowest to the highest.
        values: Vec<String>,
        /// Fitted on the training rows.
        scale: Scale,
    },
    /// One number per value, 1 for the value of the row and 0 elsewhere, not scaled.
    OneHot {
        /// In the order of the numbers.
        values: Values,
    },
}

impl Coding {
    /// How many numbers the column becomes.
    pub fn width(&self) -> usize {
        match self {
            Self::OneHot { values } => values.count(),
            _ => 1,
        }
    }

    /// The scale of each of these numbers.
    pub fn scale(&self) -> Scale {
        match self {
            Self::Constant => Scale::CONSTANT,
            Self::Number { scale } | Self::Ordinal { scale, .. } => *scale,
            Self::OneHot { .. } => Scale::NONE,
        }
    }

    pub(super) fn set_scale(&mut self, new: Scale) {
        if let Self::Number { scale } | Self::Ordinal { scale, .. } = self {
            *scale = new;
        }
    }
}

/// One column of the table and how it becomes numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Number of the column, counted from 1.
    pub number: usize,
    /// Name of the column, such as `c3` if the table gives none.
    pub name: String,
    /// How it becomes numbers.
    pub coding: Coding,
}

/// How a row of the table becomes a sample: inputs and targets one after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoding {
    /// What the targets ask of a net.
    pub task: Task,
    /// Columns that are inputs, in the order of the file.
    pub inputs: Vec<Feature>,
    /// Columns that are targets, in the order they were named.
    pub targets: Vec<Feature>,
}

impl Encoding {
    /// Numbers in the inputs of a sample.
    pub fn input_width(&self) -> usize {
        width(&self.inputs)
    }

    /// Numbers in the targets of a sample.
    pub fn target_width(&self) -> usize {
        width(&self.targets)
    }

    /// A name for every input, such as `ash` and `colour=red`.
    pub fn input_names(&self) -> Vec<String> {
        names(&self.inputs)
    }

    /// A name for every target: the class, or the column.
    pub fn target_names(&self) -> Vec<String> {
        match self.task {
            Task::Classification => self.class_names(),
            Task::Regression => names(&self.targets),
        }
    }

    /// The classes in the order of the outputs; empty for regression.
    pub fn class_names(&self) -> Vec<String> {
        match self.targets.as_slice() {
            [Feature { coding: Coding::OneHot { values }, .. }] => values.names(),
            _ => Vec::new(),
        }
    }

    /// The scale of every input.
    pub fn input_scales(&self) -> Vec<Scale> {
        scales(&self.inputs)
    }

    /// The scale of every target; [`Scale::undo`] turns an output back into the column's unit.
    pub fn target_scales(&self) -> Vec<Scale> {
        scales(&self.targets)
    }
}

fn width(features: &[Feature]) -> usize {
    features.iter().fold(0, |sum, feature| sum.saturating_add(feature.coding.width()))
}

fn scales(features: &[Feature]) -> Vec<Scale> {
    features
        .iter()
        .flat_map(|feature| std::iter::repeat_n(feature.coding.scale(), feature.coding.width()))
        .collect()
}

fn names(features: &[Feature]) -> Vec<String> {
    let mut names = Vec::new();
    for feature in features {
        match &feature.coding {
            Coding::OneHot { values } => {
                let values = values.names();
                names.extend(values.iter().map(|value| format!("{}={value}", feature.name)));
            }
            _ => names.push(feature.name.clone()),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding() -> Encoding {
        let scale = Scale { offset: 2.0, factor: 0.5 };
        let feature = |number, name: &str, coding| Feature { number, name: name.into(), coding };
        let colours = Values::Text(vec!["blue".into(), "red".into()]);
        Encoding {
            task: Task::Classification,
            inputs: vec![
                feature(1, "ash", Coding::Number { scale }),
                feature(2, "colour", Coding::OneHot { values: colours }),
            ],
            targets: vec![feature(
                3,
                "digit",
                Coding::OneHot { values: Values::Number(vec![0.0, 1.0, 2.0]) },
            )],
        }
    }

    #[test]
    fn every_number_has_a_name_and_a_scale() {
        let encoding = encoding();
        assert_eq!((encoding.input_width(), encoding.target_width()), (3, 3));
        assert_eq!(encoding.input_names(), ["ash", "colour=blue", "colour=red"]);
        assert_eq!(encoding.target_names(), ["0", "1", "2"]);
        assert_eq!(encoding.input_scales()[1..], [Scale::NONE, Scale::NONE]);
    }

    #[test]
    fn it_is_stored_and_read_back() {
        let text = serde_json::to_string(&encoding()).unwrap();
        assert!(text.contains(r#"{"number":1,"name":"ash","coding":{"number":{"scale":{"offset":2.0,"factor":0.5}}}}"#), "{text}");
        assert_eq!(serde_json::from_str::<Encoding>(&text).unwrap(), encoding());
    }
}
