//! The command `derby`. Exit codes: 0 done, 2 wrong arguments, 130 stopped by
//! Ctrl-C, 143 stopped by SIGTERM, 1 anything else.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use derby::args::{Arguments, Command, RaceArguments};
use derby::device;
use derby::stop::Stopped;

fn main() -> ExitCode {
    let command = match Arguments::of(std::env::args_os()) {
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
        Command::Bench(arguments) => derby::bench::command(&arguments),
        Command::Plan(arguments) => device::plan::command(&arguments),
        Command::Emulate(arguments) => device::emulate::command(&arguments),
        Command::Flash(arguments) => device::flash::command(&arguments),
        Command::Watch(arguments) => device::watch::command(&arguments),
        Command::Completions { shell } => {
            // Written at once, as the generator gives no error of the reader's.
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "derby", &mut text);
            io::stdout().write_all(&text).map_err(Into::into)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// Says what went wrong, on standard error and by the exit code.
fn report(error: &anyhow::Error) -> ExitCode {
    // A reader such as `head` has seen enough, which is nobody's fault.
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    if kind == Some(io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("derby: {error:#}");
    match error.downcast_ref::<Stopped>() {
        Some(stopped) => ExitCode::from(stopped.code()),
        None => ExitCode::FAILURE,
    }
}
