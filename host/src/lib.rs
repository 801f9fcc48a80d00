//! The host's side of Derby: races on all cores, their views, and the command `derby`.
//!
//! The race itself is [`derby_core`]'s; what stands here feeds it samples ([`source`]), runs it
//! on threads ([`crew`]) and vector registers ([`isa`]), tests the nets on samples held out ([`score`])
//! and shows what happens ([`view`]). [`device`] does the same for races on microcontrollers.
//! From the file that a race leaves ([`run_file`]) come a page ([`report`]) and nets to ship
//! ([`export`]).

pub mod args;
pub mod bench;
pub mod budget;
pub mod checkpoint;
pub mod crew;
pub mod data;
pub mod device;
pub mod export;
pub mod field;
pub mod isa;
pub mod isolate;
pub mod nets;
pub mod record;
pub mod report;
pub mod run;
pub mod run_file;
pub mod score;
pub mod source;
pub mod stop;
pub mod study;
pub mod view;
