//! A race from its first sample to its last, wherever the samples come from.

use derby_core::Event;

use crate::console::{Events, Verdict};
use crate::memory;
use crate::setup::{ENTRIES, INPUTS, Memory, OUTPUTS, SETTINGS};

/// A buffer for the frame of any event of this race.
pub type Frame = [u8; derby_wire::event_room(ENTRIES.len(), OUTPUTS)];

/// What a race needs in RAM.
#[derive(Debug)]
pub struct Course {
    race: Memory,
    frame: Frame,
}

impl Course {
    /// All zero, so that a static lands in `.bss`.
    pub const fn new() -> Self {
        Self { race: Memory::new(), frame: [0; size_of::<Frame>()] }
    }

    /// Races on the samples that `next` writes, until it returns `false`, and sends what
    /// happens.
    pub fn run(
        &mut self,
        events: &mut Events,
        next: &mut dyn FnMut(&mut [f32], &mut [f32]) -> bool,
    ) -> Verdict {
        defmt::info!("race of {=usize} nets in {=usize} bytes", ENTRIES.len(), size_of::<Memory>());
        defmt::info!("static data {=usize} bytes", memory::static_data());
        let Self { race, frame } = self;
        let mut race = match race.race(&ENTRIES, SETTINGS) {
            Ok(race) => race,
            Err(error) => {
                defmt::error!("{}", error);
                return Verdict::Failed;
            }
        };
        let mut tell = |event: Event<&[f32]>| match derby_wire::event(&event, frame) {
            Ok(bytes) => events.write(bytes),
            Err(_) => defmt::error!("an event is larger than its frame"),
        };
        let (mut inputs, mut targets) = ([0.0; INPUTS], [0.0; OUTPUTS]);
        race.start(&mut tell);
        while next(&mut inputs, &mut targets) {
            if let Err(error) = race.step(&inputs, &targets, &mut tell) {
                defmt::error!("after {=u64} samples: {}", race.samples(), error);
                return Verdict::Failed;
            }
        }
        race.finish(&mut tell);
        defmt::info!("{=u64} samples, hash {=u32:08x}", race.samples(), race.hash());
        Verdict::Done
    }
}

impl Default for Course {
    fn default() -> Self {
        Self::new()
    }
}
