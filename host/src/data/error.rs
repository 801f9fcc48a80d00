//! What can be wrong with a table, and where: one line that names the file, the line and the column.

use std::fmt;
use std::io;

use super::name::{clipped, shown};

/// Longest path that is shown whole, in characters.
const LONGEST_PATH: usize = 4096;

/// Why a table could not be read. It displays as one line, `file, line 7, column 3 (ash): fault`.
///
/// A failed read leaves nothing behind: there is no half-read table.
#[derive(Debug, thiserror::Error)]
#[error("{file}{place}: {fault}")]
pub struct Error {
    file: Box<str>,
    place: Place,
    fault: Box<Fault>,
}

impl Error {
    pub(super) fn new(file: &str, place: Place, fault: Fault) -> Self {
        Self { file: clipped(file, LONGEST_PATH).into(), place, fault: Box::new(fault) }
    }

    /// The line of the file, counted from 1, if the fault has one.
    pub fn line(&self) -> Option<u64> {
        self.place.line
    }

    /// The number of the column, counted from 1, if the fault has one.
    pub fn column(&self) -> Option<usize> {
        self.place.column.as_ref().map(|(number, _)| *number)
    }

    /// What is wrong.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }
}

/// A fault and its place, before anyone knows the name of the file.
pub(super) type Located = (Place, Fault);

/// Where in a file a fault is; both parts may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    line: Option<u64>,
    column: Option<(usize, Box<str>)>,
}

impl Place {
    /// The file as a whole.
    pub(super) const FILE: Self = Self { line: None, column: None };

    pub(super) fn line(line: u64) -> Self {
        Self { line: Some(line), column: None }
    }

    /// `index` counts from 0; people read it from 1.
    pub(super) fn column(index: usize, name: &str) -> Self {
        Self { line: None, column: Some((index.saturating_add(1), shown(name).into())) }
    }

    pub(super) fn at(self, line: u64) -> Self {
        Self { line: Some(line), ..self }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some((number, name)) = &self.column {
            write!(f, ", column {number} ({name})")?;
        }
        Ok(())
    }
}

/// What is wrong with a table, or with what was asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The operating system refused to open or read the file.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// Standard input or a pipe did not fit into the temporary directory.
    #[error("cannot be copied to a temporary file: {0}")]
    Spool(io::Error),
    /// Compressed data ends early or is damaged.
    #[error("gzip data is cut short or damaged: {0}")]
    Gzip(io::Error),
    /// A known format that is no text.
    #[error("this is {0}, not a table of text: save it as CSV in UTF-8")]
    Foreign(&'static str),
    /// Bytes that are no UTF-8.
    #[error(
        "byte {byte} of the line (0x{value:02X}) is not UTF-8: \
         convert the file first, such as with `iconv -f latin1 -t utf-8`"
    )]
    Utf8 {
        /// Position in the line, counted from 1.
        byte: usize,
        /// The byte itself.
        value: u8,
    },
    /// Not one row and no header.
    #[error("the file is empty")]
    Empty,
    /// A header and nothing below it.
    #[error("there is a header and no row of data below it")]
    HeaderOnly,
    /// One row is absurdly long; most often a quote was never closed.
    #[error("this row is longer than {limit} bytes: is a quote left open?")]
    Long {
        /// Longest row that is read, in bytes.
        limit: usize,
    },
    /// Too many columns.
    #[error("{found} columns are more than the {limit} that are read")]
    Wide {
        /// Columns of the first row.
        found: usize,
        /// Most columns that are read.
        limit: usize,
    },
    /// A row with more or fewer cells than the first.
    #[error(
        "{found} cell{s} where the first row has {expected}{hint}",
        s = if *.found == 1 { "" } else { "s" },
        hint = if *.quoted { " (a quote left open?)" } else { "" }
    )]
    Ragged {
        /// Cells of this row.
        found: usize,
        /// Cells of the first row.
        expected: usize,
        /// The row spans several lines, so a quote may be open.
        quoted: bool,
    },
    /// The separator asked for cannot separate cells.
    #[error("{0:?} cannot separate cells")]
    Separator(char),
    /// The share to hold out is no share.
    #[error("a share of {0} cannot be held out: it must be at least 0 and below 1")]
    Share(f64),
    /// No target was named.
    #[error("name the column to predict with --target: {columns}")]
    NoTarget {
        /// The columns there are.
        columns: String,
    },
    /// No column of that name or number.
    #[error("there is no column {wanted:?}; {hint}")]
    UnknownColumn {
        /// What was asked for.
        wanted: String,
        /// Near names, or the columns there are.
        hint: String,
    },
    /// Two columns of the same name.
    #[error("columns {first} and {second} are both called {wanted:?}: name it by number")]
    AmbiguousColumn {
        /// What was asked for.
        wanted: String,
        /// Number of one, counted from 1.
        first: usize,
        /// Number of the other.
        second: usize,
    },
    /// A column was given two parts to play.
    #[error("it is named twice: a column is one target, or left out, or of one kind")]
    NamedTwice,
    /// Every column is a target or left out.
    #[error("no column is left to predict from")]
    NoInputs,
    /// Cells are missing and the policy refuses that.
    #[error(
        "{cells} missing cell{s}, the first of them here: fill with --missing mean, \
         or leave such rows out with --missing drop",
        s = if *.cells == 1 { "" } else { "s" }
    )]
    Missing {
        /// Missing cells in the columns that are used.
        cells: u64,
    },
    /// Every row had a missing cell.
    #[error("none of the {rows} rows is left: each misses a cell, most often in column {worst}")]
    NoRows {
        /// Rows read.
        rows: u64,
        /// Number and name of the column with most missing cells.
        worst: String,
    },
    /// A column of numbers has a few cells of text.
    #[error("text in a column of numbers: {cells} ({texts} of {all} cells)")]
    Text {
        /// The first cells, each with its line.
        cells: String,
        /// Cells of text.
        texts: u64,
        /// Cells that are not missing.
        all: u64,
    },
    /// A number that f32 cannot hold.
    #[error("{0:?} is not a finite number that f32 can hold")]
    NotFinite(String),
    /// A value that is finite and yet overflows when scaled.
    #[error("{0} is too far from the training rows to be scaled")]
    Overflow(f32),
    /// A category column has too many different values.
    #[error(
        "more than {limit} different values: too many for categories; \
         leave the column out with --ignore {number}"
    )]
    TooManyValues {
        /// Most values that are kept.
        limit: usize,
        /// Number of the column, counted from 1.
        number: usize,
    },
    /// All categories together do not fit.
    #[error(
        "the different values of all columns take more than {limit} bytes, most of them here; \
         leave the column out with --ignore {number}"
    )]
    TooMuchText {
        /// Most bytes that are kept.
        limit: usize,
        /// Number of the column, counted from 1.
        number: usize,
    },
    /// A value that the given order does not have.
    #[error("{value:?} is not in the order given for this column")]
    Unordered {
        /// The value.
        value: String,
    },
    /// A target that never changes.
    #[error("the target has only one value, {0:?}: there is nothing to learn")]
    OneValue(String),
    /// A target that never changes in the rows trained on.
    #[error("the target does not change in the {rows} training rows")]
    Flat {
        /// Training rows.
        rows: u64,
    },
    /// A category is one of several targets.
    #[error("a category cannot be one of several targets: name it alone, or give its order")]
    MixedTargets,
    /// The file changed between two passes.
    #[error("the file changed while it was read")]
    Changed,
    /// The caller asked to stop.
    #[error("reading was stopped")]
    Stopped,
}
