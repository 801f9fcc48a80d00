//! What the commands for boards take from the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use derby_boards::{BOARDS, Board};

use crate::args::RaceArguments;

/// Arguments of `derby plan`.
#[derive(Args, Clone, Debug)]
pub struct PlanArguments {
    /// The board
    #[arg(long, value_name = "NAME", value_parser = parse_board)]
    pub board: &'static Board,
    /// Print JSON, as --view json does
    #[arg(long)]
    pub json: bool,
    /// The race.
    #[command(flatten)]
    pub race: RaceArguments,
}

/// Arguments of `derby emulate` and `derby flash`.
#[derive(Args, Clone, Debug)]
pub struct DeviceArguments {
    /// The board
    #[arg(long, value_name = "NAME", value_parser = parse_board)]
    pub board: &'static Board,
    /// Send the samples from here instead of drawing them on the board; those of a table always
    /// are
    #[arg(long)]
    pub serve: bool,
    /// Run the same race here too, and compare every event bit for bit
    #[arg(long)]
    pub compare: bool,
    /// File to record what the board sends, for derby watch
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Give up when the board has said nothing for so long
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = parse_seconds)]
    pub timeout: Duration,
    /// The folder of the firmware's sources [default: DERBY_FIRMWARE, or that beside derby's own]
    #[arg(long, value_name = "DIR")]
    pub firmware: Option<PathBuf>,
    /// The race.
    #[command(flatten)]
    pub race: RaceArguments,
}

/// Arguments of `derby watch`.
#[derive(Args, Clone, Debug)]
pub struct WatchArguments {
    /// A board that races already, on a debug probe
    #[arg(long, value_name = "NAME", value_parser = parse_board)]
    #[arg(required_unless_present = "recording", conflicts_with = "recording")]
    pub board: Option<&'static Board>,
    /// A recording of what a board sent; - is standard input
    #[arg(long = "file", value_name = "FILE")]
    pub recording: Option<PathBuf>,
    /// Give up when the board has said nothing for so long
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = parse_seconds)]
    pub timeout: Duration,
    /// The race. Where it is described, the nets are tested in the end, and whoever joins late
    /// knows their names.
    #[command(flatten)]
    pub race: RaceArguments,
}

fn parse_board(name: &str) -> Result<&'static Board, String> {
    Board::named(name).ok_or_else(|| {
        let names: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
        format!("boards are {}", names.join(", "))
    })
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("must be above 0".to_owned()) } else { Ok(duration) }
}
