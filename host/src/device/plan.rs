//! `derby plan`: what a race takes of a board, printed before anything is built or flashed.

use std::io::{self, Write};

use anyhow::Result;
use derby_boards::{Board, Link};
use serde_json::{Value, json};

use super::args::PlanArguments;
use super::cost;
use super::needs::{Needs, WORD, admit, fitting, image};
use crate::args::ViewName;
use crate::field::Field;
use crate::view::json::name;
use crate::view::plain::{has_several_seeds, label};

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
