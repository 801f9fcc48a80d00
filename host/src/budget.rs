//! What a trained net takes of a device that runs it, and which nets may not enter because it is
//! too much.

use anyhow::{Result, bail};
use clap::Args;
use derby_boards::{BOARDS, Board};
use derby_core::{Entry, Shape};

/// Bytes of a number.
const WORD: usize = 4;

/// What one inference of a net takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inference {
    /// Bytes of RAM: inputs, hidden activations and outputs.
    pub ram: usize,
    /// Bytes of flash: weights and biases.
    pub flash: usize,
    /// Multiply-accumulates.
    pub macs: usize,
}

impl Inference {
    /// That of a net of this shape.
    pub fn of(shape: Shape) -> Self {
        let numbers = shape.inputs.saturating_add(shape.outputs);
        Self {
            ram: numbers.saturating_add(shape.hidden_units()).saturating_mul(WORD),
            flash: shape.parameters().saturating_mul(WORD),
            macs: shape.macs(),
        }
    }
}

/// The most that the winner may take.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Budget {
    /// Most bytes of RAM for an inference; a net that needs more does not enter (K = 1024)
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub max_ram: Option<usize>,
    /// Most bytes of flash for the weights; a net that needs more does not enter
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub max_flash: Option<usize>,
    /// Most multiply-accumulates of an inference; a net that needs more does not enter
    #[arg(long, value_name = "N", value_parser = parse_bytes)]
    pub max_macs: Option<usize>,
    /// The board that is to run the winner; nets for which it has no room do not enter
    #[arg(long, value_name = "BOARD", value_parser = parse_board)]
    pub fit: Option<&'static Board>,
}

impl Budget {
    /// Whether a net of this shape may enter.
    pub fn allows(&self, shape: Shape) -> bool {
        let Inference { ram, flash, macs } = Inference::of(shape);
        let fits = |needed: usize, most: Option<usize>| most.is_none_or(|most| needed <= most);
        let room = |board: &Board| {
            ram <= board.static_ram() as usize && flash <= board.flash.length as usize
        };
        fits(ram, self.max_ram)
            && fits(flash, self.max_flash)
            && fits(macs, self.max_macs)
            && self.fit.is_none_or(room)
    }

    /// Leaves in `entries` those that may enter; returns how many may not.
    ///
    /// # Errors
    /// When none may.
    pub fn admit(&self, entries: &mut Vec<Entry>) -> Result<usize> {
        let all = entries.len();
        let smallest = entries.iter().map(|entry| entry.shape).min_by_key(|shape| shape.macs());
        entries.retain(|entry| self.allows(entry.shape));
        match smallest {
            Some(shape) if entries.is_empty() => {
                let Inference { ram, flash, macs } = Inference::of(shape);
                bail!(
                    "no net is within the budget; the smallest, {shape}, takes {ram} bytes of \
                     RAM, {flash} of flash and {macs} multiply-accumulates"
                )
            }
            _ => Ok(all - entries.len()),
        }
    }
}

/// A number, with K or M for times 1024 or 1024^2.
fn parse_bytes(text: &str) -> Result<usize, String> {
    let (number, unit) = match text.strip_suffix(['K', 'k']) {
        Some(number) => (number, 1 << 10),
        None => text.strip_suffix('M').map_or((text, 1), |number| (number, 1 << 20)),
    };
    let number: usize = number.parse().map_err(|_| "no number such as 2000 or 16K".to_owned())?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0).ok_or_else(|| "out of range".to_owned())
}

fn parse_board(name: &str) -> Result<&'static Board, String> {
    Board::named(name).ok_or_else(|| {
        let names: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
        format!("boards are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_more_than_allowed_does_not_enter() {
        let shapes = [(8, 1), (16, 2), (56, 3)].map(|(h, l)| Shape::new(16, h, l, 16));
        let entries = || shapes.map(|shape| Entry::new(shape, 0)).to_vec();
        let left = |budget: Budget| {
            let mut entries = entries();
            let refused = budget.admit(&mut entries).map_err(|error| error.to_string());
            refused.map(|refused| (entries.len(), refused))
        };
        assert_eq!(left(Budget::default()), Ok((3, 0)));
        assert_eq!(left(Budget { max_macs: Some(280), ..Budget::default() }), Ok((1, 2)));
        assert_eq!(left(Budget { max_ram: Some(256), ..Budget::default() }), Ok((2, 1)));
        let flash = Inference::of(shapes[1]).flash;
        assert_eq!(left(Budget { max_flash: Some(flash), ..Budget::default() }), Ok((2, 1)));
        assert_eq!(left(Budget { max_flash: Some(flash - 1), ..Budget::default() }), Ok((1, 2)));
        let message = left(Budget { max_ram: Some(1), ..Budget::default() }).unwrap_err();
        assert!(message.contains("(8, 1), takes 160 bytes of RAM, 1120 of flash"), "{message}");
        let board = Board::named("microbit");
        assert_eq!(left(Budget { fit: board, ..Budget::default() }), Ok((3, 0)));
        let mut large = vec![Entry::new(Shape::new(16, 2000, 2, 16), 0)];
        assert!(Budget { fit: board, ..Budget::default() }.admit(&mut large).is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_bytes("16K"), Ok(16_384));
        assert_eq!(parse_bytes("1M"), Ok(1 << 20));
        assert_eq!(parse_bytes("500"), Ok(500));
        for wrong in ["", "K", "0", "-1", "1G", "99999999999999999999"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }
}
