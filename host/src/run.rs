//! Running races: samples in, events to the views, a ranking in the end.

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use derby_core::{Book, Event, Plan, Race, RestoreError};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{RaceArguments, ViewName};
use crate::checkpoint::{Checkpoint, Head, Keeper};
use crate::crew::Threads;
use crate::field::{self, Field};
use crate::isa::{self, Isa};
use crate::record::{Finish, Mixture, Ranked, Record};
use crate::score::Examiner;
use crate::source::Samples;
use crate::stop::{Stop, Stopped};
use crate::view::{self, View, Wish};

/// Most samples that are made at once.
const MOST_AT_ONCE: u64 = 10_000;

/// Most numbers of memory for a race: 8 GiB of them. A mistyped net list should end in a message
/// and not in a machine that swaps.
const MOST: usize = 1 << 31;

/// How a race ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The nets, the winner first.
    pub ranking: Vec<Ranked>,
    /// The mixture of those that raced to the end; `None` where it could not be tested.
    pub mixture: Option<Mixture>,
    /// What the race told in the end.
    pub finish: Finish,
    /// Time taken.
    pub seconds: f64,
}

/// `derby race`.
///
/// # Errors
/// What cannot be read, written or set up, and [`Stopped`].
pub fn command(arguments: &RaceArguments) -> Result<()> {
    let Some(path) = &arguments.keep.resume else { return run(arguments, None) };
    let place = || format!("--resume {}", path.display());
    let checkpoint = Checkpoint::read(path).with_context(place)?;
    let mut resumed = RaceArguments::of(&checkpoint.head.words)
        .map_err(|error| anyhow!(error.kind().to_string()).context(place()))?;
    let asked = arguments.race();
    if asked != resumed.race() && asked != RaceArguments::of(&[])?.race() {
        bail!("{}: it holds another race than the arguments describe", place());
    }
    resumed.run_as(arguments);
    resumed.keep.checkpoint.get_or_insert_with(|| path.clone());
    resumed.words = Some(checkpoint.head.words.clone());
    run(&resumed, Some(checkpoint))
}

fn run(arguments: &RaceArguments, checkpoint: Option<Checkpoint>) -> Result<()> {
    let mut views = view::of(arguments)?;
    let stop = Stop::on_signals()?;
    let isa = field::isa(&arguments.field);
    let mut crew = field::crew(&arguments.field);
    let Some(seeds) = arguments.seeds else {
        let field = Field::of_race(arguments, arguments.seed)?;
        let keeper = keeper(arguments, &field, checkpoint.as_ref())?;
        let run = Run { checkpoint, keeper, stop: Some(stop), ..Run::new(&field, isa) };
        run.race(&mut crew, &mut views)?;
        return Ok(());
    };
    let mut winners = Vec::new();
    for seed in 0..seeds {
        let field = Field::of_race(arguments, seed)?;
        views.iter_mut().try_for_each(|view| view.seed(seed))?;
        let run = Run { stop: Some(stop.clone()), ..Run::new(&field, isa) };
        let outcome = run.race(&mut crew, &mut views)?;
        winners.push((seed, outcome.ranking));
    }
    if arguments.view != ViewName::Json {
        view::plain::winners(&mut io::stdout().lock(), &winners)?;
    }
    Ok(())
}

/// Whoever keeps the race of `field` on disk, where the arguments want that.
fn keeper(
    arguments: &RaceArguments,
    field: &Field,
    resumed: Option<&Checkpoint>,
) -> Result<Option<Keeper>> {
    let Some(path) = &arguments.keep.checkpoint else { return Ok(None) };
    let Some(words) = arguments.words.clone() else {
        bail!("--checkpoint: the arguments are to be kept, and are not UTF-8")
    };
    let every = arguments.keep.every.unwrap_or(field.samples / 16);
    let table = field.source.crc()?;
    let head = Head { words, taken: 0, samples: field.samples, seconds: 0.0, table };
    let keeper = Keeper::new(path, every, head, field.event_room(), resumed)?;
    Ok(Some(keeper))
}

/// Runs one race and tells `views` what happens.
///
/// # Errors
/// When the race cannot be set up, or a view cannot be written.
pub fn race(
    field: &Field,
    crew: &mut Threads,
    isa: Isa,
    views: &mut [Box<dyn View + '_>],
) -> Result<Outcome> {
    Run::new(field, isa).race(crew, views)
}

/// A race about to be run.
#[derive(Debug)]
pub struct Run<'f> {
    /// What is raced.
    pub field: &'f Field,
    /// On which instructions the nets are tested in the end.
    pub isa: Isa,
    /// Where it goes on, if not at its start.
    pub checkpoint: Option<Checkpoint>,
    /// Who keeps it on disk.
    pub keeper: Option<Keeper>,
    /// Who may stop it.
    pub stop: Option<Stop>,
}

impl<'f> Run<'f> {
    /// A race from its start to its end.
    pub fn new(field: &'f Field, isa: Isa) -> Self {
        Self { field, isa, checkpoint: None, keeper: None, stop: None }
    }

    /// Runs it and tells `views` what happens.
    ///
    /// # Errors
    /// When the race cannot be set up, a view or a checkpoint cannot be written, and [`Stopped`].
    pub fn race(self, crew: &mut Threads, views: &mut [Box<dyn View + '_>]) -> Result<Outcome> {
        let Self { field, isa, checkpoint, keeper, stop } = self;
        let needed = Plan::of(&field.entries, &field.settings).total();
        if needed > MOST {
            let gibibytes = needed as f64 * 4.0 / f64::from(1 << 30);
            bail!(
                "--nets: the race needs {gibibytes:.1} GiB of memory, more than the 8 GiB allowed"
            );
        }
        let (mut memory, mut books) = (Vec::new(), vec![Book::NEW; field.entries.len()]);
        let memory = isa::in_lines(&mut memory, needed);
        let mut race = Race::new(&field.entries, field.settings, memory, &mut books)?;
        for (net, parameters) in field.learned.iter().enumerate() {
            race.begin_with(net, parameters)?;
        }
        let takes_screen = views.iter().any(|view| view.takes_screen());
        let mut teller = Teller {
            field,
            views,
            keeper,
            record: Record::new(field.entries.len()),
            progress: if takes_screen { ProgressBar::hidden() } else { progress(field.samples) },
            failed: Ok(()),
        };
        let mut stream = field.source.stream(&field.settings)?;
        let (mut at, mut before) = (0, 0.0);
        match &checkpoint {
            Some(checkpoint) => {
                teller.resume(checkpoint, &mut race).context("--resume")?;
                Head { taken: at, seconds: before, .. } = checkpoint.head;
                stream.skip_to(at)?;
            }
            None => race.start(&mut |event| teller.event(&event)),
        }
        let started = Instant::now();
        let seconds = || before + started.elapsed().as_secs_f64();
        let stretch = (field.settings.stretch * field.settings.batch) as u64;
        let mut samples = Samples::default();
        while at < field.samples {
            let keep = teller.keeper.as_ref().map_or(u64::MAX, |keeper| keeper.until_next(at));
            let count = MOST_AT_ONCE.min(stretch).min(keep).min(field.samples - at);
            stream.next(count as usize, &mut samples)?;
            race.stretch_by(&samples.inputs, &samples.targets, crew, &mut |event| {
                teller.event(&event);
            })
            .with_context(|| format!("in the samples from {at} on"))?;
            at += count;
            teller.progress.set_position(at);
            teller.obey(&mut race, at, stop.as_ref());
            let stopped = stop.as_ref().and_then(Stop::asked);
            let ends = at == field.samples || stopped.is_some() || teller.failed.is_err();
            if let Some(keeper) = teller.keeper.as_mut().filter(|_| ends || count == keep) {
                keeper.save(&mut race, at, seconds())?;
            }
            std::mem::replace(&mut teller.failed, Ok(()))?;
            if let Some(signal) = stopped.filter(|_| at < field.samples) {
                teller.progress.finish_and_clear();
                let how = teller.keeper.as_ref().map_or(
                    "nothing was kept: --checkpoint FILE keeps a race that is stopped".to_owned(),
                    |keeper| format!("go on with: derby race --resume {}", keeper.path().display()),
                );
                let message = format!("stopped at {at} of {} samples; {how}", field.samples);
                bail!(Stopped { signal, message });
            }
        }
        race.finish(&mut |event| teller.event(&event));
        teller.progress.finish_and_clear();
        teller.failed?;
        let seconds = seconds();
        let examiner = Examiner::new(&field.source, isa)?;
        let outcome = Outcome::of(field, &teller.record, &examiner, seconds)?;
        teller.views.iter_mut().try_for_each(|view| view.outcome(field, &outcome))?;
        Ok(outcome)
    }
}

/// Passes what happens on to all that want to know it.
struct Teller<'t, 'v> {
    field: &'t Field,
    views: &'t mut [Box<dyn View + 'v>],
    keeper: Option<Keeper>,
    record: Record,
    progress: ProgressBar,
    /// The first view's failure.
    failed: Result<()>,
}

impl Teller<'_, '_> {
    fn event(&mut self, event: &Event<&[f32]>) {
        if let Some(keeper) = &mut self.keeper {
            keeper.event(event);
        }
        self.tell(event);
    }

    fn tell(&mut self, event: &Event<&[f32]>) {
        let Self { field, views, record, progress, .. } = self;
        record.add(event);
        // The bar steps aside while lines are written.
        let told =
            progress.suspend(|| views.iter_mut().try_for_each(|view| view.event(field, event)));
        if self.failed.is_ok() {
            self.failed = told;
        }
    }

    /// Does what whoever watches wants, and waits where they want that.
    fn obey(&mut self, race: &mut Race<'_>, taken: u64, stop: Option<&Stop>) {
        let mut waits = true;
        while waits && self.failed.is_ok() && stop.and_then(Stop::asked).is_none() {
            waits = false;
            for view in 0..self.views.len() {
                match self.views[view].pulse(self.field, taken, Some(race)) {
                    Ok(None | Some(Wish::Pause(false))) => {}
                    Ok(Some(Wish::Pause(true))) => waits = true,
                    Ok(Some(Wish::Dismiss(net))) => {
                        race.dismiss(net, &mut |event| self.event(&event));
                    }
                    Ok(Some(Wish::Quit)) => stop.into_iter().for_each(Stop::ask),
                    Err(error) => self.failed = Err(error),
                }
            }
        }
    }

    /// Takes the race up where `checkpoint` left it, and tells what has happened up to there.
    fn resume(&mut self, checkpoint: &Checkpoint, race: &mut Race<'_>) -> Result<()> {
        let Head { taken, samples, table, .. } = checkpoint.head;
        if table != self.field.source.crc()? {
            bail!("the table is not the one that the race began with");
        }
        race.restore(&checkpoint.snapshot)?;
        if samples != self.field.samples || taken != race.samples() + race.pending() as u64 {
            bail!(RestoreError::OtherRace);
        }
        for event in checkpoint.events(self.field.event_room())? {
            let mut numbers = Vec::new();
            let event = event.map(|list| {
                numbers.push(list);
                numbers.len() - 1
            });
            self.tell(&event.map(|place| numbers[place].as_slice()));
        }
        self.progress.set_position(taken);
        self.progress.reset_eta();
        Ok(())
    }
}

impl Outcome {
    /// The outcome that a record amounts to.
    ///
    /// # Errors
    /// When the race was cut off before its end.
    pub fn of(field: &Field, record: &Record, examiner: &Examiner, seconds: f64) -> Result<Self> {
        let finish = record.finish.clone().context("the race was cut off before its end")?;
        let mixture = record.mixture(&field.entries, examiner);
        Ok(Self { ranking: record.ranking(field, examiner), mixture, finish, seconds })
    }
}

/// A bar on a terminal, and nothing in a pipe.
pub fn progress(samples: u64) -> ProgressBar {
    let bar = ProgressBar::new(samples);
    let template = "{bar:30} {human_pos}/{human_len} samples, {per_sec}, {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
