//! `derby export`: a net that can be shipped, from what a race has left behind.

pub mod model;
pub mod onnx;
pub mod postcard;
pub mod text;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use self::model::Model;
use self::text::Language;
use crate::args::ExportArguments;

/// What a model can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A module for Rust, no_std
    Rust,
    /// A header for C99
    C,
    /// For ONNX runtimes
    Onnx,
    /// For derby itself: derby race --from FILE
    Postcard,
}

impl Format {
    /// The bytes of a file of `model`, whose names begin with `name`.
    pub fn write(self, model: &Model, name: &str) -> Vec<u8> {
        match self {
            Self::Rust => text::of(model, Language::Rust, name).into_bytes(),
            Self::C => text::of(model, Language::C, name).into_bytes(),
            Self::Onnx => onnx::to_bytes(model),
            Self::Postcard => postcard::to_bytes(model),
        }
    }
}

/// `derby export`.
///
/// # Errors
/// When the race cannot be read, is not whole, or the file cannot be written.
pub fn command(arguments: &ExportArguments) -> Result<()> {
    let ExportArguments { run, format, mixture, seed, output } = arguments;
    let model = Model::open(run, *mixture, *seed)?;
    let Some(path) = output else {
        let mut stdout = io::stdout().lock();
        if matches!(format, Format::Onnx | Format::Postcard) && stdout.is_terminal() {
            bail!("this format is no text; say where to write it with --output FILE");
        }
        stdout.write_all(&format.write(&model, "net"))?;
        return Ok(stdout.flush()?);
    };
    let bytes = format.write(&model, &identifier(path));
    fs::write(path, &bytes).with_context(|| format!("--output {}", path.display()))?;
    let parameters = model.parameters();
    println!("{}: the {}, {parameters} parameters", path.display(), model.title());
    Ok(())
}

/// The file's name without its ending, as an identifier.
fn identifier(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("net_{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers() {
        for (path, name) in
            [("a/wine.h", "wine"), ("My-Net.rs", "my_net"), ("2.h", "net_2"), ("ä.h", "net__")]
        {
            assert_eq!(identifier(path.as_ref()), name);
        }
    }
}
