//! From what the columns look like to how they become numbers, before any scale is known.

use super::columns::{Columns, Treatment};
use super::encoding::{Coding, Encoding, Feature, Task, Values};
use super::error::{Fault, Located, Place};
use super::name::shown;
use super::profile::{Kind, Profile};
use super::scale::Scale;
use super::survey::Survey;

/// A lone target of whole numbers with at most this many different ones is a class, not an amount.
const MOST_NUMBER_CLASSES: usize = 20;

/// What the columns are taken for.
#[derive(Debug)]
pub(super) struct Plan {
    /// Of every column, ignored ones included.
    pub(super) kinds: Vec<Kind>,
    /// With every scale still [`Scale::NONE`].
    pub(super) encoding: Encoding,
    /// Rows used of every class; of a regression, all of them.
    pub(super) strata: Vec<u64>,
}

impl Plan {
    pub(super) fn new(
        survey: &Survey,
        columns: &Columns,
        decimal_comma: bool,
    ) -> Result<Self, Located> {
        let mut kinds = Vec::new();
        for (index, (profile, treatment)) in
            survey.profiles.iter().zip(&columns.treatments).enumerate()
        {
            let kind = profile.kind(index, treatment).map_err(|(line, fault)| {
                let place = columns.place(index);
                (if line == 0 { place } else { place.at(line) }, fault)
            })?;
            kinds.push(kind);
        }
        let sight = Sight { survey, columns, kinds: &kinds, decimal_comma };
        let inputs =
            columns.inputs.iter().map(|&index| sight.feature(index, sight.input(index))).collect();
        let (task, targets, strata) = match sight.classes()? {
            Some((index, values, strata)) => {
                let coding = Coding::OneHot { values };
                (Task::Classification, vec![sight.feature(index, coding)], strata)
            }
            None => (Task::Regression, sight.amounts()?, vec![survey.used]),
        };
        let encoding = Encoding { task, inputs, targets };
        Ok(Self { kinds, encoding, strata })
    }
}

/// All that a decision looks at.
struct Sight<'a> {
    survey: &'a Survey,
    columns: &'a Columns,
    kinds: &'a [Kind],
    decimal_comma: bool,
}

impl Sight<'_> {
    fn feature(&self, index: usize, coding: Coding) -> Feature {
        Feature {
            number: index.saturating_add(1),
            name: self.columns.name(index).to_owned(),
            coding,
        }
    }

    fn profile(&self, index: usize) -> Option<&Profile> {
        self.survey.profiles.get(index)
    }

    fn kind(&self, index: usize) -> Kind {
        self.kinds.get(index).copied().unwrap_or(Kind::Constant)
    }

    fn treatment(&self, index: usize) -> &Treatment {
        self.columns.treatments.get(index).unwrap_or(&Treatment::Looks)
    }

    /// The different words of a column.
    fn words(&self, index: usize) -> Vec<(String, u64)> {
        self.profile(index).map(|profile| profile.values.list()).unwrap_or_default()
    }

    fn input(&self, index: usize) -> Coding {
        match (self.kind(index), self.ordinal(index)) {
            (Kind::Constant, _) => Coding::Constant,
            (_, Some(coding)) => coding,
            (Kind::Number, _) => Coding::Number { scale: Scale::NONE },
            (Kind::Category, _) => {
                let words = self.words(index).into_iter().map(|(word, _)| word);
                let values = Values::Text(words.collect());
                Coding::OneHot { values }
            }
        }
    }

    /// The ranks of a column that was given an order.
    fn ordinal(&self, index: usize) -> Option<Coding> {
        let Treatment::Ordinal(order) = self.treatment(index) else {
            return None;
        };
        let mut values = order.clone();
        if values.is_empty() {
            values = self.words(index).into_iter().map(|(word, _)| word).collect();
        }
        Some(Coding::Ordinal { values, scale: Scale::NONE })
    }

    /// The target as classes with their rows, if it is one of classes.
    fn classes(&self) -> Result<Option<(usize, Values, Vec<u64>)>, Located> {
        let [index] = *self.columns.targets.as_slice() else {
            return Ok(None);
        };
        let Some(profile) = self.profile(index) else {
            return Ok(None);
        };
        let numbers = profile.classes(self.decimal_comma);
        let few = |list: &Vec<(f64, u64)>| profile.is_whole() && list.len() <= MOST_NUMBER_CLASSES;
        let (values, rows): (Values, Vec<u64>) = match (self.treatment(index), numbers) {
            (Treatment::Number | Treatment::Ordinal(_), _) => return Ok(None),
            (Treatment::Looks, Some(list)) if !few(&list) => return Ok(None),
            (_, Some(list)) => {
                let (numbers, rows) = list.into_iter().unzip();
                (Values::Number(numbers), rows)
            }
            (Treatment::Looks, None) if self.kind(index) == Kind::Number => return Ok(None),
            (_, None) => {
                let (words, rows) = self.words(index).into_iter().unzip();
                (Values::Text(words), rows)
            }
        };
        if rows.len() < 2 {
            return Err(self.one_value(index));
        }
        Ok(Some((index, values, rows)))
    }

    /// The targets as amounts.
    fn amounts(&self) -> Result<Vec<Feature>, Located> {
        let mut features = Vec::new();
        for &index in &self.columns.targets {
            let coding = match (self.kind(index), self.ordinal(index)) {
                (Kind::Constant, _) => return Err(self.one_value(index)),
                (_, Some(coding)) => coding,
                (Kind::Number, _) => Coding::Number { scale: Scale::NONE },
                (Kind::Category, _) => {
                    return Err((self.columns.place(index), Fault::MixedTargets));
                }
            };
            features.push(self.feature(index, coding));
        }
        Ok(features)
    }

    fn one_value(&self, index: usize) -> (Place, Fault) {
        let value = self.words(index).into_iter().next().map(|(word, _)| shown(&word));
        let fault = Fault::OneValue(value.unwrap_or_default());
        (self.columns.place(index), fault)
    }
}
