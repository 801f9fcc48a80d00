//! Events and samples as frames of bytes, between a board and its host.
//!
//! ```text
//! frame    COBS(content, crc) 0      COBS leaves no 0 inside, so a 0 ends a frame
//! content  format  postcard(message)
//! format   1 byte, `derby_core::FORMAT`
//! crc      4 bytes, low first: CRC-32/ISO-HDLC (that of zip and Ethernet) of the content
//! message  `derby_core::Event`, or of samples: inputs, targets; both empty after the last one
//! ```
//! A list of numbers is its length as a varint and 4 bytes, low first, for each.
//!
//! Whoever joins late, or lost bytes, finds the next frame behind the next 0.

#![no_std]

mod read;

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc};
use derby_core::{Event, FORMAT};
use postcard::ser_flavors::{Cobs, Slice, crc::CrcModifier};
use serde::{Deserialize, Serialize};

pub use read::Frames;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Why a message could not be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The buffer is too small for the frame.
    Room,
    /// The message is of another format.
    Format {
        /// The format it says it has.
        found: u8,
    },
    /// The content is no such message.
    Content,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room => write!(f, "the buffer is too small for the frame"),
            Self::Format { found } => {
                write!(f, "the message has format {found}, this program reads format {FORMAT}")
            }
            Self::Content => write!(f, "the content is not a message"),
        }
    }
}

impl core::error::Error for Error {}

/// Bytes that hold the frame of any event of a race of `nets` nets with `outputs` outputs.
pub const fn event_room(nets: usize, outputs: usize) -> usize {
    // The largest event has a number for each net and the weights; beside these at most 40 bytes.
    room(nets.saturating_mul(outputs.saturating_add(1)).saturating_mul(4).saturating_add(40))
}

/// Bytes that hold the frame of a sample of so many numbers, inputs and targets together.
pub const fn sample_room(numbers: usize) -> usize {
    // Beside the numbers two lengths.
    room(numbers.saturating_mul(4).saturating_add(10))
}

/// Bytes that hold a frame around a message: format, crc, end, and a byte of COBS in 254.
const fn room(message: usize) -> usize {
    let content = message.saturating_add(5);
    content.saturating_add(content / 254).saturating_add(2)
}

/// The frame of an event, written to `buffer`; [`event_room`] says how large that must be.
///
/// # Errors
/// [`Error::Room`] when it does not fit.
pub fn event<'b, F: Serialize>(
    event: &Event<F>,
    buffer: &'b mut [u8],
) -> Result<&'b mut [u8], Error> {
    frame(event, buffer)
}

/// The frame of a sample, written to `buffer`; [`sample_room`] says how large that must be. Empty
/// slices say that there are no more.
///
/// # Errors
/// [`Error::Room`] when it does not fit.
pub fn sample<'b>(
    inputs: &[f32],
    targets: &[f32],
    buffer: &'b mut [u8],
) -> Result<&'b mut [u8], Error> {
    frame(&(inputs, targets), buffer)
}

fn frame<'b>(message: &impl Serialize, buffer: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
    let cobs = Cobs::try_new(Slice::new(buffer)).map_err(|_| Error::Room)?;
    let checked = CrcModifier::new(cobs, CRC.digest());
    postcard::serialize_with_flavor(&(FORMAT, message), checked).map_err(|_| Error::Room)
}

/// The event in a frame's content.
///
/// # Errors
/// [`Error`] when it is of another format, or no event.
pub fn read_event<'c, F: Deserialize<'c>>(content: &'c [u8]) -> Result<Event<F>, Error> {
    postcard::from_bytes(message(content)?).map_err(|_| Error::Content)
}

/// Reads the sample in a frame's content; `false` when it says that there are no more.
///
/// # Errors
/// [`Error`] when it is of another format, or no sample of this width; `inputs` and `targets`
/// then hold anything.
pub fn read_sample(content: &[u8], inputs: &mut [f32], targets: &mut [f32]) -> Result<bool, Error> {
    let mut rest = message(content)?;
    if rest == [0, 0] {
        return Ok(false);
    }
    for slots in [inputs, targets] {
        let length = take::<usize>(&mut rest)?;
        if length != slots.len() {
            return Err(Error::Content);
        }
        for slot in slots {
            *slot = take(&mut rest)?;
        }
    }
    if rest.is_empty() { Ok(true) } else { Err(Error::Content) }
}

fn message(content: &[u8]) -> Result<&[u8], Error> {
    match content {
        [FORMAT, message @ ..] => Ok(message),
        [found, ..] => Err(Error::Format { found: *found }),
        [] => Err(Error::Content),
    }
}

fn take<'c, T: Deserialize<'c>>(rest: &mut &'c [u8]) -> Result<T, Error> {
    let (value, left) = postcard::take_from_bytes(rest).map_err(|_| Error::Content)?;
    *rest = left;
    Ok(value)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;
    use std::{format, string::String};

    use derby_core::{Reason, Shape};

    use super::*;

    type Numbers = &'static [f32];

    const EVENTS: [(Event<Numbers>, &str); 6] = [
        (Event::Started { nets: 9, batch: 10, held_back: 2 }, "020108090a02846c72e000"),
        (
            Event::Entered { net: 3, shape: Shape::new(16, 56, 2, 16), seed: 1 << 40 },
            "12010103103802108080808080208a7ccee400",
        ),
        (
            Event::Stretch {
                samples: 10_000,
                loss: 0.25,
                losses: &[0.5, f32::NAN],
                weights: &[1.0, 0.0],
            },
            "050102904e0104803e020101023f0104c07f020103803f01010105cafdfc8500",
        ),
        (
            Event::Left {
                net: 1,
                samples: 10_000,
                reason: Reason::SmallestWeights,
                weights: &[0.125],
            },
            "08010301904e01010101063e079cac5a00",
        ),
        (
            Event::Trained { net: 1, from: 300, parameters: &[-1.5] },
            "07010401ac02010107c0bf281a89fd00",
        ),
        (
            Event::Finished {
                samples: 300,
                leader: 0,
                hash: 0x811c_9dc5,
                standings: &[1.0, 0.0],
                weights: &[0.5, 0.5],
            },
            "050105ac0207c5bbf28808020103803f01010102020101023f0101063ff541cdcb00",
        ),
    ];

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The bytes themselves, as a round trip also passes when both sides are wrong. Whoever
    /// changes them changes the format: raise `FORMAT` and name it in the change log.
    #[test]
    fn bytes_of_every_event_are_pinned() {
        for (sent, bytes) in EVENTS {
            let mut buffer = [0; 128];
            assert_eq!(hex(event(&sent, &mut buffer).unwrap()), bytes, "{sent:?}");
        }
    }

    #[test]
    fn events_come_back() {
        let mut frames = Frames::new([0; 128]);
        for (sent, _) in EVENTS {
            let mut buffer = [0; 128];
            let bytes = event(&sent, &mut buffer).unwrap();
            let (end, start) = bytes.split_last().unwrap();
            assert!(start.iter().all(|&byte| frames.push(byte).is_none()));
            let received: Event<Vec<f32>> = read_event(frames.push(*end).unwrap()).unwrap();
            // NaN is not equal to itself.
            assert_eq!(format!("{received:?}"), format!("{sent:?}"));
        }
        assert_eq!(frames.damaged(), 0);
    }

    #[test]
    fn a_damaged_frame_is_counted_and_the_next_one_read() {
        let (sent, _) = EVENTS[2];
        let mut buffer = [0; 128];
        let good = event(&sent, &mut buffer).unwrap().to_vec();
        for place in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[place] ^= 1 << bit;
                let mut frames = Frames::new([0; 64]);
                let stream = good.iter().chain(&bad).chain(&good).chain(&good);
                let read = stream.filter(|&&byte| frames.push(byte).is_some()).count();
                // A flipped end takes the following frame along.
                assert!(read >= 2 && frames.damaged() >= 1, "byte {place}, bit {bit}");
            }
        }
    }

    #[test]
    fn what_comes_before_the_first_end_is_not_damage() {
        let mut frames = Frames::new([0; 128]);
        assert!(b"Timer with period zero\n\0".iter().all(|&byte| frames.push(byte).is_none()));
        assert_eq!(frames.damaged(), 0);
        assert!(b"and again\n\0".iter().all(|&byte| frames.push(byte).is_none()));
        assert_eq!(frames.damaged(), 1);
    }

    #[test]
    fn a_frame_longer_than_the_buffer_is_damage_and_no_more() {
        let mut frames = Frames::new([0; 8]);
        frames.push(0);
        assert!([7; 100].iter().chain(&[0]).all(|&byte| frames.push(byte).is_none()));
        assert_eq!(frames.damaged(), 1);
    }

    #[test]
    fn another_format_is_named() {
        assert_eq!(
            read_event::<Vec<f32>>(&[FORMAT + 1, 0]),
            Err(Error::Format { found: FORMAT + 1 })
        );
        assert_eq!(read_event::<Vec<f32>>(&[FORMAT, 99]), Err(Error::Content));
        assert_eq!(read_event::<Vec<f32>>(&[]), Err(Error::Content));
    }

    #[test]
    fn the_largest_event_and_sample_fit_their_room() {
        let (mut losses, mut weights) = (Vec::new(), Vec::new());
        for nets in 1..40 {
            losses.resize(nets, 1.1);
            weights.resize(nets * 16, 1.1);
            let largest = Event::Stretch {
                samples: u64::MAX,
                loss: 1.1,
                losses: &*losses,
                weights: &*weights,
            };
            let last = Event::Finished {
                samples: u64::MAX,
                leader: usize::MAX,
                hash: u32::MAX,
                standings: &*losses,
                weights: &*weights,
            };
            let mut buffer = std::vec![0; event_room(nets, 16)];
            assert!(event(&largest, &mut buffer).is_ok(), "{nets} nets");
            assert!(event(&last, &mut buffer).is_ok(), "{nets} nets");
            let mut buffer = std::vec![0; sample_room(nets + nets * 16)];
            assert!(sample(&losses, &weights, &mut buffer).is_ok(), "{nets} inputs");
        }
    }

    #[test]
    fn samples_of_another_width_are_refused_and_the_last_is_known() {
        let (mut inputs, mut targets) = ([0.0; 2], [0.0; 1]);
        let mut read = |message: &[u8]| {
            let content = [&[FORMAT], message].concat();
            read_sample(&content, &mut inputs, &mut targets)
        };
        assert_eq!(read(&[0, 0]), Ok(false));
        assert_eq!(read(&[2, 0, 0, 0, 0, 0, 0, 128, 63, 1, 0, 0, 0, 64]), Ok(true));
        assert_eq!(read(&[1, 0, 0, 0, 0, 1, 0, 0, 0, 64]), Err(Error::Content));
        assert_eq!(read(&[2, 0, 0, 0, 0, 0, 0, 128, 63, 1, 0, 0, 0, 64, 0]), Err(Error::Content));
        assert_eq!(read(&[2, 0, 0]), Err(Error::Content));
        assert_eq!((inputs, targets), ([0.0, 1.0], [2.0]));
    }
}
