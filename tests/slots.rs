//! Snapshots in flash: whenever the power goes, the older or the newer one is whole.

use derby_core::{Book, Entry, Mixing, Optimizer, Plan, Race, Settings, Shape, Task};
use derby_slots::{Error, Slots};
use derby_tests::told::Course;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};
use proptest::prelude::*;

/// What a sector looks like when the power went while it was erased.
#[derive(Clone, Copy, Debug)]
enum Torn {
    /// Its first bytes are erased.
    Front,
    /// Its last bytes are.
    Back,
    /// None, and all have lost bits.
    Bits,
}

const TORN: [Torn; 3] = [Torn::Front, Torn::Back, Torn::Bits];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The power is gone.
    Off,
    Refused(NorFlashErrorKind),
}

impl NorFlashError for Fault {
    fn kind(&self) -> NorFlashErrorKind {
        match *self {
            Self::Off => NorFlashErrorKind::Other,
            Self::Refused(kind) => kind,
        }
    }
}

/// A flash with power for so many bytes, written or erased.
#[derive(Clone, Debug)]
struct Flash<const UNIT: usize, const SECTOR: usize> {
    bytes: Vec<u8>,
    power: usize,
    torn: Torn,
    /// A byte that always reads 0.
    worn: Option<usize>,
}

impl<const UNIT: usize, const SECTOR: usize> Flash<UNIT, SECTOR> {
    fn new(sectors: usize) -> Self {
        let bytes = vec![0x5a; sectors * SECTOR];
        Self { bytes, power: usize::MAX, torn: Torn::Front, worn: None }
    }

    /// What is found at a start.
    fn slots(&mut self) -> Slots<&mut Self> {
        let all = 0..self.bytes.len() as u32;
        Slots::new(self, all).expect("the range is sound")
    }

    /// Up to `wanted` bytes, as many as there is power for.
    fn spend(&mut self, wanted: usize) -> usize {
        let spent = wanted.min(self.power);
        self.power -= spent;
        spent
    }
}

impl<const UNIT: usize, const SECTOR: usize> ErrorType for Flash<UNIT, SECTOR> {
    type Error = Fault;
}

impl<const UNIT: usize, const SECTOR: usize> ReadNorFlash for Flash<UNIT, SECTOR> {
    const READ_SIZE: usize = UNIT;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Fault> {
        check_read(self, offset, bytes.len()).map_err(Fault::Refused)?;
        bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
        if let Some(worn) = self.worn.and_then(|worn| worn.checked_sub(offset as usize))
            && let Some(byte) = bytes.get_mut(worn)
        {
            *byte = 0;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const UNIT: usize, const SECTOR: usize> NorFlash for Flash<UNIT, SECTOR> {
    const WRITE_SIZE: usize = UNIT;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Fault> {
        check_erase(self, from, to).map_err(Fault::Refused)?;
        for start in (from as usize..to as usize).step_by(SECTOR) {
            let erased = self.spend(SECTOR);
            let sector = &mut self.bytes[start..start + SECTOR];
            match self.torn {
                _ if erased == SECTOR => sector.fill(0xff),
                Torn::Front => sector[..erased].fill(0xff),
                Torn::Back => sector[SECTOR - erased..].fill(0xff),
                Torn::Bits => sector.iter_mut().for_each(|byte| *byte |= (erased % 255) as u8),
            }
            if erased < SECTOR {
                return Err(Fault::Off);
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        check_write(self, offset, bytes.len()).map_err(Fault::Refused)?;
        let written = self.spend(bytes.len());
        let place = &mut self.bytes[offset as usize..][..bytes.len()];
        assert!(place.iter().all(|&byte| byte == 0xff), "a unit is written once after an erase");
        place[..written].copy_from_slice(&bytes[..written]);
        match place.get_mut(written) {
            // Some of its bits are there.
            Some(half) => {
                *half = bytes[written] | 0x0f;
                Err(Fault::Off)
            }
            None => Ok(()),
        }
    }
}

fn save<F: NorFlash>(slots: &mut Slots<F>, bytes: &[u8]) -> Result<(), Error<F::Error>> {
    slots.save(bytes.len(), |sink| {
        bytes.chunks(4).try_for_each(|word| sink(word.try_into().unwrap()))
    })
}

fn load<F: NorFlash>(slots: &mut Slots<F>) -> Option<Vec<u8>> {
    let mut content = slots.load()?;
    let words = (0..content.bytes()).step_by(4).map(|at| content.word(at).expect("it is good"));
    Some(words.flatten().collect())
}

/// Words that are all different.
fn content(kind: u8, words: u16) -> Vec<u8> {
    (0..words).flat_map(|word| [kind, 0xff, word as u8, (word >> 8) as u8]).collect()
}

/// Saves `older` so many times, and then cuts the power at every byte of saving `newer`. `look`
/// sees what is found afterwards, and whether the saving had said that it is done.
fn cut_everywhere<const UNIT: usize, const SECTOR: usize>(
    saved: u8,
    older: &[u8],
    newer: &[u8],
    look: &mut dyn FnMut(&mut Slots<&mut Flash<UNIT, SECTOR>>, bool),
) {
    for torn in TORN {
        let mut before =
            Flash { torn, ..Flash::new(2 * (older.len() + 64 + 2 * UNIT).div_ceil(SECTOR)) };
        for _ in 0..saved {
            save(&mut before.slots(), older).unwrap();
        }
        for power in 0.. {
            let mut flash = Flash { power, ..before.clone() };
            let done = save(&mut flash.slots(), newer);
            assert!(matches!(done, Ok(()) | Err(Error::Flash(Fault::Off))), "{done:?}");
            flash.power = usize::MAX;
            look(&mut flash.slots(), done.is_ok());
            if done.is_ok() {
                assert!(power > newer.len() + SECTOR, "each byte is cut");
                break;
            }
        }
    }
}

/// With flash of these units and sectors.
fn one_of_the_two_is_whole<const UNIT: usize, const SECTOR: usize>() {
    let (older, newer) = (content(1, 70), content(2, 77));
    for saved in 0..4 {
        let mut seen = [false; 2];
        cut_everywhere::<UNIT, SECTOR>(saved, &older, &newer, &mut |slots, is_done| {
            let found = load(slots);
            let is_newer = found.as_ref() == Some(&newer);
            assert!(is_newer || found == (saved > 0).then(|| older.clone()));
            assert!(is_newer || !is_done, "what was saved is there");
            seen[usize::from(is_newer)] = true;
            let next = content(3, 50);
            save(slots, &next).expect("there is power again");
            assert_eq!(load(slots), Some(next));
        });
        assert_eq!(seen, [true, true]);
    }
}

#[test]
fn a_cut_at_any_byte_leaves_the_older_or_the_newer() {
    one_of_the_two_is_whole::<1, 128>();
    one_of_the_two_is_whole::<4, 1024>();
    one_of_the_two_is_whole::<8, 512>();
    one_of_the_two_is_whole::<32, 512>();
    one_of_the_two_is_whole::<256, 512>();
}

/// Three small nets, of which one can leave.
fn course() -> Course {
    let entries = [(1, 1), (2, 1), (0, 0)].iter().zip(0..).map(|(&(hidden, layers), seed)| {
        Entry::new(Shape::new(1, hidden, layers, 1), seed).optimizer(Optimizer::ADAM)
    });
    let settings = Settings { batch: 4, check: 20, mixing: Mixing::GRADIENT, ..Settings::NEW };
    Course { entries: entries.collect(), settings, task: Task::Sine, seed: 3, samples: 90 }
}

/// Drives the race to where `until` says, from wherever it is, and returns its hash.
fn drive(race: &mut Race<'_>, course: &Course, until: usize) -> u32 {
    let (inputs, targets) = course.stream();
    let at = race.samples() as usize + race.pending();
    race.stretch(&inputs[at..until], &targets[at..until], &mut |_| ()).unwrap();
    if until == course.samples {
        race.finish(&mut |_| ());
    }
    race.hash()
}

#[test]
fn a_race_cut_while_it_is_saved_ends_in_the_same_bits() {
    let course = course();
    let numbers = Plan::of(&course.entries, &course.settings).total();
    let race_in = |memory: &mut [f32], books: &mut [Book], then: &mut dyn FnMut(&mut Race<'_>)| {
        let race = Race::new(&course.entries, course.settings, memory, books);
        then(&mut race.expect("the course is sound"));
    };
    // Whatever was in memory is lost.
    let anew = |then: &mut dyn FnMut(&mut Race<'_>)| {
        let mut books = vec![Book::NEW; course.entries.len()];
        race_in(&mut vec![f32::NAN; numbers], &mut books, then);
    };
    let (mut whole, mut older, mut newer) = (0, Vec::new(), Vec::new());
    anew(&mut |race| {
        for (until, bytes) in [(41, &mut older), (75, &mut newer)] {
            drive(race, &course, until);
            race.save(&mut |word| {
                bytes.extend(word);
                Ok::<_, ()>(())
            })
            .unwrap();
        }
        whole = drive(race, &course, course.samples);
    });
    let mut seen = [0; 2];
    cut_everywhere::<8, 2048>(2, &older, &newer, &mut |slots, is_done| {
        anew(&mut |race| {
            let mut content = slots.load().expect("one of the two is whole");
            race.restore_by(&mut |at| content.word(at)).expect("it is of this race");
            let at = race.samples() as usize + race.pending();
            assert!(at == 75 || at == 41 && !is_done, "{at}");
            seen[usize::from(at == 75)] += 1;
            assert_eq!(drive(race, &course, course.samples), whole);
        });
    });
    assert!(seen[0] > older.len() && seen[1] >= TORN.len(), "{seen:?}");
}

/// A race gives its words to the slots itself.
#[test]
fn a_race_saves_itself() {
    let course = course();
    let mut memory = vec![0.0; Plan::of(&course.entries, &course.settings).total()];
    let mut books = vec![Book::NEW; course.entries.len()];
    let mut race = Race::new(&course.entries, course.settings, &mut memory, &mut books).unwrap();
    let mut flash = Flash::<4, 4096>::new(2);
    for until in [30, 50, 77] {
        drive(&mut race, &course, until);
        flash.slots().save(race.snapshot_bytes(), |sink| race.save(sink)).unwrap();
    }
    drive(&mut race, &course, 80);
    let mut slots = flash.slots();
    let mut content = slots.load().unwrap();
    assert_eq!(content.bytes(), race.snapshot_bytes());
    race.restore_by(&mut |at| content.word(at)).unwrap();
    assert_eq!(race.samples() as usize + race.pending(), 77);
}

/// A slot as the description of the layout has it.
fn slot(unit: usize, sequence: u32, length: u32, content: &[u8]) -> Vec<u8> {
    let fields = [sequence.to_le_bytes(), length.to_le_bytes()].concat();
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&[&fields, content].concat());
    let mut bytes = Vec::new();
    for part in [&[&fields[..], &crc.to_le_bytes()].concat()[..], b"SLOT", content] {
        bytes.extend(part);
        bytes.resize(bytes.len().next_multiple_of(unit), 0xff);
    }
    bytes
}

#[test]
fn the_layout_is_as_described() {
    let mut flash = Flash::<8, 512>::new(2);
    let bytes = content(1, 3);
    for sequence in 0..4_u32 {
        save(&mut flash.slots(), &bytes).unwrap();
        let expected = slot(8, sequence, 12, &bytes);
        let start = sequence as usize % 2 * 512;
        assert_eq!(flash.bytes[start..start + expected.len()], expected, "they take turns");
    }
    assert_eq!(flash.bytes[48..512], [0xff; 464]);
}

#[test]
fn the_newer_is_known_after_numbers_have_gone_round() {
    for (first, second, newer) in [
        (0, 1, 2),
        (1, 0, 1),
        (u32::MAX, 0, 2),
        (0, u32::MAX, 1),
        (1 << 31, (1 << 31) - 1, 1),
        ((1 << 31) - 1, 1 << 31, 2),
    ] {
        let mut flash = Flash::<1, 512>::new(2);
        for (kind, sequence, start) in [(1, first, 0), (2, second, 512)] {
            let slot = slot(1, sequence, 40, &content(kind, 10));
            flash.bytes[start..start + slot.len()].copy_from_slice(&slot);
        }
        let mut slots = flash.slots();
        assert_eq!(load(&mut slots), Some(content(newer, 10)), "{first} {second}");
        save(&mut slots, &content(3, 5)).unwrap();
        assert_eq!(load(&mut flash.slots()), Some(content(3, 5)), "{first} {second}");
        save(&mut flash.slots(), &content(4, 5)).unwrap();
        assert_eq!(load(&mut flash.slots()), Some(content(4, 5)), "{first} {second}");
    }
}

/// Whole by its CRC, and yet none that was saved.
#[test]
fn a_slot_that_reaches_into_the_other_is_not_good() {
    for (length, is_good) in [(496, true), (497, false), (500, false), (1008, false)] {
        let mut flash = Flash::<4, 512>::new(2);
        let bytes = slot(4, 7, length, &vec![3; length as usize]);
        flash.bytes[..bytes.len()].copy_from_slice(&bytes);
        assert_eq!(load(&mut flash.slots()).is_some(), is_good, "{length}");
    }
    let mut flash = Flash::<4, 512>::new(2);
    let bytes = slot(4, 7, 10, &[3; 10]);
    flash.bytes[..bytes.len()].copy_from_slice(&bytes);
    assert_eq!(load(&mut flash.slots()), None, "half a word");
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut flash = Flash::<8, 512>::new(4);
    save(&mut flash.slots(), &content(1, 20)).unwrap();
    let before = flash.bytes.clone();
    let mut slots = flash.slots();
    assert_eq!(slots.room(), 1024 - 24);
    for bytes in [1004, usize::MAX - 3, u32::MAX as usize + 5] {
        let error = slots.save(bytes, |_| panic!("nothing is asked for")).unwrap_err();
        assert_eq!(error, Error::Room { bytes, room: 1000 });
        let expected = format!("{bytes} bytes do not fit in a slot, which holds 1000");
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(slots.save(6, |_| panic!("nothing is asked for")), Err(Error::Length));
    assert_eq!(flash.bytes, before);
    save(&mut flash.slots(), &content(2, 250)).expect("that just fits");
    assert_eq!(load(&mut flash.slots()), Some(content(2, 250)));
}

#[test]
fn content_of_another_length_is_not_saved() {
    let mut flash = Flash::<4, 512>::new(2);
    let older = content(1, 20);
    save(&mut flash.slots(), &older).unwrap();
    let mut slots = flash.slots();
    for words in [0, 9, 11, 400] {
        let saved = slots.save(40, |sink| (0..words).try_for_each(|_| sink([7; 4])));
        assert_eq!(saved, Err(Error::Length), "{words}");
        assert_eq!(load(&mut slots), Some(older.clone()));
    }
    let saved = slots.save(40, |_| Err(Error::Flash(Fault::Off)));
    assert_eq!(saved, Err(Error::Flash(Fault::Off)), "an error of whoever writes is passed on");
    assert_eq!(load(&mut slots), Some(older.clone()));
    assert_eq!(load(&mut flash.slots()), Some(older));
}

#[test]
fn flash_that_does_not_hold_is_noticed() {
    for worn in 0..40 {
        let mut flash = Flash::<4, 512>::new(2);
        save(&mut flash.slots(), &content(1, 6)).unwrap();
        flash.worn = Some(512 + worn);
        let mut slots = flash.slots();
        let good = slot(4, 1, 24, &content(9, 6))[worn] == 0;
        let expected = if good { Ok(()) } else { Err(Error::Worn) };
        assert_eq!(save(&mut slots, &content(9, 6)), expected, "{worn}");
        let kind = if good { 9 } else { 1 };
        assert_eq!(load(&mut slots), Some(content(kind, 6)), "{worn}");
        assert_eq!(load(&mut flash.slots()), Some(content(kind, 6)), "{worn}");
    }
}

#[test]
fn ranges_are_two_halves_of_whole_sectors() {
    let mut flash = Flash::<4, 512>::new(6);
    for (start, end) in
        [(0, 0), (0, 512), (0, 1536), (4, 1028), (512, 512), (2048, 1024), (3072, 4096), (0, 1025)]
    {
        assert_eq!(Slots::new(&mut flash, start..end).err(), Some(Error::Range), "{start} {end}");
    }
    let before = flash.bytes.clone();
    let mut slots = Slots::new(&mut flash, 1024..3072).unwrap();
    assert_eq!(slots.room(), 1024 - 16);
    let full = content(1, 252);
    save(&mut slots, &full).unwrap();
    save(&mut slots, &full).unwrap();
    assert_eq!(load(&mut slots), Some(full));
    assert_eq!(flash.bytes[..1024], before[..1024], "what is outside stays");
}

proptest! {
    #![proptest_config(derby_tests::property(400, 12))]

    /// Power that goes again and again.
    #[test]
    fn cuts_in_any_order(
        cuts in prop::collection::vec((0_usize..1800, 0_usize..3, 0_u16..200), 1..30),
    ) {
        let mut flash = Flash::<8, 512>::new(4);
        let mut last = None;
        for (kind, (power, torn, words)) in (0..).zip(cuts) {
            (flash.power, flash.torn) = (power, TORN[torn]);
            let next = content(kind, words);
            let done = save(&mut flash.slots(), &next);
            flash.power = usize::MAX;
            let found = load(&mut flash.slots());
            prop_assert!(found.as_ref() == Some(&next) || done.is_err() && found == last);
            last = found;
        }
    }

    /// Flash in which anything stands, right checks and wrong lengths too.
    #[test]
    fn garbage_is_nothing_or_sound(
        noise in prop::collection::vec(any::<u8>(), 1024),
        heads in prop::collection::vec((any::<u32>(), 0_usize..600, any::<i8>(), any::<bool>()), 2),
    ) {
        let mut flash = Flash::<4, 512>::new(2);
        flash.bytes.copy_from_slice(&noise);
        for (start, (sequence, length, slip, is_there)) in [0, 512].into_iter().zip(heads) {
            let sound = length.min(496);
            let said = (length as u32).wrapping_add_signed(if slip < 0 { slip.into() } else { 0 });
            let bytes = slot(4, sequence, said, &noise[..sound]);
            if is_there {
                let end = bytes.len().min(512);
                flash.bytes[start..start + end].copy_from_slice(&bytes[..end]);
            }
        }
        if let Some(bytes) = load(&mut flash.slots()) {
            prop_assert!(bytes == noise[..bytes.len()]);
        }
        let next = content(3, 100);
        save(&mut flash.slots(), &next).unwrap();
        prop_assert_eq!(load(&mut flash.slots()), Some(next));
    }
}
