/// Exclusive or of two bytes.
pub const TASK: Task = Task::Xor { bits: 16 };
/// Samples of the race.
pub const SAMPLES: u64 = 12_000;
/// The stream of samples.
pub const SEED: u64 = 0;
/// Three sizes, each with one, two and three hidden layers.
pub const ENTRIES: [Entry; 9] = [
    Entry::new(Shape::new(16, 8, 1, 8), 0),
    Entry::new(Shape::new(16, 8, 2, 8), 0),
    Entry::new(Shape::new(16, 8, 3, 8), 0),
    Entry::new(Shape::new(16, 16, 1, 8), 0),
    Entry::new(Shape::new(16, 16, 2, 8), 0),
    Entry::new(Shape::new(16, 16, 3, 8), 0),
    Entry::new(Shape::new(16, 20, 1, 8), 0),
    Entry::new(Shape::new(16, 20, 2, 8), 0),
    Entry::new(Shape::new(16, 20, 3, 8), 0),
];
/// Checks often enough that a short race has a winner.
pub const SETTINGS: Settings = Settings { check: 1_000, ..Settings::NEW };
