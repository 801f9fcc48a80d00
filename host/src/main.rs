//! The command `derby`. Exit codes: 0 done, 2 wrong arguments, 1 anything else.

use std::process::ExitCode;

use clap::Parser;
use derby::args::{Arguments, Command, RaceArguments};
use derby::device;

fn main() -> ExitCode {
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(error) => {
            // Help and version are asked for and no mistake.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let done = match command.unwrap_or_else(|| Command::Race(RaceArguments::paper())) {
        Command::Race(arguments) => derby::run::command(&arguments),
        Command::Isolate(arguments) => derby::isolate::command(&arguments),
        Command::Study(arguments) => derby::study::command(&arguments),
        Command::Export(arguments) => derby::export::command(&arguments),
        Command::Report(arguments) => derby::report::command(&arguments),
        Command::Plan(arguments) => device::plan::command(&arguments),
        Command::Emulate(arguments) => device::emulate::command(&arguments),
        Command::Flash(arguments) => device::flash::command(&arguments),
        Command::Watch(arguments) => device::watch::command(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("derby: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether a reader such as `head` has seen enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
