//! What can be wrong with a race's set-up and with a sample. An `Err` leaves everything as it was.

use core::fmt;

/// A race cannot be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SetupError {
    /// No net entered.
    NoNets,
    /// A width of the net's shape is 0.
    Shape {
        /// Place of the net.
        net: usize,
    },
    /// The net's loss is not defined for its outputs, or its hidden units are a softmax.
    Loss {
        /// Place of the net.
        net: usize,
    },
    /// The net's inputs or outputs are not as many as the first net's.
    Width {
        /// Place of the net.
        net: usize,
    },
    /// A batch has no sample to learn from.
    Batch,
    /// An optimizer, an activation, a loss, the mixer or the referee is not in this build of the
    /// crate; see the feature `full`.
    NotBuilt,
    /// The memory is too small.
    Memory {
        /// Numbers needed.
        needed: usize,
        /// Numbers given.
        given: usize,
    },
    /// There are fewer books than nets.
    Books {
        /// Books needed.
        needed: usize,
        /// Books given.
        given: usize,
    },
    /// Parameters to begin with are not as many as the net has, or not all finite.
    Parameters {
        /// The net's place among the entries.
        net: usize,
    },
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoNets => write!(f, "no net has entered the race"),
            Self::Shape { net } => write!(f, "net {net} has a layer without inputs or units"),
            Self::Loss { net } => {
                write!(f, "net {net}: the loss or the hidden activation does not suit")
            }
            Self::Width { net } => {
                write!(f, "net {net} has other inputs or outputs than the first net")
            }
            Self::Batch => write!(f, "a batch needs at least one sample to learn from"),
            Self::NotBuilt => {
                write!(
                    f,
                    "an optimizer, activation or loss, the mixer or the referee is not in this \
                     build; it needs the feature full"
                )
            }
            Self::Memory { needed, given } => {
                write!(f, "the race needs {needed} numbers of memory and got {given}")
            }
            Self::Books { needed, given } => {
                write!(f, "the race needs {needed} books and got {given}")
            }
            Self::Parameters { net } => {
                write!(f, "net {net} cannot begin with parameters of another size or not finite")
            }
        }
    }
}

impl core::error::Error for SetupError {}

/// Samples are refused; none of them was learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SampleError {
    /// Inputs are not a whole number of samples of this width.
    Inputs {
        /// Numbers in a sample.
        width: usize,
        /// Numbers given.
        given: usize,
    },
    /// Targets are not as many samples of this width as the inputs.
    Targets {
        /// Numbers in a sample.
        width: usize,
        /// Numbers given.
        given: usize,
    },
    /// A number is NaN or infinite.
    NotFinite {
        /// The sample, counted from the first one given.
        sample: usize,
        /// The column: inputs first, then targets.
        column: usize,
    },
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Inputs { width, given } => {
                write!(f, "{given} inputs are no whole number of samples {width} wide")
            }
            Self::Targets { width, given } => {
                write!(f, "{given} targets are not one row of {width} for each sample")
            }
            Self::NotFinite { sample, column } => {
                write!(f, "sample {sample}, column {column} is not a finite number")
            }
        }
    }
}

impl core::error::Error for SampleError {}

/// A snapshot is refused; the race is as it was.
#[cfg(feature = "snapshot")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RestoreError {
    /// These bytes are something else.
    NoSnapshot,
    /// It was written by another version; see [`crate::SNAPSHOT_FORMAT`].
    Format {
        /// The version it says it has.
        found: u32,
    },
    /// It is of a race of other entries or settings.
    OtherRace,
    /// It ends too early.
    Cut,
    /// Its bytes are not those that were written.
    Damaged,
}

#[cfg(feature = "snapshot")]
impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoSnapshot => write!(f, "this is no snapshot of a race"),
            Self::Format { found } => {
                let own = crate::SNAPSHOT_FORMAT;
                write!(f, "the snapshot has format {found}, this program reads format {own}")
            }
            Self::OtherRace => write!(f, "the snapshot is of a race of other nets or settings"),
            Self::Cut => write!(f, "the snapshot is cut off"),
            Self::Damaged => write!(f, "the snapshot is damaged"),
        }
    }
}

#[cfg(feature = "snapshot")]
impl core::error::Error for RestoreError {}
