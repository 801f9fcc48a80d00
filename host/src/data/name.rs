//! Names as people see them: control characters and length are tamed, numbers kept short.

/// Longest name shown, in characters.
const LONGEST: usize = 40;

/// `name` fit for a terminal: no control characters, at most 40 characters.
pub(super) fn shown(name: &str) -> String {
    clipped(name, LONGEST)
}

/// `name` without control characters and at most `most` characters, the last one `…` if cut.
pub(super) fn clipped(name: &str, most: usize) -> String {
    let mut letters = name.chars().map(|letter| {
        if letter.is_control() || is_direction(letter) { '\u{fffd}' } else { letter }
    });
    let mut text: String = letters.by_ref().take(most).collect();
    if letters.next().is_some() {
        text.pop();
        text.push('…');
    }
    text
}

/// Marks that turn the direction of text around and so could hide what a line says.
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `x` with four significant digits and no more characters than that needs.
pub(super) fn figure(x: f64) -> String {
    let size = x.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{x:.3e}");
    }
    let decimals = match size {
        s if s >= 1000.0 => 0,
        s if s >= 100.0 => 1,
        s if s >= 10.0 => 2,
        s if s >= 1.0 => 3,
        s if s >= 0.1 => 4,
        s if s >= 0.01 => 5,
        _ => 6,
    };
    let text = format!("{x:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_length_are_tamed() {
        assert_eq!(shown("ash"), "ash");
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(shown("evil\u{202e}txt"), "evil\u{fffd}txt");
        assert_eq!(clipped("abcdef", 4), "abc…");
        assert_eq!(clipped("abcd", 4), "abcd");
    }

    #[test]
    fn figures_have_four_digits() {
        for (x, text) in [
            (0.0, "0"),
            (13.000_618, "13"),
            (-0.811_83, "-0.8118"),
            (746.893, "746.9"),
            (1680.0, "1680"),
            (1234.567, "1235"),
            (0.012_345_6, "0.01235"),
            (12.345_6, "12.35"),
            (4.5e9, "4.500e9"),
            (-2.0e-7, "-2.000e-7"),
        ] {
            assert_eq!(figure(x), text);
        }
    }
}
