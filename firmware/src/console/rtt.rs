//! On a board: channels in RAM which a debug probe reads and writes while the program runs.
//! Up channel 0 carries the logs, up channel 1 the events, down channel 0 the samples.

use cortex_m::asm;
use rtt_target::{ChannelMode, DownChannel, UpChannel, rtt_init, set_defmt_channel};

use crate::board;

/// How many milliseconds a board waits for a host before it races alone. A host by way of probe-rs
/// needs four calls or more to say that it is there, each some tenths of a second.
const PATIENCE: u32 = 10_000;

/// Processor cycles in about a millisecond.
const MILLISECOND: u32 = board::CLOCK_HZ / 1000;

/// Opens the lines; called once, first thing in an image.
///
/// A host that listens says so with a zero byte. From then on a full channel makes the board
/// wait, so that nothing is lost. Where no host listens, what does not fit is dropped.
pub fn open() -> (Events, Samples) {
    let channels = rtt_init! {
        up: {
            0: { size: 512, name: "defmt" }
            1: { size: 1024, name: "events" }
        }
        down: {
            0: { size: 512, name: "samples" }
        }
    };
    let (mut logs, mut events) = channels.up;
    let (samples,) = channels.down;
    let mut samples = Samples(samples);
    if samples.is_host_there() {
        logs.set_mode(ChannelMode::BlockIfFull);
        events.set_mode(ChannelMode::BlockIfFull);
    }
    set_defmt_channel(logs);
    let mut events = Events(events);
    events.write(&[0]); // the first frame starts here
    (events, samples)
}

/// The line for events.
#[expect(missing_debug_implementations, reason = "rtt-target's channels have none")]
pub struct Events(UpChannel);

impl Events {
    /// Sends bytes; where a host listens, does not return before they are in its reach.
    pub fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }
}

/// The line for samples.
#[expect(missing_debug_implementations, reason = "rtt-target's channels have none")]
pub struct Samples(DownChannel);

impl Samples {
    /// Waits for the next byte; here there is always one more to wait for.
    pub fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        while self.0.read(&mut byte) == 0 {
            asm::nop();
        }
        let [byte] = byte;
        Some(byte)
    }

    fn is_host_there(&mut self) -> bool {
        (0..PATIENCE).any(|_| {
            asm::delay(MILLISECOND);
            self.0.read(&mut [0]) > 0
        })
    }
}

/// Stays where a probe can still read the channels: sleep would cut some chips off from it.
pub(super) fn exit(_code: u8) -> ! {
    loop {
        asm::nop();
    }
}
