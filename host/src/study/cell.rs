//! One task with one start and one seed: all nets train once, and every rule is tried.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use derby_core::{
    Book, Entry, Event, Loss, Mixing, Plan, Race, Refereeing, Settings, Shape, Task, paper,
};

use super::rows::Row;
use super::tape::{Player, Tape, Trainer};
use super::{Rule, Start, StudyTask};
use crate::data::{self, Table};
use crate::field;
use crate::isa::{self, Isa};
use crate::score::Examiner;
use crate::source::{Samples, Source};

/// Samples that are made at once: whole batches.
const PIECE: u64 = 5_000;
/// Batches that a net runs alone.
const STRETCH: usize = 100;
/// Samples that nets are tested with at most.
const TESTED: usize = 4096;

/// A task with a start and a seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) task: StudyTask,
    pub(super) start: Start,
    pub(super) seed: u64,
    pub(super) samples: u64,
}

/// Samples of a race on `task`.
pub(super) fn samples(task: StudyTask, asked: Option<u64>) -> u64 {
    asked.unwrap_or(match task {
        StudyTask::Log | StudyTask::LogFresh | StudyTask::Drift | StudyTask::Drift2 => 200_000,
        StudyTask::Xor => 100_000,
        StudyTask::Digits | StudyTask::Noisy => 50_000,
        StudyTask::Wine => 20_000,
    })
}

/// How a rule's race went.
struct Course {
    rule: Rule,
    work: u64,
    /// `[net]`: samples at which it last left.
    left: Vec<Option<u64>>,
    /// `[net]`: losses between the last two checks.
    losses: Vec<f32>,
    weights: Vec<f32>,
    leader: usize,
    /// Samples after which changes were found.
    found: Vec<u64>,
}

impl Course {
    fn new(rule: Rule, nets: usize) -> Self {
        Self {
            rule,
            work: 0,
            left: vec![None; nets],
            losses: Vec::new(),
            weights: Vec::new(),
            leader: 0,
            found: Vec::new(),
        }
    }

    fn event(&mut self, event: &Event<&[f32]>) {
        match *event {
            Event::Left { net, samples, .. } => self.left[net] = Some(samples),
            Event::Returned { net, found, .. } => {
                self.left[net] = None;
                if self.found.last() != Some(&found) {
                    self.found.push(found);
                }
            }
            Event::Stretch { losses, .. } => self.losses = losses.to_vec(),
            Event::Finished { leader, weights, .. } => {
                (self.leader, self.weights) = (leader, weights.to_vec());
            }
            _ => {}
        }
    }
}

impl Cell {
    /// The rows of all rules.
    pub(super) fn run(&self, data: &Path, isa: Isa) -> Result<Vec<Row>> {
        let source = self.source(data)?;
        let entries = self.entries(&source);
        let examiner = Examiner::thinned(&source, TESTED, isa)?;

        let followers = [
            (
                Rule::Paper,
                Settings {
                    held_back: 0,
                    ..self.settings(paper::SETTINGS.mixing, Refereeing::Paper)
                },
            ),
            (Rule::Halving, self.settings(Mixing::POOLED, Refereeing::Halving)),
        ];
        let all = self.settings(Mixing::POOLED, Refereeing::None);
        let (courses, alone) = self.race(&source, &entries, (Rule::All, all), &followers, isa)?;
        // Of classes the Brier score counts: the cross-entropy of the few rows of a small table is
        // that of the one row where a net is sure and wrong.
        let squared = |entry: &Entry| entry.output(entry.output, Loss::Squared);
        let tested: Vec<Entry> = entries.iter().map(squared).collect();
        let error = |entry, parameters: &[f32]| examiner.score(&squared(entry), parameters).loss;
        let pairs = entries.iter().zip(&alone);
        let losses: Vec<f64> = pairs.map(|(entry, parameters)| error(entry, parameters)).collect();
        let whole = courses[0].work.max(1);
        let constant = examiner.constant();
        let yardstick =
            Yardstick { cell: self, losses: &losses, constant, whole, entries: &entries };
        let mut rows = vec![yardstick.random()];
        for mut course in courses {
            if course.rule == Rule::All {
                course.leader = least(&course.losses);
            }
            let mixture = examiner.mixture(&tested, &alone, &course.weights).loss;
            rows.push(yardstick.row(&course, losses[course.leader], mixture));
        }

        let anytime = self.settings(Mixing::POOLED, Refereeing::anytime(self.samples));
        let follower = (Rule::AnytimePerOutput, Settings { mixing: Mixing::GRADIENT, ..anytime });
        let (courses, trained) =
            self.race(&source, &entries, (Rule::Anytime, anytime), &[follower], isa)?;
        for course in courses {
            let winner = course.leader;
            let loss = error(&entries[winner], &trained[winner]);
            let mixture = examiner.mixture(&tested, &trained, &course.weights).loss;
            rows.push(yardstick.row(&course, loss, mixture));
        }
        Ok(rows)
    }

    fn source(&self, data: &Path) -> Result<Source> {
        let at = self.samples / 2;
        let task = match self.task {
            StudyTask::Log => Task::PAPER,
            StudyTask::LogFresh => Task::Log { pool: 0 },
            StudyTask::Xor => Task::Xor { bits: 16 },
            StudyTask::Drift => Task::Drift { log_first: false, at },
            StudyTask::Drift2 => Task::Drift { log_first: true, at },
            StudyTask::Noisy => Task::Noisy { pool: 500 },
            StudyTask::Wine => return self.table(data, "wine.csv", "cultivar"),
            StudyTask::Digits => return self.table(data, "digits.csv", "digit"),
        };
        Ok(Source::Task { task, seed: self.seed })
    }

    fn table(&self, data: &Path, file: &str, target: &str) -> Result<Source> {
        let options = data::Options {
            targets: vec![target.to_owned()],
            seed: self.seed,
            ..data::Options::default()
        };
        let path = data.join(file);
        let table = data::Source::open(&path).map_err(anyhow::Error::from);
        let table = table.and_then(|source| Ok(Table::read(&source, &options)?));
        Ok(Source::Table(Arc::new(table.with_context(|| path.display().to_string())?)))
    }

    /// The paper's nets, and on tasks for small nets smaller ones.
    fn entries(&self, source: &Source) -> Vec<Entry> {
        let small = matches!(self.task, StudyTask::Noisy | StudyTask::Wine | StudyTask::Digits);
        let hidden = if small { [2, 4, 8, 16, 32, 56] } else { paper::HIDDEN };
        let shapes = hidden.iter().flat_map(|&hidden| {
            paper::LAYERS
                .map(|layers| Shape::new(source.inputs(), hidden, layers, source.outputs()))
        });
        let (output, loss) = source.output();
        let entry = |shape| match (self.start, source) {
            (Start::Glorot, Source::Table(_)) => {
                Entry::new(shape, self.seed).optimizer(field::TABLE)
            }
            (Start::Glorot, _) => Entry::new(shape, self.seed),
            (Start::Reference, _) => paper::entry(shape, self.seed),
        };
        shapes.map(|shape| entry(shape).output(output, loss)).collect()
    }

    fn settings(&self, mixing: Mixing, refereeing: Refereeing) -> Settings {
        let check = u32::try_from(self.samples / 16).unwrap_or(u32::MAX).max(1);
        let held_back = field::held_back(Settings::NEW.batch);
        Settings { held_back, stretch: STRETCH, check, mixing, refereeing, ..Settings::NEW }
    }

    /// Runs the race of `lead`, and those of `followers` on its tape. Returns how they went and
    /// what the nets had learned in the end.
    fn race(
        &self,
        source: &Source,
        entries: &[Entry],
        lead: (Rule, Settings),
        followers: &[(Rule, Settings)],
        isa: Isa,
    ) -> Result<(Vec<Course>, Vec<Vec<f32>>)> {
        let rules: Vec<_> = std::iter::once(&lead).chain(followers).collect();
        let mut memories = vec![(Vec::new(), vec![Book::NEW; entries.len()]); rules.len()];
        let mut courses: Vec<_> =
            rules.iter().map(|(rule, _)| Course::new(*rule, entries.len())).collect();
        let races: Result<Vec<_>, _> = rules
            .iter()
            .zip(&mut memories)
            .map(|((_, settings), (memory, books))| {
                let memory = isa::in_lines(memory, Plan::of(entries, settings).total());
                Race::new(entries, *settings, memory, books)
            })
            .collect();
        let mut races = races?;
        let Settings { batch, held_back, .. } = lead.1;
        let mut tape = Tape::new(entries.len(), batch, held_back);
        let mut scratch = Vec::new();
        let mut stream = source.stream(&lead.1)?;
        let mut piece = Samples::default();
        let mut at = 0;
        while at < self.samples {
            let count = PIECE.min(self.samples - at);
            stream.next(count as usize, &mut piece)?;
            tape.rewind(at);
            for (place, (race, course)) in races.iter_mut().zip(&mut courses).enumerate() {
                let mut work = 0;
                let mut sink = |event: Event<&[f32]>| course.event(&event);
                let (inputs, targets) = (&piece.inputs, &piece.targets);
                if place == 0 {
                    let (tape, scratch, work) = (&mut tape, &mut scratch, &mut work);
                    let mut crew = Trainer { isa, tape, scratch, work };
                    race.stretch_by(inputs, targets, &mut crew, &mut sink)?;
                } else {
                    let holds_back = rules[place].1.held_back > 0;
                    let mut crew = Player { tape: &tape, holds_back, work: &mut work };
                    race.stretch_by(inputs, targets, &mut crew, &mut sink)?;
                }
                course.work += work;
            }
            at += count;
        }
        for (race, course) in races.iter_mut().zip(&mut courses) {
            race.finish(&mut |event| course.event(&event));
        }
        let trained = races[0].parameters().map(<[f32]>::to_vec).collect();
        Ok((courses, trained))
    }
}

/// What a cell's rules are measured by.
struct Yardstick<'y> {
    cell: &'y Cell,
    entries: &'y [Entry],
    /// `[net]`: test loss of each, trained alone.
    losses: &'y [f64],
    /// Test loss of the best constant answer.
    constant: f64,
    /// Work of training all.
    whole: u64,
}

/// Below this share of a constant answer's loss a task counts as solved: losses there differ by
/// large factors that are worth nothing.
const SOLVED: f64 = 1e-3;

impl Yardstick<'_> {
    fn best(&self) -> usize {
        (0..self.losses.len())
            .fold(0, |best, net| if self.losses[net] < self.losses[best] { net } else { best })
    }

    fn blank(&self, rule: Rule) -> Row {
        let Cell { task, start, seed, samples } = *self.cell;
        let (best, constant) = (self.losses[self.best()], self.constant);
        Row { task, start, seed, rule, samples, best, constant, ..Row::default() }
    }

    /// A loss over the best net's. A net that blew up is as good as a constant answer.
    fn ratio(&self, loss: f64) -> f64 {
        let solved = SOLVED * self.constant;
        let loss = if loss.is_finite() { loss } else { self.constant };
        loss.max(solved) / self.losses[self.best()].max(solved)
    }

    /// What a net chosen blindly gives on average.
    fn random(&self) -> Row {
        let nets = self.losses.len() as f64;
        let logs = self.losses.iter().map(|loss| self.ratio(*loss).ln()).sum::<f64>();
        Row {
            regret: (logs / nets).exp(),
            rank: (nets + 1.0) / 2.0,
            compute: 1.0 / nets,
            ..self.blank(Rule::Random)
        }
    }

    /// The row of a rule whose winner and mixture have these test losses.
    fn row(&self, course: &Course, loss: f64, mixture: f64) -> Row {
        let best = self.best();
        let better = self.losses.iter().filter(|other| **other < loss).count();
        let drift = matches!(self.cell.task, StudyTask::Drift | StudyTask::Drift2);
        let at = self.cell.samples / 2;
        let is_false = |found: &u64| !drift || *found < at;
        let first = course.found.iter().find(|found| drift && **found >= at);
        Row {
            winner: {
                let shape = self.entries[course.leader].shape;
                format!("{}x{}", shape.hidden, shape.layers)
            },
            regret: self.ratio(loss),
            rank: (better + 1) as f64,
            compute: course.work as f64 / self.whole as f64,
            best_left: course.left[best],
            mixture: Some(self.ratio(mixture)),
            racing: Some(course.left.iter().filter(|left| left.is_none()).count()),
            false_alarms: Some(course.found.iter().filter(|found| is_false(found)).count()),
            delay: first.map(|found| found - at),
            ..self.blank(course.rule)
        }
    }
}

/// The place of the least number; one that is no number is the greatest.
fn least(numbers: &[f32]) -> usize {
    let places = numbers.iter().enumerate().filter(|(_, number)| !number.is_nan());
    places.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule by which nets only leave sees on a tape what it would have seen in a race.
    #[test]
    fn a_replay_is_the_race_itself() {
        let (task, start) = (StudyTask::Noisy, Start::Glorot);
        let cell = Cell { task, start, seed: 5, samples: 3000 };
        let source = cell.source(Path::new("")).unwrap();
        let entries = cell.entries(&source)[..9].to_vec();
        let isa = Isa::widest();
        let settings = |refereeing| cell.settings(Mixing::POOLED, refereeing);
        let all = (Rule::All, settings(Refereeing::None));
        for refereeing in [Refereeing::Halving, Refereeing::Paper] {
            let rule = (Rule::Halving, settings(refereeing));
            let (replayed, alone) = cell.race(&source, &entries, all, &[rule], isa).unwrap();
            let (raced, trained) = cell.race(&source, &entries, rule, &[], isa).unwrap();
            let (replayed, raced) = (&replayed[1], &raced[0]);
            assert!(raced.left.iter().any(Option::is_some), "{refereeing:?}");
            assert_eq!(replayed.left, raced.left, "{refereeing:?}");
            assert_eq!(replayed.weights, raced.weights, "{refereeing:?}");
            assert_eq!((replayed.leader, replayed.work), (raced.leader, raced.work));
            // Whoever stayed has learned the same.
            for (net, left) in raced.left.iter().enumerate() {
                assert_eq!(left.is_none(), alone[net] == trained[net], "net {net}");
            }
        }
    }
}
