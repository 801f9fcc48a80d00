//! What every net answered to a piece of the stream, to be raced on again.

use derby_core::{Crew, Racer};

use crate::crew;
use crate::isa::{self, Isa};

/// The answers and losses of a piece of the stream.
#[derive(Clone, Debug)]
pub(super) struct Tape {
    batch: usize,
    held_back: usize,
    /// Samples of the race before the piece.
    first: u64,
    /// `[net]`: `[batch][sample][output]`.
    outputs: Vec<Vec<f32>>,
    /// `[net]`: `[batch]`.
    losses: Vec<Vec<[f32; 2]>>,
}

impl Tape {
    /// An empty tape for so many nets.
    pub(super) fn new(nets: usize, batch: usize, held_back: usize) -> Self {
        Self {
            batch,
            held_back,
            first: 0,
            outputs: vec![Vec::new(); nets],
            losses: vec![Vec::new(); nets],
        }
    }

    /// Makes room for the piece that starts after `first` samples.
    pub(super) fn rewind(&mut self, first: u64) {
        self.first = first;
        self.outputs.iter_mut().for_each(Vec::clear);
        self.losses.iter_mut().for_each(Vec::clear);
    }
}

/// Trains the nets and counts their work.
#[derive(Debug)]
pub(super) struct Trainer<'t> {
    pub(super) isa: Isa,
    pub(super) tape: &'t mut Tape,
    pub(super) scratch: &'t mut Vec<f32>,
    pub(super) work: &'t mut u64,
}

/// Work of a racer's stretch, in multiply-accumulates of an inference.
fn work(racer: &Racer<'_>) -> u64 {
    racer.macs() as u64 * racer.record().1.len() as u64
}

impl Crew for Trainer<'_> {
    fn run<'r>(&mut self, racers: impl Iterator<Item = Racer<'r>>, _: &mut [f32]) {
        for mut racer in racers {
            *self.work += work(&racer);
            let scratch = isa::in_lines(self.scratch, racer.scratch());
            crew::train(self.isa, &mut racer, scratch);
            let (outputs, losses) = racer.record();
            // A net may have been away: its tape is filled up to where it is now.
            let at = ((racer.first() - self.tape.first) as usize) / self.tape.batch;
            let values = outputs.len() / losses.len().max(1);
            let own = &mut self.tape.outputs[racer.place()];
            own.resize(at * values, f32::NAN);
            own.extend_from_slice(outputs);
            let own = &mut self.tape.losses[racer.place()];
            own.resize(at, [f32::NAN; 2]);
            own.extend_from_slice(losses);
        }
    }
}

/// Plays a tape to a race, and counts the work that its nets would have been.
#[derive(Debug)]
pub(super) struct Player<'t> {
    pub(super) tape: &'t Tape,
    /// Whether the race holds samples back as the taped one did; else the losses of all samples
    /// count as trained ones.
    pub(super) holds_back: bool,
    pub(super) work: &'t mut u64,
}

impl Crew for Player<'_> {
    fn run<'r>(&mut self, racers: impl Iterator<Item = Racer<'r>>, _: &mut [f32]) {
        let Tape { batch, held_back, first, outputs, losses } = self.tape;
        let (held_back, batch) = (*held_back as f32, *batch);
        for mut racer in racers {
            *self.work += work(&racer);
            let at = ((racer.first() - first) as usize) / batch;
            let count = racer.record().1.len();
            let values = racer.record().0.len() / count.max(1);
            let outputs = outputs[racer.place()].get(at * values..).unwrap_or_default();
            let losses = losses[racer.place()].get(at..).unwrap_or_default();
            if self.holds_back {
                racer.replay(outputs, losses);
                continue;
            }
            let share = held_back / batch as f32;
            let joined: Vec<_> = losses
                .iter()
                .take(count)
                .map(|[trained, held]| [trained + share * (held - trained), 0.0])
                .collect();
            racer.replay(outputs, &joined);
        }
    }
}
