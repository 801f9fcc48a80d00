//! Where the bytes of a table come from, so that they can be read more than once.
//!
//! A regular file is read in place. Anything that can be read only once (standard input, a pipe)
//! is first copied to an unnamed temporary file, byte for byte and still compressed if it was:
//! an exact stratified split and statistics of the training rows alone need the whole table,
//! and a reservoir of rows would give neither. The copy costs disk, not memory.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::CrcWriter;
use flate2::bufread::MultiGzDecoder;

use super::error::{Error, Fault, Place};

/// Bytes read at a time.
const CHUNK: usize = 1 << 16;

/// Beginnings of files that people take for tables.
const FOREIGN: [(&[u8], &str); 9] = [
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"BZh", "bzip2 data"),
    (b"PAR1", "a Parquet file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
];

/// The bytes of a table under a name; cheap to clone, and every reader starts at the first byte.
#[derive(Clone)]
pub struct Source {
    name: Arc<str>,
    file: Arc<Mutex<File>>,
    size: u64,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Source {
    /// Opens `path`, or standard input for `-`.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] and [`Fault::Spool`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Self::spool("standard input", io::stdin().lock());
        }
        let name = path.display().to_string();
        let unreadable = |error| Error::new(&name, Place::FILE, Fault::Unreadable(error));
        let file = File::open(path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        if about.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        if !about.is_file() {
            return Self::spool(&name, file);
        }
        Ok(Self { name: name.into(), file: Arc::new(Mutex::new(file)), size: about.len() })
    }

    /// Copies what can be read only once to an unnamed temporary file.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] and [`Fault::Spool`].
    pub fn spool(name: &str, mut bytes: impl Read) -> Result<Self, Error> {
        let error = |fault| Error::new(name, Place::FILE, fault);
        let mut file = tempfile::tempfile().map_err(|e| error(Fault::Spool(e)))?;
        let mut chunk = vec![0; CHUNK];
        let mut size = 0_u64;
        loop {
            let count = match bytes.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(error(Fault::Unreadable(e))),
            };
            let part = chunk.get(..count).unwrap_or_default();
            file.write_all(part).map_err(|e| error(Fault::Spool(e)))?;
            size = size.saturating_add(count as u64);
        }
        Ok(Self { name: name.into(), file: Arc::new(Mutex::new(file)), size })
    }

    /// The path, or `standard input`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes as stored, so compressed if the file is.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// CRC-32/ISO-HDLC of the bytes as stored.
    pub(super) fn crc(&self) -> Result<u32, Fault> {
        let mut bytes = Cursor { file: Arc::clone(&self.file), at: Gauge::default() };
        let mut crc = CrcWriter::new(io::sink());
        io::copy(&mut bytes, &mut crc).map_err(Fault::Unreadable)?;
        Ok(crc.crc().sum())
    }

    /// The text from its beginning, decompressed if it is gzip, and a gauge of the bytes read.
    pub(super) fn text(&self) -> Result<(Text, Gauge), Fault> {
        let gauge = Gauge::default();
        let cursor = Cursor { file: Arc::clone(&self.file), at: gauge.clone() };
        let mut bytes = BufReader::with_capacity(CHUNK, cursor);
        let start = bytes.fill_buf().map_err(Fault::Unreadable)?;
        if start.starts_with(&[0x1f, 0x8b]) {
            let plain = BufReader::with_capacity(CHUNK, MultiGzDecoder::new(bytes));
            return Ok((Text { bytes: Box::new(plain), gzip: true }, gauge));
        }
        if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)) {
            return Err(Fault::Foreign(what));
        }
        Ok((Text { bytes: Box::new(bytes), gzip: false }, gauge))
    }
}

/// Bytes of text; `gzip` says whom to blame when they stop.
pub(super) struct Text {
    pub(super) bytes: Box<dyn BufRead + Send>,
    pub(super) gzip: bool,
}

impl Text {
    /// The fault behind an error of `bytes`.
    pub(super) fn fault(&self, error: io::Error) -> Fault {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match error.kind() {
            UnexpectedEof | InvalidData | InvalidInput if self.gzip => Fault::Gzip(error),
            _ => Fault::Unreadable(error),
        }
    }
}

/// Bytes of the stored file that one reader has taken so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauge(Arc<AtomicU64>);

impl Gauge {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One reader's place in a file that others read too.
struct Cursor {
    file: Arc<Mutex<File>>,
    at: Gauge,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.at.bytes();
        file.seek(SeekFrom::Start(at))?;
        let count = file.read(buffer)?;
        self.at.0.store(at.saturating_add(count as u64), Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &Source) -> Vec<u8> {
        let mut bytes = Vec::new();
        source.text().unwrap().0.bytes.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn readers_do_not_disturb_each_other() {
        let source = Source::spool("x", &b"one two three"[..]).unwrap();
        let (mut first, gauge) = source.text().unwrap();
        let mut three = [0; 3];
        first.bytes.read_exact(&mut three).unwrap();
        assert_eq!(read(&source), b"one two three");
        let mut rest = String::new();
        first.bytes.read_to_string(&mut rest).unwrap();
        assert_eq!((&three, rest.as_str()), (b"one", " two three"));
        assert_eq!((gauge.bytes(), source.size()), (13, 13));
    }

    #[test]
    fn gzip_members_follow_each_other() {
        let mut bytes = Vec::new();
        for part in ["a,b\n", "1,2\n"] {
            let mut member = flate2::write::GzEncoder::new(&mut bytes, flate2::Compression::fast());
            member.write_all(part.as_bytes()).unwrap();
            member.finish().unwrap();
        }
        let source = Source::spool("x", bytes.as_slice()).unwrap();
        assert_eq!(read(&source), b"a,b\n1,2\n");
    }

    #[test]
    fn what_is_no_file_is_named() {
        let missing = Source::open(Path::new("/no/such.csv")).unwrap_err();
        assert!(missing.to_string().starts_with("/no/such.csv: cannot be read: "), "{missing}");
        let folder = Source::open(&std::env::temp_dir()).unwrap_err();
        assert!(folder.to_string().contains("directory"), "{folder}");
        let sheet = Source::spool("t.xlsx", &b"PK\x03\x04\x14"[..]).unwrap();
        assert!(matches!(sheet.text(), Err(Fault::Foreign(_))));
    }
}
