//! The report on a terminal: the answer, what to do, then the evidence, then what was not checked.

mod sheet;

use anstyle::{AnsiColor, Style};
use colophon_provenance::{Report, TrustListEvidence};
use colophon_wording::Wording;

use crate::document::{Document, Field, Item, Mark};
use crate::phrase::{Phrase, Words, number};
use crate::text::cut;
use sheet::Sheet;

/// Bold.
pub const STRONG: Style = Style::new().bold();
/// Things that are less important.
pub const FAINT: Style = Style::new().dimmed();
/// Evidence found.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Something that a person should look at.
pub const ALERT: Style = AnsiColor::Red.on_default();
/// Not checked, or only half so.
pub const CAUTION: Style = AnsiColor::Yellow.on_default();

/// Text in a style.
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Narrowest sheet that is set; narrower terminals wrap by themselves.
const LEAST_WIDTH: usize = 40;
/// Most fields of one trace, unless all details are asked for.
const FIELDS: usize = 8;
/// Most characters of one value, unless all details are asked for.
const VALUE: usize = 160;

/// Sets the report, with colours, in lines of at most `width` columns (40 at least); `verbose` adds codes and
/// hashes. Text from the file is made safe to show.
pub fn render(report: &Report, wording: &Wording, width: usize, verbose: bool) -> String {
    let document = Document::new(report, wording);
    let mut sheet = Sheet::new(width.max(LEAST_WIDTH));
    sheet.line(STRONG, &document.file.text());
    if !document.has_bytes() {
        sheet.gap();
        let what = document.undecoded.unwrap_or_default();
        sheet.paragraph(CAUTION.bold(), &what.text());
        return sheet.finish();
    }
    sheet.paragraph(FAINT, &document.about.text());
    sheet.gap();
    answer(&mut sheet, &document);
    sheet.gap();
    for section in &document.sections {
        let label = document.words.text(&format!("label.{}", section.key));
        let mut lines = Vec::new();
        for item in &section.items {
            collect(&mut lines, item, 0, verbose, document.words);
        }
        sheet.section(&label.text(), &lines);
    }
    if !document.not_checked.is_empty() {
        sheet.gap();
        sheet.paragraph(STRONG, &document.words.text("label.not-checked").text());
        for (what, why) in &document.not_checked {
            sheet.bullet(FAINT, &format!("{}: {}", what.text(), why.text()));
        }
    }
    sheet.gap();
    about_check(&mut sheet, &document, verbose);
    sheet.finish()
}

/// What is to be known in a hurry: the headline, what to do, what does not go together, and why.
fn answer(sheet: &mut Sheet, document: &Document<'_>) {
    let words = document.words;
    let (_, tone) = symbol(document.mark());
    let mut tone = if document.mark() == Mark::Plain {
        STRONG
    } else {
        tone.bold()
    };
    if let Some(undecoded) = &document.undecoded {
        // Nothing else is as important, unless something was found all the same.
        let told = if document.mark() == Mark::Caution {
            std::mem::take(&mut tone)
        } else {
            CAUTION
        };
        sheet.paragraph(told, &undecoded.text());
    }
    sheet.paragraph(tone, &document.headline.text());
    let (action, sentence) = &document.action;
    let recommended = words.text("recommended");
    sheet.paragraph(
        STRONG,
        &format!(
            "{}: {}. {}",
            recommended.text(),
            action.text(),
            sentence.text()
        ),
    );
    for contradiction in &document.contradictions {
        sheet.bullet(ALERT, &contradiction.text());
    }
    sheet.paragraph(Style::new(), &document.explanation.text());
}

fn symbol(mark: Mark) -> (&'static str, Style) {
    match mark {
        Mark::Good => ("✓", GOOD),
        Mark::Caution => ("?", CAUTION),
        Mark::Alert => ("!", ALERT),
        Mark::Plain => ("-", FAINT),
    }
}

/// A line of evidence.
struct Line {
    depth: usize,
    mark: Mark,
    text: String,
}

fn collect(lines: &mut Vec<Line>, item: &Item, depth: usize, verbose: bool, words: Words<'_>) {
    if item.is_fine && !verbose {
        return;
    }
    let mut line = |depth, mark, text| lines.push(Line { depth, mark, text });
    line(depth, item.mark, item.text.text());
    for code in item.codes.iter().filter(|_| verbose) {
        let mark = if code.failed {
            Mark::Alert
        } else {
            Mark::Plain
        };
        let text = format!("{}: {}", code.id.text(), code.sentence.text());
        line(depth + 1, mark, text);
    }
    let shown = if verbose { usize::MAX } else { FIELDS };
    for field in item.fields.iter().take(shown) {
        line(depth + 1, Mark::Plain, told(field, verbose, words));
    }
    if let Some(more) = item
        .fields
        .len()
        .checked_sub(shown)
        .filter(|&more| more > 0)
    {
        let text = words.fill("in-verbose", &[("count", &number(more))]).text();
        line(depth + 1, Mark::Plain, text);
    }
    for inner in &item.inside {
        collect(lines, inner, depth + 1, verbose, words);
    }
}

fn told(field: &Field, verbose: bool, words: Words<'_>) -> String {
    let value = match &field.value {
        None => format!("({})", words.text("withheld").text()),
        Some(value) if verbose => value.text(),
        Some(value) => cut(&value.text(), VALUE).into_owned(),
    };
    format!("{}: {value}", field.name.text())
}

/// The program, its lists and how it was confined.
fn about_check(sheet: &mut Sheet, document: &Document<'_>, verbose: bool) {
    let (report, words) = (document.report, document.words);
    let tool = &report.tool;
    let lists: Vec<Phrase> = tool.trust_lists.iter().map(|it| list(it, words)).collect();
    let lists = if lists.is_empty() {
        words.text("no-lists")
    } else {
        words.joined(&lists)
    };
    let mut lines = vec![words.fill(
        "check",
        &[
            ("tool", &Phrase::outside(&tool.name)),
            ("version", &Phrase::outside(&tool.version)),
            ("validator", &Phrase::outside(&tool.validator)),
            ("lists", &lists),
            ("ms", &number(report.elapsed_ms)),
        ],
    )];
    if !tool.confinement.is_empty() {
        lines.push(confinement(document));
    }
    if verbose {
        if tool.confinement.is_empty() {
            lines.push(confinement(document));
        }
        lines.push(words.fill(
            "rule",
            &[
                ("rule", &Phrase::outside(&report.verdict.rule)),
                (
                    "reasons",
                    &Phrase::outside(&report.verdict.reasons.join(", ")),
                ),
            ],
        ));
        let hash = report.container.sha256.iter();
        lines.extend(hash.map(|hash| words.fill("file-hash", &[("hash", &Phrase::outside(hash))])));
        lines.push(words.fill("table", &[("hash", &Phrase::outside(&tool.policy))]));
    }
    for line in lines {
        sheet.paragraph(FAINT, &line.text());
    }
}

fn confinement(document: &Document<'_>) -> Phrase {
    let by: Vec<Phrase> = document
        .report
        .tool
        .confinement
        .iter()
        .map(|name| Phrase::outside(name))
        .collect();
    if by.is_empty() {
        document.words.text("unconfined")
    } else {
        let by = document.words.listed(&by);
        document.words.fill("confined", &[("by", &by)])
    }
}

/// A trust list with its kind and how old it is.
fn list(it: &TrustListEvidence, words: Words<'_>) -> Phrase {
    let name = Phrase::outside(&it.name);
    let kind = words.or(&format!("kind.{}", it.kind), &it.kind);
    let date = |date: &Option<String>| Phrase::outside(date.as_deref().unwrap_or("?"));
    let (issued, until) = (date(&it.issued), date(&it.next_update));
    let key = match (it.stale, &it.issued) {
        (true, _) => "list-stale",
        (false, Some(_)) => "list-issued",
        (false, None) => "list",
    };
    let values = [
        ("name", &name),
        ("kind", &kind),
        ("issued", &issued),
        ("date", &until),
    ];
    words.fill(key, &values)
}
