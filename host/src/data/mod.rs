//! Users' tables: from a CSV file, gzip or standard input to scaled samples, in bounded memory.
//!
//! ```text
//! source ──> lines ──> records ──> survey ──> plan ──> rows ──> samples
//! bytes,     one at    cells,      what the   how to   split,   scaled
//! read       a time,   their       columns    encode   encoded  f32s
//! again      UTF-8     lines       hold
//! ```
//!
//! A table is read several times and never held as text. The first pass looks at the columns and
//! counts the classes; the second draws the split and measures the training rows alone; the third
//! takes the samples into memory if they fit, and otherwise every epoch reads the file once.
//! What cannot be read twice (standard input, a pipe) is copied to a temporary file first.
//!
//! Memory is bounded by constants, whatever the file holds: one row of at most 4 MiB, at most
//! 16,384 columns, 64 MiB of different values, and [`Options::memory`] for each side of the split.
//!
//! ```no_run
//! # use derby::data::{Error, Options, Source, Table};
//! # fn main() -> Result<(), Error> {
//! let source = Source::open("wine.csv".as_ref())?;
//! let options = Options { targets: vec!["cultivar".into()], ..Options::default() };
//! let table = Table::read(&source, &options)?;
//! print!("{}", table.summary());
//! for epoch in 0..10 {
//!     let mut samples = table.training(epoch)?;
//!     while let Some(sample) = samples.read()? {
//!         assert_eq!((sample.inputs.len(), sample.targets.len()), (13, 3));
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod cell;
mod columns;
mod encoder;
mod encoding;
mod error;
mod format;
mod lines;
mod name;
mod notes;
mod options;
mod page;
mod plan;
mod profile;
mod progress;
mod records;
mod rows;
mod samples;
mod scale;
mod sniff;
mod source;
mod split;
mod summary;
mod survey;
mod table;
mod tally;
#[cfg(test)]
mod tests;

pub use encoding::{Coding, Encoding, Feature, Task, Values};
pub use error::{Error, Fault};
pub use format::{Format, Layout};
pub use options::{Missing, Options, Ordinal};
pub use profile::Kind;
pub use progress::{Progress, Watch};
pub use samples::{Part, Sample, Samples};
pub use scale::Scale;
pub use source::Source;
pub use summary::{Class, Column, Gaps, Numbers, Sides, Summary, Use};
pub use table::Table;
