//! Comparing a board's race with the same race run here, bit for bit.

use anyhow::{Context, Result, bail};
use derby_core::Event;
use derby_wire::Frames;
use serde_json::Value;

use crate::crew::Threads;
use crate::field::Field;
use crate::isa::Isa;
use crate::run::{self, Outcome};
use crate::view::View;

/// What this machine tells of a race, and how far a board has told the same.
#[derive(Debug)]
pub struct Check {
    /// Each event as the content of a frame.
    told: Vec<Vec<u8>>,
    /// Events heard.
    heard: usize,
    /// The first difference.
    difference: Option<String>,
}

impl Check {
    /// Runs the race of `field` here.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn of(field: &Field, crew: &mut Threads, isa: Isa) -> Result<Self> {
        let mut tape = Tape::default();
        run::race(field, crew, isa, &mut [Box::new(&mut tape)])?;
        Ok(Self { told: tape.0, heard: 0, difference: None })
    }

    /// Compares the next event, which came as `content`.
    pub fn hear(&mut self, content: &[u8], event: &Event<Vec<f32>>) {
        let place = self.heard;
        self.heard += 1;
        if self.difference.is_some() {
            return;
        }
        self.difference = match self.told.get(place) {
            Some(own) if own == content => None,
            Some(own) => Some(format!("event {place}: {}", difference(own, event))),
            None => Some(format!("event {place}: the race is over here, and not on the board")),
        };
    }

    /// What the comparison found, once the board has told all.
    ///
    /// # Errors
    /// The first difference.
    pub fn verdict(&self) -> Result<String> {
        if let Some(difference) = &self.difference {
            bail!("other bits than here at {difference}");
        }
        let (heard, told) = (self.heard, self.told.len());
        if heard < told {
            bail!("the board told {heard} of {told} events; as far as it came they are the same");
        }
        Ok(format!("same bits as here: all {told} events, to the last parameter"))
    }
}

/// Where two events, one as the content of a frame, differ first.
fn difference(own: &[u8], other: &Event<Vec<f32>>) -> String {
    let values = || -> Result<_> {
        let own: Event<Vec<f32>> = derby_wire::read_event(own)?;
        Ok((serde_json::to_value(own)?, serde_json::to_value(other)?))
    };
    match values() {
        Ok((own, other)) => {
            first(&own, &other, "").unwrap_or_else(|| "numbers that print alike".to_owned())
        }
        Err(error) => error.to_string(),
    }
}

/// The first place where two values differ, with what stands there.
fn first(own: &Value, other: &Value, path: &str) -> Option<String> {
    let inside = |name: &dyn std::fmt::Display, own, other| {
        first(
            own,
            other,
            &if path.is_empty() { name.to_string() } else { format!("{path}.{name}") },
        )
    };
    match (own, other) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().zip(b.values()).find_map(|((name, a), b)| inside(name, a, b))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(place, (a, b))| inside(&place, a, b))
        }
        _ if own == other => None,
        (Value::Object(a), Value::Object(b)) => {
            let name = |object: &serde_json::Map<String, Value>| {
                object.keys().next().cloned().unwrap_or_default()
            };
            Some(format!("'{}' here, '{}' on the board", name(a), name(b)))
        }
        _ => Some(format!("{path} is {own} here, {other} on the board")),
    }
}

/// Keeps every event as the content of its frame.
#[derive(Debug, Default)]
struct Tape(Vec<Vec<u8>>);

impl View for &mut Tape {
    fn seed(&mut self, _: u64) -> Result<()> {
        Ok(())
    }

    fn event(&mut self, field: &Field, event: &Event<&[f32]>) -> Result<()> {
        let room = derby_wire::event_room(field.entries.len(), field.source.outputs());
        let mut frames = Frames::new(vec![0; room]);
        let mut buffer = vec![0; room];
        let frame = derby_wire::event(event, &mut buffer)?;
        let content = frame.iter().find_map(|byte| frames.push(*byte).map(<[u8]>::to_vec));
        self.0.push(content.context("a frame of one's own cannot be read")?);
        Ok(())
    }

    fn outcome(&mut self, _: &Field, _: &Outcome) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let stretch = |loss, weight| Event::Stretch {
            samples: 10,
            loss,
            losses: vec![0.5],
            weights: vec![0.25, weight],
        };
        let mut buffer = [0; 128];
        let mut frames = Frames::new([0; 128]);
        let frame = derby_wire::event(&stretch(1.0, 0.75), &mut buffer).unwrap();
        let own = frame.iter().find_map(|byte| frames.push(*byte).map(<[u8]>::to_vec)).unwrap();
        let cases = [
            (stretch(1.0, 0.5), "stretch.weights.1 is 0.75 here, 0.5 on the board"),
            (stretch(2.0, 0.5), "stretch.loss is 1.0 here, 2.0 on the board"),
            (
                Event::Started { nets: 1, batch: 10, held_back: 0 },
                "'stretch' here, 'started' on the board",
            ),
        ];
        for (other, text) in cases {
            assert_eq!(difference(&own, &other), text);
        }
    }
}
