//! Finds frames in a stream of bytes.

use crate::CRC;

/// Finds frames in a stream of bytes. A frame that is damaged is counted and skipped.
///
/// What comes before the first end of a frame is not counted as damage: it may be the rest of a
/// frame, or something a machine says when it starts.
///
/// ```
/// use derby_wire::{Frames, sample, read_sample};
///
/// let mut buffer = [0; 32];
/// let sent = sample(&[0.5], &[1.0], &mut buffer)?;
///
/// let mut frames = Frames::new([0; 32]);
/// let (mut inputs, mut targets) = ([0.0], [0.0]);
/// for byte in sent {
///     if let Some(content) = frames.push(*byte) {
///         assert!(read_sample(content, &mut inputs, &mut targets)?);
///     }
/// }
/// assert_eq!((inputs, targets, frames.damaged()), ([0.5], [1.0], 0));
/// # Ok::<(), derby_wire::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Frames<B> {
    buffer: B,
    /// Bytes of the frame that is coming in; more than the buffer holds once it has overflowed.
    length: usize,
    /// Whether the end of a frame has been seen.
    synchronised: bool,
    damaged: u32,
}

impl<B: AsMut<[u8]>> Frames<B> {
    /// Frames of at most as many bytes as `buffer` has.
    pub const fn new(buffer: B) -> Self {
        Self { buffer, length: 0, synchronised: false, damaged: 0 }
    }

    /// Takes the next byte, and returns the content of a frame when that was its end.
    pub fn push(&mut self, byte: u8) -> Option<&[u8]> {
        let buffer = self.buffer.as_mut();
        if byte != 0 {
            if let Some(slot) = buffer.get_mut(self.length) {
                *slot = byte;
            }
            self.length = self.length.saturating_add(1);
            return None;
        }
        let length = core::mem::take(&mut self.length);
        let content =
            if length == 0 { Ok(None) } else { content(buffer, length).map(Some).ok_or(()) };
        let counts = core::mem::replace(&mut self.synchronised, true);
        content.unwrap_or_else(|()| {
            self.damaged = self.damaged.saturating_add(u32::from(counts));
            None
        })
    }

    /// Frames that were damaged.
    pub const fn damaged(&self) -> u32 {
        self.damaged
    }
}

/// Undoes COBS in place and checks the crc.
fn content(buffer: &mut [u8], length: usize) -> Option<&[u8]> {
    let frame = buffer.get_mut(..length)?;
    let length = cobs::decode_in_place(frame).ok()?;
    let (content, crc) = frame.get(..length)?.split_last_chunk()?;
    (CRC.checksum(content) == u32::from_le_bytes(*crc)).then_some(content)
}
