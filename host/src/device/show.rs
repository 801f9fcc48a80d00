//! A race on a board as the user sees it, whatever the board hangs on.

use std::fs::File;

use anyhow::{Context, Result};

use super::args::DeviceArguments;
use super::check::Check;
use super::end::{self, End};
use super::listen::Listener;
use crate::field::{self, Field};
use crate::view;

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
    let mut listener = Listener::new(field, view::of(race)?);
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
