//! A board's log: frames of `defmt`, whose texts stand in the image and not in the board.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result};
use defmt_decoder::{DecodeError, Table};

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whether it tells of an error.
    pub is_error: bool,
    /// What it says.
    pub text: String,
}

impl Line {
    /// The code with which the board ends, if this line says so.
    pub fn exit_code(&self) -> Option<i32> {
        self.text.strip_prefix("exit ")?.parse().ok()
    }
}

/// The texts of an image's log.
#[derive(Debug)]
pub struct Texts(Table);

impl Texts {
    /// The texts that `image` logs.
    ///
    /// # Errors
    /// When the image cannot be read or has no log.
    pub fn of(image: &Path) -> Result<Self> {
        let context = || format!("the log's texts in {}", image.display());
        let bytes = fs::read(image).with_context(context)?;
        let table = Table::parse(&bytes).with_context(context)?;
        table.map(Self).with_context(context)
    }

    /// Reads frames from `from` until there are no more, and tells each line. A frame that is
    /// damaged is skipped.
    ///
    /// # Errors
    /// When `from` cannot be read.
    pub fn read(&self, from: &mut impl Read, tell: &mut impl FnMut(Line)) -> Result<()> {
        let mut decoder = self.0.new_stream_decoder();
        let mut bytes = [0; 1024];
        loop {
            let count = match from.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("the board's log"),
            };
            decoder.received(&bytes[..count]);
            loop {
                match decoder.decode() {
                    Ok(frame) => tell(Line {
                        is_error: frame.level().is_some_and(|level| level.as_str() == "error"),
                        text: frame.display_message().to_string(),
                    }),
                    Err(DecodeError::UnexpectedEof) => break,
                    // What follows the next end of a frame is whole again.
                    Err(DecodeError::Malformed) => {}
                }
            }
        }
    }
}
