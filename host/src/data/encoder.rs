//! Turning rows of text into f32s, as an [`Encoding`] says.

use std::collections::HashMap;

use super::cell::Cell;
use super::encoding::{Coding, Encoding, Feature, Values};
use super::error::{Fault, Located, Place};
use super::name::shown;
use super::records::Record;
use super::scale::{Scale, Spread};

/// Position of a value among the values of its column.
#[derive(Debug)]
enum Lookup {
    Text(HashMap<String, usize>),
    /// In ascending order.
    Number(Vec<f64>),
}

impl Lookup {
    fn words(words: &[String]) -> Self {
        Self::Text(words.iter().cloned().zip(0..).collect())
    }

    fn find(&self, cell: &str, decimal_comma: bool) -> Option<usize> {
        match self {
            Self::Text(words) => words.get(cell).copied(),
            Self::Number(numbers) => match Cell::read(cell, decimal_comma) {
                Cell::Number(x) => numbers.binary_search_by(|n| n.total_cmp(&(x + 0.0))).ok(),
                _ => None,
            },
        }
    }
}

/// How a cell becomes numbers.
#[derive(Debug)]
enum Rule {
    Constant,
    Number(Scale),
    Ordinal(Lookup, Scale),
    OneHot(Lookup, usize),
}

/// A column and its rule.
#[derive(Debug)]
struct Part {
    column: usize,
    name: String,
    rule: Rule,
}

impl Part {
    fn new(feature: &Feature) -> Self {
        let rule = match &feature.coding {
            Coding::Constant => Rule::Constant,
            Coding::Number { scale } => Rule::Number(*scale),
            Coding::Ordinal { values, scale } => Rule::Ordinal(Lookup::words(values), *scale),
            Coding::OneHot { values } => {
                let lookup = match values {
                    Values::Text(words) => Lookup::words(words),
                    Values::Number(numbers) => Lookup::Number(numbers.clone()),
                };
                Rule::OneHot(lookup, values.count())
            }
        };
        Self { column: feature.number.saturating_sub(1), name: feature.name.clone(), rule }
    }

    fn place(&self, record: Record<'_>) -> Place {
        Place::column(self.column, &self.name).at(record.line)
    }
}

/// Turns rows into samples.
#[derive(Debug)]
pub(super) struct Encoder {
    inputs: Vec<Part>,
    targets: Vec<Part>,
    decimal_comma: bool,
}

impl Encoder {
    pub(super) fn new(encoding: &Encoding, decimal_comma: bool) -> Self {
        Self {
            inputs: encoding.inputs.iter().map(Part::new).collect(),
            targets: encoding.targets.iter().map(Part::new).collect(),
            decimal_comma,
        }
    }

    /// The class of the row, and 0 for every row of a regression.
    pub(super) fn stratum(&self, record: Record<'_>) -> Result<usize, Located> {
        let [Part { column, rule: Rule::OneHot(lookup, _), .. }] = self.targets.as_slice() else {
            return Ok(0);
        };
        lookup
            .find(record.cell(*column), self.decimal_comma)
            .ok_or((Place::line(record.line), Fault::Changed))
    }

    /// Adds the unscaled numbers of the row to `spreads`: one per column, inputs first.
    pub(super) fn measure(
        &self,
        record: Record<'_>,
        spreads: &mut [Spread],
    ) -> Result<(), Located> {
        for (part, spread) in self.inputs.iter().chain(&self.targets).zip(spreads) {
            if let Some(x) = self.number(part, record)? {
                spread.add(f64::from(x));
            }
        }
        Ok(())
    }

    /// Appends the inputs and then the targets of the row to `sample`.
    pub(super) fn encode(&self, record: Record<'_>, sample: &mut Vec<f32>) -> Result<(), Located> {
        for part in self.inputs.iter().chain(&self.targets) {
            match &part.rule {
                Rule::Constant => sample.push(0.0),
                Rule::Number(scale) | Rule::Ordinal(_, scale) => {
                    let x = self.number(part, record)?.unwrap_or(scale.offset);
                    let y = scale.apply(x);
                    if !y.is_finite() {
                        return Err((part.place(record), Fault::Overflow(x)));
                    }
                    sample.push(y);
                }
                Rule::OneHot(lookup, width) => {
                    let hot = self.hot(part, lookup, record)?;
                    sample.extend((0..*width).map(|i| if Some(i) == hot { 1.0 } else { 0.0 }));
                }
            }
        }
        Ok(())
    }

    /// The value of a number or the rank of an ordinal; `None` if missing or neither.
    fn number(&self, part: &Part, record: Record<'_>) -> Result<Option<f32>, Located> {
        let text = record.cell(part.column);
        let cell = Cell::read(text, self.decimal_comma);
        match (&part.rule, cell) {
            (_, Cell::Missing) | (Rule::Constant | Rule::OneHot(..), _) => Ok(None),
            (Rule::Number(_), Cell::Number(x)) => Ok(Some(x as f32)),
            (Rule::Number(_), _) => Err((part.place(record), Fault::Changed)),
            (Rule::Ordinal(lookup, _), _) => match lookup.find(text, self.decimal_comma) {
                Some(rank) => Ok(Some(rank as f32)),
                None => Err((part.place(record), Fault::Unordered { value: shown(text) })),
            },
        }
    }

    /// The position of the row's value; `None` if it is missing.
    fn hot(
        &self,
        part: &Part,
        lookup: &Lookup,
        record: Record<'_>,
    ) -> Result<Option<usize>, Located> {
        let text = record.cell(part.column);
        match lookup.find(text, self.decimal_comma) {
            None if Cell::read(text, self.decimal_comma) != Cell::Missing => {
                Err((part.place(record), Fault::Changed))
            }
            found => Ok(found),
        }
    }
}
