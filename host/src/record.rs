//! What a race has told, from wherever it was run: from its events alone come the ranking and
//! the trained nets.

use derby_core::{Entry, Event};

use crate::score::{Examiner, Score};

/// The events of a race, summed up.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// `[net]`: samples at which it left.
    pub left: Vec<Option<u64>>,
    /// `[net]`: its parameters in the end.
    pub parameters: Vec<Vec<f32>>,
    /// What the end told; `None` before it came.
    pub finish: Option<Finish>,
}

/// The end of a race.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// Samples trained on.
    pub samples: u64,
    /// The racing net to hand over.
    pub leader: usize,
    /// FNV-1a of all nets' parameters.
    pub hash: u32,
    /// `[net]`: the mean trust in each over the last stretch that it ran.
    pub standings: Vec<f32>,
    /// `[net][output]`, or `[net]`: the mixing weights.
    pub weights: Vec<f32>,
}

/// A net's place.
#[derive(Clone, Copy, Debug)]
pub struct Ranked {
    /// Its place among the entries.
    pub net: usize,
    /// What it is.
    pub entry: Entry,
    /// Samples at which it left.
    pub left: Option<u64>,
    /// Its test, with the weights that it had in the end or when it left.
    pub score: Score,
}

impl Ranked {
    /// Samples for which it raced; the most where it raced to the end.
    fn stayed(&self) -> u64 {
        self.left.unwrap_or(u64::MAX)
    }
}

impl Record {
    /// A record of a race of so many nets.
    pub fn new(nets: usize) -> Self {
        Self { left: vec![None; nets], parameters: vec![Vec::new(); nets], finish: None }
    }

    /// Takes an event in; one of a net that never entered is passed over.
    pub fn add<F: AsRef<[f32]>>(&mut self, event: &Event<F>) {
        match event {
            Event::Left { net, samples, .. } => {
                if let Some(left) = self.left.get_mut(*net) {
                    *left = Some(*samples);
                }
            }
            Event::Returned { net, .. } => {
                if let Some(left) = self.left.get_mut(*net) {
                    *left = None;
                }
            }
            Event::Trained { net, parameters, .. } => {
                if let Some(own) = self.parameters.get_mut(*net) {
                    own.extend_from_slice(parameters.as_ref());
                }
            }
            Event::Finished { samples, leader, hash, standings, weights } => {
                self.finish = Some(Finish {
                    samples: *samples,
                    leader: *leader,
                    hash: *hash,
                    standings: standings.as_ref().to_vec(),
                    weights: weights.as_ref().to_vec(),
                });
            }
            _ => {}
        }
    }

    /// The nets, best first: those left by their test as the paper decides between its last two
    /// (the share of bits or classes that are right, then the loss), behind them those that left,
    /// the last one first.
    pub fn ranking(&self, entries: &[Entry], examiner: &Examiner) -> Vec<Ranked> {
        let mut ranking: Vec<Ranked> = entries
            .iter()
            .zip(self.left.iter().zip(&self.parameters))
            .enumerate()
            .map(|(net, (&entry, (&left, parameters)))| Ranked {
                net,
                entry,
                left,
                score: examiner.score(&entry, parameters),
            })
            .collect();
        ranking.sort_by(|a, b| b.stayed().cmp(&a.stayed()).then_with(|| a.score.order(&b.score)));
        ranking
    }

    /// The nets where nothing is there to test them with, best first: the longer in the race the
    /// better, then by the mixer's trust.
    pub fn untested(&self, entries: &[Entry]) -> Vec<Ranked> {
        let score = Score { loss: f64::NAN, accuracy: None, bits: None };
        let nets = entries.iter().zip(&self.left).enumerate();
        let mut ranking: Vec<_> =
            nets.map(|(net, (&entry, &left))| Ranked { net, entry, left, score }).collect();
        let trust = |ranked: &Ranked| {
            let standings = self.finish.as_ref().map(|finish| finish.standings.as_slice());
            standings.and_then(|standings| standings.get(ranked.net).copied()).unwrap_or(0.0)
        };
        ranking.sort_by(|a, b| b.stayed().cmp(&a.stayed()).then(trust(b).total_cmp(&trust(a))));
        ranking
    }
}
