//! What several of Derby's tests share: a textbook's net to compare with, and races as text.

pub mod model;
pub mod told;

use proptest::test_runner::{Config, RngSeed};

/// Settings of a property test of `cases` cases. They are the same in every run, so that what
/// has passed passes; PROPTEST_CASES and PROPTEST_RNG_SEED look further.
pub fn property(cases: u32) -> Config {
    let fixed = |name| std::env::var_os(name).is_none();
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if fixed("PROPTEST_CASES") {
        config.cases = cases;
    }
    if fixed("PROPTEST_RNG_SEED") {
        config.rng_seed = RngSeed::Fixed(0);
    }
    config
}
