//! One module a command.

mod about;
mod bulk;
mod config;
mod demo;
mod generate;
mod issuing;
mod keys;
mod ledger;
mod models;
mod pictures;
mod record;
mod stamp;
mod trust;
mod verify;
mod watermark;
pub mod worker;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use colophon_provenance::Home;

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::printer::Printer;

/// What every command is given.
pub struct Context<'a> {
    /// Options of every command.
    pub global: &'a crate::args::Global,
    /// Where output goes.
    pub printer: &'a Printer,
    /// Holds Ctrl-C back while files are made.
    pub interrupt: &'a Interrupt,
}

impl Context<'_> {
    /// The home that the options name.
    ///
    /// # Errors
    /// [`Failure`] if there is no such folder to name.
    pub fn home(&self) -> Result<Home, Failure> {
        Ok(Home::resolve(self.global.home.as_deref())?)
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when it could not do its work at all.
pub fn run(cli: &Cli, printer: &Printer, interrupt: &Interrupt) -> Result<Exit, Failure> {
    let context = Context {
        global: &cli.global,
        printer,
        interrupt,
    };
    match &cli.command {
        Command::Demo(options) => demo::run(&context, options),
        Command::Generate(options) => generate::run(&context, options),
        Command::Models(command) => models::run(&context, command),
        Command::Stamp(options) => stamp::run(&context, options),
        Command::Verify(options) => verify::run(&context, options),
        // Taken up in `main`, before there is a context.
        Command::VerifyWorker(options) => worker::run(cli, options),
        Command::Watermark(command) => watermark::run(&context, command),
        Command::Keys(command) => keys::run(&context, command),
        Command::Trust(command) => trust::run(&context, command),
        Command::Ledger(command) => ledger::run(&context, command),
        Command::Config(command) => config::run(&context, command),
        Command::Completions { shell } => about::completions(&context, *shell),
        Command::Man { out } => about::man(&context, out.as_deref()),
    }
}

/// The present, Unix seconds.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// The name of a file as told to people and programs.
pub fn name_of(path: &Path) -> String {
    path.display().to_string()
}

/// Whether the path means standard input.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}
