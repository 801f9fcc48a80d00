//! Writes the live view in the middle of a race to standard output, as an SVG picture for the
//! README; `tests/screenshots` calls it. Blocks are drawn and not written: fonts disagree on them.

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result};
use derby::args::RaceArguments;
use derby::field::{self, Field};
use derby::run::{Outcome, Run};
use derby::stop::{Stop, Stopped};
use derby::view::live::{Scene, draw};
use derby::view::{View, Wish};
use derby_core::{Event, Race};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

const RACE: [&str; 5] = ["--paper", "--samples", "300000", "--check", "10000"];
/// The picture is of the race after so many samples.
const MOMENT: u64 = 115_000;

// The terminal in cells, a cell in pixels, and what is left free around.
const SIZE: (u16, u16) = (100, 30);
const CELL: (f32, f32) = (8.4, 18.0);
const MARGIN: f32 = 12.0;

/// Follows a race as the live view does, up to the moment of the picture.
struct Follower {
    scene: Rc<RefCell<Scene>>,
    started: Instant,
    stop: Stop,
}

impl View for Follower {
    fn seed(&mut self, _: u64) -> Result<()> {
        Ok(())
    }

    fn event(&mut self, _: &Field, event: &Event<&[f32]>) -> Result<()> {
        self.scene.borrow_mut().event(event);
        Ok(())
    }

    fn pulse(&mut self, _: &Field, samples: u64, race: Option<&Race<'_>>) -> Result<Option<Wish>> {
        let race = race.context("the race runs here")?;
        let losses = race.books().iter().map(|book| book.loss());
        let mut scene = self.scene.borrow_mut();
        scene.obeys();
        scene.now(self.started.elapsed(), samples, losses, race.mixer().weights());
        if samples >= MOMENT {
            self.stop.ask();
        }
        Ok(None)
    }

    fn takes_screen(&self) -> bool {
        true
    }

    fn outcome(&mut self, _: &Field, _: &Outcome) -> Result<()> {
        Ok(())
    }
}

/// What is drawn in a cell.
#[derive(Clone, PartialEq)]
enum Ink {
    Nothing,
    /// From the bottom up to a share of the height, and how dense.
    Block(f32, f32),
    Letter,
}

fn ink(symbol: &str) -> Ink {
    match symbol {
        " " => Ink::Nothing,
        "▁" => Ink::Block(0.125, 1.0),
        "▂" => Ink::Block(0.25, 1.0),
        "▃" => Ink::Block(0.375, 1.0),
        "▄" => Ink::Block(0.5, 1.0),
        "▅" => Ink::Block(0.625, 1.0),
        "▆" => Ink::Block(0.75, 1.0),
        "▇" => Ink::Block(0.875, 1.0),
        "█" => Ink::Block(1.0, 1.0),
        "▓" => Ink::Block(1.0, 0.75),
        "▒" => Ink::Block(1.0, 0.5),
        "░" => Ink::Block(1.0, 0.25),
        _ => Ink::Letter,
    }
}

fn colour(cell: &Cell) -> &'static str {
    match cell.fg {
        Color::Green => "#4ec97b",
        Color::Yellow => "#e0b84c",
        Color::Cyan => "#56b6c2",
        Color::Red => "#e06c75",
        Color::DarkGray => "#8b949e",
        _ => "#d7dce2",
    }
}

/// The screen as SVG: neighbours that look alike in one element.
fn svg(screen: &Buffer) -> String {
    let (columns, rows) = (screen.area.width, screen.area.height);
    let width = f32::from(columns) * CELL.0 + 2.0 * MARGIN;
    let height = f32::from(rows) * CELL.1 + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#14181d\"/>\n"
    );
    let mut add = |element: String| writeln!(svg, "{element}").expect("text grows");
    for (row, cells) in screen.content().chunks(columns.into()).enumerate() {
        let top = MARGIN + row as f32 * CELL.1;
        let mut at = 0.0;
        for alike in cells.chunk_by(|a, b| {
            ink(a.symbol()) == ink(b.symbol()) && (a.fg, a.modifier) == (b.fg, b.modifier)
        }) {
            let (x, width) = (MARGIN + at * CELL.0, alike.len() as f32 * CELL.0);
            at += alike.len() as f32;
            let fill = colour(&alike[0]);
            match ink(alike[0].symbol()) {
                Ink::Nothing => {}
                Ink::Block(share, density) => {
                    let high = share * CELL.1;
                    let y = top + CELL.1 - high;
                    add(format!(
                        "<rect x=\"{x:.1}\" y=\"{y:.2}\" width=\"{width:.1}\" \
                         height=\"{high:.2}\" fill=\"{fill}\" fill-opacity=\"{density}\"/>"
                    ));
                }
                Ink::Letter => {
                    let text: String = alike.iter().map(Cell::symbol).collect();
                    let text = text.replace('&', "&amp;").replace('<', "&lt;");
                    let bold = alike[0].modifier.contains(Modifier::BOLD);
                    let weight = if bold { " font-weight=\"bold\"" } else { "" };
                    let y = top + 0.75 * CELL.1;
                    add(format!(
                        "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{width:.1}\" \
                         fill=\"{fill}\"{weight}>{text}</text>"
                    ));
                }
            }
        }
    }
    svg + "</svg>\n"
}

fn main() -> Result<()> {
    let arguments = RaceArguments::of(&RACE.map(str::to_owned))?;
    let field = Field::of_race(&arguments, 0)?;
    let scene = Rc::new(RefCell::new(Scene::new(&field, true, true)));
    let stop = Stop::default();
    let follower = Follower { scene: scene.clone(), started: Instant::now(), stop: stop.clone() };
    let run = Run { stop: Some(stop), ..Run::new(&field, field::isa(&arguments.field)) };
    let mut views: Vec<Box<dyn View>> = vec![Box::new(follower)];
    match run.race(&mut field::crew(&arguments.field), &mut views) {
        Err(error) if error.is::<Stopped>() => {}
        other => anyhow::bail!("the race ended before the picture: {:?}", other.err()),
    }
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1))?;
    terminal.draw(|frame| draw(&scene.borrow(), frame))?;
    print!("{}", svg(terminal.backend().buffer()));
    Ok(())
}
