//! The first pass: what every column looks like and which rows are used.

use super::cell::is_missing;
use super::columns::{Columns, Role, Treatment};
use super::error::{Fault, Located, Place};
use super::name::shown;
use super::options::Missing;
use super::profile::Profile;
use super::records::{Record, Records};

/// Most memory that the different values of all columns may take, in bytes.
const MOST_TEXT: usize = 64 << 20;
/// Bytes read between two looks at that memory.
const LOOK: usize = 1 << 20;

/// What the whole table looks like.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) profiles: Vec<Profile>,
    /// Rows read.
    pub(super) rows: u64,
    /// Rows used.
    pub(super) used: u64,
    /// Missing cells in the columns that are used.
    pub(super) missing: u64,
}

impl Survey {
    /// Reads `records` to their end; `watch` is called after every row and may stop the reading.
    pub(super) fn new(
        records: &mut Records,
        columns: &Columns,
        policy: Missing,
        decimal_comma: bool,
        mut watch: impl FnMut(u64) -> Result<(), Located>,
    ) -> Result<Self, Located> {
        let mut survey = Self {
            profiles: columns.names.iter().map(|_| Profile::new()).collect(),
            rows: 0,
            used: 0,
            missing: 0,
        };
        let mut unseen = 0_usize;
        while records.advance()? {
            let record = records.record();
            survey.rows = survey.rows.saturating_add(1);
            survey.count_missing(record, columns);
            if columns.keep(record, policy) {
                survey.used = survey.used.saturating_add(1);
                survey.add(record, columns, decimal_comma);
            }
            unseen = unseen.saturating_add(record.bytes());
            if unseen > LOOK {
                unseen = 0;
                survey.limit(columns)?;
            }
            watch(survey.rows)?;
        }
        survey.limit(columns)?;
        survey.check(columns, policy)?;
        Ok(survey)
    }

    fn count_missing(&mut self, record: Record<'_>, columns: &Columns) {
        let cells = record.cells().zip(&columns.roles).zip(&mut self.profiles);
        for ((cell, role), profile) in cells {
            if *role != Role::Ignored && is_missing(cell) {
                profile.miss(record.line);
                self.missing = self.missing.saturating_add(1);
            }
        }
    }

    fn add(&mut self, record: Record<'_>, columns: &Columns, decimal_comma: bool) {
        let cells = record.cells().zip(&columns.roles).zip(&mut self.profiles);
        for ((cell, role), profile) in cells {
            if *role != Role::Ignored {
                profile.add(record.line, cell, decimal_comma);
            }
        }
    }

    /// Keeps the memory for different values bounded: numbers give theirs up, words are an error.
    fn limit(&mut self, columns: &Columns) -> Result<(), Located> {
        let cost = |profiles: &[Profile]| {
            profiles.iter().fold(0_usize, |sum, profile| sum.saturating_add(profile.values.cost()))
        };
        if cost(&self.profiles) <= MOST_TEXT {
            return Ok(());
        }
        for (profile, treatment) in self.profiles.iter_mut().zip(&columns.treatments) {
            if profile.is_numeric() && matches!(treatment, Treatment::Looks | Treatment::Number) {
                profile.values.release();
            }
        }
        if cost(&self.profiles) <= MOST_TEXT {
            return Ok(());
        }
        let most = (0..).zip(&self.profiles).max_by_key(|(_, profile)| profile.values.cost());
        let index = most.map_or(0, |(index, _): (usize, _)| index);
        let number = index.saturating_add(1);
        Err((columns.place(index), Fault::TooMuchText { limit: MOST_TEXT, number }))
    }

    /// There are rows, and no more cells are missing than may be.
    fn check(&self, columns: &Columns, policy: Missing) -> Result<(), Located> {
        if self.rows == 0 {
            return Err((Place::FILE, Fault::HeaderOnly));
        }
        let gaps = || (0_usize..).zip(&self.profiles).filter(|(_, profile)| profile.missing > 0);
        if policy == Missing::Refuse
            && let Some((index, profile)) = gaps().min_by_key(|(_, profile)| profile.first_missing)
        {
            let place = columns.place(index).at(profile.first_missing);
            return Err((place, Fault::Missing { cells: self.missing }));
        }
        if self.used == 0 {
            let worst = gaps().max_by_key(|(_, profile)| profile.missing);
            let index = worst.map_or(0, |(index, _)| index);
            let fault = Fault::NoRows {
                rows: self.rows,
                worst: format!("{} ({})", index.saturating_add(1), shown(columns.name(index))),
            };
            return Err((Place::FILE, fault));
        }
        Ok(())
    }
}
