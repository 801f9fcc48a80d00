//! Ways to show a race.

pub mod json;
pub mod plain;

use std::fs::File;
use std::io::{self, BufWriter, Write};

use anyhow::{Context, Result};
use derby_core::Event;

use crate::args::{RaceArguments, ViewName};
use crate::field::Field;
use crate::run::Outcome;
use json::Json;
use plain::Plain;

/// Whoever is told what happens in a race.
pub trait View {
    /// A race of this seed comes next, one of several.
    ///
    /// # Errors
    /// When the view cannot be written; so for all methods.
    fn seed(&mut self, seed: u64) -> Result<()>;

    /// Something happened.
    ///
    /// # Errors
    /// As above.
    fn event(&mut self, field: &Field, event: &Event<&[f32]>) -> Result<()>;

    /// The race is over and the nets are tested.
    ///
    /// # Errors
    /// As above.
    fn outcome(&mut self, field: &Field, outcome: &Outcome) -> Result<()>;
}

/// The views that the arguments ask for.
///
/// # Errors
/// When a file cannot be made.
pub fn of(arguments: &RaceArguments) -> Result<Vec<Box<dyn View>>> {
    let stdout = Named { name: "standard output".to_owned(), out: io::stdout().lock() };
    let mut views: Vec<Box<dyn View>> = vec![match arguments.view {
        ViewName::Json => Box::new(Json::new(stdout)),
        ViewName::Auto | ViewName::Plain => Box::new(Plain::new(stdout)),
    }];
    if let Some(path) = &arguments.out {
        let name = format!("--out {}", path.display());
        let out = BufWriter::new(File::create(path).context(name.clone())?);
        views.push(Box::new(Json::new(Named { name, out })));
    }
    Ok(views)
}

/// Says in an error where the writing failed.
#[derive(Debug)]
struct Named<W> {
    name: String,
    out: W,
}

impl<W> Named<W> {
    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.name))
    }
}

impl<W: Write> Write for Named<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(|error| self.named(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(|error| self.named(&error))
    }
}
