//! The report for people: one plain sentence, then the evidence, then what was not checked.

mod evidence;
mod sheet;

use anstyle::Style;
use colophon_provenance::{Outcome, Report};

use crate::printer::{ALERT, CAUTION, FAINT, GOOD, STRONG};
use sheet::Sheet;

/// Sets the report, with colours, in lines of at most `width` columns; `verbose` adds codes and
/// hashes. Text from the file is made safe to show.
pub fn render(report: &Report, width: usize, verbose: bool) -> String {
    let mut sheet = Sheet::new(width);
    sheet.line(STRONG, &report.file);
    if let (Some(error), None) = (&report.error, &report.container.sha256) {
        // There are no bytes to say anything else about.
        sheet.gap();
        sheet.paragraph(CAUTION.bold(), &sentence(&error.message));
        return sheet.finish();
    }
    sheet.paragraph(FAINT, &about_file(report));
    sheet.gap();
    let mut tone = tone(report.outcome).bold();
    if let Some(error) = &report.error {
        let told = if report.outcome == Outcome::CouldNotCheck {
            std::mem::take(&mut tone)
        } else {
            CAUTION
        };
        sheet.paragraph(
            told,
            &format!("The picture could not be decoded: {}.", error.message),
        );
    }
    sheet.paragraph(tone, &report.verdict.headline);
    sheet.paragraph(Style::new(), &report.verdict.explanation);
    sheet.gap();
    evidence::sections(&mut sheet, report, verbose);
    if !report.not_checked.is_empty() {
        sheet.gap();
        sheet.paragraph(STRONG, "Not checked");
        for item in &report.not_checked {
            sheet.bullet(
                FAINT,
                &format!("{}: {}", item.what.replace('-', " "), item.why),
            );
        }
    }
    sheet.gap();
    sheet.paragraph(FAINT, &about_check(report));
    if verbose {
        details(&mut sheet, report);
    }
    sheet.finish()
}

fn tone(outcome: Outcome) -> Style {
    match outcome {
        Outcome::EvidenceFound => GOOD,
        Outcome::Flagged => ALERT,
        Outcome::CouldNotCheck => CAUTION,
        Outcome::NothingFound => Style::new(),
    }
}

fn about_file(report: &Report) -> String {
    let container = &report.container;
    let mut parts = vec![
        container
            .format
            .clone()
            .unwrap_or_else(|| "no known picture format".to_owned()),
    ];
    if let (Some(width), Some(height)) = (container.width, container.height) {
        parts.push(format!("{width} x {height} pixels"));
    }
    parts.push(size(container.bytes));
    parts.join(", ")
}

fn about_check(report: &Report) -> String {
    let lists = &report.tool.trust_lists;
    let lists = if lists.is_empty() {
        "none".to_owned()
    } else {
        let names: Vec<&str> = lists.iter().map(|list| list.name.as_str()).collect();
        names.join(", ")
    };
    format!(
        "{} {}, {}, trust lists: {lists}; {} ms",
        report.tool.name, report.tool.version, report.tool.validator, report.elapsed_ms
    )
}

fn details(sheet: &mut Sheet, report: &Report) {
    sheet.paragraph(
        FAINT,
        &format!(
            "rule {}: {}",
            report.verdict.rule,
            report.verdict.reasons.join(", ")
        ),
    );
    if let Some(sha256) = &report.container.sha256 {
        sheet.paragraph(FAINT, &format!("sha-256 of the file {sha256}"));
    }
    sheet.paragraph(FAINT, &format!("verdict table {}", report.tool.policy));
}

/// A message as a sentence.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// A size in bytes as people read it.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", (bytes + 500) / 1_000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_499), "1 kB");
        assert_eq!(size(12_345_678), "12.3 MB");
    }
}
