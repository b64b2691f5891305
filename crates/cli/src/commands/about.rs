//! `completions` and `man`: what the program says about itself.

use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use super::Context;
use crate::args::Cli;
use crate::exit::Exit;
use crate::failure::Failure;

/// Prints the completion script.
pub fn completions(context: &Context<'_>, shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "colophon", &mut script);
    context
        .printer
        .data(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::DONE)
}

/// Prints the manual page, or writes those of all commands into a folder.
pub fn man(context: &Context<'_>, out: Option<&Path>) -> Result<Exit, Failure> {
    let Some(folder) = out else {
        let mut page = Vec::new();
        Man::new(Cli::command())
            .render(&mut page)
            .map_err(Failure::Output)?;
        context
            .printer
            .data(String::from_utf8_lossy(&page).trim_end())?;
        return Ok(Exit::DONE);
    };
    fs::create_dir_all(folder).map_err(Failure::file("make the folder", folder))?;
    let _writing = context.interrupt.writing();
    clap_mangen::generate_to(Cli::command(), folder)
        .map_err(Failure::file("write manual pages to", folder))?;
    context
        .printer
        .say(&format!("Manual pages written to {}", folder.display()))?;
    Ok(Exit::DONE)
}
