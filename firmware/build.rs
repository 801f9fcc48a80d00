//! Turns two environment variables into an image's constants: `DERBY_BOARD`, a row of the table
//! in `boards/`, into the linker's memory map, and `DERBY_RACE`, a file of Rust constants, into
//! the race. `DERBY_NET` is the module of the net that the image `infer` answers with.

use std::path::{Path, PathBuf};
use std::{env, fs, process};

use derby_boards::{BOARDS, Board, Core, NANOSECONDS_PER_INSTRUCTION};

fn main() {
    if let Err(message) = run() {
        // One line; cargo shows what a build script writes to standard error.
        eprintln!("error: {message}");
        process::exit(1);
    }
}

fn run() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DERBY_BOARD");
    println!("cargo::rerun-if-env-changed=DERBY_RACE");
    println!("cargo::rerun-if-env-changed=DERBY_NET");

    let board = board()?;
    check(board)?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    write(&out.join("memory.x"), &board.memory_map())?;
    write(&out.join("board.rs"), &constants(board))?;
    println!("cargo::rustc-check-cfg=cfg(fault_status, cycle_counter)");
    if board.core != Core::M0 {
        println!("cargo::rustc-cfg=fault_status");
        if env::var_os("CARGO_FEATURE_RTT").is_some() {
            println!("cargo::rustc-cfg=cycle_counter");
        }
    }
    println!("cargo::rustc-env=DERBY_RACE_FILE={}", race(board)?.display());
    let net = file("DERBY_NET", || Path::new("nets").join("xor.rs"))?;
    println!("cargo::rustc-env=DERBY_NET_FILE={}", net.display());

    println!("cargo::rustc-env=DEFMT_LOG=info"); // without it only errors are logged

    // Here and not in .cargo/config.toml, where RUSTFLAGS in the environment would replace them.
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    for image in ["race", "serve", "bench", "faults", "infer", "keep"] {
        println!("cargo::rustc-link-arg-bin={image}=-Tdefmt.x");
    }
    Ok(())
}

/// The row that `DERBY_BOARD` names.
fn board() -> Result<&'static Board, String> {
    let names: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
    let names = names.join(", ");
    let name = variable("DERBY_BOARD")
        .map_err(|_| format!("set DERBY_BOARD to the board to build for: {names}"))?;
    Board::named(&name).ok_or(format!("DERBY_BOARD={name} is not a board; boards are: {names}"))
}

/// Refuses a target or a link that the board does not have, and says which it has.
fn check(board: &Board) -> Result<(), String> {
    let Board { name, core, .. } = board;
    let (target, wanted) = (variable("TARGET")?, core.target());
    if target != wanted {
        return Err(format!("{name} is a {core:?}: build with --target {wanted}, not {target}"));
    }
    let semihosting = env::var_os("CARGO_FEATURE_SEMIHOSTING").is_some();
    let rtt = env::var_os("CARGO_FEATURE_RTT").is_some();
    match (semihosting, rtt) {
        (true, false) if board.emulator.is_none() => Err(format!(
            "QEMU has no {name}: build with --no-default-features --features full,rtt and flash it"
        )),
        (false, true) if board.probe.is_none() => {
            Err(format!("{name} is only emulated: build without --features rtt"))
        }
        (true, false) | (false, true) => Ok(()),
        _ => Err("choose one of the features semihosting and rtt".into()),
    }
}

/// What the images need to know of the board.
fn constants(board: &Board) -> String {
    let systick_hz = board.emulator.map_or(board.clock_hz, |emulator| emulator.systick_hz);
    format!(
        "/// The board's name in the table.\n\
         pub const NAME: &str = {:?};\n\
         /// The processor's clock after reset.\n\
         pub const CLOCK_HZ: u32 = {};\n\
         /// Bytes of RAM that are not stack.\n\
         pub const STATIC_RAM: usize = {};\n\
         /// The emulated timer's clock.\n\
         pub const SYSTICK_HZ: u32 = {systick_hz};\n\
         /// What an instruction takes when the emulator counts instructions for time.\n\
         pub const NANOSECONDS_PER_INSTRUCTION: u32 = {NANOSECONDS_PER_INSTRUCTION};\n",
        board.name,
        board.clock_hz,
        board.static_ram()
    )
}

/// The file with the race's constants: `DERBY_RACE`, or the one for boards of this size.
fn race(board: &Board) -> Result<PathBuf, String> {
    file("DERBY_RACE", || {
        let size = if board.static_ram() < 0x8000 { "small" } else { "nine" };
        Path::new("races").join(size).with_extension("rs")
    })
}

/// The file of Rust that a variable names, or another where it is not set.
fn file(name: &str, other: impl FnOnce() -> PathBuf) -> Result<PathBuf, String> {
    let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let path = folder.join(env::var_os(name).map_or_else(other, PathBuf::from));
    println!("cargo::rerun-if-changed={}", path.display());
    path.canonicalize().map_err(|error| format!("{name}={}: {error}", path.display()))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
