//! Races on whole tables, told nothing but the target, find nets that are good on rows held out.

use derby::args::RaceArguments;
use derby::field::{self, Field};
use derby::run;

/// The winner's accuracy on the rows held out, the mean over seeds 0 to 4.
fn accuracy(file: &str, target: &str) -> f64 {
    let path = format!("{}/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let words = [path.as_str(), "--target", target].map(str::to_owned);
    let arguments = RaceArguments::of(&words).expect("the words are a race");
    let mut crew = field::crew(&arguments.field);
    let isa = field::isa(&arguments.field);
    let shares = (0..5).map(|seed| {
        let field = Field::of_race(&arguments, seed).unwrap();
        let outcome = run::race(&field, &mut crew, isa, &mut []).unwrap();
        outcome.ranking[0].score.accuracy.expect("classes are counted")
    });
    shares.sum::<f64>() / 5.0
}

#[test]
#[cfg_attr(debug_assertions, ignore = "slow without optimisation")]
fn winners_are_good_on_rows_held_out() {
    for (file, target, least) in [("wine.csv", "cultivar", 0.97), ("digits.csv", "digit", 0.96)] {
        let found = accuracy(file, target);
        assert!(found >= least, "{file}: {found}");
    }
}
