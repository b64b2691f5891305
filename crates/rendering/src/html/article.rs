//! One report on the page.

use colophon_provenance::TrustListEvidence;

use super::markup::Markup;
use super::{Attachments, elapsed, picture, times};
use crate::document::{Document, Item, Mark, Section, size, trailing};
use crate::phrase::{Phrase, Words, number};

/// The anchor of report number `at` of the page, from 0.
pub(super) fn id(at: usize) -> String {
    format!("report-{}", at + 1)
}

/// Writes report number `at`; `single` when it is the page's only one.
pub(super) fn write(
    out: &mut Markup,
    document: &Document<'_>,
    attachments: &Attachments,
    at: usize,
    single: bool,
) {
    let id = id(at);
    let heading = format!("{id}-answer");
    let tone = format!("report {}", document.mark().code());
    out.open(
        "article",
        &[("class", &tone), ("id", &id), ("aria-labelledby", &heading)],
    );
    let words = document.words;
    if !single {
        out.open("p", &[("class", "back")]);
        out.element("a", &[("href", "#index")], &words.text("page.back"));
        out.close("p");
    }
    out.open("div", &[("class", "top")]);
    if document.has_bytes() {
        picture::write(out, document, attachments, &id);
    }
    answer(out, document, &heading);
    out.close("div");
    if document.has_bytes() {
        evidence(out, document, &id);
        not_checked(out, document);
        file(out, document);
        verdict(out, document);
    }
    about(out, document);
    out.close("article");
}

/// The sign of a mark, with words for those who do not see it.
pub(super) fn sign(out: &mut Markup, mark: Mark, words: Words<'_>) {
    let glyph = match mark {
        Mark::Good => "✓",
        Mark::Caution => "?",
        Mark::Alert => "!",
        Mark::Plain => "–",
    };
    let class = format!("sign {}", mark.code());
    out.open("span", &[("class", &class)]);
    out.element("span", &[("aria-hidden", "true")], &Phrase::plain(glyph));
    let said = words.text(&format!("mark.{}", mark.code()));
    out.element("span", &[("class", "unseen")], &said);
    out.close("span");
}

/// The answer, what to do, what does not go together, and why.
fn answer(out: &mut Markup, document: &Document<'_>, heading: &str) {
    let words = document.words;
    out.open("div", &[("class", "answer")]);
    out.element("p", &[("class", "file")], &document.file);
    out.open("p", &[("class", "outcome")]);
    sign(out, document.mark(), words);
    out.element(
        "span",
        &[],
        &words.text(&format!("outcome.{}", document.outcome())),
    );
    out.close("p");
    if !document.has_bytes() {
        let what = document.undecoded.clone().unwrap_or_default();
        out.element("h2", &[("id", heading)], &what);
        out.close("div");
        return;
    }
    out.element("h2", &[("id", heading)], &document.headline);
    let (action, sentence) = &document.action;
    out.open("p", &[("class", "action")]);
    out.element("span", &[("class", "label")], &words.text("recommended"));
    out.element("strong", &[], action);
    out.element("span", &[], sentence);
    out.close("p");
    if !document.contradictions.is_empty() {
        out.open("section", &[("class", "contradictions")]);
        out.element("h3", &[], &words.text("title.contradictions"));
        out.open("ul", &[]);
        for (told, contradiction) in document
            .contradictions
            .iter()
            .zip(&document.report.verdict.contradictions)
        {
            out.open("li", &[]);
            out.text(told);
            out.element("code", &[], &Phrase::outside(&contradiction.code));
            out.close("li");
        }
        out.close("ul");
        out.close("section");
    }
    if let Some(undecoded) = &document.undecoded {
        out.element("p", &[("class", "undecoded")], undecoded);
    }
    out.element("p", &[("class", "explanation")], &document.explanation);
    out.close("div");
}

fn evidence(out: &mut Markup, document: &Document<'_>, id: &str) {
    let words = document.words;
    let heading = format!("{id}-evidence");
    out.open(
        "section",
        &[("class", "evidence"), ("aria-labelledby", &heading)],
    );
    out.element("h3", &[("id", &heading)], &words.text("page.evidence"));
    for section in &document.sections {
        reader(out, document, section);
    }
    out.close("section");
}

fn reader(out: &mut Markup, document: &Document<'_>, section: &Section) {
    let words = document.words;
    let class = format!("reader {}", section.key);
    out.open("section", &[("class", &class)]);
    out.element("h4", &[], &words.text(&format!("title.{}", section.key)));
    if section.key == "timeline" {
        times::write(out, &document.report.evidence.timeline, words);
    } else {
        items(out, &section.items, words);
    }
    out.close("section");
}

fn items(out: &mut Markup, all: &[Item], words: Words<'_>) {
    out.open("ul", &[("class", "items")]);
    for item in all {
        let class = if item.is_fine {
            "fine"
        } else {
            item.mark.code()
        };
        out.open("li", &[("class", class)]);
        sign(out, item.mark, words);
        out.open("div", &[]);
        out.open("p", &[]);
        out.value(&item.text);
        out.close("p");
        codes(out, item, words);
        fields(out, item, words);
        if !item.inside.is_empty() {
            items(out, &item.inside, words);
        }
        out.close("div");
        out.close("li");
    }
    out.close("ul");
}

fn codes(out: &mut Markup, item: &Item, words: Words<'_>) {
    if item.codes.is_empty() {
        return;
    }
    out.open("ul", &[("class", "codes")]);
    for code in &item.codes {
        out.open(
            "li",
            &[("class", if code.failed { "failed" } else { "code" })],
        );
        out.element("code", &[], &code.id);
        out.element("span", &[], &code.sentence);
        if code.failed {
            out.element("em", &[], &words.text("page.failed"));
        }
        out.close("li");
    }
    out.close("ul");
}

fn fields(out: &mut Markup, item: &Item, words: Words<'_>) {
    if item.fields.is_empty() {
        return;
    }
    out.open("dl", &[("class", "fields")]);
    for field in &item.fields {
        out.element("dt", &[], &field.name);
        match &field.value {
            None => out.element("dd", &[("class", "withheld")], &words.text("withheld")),
            Some(value) => {
                out.open("dd", &[]);
                out.value(value);
                out.close("dd");
            }
        }
    }
    out.close("dl");
}

/// A section of names and values.
fn pairs(out: &mut Markup, title: &Phrase, pairs: &[(Phrase, Phrase)]) {
    out.open("section", &[("class", "pairs")]);
    out.element("h3", &[], title);
    out.open("dl", &[]);
    for (name, value) in pairs {
        out.element("dt", &[], name);
        out.element("dd", &[], value);
    }
    out.close("dl");
    out.close("section");
}

fn not_checked(out: &mut Markup, document: &Document<'_>) {
    if !document.not_checked.is_empty() {
        let title = document.words.text("label.not-checked");
        pairs(out, &title, &document.not_checked);
    }
}

fn file(out: &mut Markup, document: &Document<'_>) {
    let (words, container) = (document.words, &document.report.container);
    let name = |key: &str| words.text(&format!("page.{key}"));
    let mut all = vec![(name("file"), document.file.clone())];
    let format = container.format.as_ref().map_or_else(
        || words.text("file.no-format"),
        |format| Phrase::outside(format),
    );
    all.push((name("format"), format));
    if let (Some(width), Some(height)) = (container.width, container.height) {
        let values = [("width", &number(width)), ("height", &number(height))];
        all.push((name("pixels"), words.fill("file.pixels", &values)));
    }
    let exact = words.fill("size.bytes", &[("n", &number(container.bytes))]);
    let short = size(container.bytes, words);
    let told = if short == exact {
        exact
    } else {
        words.joined(&[short, exact])
    };
    all.push((name("size"), told));
    if container.trailing_bytes > 0 {
        all.push((name("trailing"), trailing(container.trailing_bytes, words)));
    }
    let hash = container.sha256.as_ref();
    all.extend(hash.map(|hash| (name("hash"), Phrase::outside(hash))));
    pairs(out, &name("picture"), &all);
}

/// The rule that matched and the facts it judged.
fn verdict(out: &mut Markup, document: &Document<'_>) {
    let (words, verdict) = (document.words, &document.report.verdict);
    out.open("section", &[("class", "pairs")]);
    out.element("h3", &[], &words.text("page.verdict"));
    out.open("dl", &[]);
    out.element("dt", &[], &words.text("page.rule"));
    out.open("dd", &[]);
    out.element("code", &[], &Phrase::outside(&verdict.rule));
    out.close("dd");
    out.element("dt", &[], &words.text("page.facts"));
    out.open("dd", &[]);
    for reason in &verdict.reasons {
        out.element("code", &[], &Phrase::outside(reason));
        out.text(&Phrase::plain(" "));
    }
    out.close("dd");
    out.element("dt", &[], &words.text("page.table"));
    out.element("dd", &[], &Phrase::outside(&document.report.tool.policy));
    out.close("dl");
    out.close("section");
}

/// Program, lists, confinement.
fn about(out: &mut Markup, document: &Document<'_>) {
    let (words, tool) = (document.words, &document.report.tool);
    let name = |key: &str| words.text(&format!("page.{key}"));
    let program = Phrase::outside(&format!("{} {}", tool.name, tool.version));
    let by: Vec<Phrase> = tool
        .confinement
        .iter()
        .map(|by| Phrase::outside(by))
        .collect();
    let confinement = if by.is_empty() {
        words.text("unconfined")
    } else {
        words.fill("confined", &[("by", &words.listed(&by))])
    };
    let all = [
        (name("program"), program),
        (name("validator"), Phrase::outside(&tool.validator)),
        (name("confinement"), confinement),
        (name("elapsed"), elapsed(document)),
    ];
    pairs(out, &name("about"), &all);
    if tool.trust_lists.is_empty() {
        return;
    }
    out.open("table", &[("class", "lists")]);
    out.element("caption", &[], &name("lists"));
    out.open("tr", &[]);
    for key in ["list-name", "list-kind", "list-issued", "list-until"] {
        out.element("th", &[("scope", "col")], &name(key));
    }
    out.close("tr");
    for list in &tool.trust_lists {
        trust_list(out, list, words);
    }
    out.close("table");
}

fn trust_list(out: &mut Markup, list: &TrustListEvidence, words: Words<'_>) {
    let date = |date: &Option<String>| {
        date.as_ref().map_or_else(
            || words.text("page.list-undated"),
            |date| Phrase::outside(date),
        )
    };
    out.open("tr", &[]);
    out.element("td", &[], &Phrase::outside(&list.name));
    out.element(
        "td",
        &[],
        &words.or(&format!("kind.{}", list.kind), &list.kind),
    );
    out.element("td", &[], &date(&list.issued));
    out.open("td", &[]);
    out.text(&date(&list.next_update));
    if list.stale {
        out.element("em", &[], &words.text("page.list-stale"));
    }
    out.close("td");
    out.close("tr");
}
