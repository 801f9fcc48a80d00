//! The whole race as bytes and back: a race that was stopped goes on as if it had not been.
//!
//! ```text
//! "DRBY" | format | fingerprint | words | state, word by word | crc     4 bytes each, low first
//! ```
//! The fingerprint is the CRC-32 of entries and settings as postcard writes them, without
//! [`Settings::stretch`], which changes no bits: what one machine saved another may restore. The
//! last word is the CRC-32/ISO-HDLC of all words before it.

use crc::{CRC_32_ISO_HDLC, Crc, Digest};
use postcard::ser_flavors::Flavor;

use crate::{Entry, Race, RestoreError, Settings};

/// The version of a snapshot's layout. It counts up whenever a line of `state!` changes.
pub const SNAPSHOT_FORMAT: u32 = 1;

const MAGIC: u32 = u32::from_le_bytes(*b"DRBY");
/// Words before the state.
const HEAD: usize = 4;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// What is shown each word of a state, in order, and may change it.
pub(crate) type Visit<'v> = dyn FnMut(&mut u32) + 'v;

/// What a snapshot holds. One walk over the words serves writing and reading.
pub(crate) trait State {
    /// Shows every word.
    fn visit(&mut self, visit: &mut Visit<'_>);
}

/// Names a type's fields that are part of a snapshot, and behind `not` those that are none:
/// what the settings decide, and buffers that hold nothing between two samples. A field that is
/// in neither list does not compile.
macro_rules! state {
    ($type:ty: $($field:ident),+ $(; not $($other:ident),+)?) => {
        impl $crate::snapshot::State for $type {
            fn visit(&mut self, visit: &mut $crate::snapshot::Visit<'_>) {
                let Self { $($field,)+ $($($other: _,)+)? } = self;
                $($field.visit(visit);)+
            }
        }
    };
}
pub(crate) use state;

impl State for u32 {
    fn visit(&mut self, visit: &mut Visit<'_>) {
        visit(self);
    }
}

impl State for f32 {
    fn visit(&mut self, visit: &mut Visit<'_>) {
        let mut word = self.to_bits();
        visit(&mut word);
        *self = Self::from_bits(word);
    }
}

impl State for bool {
    fn visit(&mut self, visit: &mut Visit<'_>) {
        let mut word = u32::from(*self);
        visit(&mut word);
        *self = word != 0;
    }
}

/// The low half first.
impl State for u64 {
    fn visit(&mut self, visit: &mut Visit<'_>) {
        let (mut low, mut high) = (*self as u32, (*self >> 32) as u32);
        visit(&mut low);
        visit(&mut high);
        *self = Self::from(high) << 32 | Self::from(low);
    }
}

/// For numbers below 2^32.
impl State for usize {
    fn visit(&mut self, visit: &mut Visit<'_>) {
        let mut word = *self as u32;
        visit(&mut word);
        *self = word as Self;
    }
}

impl<T: State> State for [T] {
    fn visit(&mut self, visit: &mut Visit<'_>) {
        self.iter_mut().for_each(|item| item.visit(visit));
    }
}

/// Takes bytes in and gives their CRC-32 out.
struct Check(Digest<'static, u32>);

impl Check {
    fn new() -> Self {
        static TABLE: Crc<u32> = CRC;
        Self(TABLE.digest())
    }

    fn add(&mut self, word: [u8; 4]) -> [u8; 4] {
        self.0.update(&word);
        word
    }
}

impl Flavor for Check {
    type Output = u32;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.update(&[byte]);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<u32> {
        Ok(self.0.finalize())
    }
}

/// Names a race: two races of the same entries and settings have the same fingerprint.
pub fn fingerprint(entries: &[Entry], settings: &Settings) -> u32 {
    let settings = Settings { stretch: 1, ..*settings };
    // It fails only where the flavor does.
    postcard::serialize_with_flavor(&(entries, settings), Check::new()).unwrap_or_default()
}

/// Snapshots.
impl Race<'_> {
    /// Gives the race's snapshot to `sink`, word by word, and changes nothing.
    ///
    /// # Errors
    /// The first that `sink` gives; it is called no more then.
    pub fn save<E>(&mut self, sink: &mut dyn FnMut([u8; 4]) -> Result<(), E>) -> Result<(), E> {
        let mut check = Check::new();
        for word in self.head() {
            sink(check.add(word.to_le_bytes()))?;
        }
        let mut done = Ok(());
        self.visit(&mut |word| {
            if done.is_ok() {
                done = sink(check.add(word.to_le_bytes()));
            }
        });
        done?;
        sink(check.0.finalize().to_le_bytes())
    }

    /// Bytes of the race's snapshot; the same at any time.
    pub fn snapshot_bytes(&mut self) -> usize {
        let mut words = 0_usize;
        self.visit(&mut |_| words = words.saturating_add(1));
        words.saturating_add(HEAD).saturating_add(1).saturating_mul(4)
    }

    /// Takes up the race where `snapshot` was saved: the same samples from there on give the same
    /// bits, and [`Self::samples`] and [`Self::pending`] together say which sample is the next.
    /// What comes behind the snapshot is not looked at.
    ///
    /// ```
    /// # use derby_core::{Entry, Plan, Settings, Shape, Storage, Task};
    /// # const ENTRIES: [Entry; 1] = [Entry::new(Shape::new(1, 4, 1, 1), 0)];
    /// # const FLOATS: usize = Plan::of(&ENTRIES, &Settings::NEW).total();
    /// # let mut storage = Storage::<1, FLOATS>::new();
    /// # let mut race = storage.race(&ENTRIES, Settings::NEW)?;
    /// race.step(&[0.5], &[1.0], &mut |_| ())?;
    /// let mut snapshot = Vec::new();
    /// race.save(&mut |word| {
    ///     snapshot.extend(word);
    ///     Ok::<(), ()>(())
    /// });
    ///
    /// let mut storage = Storage::<1, FLOATS>::new();
    /// let mut again = storage.race(&ENTRIES, Settings::NEW)?;
    /// again.restore(&snapshot)?;
    /// assert_eq!(again.pending(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RestoreError`] when it is not a whole snapshot of this race.
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError> {
        self.restore_by(&mut |at| snapshot.get(at..)?.first_chunk().copied())
    }

    /// [`Self::restore`] from wherever `read` finds the four bytes from the given place on; every
    /// word is read twice.
    ///
    /// # Errors
    /// As [`Self::restore`], and [`RestoreError::Cut`] where `read` gives `None`.
    pub fn restore_by(
        &mut self,
        read: &mut dyn FnMut(usize) -> Option<[u8; 4]>,
    ) -> Result<(), RestoreError> {
        let mut word = |index: usize| read(index.saturating_mul(4)).ok_or(RestoreError::Cut);
        let expected = self.head();
        let mut check = Check::new();
        for (index, expected) in expected.into_iter().enumerate() {
            let found = u32::from_le_bytes(check.add(word(index)?));
            if found != expected {
                return Err(match index {
                    0 => RestoreError::NoSnapshot,
                    1 => RestoreError::Format { found },
                    _ => RestoreError::OtherRace,
                });
            }
        }
        let [.., words] = expected;
        let end = HEAD.saturating_add(words as usize);
        // The first word of the state, see the list in `race`.
        let pending = u32::from_le_bytes(word(HEAD)?);
        for index in HEAD..end {
            check.add(word(index)?);
        }
        let is_whole = word(end)? == check.0.finalize().to_le_bytes();
        if !is_whole || pending as usize >= self.settings().batch {
            return Err(RestoreError::Damaged);
        }
        let mut index = HEAD;
        self.visit(&mut |slot| {
            if let Ok(bytes) = word(index) {
                *slot = u32::from_le_bytes(bytes);
            }
            index = index.saturating_add(1);
        });
        Ok(())
    }

    /// Magic, format, fingerprint, words of the state.
    fn head(&mut self) -> [u32; HEAD] {
        let words = self.snapshot_bytes() / 4;
        let words = words.saturating_sub(HEAD).saturating_sub(1);
        [MAGIC, SNAPSHOT_FORMAT, fingerprint(self.entries(), self.settings()), words as u32]
    }
}
