//! Listening to a board: its bytes become events, the events go to the views, and what they tell
//! becomes a record.

use std::fs::File;
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use derby_core::Event;
use derby_wire::Frames;
use indicatif::ProgressBar;
use signal_hook::consts::SIGINT;

use super::check::Check;
use super::heard::Heard;
use super::log::Line;
use crate::field::Field;
use crate::isa::Isa;
use crate::run::{self, Outcome};
use crate::score::Examiner;
use crate::source::Source;
use crate::stop::Stopped;
use crate::view::{View, Wish};

/// What comes from a board.
#[derive(Debug)]
pub enum Said {
    /// Bytes of events.
    Events(Vec<u8>),
    /// A line of its log.
    Log(Line),
}

/// Why a board says no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hush {
    /// It has ended, or will not say more.
    Ended,
    /// It has said nothing for as long as was waited.
    Timeout,
}

/// Between two looks at what whoever watches wants.
const PULSE: Duration = Duration::from_millis(100);
/// How long the last bytes may take that a board sent before it ended.
const LAST_BYTES: Duration = Duration::from_secs(2);

/// Listens to one race.
#[expect(missing_debug_implementations, reason = "views have none")]
pub struct Listener<'l> {
    field: &'l Field,
    views: Vec<Box<dyn View>>,
    frames: Frames<Vec<u8>>,
    heard: Heard,
    progress: ProgressBar,
    started: Instant,
    /// The same race, run here.
    check: Option<Check>,
    /// Where the bytes of the events are kept.
    recording: Option<File>,
}

impl<'l> Listener<'l> {
    /// A listener to the race of `field` that tells `views`.
    pub fn new(field: &'l Field, views: Vec<Box<dyn View>>) -> Self {
        let takes_screen = views.iter().any(|view| view.takes_screen());
        Self {
            field,
            views,
            frames: Frames::new(vec![0; field.event_room()]),
            heard: Heard::new(field),
            progress: if field.samples > 0 && !takes_screen {
                run::progress(field.samples)
            } else {
                ProgressBar::hidden()
            },
            started: Instant::now(),
            check: None,
            recording: None,
        }
    }

    /// Also compares every event with those of `check`.
    pub fn check(&mut self, check: Check) {
        self.check = Some(check);
    }

    /// Also writes what comes to `file`.
    pub fn record(&mut self, file: File) {
        self.recording = Some(file);
    }

    /// What has been heard so far.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Listens until there is no more to come, for `patience` at most between two signs of life.
    ///
    /// # Errors
    /// When a view or the recording cannot be written, or the board runs another race.
    pub fn listen(&mut self, said: &Receiver<Said>, patience: Duration) -> Result<Hush> {
        let mut last = Instant::now();
        loop {
            self.obey()?;
            let has_ended = self.heard.code.is_some();
            let patience = if has_ended { patience.min(LAST_BYTES) } else { patience };
            let left = patience.saturating_sub(last.elapsed());
            match said.recv_timeout(left.min(PULSE)) {
                Ok(Said::Events(bytes)) => self.hear(&bytes)?,
                Ok(Said::Log(line)) => self.log(line),
                Err(RecvTimeoutError::Timeout) if left > PULSE => continue,
                Err(RecvTimeoutError::Timeout) if !has_ended => return Ok(Hush::Timeout),
                Err(_) => return Ok(Hush::Ended),
            }
            last = Instant::now();
        }
    }

    /// Does what whoever watches wants; a board obeys nobody, but one may go away.
    fn obey(&mut self) -> Result<()> {
        let samples = self.heard.samples;
        for view in &mut self.views {
            if view.pulse(self.field, samples, None)? == Some(Wish::Quit) {
                let message = format!("stopped watching at {samples} samples");
                bail!(Stopped { signal: SIGINT, message });
            }
        }
        Ok(())
    }

    /// Tells the views the outcome, when the race was heard to its end, and standard error that
    /// the bits were the same.
    ///
    /// # Errors
    /// When a view cannot be written, or an event differs from the host's.
    pub fn finish(mut self, isa: Isa) -> Result<()> {
        self.progress.finish_and_clear();
        if self.heard.is_told() {
            let outcome = self.outcome(isa)?;
            self.views.iter_mut().try_for_each(|view| view.outcome(self.field, &outcome))?;
        }
        if let Some(check) = self.check.take() {
            eprintln!("{}", check.verdict()?);
        }
        Ok(())
    }

    fn outcome(&self, isa: Isa) -> Result<Outcome> {
        let Self { field, heard, .. } = self;
        let seconds = self.started.elapsed().as_secs_f64();
        if !matches!(field.source, Source::Unseen { .. }) {
            let examiner = Examiner::new(&field.source, isa)?;
            return Outcome::of(field, &heard.record, &examiner, seconds);
        }
        let finish = heard.record.finish.clone().context("the race has not ended")?;
        Ok(Outcome { ranking: heard.record.untested(field), mixture: None, finish, seconds })
    }

    fn log(&mut self, line: Line) {
        let text = format!("board: {}", line.text);
        if !self.views.iter_mut().any(|view| view.note(&text)) {
            self.progress.suspend(|| eprintln!("{text}"));
        }
        self.heard.code = line.exit_code().or(self.heard.code);
        if line.is_error {
            self.heard.errors.push(line.text);
        }
    }

    /// Hears bytes of events.
    ///
    /// # Errors
    /// As [`Self::listen`].
    pub fn hear(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(file) = &mut self.recording {
            file.write_all(bytes).context("--record")?;
        }
        for &byte in bytes {
            self.heard.byte(byte);
            let Some(content) = self.frames.push(byte) else { continue };
            let Ok(event) = derby_wire::read_event::<Vec<f32>>(content) else {
                self.heard.strange += 1;
                continue;
            };
            if let Some(check) = &mut self.check {
                check.hear(content, &event);
            }
            let mut numbers = Vec::new();
            let event = event.map(|list| {
                numbers.push(list);
                numbers.len() - 1
            });
            self.tell(&event.map(|place| numbers[place].as_slice()))?;
        }
        self.heard.damaged = self.frames.damaged();
        Ok(())
    }

    fn tell(&mut self, event: &Event<&[f32]>) -> Result<()> {
        if !self.heard.take(self.field, event)? {
            return Ok(());
        }
        self.progress.set_position(self.heard.samples);
        let Self { field, views, progress, .. } = self;
        progress.suspend(|| views.iter_mut().try_for_each(|view| view.event(field, event)))
    }
}
