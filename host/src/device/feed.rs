//! Sending samples to a board that is served.

use std::io::Write;

use anyhow::Result;

use crate::field::Field;
use crate::source::Samples;

/// Samples that are made at once.
const CHUNK: u64 = 1000;

/// Sends the samples of a race, frame by frame, and then that there are no more.
///
/// # Errors
/// When `out` cannot be written because the board has ended, or the table not be read again.
pub fn feed(field: &Field, out: &mut impl Write) -> Result<()> {
    let (inputs, outputs) = (field.source.inputs(), field.source.outputs());
    let mut buffer = vec![0; derby_wire::sample_room(inputs + outputs)];
    let mut send = |x: &[f32], y: &[f32], out: &mut dyn Write| -> Result<()> {
        Ok(out.write_all(derby_wire::sample(x, y, &mut buffer)?)?)
    };
    let mut stream = field.source.stream(&field.settings)?;
    let mut samples = Samples::default();
    let mut at = 0;
    while at < field.samples {
        let count = CHUNK.min(field.samples - at);
        stream.next(count as usize, &mut samples)?;
        let rows = samples.inputs.chunks_exact(inputs).zip(samples.targets.chunks_exact(outputs));
        for (x, y) in rows {
            send(x, y, out)?;
        }
        at += count;
    }
    send(&[], &[], out)?;
    Ok(out.flush()?)
}
