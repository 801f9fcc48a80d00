//! Two slots in flash that take turns, so that a power cut at any byte leaves one of them whole:
//! the older snapshot or the newer.
//!
//! ```text
//! slot    fields | commit | content      each begins at a multiple of the flash's WRITE_SIZE
//! fields  sequence | length | crc        4 bytes each, low first
//! commit  "SLOT"
//! crc     CRC-32/ISO-HDLC of sequence, length and content
//! ```
//! Saving erases the slot that is not the newest good one, and then writes content, fields and
//! commit in this order. The slot with the higher sequence number is the newer one.

#![no_std]

use core::{fmt, ops::Range};

use crc::{CRC_32_ISO_HDLC, Crc, Digest};
use embedded_storage::nor_flash::NorFlash;

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

const COMMIT: [u8; 4] = *b"SLOT";

/// Most bytes that are read or written at a time. A flash must write this or a part of it.
const BLOCK: usize = 256;

/// What flash reads where nothing was written since it was erased.
const ERASED: u8 = 0xff;

/// Why a snapshot could not be saved, or there can be no slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The range is not two halves of whole sectors within the flash.
    Range,
    /// The content is larger than a slot. Nothing was changed.
    Room {
        /// Bytes to save.
        bytes: usize,
        /// Bytes that a slot holds.
        room: usize,
    },
    /// The content came in another length than was said, or that is no multiple of 4 bytes.
    Length,
    /// What is read back is not what was written.
    Worn,
    /// The flash refused.
    Flash(E),
}

impl<E: fmt::Debug> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range => write!(f, "the range is not two halves of whole sectors of the flash"),
            Self::Room { bytes, room } => {
                write!(f, "{bytes} bytes do not fit in a slot, which holds {room}")
            }
            Self::Length => write!(f, "the content has another length than was said"),
            Self::Worn => write!(f, "the flash does not hold what was written to it"),
            Self::Flash(error) => write!(f, "the flash: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Error<E> {}

/// What saving takes content with, four bytes at a time.
pub type Sink<'s, E> = dyn FnMut([u8; 4]) -> Result<(), Error<E>> + 's;

/// The first multiple of `unit` from `bytes` on.
const fn round_up(bytes: u32, unit: u32) -> u32 {
    match bytes.checked_next_multiple_of(unit) {
        Some(multiple) => multiple,
        None => u32::MAX,
    }
}

/// A good slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Good {
    is_second: bool,
    sequence: u32,
    /// Bytes of content.
    length: u32,
}

/// Two slots in a range of a flash.
#[derive(Debug)]
pub struct Slots<F> {
    flash: F,
    start: u32,
    /// Bytes of a slot.
    size: u32,
    newest: Option<Good>,
}

impl<F: NorFlash> Slots<F> {
    const UNIT: u32 = F::WRITE_SIZE as u32;
    /// Where in a slot the commit stands.
    const COMMIT_AT: u32 = round_up(12, Self::UNIT);
    /// Where in a slot the content begins.
    const CONTENT_AT: u32 = Self::COMMIT_AT + round_up(4, Self::UNIT);

    /// Two slots, each half of `range`, which is in bytes from the start of the flash. Whatever
    /// is in them is looked at, and left as it is.
    ///
    /// A flash that writes units larger than 256 bytes, or reads larger units than it writes,
    /// does not compile.
    ///
    /// # Errors
    /// [`Error::Range`] when the halves are not whole sectors, at least one each, within the flash.
    pub fn new(flash: F, range: Range<u32>) -> Result<Self, Error<F::Error>> {
        const {
            assert!(BLOCK.is_multiple_of(F::WRITE_SIZE), "WRITE_SIZE is a part of 256 bytes");
            assert!(F::WRITE_SIZE.is_multiple_of(F::READ_SIZE), "reads are as fine as writes");
            assert!(F::ERASE_SIZE.is_multiple_of(F::WRITE_SIZE), "sectors are of whole units");
        };
        let sector = F::ERASE_SIZE as u32;
        let size = range.end.saturating_sub(range.start) / 2;
        let is_whole = range.start.is_multiple_of(sector) && size.is_multiple_of(sector);
        let is_two = range.start.checked_add(size.saturating_mul(2)) == Some(range.end);
        if size == 0 || !is_whole || !is_two || range.end as usize > flash.capacity() {
            return Err(Error::Range);
        }
        let mut slots = Self { flash, start: range.start, size, newest: None };
        slots.newest = match (slots.examine(false), slots.examine(true)) {
            // Numbers that have gone round still compare.
            (Some(first), Some(second))
                if second.sequence.wrapping_sub(first.sequence) <= u32::MAX / 2 =>
            {
                Some(second)
            }
            (first, second) => first.or(second),
        };
        Ok(slots)
    }

    /// Bytes of content that a slot holds.
    pub fn room(&self) -> usize {
        self.size.saturating_sub(Self::CONTENT_AT) as usize
    }

    /// Saves `bytes` bytes, a multiple of 4, that `write` gives to its sink, and leaves the
    /// newest good slot as it is. `slots.save(race.snapshot_bytes(), |sink| race.save(sink))`
    /// saves a race. Words are gathered into writes of whole units.
    ///
    /// # Errors
    /// [`Error`]; what was saved before is still there, and a next call may succeed.
    pub fn save(
        &mut self,
        bytes: usize,
        write: impl FnOnce(&mut Sink<'_, F::Error>) -> Result<(), Error<F::Error>>,
    ) -> Result<(), Error<F::Error>> {
        let room = self.room();
        if bytes > room {
            return Err(Error::Room { bytes, room });
        }
        if !bytes.is_multiple_of(4) {
            return Err(Error::Length);
        }
        let length = bytes as u32;
        let good = match self.newest {
            Some(Good { is_second, sequence, .. }) => {
                Good { is_second: !is_second, sequence: sequence.wrapping_add(1), length }
            }
            None => Good { is_second: false, sequence: 0, length },
        };
        let from = self.at(good.is_second);
        let content = from.saturating_add(Self::CONTENT_AT);
        let end = content.saturating_add(length);
        let sectors = round_up(end.saturating_sub(from), F::ERASE_SIZE as u32);
        self.flash.erase(from, from.saturating_add(sectors)).map_err(Error::Flash)?;

        let mut writer = Writer::new(&mut self.flash, content);
        let mut left = length;
        let mut digest = good.digest();
        write(&mut |word| {
            left = left.checked_sub(4).ok_or(Error::Length)?;
            digest.update(&word);
            writer.push(word)
        })?;
        if left > 0 {
            return Err(Error::Length);
        }
        writer.flush()?;
        let mut writer = Writer::new(&mut self.flash, from);
        for field in [good.sequence, good.length, digest.finalize()] {
            writer.push(field.to_le_bytes())?;
        }
        writer.flush()?;
        let mut writer = Writer::new(&mut self.flash, from.saturating_add(Self::COMMIT_AT));
        writer.push(COMMIT)?;
        writer.flush()?;
        if self.examine(good.is_second) != Some(good) {
            return Err(Error::Worn);
        }
        self.newest = Some(good);
        Ok(())
    }

    /// What was saved last and is whole, `None` where there is nothing.
    pub fn load(&mut self) -> Option<Content<'_, F>> {
        let Good { is_second, length, .. } = self.newest?;
        let from = self.at(is_second).saturating_add(Self::CONTENT_AT);
        Some(self.content(from, length))
    }

    /// Where a slot begins.
    fn at(&self, is_second: bool) -> u32 {
        if is_second { self.start.saturating_add(self.size) } else { self.start }
    }

    fn content(&mut self, from: u32, length: u32) -> Content<'_, F> {
        Content { flash: &mut self.flash, from, length, buffer: [ERASED; BLOCK], held: None }
    }

    /// The slot, if it is good. One that cannot be read is not.
    fn examine(&mut self, is_second: bool) -> Option<Good> {
        let from = self.at(is_second);
        let room = self.room();
        let mut head = self.content(from, Self::CONTENT_AT);
        let mut field = |at| head.word(at).map(u32::from_le_bytes);
        let (sequence, length, crc) = (field(0)?, field(4)?, field(8)?);
        let commit = head.word(Self::COMMIT_AT as usize)?;
        if commit != COMMIT || length as usize > room {
            return None;
        }
        let good = Good { is_second, sequence, length };
        let mut digest = good.digest();
        let mut content = self.content(from.saturating_add(Self::CONTENT_AT), length);
        for at in (0..length as usize).step_by(4) {
            digest.update(&content.word(at)?);
        }
        (digest.finalize() == crc).then_some(good)
    }
}

impl Good {
    /// The check of a slot, up to its content.
    fn digest(&self) -> Digest<'static, u32> {
        let mut digest = CRC.digest();
        digest.update(&self.sequence.to_le_bytes());
        digest.update(&self.length.to_le_bytes());
        digest
    }
}

/// What a slot holds.
#[derive(Debug)]
pub struct Content<'s, F> {
    flash: &'s mut F,
    from: u32,
    /// Bytes.
    length: u32,
    /// The block read last.
    buffer: [u8; BLOCK],
    /// Its place in the content.
    held: Option<usize>,
}

impl<F: NorFlash> Content<'_, F> {
    /// Bytes of it.
    pub fn bytes(&self) -> usize {
        self.length as usize
    }

    /// The four bytes from `at` on, a multiple of 4; `None` behind the end, and where the flash
    /// cannot be read. `race.restore_by(&mut |at| content.word(at))` restores a race.
    pub fn word(&mut self, at: usize) -> Option<[u8; 4]> {
        let length = self.length as usize;
        let inside = at % BLOCK;
        if at.checked_add(4)? > length || inside.checked_add(4)? > BLOCK {
            return None;
        }
        let block = at.checked_sub(inside)?;
        if self.held != Some(block) {
            self.held = None;
            // Up to the end of the last unit, which is not behind that of the slot.
            let bytes = length.checked_sub(block)?.checked_next_multiple_of(F::WRITE_SIZE)?;
            let buffer = self.buffer.get_mut(..bytes.min(BLOCK))?;
            self.flash.read(self.from.checked_add(block as u32)?, buffer).ok()?;
            self.held = Some(block);
        }
        self.buffer.get(inside..)?.first_chunk().copied()
    }
}

/// Gathers words into writes of whole units.
struct Writer<'f, F> {
    flash: &'f mut F,
    /// Where the buffer goes.
    at: u32,
    buffer: [u8; BLOCK],
    filled: usize,
}

impl<'f, F: NorFlash> Writer<'f, F> {
    fn new(flash: &'f mut F, at: u32) -> Self {
        Self { flash, at, buffer: [ERASED; BLOCK], filled: 0 }
    }

    fn push(&mut self, word: [u8; 4]) -> Result<(), Error<F::Error>> {
        if self.filled >= BLOCK {
            self.flush()?;
        }
        if let Some(place) = self.buffer.get_mut(self.filled..).and_then(<[u8]>::first_chunk_mut) {
            *place = word;
        }
        self.filled = self.filled.saturating_add(4);
        Ok(())
    }

    /// Writes what has been gathered, and fills its last unit up.
    fn flush(&mut self) -> Result<(), Error<F::Error>> {
        let bytes = self.filled.next_multiple_of(F::WRITE_SIZE).min(BLOCK);
        if let Some(gathered) = self.buffer.get(..bytes).filter(|gathered| !gathered.is_empty()) {
            self.flash.write(self.at, gathered).map_err(Error::Flash)?;
        }
        self.at = self.at.saturating_add(bytes as u32);
        self.buffer = [ERASED; BLOCK];
        self.filled = 0;
        Ok(())
    }
}
