//! All that reads bytes from elsewhere. Whatever the bytes are, nothing here panics, and memory
//! stays within a small multiple of their number. The fuzz targets in `fuzz/` call these
//! functions with what they think of, and `hostile.rs` with what proptest draws.

use std::str::FromStr;

use derby::checkpoint::Checkpoint;
use derby::data::{Options, Source, Table};
use derby::export::postcard;
use derby::nets::NetList;
use derby_core::{Event, FORMAT};
use derby_wire::{Frames, event, event_room, read_event, read_sample};

/// The CRC-32 that ends files of derby.
const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// The same bytes, and behind them the CRC that makes damage look like a file.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    [bytes, &CRC.checksum(bytes).to_le_bytes()].concat()
}

/// A checkpoint's file; also as one whose CRC is right.
pub fn checkpoint(bytes: &[u8]) {
    for bytes in [bytes, &sealed(bytes)] {
        let Ok(checkpoint) = Checkpoint::from_bytes(bytes) else { continue };
        assert_eq!(Checkpoint::from_bytes(&checkpoint.to_bytes()).as_ref(), Ok(&checkpoint));
        let _ = checkpoint.events(event_room(3, 4));
    }
}

/// What comes in on the line from a board; also as the content of one frame.
pub fn frames(bytes: &[u8]) {
    let mut frames = Frames::new([0; 200]);
    let contents = bytes.iter().filter_map(|&byte| frames.push(byte).map(<[u8]>::to_vec));
    for content in contents.chain([bytes.to_vec(), [&[FORMAT], bytes].concat()]) {
        let (mut inputs, mut targets) = ([0.0; 3], [0.0; 2]);
        let _ = read_sample(&content, &mut inputs, &mut targets);
        let Ok(told) = read_event::<Vec<f32>>(&content) else { continue };
        // Its numbers may be NaN, so what is compared is bytes.
        let written = |told: &Event<Vec<f32>>| {
            let mut buffer = vec![0; content.len() * 2 + 100];
            event(told, &mut buffer).expect("it is no longer than it was").to_vec()
        };
        let frame = written(&told);
        let mut again = Frames::new(vec![0; frame.len()]);
        let content = frame.iter().find_map(|&byte| again.push(byte).map(<[u8]>::to_vec));
        let read = read_event(&content.expect("a whole frame")).expect("it is an event");
        assert_eq!(written(&read), frame);
    }
}

/// A table, whose last column is the target or, where the first byte is odd, the first.
pub fn table(bytes: &[u8]) {
    let target = if bytes.first().is_some_and(|byte| byte % 2 == 1) { "1" } else { "2" };
    let options = Options { targets: vec![target.to_owned()], memory: 1000, ..Options::default() };
    let Ok(source) = Source::spool("table", bytes) else { return };
    let table = match Table::read(&source, &options) {
        Ok(table) => table,
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("table") && !text.contains('\n'), "{text}");
            return;
        }
    };
    let (inputs, targets) = (table.encoding().input_width(), table.encoding().target_width());
    for samples in [table.training(0), table.held_out()] {
        let Ok(mut samples) = samples else { continue };
        while let Ok(Some(sample)) = samples.read() {
            assert_eq!((sample.inputs.len(), sample.targets.len()), (inputs, targets));
            assert!(sample.inputs.iter().chain(sample.targets).all(|number| number.is_finite()));
        }
    }
}

/// A list of nets.
pub fn nets(bytes: &[u8]) {
    if let Ok(NetList(nets)) = NetList::from_str(&String::from_utf8_lossy(bytes)) {
        assert!((1..=10_000).contains(&nets.len()), "{} nets", nets.len());
        assert!(nets.iter().all(|net| net.hidden > 0 || net.layers == 0));
    }
}

/// A net in derby's own format; also as one whose CRC is right.
pub fn model(bytes: &[u8]) {
    for bytes in [bytes, &sealed(bytes), &sealed(&[b"derby net\x01", bytes].concat())] {
        let Ok(model) = postcard::from_bytes(bytes) else { continue };
        let answer = model.predict(&vec![0.5; model.inputs.len()]).expect("it is sound");
        assert_eq!(answer.len(), model.outputs.len());
    }
}
