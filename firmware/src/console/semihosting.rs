//! In QEMU: standard output carries the logs, standard error the events, standard input the
//! samples.

use defmt_semihosting as _;
use semihosting::io::{self, Read as _, Stderr, Stdin, Write as _};

/// Opens the lines; called once, first thing in an image.
pub fn open() -> (Events, Samples) {
    let mut events = Events(io::stderr().ok());
    events.write(&[0]); // ends what the emulator itself may have said there
    (events, Samples { stdin: io::stdin().ok(), buffer: [0; 64], waiting: 0..0 })
}

/// The line for events.
#[derive(Debug)]
pub struct Events(Option<Stderr>);

impl Events {
    /// Sends bytes; does not return before the host has them.
    pub fn write(&mut self, bytes: &[u8]) {
        if let Some(stderr) = &mut self.0 {
            // A host that went away ends the emulator, so there is nobody to tell.
            let _ = stderr.write_all(bytes);
        }
    }
}

/// The line for samples.
#[derive(Debug)]
pub struct Samples {
    stdin: Option<Stdin>,
    /// A call to the host takes the time of thousands of instructions, so it fetches many bytes.
    buffer: [u8; 64],
    /// Those of the buffer not yet taken.
    waiting: core::ops::Range<usize>,
}

impl Samples {
    /// Waits for the next byte; `None` when there will be no more.
    pub fn byte(&mut self) -> Option<u8> {
        if self.waiting.is_empty() {
            self.waiting = 0..self.stdin.as_mut()?.read(&mut self.buffer).ok()?;
        }
        self.buffer.get(self.waiting.next()?).copied()
    }
}

pub(super) fn exit(code: u8) -> ! {
    semihosting::process::exit(code.into())
}
