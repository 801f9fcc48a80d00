//! Rows of cells with the line each began on; a row of the wrong width is an error.

use std::fmt;

use csv::{Reader, ReaderBuilder, StringRecord};

use super::error::{Fault, Located, Place};
use super::format::Layout;
use super::lines::Lines;
use super::source::{Gauge, Source, Text};

/// One row as text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// Line of the file, from 1.
    pub(super) line: u64,
    cells: &'a StringRecord,
}

impl<'a> Record<'a> {
    /// The cell of a column counted from 0, without blanks around it.
    pub(super) fn cell(&self, column: usize) -> &'a str {
        self.cells.get(column).unwrap_or_default().trim()
    }

    /// All cells without blanks around them.
    pub(super) fn cells(&self) -> impl Iterator<Item = &'a str> {
        self.cells.iter().map(str::trim)
    }

    /// Length of the text, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.cells.as_slice().len()
    }
}

/// The rows of one reading of a table.
pub(super) struct Records {
    reader: Reader<Lines>,
    cells: StringRecord,
    line: u64,
    width: Option<usize>,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("width", &self.width).finish_non_exhaustive()
    }
}

impl Records {
    /// Rows of any width.
    pub(super) fn new(text: Text, separator: u8) -> Self {
        Self {
            reader: ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(separator)
                .buffer_capacity(1 << 16)
                .from_reader(Lines::new(text, separator == b' ')),
            cells: StringRecord::new(),
            line: 0,
            width: None,
        }
    }

    /// The rows of `source` below its header, all as wide as the table.
    pub(super) fn open(
        source: &Source,
        layout: &Layout,
        width: usize,
    ) -> Result<(Self, Gauge), Located> {
        let (text, gauge) = source.text().map_err(|fault| (Place::FILE, fault))?;
        let mut records = Self::new(text, layout.separator);
        records.width = Some(width);
        if layout.header {
            records.advance()?;
        }
        Ok((records, gauge))
    }

    /// Goes to the next row that is not blank; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Located> {
        loop {
            self.reader.get_mut().begin();
            let read = self.reader.read_record(&mut self.cells);
            let lines = self.reader.get_mut();
            self.line = lines.first();
            match read {
                Ok(false) => return Ok(false),
                Ok(true) => {}
                Err(_) => {
                    let fault = lines.fault().unwrap_or(Fault::Changed);
                    return Err((Place::line(self.line), fault));
                }
            }
            let found = self.cells.len();
            if found == 1 && self.record().cell(0).is_empty() {
                continue;
            }
            return match self.width {
                Some(expected) if expected != found => {
                    let quoted = self.reader.get_ref().last() > self.line;
                    let fault = Fault::Ragged { found, expected, quoted };
                    Err((Place::line(self.line), fault))
                }
                _ => Ok(true),
            };
        }
    }

    /// The row that [`Records::advance`] went to.
    pub(super) fn record(&self) -> Record<'_> {
        Record { line: self.line, cells: &self.cells }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &'static [u8], separator: u8, width: Option<usize>) -> Vec<(u64, Vec<String>)> {
        let text = Text { bytes: Box::new(text), gzip: false };
        let mut records = Records::new(text, separator);
        records.width = width;
        let mut rows = Vec::new();
        loop {
            match records.advance() {
                Ok(true) => {
                    let record = records.record();
                    rows.push((record.line, record.cells().map(str::to_owned).collect()));
                }
                Ok(false) => return rows,
                Err((_, fault)) => {
                    rows.push((records.record().line, vec![fault.to_string()]));
                    return rows;
                }
            }
        }
    }

    #[test]
    fn lines_are_counted_over_blanks_and_quotes() {
        let text = b"\n\na,b\r\n\r\n  \n\"x\ny\", 2 \n\n3,4";
        let found = rows(text, b',', Some(2));
        assert_eq!(
            found,
            [
                (3, vec!["a".into(), "b".into()]),
                (6, vec!["x\ny".into(), "2".into()]),
                (9, vec!["3".into(), "4".into()]),
            ]
        );
    }

    #[test]
    fn a_ragged_row_is_named() {
        let found = rows(b"1,2\n\n1,2,3\n", b',', Some(2));
        assert_eq!(found[1], (3, vec!["3 cells where the first row has 2".into()]));
        let open = rows(b"1,2\n1,\"2\n1,2\n1,2,3\n\n", b',', Some(3));
        assert_eq!(open[0].0, 1);
        let open = rows(b"1,2\n\"1,2\n1,2\n", b',', Some(2));
        assert_eq!(
            open[1],
            (2, vec!["1 cell where the first row has 2 (a quote left open?)".into()])
        );
    }

    #[test]
    fn an_endless_row_is_refused() {
        let mut text = b"a,b\n\"".to_vec();
        text.resize(9 << 20, b'\n');
        let found = rows(text.leak(), b',', Some(2));
        assert_eq!(found[1].0, 2);
        assert!(found[1].1[0].contains("longer than 4194304 bytes"), "{found:?}");
    }

    #[test]
    fn spaces_in_columns_separate_once() {
        let found = rows(b"  1   2\n 10  20\n", b' ', Some(2));
        assert_eq!(found[1], (2, vec!["10".into(), "20".into()]));
    }
}
