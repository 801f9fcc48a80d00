//! Text handed out one line at a time, so that the parser above never runs ahead of the line count.
//!
//! Everything that belongs to a line as such happens here: the byte order mark, the three line
//! ends (`\n`, `\r\n`, `\r`), UTF-8, runs of spaces when a space separates, and the longest row.

use std::io::{self, Read};

use super::error::Fault;
use super::source::Text;

/// Longest row that is read, in bytes; one row is all that the reader holds.
pub(super) const LONGEST_ROW: usize = 4 << 20;

/// A reader whose every `read` stays within one line.
pub(super) struct Lines {
    text: Text,
    /// The current line, ended by `\n`, and how much of it was handed out.
    line: Vec<u8>,
    taken: usize,
    /// Number of the current line, from 1.
    number: u64,
    /// First line of the current row that is not blank; 0 before there is one.
    first: u64,
    /// Bytes of the current row.
    length: usize,
    /// The last line ended in `\r`, so a `\n` that follows belongs to it.
    returned: bool,
    /// Runs of blanks outside quotes become one space; the flag is "inside quotes".
    blanks: Option<bool>,
    fault: Option<Fault>,
}

impl Lines {
    pub(super) fn new(text: Text, join_blanks: bool) -> Self {
        Self {
            text,
            line: Vec::new(),
            taken: 0,
            number: 0,
            first: 0,
            length: 0,
            returned: false,
            blanks: join_blanks.then_some(false),
            fault: None,
        }
    }

    /// A new row begins.
    pub(super) fn begin(&mut self) {
        self.first = 0;
        self.length = 0;
    }

    /// Line on which the row began.
    pub(super) fn first(&self) -> u64 {
        self.first.max(1)
    }

    /// Line on which the row ended.
    pub(super) fn last(&self) -> u64 {
        self.number
    }

    /// What went wrong, if anything did.
    pub(super) fn fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Reads the next line; false at the end.
    fn advance(&mut self) -> Result<bool, Fault> {
        self.line.clear();
        self.taken = 0;
        let mut ended = false;
        while !ended {
            let chunk = match self.text.bytes.fill_buf() {
                Ok(chunk) => chunk,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.text.fault(e)),
            };
            let Some(&head) = chunk.first() else { break };
            if std::mem::take(&mut self.returned) && head == b'\n' {
                self.text.bytes.consume(1);
                continue;
            }
            let end = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (part, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
            self.line.extend_from_slice(part);
            ended = end.is_some();
            self.returned = rest.first() == Some(&b'\r');
            let used = part.len().saturating_add(usize::from(ended));
            self.text.bytes.consume(used);
            self.length = self.length.saturating_add(used);
            if self.length > LONGEST_ROW {
                return Err(Fault::Long { limit: LONGEST_ROW });
            }
        }
        if !ended && self.line.is_empty() {
            return Ok(false);
        }
        self.number = self.number.saturating_add(1);
        self.check()?;
        Ok(true)
    }

    /// Makes `first` the line that `fault` is about.
    fn locate(&mut self, fault: &Fault) {
        match fault {
            Fault::Long { .. } if self.first != 0 => {}
            Fault::Utf8 { .. } => self.first = self.number,
            _ => self.first = self.number.saturating_add(1),
        }
    }

    /// Checks and tidies a whole line.
    fn check(&mut self) -> Result<(), Fault> {
        if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
            self.line.drain(..3);
        }
        if let Err(error) = std::str::from_utf8(&self.line) {
            let at = error.valid_up_to();
            return Err(Fault::Utf8 {
                byte: at.saturating_add(1),
                value: self.line.get(at).copied().unwrap_or_default(),
            });
        }
        if self.first == 0 && !self.line.iter().all(u8::is_ascii_whitespace) {
            self.first = self.number;
        }
        if let Some(quoted) = self.blanks {
            self.blanks = Some(join_blanks(&mut self.line, quoted));
        }
        self.line.push(b'\n');
        Ok(())
    }
}

/// Makes each run of blanks outside quotes one space, none at the ends; returns "inside quotes".
fn join_blanks(line: &mut Vec<u8>, mut quoted: bool) -> bool {
    let mut after_blank = !quoted;
    line.retain_mut(|byte| {
        quoted ^= *byte == b'"';
        let blank = !quoted && matches!(*byte, b' ' | b'\t');
        let keep = !(blank && after_blank);
        after_blank = blank;
        if blank {
            *byte = b' ';
        }
        keep
    });
    if after_blank && line.last() == Some(&b' ') {
        line.pop();
    }
    quoted
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.line.len() {
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(fault) => {
                    self.locate(&fault);
                    self.fault = Some(fault);
                    return Err(io::Error::other("see Lines::fault"));
                }
            }
        }
        let mut rest = self.line.get(self.taken..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.taken = self.taken.saturating_add(count);
        Ok(count)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn lines(text: &'static [u8], join: bool) -> Lines {
        Lines::new(Text { bytes: Box::new(text), gzip: false }, join)
    }

    fn all(text: &'static [u8], join: bool) -> (String, u64) {
        let mut lines = lines(text, join);
        let mut out = String::new();
        lines.read_to_string(&mut out).unwrap();
        (out, lines.last())
    }

    #[test]
    fn every_line_end_counts_once() {
        for text in
            [&b"a\nb\n\nc"[..], b"a\r\nb\r\n\r\nc\r\n", b"a\rb\r\rc\r", b"\xef\xbb\xbfa\nb\n\nc\n"]
        {
            assert_eq!(all(text, false), ("a\nb\n\nc\n".into(), 4));
        }
        assert_eq!(all(b"", false), (String::new(), 0));
        assert_eq!(all(b"\n\r", false), ("\n\n".into(), 2));
    }

    #[test]
    fn runs_of_blanks_join_outside_quotes() {
        assert_eq!(all(b"  1 \t 2\t3  \n", true).0, "1 2 3\n");
        assert_eq!(all(b"1  \"a  b\" 2\n", true).0, "1 \"a  b\" 2\n");
        assert_eq!(all(b"1 \"a  \n  b\"  2\n", true).0, "1 \"a  \n  b\" 2\n");
    }

    #[test]
    fn a_read_never_crosses_a_line() {
        let mut lines = lines(b"ab\ncd\n", false);
        let mut buffer = [0; 16];
        assert_eq!(lines.read(&mut buffer).unwrap(), 3);
        assert_eq!(lines.last(), 1);
    }

    #[test]
    fn bytes_that_are_no_text_are_located() {
        let mut lines = lines(b"ab\nc\xe9d\n", false);
        assert!(lines.read_to_end(&mut Vec::new()).is_err());
        assert!(matches!(lines.fault(), Some(Fault::Utf8 { byte: 2, value: 0xe9 })));
        assert_eq!(lines.first(), 2);
    }
}
