//! A race on disk: all that is needed to go on with it as if it had never stopped.
//!
//! ```text
//! derby checkpoint 1     the format
//! {"race":{..},..}       what race it is, how far it has come, and the lengths of what follows
//! events                 all so far, as frames of `derby_wire`
//! snapshot               of `derby_core`
//! crc                    4 bytes, low first: CRC-32/ISO-HDLC of all before
//! ```
//! A file is written beside the one it replaces and takes its name when it is whole on disk; the
//! one before it is kept under the same name with `.bak` behind. So whenever the power goes, one
//! of the two is whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use derby_core::{Event, Race};
use derby_wire::Frames;
use flate2::Crc;
use serde::{Deserialize, Serialize};
use thiserror::Error;

const TITLE: &[u8] = b"derby checkpoint ";
/// The version of the file's layout.
const FORMAT: u32 = 1;
/// Most bytes of the two lines in front.
const MOST: usize = 1 << 20;
/// Longest file that is written and read, in bytes.
const LONGEST: u64 = 4 << 30;

/// What race it is and how far it has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The words behind `derby race` that started it.
    pub words: Vec<String>,
    /// Samples taken in.
    pub taken: u64,
    /// Samples of the whole race.
    pub samples: u64,
    /// Time taken so far.
    pub seconds: f64,
    /// CRC-32 of the table's text, where the race is on a table.
    pub table: Option<u32>,
}

/// A race, stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What race.
    pub head: Head,
    /// The frames of its events so far.
    pub events: Vec<u8>,
    /// The race itself.
    pub snapshot: Vec<u8>,
}

/// The second line of the file.
#[derive(Serialize, Deserialize)]
struct Line<H> {
    race: H,
    /// Bytes of events.
    events: usize,
    /// Bytes of the snapshot.
    snapshot: usize,
}

/// Bytes are not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// They are something else.
    #[error("this is no checkpoint of derby")]
    Foreign,
    /// They are of another version of it.
    #[error("the checkpoint has format {0}, this program reads format {FORMAT}")]
    Format(u32),
    /// They are not what was written.
    #[error("the checkpoint is damaged")]
    Damaged,
    /// They are too many.
    #[error("the file is longer than a checkpoint can be")]
    Long,
}

impl Checkpoint {
    /// The checkpoint as a file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { head, events, snapshot } = self;
        let line = Line { race: head, events: events.len(), snapshot: snapshot.len() };
        let line = serde_json::to_string(&line).unwrap_or_default();
        let mut bytes = TITLE.to_vec();
        bytes.extend(format!("{FORMAT}\n{line}\n").as_bytes());
        bytes.extend(events);
        bytes.extend(snapshot);
        let crc = crc(&bytes);
        bytes.extend(crc.to_le_bytes());
        bytes
    }

    /// The checkpoint that a file's bytes are.
    ///
    /// # Errors
    /// [`Fault`] when they are none, or not whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let rest = bytes.strip_prefix(TITLE).ok_or(Fault::Foreign)?;
        let (format, rest) = line(rest).ok_or(Fault::Foreign)?;
        let format = std::str::from_utf8(format).ok().and_then(|format| format.parse().ok());
        match format {
            Some(FORMAT) => {}
            Some(other) => return Err(Fault::Format(other)),
            None => return Err(Fault::Foreign),
        }
        let (content, sum) = bytes.split_last_chunk().ok_or(Fault::Damaged)?;
        if crc(content) != u32::from_le_bytes(*sum) {
            return Err(Fault::Damaged);
        }
        let (line, rest) =
            line(&rest[..rest.len().saturating_sub(sum.len())]).ok_or(Fault::Damaged)?;
        let Line { race: head, events, snapshot } =
            serde_json::from_slice(line).map_err(|_| Fault::Damaged)?;
        let (events, rest) = rest.split_at_checked(events).ok_or(Fault::Damaged)?;
        if rest.len() != snapshot {
            return Err(Fault::Damaged);
        }
        Ok(Self { head, events: events.to_vec(), snapshot: rest.to_vec() })
    }

    /// The newest good checkpoint at `path`: the file itself, or the one before it when that is
    /// damaged or missing, which standard error then says.
    ///
    /// # Errors
    /// When neither can be read.
    pub fn read(path: &Path) -> Result<Self> {
        let newest = match open(path) {
            Ok(newest) => return Ok(newest),
            Err(error) => error,
        };
        match open(&backup(path)) {
            Ok(older) => {
                eprintln!("derby: {newest:#}; the one before it is used");
                Ok(older)
            }
            Err(_) => Err(newest),
        }
    }

    /// The events so far, of nets and outputs so many that a frame has `room` bytes.
    ///
    /// # Errors
    /// [`Fault::Damaged`] when they are not that.
    pub fn events(&self, room: usize) -> Result<Vec<Event<Vec<f32>>>, Fault> {
        let mut frames = Frames::new(vec![0; room]);
        let mut events = Vec::new();
        for &byte in &self.events {
            if let Some(content) = frames.push(byte) {
                events.push(derby_wire::read_event(content).map_err(|_| Fault::Damaged)?);
            }
        }
        Ok(events)
    }
}

/// Up to the next end of a line, which must not be far.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().take(MOST).position(|&byte| byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn open(path: &Path) -> Result<Checkpoint> {
    let place = || path.display().to_string();
    let bytes = bytes(path).with_context(place)?;
    Checkpoint::from_bytes(&bytes).with_context(place)
}

/// The bytes of a file that begins as a checkpoint does and is no longer than one can be.
fn bytes(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    (&file).take(TITLE.len() as u64).read_to_end(&mut bytes)?;
    if bytes != TITLE {
        return Err(Fault::Foreign.into());
    }
    fits(file.metadata()?.len())?;
    // What is no plain file does not say its length.
    file.take(LONGEST).read_to_end(&mut bytes)?;
    fits(bytes.len() as u64)?;
    Ok(bytes)
}

fn fits(bytes: u64) -> Result<(), Fault> {
    if bytes > LONGEST { Err(Fault::Long) } else { Ok(()) }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// Where the checkpoint before the one at `path` is kept.
pub fn backup(path: &Path) -> PathBuf {
    with_ending(path, ".bak")
}

/// Keeps a race on disk while it runs.
#[derive(Debug)]
pub struct Keeper {
    path: PathBuf,
    /// Samples between two checkpoints.
    every: u64,
    head: Head,
    events: Vec<u8>,
    frame: Vec<u8>,
    /// Whether the file is a good checkpoint, to be kept when the next one takes its name.
    is_good: bool,
}

impl Keeper {
    /// A keeper that writes to `path` after every `every` samples. `head` says what race it is,
    /// and a frame of its events has at most `room` bytes.
    ///
    /// # Errors
    /// When `path` or its backup is something else than a checkpoint, or holds a race that has
    /// not ended and is not the one to `resume`.
    pub fn new(
        path: &Path,
        every: u64,
        head: Head,
        room: usize,
        resumed: Option<&Checkpoint>,
    ) -> Result<Self> {
        let place = || format!("--checkpoint {}", path.display());
        for path in [path, &backup(path)] {
            if is_foreign(path).with_context(place)? {
                bail!("{}: {} is another kind of file", place(), path.display());
            }
        }
        // Found out now, and not when there is something to lose.
        let new = with_ending(path, ".new");
        File::create(&new).and_then(|_| fs::remove_file(&new)).with_context(place)?;
        let old = open(path).ok();
        if let Some(old) = &old
            && Some(&old.head) != resumed.map(|resumed| &resumed.head)
            && old.head.taken < old.head.samples
        {
            let Head { taken, samples, .. } = old.head;
            bail!(
                "{}: it holds a race that was stopped at {taken} of {samples} samples; remove it, \
                 or go on with it: derby race --resume {}",
                place(),
                path.display()
            );
        }
        let events = resumed.map(|resumed| resumed.events.clone()).unwrap_or_default();
        Ok(Self {
            path: path.to_owned(),
            every: every.max(1),
            head,
            events,
            frame: vec![0; room],
            is_good: old.is_some(),
        })
    }

    /// Where the checkpoints are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes an event in.
    pub fn event(&mut self, event: &Event<&[f32]>) {
        if let Ok(frame) = derby_wire::event(event, &mut self.frame) {
            self.events.extend_from_slice(frame);
        }
    }

    /// Samples from `taken` to the next checkpoint.
    pub fn until_next(&self, taken: u64) -> u64 {
        self.every - taken % self.every
    }

    /// Writes the race as it is after `taken` samples and `seconds`.
    ///
    /// # Errors
    /// When it cannot be written; the last checkpoint is then as it was.
    pub fn save(&mut self, race: &mut Race<'_>, taken: u64, seconds: f64) -> Result<()> {
        let mut snapshot = Vec::with_capacity(race.snapshot_bytes());
        let Ok(()) = race.save(&mut |word| {
            snapshot.extend(word);
            Ok::<_, std::convert::Infallible>(())
        });
        self.head.taken = taken;
        self.head.seconds = seconds;
        let checkpoint = Checkpoint {
            head: self.head.clone(),
            events: std::mem::take(&mut self.events),
            snapshot,
        };
        let bytes = checkpoint.to_bytes();
        self.events = checkpoint.events;
        let written = fits(bytes.len() as u64).map_err(io::Error::other);
        written.and_then(|()| self.write(&bytes)).map_err(|error| {
            let path = self.path.display();
            let last = if self.is_good { "; the last one is as it was" } else { "" };
            anyhow!(error).context(format!("--checkpoint {path}: it cannot be written{last}"))
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let new = with_ending(&self.path, ".new");
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = written {
            // What is there of it is of no use.
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        // A damaged file does not take the place of the good one before it.
        if self.is_good {
            fs::rename(&self.path, backup(&self.path))?;
        }
        fs::rename(&new, &self.path)?;
        self.is_good = true;
        sync_folder(&self.path)
    }
}

/// Whether `path` is there and does not begin as a checkpoint does.
fn is_foreign(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut start = Vec::new();
    file.take(TITLE.len() as u64).read_to_end(&mut start)?;
    Ok(start != TITLE)
}

/// Brings the names of the files in `path`'s folder to disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and names need no such step.
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Checkpoint {
        let head = Head {
            words: vec!["--task".to_owned(), "xor\n\u{1f3c7}".to_owned()],
            taken: 10,
            samples: 20,
            seconds: 0.1,
            table: Some(7),
        };
        Checkpoint { head, events: vec![1, 2, b'\n', 0], snapshot: vec![9; 100] }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = some().to_bytes();
        assert!(
            bytes.starts_with(b"derby checkpoint 1\n{\"race\":{\"words\":[\"--task\",\"xor\\n")
        );
        assert_eq!(Checkpoint::from_bytes(&bytes), Ok(some()));
    }

    #[test]
    fn every_damage_is_found() {
        let bytes = some().to_bytes();
        for length in 0..bytes.len() {
            let error = Checkpoint::from_bytes(&bytes[..length]).unwrap_err();
            let title = TITLE.len() + 2;
            let expected = if length < title { Fault::Foreign } else { Fault::Damaged };
            assert_eq!(error, expected, "{length}");
        }
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 4;
            assert!(Checkpoint::from_bytes(&bytes).is_err(), "{place}");
        }
        let newer = [b"derby checkpoint 2\n", &bytes[19..]].concat();
        assert_eq!(Checkpoint::from_bytes(&newer), Err(Fault::Format(2)));
    }

    /// Whole by its CRC, and yet nonsense.
    #[test]
    fn lengths_are_not_trusted() {
        let head = some().head;
        for (events, snapshot) in
            [(usize::MAX, 1), (1, usize::MAX), (usize::MAX, usize::MAX), (0, 0)]
        {
            let line = Line { race: head.clone(), events, snapshot };
            let line = serde_json::to_string(&line).unwrap();
            let mut bytes = format!("derby checkpoint 1\n{line}\nabcd").into_bytes();
            bytes.extend(crc(&bytes).to_le_bytes());
            assert_eq!(Checkpoint::from_bytes(&bytes), Err(Fault::Damaged));
        }
    }
}
