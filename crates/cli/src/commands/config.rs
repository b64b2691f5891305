//! `config`: the settings and where each comes from.

use std::collections::BTreeMap;

use colophon_provenance::{Config, Home, Origin};
use serde::Serialize;
use serde_json::json;

use super::{Context, settings};
use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{FAINT, STRONG, styled};
use crate::text::clean;

/// A setting with its whole name.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    value: String,
    #[serde(flatten)]
    origin: Origin,
}

/// Runs `config`.
pub fn run(context: &Context<'_>, command: &args::Config) -> Result<Exit, Failure> {
    let args::Config::Show { json, origin } = command;
    let home = context.home()?;
    let lines = lines(&home)?;
    let printer = context.printer;
    if *json {
        printer.json(&json!({
            "home": home.root.display().to_string(),
            "config_file": home.config_file().display().to_string(),
            "has_keys": home.has_keys(),
            "settings": lines,
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
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    for line in lines {
        let place = format!("({})", place(&line.origin, *origin));
        printer.say(&format!(
            "  {:<width$} {} {}",
            line.name,
            clean(&line.value),
            styled(FAINT, &place)
        ))?;
    }
    Ok(Exit::DONE)
}

/// Every setting: those of the home, then those of the service.
fn lines(home: &Home) -> Result<Vec<Line>, Failure> {
    let of_home = Config::load(Some(home))?.shown().into_iter();
    let mut lines: Vec<Line> = of_home
        .map(|setting| Line {
            name: setting.name.to_owned(),
            value: setting.value,
            origin: setting.origin,
        })
        .collect();
    let serve = settings::read(home, &BTreeMap::new())?;
    lines.extend(serve.shown().iter().map(|setting| Line {
        name: format!("serve.{}", setting.name),
        value: match setting.value.as_str() {
            "" => "none".to_owned(),
            value => value.to_owned(),
        },
        origin: setting.origin.clone(),
    }));
    Ok(lines)
}

fn place(origin: &Origin, exact: bool) -> String {
    match origin {
        Origin::File { .. } if !exact => "config.toml".to_owned(),
        Origin::Variable { .. } if !exact => "environment".to_owned(),
        origin => origin.to_string(),
    }
}
