//! What one column looks like: counts of numbers and text, and its different values.

use serde::Serialize;

use super::cell::{Cell, number};
use super::columns::Treatment;
use super::error::Fault;
use super::name::shown;
use super::tally::{MOST_VALUES, Tally};

/// Offending cells that an error names.
const NAMED: usize = 3;

/// What a column is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Numbers.
    Number,
    /// Words, or numbers that stand for words.
    Category,
    /// The same in every row, or empty in every row.
    Constant,
}

/// What one column looks like so far.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub(super) missing: u64,
    /// Line of the first missing cell.
    pub(super) first_missing: u64,
    numbers: u64,
    texts: u64,
    /// First cells of text, with their lines.
    odd: Vec<(u64, String)>,
    /// First number that f32 cannot hold, with its line.
    beyond: Option<(u64, String)>,
    whole: bool,
    min: f64,
    max: f64,
    pub(super) values: Tally,
}

impl Profile {
    pub(super) fn new() -> Self {
        Self {
            missing: 0,
            first_missing: 0,
            numbers: 0,
            texts: 0,
            odd: Vec::new(),
            beyond: None,
            whole: true,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            values: Tally::new(),
        }
    }

    /// Counts a missing cell.
    pub(super) fn miss(&mut self, line: u64) {
        if self.missing == 0 {
            self.first_missing = line;
        }
        self.missing = self.missing.saturating_add(1);
    }

    /// Takes a cell of a row that is used; missing ones change nothing.
    pub(super) fn add(&mut self, line: u64, text: &str, decimal_comma: bool) {
        match Cell::read(text, decimal_comma) {
            Cell::Missing => return,
            Cell::Number(x) => {
                self.numbers = self.numbers.saturating_add(1);
                self.whole &= x.fract() == 0.0;
                self.min = self.min.min(x);
                self.max = self.max.max(x);
            }
            other => {
                self.texts = self.texts.saturating_add(1);
                if matches!(other, Cell::Beyond(_)) && self.beyond.is_none() {
                    self.beyond = Some((line, shown(text)));
                }
                if matches!(other, Cell::Text(_)) && self.odd.len() < NAMED {
                    self.odd.push((line, shown(text)));
                }
            }
        }
        self.values.add(text);
    }

    /// Every cell so far is a number.
    pub(super) fn is_numeric(&self) -> bool {
        self.texts == 0 && self.numbers > 0
    }

    /// What the column is; a fault comes with its line, or 0 if it is about no line.
    pub(super) fn kind(&self, index: usize, treatment: &Treatment) -> Result<Kind, (u64, Fault)> {
        let same = self.texts == 0 && self.min >= self.max;
        let constant = same || self.values.len().is_some_and(|len| len <= 1);
        let category = match treatment {
            Treatment::Number => false,
            Treatment::Category | Treatment::Ordinal(_) => true,
            Treatment::Looks => self.looks_categorical(),
        };
        if category {
            if !self.values.is_kept() {
                let number = index.saturating_add(1);
                return Err((0, Fault::TooManyValues { limit: MOST_VALUES, number }));
            }
            return Ok(if constant { Kind::Constant } else { Kind::Category });
        }
        if let Some((line, _)) = self.odd.first() {
            return Err((*line, self.text_fault()));
        }
        if let Some((line, text)) = &self.beyond {
            return Err((*line, Fault::NotFinite(text.clone())));
        }
        Ok(if constant { Kind::Constant } else { Kind::Number })
    }

    /// Text, and more of it than slips: a twentieth of the cells, or half where there are fractions.
    fn looks_categorical(&self) -> bool {
        if self.odd.is_empty() {
            return false;
        }
        let all = self.numbers.saturating_add(self.texts);
        let few = self.texts.saturating_mul(20) < all;
        let fractions = !self.whole && self.texts < self.numbers;
        !few && !fractions
    }

    fn text_fault(&self) -> Fault {
        let cells: Vec<String> =
            self.odd.iter().map(|(line, text)| format!("{text:?} on line {line}")).collect();
        Fault::Text {
            cells: cells.join(", "),
            texts: self.texts,
            all: self.numbers.saturating_add(self.texts),
        }
    }

    /// The different values as numbers in ascending order, with their rows; `1` and `1.0` are one.
    ///
    /// `None` unless all of them are numbers and few enough to be categories.
    pub(super) fn classes(&self, decimal_comma: bool) -> Option<Vec<(f64, u64)>> {
        if !self.is_numeric() || !self.values.is_kept() {
            return None;
        }
        let mut list: Vec<(f64, u64)> = self
            .values
            .list()
            .iter()
            .filter_map(|(text, rows)| Some((number(text, decimal_comma)? + 0.0, *rows)))
            .collect();
        list.sort_by(|a, b| a.0.total_cmp(&b.0));
        list.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        Some(list)
    }

    /// Every number is whole.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(cells: &[&str]) -> Profile {
        let mut profile = Profile::new();
        for (line, cell) in (2..).zip(cells) {
            profile.add(line, cell, false);
        }
        profile
    }

    fn kind(cells: &[&str]) -> Result<Kind, String> {
        profile(cells)
            .kind(0, &Treatment::Looks)
            .map_err(|(line, fault)| format!("{line}: {fault}"))
    }

    #[test]
    fn kinds() {
        assert_eq!(kind(&["1", "2.5", "?"]), Ok(Kind::Number));
        assert_eq!(kind(&["a", "b", "a"]), Ok(Kind::Category));
        assert_eq!(kind(&["1", "2", "A"]), Ok(Kind::Category));
        assert_eq!(kind(&["1.0", "1", "1.00"]), Ok(Kind::Constant));
        assert_eq!(kind(&["a", "a"]), Ok(Kind::Constant));
        assert_eq!(kind(&["", "?"]), Ok(Kind::Constant));
    }

    #[test]
    fn a_few_texts_among_numbers_are_an_error() {
        let mut cells = vec!["7"; 60];
        cells[5] = "oops";
        cells[9] = "n.a.";
        let fault = kind(&cells).unwrap_err();
        assert_eq!(
            fault,
            "7: text in a column of numbers: \"oops\" on line 7, \"n.a.\" on line 11 (2 of 60 cells)"
        );
        assert!(kind(&["1.5", "2.5", "x"]).is_err());
        assert_eq!(kind(&["1.5", "x", "x"]), Ok(Kind::Category));
    }

    #[test]
    fn what_f32_cannot_hold_is_an_error() {
        assert!(kind(&["1", "inf"]).unwrap_err().starts_with("3: \"inf\" is not"));
        assert!(kind(&["1e300"]).unwrap_err().starts_with("2: "));
        assert_eq!(kind(&["inf", "a", "b"]), Ok(Kind::Category));
    }

    #[test]
    fn too_many_values() {
        let cells: Vec<String> = (0..1001).map(|i| format!("id{i}")).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        assert_eq!(kind(&cells[..1000]), Ok(Kind::Category));
        let fault = kind(&cells).unwrap_err();
        assert!(fault.contains("more than 1000 different values"), "{fault}");
    }

    #[test]
    fn treatments_override_looks() {
        let zip = profile(&["10115", "20095", "10115"]);
        assert_eq!(zip.kind(0, &Treatment::Category).ok(), Some(Kind::Category));
        let word = profile(&["a", "b"]);
        assert!(matches!(word.kind(0, &Treatment::Number), Err((2, Fault::Text { .. }))));
    }

    #[test]
    fn classes_merge_spellings() {
        let numbers = profile(&["10", "1", "2.0", "1.0", "-0", "0"]);
        let classes = [(0.0, 2), (1.0, 2), (2.0, 1), (10.0, 1)];
        assert_eq!(numbers.classes(false), Some(classes.to_vec()));
        assert_eq!(profile(&["1", "x"]).classes(false), None);
    }
}
