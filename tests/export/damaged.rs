//! Files that are cut off, damaged or hostile are refused with a message, whatever is in them.

use std::fs;
use std::io::Cursor;

use derby::export::model::Model;
use derby::export::postcard::{Error, from_bytes, to_bytes};
use derby::report::Report;
use derby::run_file;
use derby_tests::property;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::commands::{refusal, told};
use crate::models;

fn small() -> Model {
    models().swap_remove(0)
}

/// The CRC-32 that ends a file, bit by bit from its definition.
fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    (!crc).to_le_bytes()
}

#[test]
fn every_model_is_read_back() {
    for model in models() {
        assert_eq!(from_bytes(&to_bytes(&model)).unwrap(), model);
    }
}

/// A change of these bytes needs another format number.
#[test]
fn the_bytes_stay_as_they_are() {
    let bytes = to_bytes(&small());
    assert_eq!(&bytes[..10], b"derby net\x01");
    let (content, end) = bytes.split_at(bytes.len() - 4);
    assert_eq!(end, crc(content));
    assert_eq!((bytes.len(), u32::from_le_bytes(crc(content))), (376, 0xaa15_e714));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = to_bytes(&small());
    for length in 0..bytes.len() {
        let error = from_bytes(&bytes[..length]).unwrap_err();
        assert!(matches!(error, Error::Magic | Error::Length | Error::Crc), "{length}: {error}");
    }
}

#[test]
fn every_damaged_byte_is_noticed() {
    let bytes = to_bytes(&small());
    for place in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[place] ^= 0x10;
        assert!(from_bytes(&bytes).is_err(), "byte {place}");
    }
}

#[test]
fn other_formats_and_wrong_contents_say_so() {
    let folder = tempdir().unwrap();
    let mut bytes = to_bytes(&small());
    let refused = |bytes: &[u8]| {
        fs::write(folder.path().join("net"), bytes).unwrap();
        refusal(folder.path(), "export net --format c")
    };
    assert!(refused(&bytes[..100]).contains("net: it is damaged or cut off"));
    bytes[9] = 9;
    assert!(refused(&bytes).contains("net: it has format 9, and this program reads format 1"));
    let mut diverged = small();
    diverged.nets[0].parameters[3] = f32::NAN;
    assert!(refused(&to_bytes(&diverged)).contains("parameters that are not finite"));
    let mut wide = small();
    wide.nets[0].entry.shape.hidden = usize::MAX;
    assert!(refused(&to_bytes(&wide)).contains(" parameters of 18446744073709551615"));
}

/// A list that says it has 2^40 parts, where a file of a few bytes ends: taking its word would take
/// more memory than there is.
#[test]
fn a_claim_of_many_takes_no_memory() {
    let whole = to_bytes(&small());
    for place in 10..whole.len() - 4 {
        let mut bytes = whole[..place].to_vec();
        bytes.extend([0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
        let crc = crc(&bytes);
        bytes.extend(crc);
        assert!(matches!(from_bytes(&bytes), Err(Error::Content(_))), "cut at {place}");
    }
}

/// A race as a file, with every kind of line.
fn run() -> Vec<u8> {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run.jsonl");
    let words = format!(
        "derby race --task sine --nets 2,3x1 --samples 400 --check 50 --referee paper \
         --mixer gradient --held-back 0 --out {}",
        out.display()
    );
    let arguments = <derby::args::Arguments as clap::Parser>::parse_from(words.split(' '));
    let Some(derby::args::Command::Race(arguments)) = arguments.command else {
        panic!("it is a race")
    };
    derby::run::command(&arguments).unwrap();
    fs::read(out).unwrap()
}

#[test]
fn a_run_cut_anywhere_is_read_up_to_there() {
    let run = run();
    let lines = run.iter().filter(|&&byte| byte == b'\n').count();
    assert!(lines > 8, "{lines}");
    for length in (0..run.len()).rev().step_by(7).chain([0, 1]) {
        let races = run_file::read(Cursor::new(&run[..length])).unwrap();
        let Some(race) = races.first() else { continue };
        assert!(race.finished.is_none());
        let message = Model::of(race, false).unwrap_err().to_string();
        assert_eq!(message, "the race was cut off before its end");
    }
    let races = run_file::read(Cursor::new(&run)).unwrap();
    assert!(Model::of(&races[0], false).is_ok());
}

/// Some mixers have one weight for all outputs.
#[test]
fn one_weight_stands_for_all_outputs() {
    let folder = tempdir().unwrap();
    let words = "race --task xor --bits 8 --nets 4,6x1 --samples 500 --referee none --out run";
    told(folder.path(), words);
    let each = Model::open(&folder.path().join("run"), true, None).unwrap();
    let run = fs::read_to_string(folder.path().join("run")).unwrap();
    let lines = run.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let rows = line["ranking"].as_array_mut().into_iter().flatten();
        rows.for_each(|row| row["weights"] = json!([0.5]));
        line.to_string() + "\n"
    });
    fs::write(folder.path().join("run"), lines.collect::<String>()).unwrap();
    let one = Model::open(&folder.path().join("run"), true, None).unwrap();
    assert!(one.nets.iter().all(|net| net.weights == [0.5; 4]));
    assert_eq!(one.nets[0].parameters, each.nets[0].parameters);
}

#[test]
fn wrong_lines_are_named() {
    let folder = tempdir().unwrap();
    let run = String::from_utf8(run()).unwrap();
    let refused = |text: &str| {
        fs::write(folder.path().join("run"), text).unwrap();
        refusal(folder.path(), "export run --format c")
    };
    for (from, to, part) in [
        ("\"index\":1", "\"index\":9", "run: line 4: there is no net 9 among 2"),
        ("{\"event\":\"trained\"", "{\"event\":7", " is no event of a race"),
        ("\"nets\":2", "\"nets\":99999999999", "line 1: more than 10000 nets"),
        ("\"nets\":2", "\"nets\":-2", "line 1: invalid value: integer `-2`"),
        ("\"hidden\":2", "\"hidden\":18446744073709551615", "parameters of 1844674407370955"),
        ("\"inputs\":1", "\"inputs\":999999999999999999", "net 0 (2, 1) has 7 parameters of "),
        ("\"outputs\":1", "\"outputs\":999999999999999999", "net 0 (2, 1) has 7 parameters of "),
        ("\"parameters\":[", "\"parameters\":[0.5,", "has 8 parameters of 7"),
        ("\"parameters\":[", "\"parameters\":[1e99,", "line 13: number out of range"),
    ] {
        let message = refused(&run.replace(from, to));
        assert!(message.contains(part), "{from} to {to}: {message}");
    }
    assert!(refused("").contains("run holds no race"));
    assert!(refused("sepal,petal\n1,2\n").contains("run: line 1 is no event of a race"));
    assert!(refused("{\"event\":\"left\"}\n").contains("line 1: no race has started"));
}

proptest! {
    #![proptest_config(property(500, 11))]

    /// Contents that the CRC vouches for and that are wrong: no panic, and no memory beyond that
    /// of the file.
    #[test]
    fn hostile_contents_are_refused_or_sound(
        number in 0_usize..9,
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = to_bytes(&models()[number]);
        bytes.truncate(bytes.len() - 4);
        for (place, byte) in changes {
            let place = 10 + place.index(bytes.len() - 10);
            bytes[place] = byte;
        }
        let crc = crc(&bytes);
        bytes.extend(crc);
        if let Ok(model) = from_bytes(&bytes) {
            let sample = vec![0.5; model.inputs.len()];
            prop_assert_eq!(model.predict(&sample).unwrap().len(), model.outputs.len());
        }
    }

    /// Bytes that were never a file.
    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = b"derby net\x01".to_vec();
        bytes.extend(noise);
        let crc = crc(&bytes);
        bytes.extend(crc);
        prop_assert!(from_bytes(&bytes).is_err());
    }
}

proptest! {
    #![proptest_config(property(300, 12))]

    /// Runs with bytes changed, taken out or put in: read or refused, and where they are read
    /// there is a report, and an export is a model that answers.
    #[test]
    fn hostile_runs_are_refused_or_sound(
        changes in prop::collection::vec((any::<Index>(), "[0-9eE.,:\"\\[\\]{}-]{0,3}"), 1..5),
    ) {
        static RUN: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut bytes = RUN.get_or_init(run).clone();
        for (place, text) in changes {
            let place = place.index(bytes.len());
            bytes.splice(place..(place + 1).min(bytes.len()), text.bytes());
        }
        for race in run_file::read(Cursor::new(&bytes)).unwrap_or_default() {
            prop_assert!(Report::of(&race).html().ends_with("</html>"));
            for mixture in [false, true] {
                if let Ok(model) = Model::of(&race, mixture) {
                    let sample = vec![0.5; model.inputs.len()];
                    prop_assert_eq!(model.predict(&sample).unwrap().len(), model.outputs.len());
                }
            }
        }
    }
}
