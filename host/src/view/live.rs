//! The race on a terminal, as it runs: bars of trust, courses of losses, who has left, and keys to
//! pause, sort, look, send a net home and quit.
//!
//! ```text
//! race ── events, and where it stands now ──> scene ── 20 times a second ──> screen
//!      <── wishes, between two stretches ───        <── keys
//! ```
//! The screen has a thread of its own, so that it answers at once whatever the race does. The
//! race never waits for it, except when it is paused: the bits do not depend on who watches.

mod draw;
mod scene;

use std::env;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use derby_core::{Event, Race};
use ratatui::crossterm::event::{self, KeyEventKind};

pub use draw::draw;
pub use scene::Scene;

use super::plain::Plain;
use super::{View, Wish};
use crate::field::Field;
use crate::run::Outcome;

/// Between two pictures.
const FRAME: Duration = Duration::from_millis(50);

/// What the screen is told.
enum Told {
    Event(Event<Vec<f32>>),
    Now { samples: u64, losses: Vec<f32>, weights: Vec<f32> },
    Note(String),
    End,
}

/// Shows a race on the whole terminal, and its ranking below the prompt when it is over.
#[derive(Debug)]
pub struct Live {
    /// Whether a race that is stopped can go on.
    is_kept: bool,
    screen: Option<Screen>,
    is_paused: bool,
    /// When the screen was last told where the race stands.
    shown: Option<Instant>,
}

#[derive(Debug)]
struct Screen {
    told: Sender<Told>,
    wishes: Receiver<Wish>,
    thread: JoinHandle<io::Result<()>>,
}

/// Whether the terminal is to show colours; see <https://no-color.org>.
pub fn has_colours() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl Live {
    /// A view that takes the terminal when the race starts. `is_kept` says whether a race that is
    /// stopped can go on.
    pub fn new(is_kept: bool) -> Self {
        Self { is_kept, screen: None, is_paused: false, shown: None }
    }

    fn tell(&mut self, field: &Field, told: Told) {
        let screen = self
            .screen
            .get_or_insert_with(|| Screen::open(Scene::new(field, self.is_kept, has_colours())));
        // A screen that has failed is found out by the next pulse.
        let _ = screen.told.send(told);
    }

    /// Gives the terminal back.
    fn close(&mut self) -> Result<()> {
        let Some(Screen { told, thread, .. }) = self.screen.take() else { return Ok(()) };
        let _ = told.send(Told::End);
        thread.join().map_err(|_| anyhow!("the live view has failed"))??;
        Ok(())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // What ends the race is more important than how its screen ends.
        let _ = self.close();
    }
}

impl View for Live {
    fn seed(&mut self, _: u64) -> Result<()> {
        self.close()
    }

    fn event(&mut self, field: &Field, event: &Event<&[f32]>) -> Result<()> {
        if !matches!(event, Event::Trained { .. }) {
            self.tell(field, Told::Event(event.map(<[f32]>::to_vec)));
        }
        Ok(())
    }

    fn pulse(
        &mut self,
        field: &Field,
        samples: u64,
        race: Option<&Race<'_>>,
    ) -> Result<Option<Wish>> {
        if let Some(race) = race
            && self.shown.is_none_or(|shown| shown.elapsed() >= FRAME)
        {
            self.shown = Some(Instant::now());
            let losses = race.books().iter().map(|book| book.loss()).collect();
            let weights = race.mixer().weights().to_vec();
            self.tell(field, Told::Now { samples, losses, weights });
        }
        let Some(screen) = &self.screen else { return Ok(None) };
        let wish = if self.is_paused {
            screen.wishes.recv_timeout(FRAME).or(Err(TryRecvError::Empty))
        } else {
            screen.wishes.try_recv()
        };
        match wish {
            Ok(Wish::Pause(is_paused)) => {
                self.is_paused = is_paused;
                Ok(Some(Wish::Pause(is_paused)))
            }
            Ok(wish) => Ok(Some(wish)),
            Err(TryRecvError::Empty) => Ok(self.is_paused.then_some(Wish::Pause(true))),
            Err(TryRecvError::Disconnected) => {
                self.close()?;
                Err(anyhow!("the live view has ended"))
            }
        }
    }

    fn note(&mut self, text: &str) -> bool {
        let Some(screen) = &self.screen else { return false };
        screen.told.send(Told::Note(text.to_owned())).is_ok()
    }

    fn takes_screen(&self) -> bool {
        true
    }

    fn outcome(&mut self, field: &Field, outcome: &Outcome) -> Result<()> {
        self.close()?;
        Plain::new(io::stdout().lock()).outcome(field, outcome)
    }
}

impl Screen {
    fn open(scene: Scene) -> Self {
        let (told, hear) = mpsc::channel();
        let (wish, wishes) = mpsc::channel();
        let thread = thread::spawn(move || {
            let shown = ratatui::try_init().and_then(|mut terminal| {
                show(scene, &hear, &wish, &mut |scene| {
                    terminal.draw(|frame| draw(scene, frame)).map(|_| ())
                })
            });
            let restored = ratatui::try_restore();
            shown.and(restored)
        });
        Self { told, wishes, thread }
    }
}

/// Shows what is told and passes wishes on, until the end is told.
fn show(
    mut scene: Scene,
    told: &Receiver<Told>,
    wish: &Sender<Wish>,
    draw: &mut dyn FnMut(&Scene) -> io::Result<()>,
) -> io::Result<()> {
    let started = Instant::now();
    loop {
        loop {
            match told.try_recv() {
                Ok(Told::Event(event)) => scene.event(&event),
                Ok(Told::Now { samples, losses, weights }) => {
                    scene.obeys();
                    scene.now(started.elapsed(), samples, losses.into_iter(), &weights);
                }
                Ok(Told::Note(text)) => scene.note(&text),
                Ok(Told::End) | Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => break,
            }
        }
        draw(&scene)?;
        if event::poll(FRAME)?
            && let event::Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
            && let Some(asked) = scene.key(key)
        {
            // The race may have ended meanwhile.
            let _ = wish.send(asked);
        }
    }
}

#[cfg(test)]
mod tests {
    use derby_core::{Entry, Reason, Settings, Shape};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent};
    use ratatui::style::Color;

    use super::*;
    use crate::source::Source;

    fn scene(nets: usize, outputs: usize, has_colours: bool) -> Scene {
        let entries =
            (0..nets).map(|net| Entry::new(Shape::new(16, 8 + net, 2, outputs), 0)).collect();
        let field = Field {
            source: Source::Unseen { inputs: 16, outputs },
            entries,
            settings: Settings::NEW,
            samples: 1_000_000,
            seed: 0,
            learned: Vec::new(),
            refused: 0,
            preference: None,
        };
        let mut scene = Scene::new(&field, false, has_colours);
        let weights: Vec<f32> = (0..nets * outputs).map(|place| (place % 7) as f32 / 7.0).collect();
        for check in 1..=5_u64 {
            let losses: Vec<f32> =
                (0..nets).map(|net| (net + 2) as f32 / (10 * check) as f32).collect();
            scene.event(&Event::Stretch {
                samples: check * 100_000,
                loss: 1.0 / check as f32,
                losses: losses.as_slice(),
                weights: weights.as_slice(),
            });
            scene.pass(Duration::from_secs(check));
        }
        if nets > 1 {
            let (reason, weights) = (Reason::SmallestWeights, &weights[..outputs]);
            scene.event(&Event::Left { net: 1, samples: 300_000, reason, weights });
        }
        scene.obeys();
        scene
    }

    fn drawn(scene: &Scene, width: u16, height: u16) -> (String, Vec<Color>) {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(scene, frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let colours = buffer.content().iter().map(|cell| cell.fg).collect();
        (terminal.backend().to_string(), colours)
    }

    fn press(scene: &mut Scene, keys: &str) -> Vec<Wish> {
        keys.chars()
            .filter_map(|key| {
                scene.key(KeyEvent::from(match key {
                    '\n' => KeyCode::Enter,
                    key => KeyCode::Char(key),
                }))
            })
            .collect()
    }

    #[test]
    fn all_is_seen_on_small_and_large_terminals() {
        for (width, height) in [(80, 24), (120, 40)] {
            let (text, colours) = drawn(&scene(9, 8, true), width, height);
            for part in [
                "8 of 9 nets race, 16 inputs, 8 outputs",
                "50 %  500,000 of 1,000,000  100,000/s, 5s left",
                "mixture's loss 0.2000",
                "> (8, 2)",
                "  (16, 2)",
                "left at 300,000",
                "send home",
            ] {
                assert!(text.contains(part), "'{part}' is not in\n{text}");
            }
            assert!(colours.contains(&Color::Green));
        }
    }

    #[test]
    fn without_colour_the_same_text_is_shown() {
        let (coloured, _) = drawn(&scene(9, 8, true), 80, 24);
        let (plain, colours) = drawn(&scene(9, 8, false), 80, 24);
        assert_eq!(plain, coloured);
        assert!(colours.iter().all(|colour| *colour == Color::Reset));
    }

    #[test]
    fn no_size_is_too_small_and_no_race_too_large() {
        for (nets, outputs) in [(1, 1), (9, 8), (40, 3), (3, 500)] {
            for keys in ["", "\n", "d", "q"] {
                let mut scene = scene(nets, outputs, true);
                press(&mut scene, keys);
                for width in [1, 2, 5, 9, 17, 33, 79, 200] {
                    for height in [1, 2, 3, 4, 5, 8, 9, 10, 23, 80] {
                        drawn(&scene, width, height);
                    }
                }
            }
        }
        // Many outputs share a cell of a heat map.
        let (text, _) = drawn(&scene(3, 500, true), 80, 24);
        assert!(text.contains('▒') || text.contains('▓'), "{text}");
    }

    #[test]
    fn keys_choose_ask_and_wish() {
        let mut scene = scene(3, 2, true);
        assert_eq!(press(&mut scene, "p"), [Wish::Pause(true)]);
        assert!(drawn(&scene, 80, 24).0.contains("paused"));
        assert_eq!(press(&mut scene, "p"), [Wish::Pause(false)]);
        assert_eq!(press(&mut scene, "jd"), [], "net 1 has left");
        assert!(drawn(&scene, 80, 24).0.contains("(9, 2) has left already"));
        assert_eq!(press(&mut scene, "jdn"), []);
        assert_eq!(press(&mut scene, "dy"), [Wish::Dismiss(2)]);
        // In the order of trust those that left stand last.
        press(&mut scene, "s");
        let (text, _) = drawn(&scene, 80, 24);
        assert!(text.find("(9, 2)") > text.find("(10, 2)"), "{text}");
        press(&mut scene, "\n");
        assert!(drawn(&scene, 80, 24).0.contains("2 hidden layers of 10"));
        assert_eq!(press(&mut scene, "qn"), [], "nothing is kept, so it asks");
        assert_eq!(press(&mut scene, "qy"), [Wish::Quit]);
    }
}
