//! Images for boards: writes a race as the constants that the firmware includes, and has cargo
//! build it.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use derby_boards::{Board, Link};
use derby_core::Task;
use indicatif::{ProgressBar, ProgressStyle};

use super::args::DeviceArguments;
use super::tool::CARGO;
use super::{fnv1a, needs};
use crate::field::Field;
use crate::source::Source;

/// Where this program was built from, whose firmware stands beside it.
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware");

/// The image that answers with an exported net.
pub const INFER: &str = "infer";

/// What the compiler says about a target that is not installed.
const NO_TARGET: &str = "target may not be installed";

/// The sources of the images.
#[derive(Clone, Debug)]
pub struct Firmware {
    folder: PathBuf,
}

impl Firmware {
    /// The sources in the folder given, in that which `DERBY_FIRMWARE` names, or in those that
    /// came with this program.
    ///
    /// # Errors
    /// When there are none.
    pub fn find(given: Option<&Path>) -> Result<Self> {
        let named = || env::var_os("DERBY_FIRMWARE").map(PathBuf::from);
        let folder = given.map(Path::to_owned).or_else(named).unwrap_or_else(|| OWN.into());
        match folder.canonicalize() {
            Ok(folder) if folder.join("Cargo.toml").is_file() => Ok(Self { folder }),
            _ => bail!("{} has no sources of the firmware; say where with --firmware DIR", {
                folder.display()
            }),
        }
    }

    /// Builds `image` for `board`, with `race` for its race or the firmware's own, and returns
    /// the file. It stays as it is, whatever else is built meanwhile. For the image [`INFER`]
    /// `race` is the net that it answers with.
    ///
    /// # Errors
    /// When it does not build; what cargo said then stands on standard error.
    pub fn build(
        &self,
        board: &Board,
        image: &str,
        link: Link,
        race: Option<&str>,
    ) -> Result<PathBuf> {
        let target = self.folder.join("target");
        let kept = target.join("derby");
        fs::create_dir_all(&kept).with_context(|| kept.display().to_string())?;
        // Boards of one processor are built to one place, so no other build may come between
        // cargo and the copy.
        let lock = kept.join("lock");
        let lock = File::create(&lock).with_context(|| lock.display().to_string())?;
        let progress = spinner(format!("building the image {image} for {}", board.name));
        lock.lock().context("waiting for another build")?;

        let mut cargo = CARGO.command();
        cargo.current_dir(&self.folder).args(board.cargo_arguments(image, link));
        cargo.arg("--target-dir").arg(&target).env("DERBY_BOARD", board.name);
        // No flags that are meant for the host; those of the firmware's own configuration hold.
        cargo
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("DERBY_RACE");
        cargo.env_remove("DERBY_NET");
        let name = format!(
            "{}-{image}-{link:?}-{:08x}",
            board.name,
            fnv1a(race.unwrap_or_default().bytes())
        );
        let name = name.to_lowercase();
        if let Some(race) = race {
            let file = kept.join(&name).with_extension("rs");
            write_if_changed(&file, race)?;
            cargo.env(if image == INFER { "DERBY_NET" } else { "DERBY_RACE" }, file);
        }
        let done = cargo.output().map_err(|error| CARGO.failed(error))?;
        progress.finish_and_clear();
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            let triple = board.core.target();
            if said.contains(NO_TARGET) {
                bail!("the compiler has no {triple}; this installs it: rustup target add {triple}");
            }
            eprint!("{said}");
            bail!("the image {image} for {} was not built", board.name);
        }
        let built = target.join(board.core.target()).join("release").join(image);
        let copy = kept.join(name).with_extension("elf");
        fs::copy(&built, &copy).with_context(|| built.display().to_string())?;
        Ok(copy)
    }
}

/// Builds the image for the race of `field`, if that fits the board.
///
/// # Errors
/// When it does not fit or does not build.
pub fn of_race(
    arguments: &DeviceArguments,
    field: &Field,
    image: &str,
    link: Link,
) -> Result<PathBuf> {
    needs::admit(arguments.board, field, image, link)?;
    let firmware = Firmware::find(arguments.firmware.as_deref())?;
    firmware.build(arguments.board, image, link, Some(&constants(field)))
}

/// The constants of a race as the firmware includes them. What `{:?}` prints of entries and
/// settings is Rust, as the firmware has all their variants in scope.
pub fn constants(field: &Field) -> String {
    let Field { source, entries, settings, samples, .. } = field;
    let (task, seed) = match source {
        Source::Task { task, seed } => (*task, *seed),
        // The samples are sent, and only the image that draws its own asks for these.
        _ => (Task::Sine, 0),
    };
    format!(
        "/// The task.\npub const TASK: Task = {task:?};\n\
         /// The stream of samples.\npub const SEED: u64 = {seed};\n\
         /// Samples of the race.\npub const SAMPLES: u64 = {samples};\n\
         /// The nets.\npub const ENTRIES: [Entry; {nets}] = {entries:#?};\n\
         /// How they race.\npub const SETTINGS: Settings = {settings:#?};\n",
        nets = entries.len(),
    )
}

/// Cargo builds again when a file is newer, not when it is different.
fn write_if_changed(file: &Path, text: &str) -> Result<()> {
    if fs::read(file).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    fs::write(file, text).with_context(|| file.display().to_string())
}

/// Shows on a terminal that something is being done.
fn spinner(what: String) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
