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
    /// The racing net with the most trust.
    pub leader: usize,
    /// FNV-1a of all nets' parameters.
    pub hash: u32,
    /// `[net]`: the mean trust in each over the last stretch that it ran.
    pub standings: Vec<f32>,
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
            Event::Trained { net, parameters, .. } => {
                if let Some(own) = self.parameters.get_mut(*net) {
                    own.extend_from_slice(parameters.as_ref());
                }
            }
            Event::Finished { samples, leader, hash, standings, .. } => {
                self.finish = Some(Finish {
                    samples: *samples,
                    leader: *leader,
                    hash: *hash,
                    standings: standings.as_ref().to_vec(),
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
        ranking.sort_by(|a, b| {
            let stayed = |ranked: &Ranked| ranked.left.unwrap_or(u64::MAX);
            stayed(b).cmp(&stayed(a)).then_with(|| a.score.order(&b.score))
        });
        ranking
    }
}
