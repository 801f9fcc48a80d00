//! How many instructions a host takes for a sample of the paper's race: counted by callgrind, so
//! that nothing else the machine does can show. It knows no AVX-512.

use std::process::Command;

use derby::isa::Isa;
use derby_tests::{GROWTH, program};

/// Instructions for a sample, with all 18 nets and the mixer, as they were counted last.
const COUNTS: [(&str, f64); 2] = [("sse2", 202_359.0), ("avx2", 87_324.0)];

/// Samples of a round of the bench; the first round, which it does not time, counts too.
const ROUND: u32 = 2000;
const ROUNDS: u32 = 2;

#[test]
#[cfg_attr(debug_assertions, ignore = "what counts is optimised code")]
fn instructions_have_not_grown() {
    let machine = Isa::all();
    for (isa, was) in COUNTS {
        if machine.iter().any(|own| own.name() == isa) {
            let count = count(isa);
            println!(
                "{isa}: {count:.0} instructions a sample, allowed {:.0}",
                was * (1.0 + GROWTH)
            );
            // Far fewer would mean that something is not counted any more.
            assert!((0.5..=1.0 + GROWTH).contains(&(count / was)), "{isa}: {count}, was {was}");
        }
    }
}

/// Instructions for a sample, in the race and nowhere else.
fn count(isa: &str) -> f64 {
    let bench =
        format!("bench --paper --threads 1 --isa {isa} --round {ROUND} --rounds {}", ROUNDS - 1);
    let told = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=derby_core::race::Race::run")
        .arg(program().path())
        .args(bench.split(' '))
        .output()
        .expect("this test needs valgrind: apt-get install valgrind");
    let told = String::from_utf8_lossy(&told.stderr);
    let collected = told.lines().find_map(|line| line.split_once("Collected :"));
    let count = collected.and_then(|(_, count)| count.trim().parse::<f64>().ok());
    count.unwrap_or_else(|| panic!("no count: {told}")) / f64::from(ROUND * ROUNDS)
}
