//! How a board's race ended, and what is to be said about it.

use std::time::Duration;

use anyhow::{Result, bail};

use super::heard::Heard;

/// What a board's image ends with; see `console::Verdict` in the firmware.
mod code {
    pub(super) const DONE: i32 = 0;
    pub(super) const FAILED: i32 = 1;
    pub(super) const PANICKED: i32 = 101;
    pub(super) const FAULTED: i32 = 102;
}

/// How a board ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Code(i32),
    /// In the middle of something: its power was cut.
    Cut,
    /// Not at all: it said nothing for so long that it was given up.
    Silent(Duration),
}

/// What the host makes of the board's end: an error for anything but a race that was run to its
/// end and told completely.
///
/// # Errors
/// One line that says what happened, and after how many samples.
pub fn judge(end: End, heard: &Heard) -> Result<()> {
    let samples = heard.samples;
    let last = || match heard.errors.as_slice() {
        [] => "it did not say why".to_owned(),
        errors => errors.join("; "),
    };
    match end {
        End::Code(code::DONE) => heard.complete(),
        End::Code(code) if heard.is_silent() && heard.errors.is_empty() => {
            bail!("the board did not start (code {code}): {}", heard.preface())
        }
        End::Code(code::FAILED) => bail!("the board could not race: {}", last()),
        End::Code(code::PANICKED | code::FAULTED) => {
            bail!("the board stopped after {samples} samples: {}", last())
        }
        End::Code(code) => bail!("the board ended with code {code} after {samples} samples"),
        End::Cut => {
            bail!("the power was cut: the record is complete up to the event at {samples} samples")
        }
        End::Silent(time) => bail!(
            "the board has been silent for {} s and was given up after {samples} samples; \
             --timeout SECONDS waits longer",
            time.as_secs_f64()
        ),
    }
}
