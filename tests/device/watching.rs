//! Recordings of races, whole, late, broken off and damaged.

use std::fs;

use serde_json::Value;

use crate::{SHORT, derby, finished, text};

#[test]
fn recordings_can_be_watched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.bin");
    let record = path.display();
    let live = derby(&format!("emulate --board microbit {SHORT} --view json --record {record}"));
    assert_eq!(live.status.code(), Some(0), "{}", text(&live.stderr));

    let known = derby(&format!("watch --file {record} {SHORT} --view json"));
    assert_eq!(known.status.code(), Some(0), "{}", text(&known.stderr));
    assert_eq!(finished(&known.stdout), finished(&live.stdout));
    // Without a description nobody can test the nets, but their names are told.
    let unknown = derby(&format!("watch --file {record} --view json"));
    assert_eq!(unknown.status.code(), Some(0), "{}", text(&unknown.stderr));
    let (seen, tested) = (finished(&unknown.stdout), finished(&live.stdout));
    assert_eq!((&seen["hash"], &seen["samples"]), (&tested["hash"], &tested["samples"]));
    assert_eq!(seen["winner"], tested["winner"]);
    assert_eq!(seen["held_out"]["loss"], Value::Null);

    let bytes = fs::read(&path).unwrap();
    let part = folder.path().join("part.bin");
    let watch = |bytes: &[u8], more: &str| {
        fs::write(&part, bytes).unwrap();
        derby(&format!("watch --file {} {more}", part.display()))
    };
    // Who joins late hears the rest; who knows the race knows the names.
    let late = watch(&bytes[bytes.len() / 3..], SHORT);
    assert_eq!(late.status.code(), Some(0), "{}", text(&late.stderr));
    assert!(text(&late.stdout).contains("Winner (8, 1)"), "{}", text(&late.stdout));
    let late = watch(&bytes[bytes.len() / 3..], "");
    assert_eq!(late.status.code(), Some(0), "{}", text(&late.stderr));
    assert!(text(&late.stderr).contains("was under way"), "{}", text(&late.stderr));
    // A recording that breaks off, another race, and noise.
    let broken = watch(&bytes[..bytes.len() / 2], SHORT);
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken.stderr).contains("the record breaks off after"), "{broken:?}");
    let other = watch(&bytes, "--task xor --bits 8 --nets 4,16x1");
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stderr).contains("the board runs another race"), "{other:?}");
    let noise = watch(&[7; 10_000], "");
    assert_eq!(text(&noise.stderr), "derby: no race was told\n");
    // A frame that is damaged is skipped, counted, and told.
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 3] ^= 0x20;
    let damaged = watch(&damaged, SHORT);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(text(&damaged.stderr).contains("1 frame was damaged"), "{damaged:?}");
}
