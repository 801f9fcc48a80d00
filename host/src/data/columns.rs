//! The columns of a table: their names, the part each plays, and how a user points at one.

use super::cell::is_missing;
use super::error::{Fault, Located, Place};
use super::name::shown;
use super::options::{Missing, Options};
use super::records::Record;

/// Most columns that are read.
pub(super) const MOST: usize = 1 << 14;
/// Longest name that is compared for likeness, in bytes; that work grows with the square.
const LIKENESS: usize = 64;

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Input,
    Target,
    Ignored,
}

/// What a column shall be taken for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Whatever it looks like.
    #[default]
    Looks,
    Number,
    Category,
    /// Ranks in the given order; in alphabetical order if that is empty.
    Ordinal(Vec<String>),
}

/// All columns, in the order of the file.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    pub(super) roles: Vec<Role>,
    pub(super) treatments: Vec<Treatment>,
    /// Indices of the targets, in the order of the outputs.
    pub(super) targets: Vec<usize>,
    /// Indices of the inputs.
    pub(super) inputs: Vec<usize>,
}

impl Columns {
    /// Gives every column its part.
    pub(super) fn new(names: Vec<String>, options: &Options) -> Result<Self, Located> {
        let width = names.len();
        if width > MOST {
            return Err((Place::FILE, Fault::Wide { found: width, limit: MOST }));
        }
        let mut columns = Self {
            names,
            roles: vec![Role::Input; width],
            treatments: vec![Treatment::Looks; width],
            targets: Vec::new(),
            inputs: Vec::new(),
        };
        if options.targets.is_empty() {
            let columns = columns.list();
            return Err((Place::FILE, Fault::NoTarget { columns }));
        }
        columns.assign(options)?;
        columns.inputs =
            (0..width).filter(|&index| columns.roles.get(index) == Some(&Role::Input)).collect();
        if columns.inputs.is_empty() {
            return Err((Place::FILE, Fault::NoInputs));
        }
        Ok(columns)
    }

    fn assign(&mut self, options: &Options) -> Result<(), Located> {
        for (role, wanted) in [(Role::Target, &options.targets), (Role::Ignored, &options.ignore)] {
            for wanted in wanted {
                let index = self.find(wanted)?;
                match self.roles.get_mut(index) {
                    Some(old @ Role::Input) => *old = role,
                    _ => return Err((self.place(index), Fault::NamedTwice)),
                }
                if role == Role::Target {
                    self.targets.push(index);
                }
            }
        }
        let numbers = options.numbers.iter().map(|name| (name, Treatment::Number));
        let categories = options.categories.iter().map(|name| (name, Treatment::Category));
        let ordinals = options
            .ordinals
            .iter()
            .map(|ordinal| (&ordinal.column, Treatment::Ordinal(ordinal.order.clone())));
        for (wanted, treatment) in numbers.chain(categories).chain(ordinals) {
            let index = self.find(wanted)?;
            match self.treatments.get_mut(index) {
                Some(old @ Treatment::Looks) => *old = treatment,
                _ => return Err((self.place(index), Fault::NamedTwice)),
            }
        }
        Ok(())
    }

    /// The column that `wanted` means: its exact name, else its name in other letters, else its number.
    fn find(&self, wanted: &str) -> Result<usize, Located> {
        let wanted = wanted.trim();
        let lower = wanted.to_lowercase();
        let alike: [&dyn Fn(&str) -> bool; 2] =
            [&|name| name == wanted, &|name| name.to_lowercase() == lower];
        for alike in alike {
            let mut hits = (0_usize..).zip(&self.names).filter(|(_, name)| alike(name));
            match (hits.next(), hits.next()) {
                (Some((index, _)), None) => return Ok(index),
                (Some((first, _)), Some((second, _))) => {
                    let fault = Fault::AmbiguousColumn {
                        wanted: shown(wanted),
                        first: first.saturating_add(1),
                        second: second.saturating_add(1),
                    };
                    return Err((Place::FILE, fault));
                }
                _ => {}
            }
        }
        if let Ok(number @ 1..) = wanted.parse::<usize>()
            && number <= self.names.len()
        {
            return Ok(number.saturating_sub(1));
        }
        let fault = Fault::UnknownColumn { wanted: shown(wanted), hint: self.hint(wanted) };
        Err((Place::FILE, fault))
    }

    /// Names near `wanted`, or the columns there are.
    fn hint(&self, wanted: &str) -> String {
        let wanted = wanted.to_lowercase();
        let most = (wanted.chars().count() / 3).max(2);
        let mut near: Vec<(usize, &String)> = self
            .names
            .iter()
            .filter(|name| name.len() <= LIKENESS && wanted.len() <= LIKENESS)
            .map(|name| (distance(&wanted, &name.to_lowercase()), name))
            .filter(|(distance, _)| *distance <= most)
            .collect();
        near.sort_by_key(|(distance, _)| *distance);
        if near.is_empty() {
            return format!("the columns are {}", self.list());
        }
        let names: Vec<String> = near.iter().take(3).map(|(_, name)| shown(name)).collect();
        format!("did you mean {}?", names.join(" or "))
    }

    /// The columns with their numbers, the middle left out if there are many.
    fn list(&self) -> String {
        const ENDS: (usize, usize) = (8, 2);
        let width = self.names.len();
        let all = width <= ENDS.0.saturating_add(ENDS.1);
        let mut parts: Vec<String> = Vec::new();
        for (number, name) in (1_usize..).zip(&self.names) {
            if all || number <= ENDS.0 || width.saturating_sub(number) < ENDS.1 {
                parts.push(format!("{number} {}", shown(name)));
            } else if number == ENDS.0.saturating_add(1) {
                parts.push("..".into());
            }
        }
        parts.join(", ")
    }

    pub(super) fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }

    pub(super) fn place(&self, index: usize) -> Place {
        Place::column(index, self.name(index))
    }

    /// Indices of the columns that are read, inputs first.
    pub(super) fn used(&self) -> impl Iterator<Item = usize> {
        self.inputs.iter().chain(&self.targets).copied()
    }

    /// Whether the row is used under `policy`.
    pub(super) fn keep(&self, record: Record<'_>, policy: Missing) -> bool {
        let whole = |column: &usize| !is_missing(record.cell(*column));
        match policy {
            Missing::Refuse => true,
            Missing::Mean => self.targets.iter().all(whole),
            Missing::Drop => self.used().all(|column| whole(&column)),
        }
    }
}

/// Letters to change, insert, remove or swap; a beginning of the other name counts as near.
fn distance(wanted: &str, name: &str) -> usize {
    if wanted.len() >= 3 && name.starts_with(wanted) {
        return 1;
    }
    strsim::damerau_levenshtein(wanted, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str], targets: &[&str]) -> Result<Columns, String> {
        let options = Options {
            targets: targets.iter().map(|&name| name.into()).collect(),
            ..Options::default()
        };
        let names = names.iter().map(|&name| name.into()).collect();
        Columns::new(names, &options).map_err(|(place, fault)| format!("{place}: {fault}"))
    }

    #[test]
    fn names_go_before_numbers() {
        assert_eq!(columns(&["a", "b", "1"], &["1"]).unwrap().targets, [2]);
        assert_eq!(columns(&["a", "b", "c"], &["3", "1"]).unwrap().targets, [2, 0]);
        assert_eq!(columns(&["Ash", "b"], &["ash"]).unwrap().targets, [0]);
        assert_eq!(columns(&["Ash", "ash", "b"], &["ash"]).unwrap().targets, [1]);
    }

    #[test]
    fn wrong_names_are_explained() {
        for (targets, text) in [
            (&[][..], "name the column to predict with --target: 1 ash, 2 cultivar, 3 hue, 4 hue"),
            (&["cultivra"], "did you mean cultivar?"),
            (&["cult"], "did you mean cultivar?"),
            (&["colour"], "the columns are 1 ash, 2 cultivar, 3 hue, 4 hue"),
            (&["0"], "did you mean"),
            (&["5"], "no column \"5\""),
            (&["HUE"], "columns 3 and 4 are both called \"HUE\""),
            (&["ash", "1"], ", column 1 (ash): it is named twice"),
            (&["1", "2", "3", "4"], "no column is left"),
        ] {
            let fault = columns(&["ash", "cultivar", "hue", "hue"], targets).unwrap_err();
            assert!(text == "did you mean" || fault.contains(text), "{fault}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..65).map(|i| format!("p{i}")).collect();
        let fault = Columns::new(names, &Options::default()).unwrap_err().1.to_string();
        assert!(fault.ends_with("7 p6, 8 p7, .., 64 p63, 65 p64"), "{fault}");
    }
}
