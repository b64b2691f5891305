//! The `colophon` program: generate and stamp pictures, verify them, trace them back.

mod args;
mod checker;
mod commands;
mod exit;
mod failure;
mod interrupt;
mod jobs;
mod makers;
mod making;
mod notify;
mod passphrase;
mod printer;
mod services;
mod serving;
mod show;
mod text;
mod witnesses;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::printer::Printer;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = Printer::new(&cli.global);
    let exit = match run(&cli, &printer) {
        Ok(exit) => exit,
        // Whoever reads our output has seen enough: `colophon verify *.jpg | head`.
        Err(failure) if failure.is_broken_pipe() => Exit::DONE,
        Err(failure) => {
            printer.failure(&failure);
            Exit::FAILED
        }
    };
    exit.into()
}

fn run(cli: &Cli, printer: &Printer) -> Result<Exit, Failure> {
    // Before any thread is started: it shuts itself in.
    if let Command::VerifyWorker(options) = &cli.command {
        return commands::worker::run(cli, options);
    }
    colophon_keys::connect_with(services::connect);
    let interrupt = Interrupt::install()?;
    let exit = commands::run(cli, printer, &interrupt);
    interrupt.ended().map_or(exit, Ok)
}
