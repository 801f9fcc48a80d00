//! `derby export` and `derby race --from` as a user types them.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use derby::export::model::Model;
use derby_core::{Entry, scale::Scale};
use derby_tests::program;
use serde_json::Value;
use tempfile::tempdir;

use crate::run;

const WINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/wine.csv");

fn derby(folder: &Path, words: &str) -> Output {
    let words = words.split(' ').map(|word| if word == "WINE" { WINE } else { word });
    program().command().current_dir(folder).args(words).output().expect("the command starts")
}

/// What a run that succeeds writes to standard output.
pub(crate) fn told(folder: &Path, words: &str) -> String {
    let Output { status, stdout, stderr } = derby(folder, words);
    assert!(status.success(), "{words}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("it is text")
}

/// The one line of a run that fails.
pub(crate) fn refusal(folder: &Path, words: &str) -> String {
    let Output { status, stdout, stderr } = derby(folder, words);
    let message = String::from_utf8(stderr).expect("messages are UTF-8");
    assert_eq!(status.code(), Some(1), "{words}: {message}");
    assert_eq!(String::from_utf8_lossy(&stdout), "", "{message}");
    assert_eq!(message.matches('\n').count(), 1, "{message}");
    message
}

fn finished(folder: &Path, words: &str) -> Value {
    let text = told(folder, &format!("{words} --view json"));
    serde_json::from_str(text.lines().last().expect("a line")).expect("a line is an object")
}

const RACE: &str =
    "race WINE --target cultivar --nets 4,8x1..2 --rate 0.01 --samples 4000 --check 500";

#[test]
fn a_race_becomes_files() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    told(folder, &format!("{RACE} --out run.jsonl"));
    for (format, file, part) in [
        ("rust", "wine.rs", "pub const CLASSES: [&str; OUTPUTS]"),
        ("c", "wine.h", "static inline int wine_classify"),
    ] {
        let said = told(folder, &format!("export run.jsonl --format {format} --output {file}"));
        assert!(said.starts_with(&format!("{file}: the net (")), "{said}");
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(text.contains(part) && text.contains("\"alcohol\""), "{text}");
        assert!(text.contains("--target cultivar --nets 4,8x1..2"), "{text}");
    }
    told(folder, "export run.jsonl --format postcard --output wine.postcard");
    told(folder, "export run.jsonl --format onnx --output wine.onnx");
    // A file of derby's own is as good as the race.
    told(folder, "export wine.postcard --format onnx --output again.onnx");
    assert_eq!(
        fs::read(folder.join("wine.onnx")).unwrap(),
        fs::read(folder.join("again.onnx")).unwrap()
    );
}

/// The hash over all parameters is taken by the race itself, from its own memory.
#[test]
fn every_bit_of_the_nets_is_in_the_file() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run.jsonl");
    let xor = "race --task xor --bits 8 --nets 4,8x0..2 --activation tanh --samples 2000";
    for words in [RACE, xor, "race --task sine --nets 3,40x1..3 --samples 1000"] {
        told(folder.path(), &format!("{words} --out run.jsonl"));
        let told = derby::run_file::Told::open(&out, None).unwrap();
        let bytes = told.parameters.iter().flatten().flat_map(|number| number.to_le_bytes());
        let hash = bytes
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        assert_eq!(told.finished.unwrap().hash, format!("{hash:08x}"), "{words}");
    }
}

#[test]
fn the_mixture_holds_those_who_stayed() {
    let folder = tempdir().unwrap();
    let words = "race --task xor --bits 8 --nets 4,8,12x1 --samples 3000 --referee none";
    told(folder.path(), &format!("{words} --out run.jsonl"));
    told(folder.path(), "export run.jsonl --format postcard --mixture --output all");
    told(folder.path(), "export run.jsonl --format postcard --output one");
    let open = |file| Model::open(&folder.path().join(file), false, None).unwrap();
    let (all, one) = (open("all"), open("one"));
    assert_eq!((all.nets.len(), one.nets.len()), (3, 1));
    assert!(all.nets.iter().any(|net| net.parameters == one.nets[0].parameters));
    for output in 0..4 {
        let sum: f32 = all.nets.iter().map(|net| net.weights[output]).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    }
    let message = refusal(folder.path(), "export one --format c --mixture");
    assert!(message.contains("one holds one net and no mixture"), "{message}");
}

/// Held-out loss must be where it was left, and the net must go on from there.
#[test]
fn a_race_goes_on_from_a_file() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let first = finished(folder, &format!("{RACE} --out run.jsonl"));
    told(folder, "export run.jsonl --format postcard --output wine.postcard");
    let loss = |finished: &Value| finished["held_out"]["loss"].as_f64().unwrap();
    for file in ["wine.postcard", "run.jsonl"] {
        let words = format!("race WINE --target cultivar --from {file} --samples 10 --rate 1e-9");
        let again = finished(folder, &words);
        assert_eq!(again["winner"], first["winner"]);
        assert_eq!(again["ranking"].as_array().unwrap().len(), 1);
        assert!((loss(&again) - loss(&first)).abs() < 1e-5, "{again}");
    }
    // Another split has other scales; the answers stay.
    let words = "race WINE --target cultivar --from wine.postcard --samples 10 --rate 1e-9";
    let other = finished(folder, &format!("{words} --seed 5"));
    assert!(loss(&other) < 0.5, "{other}");
    let joined = finished(folder, &format!("{words} --nets 4x1,2"));
    assert_eq!(joined["ranking"].as_array().unwrap().len(), 3);
    assert_eq!(joined["winner"], first["winner"]);
}

/// The table's own numbers go in, and its own words come out.
#[test]
fn the_compiled_header_knows_the_wines() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    told(folder, &format!("{RACE} --out run.jsonl"));
    told(folder, "export run.jsonl --format c --output wine.h");
    let program = "#include <stdio.h>
        #include \"wine.h\"
        int main(void) {
            float sample[WINE_INPUTS];
            int column;
            for (;;) {
                for (column = 0; column < WINE_INPUTS; column++) {
                    if (scanf(\"%f,\", &sample[column]) != 1) return 0;
                }
                printf(\"%s\\n\", wine_classes[wine_classify(sample)]);
            }
        }";
    fs::write(folder.join("wine.c"), program).unwrap();
    run(Command::new("cc").current_dir(folder).args(["-o", "wine", "wine.c"]));
    let table = fs::read_to_string(WINE).unwrap();
    let (samples, classes): (Vec<_>, Vec<_>) =
        table.lines().skip(1).map(|row| row.rsplit_once(',').unwrap()).unzip();
    fs::write(folder.join("samples"), samples.join("\n")).unwrap();
    let mut wine = Command::new(folder.join("wine"));
    let output = run(wine.stdin(File::open(folder.join("samples")).unwrap()));
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), classes.len());
    let right = answers.lines().zip(&classes).filter(|(answer, class)| answer == *class).count();
    assert!(right * 100 >= classes.len() * 95, "{right} of {}", classes.len());
}

#[test]
fn columns_that_differ_are_named() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    told(folder, &format!("{RACE} --out run.jsonl"));
    told(folder, "export run.jsonl --format postcard --output net");
    let table = fs::read_to_string(WINE).unwrap();
    fs::write(folder.join("other.csv"), table.replacen(",ash", ",Ash", 1)).unwrap();
    for (words, part) in [
        ("race --task xor --from net", "--from net: the net has 13 inputs and the samples have 16"),
        (
            "race WINE --target cultivar --ignore ash --from net",
            "the net has 13 inputs and the samples have 12",
        ),
        (
            "race WINE --target cultivar --ignore ash --category hue --from net",
            "the net has 13 inputs and the samples have ",
        ),
        ("race WINE --target hue --ignore cultivar --from net", "the samples have 12"),
        ("race other.csv --target cultivar --from net", "input 3 is ash in the net and Ash in"),
        ("race --from no", "--from no: "),
        ("emulate --board microbit --from net", "--from is for derby race"),
    ] {
        let message = refusal(folder, words);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn one_race_of_several_is_chosen() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    told(folder, "race --task sine --nets 2x1 --samples 200 --seeds 3 --out run.jsonl");
    let message = refusal(folder, "export run.jsonl --format c");
    assert!(message.contains("holds 3 races; choose one by --seed: 0, 1, 2"), "{message}");
    let message = refusal(folder, "export run.jsonl --format c --seed 7");
    assert!(message.contains("no race of that seed"), "{message}");
    let one = told(folder, "export run.jsonl --format c --seed 1");
    assert_ne!(one, told(folder, "export run.jsonl --format c --seed 2"));
}

/// What `derby export` writes is what the firmware's own image `infer` is built with.
#[test]
fn the_firmwares_net_is_an_export() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let words =
        "race --held-back 0 --task xor --bits 8 --nets 8x1 --optimizer rmsprop --init glorot";
    told(folder, &format!("{words} --samples 20000 --out run.jsonl"));
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware/nets/xor.rs");
    let text = told(folder, "export run.jsonl --format rust");
    assert_eq!(text, fs::read_to_string(kept).unwrap(), "export it again to firmware/nets/xor.rs");
}

#[test]
fn other_scales_change_no_answer() {
    for model in crate::models() {
        let mut fitted = model.clone();
        let rescaled = |columns: &[derby::export::model::Column]| {
            let mut columns = columns.to_vec();
            for column in &mut columns {
                let Scale { offset, factor } = column.scale;
                if column.scale != Scale::NONE {
                    column.scale = Scale { offset: offset + 3.0, factor: factor * 1.5 };
                }
            }
            columns
        };
        fitted.fit(&rescaled(&model.inputs), &rescaled(&model.outputs)).unwrap();
        let samples = crate::samples(&model);
        for sample in samples.chunks_exact(model.inputs.len()).skip(16) {
            let (old, new) = (model.predict(sample).unwrap(), fitted.predict(sample).unwrap());
            for (old, new) in old.iter().zip(new) {
                let Entry { shape, .. } = model.nets[0].entry;
                assert!((old - new).abs() <= 2e-3 * old.abs().max(1.0), "{shape}: {old} {new}");
            }
        }
    }
}
