//! Running races: samples in, events to the views, a ranking in the end.

use std::fs::File;
use std::io::{self, BufWriter};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use derby_core::{Book, Event, Plan, Race};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{RaceArguments, ViewName};
use crate::crew::Threads;
use crate::field::{self, Field};
use crate::record::{Finish, Mixture, Ranked, Record};
use crate::score::Examiner;
use crate::source::Samples;
use crate::view::json::Json;
use crate::view::plain::Plain;
use crate::view::{self, View};

/// Samples that are made at once.
const CHUNK: u64 = 10_000;

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
/// What cannot be read, written or set up.
pub fn command(arguments: &RaceArguments) -> Result<()> {
    let out = match &arguments.out {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("--out {}", path.display()))?;
            Some(BufWriter::new(file))
        }
        None => None,
    };
    let stdout = io::stdout().lock();
    let mut views: Vec<Box<dyn View>> = vec![match arguments.view {
        ViewName::Json => Box::new(Json::new(stdout)),
        ViewName::Auto | ViewName::Plain => Box::new(Plain::new(stdout)),
    }];
    views.extend(out.map(|file| Box::new(Json::new(file)) as Box<dyn View>));
    let mut crew = field::crew(&arguments.field);
    let Some(seeds) = arguments.seeds else {
        let field = Field::of_race(arguments, arguments.seed)?;
        race(&field, &mut crew, field::isa(&arguments.field), &mut views)?;
        return Ok(());
    };
    let mut winners = Vec::new();
    for seed in 0..seeds {
        let field = Field::of_race(arguments, seed)?;
        views.iter_mut().try_for_each(|view| view.seed(seed))?;
        let outcome = race(&field, &mut crew, field::isa(&arguments.field), &mut views)?;
        winners.push((seed, outcome.ranking));
    }
    if arguments.view != ViewName::Json {
        view::plain::winners(&mut io::stdout().lock(), &winners)?;
    }
    Ok(())
}

/// Runs one race and tells `views` what happens.
///
/// # Errors
/// When the race cannot be set up, or a view cannot be written.
pub fn race(
    field: &Field,
    crew: &mut Threads,
    isa: crate::isa::Isa,
    views: &mut [Box<dyn View + '_>],
) -> Result<Outcome> {
    let started = Instant::now();
    let needed = Plan::of(&field.entries, &field.settings).total();
    if needed > MOST {
        let gibibytes = needed as f64 * 4.0 / f64::from(1 << 30);
        bail!("--nets: the race needs {gibibytes:.1} GiB of memory, more than the 8 GiB allowed");
    }
    let mut memory = vec![0.0; needed];
    let mut books = vec![Book::NEW; field.entries.len()];
    let mut race = Race::new(&field.entries, field.settings, &mut memory, &mut books)?;
    for (net, parameters) in field.learned.iter().enumerate() {
        race.begin_with(net, parameters)?;
    }

    let progress = progress(field.samples);
    let mut record = Record::new(field.entries.len());
    let mut failed = Ok(());
    let mut sink = |event: Event<&[f32]>| {
        record.add(&event);
        // The bar steps aside while lines are written.
        let told =
            progress.suspend(|| views.iter_mut().try_for_each(|view| view.event(field, &event)));
        if failed.is_ok() {
            failed = told;
        }
    };
    race.start(&mut sink);
    let mut stream = field.source.stream(&field.settings)?;
    let mut samples = Samples::default();
    let mut at = 0;
    while at < field.samples {
        let count = CHUNK.min(field.samples - at);
        stream.next(count as usize, &mut samples)?;
        race.stretch_by(&samples.inputs, &samples.targets, crew, &mut sink)
            .with_context(|| format!("in the samples from {at} on"))?;
        at += count;
        progress.set_position(at);
    }
    race.finish(&mut sink);
    progress.finish_and_clear();
    failed?;
    let seconds = started.elapsed().as_secs_f64();
    let examiner = Examiner::new(&field.source, isa)?;
    let outcome = Outcome::of(field, &record, &examiner, seconds)?;
    views.iter_mut().try_for_each(|view| view.outcome(field, &outcome))?;
    Ok(outcome)
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
