//! Answers samples with an exported net (`derby export --format rust`) and sends the answers' bits:
//! the proof that they are the host's, and the shortest way to one's own firmware with a net.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use derby_core::rng::Stream;
use derby_firmware::console::{self, Verdict};
use derby_firmware::{board, memory};

#[expect(unreachable_pub, reason = "an exported net does not know who includes it")]
mod net {
    include!(env!("DERBY_NET_FILE"));
}

/// Samples to answer. Sample `n` holds numbers in -3..3 from the stream of seed `n`.
const SAMPLES: u64 = 64;

#[entry]
fn main() -> ! {
    let (mut events, _) = console::open();
    defmt::info!("a net of {=usize} inputs on {=str}", net::INPUTS, board::NAME);
    defmt::info!("static data {=usize} bytes", memory::static_data());
    for sample in 0..SAMPLES {
        let mut stream = Stream::new(sample, 0);
        let inputs = [(); net::INPUTS].map(|()| stream.symmetric(3.0));
        for output in net::predict(&inputs) {
            events.write(&output.to_le_bytes());
        }
    }
    console::exit(Verdict::Done)
}
