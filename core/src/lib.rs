//! A race of small neural nets under a weighted mixer, for machines without a heap.
//!
//! Nobody knows how many layers or neurons a task needs. So many small nets train side by side
//! on the same stream of samples, a mixer learns how far to trust each of them for each output,
//! and nets that lose trust leave. The one that is left is the architecture to ship.
//!
//! ```text
//! samples --> nets --> mixer --> referee --> events --> views
//!             train    trust     who leaves  what happened
//! ```
//!
//! From the user down, each module naming only those below it:
//! - [`Storage`] and [`Plan`]: the memory of a race, known when compiling.
//! - [`Race`]: takes samples in, gives [`Event`]s out. [`Settings`] say how.
//! - [`Referee`] and [`Mixer`], each of several kinds, chosen independently.
//! - [`Net`] and [`Entry`]: one net, and what decides how it starts and learns.
//! - [`Activation`], [`Loss`], [`Optimizer`], [`Init`], [`Shape`]: the parts of a net.
//! - `kernel`: the loops, and the one definition of the order of their operations.
//! - [`math`] and [`rng`]: functions beyond `+ - * /`, and random numbers.
//!
//! [`task`] has sample sources to try it on, [`paper`] the settings of the paper's race, and
//! [`scale`] what fits a sensor's numbers to a net.
//!
//! `snapshot` is the whole race as bytes and back, behind the feature of that name.
//!
//! The same seeds and samples give the same bits on every machine: no operation is reordered or
//! fused, and nothing reads a clock. The crate never allocates, never panics and has no unsafe
//! code.
//!
//! Without the feature `full` flash counts: what several places call is there in one copy.
#![no_std]
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable
)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic))]

#[cfg(any(test, feature = "std"))]
extern crate std;

mod activation;
mod book;
mod error;
mod event;
mod init;
mod kernel;
pub mod lanes;
mod loss;
pub mod math;
mod mixer;
mod net;
mod optimizer;
pub mod paper;
mod race;
mod referee;
pub mod rng;
pub mod scale;
mod shape;
#[cfg(feature = "snapshot")]
mod snapshot;
#[cfg(any(test, all(target_arch = "arm", not(target_abi = "eabihf"))))]
mod soft;
mod storage;
pub mod task;

pub use activation::Activation;
pub use book::Book;
#[cfg(feature = "snapshot")]
pub use error::RestoreError;
pub use error::{SampleError, SetupError};
pub use event::{Event, FORMAT};
pub use init::Init;
pub use loss::Loss;
pub use mixer::{Answers, Mixer, Mixing, Positive, Slope};
pub use net::{Batch, BatchLoss, Entry, Net};
pub use optimizer::Optimizer;
pub use race::{Alone, Crew, Race, Racer, Settings, Sink};
pub use referee::{Reason, Referee, Refereeing};
pub use shape::{Layer, Shape};
#[cfg(feature = "snapshot")]
pub use snapshot::{SNAPSHOT_FORMAT, fingerprint};
pub use storage::{Plan, Storage};
pub use task::Task;

/// Whether this build has all that there is; what it does not have, a race is refused with.
const FULL: bool = cfg!(feature = "full");

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
