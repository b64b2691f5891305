//! What the mark survives: exact recovery of the id under every attack of the table.

mod autoencoder;
mod curves;
mod measure;
mod options;
mod ours;
pub mod peers;
mod report;
mod script;
pub mod statistics;

use anyhow::{Context, Result, bail};

use crate::attacks::{self, Attack};
pub use options::Options;
use report::Report;
pub use statistics::{Proportion, Sorted};

/// Measures, prints, and writes what was asked for.
pub fn run(options: &Options) -> Result<()> {
    let attacks = chosen(options)?;
    let pictures = measure::load(options)?;
    if options.peers {
        return peers::run(&pictures, &attacks, options);
    }
    let outcomes = measure::run(&pictures, &attacks, options)?;
    let report = Report {
        attacks: &attacks,
        outcomes: &outcomes,
        issued: options.issued,
    };
    let text = report.markdown();
    println!("{text}");
    if let Some(path) = &options.markdown {
        std::fs::write(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{:#}\n", report.json()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    match &options.plot {
        Some(folder) => curves::draw(&pictures, options, folder),
        None => Ok(()),
    }
}

/// The attacks that were asked for, the autoencoder last.
fn chosen(options: &Options) -> Result<Vec<Attack>> {
    let shown = |a: &Attack| !options.peers || options.only.is_some() || peers::shows(a);
    let learned = options.autoencoder.as_deref().map(autoencoder::attacks);
    let attacks: Vec<Attack> = attacks::all()
        .filter(shown)
        .chain(learned.transpose()?.into_iter().flatten())
        .filter(|a| options.wants(a.group, &a.name))
        .collect();
    if attacks.is_empty() {
        bail!(
            "no attack contains {}",
            options.only.as_deref().unwrap_or_default()
        );
    }
    Ok(attacks)
}
