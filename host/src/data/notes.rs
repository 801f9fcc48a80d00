//! What a user should know of a table besides its numbers.

use super::encoding::{Coding, Feature, Values};
use super::name::shown;
use super::profile::Kind;
use super::summary::{Column, Facts, Summary, Use};

/// A mean this many times the standard deviation leaves f32 with few digits: 24 bits hold 1 in 10^7.
const FAR: f64 = 1e5;

/// Most columns that a note names.
const NAMED: usize = 20;

impl Summary {
    /// Adds what a user should know besides.
    pub(super) fn add_notes(&mut self, facts: &Facts<'_>) {
        let names = |pick: &dyn Fn(&Column) -> bool| -> Vec<String> {
            let picked = self.columns.iter().filter(|column| pick(column));
            picked.map(|column| shown(&column.name)).collect()
        };
        let left_out = names(&|c| c.purpose == Use::Ignored);
        let constant = names(&|c| c.purpose == Use::Input && c.kind == Some(Kind::Constant));
        let far = names(&|c| {
            c.numbers.is_some_and(|n| n.min < n.max && n.mean.abs() > FAR * n.deviation)
        });
        let alone: Vec<String> = self
            .classes
            .iter()
            .filter(|class| class.held_out == 0 && self.split.held_out > 0)
            .map(|class| shown(&class.name))
            .collect();
        let counted: Vec<String> = match facts.encoding.targets.as_slice() {
            [Feature { name, coding: Coding::OneHot { values: Values::Number(_) }, .. }] => {
                vec![shown(name)]
            }
            _ => Vec::new(),
        };
        let mut note = |names: &[String], text: &str| {
            if !names.is_empty() {
                let more = names.len().saturating_sub(NAMED);
                let dots = if more > 0 { format!(" and {more} more") } else { String::new() };
                let few: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
                self.notes.push(format!("{text}: {}{dots}", few.join(", ")));
            }
        };
        note(&counted, "whole numbers taken as classes, not amounts (see --number)");
        note(&constant, "the same in every row, so of no use");
        note(&far, "far from 0 for its spread, so f32 keeps few digits");
        note(&alone, "too few rows to hold any out");
        note(&left_out, "left out");
        if !self.in_memory {
            self.notes.push(self.file_order(facts.runs).into());
        }
    }

    /// What reading from the file means for training; `runs` is how often the class changes.
    fn file_order(&self, runs: u64) -> &'static str {
        // In random order each row outside the largest class begins a run more often than not.
        let most = self.classes.iter().map(|class| class.rows).max();
        let others = self.rows.saturating_sub(most.unwrap_or(self.rows));
        if runs.saturating_mul(10) < others.min(self.split.training) {
            "too large to shuffle in memory and sorted by class: shuffle the file first"
        } else {
            "too large for memory: every epoch reads the file, in its order"
        }
    }
}
