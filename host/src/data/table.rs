//! A table that was read: its summary, its encoding, and its samples.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::columns::Columns;
use super::encoder::Encoder;
use super::encoding::{Encoding, Task};
use super::error::{Error, Fault, Located, Place};
use super::format::Layout;
use super::options::Options;
use super::plan::Plan;
use super::progress::{Watch, beat};
use super::records::Records;
use super::rows::Walk;
use super::samples::{Part, Samples, Store};
use super::scale::Spread;
use super::sniff::sniff;
use super::source::Source;
use super::split::Split;
use super::summary::{Facts, Summary};
use super::survey::Survey;

/// A table that was looked through, split and measured.
#[derive(Debug)]
pub struct Table {
    walk: Walk,
    encoding: Encoding,
    training: Store,
    held_out: Store,
    seed: u64,
    summary: Summary,
}

impl Table {
    /// Reads the table of `source`.
    ///
    /// # Errors
    /// Whatever [`Fault`] says, with the file, the line and the column.
    pub fn read(source: &Source, options: &Options) -> Result<Self, Error> {
        Self::read_watched(source, options, &mut |_| ControlFlow::Continue(()))
    }

    /// [`Table::read`], telling `watch` how far it has come.
    ///
    /// # Errors
    /// As [`Table::read`]; [`Fault::Stopped`] if `watch` breaks off.
    pub fn read_watched(
        source: &Source,
        options: &Options,
        watch: Watch<'_>,
    ) -> Result<Self, Error> {
        Self::build(source, options, watch)
            .map_err(|(place, fault)| Error::new(source.name(), place, fault))
    }

    fn build(source: &Source, options: &Options, watch: Watch<'_>) -> Result<Self, Located> {
        if !(0.0..1.0).contains(&options.held_out) {
            return Err((Place::FILE, Fault::Share(options.held_out)));
        }
        let (layout, names) = start(source, options)?;
        let columns = Columns::new(names, options)?;
        let survey = survey(source, options, &layout, &columns, &mut *watch)?;
        let Plan { kinds, mut encoding, strata } =
            Plan::new(&survey, &columns, layout.decimal_comma)?;
        let split = Split::new(&strata, options.held_out, options.seed);
        let held_out = split.held_out().fold(0_u64, u64::saturating_add);
        let mut walk = Walk {
            source: source.clone(),
            layout,
            columns: Arc::new(columns),
            policy: options.missing,
            encoder: Arc::new(Encoder::new(&encoding, layout.decimal_comma)),
            split,
        };
        let training = survey.used.saturating_sub(held_out);
        let (spreads, runs) = measure(&walk, &encoding, &mut *watch)?;
        fit(&mut encoding, &spreads, &walk.columns, training)?;
        walk.encoder = Arc::new(Encoder::new(&encoding, layout.decimal_comma));
        let mut sides = [(training, false), (held_out, true)].map(|(rows, held_out)| Store {
            values: None,
            rows,
            held_out,
        });
        load(&walk, &encoding, &mut sides, options.memory, watch)?;
        let [training, held_out] = sides;
        let summary = Summary::new(Facts {
            walk: &walk,
            survey: &survey,
            kinds: &kinds,
            encoding: &encoding,
            strata: &strata,
            spreads: &spreads,
            runs,
            training: &training,
            held_out: &held_out,
            options,
        });
        Ok(Self { walk, encoding, training, held_out, seed: options.seed, summary })
    }

    /// What the table holds, for people and programs.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// How rows become samples: to be stored with a net.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// CRC-32 of the file, as it is now.
    ///
    /// # Errors
    /// When it cannot be read again.
    pub fn crc(&self) -> Result<u32, Error> {
        self.walk.source.crc().map_err(|fault| self.walk.error((Place::FILE, fault)))
    }

    /// What the targets ask of a net.
    pub fn task(&self) -> Task {
        self.encoding.task
    }

    /// The training samples of one epoch. In memory their order is a function of the seed and
    /// `epoch` alone; from the file they come in its order.
    ///
    /// # Errors
    /// As [`Samples::read`].
    pub fn training(&self, epoch: u64) -> Result<Samples, Error> {
        self.part(epoch, Part::All)
    }

    /// A part of the training samples of one epoch.
    ///
    /// # Errors
    /// As [`Samples::read`].
    pub fn part(&self, epoch: u64, part: Part) -> Result<Samples, Error> {
        // An odd constant (2^64 over the golden ratio) keeps neighbouring epochs and seeds apart.
        let stream = epoch.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.samples(&self.training, Some(self.seed ^ stream), part)
    }

    /// The held-out samples in the order of the file.
    ///
    /// # Errors
    /// As [`Samples::read`].
    pub fn held_out(&self) -> Result<Samples, Error> {
        self.samples(&self.held_out, None, Part::All)
    }

    fn samples(&self, store: &Store, order: Option<u64>, part: Part) -> Result<Samples, Error> {
        let widths = (self.encoding.input_width(), self.encoding.target_width());
        Samples::new(store, &self.walk, widths, order, part)
    }
}

/// How the table is written and what its columns are called.
fn start(source: &Source, options: &Options) -> Result<(Layout, Vec<String>), Located> {
    let text = || source.text().map_err(|fault| (Place::FILE, fault));
    let layout = sniff(text()?.0, options.format).map_err(|fault| (Place::FILE, fault))?;
    let mut records = Records::new(text()?.0, layout.separator);
    if !records.advance()? {
        return Err((Place::FILE, Fault::Empty));
    }
    let record = records.record();
    let names = record.cells().zip(1_usize..).map(|(cell, number)| {
        if layout.header && !cell.is_empty() { cell.to_owned() } else { format!("c{number}") }
    });
    Ok((layout, names.collect()))
}

/// The first pass.
fn survey(
    source: &Source,
    options: &Options,
    layout: &Layout,
    columns: &Columns,
    watch: Watch<'_>,
) -> Result<Survey, Located> {
    let (mut records, gauge) = Records::open(source, layout, columns.names.len())?;
    Survey::new(&mut records, columns, options.missing, layout.decimal_comma, |rows| {
        beat(&mut *watch, rows, "looking", gauge.bytes(), source.size())
    })
}

/// The second pass: what the training rows look like, and how often the stratum changes from one
/// training row to the next.
fn measure(
    walk: &Walk,
    encoding: &Encoding,
    watch: Watch<'_>,
) -> Result<(Vec<Spread>, u64), Located> {
    let features = encoding.inputs.len().saturating_add(encoding.targets.len());
    let mut spreads = vec![Spread::NEW; features];
    let (mut count, mut runs, mut last) = (0_u64, 0_u64, None);
    let mut rows = walk.rows()?;
    while let Some((held_out, stratum)) = rows.advance()? {
        count = count.saturating_add(1);
        beat(&mut *watch, count, "measuring", rows.bytes(), walk.source.size())?;
        if !held_out {
            walk.encoder.measure(rows.record(), &mut spreads)?;
            runs = runs.saturating_add(u64::from(last != Some(stratum)));
            last = Some(stratum);
        }
    }
    Ok((spreads, runs))
}

/// Sets the scales; a target of the training rows must change.
fn fit(
    encoding: &mut Encoding,
    spreads: &[Spread],
    columns: &Columns,
    rows: u64,
) -> Result<(), Located> {
    let mut spreads = spreads.iter();
    for (feature, spread) in encoding.inputs.iter_mut().zip(&mut spreads) {
        feature.coding.set_scale(spread.z_score());
    }
    for (feature, spread) in encoding.targets.iter_mut().zip(&mut spreads) {
        feature.coding.set_scale(spread.z_score());
        if feature.coding.scale().factor == 0.0 {
            let place = columns.place(feature.number.saturating_sub(1));
            return Err((place, Fault::Flat { rows }));
        }
    }
    Ok(())
}

/// The third pass: takes each side into memory that fits there, and checks that no sample overflows.
fn load(
    walk: &Walk,
    encoding: &Encoding,
    sides: &mut [Store; 2],
    memory: usize,
    watch: Watch<'_>,
) -> Result<(), Located> {
    let width = encoding.input_width().saturating_add(encoding.target_width());
    let limit = (memory / size_of::<f32>()) as u64;
    let mut values = sides.each_ref().map(|side| {
        let floats = side.rows.saturating_mul(width as u64);
        (floats <= limit).then(|| Vec::with_capacity(usize::try_from(floats).unwrap_or(0)))
    });
    if values.iter().all(Option::is_none) {
        return Ok(());
    }
    let mut count = 0_u64;
    let mut rows = walk.rows()?;
    while let Some((held_out, _)) = rows.advance()? {
        count = count.saturating_add(1);
        beat(&mut *watch, count, "loading", rows.bytes(), walk.source.size())?;
        if let Some(Some(values)) = values.get_mut(usize::from(held_out)) {
            rows.encode(values)?;
        }
    }
    for (side, values) in sides.iter_mut().zip(values) {
        side.values = values.map(Arc::new);
    }
    Ok(())
}
