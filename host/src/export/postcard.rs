//! Models as bytes, to be read by derby again.
//!
//! ```text
//! file     "derby net"  format  postcard(Model)  crc
//! format   1 byte, FORMAT
//! crc      4 bytes, low first: CRC-32/ISO-HDLC of all bytes before
//! ```

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crc::{CRC_32_ISO_HDLC, Crc};
use thiserror::Error;

use super::model::Model;

/// The first bytes of such a file.
const MAGIC: &[u8; 9] = b"derby net";
/// The version of the model's shape. Fields are in the order of [`Model`]'s and its parts'.
const FORMAT: u8 = 1;
/// Longest file that is read, in bytes: one of some 60 million parameters.
const LONGEST: u64 = 256 << 20;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Why bytes are no model.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// They begin otherwise.
    #[error("it is no exported net")]
    Magic,
    /// They are too few, or too many to be one.
    #[error("it is cut off, or longer than a net can be")]
    Length,
    /// They are of another version.
    #[error("it has format {0}, and this program reads format {FORMAT}")]
    Format(u8),
    /// They are not as they were written.
    #[error("it is damaged or cut off: the CRC differs")]
    Crc,
    /// What is in them makes no sense, though the CRC is right.
    #[error("{0}")]
    Content(String),
}

/// The bytes of a model.
pub fn to_bytes(model: &Model) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(FORMAT);
    let mut bytes =
        postcard::to_extend(model, bytes).expect("memory takes all that is written to it");
    bytes.extend(CRC.checksum(&bytes).to_le_bytes());
    bytes
}

/// The model in `bytes`.
///
/// # Errors
/// Why the bytes are no model.
pub fn from_bytes(bytes: &[u8]) -> Result<Model, Error> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Error::Magic)?;
    let (content, crc) = bytes.split_last_chunk::<4>().ok_or(Error::Length)?;
    let (&format, _) = rest.split_first().filter(|_| rest.len() > 4).ok_or(Error::Length)?;
    if format != FORMAT {
        return Err(Error::Format(format));
    }
    if CRC.checksum(content) != u32::from_le_bytes(*crc) {
        return Err(Error::Crc);
    }
    let message = content.get(MAGIC.len() + 1..).ok_or(Error::Length)?;
    let (model, left) = postcard::take_from_bytes::<Model>(message)
        .map_err(|error| Error::Content(format!("it holds no net: {error}")))?;
    if !left.is_empty() {
        return Err(Error::Content("it holds more than a net".to_owned()));
    }
    model.check().map_err(|error| Error::Content(error.to_string()))?;
    Ok(model)
}

/// The model in the file at `path`; `None` where the file does not begin as one.
///
/// # Errors
/// When it cannot be read, or is not whole.
pub fn open(path: &Path) -> anyhow::Result<Option<Model>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?;
    file.by_ref().take(MAGIC.len() as u64).read_to_end(&mut bytes)?;
    if bytes != MAGIC {
        return Ok(None);
    }
    file.take(LONGEST).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::Length.into());
    }
    Ok(Some(from_bytes(&bytes)?))
}
