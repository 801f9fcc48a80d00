//! What a race has told, from wherever it was run: from its events alone come the ranking and
//! the trained nets.

use derby_core::{Entry, Event, Refereeing};

use crate::field::Field;
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

/// Which of nearly equal nets wins: the smallest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preference {
    /// How far above the best's its loss may be, as a share; one standard error where it is not
    /// given.
    pub margin: Option<f64>,
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

    /// The nets, best first. Where the referee judges by losses, its leader comes first; then
    /// those left by their test as the paper decides between its last two (the share of bits or
    /// classes that are right, then the loss), behind them those that left, the last one first.
    /// Where the smallest net is preferred, it comes before all.
    pub fn ranking(&self, field: &Field, examiner: &Examiner) -> Vec<Ranked> {
        let entries = &field.entries;
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
        self.lead(field, &mut ranking);
        if let Some(Preference { margin }) = field.preference
            && let Some(best) = ranking.first().map(|ranked| ranked.score)
        {
            let most = best.loss + margin.map_or(best.error, |margin| margin * best.loss);
            let near = ranking.iter().enumerate().filter(|(_, ranked)| ranked.score.loss <= most);
            if let Some((place, _)) = near.min_by_key(|(_, ranked)| ranked.entry.shape.macs()) {
                ranking[..=place].rotate_right(1);
            }
        }
        ranking
    }

    /// Puts the leader of a referee that judges by losses in front.
    fn lead(&self, field: &Field, ranking: &mut [Ranked]) {
        let leader = self.finish.as_ref().map(|finish| finish.leader);
        let is_leader = |ranked: &Ranked| Some(ranked.net) == leader;
        if matches!(field.settings.refereeing, Refereeing::Anytime { .. })
            && let Some(place) = ranking.iter().position(is_leader)
        {
            ranking[..=place].rotate_right(1);
        }
    }

    /// The nets where nothing is there to test them with, best first: the longer in the race the
    /// better, then by the mixer's trust.
    pub fn untested(&self, field: &Field) -> Vec<Ranked> {
        let score = Score { loss: f64::NAN, error: f64::NAN, accuracy: None, bits: None };
        let nets = field.entries.iter().zip(&self.left).enumerate();
        let mut ranking: Vec<_> =
            nets.map(|(net, (&entry, &left))| Ranked { net, entry, left, score }).collect();
        let trust = |ranked: &Ranked| {
            let standings = self.finish.as_ref().map(|finish| finish.standings.as_slice());
            standings.and_then(|standings| standings.get(ranked.net).copied()).unwrap_or(0.0)
        };
        ranking.sort_by(|a, b| b.stayed().cmp(&a.stayed()).then(trust(b).total_cmp(&trust(a))));
        self.lead(field, &mut ranking);
        ranking
    }

    /// The mixture of the nets that race in the end, where that was told.
    pub fn mixture(&self, entries: &[Entry], examiner: &Examiner) -> Option<Mixture> {
        let weights = &self.finish.as_ref()?.weights;
        let racing = entries.iter().zip(&self.left).filter(|(_, left)| left.is_none());
        Some(Mixture {
            nets: racing.clone().count(),
            macs: racing.map(|(entry, _)| entry.shape.macs()).fold(0, usize::saturating_add),
            score: examiner.mixture(entries, &self.parameters, weights),
        })
    }
}

/// The mixture's test.
#[derive(Clone, Copy, Debug)]
pub struct Mixture {
    /// Nets in it.
    pub nets: usize,
    /// Multiply-accumulates of one inference of all of them.
    pub macs: usize,
    /// Its test.
    pub score: Score,
}

/// `[place]`: whether no net of the ranking is as good with less work, or better with as much.
pub fn pareto(ranking: &[Ranked]) -> Vec<bool> {
    let point = |ranked: &Ranked| (ranked.score.loss, ranked.entry.shape.macs());
    let is_beaten = |(loss, macs): (f64, usize)| {
        ranking
            .iter()
            .map(point)
            .any(|(other, work)| (other <= loss && work < macs) || (other < loss && work <= macs))
    };
    ranking.iter().map(point).map(|own| !own.0.is_nan() && !is_beaten(own)).collect()
}
