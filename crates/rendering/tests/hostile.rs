//! Whatever stands in a file: a page stays one well-formed page, a terminal gets lines of text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

mod support;

use std::sync::LazyLock;

use colophon_provenance::{Language, Report};
use colophon_rendering::html::{self, Attachments, Image, ImageKind};
use colophon_rendering::terminal;
use colophon_wording::Wording;
use proptest::prelude::*;
use serde_json::Value;
use support::{KINDS, read, report};

/// Every text of a report, one after the other.
fn texts(value: &mut Value, change: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| texts(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| texts(field, change)),
        _ => {}
    }
}

/// The report in which every field has a value, and which of its texts are free: a code of a closed list is
/// not.
static WHOLE: LazyLock<(Value, Vec<bool>)> = LazyLock::new(|| {
    let whole: Value = serde_json::from_str(&read("everything.json")).unwrap();
    let mut count = 0;
    texts(&mut whole.clone(), &mut |_| count += 1);
    let is_free = (0..count).map(|place| {
        let mut changed = whole.clone();
        let mut at = 0;
        texts(&mut changed, &mut |text| {
            if at == place {
                text.push('?');
            }
            at += 1;
        });
        serde_json::from_value::<Report>(changed).is_ok()
    });
    let is_free = is_free.collect();
    (whole, is_free)
});

/// That report with hostile words in all texts that are free.
fn with(words: &[String]) -> Report {
    let (whole, is_free) = &*WHOLE;
    let mut value = whole.clone();
    let mut at = 0;
    texts(&mut value, &mut |text| {
        if is_free[at] {
            text.clone_from(&words[at % words.len()]);
        }
        at += 1;
    });
    serde_json::from_value(value).unwrap()
}

fn hostile() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("\"><script>alert(1)</script>".to_owned()),
        Just("' onerror='alert(1)".to_owned()),
        Just("</style></title><!--]]>".to_owned()),
        Just("javascript:alert(1)&lt;&#60;&amp".to_owned()),
        Just("\u{1b}[31m\u{1b}]0;x\u{7}\u{9b}2J".to_owned()),
        Just("a\r\nb\u{0}\u{b}\u{2028}\u{85}c".to_owned()),
        Just("\u{202e}\u{2066}\u{200f}שלום عربى 12".to_owned()),
        Just("\u{e0041}\u{feff}\u{200b}\u{ffff}\u{e000}\u{e001}".to_owned()),
        Just("{signer}{list}{0}`${x}".to_owned()),
        Just("x".repeat(700)),
        "\\PC{0,20}",
        any::<String>(),
    ];
    proptest::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

fn is_forbidden(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Elements and attributes that the page is made of.
const ELEMENTS: &str = " html head meta title style body header main nav article section footer div span p h1 h2 h3 h4 \
    a ul ol li dl dt dd strong em code bdi figure figcaption img input label svg path details summary table caption tr th td ";
const ATTRIBUTES: &str = " lang charset http-equiv name content class id href aria-labelledby aria-hidden aria-label role \
    type for checked src width height alt viewBox preserveAspectRatio d scope ";
const EMPTY: &str = " meta img input ";

/// Fails unless the page is made of known elements, well nested, without a script, and loads nothing.
fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut ids: Vec<&str> = Vec::new();
    let mut targets: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    assert!(!page.chars().any(is_forbidden));
    while let Some((text, after)) = rest.split_once('<') {
        assert_text(text, open.last() == Some(&"style"));
        let (tag, after) = after.split_once('>').expect("a tag that ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(ELEMENTS.contains(&format!(" {name} ")), "element {name}");
        let mut attributes = attributes.trim();
        while !attributes.is_empty() {
            let (key, after) = attributes.split_once("=\"").expect("a quoted value");
            let (value, after) = after.split_once('"').expect("a value that ends");
            assert!(ATTRIBUTES.contains(&format!(" {key} ")), "attribute {key}");
            assert_text(value, false);
            match key {
                "src" => assert!(value.starts_with("data:image/png;base64,")),
                "href" => targets.push(value.strip_prefix('#').expect("an anchor")),
                "aria-labelledby" | "for" => targets.push(value),
                "id" => ids.push(value),
                _ => {}
            }
            attributes = after.trim_start();
        }
        if !EMPTY.contains(&format!(" {name} ")) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} is still open");
    assert!(
        targets.iter().all(|target| ids.contains(target)),
        "{targets:?} {ids:?}"
    );
    let unique: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an id is used twice");
}

/// No character that HTML knows, except as one of the five names that are written.
fn assert_text(text: &str, is_style: bool) {
    if is_style {
        return;
    }
    assert!(!text.contains(['>', '\'']), "{text:?}");
    for name in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
        assert!(
            known.iter().any(|known| name.starts_with(known)),
            "{text:?}"
        );
    }
}

fn page_of(report: &Report, language: Language) -> String {
    let picture = Attachments::with_thumbnail(Image::new(ImageKind::Png, 1, 1, b"not looked at"));
    html::page(report, &picture, Wording::of(language))
}

#[test]
fn pages_are_well_formed() {
    for language in Language::ALL {
        for kind in KINDS {
            assert_well_formed(&page_of(&report(kind, language), language));
        }
    }
    let reports: Vec<Report> = KINDS.map(|kind| report(kind, Language::English)).into();
    let none = Attachments::default();
    let all: Vec<(&Report, &Attachments)> = reports.iter().map(|it| (it, &none)).collect();
    let page = html::pages(&all, Wording::of(Language::English)).unwrap();
    assert_well_formed(&page);
    assert_eq!(page.matches("<article").count(), KINDS.len());
    assert_eq!(page.matches("href=\"#report-").count(), KINDS.len());
    let many = vec![all[0]; html::MOST_REPORTS + 1];
    assert!(html::pages(&many, Wording::of(Language::English)).is_err());
}

#[test]
fn a_page_loads_nothing_and_runs_nothing() {
    let page = page_of(&report("recovered", Language::German), Language::German);
    for word in [
        "<script",
        "url(",
        "@import",
        "http://",
        "https://cdn",
        "onload",
        "javascript:",
    ] {
        let found = page.matches(word).count();
        // The source types of the specification are named, not loaded.
        assert!(found == 0 || word == "http://", "{word}");
    }
    assert!(
        page.contains(
            "default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; img-src data:"
        )
    );
    assert!(page.contains("<html lang=\"de\">"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_leaves_its_place(words in proptest::collection::vec(hostile(), 1..9)) {
        let report = with(&words);
        for language in Language::ALL {
            assert_well_formed(&page_of(&report, language));
            for (width, verbose) in [(80, true), (40, false)] {
                let text = terminal::render(&report, Wording::of(language), width, verbose);
                let mut plain = text;
                for code in ["0", "1", "2", "31", "32", "33"] {
                    plain = plain.replace(&format!("\u{1b}[{code}m"), "");
                }
                prop_assert!(!plain.chars().any(is_forbidden), "{plain:?}");
            }
        }
    }
}
