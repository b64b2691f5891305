//! Where output goes, and how: settled once from the options and the terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::args::{Color, Global};
use crate::failure::Failure;
use crate::text;

pub use colophon_rendering::terminal::{ALERT, CAUTION, FAINT, GOOD, STRONG, styled};

/// Narrowest and widest that reports are set.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=100;
const DEFAULT_WIDTH: usize = 80;

/// Prints to standard output and standard error.
#[derive(Debug)]
pub struct Printer {
    quiet: bool,
    verbose: bool,
    progress: bool,
    width: usize,
    out: ColorChoice,
    err: ColorChoice,
}

impl Printer {
    /// Settles everything from the options and the terminal.
    pub fn new(global: &Global) -> Self {
        let choice = match global.color {
            Color::Auto => None,
            Color::Always => Some(ColorChoice::Always),
            Color::Never => Some(ColorChoice::Never),
        };
        let width = terminal_size::terminal_size_of(io::stdout())
            .map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0));
        Self {
            quiet: global.quiet,
            verbose: global.verbose,
            progress: !global.no_progress && !global.quiet && io::stderr().is_terminal(),
            width: width.clamp(*WIDTHS.start(), *WIDTHS.end()),
            out: choice.unwrap_or_else(|| AutoStream::choice(&io::stdout())),
            err: choice.unwrap_or_else(|| AutoStream::choice(&io::stderr())),
        }
    }

    /// Columns to set text in.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether details were asked for.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Text for people on standard output, with a line's end added; nothing under `--quiet`.
    ///
    /// # Errors
    /// [`Failure::Output`].
    pub fn say(&self, text: &str) -> Result<(), Failure> {
        if self.quiet {
            return Ok(());
        }
        self.data(text)
    }

    /// What was asked for itself, such as a proof: printed under `--quiet` too.
    ///
    /// # Errors
    /// [`Failure::Output`].
    pub fn data(&self, text: &str) -> Result<(), Failure> {
        let mut out = AutoStream::new(io::stdout(), self.out).lock();
        writeln!(out, "{text}")
            .and_then(|()| out.flush())
            .map_err(Failure::Output)
    }

    /// One line of JSON on standard output.
    ///
    /// # Errors
    /// [`Failure::Output`].
    pub fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(value).map_err(|error| Failure::Output(error.into()))?;
        self.data(&line)
    }

    /// A remark on standard error; nothing under `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.tell("note", CAUTION, text);
        }
    }

    /// A failure on standard error, with its causes.
    pub fn failure(&self, failure: &dyn std::error::Error) {
        self.tell("error", ALERT, &describe(failure));
    }

    fn tell(&self, label: &str, style: Style, text: &str) {
        let mut err = AutoStream::new(io::stderr(), self.err).lock();
        // If standard error is gone there is nobody left to tell.
        let _ = writeln!(
            err,
            "{} {}",
            styled(style.bold(), &format!("{label}:")),
            text::clean(text)
        );
    }

    /// Whether text for people is printed at all.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A bar on standard error over `steps`, with a message that tells the time left; hidden off a
    /// terminal.
    pub fn steps(&self, steps: u64) -> ProgressBar {
        if !self.progress {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:30} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(steps).with_style(style)
    }

    /// A sign on standard error that something of unknown length goes on; hidden off a terminal.
    pub fn waiting(&self, message: String) -> ProgressBar {
        if !self.progress {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner()
            .with_style(style)
            .with_message(message);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// A bar on standard error over so many bytes, with a message; hidden off a terminal.
    pub fn bytes(&self, bytes: u64) -> ProgressBar {
        if !self.progress {
            return ProgressBar::hidden();
        }
        let style =
            ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}, {eta} left {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(bytes).with_style(style)
    }

    /// A bar on standard error over files whose number is told later by its length; hidden off a terminal.
    pub fn many_files(&self) -> ProgressBar {
        if !self.progress {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files, {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::no_length().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(500));
        bar
    }

    /// A bar on standard error over `count` files; hidden for one file and off a terminal.
    pub fn progress(&self, count: usize) -> ProgressBar {
        if !self.progress || count < 2 {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(count as u64).with_style(style);
        bar.tick();
        bar
    }
}

/// An error and its causes in one line, without saying anything twice.
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = next.source();
    }
    line
}

/// Bytes for the terminal itself, such as a picture, on standard output as they are.
///
/// # Errors
/// [`Failure::Output`].
pub fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}
