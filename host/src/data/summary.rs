//! What a table holds, for programs (serde) and, on [`page`](super::page), for people.

use serde::Serialize;

use super::columns::{Columns, Role};
use super::encoding::{Coding, Encoding, Task};
use super::format::Layout;
use super::options::{Missing, Options};
use super::profile::Kind;
use super::rows::Walk;
use super::samples::Store;
use super::scale::Spread;
use super::survey::Survey;

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The path, or `standard input`.
    pub file: String,
    /// Rows of data, left out or not.
    pub rows: u64,
    /// How the table is written.
    pub layout: Layout,
    /// What the targets ask of a net.
    pub task: Task,
    /// Inputs of a net for this table.
    pub inputs: usize,
    /// Outputs of a net for this table.
    pub outputs: usize,
    /// All columns in the order of the file.
    pub columns: Vec<Column>,
    /// The classes in the order of the outputs; none for regression.
    pub classes: Vec<Class>,
    /// Which rows are trained on.
    pub split: Sides,
    /// What is missing.
    pub missing: Gaps,
    /// The training rows are kept in memory; else they are read from the file in its order.
    pub in_memory: bool,
    /// What a user should know besides.
    pub notes: Vec<String>,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// A net reads it.
    Input,
    /// A net predicts it.
    Target,
    /// It was left out.
    Ignored,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    /// Counted from 1.
    pub number: usize,
    /// Its name, such as `c3` if the table gives none.
    pub name: String,
    /// What it is for.
    #[serde(rename = "use")]
    pub purpose: Use,
    /// What it is taken for; unknown for a column that is left out.
    pub kind: Option<Kind>,
    /// Missing cells.
    pub missing: u64,
    /// Different values, if they are kept.
    pub values: Option<Vec<String>>,
    /// Numbers of the training rows, if it is scaled.
    pub numbers: Option<Numbers>,
}

/// Statistics of a column over the training rows, unscaled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Numbers {
    /// Smallest value.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Largest value.
    pub max: f64,
    /// Standard deviation.
    pub deviation: f64,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Class {
    /// Its value in the table.
    pub name: String,
    /// Rows of this class.
    pub rows: u64,
    /// How many of them are held out.
    pub held_out: u64,
}

/// The split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sides {
    /// Rows trained on.
    pub training: u64,
    /// Rows held out.
    pub held_out: u64,
    /// The share asked for.
    pub share: f64,
    /// What decides the split.
    pub seed: u64,
    /// Every class is held out in proportion.
    pub stratified: bool,
}

/// Missing cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gaps {
    /// In the columns that are used.
    pub cells: u64,
    /// Rows that were left out because of them.
    pub rows_left_out: u64,
    /// What was done.
    pub policy: Missing,
}

/// All that a summary is made of.
pub(super) struct Facts<'a> {
    pub(super) walk: &'a Walk,
    pub(super) survey: &'a Survey,
    pub(super) kinds: &'a [Kind],
    pub(super) encoding: &'a Encoding,
    pub(super) strata: &'a [u64],
    pub(super) spreads: &'a [Spread],
    /// Times that the stratum changes from one training row to the next.
    pub(super) runs: u64,
    pub(super) training: &'a Store,
    pub(super) held_out: &'a Store,
    pub(super) options: &'a Options,
}

impl Summary {
    pub(super) fn new(facts: Facts<'_>) -> Self {
        let (survey, encoding) = (facts.survey, facts.encoding);
        let classes: Vec<Class> = encoding
            .class_names()
            .into_iter()
            .zip(facts.strata)
            .zip(facts.walk.split.held_out())
            .map(|((name, &rows), held_out)| Class { name, rows, held_out })
            .collect();
        let mut summary = Self {
            file: facts.walk.source.name().to_owned(),
            rows: survey.rows,
            layout: facts.walk.layout,
            task: encoding.task,
            inputs: encoding.input_width(),
            outputs: encoding.target_width(),
            columns: columns(&facts.walk.columns, survey, facts.kinds),
            split: Sides {
                training: facts.training.rows,
                held_out: facts.held_out.rows,
                share: facts.options.held_out,
                seed: facts.options.seed,
                stratified: !classes.is_empty(),
            },
            classes,
            missing: Gaps {
                cells: survey.missing,
                rows_left_out: survey.rows.saturating_sub(survey.used),
                policy: facts.options.missing,
            },
            in_memory: facts.training.values.is_some(),
            notes: Vec::new(),
        };
        summary.add_features(&facts);
        summary.add_notes(&facts);
        summary
    }

    /// Adds what only the encoding knows of the columns.
    fn add_features(&mut self, facts: &Facts<'_>) {
        let features = facts.encoding.inputs.iter().chain(&facts.encoding.targets);
        for (feature, spread) in features.zip(facts.spreads) {
            let index = feature.number.saturating_sub(1);
            let Some(column) = self.columns.get_mut(index) else {
                continue;
            };
            match &feature.coding {
                Coding::OneHot { values } => {
                    column.values = Some(values.names());
                    column.kind = Some(Kind::Category);
                }
                Coding::Ordinal { values, .. } => {
                    column.values = Some(values.clone());
                    column.kind = Some(Kind::Category);
                }
                _ => {}
            }
            column.numbers = (spread.count() > 0).then(|| Numbers {
                min: spread.min,
                mean: spread.mean(),
                max: spread.max,
                deviation: spread.standard_deviation(),
            });
        }
    }
}

fn columns(columns: &Columns, survey: &Survey, kinds: &[Kind]) -> Vec<Column> {
    let parts = columns.names.iter().zip(&columns.roles);
    parts
        .zip(kinds.iter().zip(&survey.profiles))
        .zip(1_usize..)
        .map(|(((name, role), (kind, profile)), number)| Column {
            number,
            name: name.clone(),
            purpose: match role {
                Role::Input => Use::Input,
                Role::Target => Use::Target,
                Role::Ignored => Use::Ignored,
            },
            kind: (*role != Role::Ignored).then_some(*kind),
            missing: profile.missing,
            values: None,
            numbers: None,
        })
        .collect()
}
