/// Exclusive or of two halves of a byte.
pub const TASK: Task = Task::Xor { bits: 8 };
/// Samples of the race.
pub const SAMPLES: u64 = 8_000;
/// The stream of samples.
pub const SEED: u64 = 0;
/// What 14 KiB hold beside the stack.
pub const ENTRIES: [Entry; 4] = [
    Entry::new(Shape::new(8, 4, 1, 4), 0),
    Entry::new(Shape::new(8, 8, 1, 4), 0),
    Entry::new(Shape::new(8, 12, 1, 4), 0),
    Entry::new(Shape::new(8, 8, 2, 4), 0),
];
/// Checks often enough that a short race has a winner.
pub const SETTINGS: Settings = Settings { check: 500, ..Settings::NEW };
