//! Projected learning curves, and a detector of drift that calls all nets back.
//!
//! A net's loss falls about as a power of the samples it has seen. So of each racing net the
//! mean loss is kept over windows whose ends are 2^(1/4) apart: four windows are a doubling of
//! the samples, and how far the loss fell in the last doubling says how far it will fall in the
//! next ones.
//!
//! ```text
//! start:      all nets race; time = 0; found = none
//! each batch: take note of each racing net's half squared error; feed the detector the leader's;
//!             if it sounds: all nets return at the next look; start
//! at the end of a window, from the 5th on, with l_i the mean of net i over it:
//!   leader = argmin l
//!   while l_leader > 0.9 * (loss of a constant answer) and time < 100,000: nobody leaves
//!   found  = time, when that first ends
//!   p_i    = l_i / clamp(l_i a doubling ago / l_i, 1, 8)^3      # three doublings ahead
//!   while more than 2 race, the net of largest p_i, leader aside, leaves
//!     if p_i > (1 + margin) * l_leader
//!     or if the racing nets' work > survivors * (all nets' work) * found / time;
//!     but 3 race on where their work <= 3/8 * (all nets' work)
//! ```
//!
//! Memory: `[net][5]` the mean loss of the window under way and of the four before it, the
//! newest first; then `[output]` the targets' means.

use super::Reason;
use crate::book::{Book, count_racing, racing};
use crate::{Entry, math};

/// Full windows that are remembered: a doubling of the samples.
const WINDOWS: usize = 4;
/// Numbers of memory for each net.
const ROW: usize = 1 + WINDOWS;
/// 2^(1/4) - 1 in units of 2^-16, within 2e-6.
const GROWTH: u64 = 12_400;
/// Samples between two looks at the detector.
const LOOK: u64 = 1000;
/// Nets that race at least: the mixture is better than one.
const LEAST: usize = 2;
/// One more does where together they cost at most this share of all nets' work.
const CHEAP: f32 = 0.375;
/// Whoever gets below this share of a constant answer's loss has found something.
const FOUND: f32 = 0.9;
/// After so many samples without having found anything the rule stops waiting for it.
const PATIENCE: u64 = 100_000;
/// The most that a loss is taken to fall in a doubling; beyond this it left a plateau.
const STEEPEST: f32 = 8.0;

/// The settings of [`super::Refereeing::Anytime`] that bear on who leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) survivors: f32,
    pub(super) margin: f32,
}

/// Where the rule stands. Samples are counted from the beginning of the race.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anytime {
    nets: usize,
    /// Samples of the first window.
    window: u32,
    /// When all nets last started or returned.
    start: u64,
    /// End of the window under way.
    next: u64,
    /// The next look at the detector.
    look: u64,
    /// Samples from the start until the leader had found something; 0 before.
    found: u64,
    /// Windows closed since the start.
    windows: u32,
    /// Batches in the window under way, and in the one before.
    batches: u32,
    before: u32,
    leader: usize,
    /// The leader's loss of the batch; NaN where there is none.
    loss: f32,
    /// Samples in the targets' means, and the sum of the targets' variances.
    targets: u32,
    variance: f32,
    detector: Detector,
    /// Whether the detector has sounded, and the samples since.
    alarm: bool,
    since: u32,
}

#[cfg(feature = "snapshot")]
crate::snapshot::state!(
    Anytime: start, next, look, found, windows, batches, before, leader, loss, targets, variance,
        detector, alarm, since;
    not nets, window
);

impl Anytime {
    /// The rule for so many nets that all start after `start` samples.
    pub(super) fn new(nets: usize, window: u32, start: u64) -> Self {
        Self {
            nets,
            window,
            start,
            next: start.saturating_add(u64::from(window)),
            look: start.saturating_add(LOOK),
            found: 0,
            windows: 0,
            batches: 0,
            before: 0,
            leader: 0,
            loss: f32::NAN,
            targets: 0,
            variance: 0.0,
            detector: Detector::NEW,
            alarm: false,
            since: 0,
        }
    }

    pub(super) const fn memory(nets: usize, outputs: usize) -> usize {
        nets.saturating_mul(ROW).saturating_add(outputs)
    }

    pub(super) fn due(&self) -> u64 {
        if self.next < self.look { self.next } else { self.look }
    }

    /// The racing net of least loss over the last full window and the one under way. Where
    /// nets have just returned, the leader from before, until their first window is full.
    pub(super) fn leader(&self, memory: &[f32], books: &[Book]) -> Option<usize> {
        let is_known = self.windows > 0 || (self.start == 0 && self.batches > 0);
        if !is_known && books.get(self.leader).is_some_and(Book::races) {
            return Some(self.leader);
        }
        let before = if self.windows > 0 { self.before as f32 } else { 0.0 };
        let loss = |net| {
            let [now, last, ..] = row(memory, net);
            let sum = now * self.batches as f32 + last * before;
            sum / (self.batches as f32 + before)
        };
        least(books, loss)
    }

    /// Takes note of a net's loss of a batch.
    #[inline(always)]
    pub(super) fn note(&mut self, memory: &mut [f32], net: usize, loss: f32) {
        if let Some([mean, ..]) = memory.as_chunks_mut::<ROW>().0.get_mut(net) {
            *mean = if self.batches == 0 {
                loss
            } else {
                *mean + (loss - *mean) / self.batches.saturating_add(1) as f32
            };
        }
        if net == self.leader {
            self.loss = loss;
        }
    }

    /// Closes a batch with these targets, `[sample][output]`.
    pub(super) fn score(&mut self, memory: &mut [f32], books: &[Book], targets: &[f32]) {
        let rows = self.nets.saturating_mul(ROW);
        let means = memory.get_mut(rows..).unwrap_or_default();
        let samples = targets.chunks_exact(means.len().max(1));
        let count = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        self.since = self.since.saturating_add(count);
        for sample in samples {
            self.targets = self.targets.saturating_add(1);
            let share = 1.0 / self.targets as f32;
            let mut spread = 0.0;
            // Welford's update of each mean; of the variances only the sum is kept.
            for (mean, target) in means.iter_mut().zip(sample) {
                let distance = target - *mean;
                *mean += share * distance;
                spread += distance * (target - *mean);
            }
            self.variance += share * (spread - self.variance);
        }
        self.batches = self.batches.saturating_add(1);
        if !books.get(self.leader).is_some_and(Book::races) {
            self.leader = self.leader(memory, books).unwrap_or(self.leader);
        } else if self.loss.is_finite()
            && self.detector.add(self.loss)
            && !self.alarm
            && self.detector.excess() > 0.02 * self.base()
        {
            (self.alarm, self.since) = (true, 0);
        }
        self.loss = f32::NAN;
    }

    /// The loss of a constant answer, the targets' means: half the sum of their variances.
    fn base(&self) -> f32 {
        0.5 * self.variance
    }

    /// See [`super::Referee::look`].
    pub(super) fn look(
        &mut self,
        memory: &mut [f32],
        samples: u64,
        limits: Limits,
        entries: &[Entry],
        books: &mut [Book],
        left: &mut dyn FnMut(usize, Reason),
    ) -> Option<u64> {
        self.look = samples.saturating_add(LOOK);
        if self.alarm {
            let found = samples.saturating_sub(u64::from(self.since));
            // The targets may be others too, so their means start anew as well.
            memory.fill(0.0);
            let leader = self.leader;
            *self = Self { leader, ..Self::new(self.nets, self.window, samples) };
            return Some(found);
        }
        if samples < self.next {
            return None;
        }
        let time = samples.saturating_sub(self.start);
        self.next = samples.saturating_add(time.saturating_mul(GROWTH) >> 16);
        self.leader = least(books, |net| now(memory, net)).unwrap_or(self.leader);
        if self.windows >= WINDOWS as u32 {
            self.decide(memory, time, limits, entries, books, left);
        }
        for row in memory.as_chunks_mut::<ROW>().0.iter_mut().take(self.nets) {
            let [now, first, second, third, _] = *row;
            *row = [now, now, first, second, third];
        }
        self.windows = self.windows.saturating_add(1);
        (self.before, self.batches) = (self.batches, 0);
        None
    }

    /// Decides who leaves, `time` samples after the start.
    fn decide(
        &mut self,
        memory: &[f32],
        time: u64,
        limits: Limits,
        entries: &[Entry],
        books: &mut [Book],
        left: &mut dyn FnMut(usize, Reason),
    ) {
        let leader = self.leader;
        let best = now(memory, leader);
        if self.found == 0 {
            if best < FOUND * self.base() {
                self.found = time;
            } else if time < PATIENCE {
                return;
            } else {
                self.found = time / 4;
            }
        }

        let most = (1.0 + limits.margin) * best;
        let work = |net: usize| entries.get(net).map_or(0.0, |entry| entry.shape.macs() as f32);
        let mut whole = 0.0;
        (0..books.len()).for_each(|net| whole += work(net));
        let allowed = limits.survivors * whole * (self.found as f32 / time as f32);
        while count_racing(books) > LEAST {
            let others = racing(books).filter(|net| *net != leader);
            let loss = |net: usize| projected(row(memory, net));
            // A loss that is no number is the largest.
            let last = others.reduce(|last, net| if loss(net) < loss(last) { last } else { net });
            let mut spent = 0.0;
            racing(books).for_each(|net| spent += work(net));
            let Some(net) = last else { return };
            if count_racing(books) == LEAST + 1 && spent <= CHEAP * whole {
                return;
            }
            let reason = if loss(net) > most {
                Reason::Projected
            } else if spent > allowed {
                Reason::Crowded
            } else {
                return;
            };
            let Some(book) = books.get_mut(net) else { return };
            book.left = true;
            left(net, reason);
        }
    }
}

/// A net's losses.
fn row(memory: &[f32], net: usize) -> [f32; ROW] {
    memory.as_chunks().0.get(net).copied().unwrap_or([f32::NAN; ROW])
}

/// A net's loss over the window under way.
fn now(memory: &[f32], net: usize) -> f32 {
    let [now, ..] = row(memory, net);
    now
}

/// The first of the racing nets with the least loss; a loss that is no number is the greatest.
fn least(books: &[Book], loss: impl Fn(usize) -> f32) -> Option<usize> {
    let better = |net, best| loss(net) < loss(best) || loss(best).is_nan();
    racing(books).reduce(|best, net| if better(net, best) { net } else { best })
}

/// The loss at the end of a window, projected three doublings ahead: it falls in each as in the
/// last one.
fn projected([now, .., old]: [f32; ROW]) -> f32 {
    let fall = old / now;
    // Written so that a loss of 0, and what is no number, falls no further.
    let fall = if fall > 1.0 { fall } else { 1.0 };
    let fall = if fall < STEEPEST { fall } else { STEEPEST };
    now / math::powi(fall, 3)
}

/// Page's test on the leader's loss (Page 1954), in units of its standard deviation, which
/// sounds when the loss is also a fifth above its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Detector {
    /// Batches so far.
    batches: u32,
    mean: f32,
    variance: f32,
    /// The mean over the last 50 batches or so.
    fast: f32,
    /// The sum of what the loss was above its mean, less what is allowed, since it was 0.
    sum: f32,
}

#[cfg(feature = "snapshot")]
crate::snapshot::state!(Detector: batches, mean, variance, fast, sum);

impl Detector {
    const NEW: Self = Self { batches: 0, mean: 0.0, variance: 0.0, fast: 0.0, sum: 0.0 };
    /// Batches before which it does not sound.
    const SETTLED: u32 = 500;
    /// Deviations above the mean that are nothing.
    const ALLOWED: f32 = 0.25;
    /// Deviations that one batch counts at most.
    const MOST: f32 = 4.0;
    /// Deviations at which it sounds.
    const LIMIT: f32 = 30.0;

    /// Takes a batch's loss in; whether the sum is over its limit.
    fn add(&mut self, loss: f32) -> bool {
        self.batches = self.batches.saturating_add(1);
        let share = 1.0 / self.batches as f32;
        let slow = if share > 1e-3 { share } else { 1e-3 };
        let fast = if share > 0.02 { share } else { 0.02 };
        let distance = loss - self.mean;
        let deviations = distance / math::sqrt(self.variance);
        let deviations = if deviations > Self::MOST { Self::MOST } else { deviations };
        self.fast += fast * (loss - self.fast);
        // Not a number where all losses were the same; the sum is 0 then.
        let sum = self.sum + (deviations - Self::ALLOWED);
        self.sum = if self.batches >= Self::SETTLED && sum > 0.0 { sum } else { 0.0 };
        let sounds = self.sum > Self::LIMIT && self.fast > 1.2 * self.mean;
        self.mean += slow * distance;
        self.variance += slow * (distance * distance - self.variance);
        sounds
    }

    /// How far the loss of the last batches is above the mean.
    fn excess(&self) -> f32 {
        self.fast - self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::{Entry, Refereeing, Shape};
    use std::vec;
    use std::vec::Vec;

    const LIMITS: Limits = Limits { survivors: 2.0, margin: 0.3 };

    /// Races whose losses are given as a function of net and samples.
    struct Course {
        rule: Anytime,
        memory: Vec<f32>,
        books: Vec<Book>,
        entries: Vec<Entry>,
        noise: Stream,
        /// Its deviation, as a share of the loss.
        deviation: f32,
        samples: u64,
        /// Samples at each look that closed a window.
        windows: Vec<u64>,
        left: Vec<(usize, u64, Reason)>,
        /// When the alarm took effect, and when it sounded.
        changed: Vec<(u64, u64)>,
    }

    impl Course {
        fn new(nets: usize) -> Self {
            Self {
                rule: Anytime::new(nets, 2000, 0),
                memory: vec![0.0; Anytime::memory(nets, 1)],
                books: vec![Book::NEW; nets],
                entries: vec![Entry::new(Shape::new(1, 1, 1, 1), 0); nets],
                noise: Stream::new(7, 0),
                deviation: 0.5,
                samples: 0,
                windows: Vec::new(),
                left: Vec::new(),
                changed: Vec::new(),
            }
        }

        /// Batches of 10 with targets of -1 and 1: a constant answer's loss is 0.5.
        fn run(&mut self, batches: u64, loss: impl Fn(usize, u64) -> f32) {
            for _ in 0..batches {
                for net in racing(&self.books).collect::<Vec<_>>() {
                    let noise = 1.0 + self.deviation * self.noise.normal();
                    let loss = loss(net, self.samples) * if noise > 0.0 { noise } else { 0.0 };
                    self.rule.note(&mut self.memory, net, loss);
                }
                self.rule.score(&mut self.memory, &self.books, &[[-1.0, 1.0]; 5].concat());
                self.samples += 10;
                if self.samples < self.rule.due() {
                    continue;
                }
                let Self { rule, memory, entries, books, samples, left, .. } = self;
                let windows = rule.windows;
                let mut note = |net, reason| left.push((net, *samples, reason));
                if let Some(found) = rule.look(memory, *samples, LIMITS, entries, books, &mut note)
                {
                    books.iter_mut().for_each(|book| book.left = false);
                    self.changed.push((*samples, found));
                } else if rule.windows > windows {
                    self.windows.push(*samples);
                }
            }
        }

        fn racing(&self) -> Vec<usize> {
            racing(&self.books).collect()
        }
    }

    #[test]
    fn windows_end_a_fourth_of_a_doubling_apart() {
        let mut course = Course::new(2);
        course.run(2000, |_, _| 0.1);
        // Whole batches of 10; each end is 2^(1/4) times the one before.
        let ends = [2000, 2380, 2830, 3370, 4010, 4770, 5680, 6760, 8040, 9570, 11_380];
        assert_eq!(course.windows[..ends.len()], ends);
        for pair in course.windows.windows(2) {
            let growth = pair[1] as f64 / pair[0] as f64;
            assert!((growth - 2.0_f64.powf(0.25)).abs() < 0.01, "{growth}");
        }
    }

    #[test]
    fn the_first_window_suits_the_length_of_the_race() {
        let window = |samples| match Refereeing::anytime(samples) {
            Refereeing::Anytime { window, .. } => window,
            other => panic!("{other:?}"),
        };
        let windows = [0, 100_000, 1_600_000, u64::MAX].map(window);
        assert_eq!(windows, [400, 2000, 32_000, u32::MAX]);
    }

    #[test]
    fn who_falls_behind_leaves_and_who_falls_faster_stays() {
        let mut course = Course::new(4);
        // Power laws: net 1 is the best in the end, net 2 is flat, net 3 is slow.
        let curves = [(2.0, 0.3), (9.0, 0.5), (0.4, 0.0), (1.0, 0.12)];
        course.run(1000, |net, samples| {
            let (size, power) = curves[net];
            size * (samples as f32 + 100.0).powf(-power)
        });
        let flat = course.left.iter().find(|(net, ..)| *net == 2);
        assert!(matches!(flat, Some((_, 4010..=5680, Reason::Projected))), "{:?}", course.left);
        assert!(course.racing().contains(&1), "{:?}", course.left);
        assert_eq!(course.rule.leader(&course.memory, &course.books), Some(1));
    }

    #[test]
    fn nobody_leaves_while_nothing_is_found() {
        let mut course = Course::new(4);
        course.run(9_000, |net, _| 0.5 + 0.2 * net as f32);
        assert_eq!(course.left, []);
        // Then patience ends.
        course.run(4_000, |net, _| 0.5 + 0.2 * net as f32);
        assert!(!course.left.is_empty());
    }

    #[test]
    fn the_racing_nets_cost_less_as_samples_grow_more_but_three_cheap_ones_stay() {
        let mut course = Course::new(18);
        course.deviation = 0.05;
        for (net, entry) in course.entries.iter_mut().enumerate() {
            entry.shape.hidden = 1 + (7 * net) % 18;
        }
        let work = |entries: &[Entry], nets: &dyn Fn(usize) -> bool| -> f64 {
            let entries = entries.iter().enumerate().filter(|(net, _)| nets(*net));
            entries.map(|(_, entry)| entry.shape.macs() as f64).sum()
        };
        course.run(200_000, |net, _| 0.1 + 0.0002 * net as f32);
        let whole = work(&course.entries, &|_| true);
        let found = course.windows[WINDOWS];
        for (place, (net, samples, reason)) in course.left.iter().enumerate() {
            assert_eq!(*reason, Reason::Crowded, "{net}");
            let stays = |others: &[(usize, u64, Reason)], net| {
                others.iter().all(|(other, ..)| *other != net)
            };
            let with = work(&course.entries, &|net| stays(&course.left[..place], net));
            let after = course.left.iter().filter(|(_, at, _)| at <= samples).count();
            let without = work(&course.entries, &|net| stays(&course.left[..after], net));
            let allowed = 2.0 * whole * found as f64 / *samples as f64;
            assert!(with > allowed, "{net} at {samples}: {with}, {allowed}");
            assert!(without <= allowed || after == 15, "at {samples}: {without}, {allowed}");
        }
        assert_eq!(course.racing().len(), LEAST + 1);
        assert!(course.racing().contains(&course.rule.leader));
    }

    #[test]
    fn of_dear_nets_two_stay() {
        let mut course = Course::new(6);
        course.deviation = 0.05;
        for entry in &mut course.entries[..3] {
            entry.shape.hidden = 3;
        }
        // The three best are the large ones: together 9 of 12 parts of the work.
        course.run(20_000, |net, _| 0.1 + 0.01 * net as f32);
        assert_eq!(course.racing(), [0, 1]);
    }

    #[test]
    fn the_leader_is_not_left_alone() {
        let mut course = Course::new(3);
        course.run(20_000, |net, _| 0.05 + 0.1 * net as f32);
        assert_eq!(course.racing(), [0, 1]);
        assert!(matches!(course.left[..], [(2, 4010, Reason::Projected)]), "{:?}", course.left);
    }

    #[test]
    fn an_abrupt_change_is_found_within_100_samples() {
        for before in [1_000_u64, 5_003, 40_000] {
            let mut course = Course::new(3);
            course.deviation = 0.3;
            course.run(before, |net, _| 0.05 + 0.1 * net as f32);
            assert!(course.changed.is_empty(), "too soon");
            let at = course.samples;
            course.run(110, |net, _| 0.25 + 0.1 * net as f32);
            // It takes effect at the next look, and all race again.
            let [(when, found)] = course.changed[..] else { panic!("{:?}", course.changed) };
            assert!(found - at <= 100, "{} samples after {before} batches", found - at);
            assert!(when - found <= LOOK);
            assert_eq!(course.racing(), [0, 1, 2]);
        }
    }

    #[test]
    fn no_alarm_while_nothing_changes() {
        let mut course = Course::new(2);
        course.run(200_000, |net, samples| {
            (0.3 + net as f32 * 0.01) * (1.0 + samples as f32 / 50_000.0).powf(-0.2)
        });
        assert!(course.changed.is_empty(), "{:?}", course.changed);
    }

    #[test]
    fn the_leader_from_before_stands_until_a_window_is_full() {
        let mut course = Course::new(3);
        course.run(2_000, |net, _| if net == 1 { 0.05 } else { 0.1 });
        let best = |net: usize, _: u64| if net == 2 { 0.4 } else { 0.5 };
        while course.changed.is_empty() {
            course.run(1, best);
        }
        assert_eq!(course.rule.leader(&course.memory, &course.books), Some(1));
        course.run(201, best);
        assert_eq!(course.rule.leader(&course.memory, &course.books), Some(2));
    }

    #[test]
    fn a_constant_answer_has_half_the_targets_variance() {
        let mut course = Course::new(1);
        course.run(1000, |_, _| 1.0);
        let base = course.rule.base();
        assert!((base - 0.5).abs() < 1e-3, "{base}");
    }

    #[test]
    fn losses_that_are_no_numbers_are_the_worst() {
        let mut course = Course::new(3);
        course.run(5_000, |net, samples| match (net, samples % 30) {
            (0, _) => f32::NAN,
            (1, 0) => f32::INFINITY,
            (net, _) => 0.1 * net as f32,
        });
        assert_eq!(course.rule.leader(&course.memory, &course.books), Some(2));
        assert!(course.changed.is_empty(), "{:?}", course.changed);
    }
}
