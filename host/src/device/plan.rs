//! What a race takes of a board, known before anything is built or flashed: `derby plan`.

use std::io::{self, Write};

use anyhow::{Result, bail};
use derby_boards::{Board, Link};
use derby_core::{Book, Entry, Plan, Settings};
use serde_json::{Value, json};

use super::args::PlanArguments;
use super::cost;
use crate::args::ViewName;
use crate::field::Field;
use crate::source::Source;
use crate::view::json::name;
use crate::view::plain::{has_several_seeds, label};

/// Bytes of a word on the boards.
const WORD: usize = 4;

/// What an image takes.
#[derive(Clone, Debug)]
pub struct Needs {
    /// Bytes of static data by part, in the order of the memory.
    pub ram: Vec<(&'static str, usize)>,
    /// About how many bytes of flash.
    pub flash: usize,
}

/// The image that a race is run by.
pub fn image(source: &Source, serve: bool) -> &'static str {
    if serve || matches!(source, Source::Table(_)) { "serve" } else { "race" }
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
        let words = |numbers: usize| numbers.saturating_mul(WORD);
        let frame = words(derby_wire::event_room(entries.len(), outputs).div_ceil(WORD));
        let mut ram = vec![
            ("weights and biases", words(plan.parameters)),
            ("optimizers", words(plan.optimizers)),
            ("mixer", words(plan.mixer)),
            ("record", words(plan.record)),
            ("batch", words(plan.batch)),
            ("scratch", words(plan.scratch)),
            ("losses", words(plan.losses)),
            ("books", entries.len().saturating_mul(size_of::<Book>())),
            ("event's frame", frame),
        ];
        if image == "serve" {
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

/// `derby plan`.
///
/// # Errors
/// When the race does not fit, after all is printed.
pub fn command(arguments: &PlanArguments) -> Result<()> {
    let PlanArguments { board, race, json } = arguments;
    let field = super::field(board, race)?;
    let image = image(&field.source, false);
    // What is to be flashed counts; it takes more than what is emulated.
    let link = if board.probe.is_some() { Link::Rtt } else { Link::Semihosting };
    let needs = Needs::of(board, &field.entries, &field.settings, image, link);
    let fitting = fitting(board, &field, image, link);
    let out = &mut io::stdout().lock();
    if *json || race.view == ViewName::Json {
        writeln!(out, "{}", object(board, &field, &needs, &fitting))?;
    } else {
        write(out, board, &field, &needs, &fitting)?;
    }
    out.flush()?;
    admit(board, &field, image, link)
}

fn instructions(board: &Board, field: &Field) -> f64 {
    let each = |entry| cost::per_sample(board.core, entry, field.settings.batch);
    field.entries.iter().map(each).sum()
}

fn write(
    out: &mut impl Write,
    board: &Board,
    field: &Field,
    needs: &Needs,
    fitting: &[bool],
) -> Result<()> {
    let Board { title, chip, core, flash, ram, stack, clock_hz, .. } = board;
    writeln!(out, "{title}: {chip}, Cortex-{core:?} at {} MHz", clock_hz / 1_000_000)?;
    writeln!(
        out,
        "{} nets, {} inputs, {} outputs, batches of {}\n",
        field.entries.len(),
        field.source.inputs(),
        field.source.outputs(),
        field.settings.batch
    )?;
    writeln!(out, "{:<20} {:>10}", "RAM", "bytes")?;
    for (part, bytes) in &needs.ram {
        writeln!(out, "  {part:<18} {bytes:>10}")?;
    }
    let line = |out: &mut dyn Write, what, bytes: usize, of: u32| {
        let share = 100.0 * bytes as f64 / f64::from(of);
        writeln!(out, "{what:<20} {bytes:>10} of {of}, {share:.0} %")
    };
    line(out, "static data, exactly", needs.static_ram(), board.static_ram())?;
    writeln!(out, "{:<20} {stack:>10} of {} in all", "kept for the stack", ram.length)?;
    line(out, "flash, about", needs.flash, flash.length)?;

    let (macs, instructions) = (macs(field), instructions(board, field));
    writeln!(out, "\nWhile all nets race, a sample takes")?;
    writeln!(out, "  {macs} multiply-accumulates: 3 for each weight")?;
    writeln!(
        out,
        "  about {instructions:.0} instructions: {:.1} samples/s at one a cycle",
        f64::from(*clock_hz) / instructions
    )?;

    writeln!(out, "\n{:<14} {:>10} {:>10} {:>12}", "net", "parameters", "bytes", "fits")?;
    let several_seeds = has_several_seeds(&field.entries);
    for (entry, fits) in field.entries.iter().zip(fitting) {
        let parameters = entry.shape.parameters();
        let bytes = parameters.saturating_add(entry.memory()).saturating_mul(WORD);
        let fits = if *fits { "yes" } else { "no" };
        let label = label(entry, several_seeds);
        writeln!(out, "{label:<14} {parameters:>10} {bytes:>10} {fits:>12}")?;
    }
    let answer = if needs.fit(board) { "The race fits" } else { "The race does not fit" };
    writeln!(out, "\n{answer}.")?;
    Ok(())
}

fn macs(field: &Field) -> usize {
    field.entries.iter().map(cost::macs).fold(0, usize::saturating_add)
}

fn object(board: &Board, field: &Field, needs: &Needs, fitting: &[bool]) -> Value {
    let parts: serde_json::Map<_, _> =
        needs.ram.iter().map(|(part, bytes)| ((*part).to_owned(), json!(bytes))).collect();
    let nets: Vec<_> = field
        .entries
        .iter()
        .zip(fitting)
        .map(|(entry, fits)| {
            json!({
                "net": name(entry),
                "parameters": entry.shape.parameters(),
                "macs": cost::macs(entry),
                "fits": fits,
            })
        })
        .collect();
    json!({
        "board": board.name,
        "ram": parts,
        "static_ram": needs.static_ram(),
        "static_ram_room": board.static_ram(),
        "stack": board.stack,
        "flash": needs.flash,
        "flash_room": board.flash.length,
        "macs": macs(field),
        "instructions": instructions(board, field),
        "nets": nets,
        "fits": needs.fit(board),
    })
}
