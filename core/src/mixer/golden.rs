//! Mixer and referee against the reference program's own results, case by case. Where Derby
//! differs on purpose, the expectation says so by name, and the rest of the case still counts.
//!
//! # Tolerance
//! The reference computes in f64, Derby in f32 with unit roundoff [`U`]. [`Weights`] carries for
//! each weight a bound of its error, to first order in `U`: it starts with the rounding of the
//! input, and each operation's method says how it grows. Nothing is tuned.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::{Mixer, Mixing, gradient, heuristic, rebalance};
use crate::book::{Book, racing};
use crate::referee::{Reason, Referee, Refereeing};

/// Unit roundoff of f32, 2^-24.
const U: f64 = 1.0 / 16_777_216.0;

/// One call of the reference program; see `golden/README.md`.
#[derive(Deserialize)]
struct Case {
    #[serde(skip)]
    place: usize,
    op: String,
    nets: usize,
    outputs: usize,
    lost: Vec<bool>,
    weights: Vec<f64>,
    keep_alive: usize,
    #[serde(default)]
    alpha: f64,
    #[serde(default)]
    deltas: Vec<f64>,
    #[serde(default)]
    costs: Vec<f64>,
    #[serde(default)]
    scores: Vec<u32>,
    #[serde(default)]
    unconditional: bool,
    out_lost: Vec<bool>,
    out_weights: Vec<f64>,
    #[serde(default)]
    out_scores: Vec<u32>,
}

fn all_cases() -> Vec<Case> {
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Case>,
    }
    let File { mut cases } =
        serde_json::from_str(include_str!("golden/gorann-mixer.json")).unwrap();
    cases.iter_mut().enumerate().for_each(|(place, case)| case.place = place);
    cases
}

fn cases(op: &str) -> impl Iterator<Item = Case> {
    all_cases().into_iter().filter(move |case| case.op == op)
}

impl Case {
    fn books(&self) -> Vec<Book> {
        let mut books = vec![Book::NEW; self.nets];
        for (book, &lost) in books.iter_mut().zip(&self.lost) {
            book.left = lost;
        }
        for (book, &score) in books.iter_mut().zip(&self.scores) {
            book.score = score;
        }
        books
    }

    /// The nets that the operation sent home.
    fn sent_home(&self) -> Vec<usize> {
        (0..self.nets).filter(|&net| self.out_lost[net] && !self.lost[net]).collect()
    }

    /// `out_weights` made to sum to 1 for each output.
    ///
    /// Difference "sums after a drop": the reference leaves what a lost net held unassigned until
    /// the next update; Derby shares it out at once.
    fn out_weights_rebalanced(&self) -> Vec<f64> {
        let mut weights = self.out_weights.clone();
        share_out(&mut weights, self.outputs);
        weights
    }
}

/// Makes each column sum to 1, in f64.
fn share_out(weights: &mut [f64], outputs: usize) {
    for output in 0..outputs {
        let sum: f64 = weights.iter().skip(output).step_by(outputs).sum();
        weights.iter_mut().skip(output).step_by(outputs).for_each(|w| *w /= sum);
    }
}

/// Derby's weights on their way through a case, with a bound of each one's error.
struct Weights {
    outputs: usize,
    values: Vec<f32>,
    errors: Vec<f64>,
}

impl Weights {
    fn of(case: &Case) -> Self {
        Self {
            outputs: case.outputs,
            values: rounded(&case.weights),
            errors: case.weights.iter().map(|w| U * w.abs()).collect(),
        }
    }

    /// The places of an output's weights of racing nets.
    fn column(&self, output: usize, books: &[Book]) -> Vec<usize> {
        racing(books).map(|net| net * self.outputs + output).collect()
    }

    fn largest_error(&self, places: &[usize]) -> f64 {
        places.iter().fold(0.0, |most: f64, &place| most.max(self.errors[place]))
    }

    /// `((w - least) / span + 0.001) * 0.99`, with errors up to e in `w`, `least` and `most`.
    /// Numerator and span are each off by at most `2 e + U span`, so the quotient, at most 1, by
    /// `2 (2 e + U span) / span + U`. The other two operations and two constants, on numbers up
    /// to 1.001, add 4 U.
    fn stretch(&mut self, books: &[Book]) {
        for output in 0..self.outputs {
            let places = self.column(output, books);
            let error = self.largest_error(&places);
            let values = places.iter().map(|&place| f64::from(self.values[place]));
            let (least, most) =
                values.fold((f64::MAX, f64::MIN), |(least, most), w| (least.min(w), most.max(w)));
            let span = most - least;
            if span >= 1e-8 {
                places.iter().for_each(|&p| self.errors[p] = 4.0 * error / span + 7.0 * U);
            }
        }
        gradient::stretch(&mut self.values, self.outputs, books);
    }

    /// `p = w / sum` over n nets, with errors up to e in each `w`: the sum is off by at most
    /// `n e + (n - 1) U sum`, so p by `e / sum + p (n e / sum + n U)`.
    fn rebalance(&mut self, books: &[Book]) {
        let before = self.values.clone();
        rebalance(&mut self.values, self.outputs, books);
        for output in 0..self.outputs {
            let places = self.column(output, books);
            let nets = places.len() as f64;
            let sum: f64 = places.iter().map(|&place| f64::from(before[place])).sum();
            assert!(sum > 0.0, "the reference divides by a sum of {sum}");
            let error = self.largest_error(&places) / sum;
            for place in places {
                let share = f64::from(self.values[place]);
                self.errors[place] = error + share * nets * (error + U);
            }
        }
    }

    /// A step that moved weights by gains of at most `most`, each the product of the rate and
    /// the inverse of a ratio of rounded numbers: 6 roundings and 2 of inputs. The addition's
    /// own is relative to the new weight.
    fn gained(&mut self, most: f64) {
        for (error, value) in self.errors.iter_mut().zip(&self.values) {
            *error += U * (8.0 * most + f64::from(value.abs()));
        }
    }

    /// Whether racing nets hold what the reference says within the bounds, and others nothing.
    fn assert_agree(&self, case: &Case, books: &[Book], reference: &[f64]) {
        for (place, &expected) in reference.iter().enumerate() {
            let (net, output) = (place / self.outputs, place % self.outputs);
            let (value, bound) = (f64::from(self.values[place]), self.errors[place]);
            let name = std::format!("case {}, {}, w[{net}][{output}]", case.place, case.op);
            assert!(bound < 1e-4, "{name}: a bound of {bound} says nothing");
            if books[net].races() {
                let off = (value - expected).abs();
                assert!(off <= bound, "{name} = {value}, not {expected}: {off:e} > {bound:e}");
            } else {
                assert_eq!(value, 0.0, "{name} of a net out of the race");
            }
        }
    }
}

fn rounded(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&number| number as f32).collect()
}

/// The books as the reference program reads them where it looks for a least or a largest: nets
/// that `counted` names are in it, lost or not.
fn with_dead(books: &[Book], counted: impl Fn(usize) -> bool) -> Vec<Book> {
    let mut books = books.to_vec();
    books.iter_mut().enumerate().for_each(|(net, book)| book.left &= !counted(net));
    books
}

/// Runs a check of the referee; returns who left, in order, and why.
fn check(
    refereeing: Refereeing,
    before: u32,
    weights: &Weights,
    books: &mut [Book],
) -> Vec<(usize, Reason)> {
    let mut referee = Referee::new(refereeing, books.len());
    let mut memory = vec![0.0; Mixing::GRADIENT.memory(books.len(), weights.outputs, 1)];
    let mixer = mixer(&mut memory, weights, books.len());
    let scores: Vec<_> = books.iter().map(|book| book.score).collect();
    for _ in 0..before {
        // Without scores nobody has more than half of them.
        books.iter_mut().for_each(|book| book.score = 0);
        referee.check(&mixer, books, &mut |net, _| panic!("net {net} left"));
    }
    books.iter_mut().zip(scores).for_each(|(book, score)| book.score = score);
    let mut left = Vec::new();
    referee.check(&mixer, books, &mut |net, reason| left.push((net, reason)));
    left
}

fn mixer<'m>(memory: &'m mut [f32], weights: &Weights, nets: usize) -> Mixer<'m> {
    let mixer = Mixer::new(Mixing::GRADIENT, nets, weights.outputs, 1, memory).unwrap();
    mixer.weights.copy_from_slice(&weights.values);
    mixer
}

#[test]
fn every_case_has_a_test() {
    let found: BTreeSet<_> = all_cases().into_iter().map(|case| case.op).collect();
    let tested = [
        "heuristic_weights",
        "heuristic_win",
        "lose_small",
        "normalize_negative",
        "normalize_then_rebalance",
        "rebalance_positive",
        "score_small",
        "zero_small",
    ];
    assert!(found.iter().eq(tested), "{found:?}");
    assert!(all_cases().iter().all(|case| case.keep_alive == if case.nets < 8 { 1 } else { 2 }));
}

#[test]
fn stretching() {
    for case in cases("normalize_negative") {
        let books = case.books();
        let mut weights = Weights::of(&case);
        weights.stretch(&books);
        weights.assert_agree(&case, &books, &case.out_weights);
    }
}

#[test]
fn rebalancing() {
    for case in cases("rebalance_positive") {
        let books = case.books();
        let mut weights = Weights::of(&case);
        weights.rebalance(&books);
        weights.assert_agree(&case, &books, &case.out_weights);
    }
}

#[test]
fn stretching_then_rebalancing() {
    for case in cases("normalize_then_rebalance") {
        let books = case.books();
        let mut weights = Weights::of(&case);
        weights.stretch(&books);
        weights.rebalance(&books);
        weights.assert_agree(&case, &books, &case.out_weights);
    }
}

/// Difference "dead nets in minima": the reference finds the least cost among all nets, so one
/// that is out of the race can make it. Reading the books as the reference does puts that back;
/// where no dead net has the least cost, the two readings give the same bits.
#[test]
fn the_ratio_heuristic() {
    for case in cases("heuristic_weights") {
        let books = case.books();
        let (outputs, rate) = (case.outputs, case.alpha as f32);
        let (deltas, costs) = (rounded(&case.deltas), rounded(&case.costs));
        let run = |books_of_costs: &[Book]| {
            let mut weights = Weights::of(&case);
            let values = &mut weights.values;
            heuristic::gain_by_error(values, outputs, &books, &deltas, rate);
            heuristic::gain_by_cost(values, outputs, books_of_costs, &costs, rate);
            weights.gained(2.0 * case.alpha);
            weights.stretch(&books);
            weights.rebalance(&books);
            weights
        };
        run(&with_dead(&books, |_| true)).assert_agree(&case, &books, &case.out_weights);
        if !has_least_cost(&case, |net| case.lost[net]) {
            run(&books).assert_agree(&case, &books, &case.out_weights);
        }
    }
}

/// Difference "dead nets in minima": the reference starts its search at net 0, lost or not.
/// Reading the books as the reference does puts that back; where net 0 races, the two readings
/// are one.
#[test]
fn the_win_heuristic() {
    for case in cases("heuristic_win") {
        let books = case.books();
        let (deltas, costs) = (rounded(&case.deltas), rounded(&case.costs));
        let mut weights = Weights::of(&case);
        heuristic::win(
            &mut weights.values,
            case.outputs,
            &with_dead(&books, |net| net == 0),
            &deltas,
            &costs,
            case.alpha as f32,
        );
        weights.gained(case.alpha);
        weights.stretch(&books);
        weights.rebalance(&books);
        weights.assert_agree(&case, &books, &case.out_weights);
    }
}

/// Whether one of the nets chosen has the least cost of all.
fn has_least_cost(case: &Case, chosen: impl Fn(usize) -> bool) -> bool {
    let least = case.costs.iter().copied().fold(f64::MAX, f64::min);
    (0..case.nets).any(|net| chosen(net) && case.costs[net] == least)
}

/// What the two differences above are for: a net out of the race, whatever is noted of it,
/// changes nothing for the others. So each case's racing nets alone give the same bits.
#[test]
fn dead_nets_are_in_no_minimum() {
    for case in cases("heuristic_weights").chain(cases("heuristic_win")) {
        let outputs = case.outputs;
        // The last net is made to leave as well, so that every case has a dead one.
        let mut books = case.books();
        books[case.nets - 1].left = true;
        let alone: Vec<_> = racing(&books).collect();
        let rows = |numbers: &[f64], width: usize| -> Vec<f32> {
            rounded(numbers)
                .chunks_exact(width)
                .zip(&books)
                .filter(|(_, book)| book.races())
                .flat_map(|(row, _)| row.to_vec())
                .collect()
        };
        let move_by = |weights: &mut [f32], books: &[Book], deltas: &[f32], costs: &[f32]| {
            let rate = case.alpha as f32;
            if case.op == "heuristic_win" {
                heuristic::win(weights, outputs, books, deltas, costs, rate);
            } else {
                heuristic::gain_by_error(weights, outputs, books, deltas, rate);
                heuristic::gain_by_cost(weights, outputs, books, costs, rate);
            }
            gradient::stretch(weights, outputs, books);
            rebalance(weights, outputs, books);
        };
        // As good as can be: every minimum would be theirs.
        let (mut deltas, mut costs) = (rounded(&case.deltas), rounded(&case.costs));
        for net in (0..case.nets).filter(|&net| books[net].left) {
            deltas[net * outputs..][..outputs].fill(0.0);
            costs[net] = 0.0;
        }
        let mut weights = rounded(&case.weights);
        move_by(&mut weights, &books, &deltas, &costs);
        let mut without = rows(&case.weights, outputs);
        let fresh = vec![Book::NEW; alone.len()];
        let deltas = rows(&case.deltas[..case.nets * outputs], outputs);
        move_by(&mut without, &fresh, &deltas, &rows(&case.costs, 1));
        for (net, row) in alone.into_iter().zip(without.chunks_exact(outputs)) {
            assert_eq!(&weights[net * outputs..][..outputs], row, "case {}", case.place);
        }
    }
}

#[test]
fn scoring() {
    for case in cases("score_small") {
        let mut books = case.books();
        let mut memory = vec![0.0; Mixing::GRADIENT.memory(case.nets, case.outputs, 1)];
        let mixer = mixer(&mut memory, &Weights::of(&case), case.nets);
        Referee::new(Refereeing::Paper, case.nets).score(&mixer, &mut books);
        let scores: Vec<_> = books.iter().map(|book| book.score).collect();
        assert_eq!(scores, case.out_scores, "case {}", case.place);
    }
}

#[test]
fn the_papers_elimination() {
    for case in cases("lose_small") {
        let mut books = case.books();
        let mut weights = Weights::of(&case);
        let before = if case.unconditional { 6 } else { 0 };
        let left = check(Refereeing::Paper, before, &weights, &mut books);
        let nets: Vec<_> = left.iter().map(|&(net, _)| net).collect();
        assert_eq!(nets, case.sent_home(), "case {}", case.place);
        let scores: Vec<_> = books.iter().map(|book| book.score).collect();
        assert_eq!(scores, case.out_scores, "case {}", case.place);
        for (net, reason) in left {
            let sum: u32 = racing(&case.books()).map(|net| case.scores[net]).sum();
            let most = 2 * case.scores[net] > sum;
            let why = if most { Reason::SmallestWeights } else { Reason::Seventh };
            assert_eq!(reason, why, "case {}", case.place);
        }
        weights.rebalance(&books);
        weights.assert_agree(&case, &books, &case.out_weights_rebalanced());
    }
}

/// Three differences.
/// - "One output": the reference subtracts a net's only weight from itself and drops everybody.
///   Derby compares the weights themselves, so the expectation is made from them.
/// - "Down to the keepers": the reference may drop more nets than its own end of elimination
///   allows; Derby's stop, in the order of the nets, when as many are left as are to be kept.
/// - "Counting the dead again": it shows in nothing that the reference tells of one call, save
///   that its count of the living, which a second call reads, is too low; Derby counts the books.
#[test]
fn elimination_of_the_faded() {
    for case in cases("zero_small") {
        let mut books = case.books();
        let racing_before = racing(&books).count();
        let mut weights = Weights::of(&case);
        let best = case.weights.iter().copied().fold(0.0, f64::max);
        let mut faded = if case.outputs == 1 {
            assert!(case.out_lost.iter().all(|&lost| lost), "the fault is gone");
            racing(&books).filter(|&net| case.weights[net] <= best / 20.0).collect()
        } else {
            case.sent_home()
        };
        faded.truncate(racing_before - case.keep_alive);
        let left = check(Refereeing::Faded, 0, &weights, &mut books);
        let expected: Vec<_> = faded.iter().map(|&net| (net, Reason::Faded)).collect();
        assert_eq!(left, expected, "case {}", case.place);
        // Those left hold what they held, shared out.
        let mut reference = case.weights.clone();
        for net in (0..case.nets).filter(|&net| books[net].left) {
            reference[net * case.outputs..][..case.outputs].fill(0.0);
        }
        if case.outputs > 1 && faded == case.sent_home() {
            assert_eq!(reference, case.out_weights, "case {}", case.place);
        }
        share_out(&mut reference, case.outputs);
        weights.rebalance(&books);
        weights.assert_agree(&case, &books, &reference);
    }
}
