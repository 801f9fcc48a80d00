//! The pictures of a race.

use serde::Serialize;

use super::chart::{Axis, Chart, WIDTH, escaped, short};
use super::story::{Fate, Net, Story};

/// A picture.
#[derive(Debug, Serialize)]
pub(super) struct Picture {
    /// Name of its file, without ending.
    pub(super) name: &'static str,
    title: &'static str,
    /// What is to be seen in it.
    caption: &'static str,
    pub(super) svg: String,
}

/// All pictures of a race.
pub(super) fn all(story: &Story) -> Vec<Picture> {
    let pictures = [
        Picture {
            name: "trust",
            title: "Trust",
            caption: "Each net’s mixing weight, the mean over the outputs.",
            svg: trust(story),
        },
        Picture {
            name: "losses",
            title: "Losses",
            caption: "Each net’s mean loss since the last check; dashed the mixture’s.",
            svg: losses(story),
        },
        Picture {
            name: "leaving",
            title: "Order of leaving",
            caption: "How long each net raced, the best on top.",
            svg: leaving(story),
        },
        Picture {
            name: "pareto",
            title: "Error and size",
            caption: "Loss on samples held out against parameters, which are also the \
                      multiply-accumulates of one answer. On the line: no other net is both \
                      smaller and better.",
            svg: pareto(story),
        },
    ];
    pictures.into()
}

/// The class of a net's marks.
fn class(net: &Net) -> &'static str {
    match net.fate {
        Fate::Winner => "winner",
        Fate::Stayed => "stayed",
        Fate::Left => "left",
    }
}

const HEIGHT: f64 = 300.0;
const TOP: f64 = 32.0;
const BOTTOM: f64 = 252.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 410.0;

fn trust(story: &Story) -> String {
    let mut chart = Chart::new("Trust", HEIGHT);
    let all = story.nets.iter().flat_map(|net| &net.trust);
    let most = all.map(|point| point.1).filter(|share| share.is_finite()).fold(0.01, f64::max);
    let y = Axis::from_zero(most * 1.05, BOTTOM, TOP);
    lines(&mut chart, story, y, "mean weight", |net| &net.trust);
    chart.svg()
}

fn losses(story: &Story) -> String {
    let mut chart = Chart::new("Losses", HEIGHT);
    let all = story.nets.iter().flat_map(|net| &net.losses).chain(&story.mixture);
    let y = Axis::around(all.map(|point| point.1), BOTTOM, TOP);
    let x = lines(&mut chart, story, y, "loss", |net| &net.losses);
    chart.add(format_args!(
        r#"<polyline class="mixture" points="{}"><title>the mixture</title></polyline>"#,
        points(&story.mixture, x, y)
    ));
    chart.svg()
}

/// A line for each net over the samples, the winner's on top.
fn lines(
    chart: &mut Chart,
    story: &Story,
    y: Axis,
    label: &str,
    values: impl Fn(&Net) -> &Vec<(f64, f64)>,
) -> Axis {
    let x = Axis::from_zero(story.end(), LEFT, RIGHT);
    chart.across(x, TOP, BOTTOM, "samples");
    chart.upward(y, LEFT, RIGHT, label);
    let mut labels = Vec::new();
    for net in story.nets.iter().rev() {
        let (values, class, name) = (values(net), class(net), escaped(&net.name));
        let points = points(values, x, y);
        chart.add(format_args!(
            r#"<polyline class="{class}" points="{points}"><title>{name}</title></polyline>"#
        ));
        let Some(&(at, value)) = values.iter().rfind(|(_, value)| value.is_finite()) else {
            continue;
        };
        if net.fate == Fate::Left {
            let (x, y) = (x.place(at), y.place(value));
            chart.add(format_args!(
                r#"<circle class="left" cx="{x:.1}" cy="{y:.1}" r="2.5"><title>{name} leaves</title></circle>"#
            ));
        } else {
            labels.push((y.place(value), class, net.name.clone()));
        }
    }
    // The lines were drawn from the last net to the winner.
    labels.reverse();
    chart.labels(RIGHT + 6.0, (TOP, BOTTOM + 6.0), &labels);
    x
}

fn points(values: &[(f64, f64)], x: Axis, y: Axis) -> String {
    let finite = values.iter().filter(|(_, value)| value.is_finite());
    let points = finite.map(|(at, value)| format!("{:.1},{:.1}", x.place(*at), y.place(*value)));
    points.collect::<Vec<_>>().join(" ")
}

/// Height of a net's row.
const ROW: f64 = 22.0;

fn leaving(story: &Story) -> String {
    let bottom = 8.0 + ROW * story.nets.len() as f64;
    let mut chart = Chart::new("Order of leaving", bottom + 46.0);
    let (left, right) = (78.0, WIDTH - 16.0);
    let x = Axis::from_zero(story.end(), left, right);
    chart.across(x, 4.0, bottom, "samples");
    for (row, net) in story.nets.iter().enumerate() {
        let (class, name) = (class(net), escaped(&net.name));
        let top = 8.0 + ROW * row as f64;
        let end = net.left.map_or(story.end(), |left| left as f64);
        let width = (x.place(end) - left).max(2.0);
        let fate = match (net.left, net.reason) {
            (Some(left), Some(reason)) => format!("left after {left} samples: {reason}"),
            _ => "stayed".to_owned(),
        };
        let (y, label) = (top + 3.0, left - 8.0);
        chart.add(format_args!(
            r#"<rect class="{class}" x="{left}" y="{y}" width="{width:.1}" height="16" rx="2"><title>{name} {fate}</title></rect>"#
        ));
        let y = top + 15.5;
        chart.add(format_args!(r#"<text class="end {class}" x="{label}" y="{y}">{name}</text>"#));
        if let Some(left) = net.left {
            let (at, class) =
                if width < 300.0 { (x.place(end) + 6.0, "") } else { (x.place(end) - 6.0, "on") };
            let anchor = if class.is_empty() { "" } else { " end" };
            let text = short(left as f64);
            chart.add(format_args!(
                r#"<text class="{class}{anchor}" x="{at:.1}" y="{y}">{text}</text>"#
            ));
        }
    }
    chart.svg()
}

fn pareto(story: &Story) -> String {
    let mut chart = Chart::new("Error and size", HEIGHT);
    let mut tested: Vec<_> = story
        .nets
        .iter()
        .filter_map(|net| {
            let loss = net.loss.filter(|loss| loss.is_finite())?;
            Some((net.parameters as f64, loss, net))
        })
        .collect();
    tested.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let x = Axis::around(tested.iter().map(|point| point.0), LEFT, RIGHT + 20.0);
    let y = Axis::around(tested.iter().map(|point| point.1), BOTTOM, TOP);
    chart.across(x, TOP, BOTTOM, "parameters");
    chart.upward(y, LEFT, RIGHT + 20.0, "loss on samples held out");

    let mut best = f64::INFINITY;
    let mut front = Vec::new();
    for &(parameters, loss, _) in &tested {
        if loss < best {
            best = loss;
            front.push((parameters, loss));
        }
    }
    chart.add(format_args!(r#"<polyline class="front" points="{}"/>"#, points(&front, x, y)));
    let mut labels = Vec::new();
    for &(parameters, loss, net) in &tested {
        let (class, name) = (class(net), escaped(&net.name));
        let (at, height) = (x.place(parameters), y.place(loss));
        chart.add(format_args!(
            r#"<circle class="{class}" cx="{at:.1}" cy="{height:.1}" r="5"><title>{name}: {parameters} parameters, loss {loss:.4}</title></circle>"#
        ));
        labels.push((at, height, class, net.name.clone()));
    }
    // The winner is named first, then who is on the front.
    let rank = |at: &usize| {
        let (_, loss, net) = tested[*at];
        (net.fate != Fate::Winner, !front.iter().any(|(_, own)| *own == loss))
    };
    let mut order: Vec<_> = (0..tested.len()).collect();
    order.sort_by_key(rank);
    let points: Vec<_> = labels.iter().map(|(x, y, ..)| (*x, *y)).collect();
    let labels: Vec<_> = order.into_iter().map(|at| labels[at].clone()).collect();
    chart.beside(&points, &labels);
    chart.svg()
}
