//! `derby watch`: a race that is under way on a board, or one that was recorded.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use derby_boards::Board;
use derby_core::{Entry, Event, Settings, Shape};
use derby_wire::Frames;

use super::args::WatchArguments;
use super::emulate::pass;
use super::flash::overhear;
use super::listen::{Hush, Listener, Said};
use super::probe::Probe;
use super::rtt::Block;
use crate::args::RaceArguments;
use crate::field::{self, Field};
use crate::source::Source;
use crate::view;

/// `derby watch`.
///
/// # Errors
/// What cannot be read, and a race that was not told to its end.
pub fn command(arguments: &WatchArguments) -> Result<()> {
    let WatchArguments { board, recording, timeout, race } = arguments;
    let said = match (recording, board) {
        (Some(path), _) => replay(path)?,
        (None, Some(board)) => attach(board)?,
        (None, None) => bail!("give --board or --file"),
    };
    let (field, first) = match described(race, *board)? {
        Some(field) => (field, Vec::new()),
        None => guess(&said, *timeout)?,
    };
    let mut listener = Listener::new(&field, view::of(race)?);
    listener.hear(&first)?;
    let hush = listener.listen(&said, *timeout)?;
    let told = listener.heard().complete();
    listener.finish(field::isa(&race.field))?;
    match hush {
        Hush::Timeout if told.is_err() => bail!("silent for {} s", timeout.as_secs_f64()),
        _ => told,
    }
}

/// The race that the arguments describe, if they do.
fn described(race: &RaceArguments, board: Option<&Board>) -> Result<Option<Field>> {
    let given = &race.field;
    let is_described =
        given.paper || given.task.is_some() || given.nets.is_some() || given.data.file.is_some();
    match board {
        Some(board) if is_described => super::field(board, race).map(Some),
        None if is_described => Field::of_race(race, race.seed).map(Some),
        _ => Ok(None),
    }
}

/// What a recording holds.
fn replay(path: &Path) -> Result<Receiver<Said>> {
    let file: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).with_context(|| format!("--file {}", path.display()))?)
    };
    let (sender, said) = mpsc::channel();
    thread::spawn(move || pass(file, &sender));
    Ok(said)
}

/// What a running board tells.
fn attach(board: &Board) -> Result<Receiver<Said>> {
    let mut probe = Probe::at(board)?;
    let block = Block::find(&mut probe, board.ram)?.with_context(|| {
        format!("{} runs no race; this starts one: derby flash --board {0}", board.name)
    })?;
    let (sender, said) = mpsc::channel();
    thread::spawn(move || {
        if let Err(error) = overhear(&mut probe, block, &sender) {
            eprintln!("{error:#}");
        }
    });
    Ok(said)
}

/// The race, as far as its own events tell, and the bytes read for it. A race tells its nets when
/// it starts; of whoever joins later they stay nameless.
fn guess(said: &Receiver<Said>, patience: Duration) -> Result<(Field, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut frames = Frames::new(vec![0; field::ROOM]);
    let mut settings = Settings::NEW;
    let mut entries = Vec::new();
    let mut missing = None;
    loop {
        let more = match said.recv_timeout(patience) {
            Ok(Said::Events(more)) => more,
            Ok(Said::Log(_)) => continue,
            Err(RecvTimeoutError::Timeout) => {
                bail!("silent for {} s", patience.as_secs_f64())
            }
            Err(RecvTimeoutError::Disconnected) => bail!("no race was told"),
        };
        bytes.extend_from_slice(&more);
        for byte in more {
            let Some(content) = frames.push(byte) else { continue };
            match derby_wire::read_event::<Vec<f32>>(content) {
                Ok(Event::Started { nets, batch, held_back }) => {
                    settings = Settings { batch, held_back, ..settings };
                    entries.clear();
                    missing = Some(nets);
                }
                Ok(Event::Entered { net, shape, seed }) if net == entries.len() => {
                    entries.push(Entry::new(shape, seed));
                }
                Ok(Event::Stretch { losses, weights, .. }) if missing.is_none() => {
                    eprintln!(
                        "the race was under way: its nets are shown as (0, 0)@PLACE; describe it \
                         with the arguments that it was started with to see their names"
                    );
                    let outputs = weights.len() / losses.len().max(1);
                    let shape = Shape::new(0, 0, 0, outputs);
                    let nameless = (0..losses.len() as u64).map(|net| Entry::new(shape, net));
                    return Ok((of(nameless.collect(), settings), bytes));
                }
                _ => {}
            }
            if missing == Some(entries.len()) && !entries.is_empty() {
                return Ok((of(entries, settings), bytes));
            }
        }
    }
}

/// A race of these entries on samples that are elsewhere.
fn of(entries: Vec<Entry>, settings: Settings) -> Field {
    let (inputs, outputs, seed) = entries
        .first()
        .map_or((0, 0, 0), |entry| (entry.shape.inputs, entry.shape.outputs, entry.seed));
    let source = Source::Unseen { inputs, outputs };
    let (refused, preference, learned) = (0, None, Vec::new());
    Field { source, entries, settings, samples: 0, seed, refused, preference, learned }
}
