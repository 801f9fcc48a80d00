//! What the user asks of a table: targets, kinds of columns, missing cells, the split.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::format::Format;

/// How to read a table; `Options::default()` plus targets is the usual case.
///
/// A column is named by its name, or by its number counted from 1 where no name matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How the table is written, as far as it is known.
    pub format: Format,
    /// Columns to predict, in the order of the outputs.
    pub targets: Vec<String>,
    /// Columns to leave out, such as row numbers.
    pub ignore: Vec<String>,
    /// Columns that are numbers whatever they look like; a target among them is regression.
    pub numbers: Vec<String>,
    /// Columns that are categories whatever they look like; a target among them is classification.
    pub categories: Vec<String>,
    /// Columns of categories that have an order and become one number each.
    pub ordinals: Vec<Ordinal>,
    /// What to do with missing cells.
    pub missing: Missing,
    /// Share of the rows that is held out, at least 0 and below 1.
    pub held_out: f64,
    /// Decides the split and the order of the training rows.
    pub seed: u64,
    /// Most bytes that the training rows, and likewise the held-out rows, may take in memory.
    /// Rows beyond that are read from the file each time, in its order.
    pub memory: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: Format::default(),
            targets: Vec::new(),
            ignore: Vec::new(),
            numbers: Vec::new(),
            categories: Vec::new(),
            ordinals: Vec::new(),
            missing: Missing::Refuse,
            held_out: 0.2,
            seed: 0,
            memory: 64 << 20,
        }
    }
}

/// What to do with missing cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// A missing cell is an error.
    #[default]
    Refuse,
    /// A missing number becomes the mean of the training rows, so 0 once scaled; a missing category
    /// becomes "none of the known ones", all zeros. A row without its target is left out:
    /// an invented target would teach the invention.
    Mean,
    /// Rows with a missing cell are left out.
    Drop,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refuse => "refuse",
            Self::Mean => "mean",
            Self::Drop => "drop",
        })
    }
}

impl FromStr for Missing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Refuse, Self::Mean, Self::Drop]
            .into_iter()
            .find(|policy| policy.to_string() == text)
            .ok_or_else(|| "expected refuse, mean or drop".into())
    }
}

/// A column of categories with an order, written `size=small<medium<large` or just `size`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordinal {
    /// Name or number of the column.
    pub column: String,
    /// All values from the lowest to the highest; empty for alphabetical order.
    pub order: Vec<String>,
}

impl FromStr for Ordinal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((column, order)) = text.split_once('=') else {
            return Ok(Self { column: text.trim().into(), order: Vec::new() });
        };
        let order: Vec<String> = order.split('<').map(|value| value.trim().into()).collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if order.len() < 2 || sorted.len() < order.len() || order.iter().any(String::is_empty) {
            return Err("expected COLUMN=lowest<..<highest with different values".into());
        }
        Ok(Self { column: column.trim().into(), order })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_read_back() {
        for policy in [Missing::Refuse, Missing::Mean, Missing::Drop] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert!("fill".parse::<Missing>().is_err());
    }

    #[test]
    fn orders() {
        let size: Ordinal = "size = small < medium<large".parse().unwrap();
        assert_eq!((size.column.as_str(), size.order.len()), ("size", 3));
        assert_eq!("size".parse::<Ordinal>().unwrap().order.len(), 0);
        for text in ["size=", "size=a", "size=a<a", "size=a<<b"] {
            assert!(text.parse::<Ordinal>().is_err(), "{text}");
        }
    }
}
