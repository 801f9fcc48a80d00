//! `derby flash`: a race on a board at a debug probe.

use std::fs;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use derby_boards::Link;
use object::{Object, ObjectSymbol};

use super::args::DeviceArguments;
use super::build;
use super::end::End;
use super::feed::feed;
use super::listen::{Hush, Listener, Said};
use super::log::Texts;
use super::needs::{self, SERVE};
use super::probe::Probe;
use super::rtt::{Block, Memory, PAUSE};
use super::show::show;
use crate::field::Field;

/// Where in an image the channels are described.
const BLOCK: &str = "_SEGGER_RTT";
/// The channels up to the host.
const LOGS: usize = 0;
const EVENTS: usize = 1;

/// `derby flash`.
///
/// # Errors
/// What is missing or does not fit, and anything but a race that the board ran to its end and
/// told completely.
pub fn command(arguments: &DeviceArguments) -> Result<()> {
    let board = arguments.board;
    let mut probe = Probe::at(board)?;
    let field = super::field(board, &arguments.race)?;
    let image = needs::image(&field.source, arguments.serve);
    let path = build::of_race(arguments, &field, image, Link::Rtt)?;
    let texts = Texts::of(&path)?;
    let address = address(&path)?;
    show(arguments, &field, |listener| {
        probe.flash(&path)?;
        let block = Block::at(&mut probe, address, arguments.timeout)?;
        // The board waits for a sign that somebody listens.
        block.put(&mut probe, &[0])?;
        block.lose_nothing(&mut probe)?;
        let samples = (image == SERVE).then_some(&field);
        talk(&mut probe, block, &texts, samples, listener, arguments.timeout)
    })
}

/// Where `image` describes its channels.
fn address(image: &Path) -> Result<u32> {
    let bytes = fs::read(image).with_context(|| image.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| image.display().to_string())?;
    let symbol = file.symbol_by_name(BLOCK).with_context(|| format!("no {BLOCK} in the image"))?;
    Ok(u32::try_from(symbol.address())?)
}

/// Listens to a board until it has ended, and sends it the samples of `field` if there is one.
fn talk(
    memory: &mut (impl Memory + Send),
    block: Block,
    texts: &Texts,
    field: Option<&Field>,
    listener: &mut Listener<'_>,
    patience: Duration,
) -> Result<End> {
    let (said, heard) = mpsc::channel();
    let (mut logs, logged) = pipe()?;
    let (unsent, samples) = pipe()?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let lines = said.clone();
        // These end when the other sides of the pipes do.
        scope.spawn(move || {
            texts.read(&mut logs, &mut |line| {
                let _ = lines.send(Said::Log(line));
            })
        });
        scope.spawn(move || field.map(|field| feed(field, &mut { samples })));
        let stop = &stop;
        let carrier = scope.spawn(move || carry(memory, block, &said, logged, unsent, stop));
        let hush = listener.listen(&heard, patience);
        stop.store(true, Ordering::Relaxed);
        if let Ok(Err(error)) = carrier.join() {
            return Err(error.context("the probe lost the board"));
        }
        Ok(match (hush?, listener.heard().code) {
            (_, Some(code)) => End::Code(code),
            (Hush::Timeout, None) => End::Silent(patience),
            (Hush::Ended, None) => End::Cut,
        })
    })
}

/// Carries bytes between the board's channels and the host's pipes until it is told to stop.
fn carry(
    memory: &mut impl Memory,
    block: Block,
    said: &Sender<Said>,
    mut logs: PipeWriter,
    mut samples: PipeReader,
    stop: &AtomicBool,
) -> Result<()> {
    let mut all_sent = false;
    while !stop.load(Ordering::Relaxed) {
        let mut idle = true;
        for (channel, bytes) in block.take(memory)?.into_iter().enumerate() {
            idle &= bytes.is_empty();
            match channel {
                LOGS => logs.write_all(&bytes)?,
                EVENTS if !bytes.is_empty() => {
                    // A listener that has heard enough stops this too.
                    let _ = said.send(Said::Events(bytes));
                }
                _ => {}
            }
        }
        if !all_sent {
            let mut bytes = vec![0; block.room(memory)?];
            let count = if bytes.is_empty() { 0 } else { samples.read(&mut bytes)? };
            all_sent = !bytes.is_empty() && count == 0;
            block.put(memory, &bytes[..count])?;
            idle &= count == 0;
        }
        if idle {
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// Passes the events of a board on that races already, for as long as somebody listens.
///
/// # Errors
/// When the board does not answer.
pub(super) fn overhear(memory: &mut impl Memory, block: Block, said: &Sender<Said>) -> Result<()> {
    loop {
        let channels = block.take(memory)?;
        match channels.into_iter().nth(EVENTS) {
            Some(bytes) if !bytes.is_empty() => {
                if said.send(Said::Events(bytes)).is_err() {
                    return Ok(());
                }
            }
            _ => thread::sleep(PAUSE),
        }
    }
}
