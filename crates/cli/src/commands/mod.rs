//! One module a command.

mod about;
mod access;
mod audit;
mod bulk;
mod callers;
mod config;
mod demo;
mod erase;
mod event;
mod feedback;
mod generate;
mod issuing;
mod keeping;
mod keys;
mod leave;
mod ledger;
pub mod models;
mod monitor;
pub mod pictures;
mod policy;
mod probe;
mod receipt;
mod record;
mod serve;
mod settings;
mod stamp;
mod trust;
mod verify;
mod watermark;
mod witness;
pub mod worker;

use std::fs::Metadata;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use colophon_ledger::VerifierKey;
use colophon_provenance::Home;

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::printer::Printer;

/// A file with a verifier key holds one line.
const MOST_KEY_BYTES: u64 = 4_096;

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
        let home = Home::resolve(self.global.home.as_deref())?;
        Ok(home.with_way_to_witnesses(crate::witnesses::over_http()))
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
    leave::ask(&context, &cli.command)?;
    match &cli.command {
        Command::Access(command) => access::run(&context, command),
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
        Command::Policy(command) => policy::run(&context, command),
        Command::Ledger(command) => ledger::run(&context, command),
        Command::Serve(options) => serve::run(&context, options),
        Command::Feedback(command) => feedback::run(&context, command),
        Command::Witness(command) => witness::run(&context, command),
        Command::Config(command) => config::run(&context, command),
        Command::Completions { shell } => about::completions(&context, *shell),
        Command::Man { out } => about::man(&context, out.as_deref()),
    }
}

/// The verifier key of the home's ledger.
fn home_key(context: &Context<'_>) -> Result<VerifierKey, Failure> {
    let facts = colophon_keys::describe(&context.home()?.keys())?;
    parse_key(&facts.ledger.verifier_key)
}

fn parse_key(text: &str) -> Result<VerifierKey, Failure> {
    text.trim()
        .parse()
        .map_err(|error| Failure::Request(format!("{error}")))
}

/// A verifier key, or the one in the file of that name.
fn parse_key_or_file(text: &str) -> Result<VerifierKey, Failure> {
    let path = Path::new(text);
    let about = std::fs::metadata(path).ok().filter(Metadata::is_file);
    match about {
        None => parse_key(text),
        Some(about) if about.len() > MOST_KEY_BYTES => Err(Failure::Request(format!(
            "{} is no file with a verifier key: it is larger than {MOST_KEY_BYTES} bytes",
            path.display()
        ))),
        Some(_) => parse_key(&std::fs::read_to_string(path).map_err(Failure::file("read", path))?),
    }
}

/// The present, Unix seconds.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// Notes on standard error for certificates that end within 30 days.
fn expiry_notes(context: &Context<'_>, home: &Home) {
    let Ok(facts) = colophon_keys::describe(&home.keys()) else {
        // Whoever opens the keys says what is wrong with them.
        return;
    };
    for certificate in &facts.certificates {
        let days = (certificate.not_after - now()).div_euclid(86_400);
        if days < 0 {
            context.printer.note(&format!(
                "the certificate of the {} has run out: run `colophon keys check`",
                certificate.role
            ));
        } else if days < 30 {
            let urgency = if days < 7 { "urgent: " } else { "" };
            context.printer.note(&format!(
                "{urgency}the certificate of the {} runs out in {days} days: run `colophon keys check`",
                certificate.role
            ));
        }
    }
}

/// The name of a file as told to people and programs.
pub fn name_of(path: &Path) -> String {
    path.display().to_string()
}

/// Whether the path means standard input.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}
