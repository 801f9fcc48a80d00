//! Ways to show a race.

pub mod json;
pub mod live;
pub mod plain;

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use derby_core::{Event, Race};

use crate::args::{RaceArguments, ViewName};
use crate::field::Field;
use crate::run::Outcome;
use json::Json;
use live::Live;
use plain::Plain;

/// What whoever watches wants of a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To wait, or to go on.
    Pause(bool),
    /// To send this net home.
    Dismiss(usize),
    /// To stop.
    Quit,
}

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

    /// The race goes on: it stands at so many samples, and here it is unless it runs elsewhere.
    /// Returns what whoever watches wants of it.
    ///
    /// # Errors
    /// As above.
    fn pulse(
        &mut self,
        _field: &Field,
        _samples: u64,
        _race: Option<&Race<'_>>,
    ) -> Result<Option<Wish>> {
        Ok(None)
    }

    /// A remark on the race, of which it is no part. Returns whether it is shown.
    fn note(&mut self, _text: &str) -> bool {
        false
    }

    /// Whether nobody else may write to the terminal.
    fn takes_screen(&self) -> bool {
        false
    }

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
    let is_kept = arguments.keep.checkpoint.is_some();
    let stdout = Named { name: "standard output".to_owned(), out: io::stdout().lock() };
    let mut views: Vec<Box<dyn View>> = vec![match arguments.view {
        ViewName::Json => Box::new(Json::new(stdout, arguments.line())),
        ViewName::Live if !io::stdout().is_terminal() => {
            bail!("--view live: standard output is not a terminal")
        }
        // Of many races the tables are what one wants to keep.
        ViewName::Auto if arguments.seeds.is_none() && is_lively() => Box::new(Live::new(is_kept)),
        ViewName::Live => Box::new(Live::new(is_kept)),
        ViewName::Auto | ViewName::Plain => Box::new(Plain::new(stdout)),
    }];
    if let Some(path) = &arguments.out {
        let name = format!("--out {}", path.display());
        let out = BufWriter::new(File::create(path).context(name.clone())?);
        views.push(Box::new(Json::new(Named { name, out }, arguments.line())));
    }
    Ok(views)
}

/// Whether standard output is a terminal on which things can move.
fn is_lively() -> bool {
    io::stdout().is_terminal() && env::var_os("TERM").is_none_or(|name| name != "dumb")
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
