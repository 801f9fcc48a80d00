//! The ONNX files, checked and run by the format's reference runtime.

use std::fs;
use std::path::Path;
use std::process::Command;

use derby::export::Format;
use tempfile::tempdir;

use crate::{answers, from_bytes, models, run, samples, to_bytes};

/// The Python with onnxruntime that `tests/run` installs.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/onnx/bin/python");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/export/onnx.py");

/// Largest share of its size that an answer may be off; of numbers below 1 the largest error.
const TOLERANCE: f32 = 1e-6;

#[test]
fn the_reference_runtime_answers_as_the_core_does() {
    assert!(Path::new(PYTHON).exists(), "there is no {PYTHON}; tests/run installs it");
    let folder = tempdir().unwrap();
    let models = models();
    for (number, model) in models.iter().enumerate() {
        let file = |ending| folder.path().join(number.to_string()).with_extension(ending);
        fs::write(file("onnx"), Format::Onnx.write(model, "net")).unwrap();
        fs::write(file("samples"), to_bytes(&likely(&samples(model), model.inputs.len()))).unwrap();
    }
    let mut python = Command::new(PYTHON);
    run(python.arg(SCRIPT).arg(folder.path()).arg(models.len().to_string()));
    for (number, model) in models.iter().enumerate() {
        let bytes = fs::read(folder.path().join(format!("{number}.answers"))).unwrap();
        let expected = answers(model, &likely(&samples(model), model.inputs.len()));
        let found = from_bytes(&bytes);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            let error = (found - expected).abs() / expected.abs().max(1.0);
            assert!(error <= TOLERANCE, "model {number}: {found} is not {expected}");
        }
    }
}

/// Of the samples those that do not overflow, where sums in another order differ in all digits.
fn likely(samples: &[f32], inputs: usize) -> Vec<f32> {
    samples[16 * inputs..].to_vec()
}
