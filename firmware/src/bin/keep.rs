//! A race that outlives power cuts: it is saved in two slots of a flash at every check, the power
//! goes while it is saved, and it goes on from the slot that is whole. The flash is played by RAM,
//! so that it runs in QEMU and the power goes where it is told to.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use derby_core::Event;
use derby_firmware::console::{self, Events, Verdict};
use derby_firmware::run::Frame;
use derby_firmware::setup::{ENTRIES, INPUTS, Memory, OUTPUTS, SAMPLES, SEED, SETTINGS, TASK};
use derby_slots::Slots;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

const SECTOR: usize = 1024;
/// Bytes of a slot: what a race remembers lies in its memory, but for some numbers.
const SLOT: usize = (size_of::<Memory>() + SECTOR).next_multiple_of(SECTOR);
/// Power in halves of a snapshot, erased or written: it goes in the first saving, in the second,
/// and some savings later. The last time it stays.
const POWER: [usize; 4] = [2, 6, 22, usize::MAX];

/// RAM that is erased and written as flash is.
struct Flash {
    bytes: &'static mut [u8],
    /// Bytes that can still be erased or written.
    power: usize,
}

impl Flash {
    /// Sets the bytes from `from` on as far as there is power.
    fn set(
        &mut self,
        from: u32,
        bytes: impl ExactSizeIterator<Item = u8>,
    ) -> Result<(), NorFlashErrorKind> {
        let wanted = bytes.len();
        let done = wanted.min(self.power);
        self.power -= done;
        let places = self.bytes.iter_mut().skip(from as usize);
        places.zip(bytes.take(done)).for_each(|(place, byte)| *place = byte);
        if done < wanted { Err(NorFlashErrorKind::Other) } else { Ok(()) }
    }
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        let from = self.bytes.iter().skip(offset as usize);
        bytes.iter_mut().zip(from).for_each(|(byte, from)| *byte = *from);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.set(from, (from as usize..to as usize).map(|_| 0xff))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        self.set(offset, bytes.iter().copied())
    }
}

/// Races from what the flash holds to the end, or until a saving fails for want of `power`.
fn run(
    power: usize,
    flash: &mut Flash,
    memory: &mut Memory,
    frame: &mut Frame,
    events: &mut Events,
) -> Verdict {
    let Ok(mut race) = memory.race(&ENTRIES, SETTINGS) else {
        defmt::error!("the race cannot be set up");
        return Verdict::Failed;
    };
    flash.power = power.saturating_mul(race.snapshot_bytes() / 2);
    let mut slots = match Slots::new(flash, 0..2 * SLOT as u32) {
        Ok(slots) => slots,
        Err(error) => {
            defmt::error!("{}", defmt::Display2Format(&error));
            return Verdict::Failed;
        }
    };
    let mut tell = |event: Event<&[f32]>| match derby_wire::event(&event, frame) {
        Ok(bytes) => events.write(bytes),
        Err(_) => defmt::error!("an event is larger than its frame"),
    };
    match slots.load() {
        Some(mut content) => {
            if let Err(error) = race.restore_by(&mut |at| content.word(at)) {
                defmt::error!("{}", defmt::Display2Format(&error));
                return Verdict::Failed;
            }
        }
        None => race.start(&mut tell),
    }
    let from = race.samples() + race.pending() as u64;
    defmt::info!("on from sample {=u64}", from);
    let (mut inputs, mut targets) = ([0.0; INPUTS], [0.0; OUTPUTS]);
    for index in from..SAMPLES {
        TASK.sample(SEED, index, &mut inputs, &mut targets);
        if let Err(error) = race.step(&inputs, &targets, &mut tell) {
            defmt::error!("after {=u64} samples: {}", race.samples(), error);
            return Verdict::Failed;
        }
        if (index + 1).is_multiple_of(SETTINGS.check as u64)
            && let Err(error) = slots.save(race.snapshot_bytes(), |sink| race.save(sink))
        {
            defmt::info!("not saved after {=u64}: {}", index + 1, defmt::Display2Format(&error));
            return Verdict::Failed;
        }
    }
    race.finish(&mut tell);
    defmt::info!("{=u64} samples, hash {=u32:08x}", race.samples(), race.hash());
    Verdict::Done
}

#[entry]
fn main() -> ! {
    static mut BYTES: [u8; 2 * SLOT] = [0; 2 * SLOT];
    static mut MEMORY: Memory = Memory::new();
    static mut FRAME: Frame = [0; size_of::<Frame>()];

    let (mut events, _) = console::open();
    let mut flash = Flash { bytes: BYTES, power: 0 };
    for power in POWER {
        // A start finds memory that is zero, and the flash as it was left.
        *MEMORY = Memory::new();
        if run(power, &mut flash, MEMORY, FRAME, &mut events) == Verdict::Done {
            console::exit(Verdict::Done);
        }
    }
    console::exit(Verdict::Failed)
}
