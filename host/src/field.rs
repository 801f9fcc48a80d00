//! From arguments to a race: the samples, the nets that enter, and the settings.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use derby_core::{
    Activation, Entry, Init, Mixing, Optimizer, Refereeing, Settings, Shape, Task, paper,
};

use crate::args::{
    ActivationName, FieldArguments, InitName, MixerName, OptimizerName, RaceArguments, RefereeName,
    TaskName,
};
use crate::crew::Threads;
use crate::data::{self, Table};
use crate::export::model::{self, Member, Model};
use crate::isa::Isa;
use crate::nets::{Listed, NetList};
use crate::record::Preference;
use crate::source::Source;

/// Bytes of the largest frame that is understood where the race is not described.
pub const ROOM: usize = 1 << 16;

/// Batches that a net runs alone on a host: enough to pay for the threads' meeting, few enough
/// that the record stays in the cache.
const STRETCH: usize = 100;

/// Samples of a batch that are held back, where nothing else is said: a fifth.
pub const fn held_back(batch: usize) -> usize {
    batch / 5
}

/// A race that could be run.
#[derive(Clone, Debug)]
pub struct Field {
    /// Where samples come from.
    pub source: Source,
    /// The nets.
    pub entries: Vec<Entry>,
    /// How they race.
    pub settings: Settings,
    /// Samples to train on.
    pub samples: u64,
    /// Seed of the samples and of first weights that have none of their own.
    pub seed: u64,
    /// Nets that were listed and are not within the budget.
    pub refused: usize,
    /// Which of nearly equal nets wins.
    pub preference: Option<Preference>,
    /// What the first of the nets have learned in an earlier race; the others begin with weights
    /// that are drawn.
    pub learned: Vec<Vec<f32>>,
}

impl Field {
    /// The race that `arguments` describe, with `seed` for its samples and first weights.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn of_race(arguments: &RaceArguments, seed: u64) -> Result<Self> {
        let mut field = Self::new(&arguments.field, seed)?;
        let settings = &mut field.settings;
        if let Some(check) = arguments.check {
            settings.check = check;
        }
        if let Some(held_back) = arguments.held_back {
            settings.held_back = held_back as usize;
        }
        field.refused = arguments.budget.admit(&mut field.entries)?;
        field.preference = arguments.prefer;
        let settings = &mut field.settings;
        if let Some(mixer) = arguments.mixer {
            settings.mixing = match mixer {
                MixerName::Gradient => Mixing::GRADIENT,
                MixerName::Paper => paper::SETTINGS.mixing,
                MixerName::Ratio => Mixing::RATIO,
                MixerName::Win => Mixing::WIN,
                MixerName::Pooled => Mixing::POOLED,
                MixerName::Hedge => Mixing::HEDGE,
            };
        }
        if let Some(referee) = arguments.referee {
            settings.refereeing = match referee {
                RefereeName::None => Refereeing::None,
                RefereeName::Paper => Refereeing::Paper,
                RefereeName::Faded => Refereeing::Faded,
                RefereeName::Halving => Refereeing::Halving,
                RefereeName::Anytime => Refereeing::anytime(field.samples),
            };
        }
        if let Some(path) = &arguments.from {
            field
                .import(path, &arguments.field)
                .with_context(|| format!("--from {}", path.display()))?;
        }
        Ok(field)
    }

    /// Bytes of the frame of the race's largest event.
    pub fn event_room(&self) -> usize {
        match self.source {
            Source::Unseen { .. } => ROOM,
            _ => derby_wire::event_room(self.entries.len(), self.source.outputs()),
        }
    }

    /// Has the nets of an exported model enter before those that the arguments list, or alone
    /// where they list none.
    fn import(&mut self, path: &Path, arguments: &FieldArguments) -> Result<()> {
        let mut model = Model::open(path, false, None)?;
        let (inputs, outputs) = model::columns_of(&self.source);
        model.fit(&inputs, &outputs)?;
        if arguments.nets.is_none() {
            self.entries.clear();
        }
        let mut entries = Vec::new();
        for Member { mut entry, parameters, .. } in model.nets {
            let fits = (entry.output, entry.loss) == self.source.output();
            ensure!(fits, "net {}: its outputs do not suit the task", entry.shape);
            trained_as(&mut entry, arguments);
            entries.push(entry);
            self.learned.push(parameters);
        }
        self.entries.splice(0..0, entries);
        Ok(())
    }

    /// The same nets on the same stream, with nobody to leave.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn of_isolation(arguments: &FieldArguments, seed: u64) -> Result<Self> {
        let mut field = Self::new(arguments, seed)?;
        field.settings.refereeing = Refereeing::None;
        Ok(field)
    }

    fn new(arguments: &FieldArguments, seed: u64) -> Result<Self> {
        let (source, samples) = match &arguments.data.file {
            Some(path) => {
                let table = Table::read(&data::Source::open(path)?, &arguments.data.options(seed))?;
                let rows = table.training(0)?.count();
                let samples = arguments.samples.unwrap_or_else(|| enough(rows));
                (Source::Table(Arc::new(table)), samples)
            }
            None => {
                let samples = arguments.samples.unwrap_or(if arguments.paper {
                    paper::SAMPLES
                } else {
                    200_000
                });
                (Source::Task { task: task(arguments, samples), seed }, samples)
            }
        };
        let mut settings = if arguments.paper {
            paper::SETTINGS
        } else {
            let check = u32::try_from(samples / 16).unwrap_or(u32::MAX).max(1);
            let (mixing, refereeing) = (Mixing::POOLED, Refereeing::anytime(samples));
            Settings { check, mixing, refereeing, ..Settings::NEW }
        };
        settings.stretch = STRETCH;
        if let Some(batch) = arguments.batch {
            settings.batch = batch as usize;
        }
        if !arguments.paper {
            settings.held_back = held_back(settings.batch);
        }
        let entries = listed(arguments, &source)
            .iter()
            .map(|net| {
                let shape = Shape::new(source.inputs(), net.hidden, net.layers, source.outputs());
                entry(arguments, &source, shape, net.seed.unwrap_or(seed))
            })
            .collect();
        let (refused, preference, learned) = (0, None, Vec::new());
        Ok(Self { source, entries, settings, samples, seed, refused, preference, learned })
    }
}

/// Samples that a table of so many training rows is raced for: many epochs of a small one, few
/// of a large one.
fn enough(rows: u64) -> u64 {
    rows.saturating_mul(300).clamp(20_000, 2_000_000).max(rows)
}

/// The built-in task that the arguments name.
fn task(arguments: &FieldArguments, samples: u64) -> Task {
    match arguments.task {
        None | Some(TaskName::Log) => Task::PAPER,
        Some(TaskName::LogFresh) => Task::Log { pool: 0 },
        Some(TaskName::Xor) => Task::Xor { bits: arguments.bits },
        Some(TaskName::XorMod) => Task::XorMod,
        Some(TaskName::Sine) => Task::Sine,
        Some(TaskName::Noisy) => Task::Noisy { pool: 500 },
        Some(TaskName::Drift) => Task::Drift { log_first: false, at: samples / 2 },
        Some(TaskName::Drift2) => Task::Drift { log_first: true, at: samples / 2 },
    }
}

/// The nets that the arguments list; else the paper's, or for a table nets about as wide as its
/// inputs and outputs together, half and a quarter of that, with one and with two hidden layers.
fn listed(arguments: &FieldArguments, source: &Source) -> Vec<Listed> {
    let each = |hidden: &[usize], layers: &[usize]| {
        let layers =
            |&hidden| layers.iter().map(move |&layers| Listed { hidden, layers, seed: None });
        hidden.iter().flat_map(layers).collect()
    };
    match &arguments.nets {
        Some(NetList(nets)) => nets.clone(),
        None if arguments.data.file.is_some() => {
            let widest = (source.inputs() + source.outputs()).next_power_of_two().clamp(32, 64);
            each(&[widest / 4, widest / 2, widest], &[1, 2])
        }
        None => each(&paper::HIDDEN, &paper::LAYERS),
    }
}

/// How nets learn from a table. They come to fit its rows nearly without error, and what is left
/// of a gradient is mostly noise: this `eps` is above it, where a small one would blow it up to
/// full steps.
pub const TABLE: Optimizer =
    Optimizer::RmsProp { rate: 0.01, decay: 0.99, momentum: 0.0, eps: 1e-3 };

/// A net of this shape as the arguments want it.
fn entry(arguments: &FieldArguments, source: &Source, shape: Shape, seed: u64) -> Entry {
    let mut entry =
        if arguments.paper { paper::entry(shape, seed) } else { Entry::new(shape, seed) };
    if arguments.data.file.is_some() {
        entry = entry.optimizer(TABLE);
    }
    let (output, loss) = source.output();
    entry = entry.output(output, loss);
    if let Some(activation) = arguments.activation {
        entry = entry.activation(match activation {
            ActivationName::Sigmoid => Activation::Sigmoid,
            ActivationName::Tanh => Activation::Tanh,
            ActivationName::Relu => Activation::Relu,
            ActivationName::LeakyRelu => Activation::LeakyRelu,
            ActivationName::Softplus => Activation::Softplus,
            ActivationName::Identity => Activation::Identity,
        });
    }
    if let Some(init) = arguments.init {
        entry = entry.init(match init {
            InitName::Glorot => Init::Glorot { gain: entry.activation.gain() },
            InitName::He => Init::He,
            InitName::Uniform => Init::Uniform { bound: 0.5 },
            InitName::Reference => Init::Reference,
        });
    }
    trained_as(&mut entry, arguments);
    entry
}

/// Has a net learn as the arguments say, where they say it.
fn trained_as(entry: &mut Entry, arguments: &FieldArguments) {
    if let Some(name) = arguments.optimizer {
        *entry = entry.optimizer(optimizer(name));
    }
    if let Some(rate) = arguments.rate {
        let hidden = entry.hidden_optimizer.with_rate(rate);
        *entry = entry.optimizers(entry.optimizer.with_rate(rate), hidden);
    }
    entry.decay = arguments.decay.unwrap_or(entry.decay);
}

/// The optimizer of this name with its textbook settings.
fn optimizer(name: OptimizerName) -> Optimizer {
    match name {
        OptimizerName::Sgd => Optimizer::Sgd { rate: 0.1 },
        OptimizerName::Momentum => {
            Optimizer::Momentum { rate: 0.1, momentum: 0.9, nesterov: false }
        }
        OptimizerName::Nesterov => Optimizer::Momentum { rate: 0.1, momentum: 0.9, nesterov: true },
        OptimizerName::Adagrad => Optimizer::Adagrad { rate: 0.05, eps: 1e-10 },
        OptimizerName::Adadelta => Optimizer::Adadelta { rate: 1.0, rho: 0.9, eps: 1e-6 },
        OptimizerName::Rmsprop => Optimizer::RMSPROP,
        OptimizerName::Adam => Optimizer::ADAM,
        OptimizerName::Rprop => {
            Optimizer::Rprop { rate: 0.01, shrink: 0.5, grow: 1.2, least: 1e-6, most: 50.0 }
        }
    }
}

/// The threads that the arguments ask for.
pub fn crew(arguments: &FieldArguments) -> Threads {
    Threads::new(threads(arguments), isa(arguments))
}

/// How many threads the arguments ask for.
pub fn threads(arguments: &FieldArguments) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    arguments.threads.map_or_else(cores, usize::from)
}

/// The instruction set that the arguments ask for.
pub fn isa(arguments: &FieldArguments) -> Isa {
    arguments.isa.unwrap_or_else(Isa::widest)
}
