//! How far the reading of a table has come, and the chance to stop it.

use std::ops::ControlFlow;

use super::error::{Fault, Located, Place};

/// Rows between two calls of the watcher.
const BEAT: u64 = 1024;

/// How far the reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What the present pass does: `looking`, `measuring`, `loading`.
    pub pass: &'static str,
    /// Bytes of the stored file that this pass has read.
    pub bytes: u64,
    /// Bytes of the stored file.
    pub of: u64,
}

/// Told of the progress every thousand rows; may stop the reading.
pub type Watch<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// Tells `watch` now and then, `rows` being the rows of this pass.
pub(super) fn beat(
    watch: Watch<'_>,
    rows: u64,
    pass: &'static str,
    bytes: u64,
    of: u64,
) -> Result<(), Located> {
    if rows.is_multiple_of(BEAT) && watch(Progress { pass, bytes, of }).is_break() {
        return Err((Place::FILE, Fault::Stopped));
    }
    Ok(())
}
