//! What the live view knows: the nets as they stand, what has been, and what whoever watches has
//! chosen to see.

use std::collections::VecDeque;
use std::time::Duration;

use derby_core::{Entry, Event, Reason};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::field::Field;
use crate::view::Wish;
use crate::view::plain::{has_several_seeds, label, why};

/// A race as it is shown.
#[derive(Clone, Debug)]
pub struct Scene {
    pub(super) nets: Vec<Lane>,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Samples of the whole race; 0 where that is not known.
    pub(super) samples: u64,
    pub(super) seed: u64,
    /// Samples so far.
    pub(super) taken: u64,
    /// The mixture's loss at each check.
    pub(super) mixture: Vec<f32>,
    /// Where the race stood in the last seconds.
    pace: VecDeque<(Duration, u64)>,
    pub(super) sort: Sort,
    /// The net that the keys are about, by its place among the entries.
    pub(super) chosen: usize,
    /// Whether that net alone is shown.
    pub(super) is_close: bool,
    pub(super) is_paused: bool,
    pub(super) ask: Option<Ask>,
    /// The last remark.
    pub(super) note: String,
    /// Whether the race can be paused and nets be sent home.
    pub(super) obeys: bool,
    /// Whether a race that is stopped can go on.
    is_kept: bool,
    pub(super) has_colours: bool,
}

/// One net as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) entry: Entry,
    /// Its loss at each check.
    pub(super) history: Vec<f32>,
    /// Its loss since the last one.
    pub(super) loss: f32,
    /// `[output]`
    pub(super) weights: Vec<f32>,
    /// Samples at which it left, and why.
    pub(super) left: Option<(u64, Reason)>,
}

impl Lane {
    pub(super) fn trust(&self) -> f32 {
        self.weights.iter().sum::<f32>() / self.weights.len().max(1) as f32
    }
}

/// In which order nets stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Entry,
    Trust,
    Loss,
    Size,
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::Entry => Self::Trust,
            Self::Trust => Self::Loss,
            Self::Loss => Self::Size,
            Self::Size => Self::Entry,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Trust => "trust",
            Self::Loss => "loss",
            Self::Size => "size",
        }
    }
}

/// A question to be answered by y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Dismiss(usize),
    Quit,
}

/// For so long the race's pace is measured.
const PACE: Duration = Duration::from_secs(5);

impl Scene {
    /// The scene before the race of `field`; `is_kept` says whether a stop loses nothing.
    pub fn new(field: &Field, is_kept: bool, has_colours: bool) -> Self {
        let several_seeds = has_several_seeds(&field.entries);
        let outputs = field.source.outputs();
        let equal = 1.0 / field.entries.len().max(1) as f32;
        let lane = |&entry: &Entry| Lane {
            name: label(&entry, several_seeds),
            entry,
            history: Vec::new(),
            loss: f32::NAN,
            weights: vec![equal; outputs],
            left: None,
        };
        Self {
            nets: field.entries.iter().map(lane).collect(),
            inputs: field.source.inputs(),
            outputs,
            samples: field.samples,
            seed: field.seed,
            taken: 0,
            mixture: Vec::new(),
            pace: VecDeque::new(),
            sort: Sort::Entry,
            chosen: 0,
            is_close: false,
            is_paused: false,
            ask: None,
            note: String::new(),
            obeys: false,
            is_kept,
            has_colours,
        }
    }

    /// Takes an event in.
    pub fn event<F: AsRef<[f32]>>(&mut self, event: &Event<F>) {
        match event {
            Event::Stretch { samples, loss, losses, weights } => {
                self.taken = *samples;
                self.mixture.push(*loss);
                self.stand(losses.as_ref().iter().copied(), weights.as_ref());
                for lane in self.nets.iter_mut().filter(|lane| lane.left.is_none()) {
                    lane.history.push(lane.loss);
                }
            }
            Event::Left { net, samples, reason, .. } => {
                let Some(lane) = self.nets.get_mut(*net) else { return };
                lane.left = Some((*samples, *reason));
                self.note = format!("{} left: {}", lane.name, why(*reason));
            }
            Event::Returned { net, .. } => {
                let Some(lane) = self.nets.get_mut(*net) else { return };
                lane.left = None;
                self.note = format!("{} is back: the stream has changed", lane.name);
            }
            Event::Finished { samples, weights, .. } => {
                self.taken = *samples;
                self.weigh(weights.as_ref());
            }
            _ => {}
        }
    }

    /// Takes in how the race stands after `taken` samples and so much `time`.
    pub fn now(
        &mut self,
        time: Duration,
        taken: u64,
        losses: impl Iterator<Item = f32>,
        weights: &[f32],
    ) {
        self.taken = taken;
        self.stand(losses, weights);
        self.pass(time);
    }

    /// Time passes.
    pub(super) fn pass(&mut self, time: Duration) {
        self.pace.push_back((time, self.taken));
        while self.pace.len() > 2 && self.pace.front().is_some_and(|(then, _)| *then + PACE < time)
        {
            self.pace.pop_front();
        }
    }

    /// Takes a remark in.
    pub fn note(&mut self, text: &str) {
        self.note = text.to_owned();
    }

    /// From now on keys reach the race.
    pub fn obeys(&mut self) {
        self.obeys = true;
    }

    fn stand(&mut self, losses: impl Iterator<Item = f32>, weights: &[f32]) {
        for (lane, loss) in self.nets.iter_mut().zip(losses) {
            if lane.left.is_none() {
                lane.loss = loss;
            }
        }
        self.weigh(weights);
    }

    fn weigh(&mut self, weights: &[f32]) {
        // Some mixers have one weight of a net for all outputs.
        let width = (weights.len() / self.nets.len().max(1)).max(1);
        for (lane, row) in self.nets.iter_mut().zip(weights.chunks_exact(width)) {
            lane.weights.iter_mut().zip(row.iter().cycle()).for_each(|(slot, w)| *slot = *w);
        }
    }

    /// Samples a second.
    pub(super) fn speed(&self) -> Option<f64> {
        let ((before, start), (now, taken)) = (self.pace.front()?, self.pace.back()?);
        let seconds = now.checked_sub(*before)?.as_secs_f64();
        (seconds > 0.0).then(|| taken.saturating_sub(*start) as f64 / seconds)
    }

    /// Time to the end, at this pace.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let speed = self.speed().filter(|speed| *speed > 0.0)?;
        let left = self.samples.checked_sub(self.taken)?;
        (self.samples > 0).then(|| Duration::try_from_secs_f64(left as f64 / speed).ok())?
    }

    /// The nets' places in the order that was chosen; those that left stand behind, the last
    /// first, unless the order is that of the entries.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.nets.len()).collect();
        if self.sort == Sort::Entry {
            return order;
        }
        let left = |lane: &Lane| std::cmp::Reverse(lane.left.map_or(u64::MAX, |(at, _)| at));
        order.sort_by(|&a, &b| {
            let (a, b) = (&self.nets[a], &self.nets[b]);
            let by = match self.sort {
                Sort::Entry => std::cmp::Ordering::Equal,
                Sort::Trust => b.trust().total_cmp(&a.trust()),
                Sort::Loss => a.loss.total_cmp(&b.loss),
                Sort::Size => a.entry.shape.parameters().cmp(&b.entry.shape.parameters()),
            };
            left(a).cmp(&left(b)).then(by)
        });
        order
    }

    /// Nets in the race.
    pub(super) fn racing(&self) -> usize {
        self.nets.iter().filter(|lane| lane.left.is_none()).count()
    }

    /// Does what a key says; what concerns the race is returned.
    pub fn key(&mut self, key: KeyEvent) -> Option<Wish> {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if let Some(ask) = self.ask.take() {
            let yes = matches!(key.code, KeyCode::Char('y' | 'Y'));
            return yes.then_some(match ask {
                Ask::Dismiss(net) => Wish::Dismiss(net),
                Ask::Quit => Wish::Quit,
            });
        }
        match key.code {
            KeyCode::Char('c') if is_control => return Some(Wish::Quit),
            KeyCode::Char('q') if self.is_kept || !self.obeys => return Some(Wish::Quit),
            KeyCode::Char('q') => self.ask = Some(Ask::Quit),
            KeyCode::Char('p' | ' ') if self.obeys => {
                self.is_paused = !self.is_paused;
                self.pace.clear();
                return Some(Wish::Pause(self.is_paused));
            }
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('d') if self.obeys => match self.nets.get(self.chosen) {
                Some(Lane { left: Some(_), name, .. }) => {
                    self.note = format!("{name} has left already");
                }
                Some(_) if self.racing() > 1 => self.ask = Some(Ask::Dismiss(self.chosen)),
                _ => self.note = "the last net stays".to_owned(),
            },
            KeyCode::Up | KeyCode::Char('k') => self.choose(-1),
            KeyCode::Down | KeyCode::Char('j') => self.choose(1),
            KeyCode::Enter => self.is_close = !self.is_close,
            KeyCode::Esc => self.is_close = false,
            _ => {}
        }
        None
    }

    /// Moves the choice along the order.
    fn choose(&mut self, step: isize) {
        let order = self.order();
        let place = order.iter().position(|&net| net == self.chosen).unwrap_or(0);
        if let Some(&net) = order.get(place.saturating_add_signed(step)) {
            self.chosen = net;
        }
    }
}
