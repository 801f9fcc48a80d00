//! What a race takes of a board, to the byte of RAM, and which of its nets have room.

use anyhow::{Result, bail};
use derby_boards::{Board, Link};
use derby_core::{Book, Entry, Plan, Settings};

use super::cost;
use crate::field::Field;
use crate::source::Source;

/// Bytes of a word on the boards.
pub(super) const WORD: usize = 4;

/// What an image takes.
#[derive(Clone, Debug)]
pub struct Needs {
    /// Bytes of static data by part, in the order of the memory.
    pub ram: Vec<(&'static str, usize)>,
    /// About how many bytes of flash.
    pub flash: usize,
}

/// The image that draws its samples.
pub const RACE: &str = "race";
/// The image that is sent its samples.
pub const SERVE: &str = "serve";

/// The image for a race on `source`.
pub fn image(source: &Source, serve: bool) -> &'static str {
    if serve || matches!(source, Source::Table(_)) { SERVE } else { RACE }
}

impl Needs {
    /// What the race of these entries takes as `image` on `board`.
    pub fn of(
        board: &Board,
        entries: &[Entry],
        settings: &Settings,
        image: &str,
        link: Link,
    ) -> Self {
        let plan = Plan::of(entries, settings);
        let (inputs, outputs) =
            entries.first().map_or((0, 0), |entry| (entry.shape.inputs, entry.shape.outputs));
        // A board's kernels need no room.
        let batch = settings.batch;
        let scratch = entries.iter().map(|entry| entry.training_scratch(batch) - entry.room(batch));
        let words = |numbers: usize| numbers.saturating_mul(WORD);
        let frame = words(derby_wire::event_room(entries.len(), outputs).div_ceil(WORD));
        let mut ram = vec![
            ("weights and biases", words(plan.parameters)),
            ("optimizers", words(plan.optimizers)),
            ("mixer", words(plan.mixer)),
            ("referee", words(plan.referee)),
            ("record", words(plan.record)),
            ("batch", words(plan.batch)),
            ("scratch", words(scratch.max().unwrap_or(0))),
            ("losses", words(plan.losses)),
            ("books", entries.len().saturating_mul(size_of::<Book>())),
            ("event's frame", frame),
        ];
        if image == SERVE {
            // The frame, and of its reader two counts and a flag.
            let reader = derby_wire::sample_room(inputs.saturating_add(outputs)) + 2 * WORD + 1;
            ram.push(("sample's frame", words(reader.div_ceil(WORD))));
        }
        ram.push(("log and channels", cost::own_ram(link)));
        let entries = entries.len().saturating_mul(cost::ENTRY_FLASH);
        Self { ram, flash: cost::base_flash(board.core).saturating_add(entries) }
    }

    /// Bytes of static data.
    pub fn static_ram(&self) -> usize {
        self.ram.iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// Whether `board` has the room.
    pub fn fit(&self, board: &Board) -> bool {
        self.static_ram() <= board.static_ram() as usize
            && self.flash <= board.flash.length as usize
    }
}

/// Which of the entries race when each, in their order, enters if it still fits.
pub fn fitting(board: &Board, field: &Field, image: &str, link: Link) -> Vec<bool> {
    let mut entered: Vec<Entry> = Vec::new();
    let fits = field.entries.iter().map(|entry| {
        entered.push(*entry);
        let fits = Needs::of(board, &entered, &field.settings, image, link).fit(board);
        if !fits {
            entered.pop();
        }
        fits
    });
    fits.collect()
}

/// Lets a race on a board.
///
/// # Errors
/// When it does not fit there.
pub fn admit(board: &Board, field: &Field, image: &str, link: Link) -> Result<()> {
    let needs = Needs::of(board, &field.entries, &field.settings, image, link);
    if needs.fit(board) {
        return Ok(());
    }
    let fitting = fitting(board, field, image, link).iter().filter(|fits| **fits).count();
    bail!(
        "{} does not fit: {} of {} bytes of static RAM, about {} of {} bytes of flash; \
         {fitting} of the {} nets would, see derby plan",
        board.name,
        needs.static_ram(),
        board.static_ram(),
        needs.flash,
        board.flash.length,
        field.entries.len()
    )
}
