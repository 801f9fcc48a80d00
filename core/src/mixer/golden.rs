//! Mixer and referee against the reference program's own results, case by case. Where Derby
//! differs on purpose, the expectation says so by name, and the rest of the case still counts.

mod bounds;

use serde::Deserialize;
use std::collections::BTreeSet;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::{Mixer, Mixing, gradient, heuristic, rebalance};
use crate::book::{Book, count_racing, racing};
use crate::lanes::Portable;
use crate::referee::{Reason, Referee, Refereeing};
use bounds::Weights;

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
    let mut referee = Referee::new(refereeing, books.len(), &mut []);
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
        // Some are made to leave as well, so that every case has dead nets, at either end.
        let mut books = case.books();
        books[case.nets - 1].left = true;
        books[0].left = case.nets > 2;
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
            gradient::stretch(Portable, weights, outputs, books);
            rebalance(Portable, weights, outputs, books);
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
        Referee::new(Refereeing::Paper, case.nets, &mut []).score(&mixer, &mut books, &[]);
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
        let racing_before = count_racing(&books);
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

/// Where the golden file has no case: shares of exactly a half, weights of exactly a twentieth,
/// and the number of nets from which two are kept.
#[test]
fn edges_between_the_cases() {
    let left = |refereeing, rows: &[(f32, u32)]| {
        let mut books = vec![Book::NEW; rows.len()];
        books.iter_mut().zip(rows).for_each(|(book, &(_, score))| book.score = score);
        let values: Vec<_> = rows.iter().map(|&(weight, _)| weight).collect();
        let weights = Weights { outputs: 1, errors: vec![0.0; values.len()], values };
        check(refereeing, 0, &weights, &mut books)
    };
    let nobody: [(usize, Reason); 0] = [];
    let most = Reason::SmallestWeights;
    assert_eq!(left(Refereeing::Paper, &[(0.5, 5), (0.3, 4), (0.2, 1)]), nobody);
    assert_eq!(left(Refereeing::Paper, &[(0.5, 5), (0.3, 3), (0.2, 1)]), [(0, most)]);
    assert_eq!(left(Refereeing::None, &[(0.5, 5), (0.5, 0)]), nobody);

    let faded = |rows: &[(f32, u32)]| -> Vec<_> {
        left(Refereeing::Faded, rows).into_iter().map(|(net, _)| net).collect()
    };
    let twentieth = 0.75 * (1.0_f32 / 20.0);
    assert_eq!(faded(&[(twentieth, 0), (0.2, 0), (0.75, 0)]), [0]);
    assert_eq!(faded(&[(twentieth.next_up(), 0), (0.2, 0), (0.75, 0)]), [0; 0]);
    for (nets, kept) in [(2, 1), (7, 1), (8, 2), (9, 2)] {
        let mut rows = vec![(0.0, 0); nets];
        rows[0].0 = 1.0;
        assert_eq!(faded(&rows).len(), nets - kept, "{nets} nets");
    }
}

/// A net without any error is the best there is, and no division by 0.
#[test]
fn perfection_gains_the_most() {
    let books = [Book::NEW; 3];
    for zero in [heuristic::gain_by_error, heuristic::gain_by_cost] {
        let mut weights = [0.25, 0.25, 0.5];
        zero(&mut weights, 1, &books, &[0.0, 3.0, 0.0], 0.125);
        assert_eq!(weights, [0.375, 0.25, 0.625]);
    }
}
