//! The rows that are used, each with its side of the split: what every pass after the first walks.

use std::sync::Arc;

use super::columns::Columns;
use super::encoder::Encoder;
use super::error::{Error, Fault, Located, Place};
use super::format::Layout;
use super::options::Missing;
use super::records::{Record, Records};
use super::source::{Gauge, Source};
use super::split::Split;

/// All that one needs to walk the rows again.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pub(super) source: Source,
    pub(super) layout: Layout,
    pub(super) columns: Arc<Columns>,
    pub(super) policy: Missing,
    pub(super) encoder: Arc<Encoder>,
    /// Before its first decision.
    pub(super) split: Split,
}

impl Walk {
    /// The rows from the first.
    pub(super) fn rows(&self) -> Result<Rows, Located> {
        let (records, gauge) = Records::open(&self.source, &self.layout, self.columns.names.len())?;
        Ok(Rows { records, gauge, walk: self.clone() })
    }

    pub(super) fn error(&self, (place, fault): Located) -> Error {
        Error::new(self.source.name(), place, fault)
    }
}

/// One walk through the rows.
#[derive(Debug)]
pub(super) struct Rows {
    records: Records,
    gauge: Gauge,
    walk: Walk,
}

impl Rows {
    /// Goes to the next row that is used and says whether it is held out, and its stratum.
    pub(super) fn advance(&mut self) -> Result<Option<(bool, usize)>, Located> {
        let walk = &mut self.walk;
        while self.records.advance()? {
            let record = self.records.record();
            if !walk.columns.keep(record, walk.policy) {
                continue;
            }
            let stratum = walk.encoder.stratum(record)?;
            return match walk.split.decide(stratum) {
                Some(held_out) => Ok(Some((held_out, stratum))),
                None => Err((Place::line(record.line), Fault::Changed)),
            };
        }
        if walk.split.is_over() { Ok(None) } else { Err((Place::FILE, Fault::Changed)) }
    }

    /// The row that [`Rows::advance`] went to.
    pub(super) fn record(&self) -> Record<'_> {
        self.records.record()
    }

    /// Appends that row's inputs and targets to `sample`.
    pub(super) fn encode(&self, sample: &mut Vec<f32>) -> Result<(), Located> {
        self.walk.encoder.encode(self.record(), sample)
    }

    /// Bytes of the stored file read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.gauge.bytes()
    }

    pub(super) fn error(&self, located: Located) -> Error {
        self.walk.error(located)
    }
}
