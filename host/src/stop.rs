//! Stopping a race from outside: Ctrl-C and SIGTERM let it finish its stretch.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Says when to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// Stops on SIGINT (Ctrl-C) and SIGTERM; the second of them ends the process at once.
    ///
    /// # Errors
    /// When the system does not let signals be caught.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, code(signal).into(), Arc::clone(&again))?;
            flag::register(signal, Arc::clone(&again))?;
            flag::register_usize(signal, Arc::clone(&stop.0), signal as usize)?;
        }
        Ok(stop)
    }

    /// Asks to stop, as Ctrl-C does.
    pub fn ask(&self) {
        self.0.store(SIGINT as usize, Ordering::Relaxed);
    }

    /// The signal that asked to stop, if one has.
    pub fn asked(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }
}

/// The exit code that shells give a process that a signal ended.
fn code(signal: i32) -> u8 {
    128 + signal as u8
}

/// A race was stopped from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// By which signal.
    pub signal: i32,
    /// Where it stood, and how to go on.
    pub message: String,
}

impl Stopped {
    /// The exit code: 130 for Ctrl-C, 143 for SIGTERM.
    pub fn code(&self) -> u8 {
        code(self.signal)
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl std::error::Error for Stopped {}
