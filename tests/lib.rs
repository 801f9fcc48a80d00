//! What several of Derby's tests share: a textbook's net to compare with, races as text, and all that
//! reads bytes from elsewhere.

pub mod model;
pub mod readers;
pub mod told;

use std::sync::OnceLock;

use escargot::{CargoBuild, CargoRun};
use proptest::test_runner::{Config, RngSeed};

/// The command `derby`, built as the tests are.
pub fn program() -> &'static CargoRun {
    static PROGRAM: OnceLock<CargoRun> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let build = CargoBuild::new().package("derby").bin("derby").current_release();
        build.run().expect("the command builds")
    })
}

/// By how much a count of instructions may grow, as a share of it, until a test fails.
pub const GROWTH: f64 = 0.03;

/// Settings of a property test of `cases` cases drawn from `seed`. They are the same in every run,
/// so that what has passed passes; PROPTEST_CASES and PROPTEST_RNG_SEED look further.
pub fn property(cases: u32, seed: u64) -> Config {
    let fixed = |name| std::env::var_os(name).is_none();
    let mut config =
        Config { failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    if fixed("PROPTEST_CASES") {
        config.cases = cases;
    }
    if fixed("PROPTEST_RNG_SEED") {
        config.rng_seed = RngSeed::Fixed(seed);
    }
    config
}
