//! What one cell of a table holds: nothing, a number, or text.

/// The content of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    /// Nothing, or a word for it; see [`is_missing`].
    Missing,
    /// A finite number within the range of f32.
    Number(f64),
    /// A number that is infinite or larger than f32 can hold.
    Beyond(&'a str),
    /// Anything else.
    Text(&'a str),
}

impl<'a> Cell<'a> {
    /// Reads a cell that has no blanks around it.
    pub(super) fn read(text: &'a str, decimal_comma: bool) -> Self {
        if is_missing(text) {
            return Self::Missing;
        }
        match number(text, decimal_comma) {
            Some(x) if x.abs() <= f64::from(f32::MAX) => Self::Number(x),
            Some(_) => Self::Beyond(text),
            None => Self::Text(text),
        }
    }
}

/// Nothing, `?`, `NA`, `N/A`, and in any case `NaN` and `null`.
pub(super) fn is_missing(text: &str) -> bool {
    match text.len() {
        0 => true,
        1 => text == "?",
        2 => text == "NA",
        3 => text == "N/A" || text.eq_ignore_ascii_case("nan"),
        4 => text.eq_ignore_ascii_case("null"),
        _ => false,
    }
}

/// The number that `text` is, infinities included.
pub(super) fn number(text: &str, decimal_comma: bool) -> Option<f64> {
    // Rust reads the words inf, infinity and nan as numbers; all other text starts differently.
    if !decimal_comma {
        return text.parse().ok();
    }
    if text.contains('.') {
        return None;
    }
    if !text.contains(',') {
        return text.parse().ok();
    }
    text.replacen(',', ".", 1).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_nothing() {
        for text in ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"] {
            assert_eq!(Cell::read(text, false), Cell::Missing, "{text}");
        }
        for text in ["na", "None", "-", "??"] {
            assert_eq!(Cell::read(text, false), Cell::Text(text));
        }
    }

    #[test]
    fn numbers_in_both_notations() {
        for (text, x) in [("1", 1.0), ("-1.5e3", -1500.0), (".5", 0.5), ("+2.", 2.0)] {
            assert_eq!(Cell::read(text, false), Cell::Number(x));
        }
        for (text, x) in [("1", 1.0), ("-1,5e3", -1500.0), (",5", 0.5)] {
            assert_eq!(Cell::read(text, true), Cell::Number(x));
        }
        for text in ["1.5", "1.234,5", "1,2,3"] {
            assert_eq!(Cell::read(text, true), Cell::Text(text));
        }
        assert_eq!(Cell::read("1,5", false), Cell::Text("1,5"));
    }

    #[test]
    fn what_f32_cannot_hold() {
        for text in ["inf", "-Infinity", "1e39", "1e999", "-nan"] {
            assert_eq!(Cell::read(text, false), Cell::Beyond(text));
        }
        assert_eq!(Cell::read("1e-60", false), Cell::Number(1e-60));
        assert_eq!(Cell::read("information", false), Cell::Text("information"));
    }
}
