//! `derby emulate`: a race on a board that QEMU emulates.

use std::io::{BufWriter, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::{Context, Result, bail};
use derby_boards::{Board, Link};

use super::args::DeviceArguments;
use super::build;
use super::end::End;
use super::feed::feed;
use super::listen::{Hush, Said};
use super::log::Texts;
use super::needs::{self, SERVE};
use super::show::show;
use super::tool::QEMU;

/// `derby emulate`.
///
/// # Errors
/// What is missing or does not fit, and anything but a race that the board ran to its end and
/// told completely.
pub fn command(arguments: &DeviceArguments) -> Result<()> {
    let board = arguments.board;
    if board.emulator.is_none() {
        bail!("{} cannot be emulated, only flashed: derby flash", board.name);
    }
    QEMU.find()?;
    let field = super::field(board, &arguments.race)?;
    let image = needs::image(&field.source, arguments.serve);
    let path = build::of_race(arguments, &field, image, Link::Semihosting)?;
    show(arguments, &field, |listener| {
        thread::scope(|scope| {
            let (mut emulator, samples) = Emulator::start(board, &path)?;
            if image == SERVE {
                // It fails when the board ends before it has taken all, which its end tells.
                scope.spawn(|| feed(&field, &mut BufWriter::new(samples)));
            }
            match listener.listen(&emulator.said, arguments.timeout)? {
                Hush::Ended => emulator.end(),
                Hush::Timeout => Ok(End::Silent(arguments.timeout)),
            }
        })
    })
}

/// An emulated board. It ends when this is dropped.
#[derive(Debug)]
pub struct Emulator {
    process: Child,
    /// What it says.
    pub said: Receiver<Said>,
}

impl Emulator {
    /// Starts `image` on `board`; what is written to the other part are the samples.
    ///
    /// # Errors
    /// When the emulator is missing, or does not know the board.
    pub fn start(board: &Board, image: &Path) -> Result<(Self, ChildStdin)> {
        let texts = Texts::of(image)?;
        let name = image.to_str().context("the image's name is not text")?;
        let arguments = board.emulator_arguments(name, false).context("no such emulator")?;
        let mut process = QEMU
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| QEMU.failed(error))?;
        let streams = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (sender, said) = mpsc::channel();
        let emulator = Self { process, said };
        let (Some(samples), Some(mut logs), Some(events)) = streams else {
            bail!("the emulator has no streams");
        };
        let lines = sender.clone();
        // Both end with the emulator, and a listener that went away is told nothing.
        thread::spawn(move || {
            let _ = texts.read(&mut logs, &mut |line| {
                let _ = lines.send(Said::Log(line));
            });
        });
        thread::spawn(move || pass(events, &sender));
        Ok((emulator, samples))
    }

    /// The emulator's process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, once it says no more.
    ///
    /// # Errors
    /// When the emulator cannot be asked.
    pub fn end(&mut self) -> Result<End> {
        let status = self.process.wait().context("the emulator's end")?;
        Ok(status.code().map_or(End::Cut, End::Code))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It has ended already where there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Passes the bytes of events on until there are no more.
pub(super) fn pass(mut from: impl Read, to: &Sender<Said>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.send(Said::Events(bytes[..count].to_vec())).is_err() {
            return;
        }
    }
}
