//! The live view as text, for a terminal of any size.
//!
//! ```text
//! 9 nets of 9, 16 inputs, 8 outputs, seed 0          the race
//! ██████████░░░░░░░░░░  50 %  ..                     how far it is
//! mixture 0.1234 █▇▆▅▄▃                              its loss
//! > (8, 2)  0.1312 █▇▆▄▃▂ ▃▃▄▁▃▂▁▂                   a row for each net: loss, bars by output
//! p pause ..                                         keys, or a question
//! ```

use std::time::Duration;

use indicatif::{HumanCount, HumanDuration};
use ratatui::Frame;
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::bar::NINE_LEVELS;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::scene::{Ask, Lane, Scene};
use crate::view::plain::why;

/// From nothing to all, for a heat map.
const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];
/// Levels of a bar in one line of text.
const LEVELS: f32 = 8.0;

/// Draws the scene on the whole screen.
pub fn draw(scene: &Scene, frame: &mut Frame<'_>) {
    let area = frame.area();
    let lines = scene.lines(area.width.into(), area.height.into());
    frame.render_widget(Paragraph::new(lines), area);
}

/// One of eight levels of a bar, for a share of it.
fn level(share: f32) -> &'static str {
    let bar = NINE_LEVELS;
    match (share.clamp(0.0, 1.0) * LEVELS).round() as u32 {
        0 => bar.empty,
        1 => bar.one_eighth,
        2 => bar.one_quarter,
        3 => bar.three_eighths,
        4 => bar.half,
        5 => bar.five_eighths,
        6 => bar.three_quarters,
        7 => bar.seven_eighths,
        _ => bar.full,
    }
}

/// So many numbers of a list, the newest last: each the mean of its part where there are more.
fn squeezed(numbers: &[f32], count: usize) -> Vec<f32> {
    if numbers.len() <= count {
        return numbers.to_vec();
    }
    let place = |part: usize| part * numbers.len() / count;
    let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len().max(1) as f32;
    (0..count).map(|part| mean(&numbers[place(part)..place(part + 1)])).collect()
}

/// Numbers as shares between the least and the largest.
fn shares(numbers: &[f32]) -> impl Iterator<Item = f32> {
    let finite = || numbers.iter().copied().filter(|number| number.is_finite());
    let (least, most) = (finite().fold(f32::INFINITY, f32::min), finite().fold(0.0, f32::max));
    let span = if most > least { most - least } else { 1.0 };
    numbers.iter().map(move |number| ((number - least) / span).max(0.0))
}

/// A line of bars, the lowest one eighth high.
fn spark(numbers: &[f32], width: usize) -> String {
    let numbers = squeezed(numbers, width);
    let line: String = shares(&numbers).map(|share| level(0.125 + 0.875 * share)).collect();
    format!("{line:<width$}")
}

fn number(number: f32) -> String {
    if number.is_nan() { "-".to_owned() } else { format!("{number:.4}") }
}

/// The longest that fits.
fn fitting(texts: &[String], width: usize) -> String {
    let fits = |text: &&String| text.chars().count() <= width;
    texts.iter().find(fits).or(texts.last()).cloned().unwrap_or_default()
}

/// What of a net is shown in a line of so many cells.
struct Columns {
    name: usize,
    parameters: bool,
    loss: bool,
    spark: usize,
    /// Cells for the outputs.
    bars: usize,
}

impl Columns {
    fn of(scene: &Scene, width: usize) -> Self {
        let name = scene.nets.iter().map(|lane| lane.name.chars().count()).max().unwrap_or(0);
        let mut left = width.saturating_sub(name + 3);
        let mut take = |cells: usize, least: usize| {
            let fits = width >= least && left > cells + 8;
            left -= if fits { cells } else { 0 };
            fits
        };
        let loss = take(8, 30);
        let parameters = take(8, 70);
        let spark = if take(25, 110) {
            24
        } else if take(13, 60) {
            12
        } else {
            0
        };
        Self { name, parameters, loss, spark, bars: left }
    }

    /// Cells of one output's bar, at most 3 and the last of them a gap; 0 where a heat map must do.
    fn cells(&self, outputs: usize) -> usize {
        (self.bars / outputs.max(1)).min(3)
    }
}

impl Scene {
    /// The screen's lines, at most `height`, each of at most `width` cells where it can be.
    fn lines(&self, width: usize, height: usize) -> Vec<Line<'static>> {
        let mut lines = vec![self.progress(width)];
        if height < 4 {
            return lines;
        }
        if height >= 10 {
            lines.insert(0, self.title(width));
            lines.push(self.mixture(width));
            if !self.is_close {
                lines.push(self.headings(width));
            }
        }
        let has_note = height >= 8;
        let rows = height - lines.len() - 1 - usize::from(has_note);
        let mut body =
            if self.is_close { self.close(width, rows) } else { self.table(width, rows) };
        body.resize(rows, Line::default());
        lines.append(&mut body);
        if has_note {
            lines.push(Line::styled(self.note.clone(), self.dim()));
        }
        lines.push(self.keys(width));
        lines
    }

    fn style(&self, colour: Color) -> Style {
        if self.has_colours { Style::new().fg(colour) } else { Style::new() }
    }

    fn dim(&self) -> Style {
        self.style(Color::DarkGray).add_modifier(Modifier::DIM)
    }

    fn title(&self, width: usize) -> Line<'static> {
        let racing = self.racing();
        let Self { nets, inputs, outputs, seed, .. } = self;
        let nets = nets.len();
        let title = fitting(
            &[
                format!(
                    "derby   {racing} of {nets} nets race, {inputs} inputs, {outputs} outputs, \
                     seed {seed}"
                ),
                format!("derby   {racing} of {nets} nets race"),
                "derby".to_owned(),
            ],
            width,
        );
        Line::styled(title, Style::new().add_modifier(Modifier::BOLD))
    }

    fn progress(&self, width: usize) -> Line<'static> {
        let share = self.taken as f64 / self.samples.max(1) as f64;
        let percent = format!("{:3.0} %", 100.0 * share.min(1.0));
        let samples = HumanCount(self.taken).to_string();
        let of = format!("{samples} of {}", HumanCount(self.samples));
        let pace = match (self.is_paused, self.speed(), self.time_left()) {
            (true, ..) => "paused".to_owned(),
            (_, Some(speed), Some(left)) => {
                // Halves of a second would flicker.
                let left = HumanDuration(Duration::from_secs(left.as_secs()));
                format!("{}/s, {left:#} left", HumanCount(speed as u64))
            }
            (_, Some(speed), None) => format!("{}/s", HumanCount(speed as u64)),
            _ => String::new(),
        };
        if self.samples == 0 {
            let texts = [format!("{samples} samples  {pace}"), samples];
            return Line::raw(fitting(&texts, width));
        }
        let texts = [format!(" {percent}  {of}  {pace}"), format!(" {percent}  {pace}"), percent];
        let text = fitting(&texts, width.saturating_sub(10).max(5));
        let bar = width.saturating_sub(text.chars().count()).min(40);
        let full = ((share * bar as f64) as usize).min(bar);
        Line::from(vec![
            Span::styled("█".repeat(full), self.style(Color::Green)),
            Span::styled("░".repeat(bar - full), self.dim()),
            Span::raw(text),
        ])
    }

    fn mixture(&self, width: usize) -> Line<'static> {
        let last = self.mixture.last().copied().unwrap_or(f32::NAN);
        let text = format!("mixture's loss {:<7}", number(last));
        let room = width.saturating_sub(text.len()).min(60);
        let spark = spark(&self.mixture, room);
        Line::from(vec![Span::raw(text), Span::styled(spark, self.style(Color::Cyan))])
    }

    fn headings(&self, width: usize) -> Line<'static> {
        let columns = Columns::of(self, width);
        let mut text = format!("  {:<1$} ", "net", columns.name);
        if columns.parameters {
            text += &format!("{:>7} ", "weights");
        }
        if columns.loss {
            text += &format!("{:>7} ", "loss");
        }
        if columns.spark > 0 {
            text += &format!("{:<1$} ", "its course", columns.spark);
        }
        let scale = self.scale();
        text += &fitting(
            &[
                format!("trust by output, full {scale:.2}"),
                "trust by output".to_owned(),
                "trust".to_owned(),
            ],
            columns.bars,
        );
        Line::styled(text, self.dim())
    }

    /// The weight of a full bar: the largest there is.
    fn scale(&self) -> f32 {
        let weights = self.nets.iter().flat_map(|lane| lane.weights.iter().copied());
        weights.fold(0.0, f32::max).clamp(1e-3, 1.0)
    }

    /// A row for each net; taller ones where there is room, and where there is too little those
    /// around the chosen one.
    fn table(&self, width: usize, rows: usize) -> Vec<Line<'static>> {
        let order = self.order();
        let tall = (rows / order.len().max(1)).clamp(1, 3);
        let shown = (rows / tall).max(1);
        let chosen = order.iter().position(|&net| net == self.chosen).unwrap_or(0);
        let first = chosen.saturating_sub(shown / 2).min(order.len().saturating_sub(shown));
        let (columns, scale) = (Columns::of(self, width), self.scale());
        let best = order.iter().map(|&net| self.nets[net].trust()).fold(0.0, f32::max);
        let mut lines = Vec::new();
        for &net in order.iter().skip(first).take(shown) {
            let is_best = self.nets[net].trust() == best;
            lines.extend(self.lane(net, &columns, tall, scale, is_best));
        }
        lines
    }

    fn lane(
        &self,
        net: usize,
        columns: &Columns,
        tall: usize,
        scale: f32,
        is_best: bool,
    ) -> Vec<Line<'static>> {
        let lane = &self.nets[net];
        let mark = if net == self.chosen { "> " } else { "  " };
        let style = match lane.left {
            Some(_) => self.dim(),
            None if is_best => Style::new().add_modifier(Modifier::BOLD),
            None => Style::new(),
        };
        let mut text = format!("{mark}{:<1$} ", lane.name, columns.name);
        if columns.parameters {
            text += &format!("{:>7} ", lane.entry.shape.parameters());
        }
        if columns.loss {
            text += &format!("{:>7} ", number(lane.loss));
        }
        let mut spans = vec![Span::styled(text, style)];
        if columns.spark > 0 {
            let style = if lane.left.is_some() { self.dim() } else { self.style(Color::Cyan) };
            spans.push(Span::styled(spark(&lane.course(), columns.spark) + " ", style));
        }
        if let Some((samples, reason)) = lane.left {
            let samples = HumanCount(samples);
            let texts = [
                format!("left at {samples}: {}", why(reason)),
                format!("left at {samples}"),
                "left".to_owned(),
            ];
            spans.push(Span::styled(fitting(&texts, columns.bars), self.dim()));
            let mut lines = vec![Line::from(spans)];
            lines.resize(tall, Line::default());
            return lines;
        }
        let indent = " ".repeat(spans.iter().map(|span| span.content.chars().count()).sum());
        let colour = self.style(if is_best { Color::Green } else { Color::Yellow });
        let cells = columns.cells(self.outputs);
        let mut lines = Vec::new();
        for row in (0..tall).rev() {
            let bars: String = if cells == 0 {
                // A heat map: many outputs share a cell.
                let shares = squeezed(&lane.weights, columns.bars);
                shares.iter().map(|weight| shade(weight / scale)).collect()
            } else {
                let bar = |weight: &f32| {
                    let share = weight / scale * tall as f32 - row as f32;
                    // What has any trust is seen.
                    let least = if *weight > 0.0 && row == 0 { 0.125 } else { 0.0 };
                    let gap = usize::from(cells > 1);
                    level(share.max(least)).repeat(cells - gap) + &" ".repeat(gap)
                };
                lane.weights.iter().map(bar).collect()
            };
            let mut line = if lines.is_empty() {
                std::mem::take(&mut spans)
            } else {
                vec![Span::raw(indent.clone())]
            };
            line.push(Span::styled(bars, colour));
            lines.push(Line::from(line));
        }
        lines
    }

    /// One net alone.
    fn close(&self, width: usize, rows: usize) -> Vec<Line<'static>> {
        let Some(lane) = self.nets.get(self.chosen) else { return Vec::new() };
        let shape = lane.entry.shape;
        let layers = if shape.layers == 1 { "layer" } else { "layers" };
        let state = match lane.left {
            Some((samples, reason)) => {
                format!("left at {} samples: {}", HumanCount(samples), why(reason))
            }
            None => format!("loss {}, trust {:.4}", number(lane.loss), lane.trust()),
        };
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let mut lines = vec![
            Line::from(vec![
                Span::styled(format!("{}  ", lane.name), bold),
                Span::raw(format!(
                    "{} inputs, {} hidden {layers} of {}, {} outputs, {} weights, seed {}",
                    shape.inputs,
                    shape.layers,
                    shape.hidden,
                    shape.outputs,
                    shape.parameters(),
                    lane.entry.seed
                )),
            ]),
            Line::raw(state),
        ];
        let course = lane.course();
        let tall = (rows / 3).clamp(1, 6);
        let numbers = squeezed(&course, width.saturating_sub(10));
        let finite = || numbers.iter().copied().filter(|number| number.is_finite());
        let (least, most) = (finite().fold(f32::INFINITY, f32::min), finite().fold(0.0, f32::max));
        for row in (0..tall).rev() {
            let name = match row {
                _ if numbers.is_empty() => String::new(),
                0 => number(least),
                _ if row + 1 == tall => number(most),
                _ => String::new(),
            };
            let line: String = shares(&numbers)
                .map(|share| {
                    let least = if row == 0 { 0.125 } else { 0.0 };
                    level((share * tall as f32 - row as f32).max(least))
                })
                .collect();
            lines.push(Line::from(vec![
                Span::styled(format!("{name:>8}  "), self.dim()),
                Span::styled(line, self.style(Color::Cyan)),
            ]));
        }
        let scale = self.scale();
        let room = width.saturating_sub(18).min(60);
        for (output, weight) in lane.weights.iter().enumerate() {
            let full = (weight / scale * room as f32).round() as usize;
            lines.push(Line::from(vec![
                Span::raw(format!("{output:>8}  {weight:.4} ")),
                Span::styled("█".repeat(full.min(room)), self.style(Color::Yellow)),
            ]));
        }
        let more = lines.len().saturating_sub(rows);
        lines.truncate(rows);
        if more > 0
            && let Some(last) = lines.last_mut()
        {
            *last = Line::styled(format!("{:>8}  and {} more outputs", "", more + 1), self.dim());
        }
        lines
    }

    /// The keys, or the question under way.
    fn keys(&self, width: usize) -> Line<'static> {
        let name = |net: usize| self.nets.get(net).map_or("", |lane| lane.name.as_str());
        let texts = match self.ask {
            Some(Ask::Dismiss(net)) => vec![format!("send {} home?  y n", name(net))],
            Some(Ask::Quit) => vec![
                "nothing is kept without --checkpoint FILE; quit?  y n".to_owned(),
                "quit?  y n".to_owned(),
            ],
            None => {
                let look = if self.is_close { "esc back" } else { "enter look" };
                let sort = self.sort.name();
                let pause = if self.is_paused { "go on" } else { "pause" };
                let (long, short) = match self.obeys {
                    true => (format!("p {pause}  d send home  "), "p d "),
                    false => (String::new(), ""),
                };
                vec![
                    format!("{long}s sort by {sort}  up down choose  {look}  q quit"),
                    format!("{long}s sort  {look}  q quit"),
                    format!("{short}s q"),
                ]
            }
        };
        let style = match self.ask {
            Some(_) => Style::new().add_modifier(Modifier::REVERSED),
            None => self.dim(),
        };
        Line::styled(fitting(&texts, width), style)
    }
}

impl Lane {
    /// The losses at each check, and the one that is under way.
    fn course(&self) -> Vec<f32> {
        let under_way = self.left.is_none() && self.loss.is_finite();
        let last = under_way.then_some(self.loss).filter(|loss| self.history.last() != Some(loss));
        self.history.iter().copied().chain(last).collect()
    }
}

fn shade(share: f32) -> &'static str {
    let most = SHADES.len() - 1;
    SHADES[((share.clamp(0.0, 1.0) * most as f32).ceil() as usize).min(most)]
}
