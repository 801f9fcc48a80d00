//! The bytes between board and host. Whoever changes one of them changes the format: raise
//! `derby_core::FORMAT`, and name it in the change log.

use derby_core::{Event, FORMAT, Reason, Shape};
use derby_wire::{Frames, read_event, read_sample, sample};

type Numbers = &'static [f32];

/// Every event with its message, byte by byte, and its whole frame. The message is written as
/// the format's description has it, by hand; check and framing are derived below.
#[rustfmt::skip]
const EVENTS: [(Event<Numbers>, &[u8], &[u8]); 7] = [
    (
        Event::Started { nets: 9, batch: 10, held_back: 2 },
        &[0, 9, 10, 2],
        &[2, 1, 8, 9, 10, 2, 132, 108, 114, 224, 0],
    ),
    (
        Event::Entered { net: 3, shape: Shape::new(16, 56, 2, 16), seed: 300 },
        // A varint has 7 bits a byte, low ones first.
        &[1, 3, 16, 56, 2, 16, 0xac, 2],
        &[10, 1, 1, 3, 16, 56, 2, 16, 172, 2, 4, 18, 36, 196, 0],
    ),
    (
        Event::Stretch { samples: 300, loss: 0.25, losses: &[0.5, -2.0], weights: &[1.0, 0.0] },
        &[
            2, 0xac, 2, 0, 0, 0x80, 0x3e,
            2, 0, 0, 0, 0x3f, 0, 0, 0, 0xc0,
            2, 0, 0, 0x80, 0x3f, 0, 0, 0, 0,
        ],
        &[
            5, 1, 2, 172, 2, 1, 4, 128, 62, 2, 1, 1, 2, 63, 1, 1, 3, 192, 2, 1, 3, 128, 63, 1, 1,
            1, 5, 45, 217, 49, 100, 0,
        ],
    ),
    (
        Event::Left { net: 1, samples: 5, reason: Reason::SmallestWeights, weights: &[0.125] },
        &[3, 1, 5, 1, 1, 0, 0, 0, 0x3e],
        &[7, 1, 3, 1, 5, 1, 1, 1, 1, 6, 62, 10, 247, 10, 156, 0],
    ),
    (
        Event::Trained { net: 1, from: 128, parameters: &[-1.5] },
        &[4, 1, 0x80, 1, 1, 0, 0, 0xc0, 0xbf],
        &[7, 1, 4, 1, 128, 1, 1, 1, 5, 192, 191, 110, 59, 2, 115, 0],
    ),
    (
        Event::Finished {
            samples: 300,
            leader: 2,
            hash: 0x811c_9dc5,
            standings: &[1.0],
            weights: &[0.5],
        },
        &[5, 0xac, 2, 2, 0xc5, 0xbb, 0xf2, 0x88, 8, 1, 0, 0, 0x80, 0x3f, 1, 0, 0, 0, 0x3f],
        &[
            12, 1, 5, 172, 2, 2, 197, 187, 242, 136, 8, 1, 1, 4, 128, 63, 1, 1, 1, 6, 63, 34, 62,
            34, 135, 0,
        ],
    ),
    (
        Event::Returned { net: 2, samples: 300, found: 260 },
        &[6, 2, 0xac, 2, 0x84, 2],
        &[12, 1, 6, 2, 172, 2, 132, 2, 7, 42, 90, 34, 0],
    ),
];

/// Places of the reasons, which are part of the format.
const REASONS: [Reason; 8] = [
    Reason::Diverged,
    Reason::SmallestWeights,
    Reason::Seventh,
    Reason::Faded,
    Reason::Halved,
    Reason::Projected,
    Reason::Crowded,
    Reason::ByHand,
];

/// CRC-32 as zip and Ethernet have it, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

/// Consistent overhead byte stuffing of less than 254 bytes: each piece up to a zero goes behind
/// its length and one, and the zero away.
fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let pieces = bytes.split(|&byte| byte == 0);
    let piece = |piece: &[u8]| [&[piece.len() as u8 + 1], piece].concat();
    pieces.flat_map(piece).chain([0]).collect()
}

/// The frame around a message.
fn frame(message: &[u8]) -> Vec<u8> {
    let content = [&[FORMAT], message].concat();
    stuffed(&[&content[..], &crc(&content).to_le_bytes()].concat())
}

fn sent(event: &Event<Numbers>) -> Vec<u8> {
    let mut buffer = [0; 256];
    derby_wire::event(event, &mut buffer).expect("the buffer is large").to_vec()
}

#[test]
fn the_format_is_the_first() {
    assert_eq!(FORMAT, 1);
    assert_eq!(crc(b"123456789"), 0xcbf4_3926);
}

#[test]
fn bytes_of_every_event_are_pinned() {
    for (event, message, bytes) in EVENTS {
        assert_eq!(sent(&event), bytes, "{event:?}");
        assert_eq!(frame(message), bytes, "{event:?}");
    }
}

#[test]
fn bytes_of_every_reason_are_pinned() {
    for (place, reason) in (0..).zip(REASONS) {
        let event = Event::Left { net: 0, samples: 0, reason, weights: &[][..] };
        assert_eq!(sent(&event), frame(&[3, 0, 0, place, 0]), "{reason:?}");
    }
}

#[test]
fn bytes_of_samples_are_pinned() {
    let mut buffer = [0; 64];
    let bytes = sample(&[0.5, -1.0], &[1.0], &mut buffer).unwrap();
    assert_eq!(bytes, frame(&[2, 0, 0, 0, 0x3f, 0, 0, 0x80, 0xbf, 1, 0, 0, 0x80, 0x3f]));
    let bytes = sample(&[], &[], &mut buffer).unwrap();
    assert_eq!(bytes, frame(&[0, 0]));
    assert_eq!(bytes, [2, 1, 1, 5, 37, 179, 131, 254, 0]);
}

#[test]
fn events_come_back_from_their_bytes() {
    let mut frames = Frames::new([0; 256]);
    for (event, _, bytes) in EVENTS {
        let content = bytes.iter().find_map(|byte| frames.push(*byte).map(<[u8]>::to_vec));
        let read: Event<Vec<f32>> = read_event(&content.expect("a whole frame")).unwrap();
        assert_eq!(read, event.map(<[f32]>::to_vec));
    }
}

#[test]
fn damage_costs_a_frame_and_no_more() {
    let frames = EVENTS.iter().flat_map(|(_, _, bytes)| bytes.to_vec());
    // One more end, so that a lost last one shows.
    let stream: Vec<u8> = frames.chain([0]).collect();
    let count = |bytes: &[u8]| {
        let mut frames = Frames::new([0; 256]);
        // Damage is counted from the first end of a frame on.
        frames.push(0);
        let whole = bytes.iter().filter(|&&byte| frames.push(byte).is_some()).count();
        (whole, frames.damaged())
    };
    assert_eq!(count(&stream), (7, 0));
    for place in 0..stream.len() - 1 {
        let mut damaged = stream.clone();
        damaged[place] ^= 0x10;
        let (whole, damage) = count(&damaged);
        // A new end in a frame makes two of it, and a lost one makes one of two.
        assert!((5..=6).contains(&whole) && (1..=2).contains(&damage), "byte {place}");
        let mut lost = stream.clone();
        lost.remove(place);
        assert!((5..=7).contains(&count(&lost).0), "byte {place}");
    }
}

#[test]
fn another_format_is_refused() {
    let (mut x, mut y) = ([0.0], [0.0]);
    for format in (0..=255).filter(|&format| format != FORMAT) {
        let error = read_event::<Vec<f32>>(&[format, 0, 9, 10, 2]).unwrap_err().to_string();
        let expected = format!("the message has format {format}, this program reads format 1");
        assert_eq!(error, expected);
        assert!(read_sample(&[format, 0, 0], &mut x, &mut y).is_err());
    }
}
