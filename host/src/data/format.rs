//! How a table is written: separator, decimal mark, header.

use serde::Serialize;

/// What is known beforehand of how a table is written; `None` is found out from its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Format {
    /// The byte between cells.
    pub separator: Option<u8>,
    /// Numbers are written `1,5`.
    pub decimal_comma: Option<bool>,
    /// The first row holds names.
    pub header: Option<bool>,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// The byte between cells; a space stands for any run of blanks.
    pub separator: u8,
    /// Numbers are written `1,5`.
    pub decimal_comma: bool,
    /// The first row holds names.
    pub header: bool,
}

impl Layout {
    /// The separator as people write it.
    pub fn separator_name(&self) -> String {
        match self.separator {
            b'\t' => "tab".into(),
            b' ' => "spaces".into(),
            other => format!("'{}'", char::from(other).escape_default()),
        }
    }
}

/// Whether `separator` can stand between cells: one ASCII byte that is no part of a cell.
pub(super) fn can_separate(separator: u8) -> bool {
    let sign = separator.is_ascii_punctuation() && !matches!(separator, b'"' | b'.' | b'-' | b'+');
    sign || matches!(separator, b' ' | b'\t' | 0x1f)
}
