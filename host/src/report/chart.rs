//! Axes, marks and text of a picture, as SVG.

use std::fmt::Write as _;

use super::CHART;

/// Width of every picture.
pub(super) const WIDTH: f64 = 480.0;
/// Least distance between the baselines of two labels.
const LINE: f64 = 15.0;

/// From values to places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    is_log: bool,
    from: f64,
    to: f64,
}

impl Axis {
    /// From 0 to `high`, which is above 0.
    pub(super) fn from_zero(high: f64, from: f64, to: f64) -> Self {
        Self { low: 0.0, high, is_log: false, from, to }
    }

    /// Around these values, in powers where they are positive and far apart.
    pub(super) fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if low > 0.0 && high / low > 8.0 {
            return Self { low: low / 1.2, high: high * 1.2, is_log: true, from, to };
        }
        let margin = if high > low { 0.06 * (high - low) } else { 0.5 * low.abs().max(1e-3) };
        // Sizes and losses are not negative.
        let low = if low >= 0.0 { (low - margin).max(0.0) } else { low - margin };
        Self { low, high: high + margin, is_log: false, from, to }
    }

    pub(super) fn place(self, value: f64) -> f64 {
        let Self { low, high, is_log, from, to } = self;
        let share = if is_log {
            (value / low).ln() / (high / low).ln()
        } else {
            (value - low) / (high - low)
        };
        from + share * (to - from)
    }

    /// Round values along the axis.
    pub(super) fn ticks(self) -> Vec<f64> {
        let Self { low, high, is_log, .. } = self;
        let inside = |value: &f64| (low..=high).contains(value);
        if is_log {
            let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
            let ticks = |every: i32, steps: &[f64]| -> Vec<f64> {
                let round = decades.clone().filter(|decade| decade % every == 0);
                let all =
                    round.flat_map(|decade| steps.iter().map(move |s| s * 10_f64.powi(decade)));
                all.filter(inside).collect()
            };
            let kinds = [(1, &[1.0, 2.0, 5.0][..]), (1, &[1.0]), (2, &[1.0]), (5, &[1.0])];
            let ticks = kinds.map(|(every, steps)| ticks(every, steps));
            if let Some(ticks) = ticks.into_iter().find(|ticks| (2..=9).contains(&ticks.len())) {
                return ticks;
            }
        }
        let rough = (high - low) / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
        let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let first = (low / step).ceil();
        (0..12).map(|count| (first + f64::from(count)) * step).filter(inside).collect()
    }
}

/// A number in few characters.
pub(super) fn short(number: f64) -> String {
    if number != 0.0 && number.abs() < 1e-3 {
        return format!("{number:.0e}");
    }
    let (number, unit) = match number.abs() {
        size if size >= 1e6 => (number / 1e6, "M"),
        size if size >= 1e4 => (number / 1e3, "k"),
        _ => (number, ""),
    };
    let size = number.abs();
    let places = if size == 0.0 || size >= 100.0 { 0 } else { 2 - size.log10().floor() as i32 };
    let text = format!("{number:.*}", places.clamp(0, 9) as usize);
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// Text that is no markup.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A picture under way.
#[derive(Debug)]
pub(super) struct Chart {
    body: String,
    height: f64,
    title: &'static str,
}

impl Chart {
    pub(super) fn new(title: &'static str, height: f64) -> Self {
        Self { body: String::new(), height, title }
    }

    /// Adds a line of markup.
    pub(super) fn add(&mut self, markup: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.body, "{markup}");
    }

    /// A line of values at the bottom, with grid lines up to `top`.
    pub(super) fn across(&mut self, axis: Axis, top: f64, bottom: f64, label: &str) {
        for tick in axis.ticks() {
            let (x, text) = (axis.place(tick), short(tick));
            self.add(format_args!(
                r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{top}" y2="{bottom}"/>"#
            ));
            let y = bottom + 17.0;
            self.add(format_args!(r#"<text class="middle" x="{x:.1}" y="{y}">{text}</text>"#));
        }
        let (x, y) = ((axis.from + axis.to) / 2.0, bottom + 35.0);
        self.add(format_args!(r#"<text class="middle" x="{x}" y="{y}">{label}</text>"#));
    }

    /// Values up the left side, with grid lines to `right`; `label` stands above.
    pub(super) fn upward(&mut self, axis: Axis, left: f64, right: f64, label: &str) {
        for tick in axis.ticks() {
            let (y, text) = (axis.place(tick), short(tick));
            self.add(format_args!(
                r#"<line class="grid" x1="{left}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/>"#
            ));
            let (x, y) = (left - 7.0, y + 4.5);
            self.add(format_args!(r#"<text class="end" x="{x}" y="{y:.1}">{text}</text>"#));
        }
        let y = axis.to - 12.0;
        self.add(format_args!(r#"<text x="4" y="{y}">{label}</text>"#));
    }

    /// Labels at `x`, each near its y and none on another; one that finds no place is left out.
    /// `(y, class, text)`, the most important first.
    pub(super) fn labels(&mut self, x: f64, ys: (f64, f64), labels: &[(f64, &str, String)]) {
        let mut taken: Vec<f64> = Vec::new();
        for (y, class, text) in labels {
            let places = [0.0, LINE, -LINE].map(|shift| y + shift);
            let is_free = |y: &f64| {
                (ys.0..=ys.1).contains(y)
                    && taken.iter().all(|other| (y - other).abs() >= LINE - 0.5)
            };
            let Some(y) = places.into_iter().find(is_free) else { continue };
            taken.push(y);
            let (y, text) = (y + 4.5, escaped(text));
            self.add(format_args!(r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{text}</text>"#));
        }
    }

    /// Labels beside points, `(x, y, class, text)`, each where it covers no point and no other; one
    /// that finds no such place is left out.
    pub(super) fn beside(&mut self, points: &[(f64, f64)], labels: &[(f64, f64, &str, String)]) {
        let mut taken: Vec<[f64; 4]> =
            points.iter().map(|(x, y)| [x - 5.0, y - 5.0, x + 5.0, y + 5.0]).collect();
        for (x, y, class, text) in labels {
            // A digit is some 7.5 wide.
            let width = 7.5 * text.chars().count() as f64;
            let places =
                [(8.0, 4.5), (8.0, -7.0), (8.0, 16.0), (-8.0 - width, 4.5), (-0.5 * width, -9.0)];
            let boxed = |(right, down): (f64, f64)| {
                let (x, y) = (x + right, y + down);
                [x, y - 11.0, x + width, y + 2.0]
            };
            let is_free = |own: &[f64; 4]| {
                let apart = |other: &[f64; 4]| {
                    own[2] < other[0] || other[2] < own[0] || own[3] < other[1] || other[3] < own[1]
                };
                own[2] <= WIDTH && taken.iter().all(apart)
            };
            let Some(own) = places.map(boxed).into_iter().find(is_free) else { continue };
            taken.push(own);
            let ([x, _, _, bottom], text) = (own, escaped(text));
            let y = bottom - 2.0;
            self.add(format_args!(r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{text}</text>"#));
        }
    }

    /// The picture.
    pub(super) fn svg(self) -> String {
        let Self { body, height, title } = self;
        format!(
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"{title}\" xmlns=\"http://www.w3.org/2000/svg\">\n{body}</svg>\n"
        )
    }
}

/// A picture that stands alone, with its colours.
pub(super) fn alone(svg: &str) -> String {
    let end = svg.find('>').map_or(0, |end| end + 1);
    let (head, body) = svg.split_at(end);
    format!("{head}\n<style>\n{CHART}</style>{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (0.0, "0"),
            (0.05, "0.05"),
            (0.123_456, "0.123"),
            (2e-6, "2e-6"),
            (1500.0, "1500"),
            (20_000.0, "20k"),
            (1_600_000.0, "1.6M"),
            (99.5, "99.5"),
        ] {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let axis = Axis::around([0.002, 0.9].into_iter(), 0.0, 1.0);
        assert_eq!(axis.ticks(), [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]);
        let axis = Axis::around([2e-13, 0.9].into_iter(), 0.0, 1.0);
        assert_eq!(axis.ticks().len(), 7);
        assert_eq!(Axis::from_zero(6000.0, 0.0, 1.0).ticks(), [0.0, 2000.0, 4000.0, 6000.0]);
        for values in [vec![], vec![0.0], vec![5.0], vec![-1.0, 1.0], vec![f64::NAN, 3.0]] {
            let axis = Axis::around(values.clone().into_iter(), 0.0, 100.0);
            assert!(!axis.ticks().is_empty(), "{values:?}");
            assert!(axis.ticks().iter().all(|tick| (0.0..=100.0).contains(&axis.place(*tick))));
        }
    }
}
