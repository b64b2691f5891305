//! Reports as one web page: a single file without scripts that loads nothing, to be kept, sent and printed.

mod article;
mod markup;
mod picture;
mod times;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon_provenance::Report;
use colophon_wording::Wording;

use crate::document::Document;
use crate::phrase::{Phrase, Words, number};
use markup::Markup;

/// Most reports of one page; a browser still scrolls through it.
pub const MOST_REPORTS: usize = 500;

const STYLE: &str = include_str!("style.css");
/// Nothing may be loaded, whatever gets into the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// Pictures that stand beside a report.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Attachments {
    /// The picture, small. The heat map of the mark, where the report holds one, is drawn over it.
    pub thumbnail: Option<Image>,
}

impl Attachments {
    /// With a small copy of the picture.
    pub fn with_thumbnail(thumbnail: Image) -> Self {
        Self {
            thumbnail: Some(thumbnail),
        }
    }
}

/// A picture as a browser reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    kind: ImageKind,
    width: u32,
    height: u32,
    base64: String,
}

/// Format of an [`Image`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
}

impl Image {
    /// A file of this format, and its size in pixels.
    pub fn new(kind: ImageKind, width: u32, height: u32, bytes: &[u8]) -> Self {
        Self {
            kind,
            width,
            height,
            base64: STANDARD.encode(bytes),
        }
    }
}

/// More reports than one page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "one page holds at most {MOST_REPORTS} reports, not {0}; make several pages, or use --jsonl or --csv"
)]
pub struct TooMany(pub usize);

/// The page of one report.
pub fn page(report: &Report, attachments: &Attachments, wording: &Wording) -> String {
    whole(&[(report, attachments)], wording)
}

/// The page of several reports, with a list of them at its head.
///
/// # Errors
/// [`TooMany`] above [`MOST_REPORTS`].
pub fn pages(reports: &[(&Report, &Attachments)], wording: &Wording) -> Result<String, TooMany> {
    if reports.len() > MOST_REPORTS {
        return Err(TooMany(reports.len()));
    }
    Ok(whole(reports, wording))
}

fn whole(reports: &[(&Report, &Attachments)], wording: &Wording) -> String {
    let words = Words(wording);
    let documents: Vec<Document<'_>> = reports
        .iter()
        .map(|(report, _)| Document::new(report, wording))
        .collect();
    let (title, heading) = match documents.as_slice() {
        [only] => (
            words.fill("page.title", &[("file", &only.file)]),
            words.text("page.header"),
        ),
        all => {
            let pictures = words.counted("pictures", all.len() as u64);
            let title = words.fill("page.index-title", &[("pictures", &pictures)]);
            (title.clone(), title)
        }
    };
    let mut out = Markup::new();
    head(&mut out, &title, wording);
    out.open("body", &[]);
    out.open("header", &[("class", "page")]);
    out.element("h1", &[], &heading);
    out.close("header");
    out.open("main", &[]);
    if documents.len() != 1 {
        index(&mut out, &documents, words);
    }
    for (at, (document, (_, attachments))) in documents.iter().zip(reports).enumerate() {
        let single = documents.len() == 1;
        article::write(&mut out, document, attachments, at, single);
    }
    out.close("main");
    out.open("footer", &[("class", "page")]);
    for key in ["page.not-a-judgement", "page.nothing-shown", "page.json"] {
        out.element("p", &[], &words.text(key));
    }
    out.close("footer");
    out.close("body");
    out.close("html");
    out.finish()
}

fn head(out: &mut Markup, title: &Phrase, wording: &Wording) {
    out.doctype();
    out.open("html", &[("lang", wording.language().code())]);
    out.open("head", &[]);
    out.void("meta", &[("charset", "utf-8")]);
    out.void(
        "meta",
        &[
            ("http-equiv", "Content-Security-Policy"),
            ("content", POLICY),
        ],
    );
    out.void(
        "meta",
        &[
            ("name", "viewport"),
            ("content", "width=device-width, initial-scale=1"),
        ],
    );
    out.void("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    // A browser knows no markup inside a title.
    out.element("title", &[], &Phrase::plain(&title.text()));
    out.style(STYLE);
    out.close("head");
}

/// The list of all reports, by anchor.
fn index(out: &mut Markup, documents: &[Document<'_>], words: Words<'_>) {
    out.open("nav", &[("class", "index"), ("aria-labelledby", "index")]);
    out.element("h2", &[("id", "index")], &words.text("page.index"));
    out.open("ol", &[]);
    for (at, document) in documents.iter().enumerate() {
        out.open("li", &[]);
        article::sign(out, document.mark(), words);
        out.open("p", &[]);
        out.element(
            "a",
            &[("href", &format!("#{}", article::id(at)))],
            &document.file,
        );
        let headline = if document.has_bytes() {
            &document.headline
        } else {
            document.undecoded.as_ref().unwrap_or(&document.headline)
        };
        out.element("span", &[("class", "headline")], headline);
        out.close("p");
        if document.has_bytes() {
            out.element("strong", &[], &document.action.0);
        }
        out.close("li");
    }
    out.close("ol");
    out.close("nav");
}

/// The milliseconds that a check took.
fn elapsed(document: &Document<'_>) -> Phrase {
    let n = number(document.report.elapsed_ms);
    document.words.fill("page.milliseconds", &[("n", &n)])
}
