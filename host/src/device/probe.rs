//! A debug probe, by way of the command `probe-rs`: writes images to flash, and reads and writes
//! a board's memory while it runs. Each call is a process that attaches anew, which takes some
//! tenths of a second; enough to watch a race, slow to send it many samples.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use derby_boards::Board;

use super::rtt::Memory;
use super::tool::PROBE_RS;

/// A probe at a board.
#[derive(Clone, Debug)]
pub struct Probe {
    chip: &'static str,
}

impl Probe {
    /// The probe at `board`. Where several are plugged in, `PROBE_RS_PROBE` names one.
    ///
    /// # Errors
    /// When probe-rs is not installed, or does not know the board.
    pub fn at(board: &Board) -> Result<Self> {
        let chip = board.probe.with_context(|| {
            format!("{} cannot be flashed, only emulated: derby emulate", board.name)
        })?;
        PROBE_RS.find()?;
        Ok(Self { chip })
    }

    /// Writes `image` to the flash and starts it.
    ///
    /// # Errors
    /// What the probe complains about.
    pub fn flash(&self, image: &Path) -> Result<()> {
        self.run(self.download(image))?;
        self.run(self.call("reset"))?;
        Ok(())
    }

    fn download(&self, image: &Path) -> Command {
        let mut call = self.call("download");
        call.arg(image);
        call
    }

    fn read_words(&self, address: u32, words: usize) -> Command {
        let mut call = self.call("read");
        call.arg("b32").arg(format!("{address:#010x}")).arg(words.to_string());
        call
    }

    /// Bytes at any address, or one word.
    fn write_values(&self, address: u32, bytes: &[u8]) -> Command {
        let mut call = self.call("write");
        let address_text = format!("{address:#010x}");
        match bytes.try_into() {
            Ok(word) if address.is_multiple_of(4) => {
                let word = u32::from_le_bytes(word);
                call.arg("b32").arg(address_text).arg(format!("{word:#x}"));
            }
            _ => {
                call.arg("b8").arg(address_text).args(bytes.iter().map(u8::to_string));
            }
        }
        call
    }

    fn call(&self, what: &str) -> Command {
        let mut call = PROBE_RS.command();
        call.args([what, "--non-interactive", "--chip", self.chip]);
        call
    }

    fn run(&self, mut call: Command) -> Result<String> {
        let done = call.output().map_err(|error| PROBE_RS.failed(error))?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&done.stderr);
        let words: Vec<_> = said.split_whitespace().collect();
        let what = call.get_args().next().unwrap_or(OsStr::new("")).to_string_lossy();
        bail!("probe-rs {what}: {}", words.join(" "))
    }
}

impl Memory for Probe {
    fn read(&mut self, address: u32, length: usize) -> Result<Vec<u8>> {
        let before = (address % 4) as usize;
        let words = (before + length).div_ceil(4);
        let said = self.run(self.read_words(address - before as u32, words))?;
        let bytes = bytes(&said);
        bytes.get(before..before + length).map(<[u8]>::to_vec).context("probe-rs read too little")
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
        self.run(self.write_values(address, bytes)).map(drop)
    }
}

/// The bytes that probe-rs printed as words in hexadecimal, with or without addresses before a
/// colon.
fn bytes(said: &str) -> Vec<u8> {
    let words = said.split_whitespace().filter(|word| !word.ends_with(':'));
    let words = words.filter_map(|word| u32::from_str_radix(word, 16).ok());
    words.flat_map(u32::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(call: &Command) -> String {
        let words = std::iter::once(call.get_program()).chain(call.get_args());
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_command_lines() {
        let probe = Probe { chip: "STM32F405RGTx" };
        let start = |what| format!("probe-rs {what} --non-interactive --chip STM32F405RGTx");
        assert_eq!(
            line(&probe.download(Path::new("race.elf"))),
            format!("{} race.elf", start("download"))
        );
        assert_eq!(line(&probe.call("reset")), start("reset"));
        assert_eq!(
            line(&probe.read_words(0x2000_0100, 24)),
            format!("{} b32 0x20000100 24", start("read"))
        );
        assert_eq!(
            line(&probe.write_values(0x2000_0104, &[1, 2, 0, 0])),
            format!("{} b32 0x20000104 0x201", start("write"))
        );
        assert_eq!(
            line(&probe.write_values(0x2000_0105, &[1, 255, 0])),
            format!("{} b8 0x20000105 1 255 0", start("write"))
        );
    }

    #[test]
    fn what_it_prints_is_read() {
        let plain = "00000201 ffffffff\n";
        let table = "20000100: 00000201 ffffffff\n";
        for said in [plain, table] {
            assert_eq!(bytes(said), [1, 2, 0, 0, 255, 255, 255, 255]);
        }
    }
}
