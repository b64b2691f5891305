//! `config`: the settings and where each comes from.

use colophon_provenance::{Config, ValueOrigin};
use serde_json::json;

use super::Context;
use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{FAINT, STRONG, styled};
use crate::text::clean;

/// Runs `config`.
pub fn run(context: &Context<'_>, command: &args::Config) -> Result<Exit, Failure> {
    let args::Config::Show { json } = command;
    let home = context.home()?;
    let settings = Config::load(Some(&home))?.shown();
    let printer = context.printer;
    if *json {
        printer.json(&json!({
            "home": home.root.display().to_string(),
            "config_file": home.config_file().display().to_string(),
            "has_keys": home.has_keys(),
            "settings": settings,
        }))?;
        return Ok(Exit::DONE);
    }
    let state = if home.has_keys() {
        ""
    } else {
        " (no keys yet)"
    };
    printer.say(&format!(
        "{} {}{state}",
        styled(STRONG, "Home"),
        clean(&home.root.display().to_string())
    ))?;
    for setting in settings {
        let origin = match setting.origin {
            ValueOrigin::Default => styled(FAINT, "(default)"),
            origin @ ValueOrigin::File => styled(FAINT, &format!("({origin})")),
        };
        printer.say(&format!(
            "  {:<21} {} {origin}",
            setting.name,
            clean(&setting.value)
        ))?;
    }
    Ok(Exit::DONE)
}
