//! What has been heard of a race, and whether that is all of it. What comes from a board is not
//! trusted: an event that cannot be one of the race goes no further.

use anyhow::{Result, bail};
use derby_core::{Entry, Event};

use super::fnv1a;
use crate::field::Field;
use crate::record::Record;

/// What has been heard of a race.
#[derive(Debug)]
pub struct Heard {
    /// What its events amount to.
    pub record: Record,
    /// Samples at the last event.
    pub samples: u64,
    /// Errors that the board logged.
    pub errors: Vec<String>,
    /// The code with which the board said that it ends.
    pub code: Option<i32>,
    /// Frames that were damaged, and skipped.
    pub damaged: u32,
    /// Frames that were whole and told of nothing in this race, and were skipped.
    pub strange: u32,
    /// Parameters of each net; `None` of nets whose shape is not known.
    sizes: Vec<Option<usize>>,
    /// Events heard.
    events: u32,
    /// Bytes before the first event: the emulator's own words.
    preface: Vec<u8>,
}

/// Most bytes of a preface that are kept.
const PREFACE: usize = 4096;

impl Heard {
    /// Nothing yet of the race of `field`.
    pub fn new(field: &Field) -> Self {
        let size = |entry: &Entry| entry.shape.is_sound().then(|| entry.shape.parameters());
        let sizes: Vec<_> = field.entries.iter().map(size).collect();
        Self {
            record: Record::new(sizes.len()),
            samples: 0,
            errors: Vec::new(),
            code: None,
            damaged: 0,
            strange: 0,
            sizes,
            events: 0,
            preface: Vec::new(),
        }
    }

    /// Whether no event has come.
    pub fn is_silent(&self) -> bool {
        self.events == 0
    }

    /// What came instead of events: the emulator's own words.
    pub fn preface(&self) -> String {
        String::from_utf8_lossy(&self.preface).trim().to_owned()
    }

    /// Whether the end came, and with it all that the nets have learned.
    pub fn is_told(&self) -> bool {
        let mut pairs = self.record.parameters.iter().zip(&self.sizes);
        self.record.finish.is_some()
            && pairs.all(|(own, size)| size.is_none_or(|size| own.len() == size))
    }

    /// Whether the race was told from its start to its end, and nothing is missing.
    ///
    /// # Errors
    /// What is missing.
    pub fn complete(&self) -> Result<()> {
        let Some(finish) = &self.record.finish else {
            bail!("the record breaks off after {} samples, before the race's end", self.samples);
        };
        let lost = self.damaged + self.strange;
        if lost > 0 {
            let frames = if lost == 1 { "1 frame was" } else { &format!("{lost} frames were") };
            bail!("{frames} damaged and skipped, so events may be missing");
        }
        for (net, (own, size)) in self.record.parameters.iter().zip(&self.sizes).enumerate() {
            let size = size.unwrap_or(own.len());
            if own.len() != size {
                bail!("the record lacks parameters of net {net}: {} of {size} came", own.len());
            }
        }
        let parameters = self.record.parameters.iter().flatten();
        let hash = fnv1a(parameters.flat_map(|parameter| parameter.to_le_bytes()));
        if hash != finish.hash {
            bail!("the parameters that came have hash {hash:08x}, the board's {:08x}", finish.hash);
        }
        Ok(())
    }

    /// Takes note of a byte that may belong to no frame.
    pub(super) fn byte(&mut self, byte: u8) {
        if self.events == 0 && byte != 0 && self.preface.len() < PREFACE {
            self.preface.push(byte);
        }
    }

    /// Takes an event in and returns whether it can be one of this race.
    ///
    /// # Errors
    /// When the board runs another race.
    pub(super) fn take(&mut self, field: &Field, event: &Event<&[f32]>) -> Result<bool> {
        let (nets, outputs) = (field.entries.len(), field.source.outputs());
        // Some mixers have one weight for all outputs of a net.
        let is_width = |width| width == outputs || width == 1;
        let (fits, samples) = match *event {
            Event::Started { nets: started, batch, held_back } => {
                let settings = &field.settings;
                if (started, batch, held_back) != (nets, settings.batch, settings.held_back) {
                    bail!("the board runs another race: {started} nets, batches of {batch}");
                }
                // It may be a second start: the board was reset.
                self.record = Record::new(nets);
                (true, 0)
            }
            Event::Entered { net, shape, seed } => {
                let Some(entry) = field.entries.get(net) else { return self.refuse() };
                if entry.shape.is_sound() && (entry.shape, entry.seed) != (shape, seed) {
                    bail!("the board runs another race: its net {net} is {shape}, seed {seed}");
                }
                (true, self.samples)
            }
            Event::Stretch { samples, losses, weights, .. } => {
                (losses.len() == nets && is_width(weights.len() / nets.max(1)), samples)
            }
            Event::Left { net, samples, weights, .. } => {
                (net < nets && is_width(weights.len()), samples)
            }
            Event::Returned { net, samples, .. } => (net < nets, samples),
            Event::Trained { net, from, parameters } => {
                let own = self.record.parameters.get(net).zip(self.sizes.get(net));
                let fits = own.is_some_and(|(own, size)| {
                    let room = size.unwrap_or(usize::MAX).saturating_sub(from);
                    own.len() == from && parameters.len() <= room
                });
                (fits, self.samples)
            }
            Event::Finished { samples, leader, standings, weights, .. } => {
                let widths = standings.len() == nets && is_width(weights.len() / nets.max(1));
                (leader < nets && widths, samples)
            }
            _ => (false, self.samples),
        };
        if !fits {
            return self.refuse();
        }
        self.events += 1;
        self.samples = samples;
        self.record.add(event);
        Ok(true)
    }

    fn refuse(&mut self) -> Result<bool> {
        self.strange += 1;
        Ok(false)
    }
}
