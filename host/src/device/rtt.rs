//! Real-Time Transfer: channels in a board's memory, which a debug probe reads and writes while
//! the program runs.
//!
//! ```text
//! block    "SEGGER RTT" and zeros (16 bytes), up channels, down channels: counts (4 bytes each)
//! channel  name, buffer (addresses), size, written, read (places in the buffer), flags
//! ```
//! A block's channels follow it, those up to the host first. A buffer is full when one more byte
//! would make both places equal.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use derby_boards::Region;

/// A board's memory.
pub trait Memory {
    /// Reads `length` bytes.
    ///
    /// # Errors
    /// When the board does not answer.
    fn read(&mut self, address: u32, length: usize) -> Result<Vec<u8>>;

    /// Writes bytes.
    ///
    /// # Errors
    /// When the board does not answer.
    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()>;
}

/// Between two looks at a board that had nothing to tell.
pub const PAUSE: Duration = Duration::from_millis(50);
/// What a block begins with.
const MAGIC: &[u8; 16] = b"SEGGER RTT\0\0\0\0\0\0";
/// Bytes of a block before its channels.
const HEAD: usize = 24;
/// Bytes of a channel.
const CHANNEL: usize = 24;
/// The flags of a channel whose writer waits for room.
const BLOCK_IF_FULL: u32 = 2;
/// More channels than this are no block.
const MOST: u32 = 16;

/// Where a board's channels are.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    address: u32,
    up: usize,
    down: usize,
}

/// A channel as it stands.
#[derive(Clone, Copy, Debug)]
struct Channel {
    /// Where its description lies.
    at: u32,
    buffer: u32,
    size: u32,
    written: u32,
    read: u32,
}

impl Block {
    /// The channels whose block lies at `address`. A board that has just been reset sets them up
    /// first; it is looked at again and again for as long as `patience` says.
    ///
    /// # Errors
    /// When the board does not answer, or has not set its channels up by then.
    pub fn at(memory: &mut impl Memory, address: u32, patience: Duration) -> Result<Self> {
        let begun = Instant::now();
        loop {
            if let Some(block) = Self::of(address, &memory.read(address, HEAD)?) {
                return Ok(block);
            }
            ensure!(begun.elapsed() < patience, "the board did not start");
            thread::sleep(PAUSE);
        }
    }

    /// Looks for the channels in all of `ram`.
    ///
    /// # Errors
    /// When the board does not answer.
    pub fn find(memory: &mut impl Memory, ram: Region) -> Result<Option<Self>> {
        let bytes = memory.read(ram.origin, ram.length as usize)?;
        Ok(bytes.windows(HEAD).zip(ram.origin..).find_map(|(head, at)| Self::of(at, head)))
    }

    fn of(address: u32, head: &[u8]) -> Option<Self> {
        let (up, down) = (word(head, 4), word(head, 5));
        let is_block = head.starts_with(MAGIC) && up <= MOST && down <= MOST;
        is_block.then_some(Self { address, up: up as usize, down: down as usize })
    }

    /// Makes the board wait where a channel up to the host is full, from now on.
    ///
    /// # Errors
    /// When the board does not answer.
    pub fn lose_nothing(&self, memory: &mut impl Memory) -> Result<()> {
        let flags = |place: usize| self.address + (HEAD + place * CHANNEL + 20) as u32;
        (0..self.up).try_for_each(|place| memory.write(flags(place), &BLOCK_IF_FULL.to_le_bytes()))
    }

    /// Takes what stands in each of the channels up to the host.
    ///
    /// # Errors
    /// When the board does not answer, or the channels are broken.
    pub fn take(&self, memory: &mut impl Memory) -> Result<Vec<Vec<u8>>> {
        let channels = self.channels(memory)?;
        channels.iter().take(self.up).map(|channel| channel.take(memory)).collect()
    }

    /// Bytes that the first channel down to the board has room for.
    ///
    /// # Errors
    /// When the board does not answer, or the channels are broken.
    pub fn room(&self, memory: &mut impl Memory) -> Result<usize> {
        Ok(self.down(memory)?.room() as usize)
    }

    /// Whether the board has taken all that it was sent.
    ///
    /// # Errors
    /// When the board does not answer, or the channels are broken.
    pub fn is_taken(&self, memory: &mut impl Memory) -> Result<bool> {
        let channel = self.down(memory)?;
        Ok(channel.written == channel.read)
    }

    /// Puts `bytes` into the first channel down to the board, which must have the room.
    ///
    /// # Errors
    /// When the board does not answer, or has no room.
    pub fn put(&self, memory: &mut impl Memory, bytes: &[u8]) -> Result<()> {
        self.down(memory)?.put(memory, bytes)
    }

    fn down(&self, memory: &mut impl Memory) -> Result<Channel> {
        let channels = self.channels(memory)?;
        channels.get(self.up).copied().context("the board has no channel for samples")
    }

    fn channels(&self, memory: &mut impl Memory) -> Result<Vec<Channel>> {
        let count = self.up + self.down;
        let start = self.address + HEAD as u32;
        let bytes = memory.read(start, count * CHANNEL)?;
        let channels = bytes.chunks_exact(CHANNEL).zip(0..).map(|(bytes, place)| {
            let [buffer, size, written, read] = [1, 2, 3, 4].map(|place| word(bytes, place));
            ensure!(
                written.max(read) < size.max(1) && size < 1 << 20,
                "the board's channels are broken"
            );
            Ok(Channel { at: start + place * CHANNEL as u32, buffer, size, written, read })
        });
        channels.collect()
    }
}

impl Channel {
    fn take(&self, memory: &mut impl Memory) -> Result<Vec<u8>> {
        let Self { at, buffer, size, written, read } = *self;
        if written == read {
            return Ok(Vec::new());
        }
        let end = if written > read { written } else { size };
        let mut bytes = memory.read(buffer + read, (end - read) as usize)?;
        if written < read && written > 0 {
            bytes.extend(memory.read(buffer, written as usize)?);
        }
        memory.write(at + 16, &written.to_le_bytes())?;
        Ok(bytes)
    }

    fn room(&self) -> u32 {
        (self.read + self.size).saturating_sub(self.written + 1) % self.size.max(1)
    }

    fn put(&self, memory: &mut impl Memory, bytes: &[u8]) -> Result<()> {
        ensure!(bytes.len() <= self.room() as usize, "the board has no room for {} bytes", {
            bytes.len()
        });
        let to_end = (self.size - self.written) as usize;
        let (first, second) = bytes.split_at(bytes.len().min(to_end));
        for (place, bytes) in [(self.written, first), (0, second)] {
            if !bytes.is_empty() {
                memory.write(self.buffer + place, bytes)?;
            }
        }
        let written = (self.written + bytes.len() as u32) % self.size;
        memory.write(self.at + 12, &written.to_le_bytes())
    }
}

/// The word at a place among words.
fn word(bytes: &[u8], place: usize) -> u32 {
    let word = bytes.as_chunks().0.get(place);
    word.map_or(0, |word| u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAM: Region = Region { origin: 0x2000_0000, length: 256 };

    /// A board with one channel each way: the block at 8, up buffer of 8 bytes at 128, down
    /// buffer of 4 at 160.
    struct Ram(Vec<u8>);

    impl Ram {
        fn new() -> Self {
            let mut bytes = vec![0; RAM.length as usize];
            bytes[8..24].copy_from_slice(MAGIC);
            let words = [1, 1, 0, RAM.origin + 128, 8, 0, 0, 2, 0, RAM.origin + 160, 4, 0, 0, 2];
            for (slot, word) in bytes[24..].chunks_exact_mut(4).zip(words) {
                slot.copy_from_slice(&word.to_le_bytes());
            }
            Self(bytes)
        }

        /// The board writes to its up channel.
        fn say(&mut self, bytes: &[u8]) {
            let mut at = word(&self.0[8 + HEAD..], 3) as usize;
            for byte in bytes {
                self.0[128 + at] = *byte;
                at = (at + 1) % 8;
            }
            self.0[8 + HEAD + 12..][..4].copy_from_slice(&(at as u32).to_le_bytes());
        }

        /// The board reads its down channel.
        fn hear(&mut self) -> Vec<u8> {
            let channel = 8 + HEAD + CHANNEL;
            let (written, mut at) = (word(&self.0[channel..], 3), word(&self.0[channel..], 4));
            let mut bytes = Vec::new();
            while at != written {
                bytes.push(self.0[160 + at as usize]);
                at = (at + 1) % 4;
            }
            self.0[channel + 16..][..4].copy_from_slice(&at.to_le_bytes());
            bytes
        }
    }

    impl Memory for Ram {
        fn read(&mut self, address: u32, length: usize) -> Result<Vec<u8>> {
            let start = (address - RAM.origin) as usize;
            self.0.get(start..start + length).map(<[u8]>::to_vec).context("no memory")
        }

        fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
            let start = (address - RAM.origin) as usize;
            self.0[start..start + bytes.len()].copy_from_slice(bytes);
            Ok(())
        }
    }

    #[test]
    fn bytes_go_both_ways_and_around_the_end() {
        let mut ram = Ram::new();
        let block = Block::find(&mut ram, RAM).unwrap().unwrap();
        for round in 0_u8..20 {
            let said: Vec<u8> = (0..round % 8).map(|place| round ^ place).collect();
            ram.say(&said);
            assert_eq!(block.take(&mut ram).unwrap(), [said]);

            let sent: Vec<u8> = (0..round % 4).map(|place| round + place).collect();
            assert_eq!(block.room(&mut ram).unwrap(), 3);
            block.put(&mut ram, &sent).unwrap();
            assert_eq!(block.room(&mut ram).unwrap(), 3 - sent.len());
            assert_eq!(block.is_taken(&mut ram).unwrap(), sent.is_empty());
            assert!(block.put(&mut ram, &[0; 4]).is_err());
            assert_eq!(ram.hear(), sent);
        }
    }

    #[test]
    fn memory_without_channels_has_none() {
        assert!(Block::find(&mut Ram(vec![0; 256]), RAM).unwrap().is_none());
        let error = Block::at(&mut Ram(vec![0; 256]), RAM.origin + 8, Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "the board did not start");
        let mut broken = Ram::new();
        broken.0[8 + HEAD + 12] = 99;
        let block = Block::at(&mut broken, RAM.origin + 8, Duration::ZERO).unwrap();
        assert!(block.take(&mut broken).is_err());
    }

    /// A board whose memory is empty for so many looks.
    struct Late(usize, Ram);

    impl Memory for Late {
        fn read(&mut self, address: u32, length: usize) -> Result<Vec<u8>> {
            if self.0 == 0 {
                return self.1.read(address, length);
            }
            self.0 -= 1;
            Ok(vec![0; length])
        }

        fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
            self.1.write(address, bytes)
        }
    }

    #[test]
    fn a_board_may_take_its_time_to_start() {
        let mut board = Late(3, Ram::new());
        let block = Block::at(&mut board, RAM.origin + 8, Duration::MAX).unwrap();
        assert_eq!((board.0, block.up, block.down), (0, 1, 1));
    }
}
