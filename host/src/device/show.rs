//! A race on a board as the user sees it, whatever the board hangs on.

use std::fs::File;
use std::io::{self, BufWriter};

use anyhow::{Context, Result};

use super::args::DeviceArguments;
use super::check::Check;
use super::end::{self, End};
use super::listen::Listener;
use crate::args::{RaceArguments, ViewName};
use crate::field::{self, Field};
use crate::view::View;
use crate::view::json::Json;
use crate::view::plain::Plain;

/// Shows the race of `field` while `run` listens to it.
///
/// # Errors
/// Anything but a race that the board ran to its end and told completely, with the host's bits
/// where they are compared.
pub fn show<'f>(
    arguments: &DeviceArguments,
    field: &'f Field,
    run: impl FnOnce(&mut Listener<'f>) -> Result<End>,
) -> Result<()> {
    let DeviceArguments { race, record, compare, .. } = arguments;
    let isa = field::isa(&race.field);
    let mut listener = Listener::new(field, views(race)?);
    if *compare {
        listener.check(Check::of(field, &mut field::crew(&race.field), isa)?);
    }
    if let Some(path) = record {
        let file = File::create(path).with_context(|| format!("--record {}", path.display()))?;
        listener.record(file);
    }
    let end = run(&mut listener)?;
    let judgement = end::judge(end, listener.heard());
    let finished = listener.finish(isa);
    // What the board did explains what is missing.
    judgement.and(finished)
}

/// The views that the arguments ask for.
///
/// # Errors
/// When a file cannot be made.
pub fn views(race: &RaceArguments) -> Result<Vec<Box<dyn View>>> {
    let stdout = io::stdout().lock();
    let mut views: Vec<Box<dyn View>> = vec![match race.view {
        ViewName::Json => Box::new(Json::new(stdout)),
        _ => Box::new(Plain::new(stdout)),
    }];
    if let Some(path) = &race.out {
        let file = File::create(path).with_context(|| format!("--out {}", path.display()))?;
        views.push(Box::new(Json::new(BufWriter::new(file))));
    }
    Ok(views)
}
