//! Bytes that nobody wrote, or wrote to harm: what reads them refuses or takes them, in little
//! memory. `fuzz/` looks further, with the same functions.

use std::alloc::System;
use std::fs::{self, File};
use std::io::Write as _;

use cap::Cap;
use derby::checkpoint::{Checkpoint, Head};
use derby_core::{Event, Reason};
use derby_tests::{property, readers};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// More than any input below may take; what asks for more ends the tests.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, 128 << 20);

/// Frames of some events.
fn line() -> Vec<u8> {
    let numbers = &[0.5, -1.0, f32::NAN][..];
    let events = [
        Event::Started { nets: 3, batch: 10, held_back: 2 },
        Event::Stretch { samples: 300, loss: 0.25, losses: numbers, weights: numbers },
        Event::Left { net: 1, samples: 5, reason: Reason::Diverged, weights: numbers },
        Event::Trained { net: 1, from: 128, parameters: numbers },
    ];
    let mut buffer = [0; 256];
    let mut line = vec![0];
    for event in events {
        line.extend_from_slice(derby_wire::event(&event, &mut buffer).unwrap());
    }
    line
}

/// A checkpoint without its CRC.
fn checkpoint() -> Vec<u8> {
    let head = Head {
        words: ["--task", "xor", "--nets", "4x1"].map(str::to_owned).to_vec(),
        taken: 10,
        samples: 20,
        seconds: 0.5,
        table: Some(7),
    };
    let mut bytes = Checkpoint { head, events: line(), snapshot: vec![9; 100] }.to_bytes();
    bytes.truncate(bytes.len() - 4);
    bytes
}

/// `good` with pieces put in, taken out or changed; or noise. Pieces are bytes, and what is large
/// in one of the formats.
fn damaged(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let large = select(vec![
        &b"18446744073709551615"[..],
        b"4294967296",
        b"1e999",
        b"-1",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\xff\xff\xff\xff\x0f",
        b"\x80\x80\x80\x80\x08",
    ]);
    let piece = prop_oneof![
        3 => vec(any::<u8>(), 0..4),
        1 => large.prop_map(<[u8]>::to_vec),
    ];
    let change = (any::<Index>(), 0_usize..24, piece);
    let changed = vec(change, 0..5).prop_map(move |changes| {
        let mut bytes = good.clone();
        for (place, taken, piece) in changes {
            let place = place.index(bytes.len() + 1);
            let end = (place + taken).min(bytes.len());
            bytes.splice(place..end, piece);
        }
        bytes
    });
    prop_oneof![5 => changed, 1 => vec(any::<u8>(), 0..300)]
}

/// Lists that are right, nearly right, or long.
fn list() -> impl Strategy<Value = Vec<u8>> {
    let part = select(vec![
        "1",
        "16",
        "0",
        "9999",
        "10000",
        "18446744073709551615",
        "..",
        "/",
        ",",
        "x",
        "X",
        "@",
        "+",
        " ",
        "-",
        "é",
        "16,24x1..3",
        "1..9999",
        "8x1@1,2",
        "0..18446744073709551615/9999",
    ]);
    let parts = vec(part, 0..12).prop_map(|parts| parts.concat());
    (parts, select(vec![1, 2, 5000])).prop_map(|(part, times)| part.repeat(times).into_bytes())
}

proptest! {
    #![proptest_config(property(1000, 21))]

    #[test]
    fn checkpoints(bytes in damaged(checkpoint())) {
        readers::checkpoint(&bytes);
    }

    #[test]
    fn frames(bytes in damaged(line())) {
        readers::frames(&bytes);
    }

    #[test]
    fn models(bytes in damaged(b"derby net\x01".to_vec())) {
        readers::model(&bytes);
    }
}

proptest! {
    #![proptest_config(property(200, 22))]

    #[test]
    fn net_lists(bytes in list()) {
        readers::nets(&bytes);
    }

    #[test]
    fn tables(bytes in damaged(b"a,b\n1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n".repeat(2))) {
        readers::table(&bytes);
    }
}

/// Each would take gigabytes if it were believed.
#[test]
fn long_lists_are_refused_early() {
    readers::nets(&[&b"1..9999,".repeat(20_000)[..], b"1x1"].concat());
    readers::nets(&[b"1x", &b"1..9999,".repeat(20_000)[..], b"1"].concat());
    readers::nets(&[b"1x1@", &b"1..9999,".repeat(20_000)[..], b"1"].concat());
}

/// A file that says what it is and holds nothing but zeros, of more bytes than there is memory.
#[test]
fn a_file_too_long_for_a_checkpoint_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept");
    let said = |start: &[u8], length: u64| {
        let mut file = File::create(&path).unwrap();
        file.write_all(start).unwrap();
        file.set_len(length).unwrap();
        format!("{:#}", Checkpoint::read(&path).unwrap_err())
    };
    let expected = "kept: the file is longer than a checkpoint can be";
    assert!(said(b"derby checkpoint 1\n", (4 << 30) + 1).ends_with(expected));
    // Another kind of file is not read at all.
    let expected = "kept: this is no checkpoint of derby";
    assert!(said(b"derby net\x01", 1 << 40).ends_with(expected));
    assert!(said(b"", 1 << 40).ends_with(expected));
    fs::remove_file(&path).unwrap();
    assert!(format!("{:#}", Checkpoint::read(&path).unwrap_err()).contains("kept: No such file"));
}
