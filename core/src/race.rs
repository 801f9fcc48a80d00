//! The race: many nets on one stream, the mixer that weighs them and the referee who sends them
//! home.
//!
//! The nets never read the mixer. So each may run a whole stretch alone (which caches and
//! threads like) and leave its outputs in a record, and the mixer then walks the record batch by
//! batch: the same bits as if all had gone in step. A stretch ends where somebody could leave.

use crate::book::{Book, Mean, count_racing, racing};
use crate::lanes::{Portable, Registers, Work};
use crate::mixer::Answers;
use crate::{
    Batch, BatchLoss, Entry, Event, FULL, Loss, Mixer, Mixing, Net, Plan, Reason, Referee,
    Refereeing, SampleError, SetupError, Shape,
};

/// How a race is run.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Settings {
    /// Samples of a batch; each net takes one step a batch.
    pub batch: usize,
    /// The last so many samples of a batch are scored and not learned from. Where there are
    /// some, mixer and referee judge by them alone.
    pub held_back: usize,
    /// Most batches that a net runs alone. More cost memory; the bits are the same.
    pub stretch: usize,
    /// Samples between two checks of the referee, which are [`Event::Stretch`] too; rounded up
    /// to whole batches.
    pub check: u32,
    /// How the mixing weights move.
    pub mixing: Mixing,
    /// Who leaves.
    pub refereeing: Refereeing,
}

impl Settings {
    /// Batches of 10, a check every 10,000 samples, the gradient mixer and the paper's referee.
    pub const NEW: Self = Self {
        batch: 10,
        held_back: 0,
        stretch: 1,
        check: 10_000,
        mixing: Mixing::GRADIENT,
        refereeing: Refereeing::Paper,
    };

    /// Samples of a batch that mixer and referee judge by.
    pub(crate) const fn judged(&self) -> usize {
        if self.held_back > 0 { self.held_back } else { self.batch }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::NEW
    }
}

/// One net with the samples of a stretch before it and its part of the record; independent of
/// every other racer, so that each may run on a thread of its own.
#[derive(Debug)]
pub struct Racer<'r> {
    place: usize,
    /// Samples of the race before these.
    first: u64,
    net: Net<'r>,
    book: &'r mut Book,
    /// `[sample][input]`, whole batches.
    inputs: &'r [f32],
    /// `[sample][output]`, whole batches.
    targets: &'r [f32],
    /// `[batch][sample][output]`
    outputs: &'r mut [f32],
    /// `[batch]`: losses on trained and on held-back samples.
    losses: &'r mut [[f32; 2]],
    batch: usize,
    held_back: usize,
    /// The last net never leaves, so that it goes on where others stop.
    alone: bool,
}

impl Racer<'_> {
    /// Multiply-accumulates of one inference, a measure of the work ahead.
    pub fn macs(&self) -> usize {
        self.net.entry.shape.macs()
    }

    /// Numbers of scratch that [`Self::run`] needs.
    pub fn scratch(&self) -> usize {
        self.net.entry.training_scratch(self.batch)
    }

    /// Its net's place among the entries.
    pub fn place(&self) -> usize {
        self.place
    }

    /// Samples of the race before the stretch.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// What the net answered, `[batch][sample][output]`, and its losses on trained and on
    /// held-back samples, `[batch]`.
    pub fn record(&self) -> (&[f32], &[[f32; 2]]) {
        (self.outputs, self.losses)
    }

    /// Instead of [`Self::run`]: takes over what a net of the same bits answered to the same
    /// stretch, laid out as in [`Self::record`]. The net itself learns nothing.
    pub fn replay(&mut self, outputs: &[f32], losses: &[[f32; 2]]) {
        place(self.outputs, 0, outputs);
        for (slot, losses) in self.losses.iter_mut().zip(losses) {
            *slot = *losses;
        }
    }

    /// Learns from the stretch, batch by batch, and stops where the loss is no longer finite.
    pub fn run(&mut self, scratch: &mut [f32]) {
        self.run_on(Portable, scratch);
    }

    /// [`Self::run`] in an instruction set's registers, to be called where they may be used.
    #[inline(always)]
    pub fn run_on(&mut self, isa: impl Registers, scratch: &mut [f32]) {
        let shape = self.net.entry.shape;
        let inputs = self.inputs.chunks_exact(self.batch.saturating_mul(shape.inputs).max(1));
        let values = self.batch.saturating_mul(shape.outputs).max(1);
        let targets = self.targets.chunks_exact(values);
        let record = self.outputs.chunks_exact_mut(values).zip(self.losses.iter_mut());
        for ((inputs, targets), (outputs, losses)) in inputs.zip(targets).zip(record) {
            let batch = Batch { inputs, targets, samples: self.batch, held_back: self.held_back };
            let loss = self.net.learn_on(isa, batch, outputs, scratch);
            *losses = [loss.trained, loss.held_back];
            if !loss.is_finite() && !self.alone {
                break;
            }
        }
        self.book.steps = self.net.steps;
    }
}

/// Whoever runs the racers of a stretch: one after the other, or on many threads.
pub trait Crew {
    /// Runs every racer. `scratch` is enough for one at a time.
    fn run<'r>(&mut self, racers: impl Iterator<Item = Racer<'r>>, scratch: &mut [f32]);

    /// Does what is to be done between two batches, in the registers that the racers run in.
    #[inline(always)]
    fn apart(&mut self, work: impl Work) {
        work.run(Portable);
    }
}

/// Runs racers one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Crew for Alone {
    fn run<'r>(&mut self, racers: impl Iterator<Item = Racer<'r>>, scratch: &mut [f32]) {
        racers.for_each(|mut racer| racer.run(scratch));
    }
}

/// What mixer and referee do with a batch.
struct Judging<'m, 'a> {
    entries: &'m [Entry],
    books: &'m mut [Book],
    mixer: &'m mut Mixer<'a>,
    referee: &'m mut Referee<'a>,
    mixture: &'m mut Mean,
    answers: Answers<'m>,
    /// Targets of the samples that are judged.
    judged: &'m [f32],
    /// Targets of all.
    wanted: &'m [f32],
}

impl Work for Judging<'_, '_> {
    #[inline(always)]
    fn run(self, isa: impl Registers) {
        let Self { entries, books, mixer, referee, mixture, answers, judged, wanted } = self;
        mixture.add(mixer.learn(isa, entries, books, answers, judged));
        referee.score(mixer, books, wanted);
        mixer.rebalance(isa, books);
        for (net, book) in books.iter_mut().enumerate().filter(|(_, book)| book.races()) {
            book.trust.add(mixer.trust(net));
        }
    }
}

/// Where events go.
pub type Sink<'s> = dyn FnMut(Event<&[f32]>) + 's;

/// A race on lent memory; see [`crate::Storage`] for a place to lend.
#[derive(Debug)]
pub struct Race<'a> {
    entries: &'a [Entry],
    settings: Settings,
    /// Width of a sample.
    inputs: usize,
    /// Width of a target.
    outputs: usize,
    books: &'a mut [Book],
    /// `[net]`, each as its entry lays it out.
    parameters: &'a mut [f32],
    /// `[net]`, each as its optimizers need.
    optimizers: &'a mut [f32],
    mixer: Mixer<'a>,
    referee: Referee<'a>,
    /// `[net]`: two losses for each batch of a stretch, then its outputs.
    record: &'a mut [f32],
    /// The batch that fills up: inputs, then targets.
    batch_inputs: &'a mut [f32],
    batch_targets: &'a mut [f32],
    /// Samples in that batch.
    pending: usize,
    scratch: &'a mut [f32],
    /// `[net]`: losses as the events tell them.
    losses: &'a mut [f32],
    /// The mixture's loss since the last check.
    mixture: Mean,
    /// Samples learned from or scored.
    samples: u64,
    /// Samples at which the next check is due.
    due: u64,
}

#[cfg(feature = "snapshot")]
// `pending` comes first: it is checked before anything is restored.
crate::snapshot::state!(
    Race<'_>: pending, samples, due, mixture, referee, mixer, books, parameters, optimizers,
        batch_inputs, batch_targets;
    not entries, settings, inputs, outputs, record, scratch, losses
);

impl<'a> Race<'a> {
    /// A race of these entries, with their first weights drawn, on [`Plan::total`] numbers of
    /// memory and a book for each entry.
    ///
    /// # Errors
    /// [`SetupError`] when the entries do not go together or do not fit; nothing has changed
    /// then.
    pub fn new(
        entries: &'a [Entry],
        settings: Settings,
        memory: &'a mut [f32],
        books: &'a mut [Book],
    ) -> Result<Self, SetupError> {
        let Shape { inputs, outputs, .. } = check(entries, &settings)?;
        let plan = Plan::of(entries, &settings);
        let too_small = SetupError::Memory { needed: plan.total(), given: memory.len() };
        let too_few = SetupError::Books { needed: entries.len(), given: books.len() };
        let memory = memory.get_mut(..plan.total()).ok_or(too_small)?;
        let books = books.get_mut(..entries.len()).ok_or(too_few)?;
        books.fill(Book::NEW);

        memory.fill(0.0);
        let mut rest = memory;
        let mut carve = |numbers: usize| rest.split_off_mut(..numbers).ok_or(too_small);
        let parameters = carve(plan.parameters)?;
        let optimizers = carve(plan.optimizers)?;
        let mixer = Mixer::new(
            settings.mixing,
            entries.len(),
            outputs,
            settings.judged(),
            carve(plan.mixer)?,
        )
        .ok_or(too_small)?;
        let referee = Referee::new(settings.refereeing, entries.len(), carve(plan.referee)?);
        let record = carve(plan.record)?;
        let batch_targets = carve(settings.batch.saturating_mul(outputs))?;
        let batch_inputs = carve(plan.batch.saturating_sub(batch_targets.len()))?;
        let scratch = carve(plan.scratch)?;
        let losses = carve(plan.losses)?;

        let mut undrawn = &mut *parameters;
        for entry in entries {
            let own = undrawn.split_off_mut(..entry.shape.parameters());
            entry.start(own.ok_or(too_small)?);
        }
        Ok(Self {
            entries,
            settings,
            inputs,
            outputs,
            books,
            parameters,
            optimizers,
            mixer,
            referee,
            record,
            batch_inputs,
            batch_targets,
            pending: 0,
            scratch,
            losses,
            mixture: Mean::NONE,
            samples: 0,
            due: u64::from(settings.check),
        })
    }

    /// Has a net begin with `parameters` that it has learned elsewhere, laid out as in
    /// [`Entry::place`], instead of those drawn for it.
    ///
    /// # Errors
    /// [`SetupError::Parameters`] when there is no such net, or they are not as many as it has,
    /// or not finite; nothing has changed then.
    pub fn begin_with(&mut self, net: usize, parameters: &[f32]) -> Result<(), SetupError> {
        let refused = SetupError::Parameters { net };
        let (before, entry) = self
            .entries
            .split_at_checked(net)
            .and_then(|(before, at)| Some((before, at.first()?)))
            .ok_or(refused)?;
        if parameters.len() != entry.shape.parameters() || !parameters.iter().all(|w| w.is_finite())
        {
            return Err(refused);
        }
        let start =
            before.iter().fold(0_usize, |sum, entry| sum.saturating_add(entry.shape.parameters()));
        place(self.parameters, start, parameters);
        Ok(())
    }

    /// Tells who is at the start.
    pub fn start(&self, sink: &mut Sink<'_>) {
        let Settings { batch, held_back, .. } = self.settings;
        sink(Event::Started { nets: self.entries.len(), batch, held_back });
        for (net, entry) in self.entries.iter().enumerate() {
            sink(Event::Entered { net, shape: entry.shape, seed: entry.seed });
        }
    }

    /// Takes one sample in; the nets learn when a batch is full.
    ///
    /// # Errors
    /// [`SampleError`] when the sample is not as wide as the nets, or not finite; it is then as
    /// if it had not come.
    pub fn step(
        &mut self,
        inputs: &[f32],
        targets: &[f32],
        sink: &mut Sink<'_>,
    ) -> Result<(), SampleError> {
        self.stretch(inputs, targets, sink)
    }

    /// Takes any number of samples in, sample-major; the same bits as as many calls of
    /// [`Self::step`].
    ///
    /// # Errors
    /// [`SampleError`] as for [`Self::step`]; none of the samples has been taken in then.
    pub fn stretch(
        &mut self,
        inputs: &[f32],
        targets: &[f32],
        sink: &mut Sink<'_>,
    ) -> Result<(), SampleError> {
        self.stretch_by(inputs, targets, &mut Alone, sink)
    }

    /// [`Self::stretch`] with the racers run by `crew`.
    ///
    /// # Errors
    /// As [`Self::stretch`].
    pub fn stretch_by(
        &mut self,
        mut inputs: &[f32],
        mut targets: &[f32],
        crew: &mut impl Crew,
        sink: &mut Sink<'_>,
    ) -> Result<(), SampleError> {
        let (width, outputs) = (self.inputs, self.outputs);
        let samples = validate(inputs, width, targets, outputs)?;
        let batch = self.settings.batch;
        let mut left = samples;
        while left > 0 {
            let whole =
                (left / batch.max(1)).min(self.settings.stretch).min(self.batches_to_check());
            let taken = if self.pending == 0 && whole > 0 {
                whole.saturating_mul(batch)
            } else {
                left.min(batch.saturating_sub(self.pending))
            };
            let (some, rest) =
                inputs.split_at_checked(taken.saturating_mul(width)).unwrap_or_default();
            inputs = rest;
            let (wanted, rest) =
                targets.split_at_checked(taken.saturating_mul(outputs)).unwrap_or_default();
            targets = rest;
            left = left.saturating_sub(taken);
            if self.pending == 0 && whole > 0 {
                self.run(some, wanted, crew, sink);
                continue;
            }
            place(self.batch_inputs, self.pending.saturating_mul(width), some);
            place(self.batch_targets, self.pending.saturating_mul(outputs), wanted);
            self.pending = self.pending.saturating_add(taken);
            if self.pending == batch {
                self.pending = 0;
                let inputs = core::mem::take(&mut self.batch_inputs);
                let targets = core::mem::take(&mut self.batch_targets);
                self.run(inputs, targets, crew, sink);
                (self.batch_inputs, self.batch_targets) = (inputs, targets);
            }
        }
        Ok(())
    }

    /// Runs whole batches, no more than fit the record and no further than the next check.
    fn run(&mut self, inputs: &[f32], targets: &[f32], crew: &mut impl Crew, sink: &mut Sink<'_>) {
        let batch = self.settings.batch;
        let values = batch.saturating_mul(self.outputs);
        let stride = Plan::record_of_one(self.outputs, &self.settings);
        // A net's record begins with its losses, and a batch with what is not judged.
        let skipped = batch.saturating_sub(self.settings.judged()).saturating_mul(self.outputs);
        let before = self.settings.stretch.saturating_mul(2).saturating_add(skipped);

        let mut alone = self.train(0, inputs, targets, crew);
        for (at, wanted) in targets.chunks_exact(values.max(1)).enumerate() {
            let start = at.saturating_mul(values).saturating_add(before);
            let judged = wanted.get(skipped..).unwrap_or_default();
            self.score_losses(at, start, judged, sink);
            let last = count_racing(self.books) == 1;
            if !alone && last && self.has_stopped(at) {
                // The others have left in this stretch, and the last one stopped in it as they
                // did. It goes on, as it would have batch by batch.
                alone = true;
                self.train(at.saturating_add(1), inputs, targets, crew);
            }
            let answers = Answers { record: self.record, stride, start };
            let Self { entries, books, mixer, referee, mixture, .. } = self;
            crew.apart(Judging {
                entries,
                books,
                mixer,
                referee,
                mixture,
                answers,
                judged,
                wanted,
            });
            self.samples = self.samples.saturating_add(batch as u64);
        }
        if self.samples >= self.due {
            self.check(sink);
        }
        #[cfg(feature = "full")]
        if self.samples >= self.referee.due() {
            self.look(sink);
        }
    }

    /// Has the racing nets learn from the batches from `from` on, and leaves what they answered in
    /// the record. Returns whether there is only one of them.
    fn train(
        &mut self,
        from: usize,
        inputs: &[f32],
        targets: &[f32],
        crew: &mut impl Crew,
    ) -> bool {
        let Settings { batch, held_back, stretch, .. } = self.settings;
        let values = batch.saturating_mul(self.outputs);
        let stride = Plan::record_of_one(self.outputs, &self.settings);
        let skipped = from.saturating_mul(batch);
        // Where this is not the start of a stretch, its earlier batches have been counted.
        let first = self.samples.saturating_add(if from > 0 { batch as u64 } else { 0 });
        let inputs = inputs.get(skipped.saturating_mul(self.inputs)..).unwrap_or_default();
        let targets = targets.get(skipped.saturating_mul(self.outputs)..).unwrap_or_default();

        let batches = from.saturating_add(targets.len() / values.max(1));

        let (mut parameters, mut optimizers) = (&mut *self.parameters, &mut *self.optimizers);
        let records = self.record.chunks_exact_mut(stride.max(1));
        let alone = count_racing(self.books) == 1;
        let racers = self.entries.iter().zip(self.books.iter_mut()).zip(records);
        let racers = racers.enumerate().filter_map(|(place, ((entry, book), record))| {
            let own = parameters.split_off_mut(..entry.shape.parameters())?;
            let memory = optimizers.split_off_mut(..entry.memory())?;
            let (losses, outputs) = record.split_at_mut_checked(stretch.saturating_mul(2))?;
            let end = batches.saturating_mul(values);
            let outputs = outputs.get_mut(from.saturating_mul(values)..end)?;
            let losses = losses.as_chunks_mut().0.get_mut(from..batches)?;
            let net = Net { entry, parameters: own, memory, steps: book.steps };
            book.races().then_some(Racer {
                place,
                first,
                net,
                book,
                inputs,
                targets,
                outputs,
                losses,
                batch,
                held_back,
                alone,
            })
        });
        crew.run(racers, self.scratch);
        alone
    }

    /// Whether the one net that races found no finite loss in batch `at`, where it then stopped.
    fn has_stopped(&self, at: usize) -> bool {
        let losses = racing(self.books).next().and_then(|net| self.losses_of(net, at));
        losses.is_some_and(|losses| !losses.is_finite())
    }

    /// The losses of net `net` in batch `at` of the stretch.
    #[cfg_attr(not(feature = "full"), inline(never))]
    fn losses_of(&self, net: usize, at: usize) -> Option<BatchLoss> {
        let stride = Plan::record_of_one(self.outputs, &self.settings);
        let losses = self.record.get(net.saturating_mul(stride)..)?.as_chunks().0;
        losses.get(at).map(|&[trained, held_back]| BatchLoss { trained, held_back })
    }

    /// Enters the losses of batch `at` in the books; its answers that are judged begin at `start`
    /// of each net's record, and these are their targets. A net whose loss is not finite leaves, if
    /// it is not the last.
    fn score_losses(&mut self, at: usize, start: usize, judged: &[f32], sink: &mut Sink<'_>) {
        for net in 0..self.books.len() {
            let Some(loss) = self.losses_of(net, at) else { continue };
            let goes_on = loss.is_finite() || count_racing(self.books) <= 1;
            let (Some(book), Some(entry)) =
                (self.books.get_mut(net).filter(|book| book.races()), self.entries.get(net))
            else {
                continue;
            };
            if goes_on {
                book.trained.add(loss.trained);
                let mut own = loss.trained;
                if self.settings.held_back > 0 {
                    book.held_back.add(loss.held_back);
                    own = loss.held_back;
                }
                if FULL && entry.loss != Loss::Squared {
                    let stride = Plan::record_of_one(self.outputs, &self.settings);
                    let start = net.saturating_mul(stride).saturating_add(start);
                    let answers = self.record.get(start..).unwrap_or_default();
                    let sum = Loss::Squared.of(entry.output, answers, judged);
                    own = sum / self.settings.judged() as f32;
                }
                self.referee.note(net, own);
                continue;
            }
            (book.left, book.for_good) = (true, true);
            let (samples, weights) = (self.samples, self.mixer.row(net));
            sink(Event::Left { net, samples, reason: Reason::Diverged, weights });
            self.mixer.rebalance(Portable, self.books);
        }
    }

    /// Lets the referee decide, and tells how things stand.
    fn check(&mut self, sink: &mut Sink<'_>) {
        for (loss, book) in self.losses.iter_mut().zip(self.books.iter()) {
            *loss = if book.races() { book.loss() } else { f32::NAN };
        }
        let Self { mixer, samples, losses, .. } = self;
        sink(Event::Stretch {
            samples: *samples,
            loss: self.mixture.value(),
            losses,
            weights: mixer.weights(),
        });
        self.referee.check(mixer, self.books, &mut |net, reason| {
            sink(Event::Left { net, samples: *samples, reason, weights: mixer.row(net) });
        });
        self.mixer.rebalance(Portable, self.books);
        self.books.iter_mut().for_each(Book::turn_page);
        self.mixture = Mean::NONE;
        self.due = self.samples.saturating_add(u64::from(self.settings.check));
    }

    /// Lets the referee look between two checks. Where the stream has changed, all nets return
    /// but those that blew up: these would again.
    #[cfg(feature = "full")]
    fn look(&mut self, sink: &mut Sink<'_>) {
        let Self { mixer, samples, entries, books, .. } = self;
        let samples = *samples;
        let found = self.referee.look(samples, entries, books, &mut |net, reason| {
            sink(Event::Left { net, samples, reason, weights: mixer.row(net) });
        });
        let Some(found) = found else { return self.mixer.rebalance(Portable, self.books) };
        let books = self.books.iter_mut().enumerate();
        for (net, book) in books.filter(|(_, book)| book.left && !book.for_good) {
            book.left = false;
            sink(Event::Returned { net, samples, found });
        }
        self.mixer.restart(self.books);
    }

    /// Whole batches from here to where somebody could leave, at least 1.
    fn batches_to_check(&self) -> usize {
        // Checks are fewer than 2^32 samples apart; a 64-bit division is a kilobyte on a Cortex-M.
        let due = self.due.min(self.referee.due());
        let samples = u32::try_from(due.saturating_sub(self.samples)).unwrap_or(u32::MAX);
        let samples = usize::try_from(samples).unwrap_or(usize::MAX);
        samples.div_ceil(self.settings.batch.max(1)).max(1)
    }

    /// Sends a net home because whoever watches wants so, and tells it. Returns whether it left:
    /// the last net stays, and who is out cannot leave.
    pub fn dismiss(&mut self, net: usize, sink: &mut Sink<'_>) -> bool {
        let others = racing(self.books).any(|other| other != net);
        let Some(book) = self.books.get_mut(net).filter(|book| others && book.races()) else {
            return false;
        };
        (book.left, book.for_good) = (true, true);
        let (samples, weights) = (self.samples, self.mixer.row(net));
        sink(Event::Left { net, samples, reason: Reason::ByHand, weights });
        self.mixer.rebalance(Portable, self.books);
        true
    }

    /// Tells the end: what the nets have learned, who leads, and the hash.
    pub fn finish(&mut self, sink: &mut Sink<'_>) {
        for (slot, book) in self.losses.iter_mut().zip(self.books.iter()) {
            *slot = book.standing();
        }
        // No part is longer than the weights of a net and output each, so that a buffer for
        // these fits all events.
        let part = self.entries.len().saturating_mul(self.outputs).max(1);
        for (net, parameters) in self.parameters().enumerate() {
            for (at, parameters) in parameters.chunks(part).enumerate() {
                sink(Event::Trained { net, from: at.saturating_mul(part), parameters });
            }
        }
        sink(Event::Finished {
            samples: self.samples,
            leader: self.leader(),
            hash: self.hash(),
            standings: self.losses,
            weights: self.mixer.weights(),
        });
    }

    /// The net to hand over: under [`Refereeing::Anytime`] the racing net of least loss, else the
    /// one with the most trust over the last stretch, the first where several have the same. One
    /// batch's weights say little: between two nets the paper's mixer swings from nearly 0 to
    /// nearly 1.
    pub fn leader(&self) -> usize {
        if let Some(leader) = self.referee.leader(self.books) {
            return leader;
        }
        let standing = |net| self.books.get(net).map_or(0.0, Book::standing);
        racing(self.books)
            .reduce(|best, net| if standing(net) > standing(best) { net } else { best })
            .unwrap_or(0)
    }

    /// Whether the referee will let nobody leave any more.
    pub fn is_decided(&self) -> bool {
        self.referee.is_done(self.books)
    }

    /// The mixture's answer to one sample, in `mixed`: the racing nets' outputs, each times its
    /// weight. It may be asked at any time and changes nothing.
    ///
    /// # Errors
    /// [`SampleError`] when `inputs` or `mixed` are not as wide as the nets' inputs and outputs,
    /// or an input is not finite.
    pub fn predict(&mut self, inputs: &[f32], mixed: &mut [f32]) -> Result<(), SampleError> {
        let (width, outputs) = (self.inputs, self.outputs);
        if inputs.len() != width {
            return Err(SampleError::Inputs { width, given: inputs.len() });
        }
        if mixed.len() != outputs {
            return Err(SampleError::Targets { width: outputs, given: mixed.len() });
        }
        if let Some(column) = inputs.iter().position(|input| !input.is_finite()) {
            return Err(SampleError::NotFinite { sample: 0, column });
        }
        mixed.fill(0.0);
        let mut at = 0_usize;
        for (net, (entry, book)) in self.entries.iter().zip(self.books.iter()).enumerate() {
            let end = at.saturating_add(entry.shape.parameters());
            let parameters = self.parameters.get(at..end).unwrap_or_default();
            at = end;
            // Between two stretches the record holds nothing that is still needed.
            let Some(own) = self.record.get_mut(..outputs).filter(|_| book.races()) else {
                continue;
            };
            entry.predict(parameters, inputs, own, self.scratch);
            self.mixer.add(net, own, mixed);
        }
        Ok(())
    }

    /// All entries, in order.
    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// How it is run.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Each net's book, in the order of the entries.
    pub fn books(&self) -> &[Book] {
        self.books
    }

    /// The mixing weights.
    pub fn mixer(&self) -> &Mixer<'a> {
        &self.mixer
    }

    /// Each net's parameters, in the order of the entries; those of nets that have left are as
    /// they were then.
    pub fn parameters(&self) -> impl Iterator<Item = &[f32]> {
        let mut rest = &*self.parameters;
        self.entries.iter().map(move |entry| {
            let size = entry.shape.parameters();
            let (own, others) = rest.split_at_checked(size).unwrap_or_default();
            rest = others;
            own
        })
    }

    /// Samples that the nets have learned from or scored.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Samples taken in that wait for their batch to fill up.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// FNV-1a, 32 bits, over the little-endian bytes of all nets' parameters in entry order: the
    /// same on every machine for the same seeds and samples.
    pub fn hash(&self) -> u32 {
        let bytes = self.parameters.iter().flat_map(|parameter| parameter.to_le_bytes());
        bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }
}

/// Whether the entries go together; returns the first one's shape.
fn check(entries: &[Entry], settings: &Settings) -> Result<Shape, SetupError> {
    let first = entries.first().ok_or(SetupError::NoNets)?.shape;
    if settings.held_back >= settings.batch || settings.stretch == 0 {
        return Err(SetupError::Batch);
    }
    let is_built = settings.mixing.is_built() && settings.refereeing.is_built();
    if !is_built || !entries.iter().all(Entry::is_built) {
        return Err(SetupError::NotBuilt);
    }
    for (net, entry) in entries.iter().enumerate() {
        if !entry.shape.is_sound() {
            return Err(SetupError::Shape { net });
        }
        if !entry.is_sound() {
            return Err(SetupError::Loss { net });
        }
        if (entry.shape.inputs, entry.shape.outputs) != (first.inputs, first.outputs) {
            return Err(SetupError::Width { net });
        }
    }
    Ok(first)
}

/// Whether these are whole samples of finite numbers; returns how many.
fn validate(
    inputs: &[f32],
    width: usize,
    targets: &[f32],
    outputs: usize,
) -> Result<usize, SampleError> {
    let samples = inputs.len() / width.max(1);
    if inputs.is_empty() || samples.saturating_mul(width) != inputs.len() {
        return Err(SampleError::Inputs { width, given: inputs.len() });
    }
    if samples.saturating_mul(outputs) != targets.len() {
        return Err(SampleError::Targets { width: outputs, given: targets.len() });
    }
    // Where there are vectors all numbers are looked at side by side first: mostly none is bad.
    let fine = |numbers: &[f32]| numbers.iter().fold(true, |fine, x| fine & x.is_finite());
    if cfg!(not(target_arch = "arm")) && fine(inputs) && fine(targets) {
        return Ok(samples);
    }
    let bad = |numbers: &[f32]| numbers.iter().position(|number| !number.is_finite());
    if let Some(place) = bad(inputs) {
        let sample = place / width.max(1);
        return Err(SampleError::NotFinite { sample, column: place % width.max(1) });
    }
    if let Some(place) = bad(targets) {
        let (sample, column) = (place / outputs.max(1), place % outputs.max(1));
        return Err(SampleError::NotFinite { sample, column: width.saturating_add(column) });
    }
    Ok(samples)
}

/// Copies `numbers` to `at`, where there is room for them.
fn place(slots: &mut [f32], at: usize, numbers: &[f32]) {
    for (slot, number) in slots.iter_mut().skip(at).zip(numbers) {
        *slot = *number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimizer, Positive, Slope, Storage, Task};

    const OPTIMIZER: Optimizer = Optimizer::Sgd { rate: 0.1 };
    const ENTRIES: [Entry; 2] = [
        Entry::new(Shape::new(8, 4, 1, 4), 0).optimizer(OPTIMIZER),
        Entry::new(Shape::new(8, 23, 2, 4), 0).optimizer(OPTIMIZER),
    ];
    const SETTINGS: Settings = Settings {
        check: 500,
        mixing: Mixing::Gradient {
            optimizer: OPTIMIZER,
            slope: Slope::True,
            positive: Positive::Clip,
        },
        ..Settings::NEW
    };
    const FLOATS: usize = Plan::of(&ENTRIES, &SETTINGS).total();

    /// Also of those that leave out what the feature `full` brings.
    #[test]
    fn a_race_has_the_same_bits_in_every_build() {
        let mut storage = Storage::<{ ENTRIES.len() }, FLOATS>::new();
        let mut race = storage.race(&ENTRIES, SETTINGS).unwrap();
        let (mut inputs, mut targets) = ([0.0; 8], [0.0; 4]);
        for sample in 0..1000 {
            Task::Xor { bits: 8 }.sample(0, sample, &mut inputs, &mut targets);
            race.step(&inputs, &targets, &mut |_| ()).unwrap();
        }
        assert!(race.is_decided());
        assert_eq!((race.hash(), race.leader()), (0x267d_2d83, 1));
    }

    #[test]
    #[cfg(not(feature = "full"))]
    fn what_is_not_built_is_refused() {
        use crate::{Activation, Loss};

        let entry = ENTRIES[0];
        let refused = |entry: Entry, settings: Settings| {
            let entries = [entry];
            let (mut memory, mut books) = ([0.0; 4096], [Book::NEW]);
            let race = Race::new(&entries, settings, &mut memory, &mut books);
            race.err() == Some(SetupError::NotBuilt)
        };
        assert!(!refused(entry, SETTINGS));
        assert!(refused(entry.optimizer(Optimizer::ADAM), SETTINGS));
        assert!(refused(entry.activation(Activation::Softplus), SETTINGS));
        assert!(refused(entry.output(Activation::Softmax, Loss::Squared), SETTINGS));
        assert!(refused(entry.output(Activation::Sigmoid, Loss::CrossEntropy), SETTINGS));
        assert!(refused(entry, Settings { mixing: Mixing::POOLED, ..SETTINGS }));
        for refereeing in [Refereeing::Faded, Refereeing::Halving, Refereeing::ANYTIME] {
            assert!(refused(entry, Settings { refereeing, ..SETTINGS }));
        }
    }
}
