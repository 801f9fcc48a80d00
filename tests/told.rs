//! Races as text, to be compared bit for bit.

use derby_core::{Alone, Book, Crew, Entry, Event, Plan, Race, Settings, Task};

/// Entries, settings and a stream: all that decides a race's bits.
#[derive(Clone, Debug)]
pub struct Course {
    /// Who races.
    pub entries: Vec<Entry>,
    /// How.
    pub settings: Settings,
    /// On what.
    pub task: Task,
    /// The seed of the samples.
    pub seed: u64,
    /// How many samples.
    pub samples: usize,
}

/// How samples reach the race.
#[derive(Clone, Copy, Debug)]
pub enum Feed {
    /// One by one, by [`Race::step`].
    Steps,
    /// In pieces of so many, by [`Race::stretch`].
    Pieces(usize),
}

/// What a race told and left.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Each event, with its numbers as bits: NaN equals NaN, and -0 is not 0.
    pub events: Vec<String>,
    /// Each net's parameters as bits.
    pub parameters: Vec<Vec<u32>>,
    /// The mixing weights in the end, as bits.
    pub mixing: Vec<u32>,
    /// What [`Race::hash`] says.
    pub hash: u32,
}

/// FNV-1a, 32 bits, as its authors write it (<http://www.isthe.com/chongo/tech/comp/fnv/>), over
/// the little-endian bytes of these numbers.
pub fn fnv(bits: impl IntoIterator<Item = u32>) -> u32 {
    let bytes = bits.into_iter().flat_map(u32::to_le_bytes);
    bytes.fold(2_166_136_261, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
}

/// Numbers as bits.
pub fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// An event as text, with its numbers as bits.
pub fn line(event: Event<&[f32]>) -> String {
    let loss = match event {
        Event::Stretch { loss, .. } => loss.to_bits(),
        _ => 0,
    };
    format!("{:08x} {:?}", loss, event.map(bits))
}

impl Course {
    /// The samples, `[sample][column]`.
    pub fn stream(&self) -> (Vec<f32>, Vec<f32>) {
        let (width, outputs) = (self.task.inputs(), self.task.outputs());
        let mut inputs = vec![0.0; self.samples * width];
        let mut targets = vec![0.0; self.samples * outputs];
        let rows = inputs.chunks_exact_mut(width).zip(targets.chunks_exact_mut(outputs));
        for (index, (x, y)) in (0..).zip(rows) {
            self.task.sample(self.seed, index, x, y);
        }
        (inputs, targets)
    }

    /// Runs the race from start to finish.
    pub fn run(&self, feed: Feed) -> Told {
        self.run_by(feed, &mut Alone)
    }

    /// The same with its racers run by `crew`, which [`Feed::Steps`] does not ask.
    pub fn run_by(&self, feed: Feed, crew: &mut impl Crew) -> Told {
        let (inputs, targets) = self.stream();
        self.run_on(&inputs, &targets, feed, crew)
    }

    /// The same on other samples of the task's widths.
    pub fn run_on(
        &self,
        inputs: &[f32],
        targets: &[f32],
        feed: Feed,
        crew: &mut impl Crew,
    ) -> Told {
        let (width, outputs) = (self.task.inputs(), self.task.outputs());
        // Memory as it may be found: whatever a race needs to be 0 it must clear itself.
        let mut memory = vec![f32::NAN; Plan::of(&self.entries, &self.settings).total()];
        let mut books = vec![Book::NEW; self.entries.len()];
        let mut race = Race::new(&self.entries, self.settings, &mut memory, &mut books)
            .expect("the course is sound");
        let mut events = Vec::new();
        let mut sink = |event: Event<&[f32]>| events.push(line(event));
        race.start(&mut sink);
        let piece = match feed {
            Feed::Steps => 1,
            Feed::Pieces(samples) => samples,
        };
        for (x, y) in inputs.chunks(piece * width).zip(targets.chunks(piece * outputs)) {
            let taken = match feed {
                Feed::Steps => race.step(x, y, &mut sink),
                Feed::Pieces(_) => race.stretch_by(x, y, crew, &mut sink),
            };
            taken.expect("the samples are sound");
        }
        race.finish(&mut sink);
        let parameters = race.parameters().map(bits).collect();
        let mixing = bits(race.mixer().weights());
        Told { parameters, mixing, hash: race.hash(), events }
    }
}
