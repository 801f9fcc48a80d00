//! The programs that others have to bring: what each is for, and the one command that installs it.

use std::io;
use std::process::{Command, Stdio};

use anyhow::{Error, Result, anyhow};
use derby_boards::EMULATOR;

/// A program of somebody else.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// What is run.
    pub program: &'static str,
    /// What installs it.
    pub install: &'static str,
}

/// Builds images.
pub const CARGO: Tool = Tool {
    program: "cargo",
    install: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh",
};
/// Emulates boards.
pub const QEMU: Tool = Tool { program: EMULATOR, install: "apt-get install qemu-system-arm" };
/// Talks to boards through a debug probe.
pub const PROBE_RS: Tool =
    Tool { program: "probe-rs", install: "cargo install probe-rs-tools --locked" };

impl Tool {
    /// A call of the program, to be completed.
    pub fn command(&self) -> Command {
        Command::new(self.program)
    }

    /// Makes sure that the program is there, before much work is done for it.
    ///
    /// # Errors
    /// What installs it, when it is not.
    pub fn find(&self) -> Result<()> {
        let mut call = self.command();
        call.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        call.status().map(drop).map_err(|error| self.failed(error))
    }

    /// What to say when the program could not be started.
    pub fn failed(&self, error: io::Error) -> Error {
        let Self { program, install } = self;
        if error.kind() == io::ErrorKind::NotFound {
            return anyhow!("{program} is not installed; this installs it: {install}");
        }
        Error::new(error).context(*program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_named_with_what_installs_it() {
        let absent = Tool { program: "derby-has-no-such-tool", install: "make it" };
        let error = absent.find().unwrap_err();
        let text = "derby-has-no-such-tool is not installed; this installs it: make it";
        assert_eq!(error.to_string(), text);
        for tool in [CARGO, QEMU, PROBE_RS] {
            assert!(!tool.install.contains('\n'), "{} takes one line", tool.program);
        }
    }
}
