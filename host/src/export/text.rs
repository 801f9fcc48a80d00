//! Models as source text, Rust or C, from templates.

use std::collections::BTreeSet;

use derby_core::Activation;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::model::{Column, Dense, Member, Model};

/// A language with a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// A module for Rust 1.85 or later.
    Rust,
    /// A header for C99.
    C,
}

/// Longest line of numbers or names.
const WIDTH: usize = 100;

impl Language {
    fn template(self) -> &'static str {
        match self {
            Self::Rust => include_str!("net.rs.jinja"),
            Self::C => include_str!("net.h.jinja"),
        }
    }

    /// A number, which reads back as the same bits.
    fn number(self, number: f32) -> String {
        match self {
            Self::Rust => format!("{number:?}"),
            // Nine digits tell any two f32 apart, and lie so far from the middle between two that
            // no compiler rounds them wrongly.
            Self::C => format!("{number:.8e}f"),
        }
    }

    fn string(self, text: &str) -> String {
        match self {
            Self::Rust => format!("{text:?}"),
            Self::C => c_string(text),
        }
    }

    fn numbers(self, numbers: impl IntoIterator<Item = f32>) -> Vec<String> {
        numbers.into_iter().map(|number| self.number(number)).collect()
    }
}

/// What a template is filled with. Numbers and strings are as the language writes them.
#[derive(Serialize)]
struct Context {
    /// What all names begin with, for languages without modules.
    name: String,
    preface: Vec<String>,
    inputs: Columns,
    outputs: Columns,
    classes_of: Option<String>,
    nets: Vec<Net>,
    /// Functions that the nets call.
    functions: BTreeSet<&'static str>,
    /// The most hidden units of a layer.
    widest: usize,
}

#[derive(Serialize)]
struct Columns {
    count: usize,
    names: Vec<String>,
    /// What number stands for which value, where columns are categories.
    notes: Vec<String>,
    /// Empty where no column has one.
    units: Vec<String>,
    /// Empty where nothing is scaled, as `factors`.
    offsets: Vec<String>,
    factors: Vec<String>,
}

#[derive(Serialize)]
struct Net {
    title: String,
    layers: Vec<Layer>,
    /// Its part of each output of a mixture.
    parts: Vec<String>,
}

#[derive(Serialize)]
struct Layer {
    fan_in: usize,
    fan_out: usize,
    function: &'static str,
    rows: Vec<Vec<String>>,
    biases: Vec<String>,
}

impl Context {
    fn new(language: Language, model: &Model, name: &str) -> Self {
        let nets: Vec<_> = model.nets.iter().map(|net| Net::new(language, net)).collect();
        let layers = || nets.iter().flat_map(|net| &net.layers);
        let mut functions: BTreeSet<_> = layers().map(|layer| layer.function).collect();
        if ["sigmoid", "tanh", "softplus", "softmax"].iter().any(|name| functions.contains(name)) {
            functions.insert("exp");
        }
        Self {
            name: name.to_owned(),
            preface: preface(model),
            inputs: Columns::new(language, &model.inputs),
            outputs: Columns::new(language, &model.outputs),
            classes_of: model.classes_of.as_deref().map(comment),
            widest: layers().map(|layer| layer.fan_out).max().unwrap_or(0),
            functions,
            nets,
        }
    }
}

impl Columns {
    fn new(language: Language, columns: &[Column]) -> Self {
        let strings = |text: fn(&Column) -> &str| {
            columns.iter().map(|column| language.string(text(column))).collect()
        };
        let has_units = columns.iter().any(|column| !column.unit.is_empty());
        let numbers = |number: fn(&Column) -> f32| {
            let is_scaled = Model::scales(columns);
            language.numbers(columns.iter().filter(|_| is_scaled).map(number))
        };
        Self {
            count: columns.len(),
            names: strings(|column| &column.name),
            notes: columns.iter().filter_map(note).map(|note| comment(&note)).collect(),
            units: if has_units { strings(|column| &column.unit) } else { Vec::new() },
            offsets: numbers(|column| column.scale.offset),
            factors: numbers(|column| column.scale.factor),
        }
    }
}

impl Net {
    fn new(language: Language, net: &Member) -> Self {
        Self {
            title: net.entry.shape.to_string(),
            layers: net.layers().into_iter().map(|layer| Layer::new(language, &layer)).collect(),
            parts: language.numbers(net.weights.iter().copied()),
        }
    }
}

impl Layer {
    fn new(language: Language, layer: &Dense) -> Self {
        let row = |row: &[f32]| language.numbers(row.iter().copied());
        Self {
            fan_in: layer.fan_in,
            fan_out: layer.biases.len(),
            function: match layer.activation {
                Activation::Sigmoid => "sigmoid",
                Activation::Tanh => "tanh",
                Activation::Relu => "relu",
                Activation::LeakyRelu => "leaky_relu",
                Activation::Softplus => "softplus",
                Activation::Identity => "identity",
                Activation::Softmax => "softmax",
            },
            rows: layer.weights.chunks_exact(layer.fan_in).map(row).collect(),
            biases: language.numbers(layer.biases.iter().copied()),
        }
    }
}

/// The source text of a model whose names begin with `name`.
pub fn of(model: &Model, language: Language, name: &str) -> String {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("lines", |words: Vec<String>, indent: usize| lines(&words, indent));
    let context = Serde(Context::new(language, model, name));
    // A tag on a line of its own leaves no empty line.
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .map(|syntax| environment.set_syntax(syntax))
        .and_then(|()| environment.render_str(language.template(), context))
        .unwrap_or_else(|error| panic!("the template is wrong: {error:#}"))
}

/// What stands at the top of a file, line by line.
fn preface(model: &Model) -> Vec<String> {
    let history = &model.history;
    let loss = history.loss.map(|loss| format!("loss {loss:.4}"));
    let share = history.accuracy.map(|share| format!("{:.1} % right", 100.0 * share));
    let test: Vec<_> = loss.into_iter().chain(share).collect();
    let test =
        if test.is_empty() { String::new() } else { format!("; held out: {}", test.join(", ")) };
    let parameters = model.parameters();
    let bytes = parameters.saturating_mul(4);
    [
        format!("The {} of a race, {parameters} parameters, {bytes} bytes.", model.title()),
        format!("Raced with derby {} on {} samples{test}:", history.version, history.samples),
        format!("  {}", history.command),
    ]
    .iter()
    .map(|line| comment(line))
    .collect()
}

/// How the values of a category are numbered.
fn note(column: &Column) -> Option<String> {
    let values = column.values.iter().enumerate();
    let values: Vec<_> = values.map(|(number, value)| format!("{value} = {number}")).collect();
    (!values.is_empty()).then(|| format!("{}: {}", column.name, values.join(", ")))
}

/// Text that ends no comment.
fn comment(text: &str) -> String {
    text.replace(char::is_control, " ").replace("*/", "* /").replace('\\', "/")
}

/// Words separated by commas, in lines of at most [`WIDTH`] characters where that is possible.
fn lines(words: &[String], indent: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in words {
        let width = word.chars().count() + 2;
        if column == 0 || column + width > WIDTH {
            if column > 0 {
                text.push('\n');
            }
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            text.push(' ');
        }
        text.push_str(word);
        text.push(',');
        column += width;
    }
    text
}

/// A string literal of C. Octal escapes end after three digits, whatever follows.
fn c_string(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            // Two of them begin a trigraph.
            '?' => literal.push_str("\\?"),
            c if c.is_ascii_control() => literal.push_str(&format!("\\{:03o}", u32::from(c))),
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_strings_and_comments() {
        assert_eq!(c_string("a\"\\??/\n1"), r#""a\"\\\?\?/\0121""#);
        assert_eq!(comment("a */ b\nc"), "a * / b c");
    }

    #[test]
    fn long_lists_are_broken() {
        let words = vec!["0.123456789".to_owned(); 20];
        let text = lines(&words, 4);
        assert!(
            text.lines().all(|line| line.len() <= WIDTH && line.starts_with("    0")),
            "{text}"
        );
        assert_eq!(text.matches("0.123456789,").count(), 20);
    }

    #[test]
    fn numbers_of_c_read_back() {
        for number in [0.1, -1.0 / 3.0, f32::MIN_POSITIVE, 1e-45, f32::MAX, -0.0, 16_777_217.0] {
            let text = Language::C.number(number);
            let read: f32 = text.trim_end_matches('f').parse().unwrap();
            assert_eq!(read.to_bits(), number.to_bits(), "{text}");
        }
    }
}
