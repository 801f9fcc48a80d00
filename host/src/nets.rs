//! Net lists as a user writes them: `16,24x1..3` is hidden sizes x hidden layers.
//!
//! ```text
//! list   group [+ group] ..        8x1+16,24x1..3
//! group  sizes x layers [@ seeds]  seeds: one net for each; without, the race's seed
//! each   number | a..b | a..b/step, separated by commas; b is included
//! ```

use std::str::FromStr;

use thiserror::Error;

/// Most nets that a list may name.
const MOST: usize = 10_000;

/// One net of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Units in each hidden layer.
    pub hidden: usize,
    /// Hidden layers.
    pub layers: usize,
    /// Seed of its own, where the list gives one.
    pub seed: Option<u64>,
}

/// Which nets enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetList(pub Vec<Listed>);

/// What is wrong with a net list.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NetListError {
    /// Two lists are not joined by an x.
    #[error("'{0}' is not of the form SIZESxLAYERS, for example 16,24x1..3")]
    Form(String),
    /// Something is not a number.
    #[error("'{part}' in '{group}' is no number and no range such as 1..3 or 16..56/8")]
    Number {
        /// The part.
        part: String,
        /// Where it stands.
        group: String,
    },
    /// A range is empty or does not move.
    #[error("the range '{0}' is empty")]
    Empty(String),
    /// A net with hidden layers has no units in them.
    #[error("a net of {layers} hidden layers needs at least 1 unit in each")]
    NoUnits {
        /// Its layers.
        layers: usize,
    },
    /// The list is too long.
    #[error("the list names more than {MOST} nets")]
    TooMany,
}

impl FromStr for NetList {
    type Err = NetListError;

    fn from_str(text: &str) -> Result<Self, NetListError> {
        let mut nets = Vec::new();
        for group in text.split('+').map(str::trim) {
            let (shape, seeds) = match group.split_once('@') {
                Some((shape, seeds)) => (shape, Some(numbers(seeds, group)?)),
                None => (group, None),
            };
            let form = || NetListError::Form(group.to_owned());
            let (sizes, layers) = shape.split_once(['x', 'X']).ok_or_else(form)?;
            let layers = numbers(layers, group)?;
            for hidden in numbers(sizes, group)? {
                for &layers in &layers {
                    let (hidden, layers) = (hidden as usize, layers as usize);
                    if layers > 0 && hidden == 0 {
                        return Err(NetListError::NoUnits { layers });
                    }
                    let listed = |seed| Listed { hidden, layers, seed };
                    match &seeds {
                        Some(seeds) => nets.extend(seeds.iter().map(|&seed| listed(Some(seed)))),
                        None => nets.push(listed(None)),
                    }
                    if nets.len() > MOST {
                        return Err(NetListError::TooMany);
                    }
                }
            }
        }
        Ok(Self(nets))
    }
}

/// The numbers of a comma-separated list of numbers and ranges.
fn numbers(list: &str, group: &str) -> Result<Vec<u64>, NetListError> {
    let mut numbers = Vec::new();
    for part in list.split(',').map(str::trim) {
        if numbers.len() > MOST {
            return Err(NetListError::TooMany);
        }
        let wrong = || NetListError::Number { part: part.to_owned(), group: group.to_owned() };
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let Some((first, rest)) = part.split_once("..") else {
            numbers.push(number(part)?);
            continue;
        };
        let (last, step) = match rest.split_once('/') {
            Some((last, step)) => (number(last)?, number(step)?),
            None => (number(rest)?, 1),
        };
        let first = number(first)?;
        if last < first || step == 0 {
            return Err(NetListError::Empty(part.to_owned()));
        }
        if (last - first) / step >= MOST as u64 {
            return Err(NetListError::TooMany);
        }
        numbers.extend((0..=(last - first) / step).map(|count| first + count * step));
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(list: &str) -> Vec<(usize, usize)> {
        let NetList(nets) = list.parse().unwrap();
        nets.iter().map(|net| (net.hidden, net.layers)).collect()
    }

    #[test]
    fn lists_and_ranges_multiply() {
        assert_eq!(shapes("16,24x1..2"), [(16, 1), (16, 2), (24, 1), (24, 2)]);
        assert_eq!(shapes("16..56/8x1..3").len(), 18);
        assert_eq!(shapes("8x1 + 0x0"), [(8, 1), (0, 0)]);
    }

    #[test]
    fn seeds_make_twins() {
        let NetList(nets) = "16x1@3,5".parse().unwrap();
        assert_eq!(nets.iter().map(|net| net.seed).collect::<Vec<_>>(), [Some(3), Some(5)]);
    }

    #[test]
    fn mistakes_are_named() {
        let message = |list: &str| NetList::from_str(list).unwrap_err().to_string();
        assert!(message("16").contains("'16' is not of the form"));
        assert!(message("16x").contains("'' in '16x' is no number"));
        assert!(message("16xq").contains("'q'"));
        assert!(message("9..3x1").contains("'9..3' is empty"));
        assert!(message("0x1").contains("at least 1 unit"));
        assert!(message("1..99999999999x1").contains("more than 10000"));
        assert!(message("1..9999,1..9999,1x1").contains("more than 10000"));
    }
}
