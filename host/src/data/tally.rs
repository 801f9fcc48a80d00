//! The different values of one column and how many rows have each, as long as they are few.

use std::collections::HashMap;

/// Most different values of a column of categories.
pub(super) const MOST_VALUES: usize = 1000;
/// Memory that one value costs beyond its text, roughly, in bytes.
const VALUE_COST: usize = 64;

/// Values and their rows.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// `None` if there were too many, or they were given up to save memory.
    kept: Option<HashMap<Box<str>, u64>>,
    cost: usize,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { kept: Some(HashMap::new()), cost: 0 }
    }

    /// Counts a row with this value.
    pub(super) fn add(&mut self, text: &str) {
        let Some(values) = &mut self.kept else {
            return;
        };
        if let Some(rows) = values.get_mut(text) {
            *rows = rows.saturating_add(1);
        } else if values.len() < MOST_VALUES {
            values.insert(text.into(), 1);
            let cost = text.len().saturating_add(VALUE_COST);
            self.cost = self.cost.saturating_add(cost);
        } else {
            self.release();
        }
    }

    /// Gives the values up; the column can then only be one of numbers.
    pub(super) fn release(&mut self) {
        self.kept = None;
        self.cost = 0;
    }

    /// All values are known.
    pub(super) fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// How many there are, if they are known.
    pub(super) fn len(&self) -> Option<usize> {
        self.kept.as_ref().map(HashMap::len)
    }

    /// Memory that they take, roughly, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// The values in alphabetical order, with their rows; empty unless they are known.
    pub(super) fn list(&self) -> Vec<(String, u64)> {
        let values = self.kept.iter().flatten();
        let mut list: Vec<(String, u64)> =
            values.map(|(text, &rows)| (text.to_string(), rows)).collect();
        list.sort_unstable();
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_until_they_are_too_many() {
        let mut tally = Tally::new();
        ["b", "a", "b"].iter().for_each(|value| tally.add(value));
        assert_eq!(tally.list(), [("a".into(), 1), ("b".into(), 2)]);
        (0..MOST_VALUES - 2).for_each(|i| tally.add(&i.to_string()));
        assert_eq!(tally.len(), Some(MOST_VALUES));
        tally.add("one more");
        assert_eq!((tally.len(), tally.cost(), tally.is_kept()), (None, 0, false));
        assert!(tally.list().is_empty());
    }
}
