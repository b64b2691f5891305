//! Six reports as they are read, in both languages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

mod support;

use colophon_provenance::Language;
use colophon_rendering::html::{self, Attachments, Image, ImageKind};
use colophon_rendering::terminal;
use colophon_wording::Wording;
use support::{KINDS, golden, report};

/// A picture of one grey pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9ch\0\0\0\x82\0\x81w\xcdr\xb6\0\0\0\0IEND\xaeB`\x82";

#[test]
fn on_a_terminal() {
    for kind in KINDS {
        for language in Language::ALL {
            let report = report(kind, language);
            let wording = Wording::of(language);
            let plain = |verbose| {
                let text = terminal::render(&report, wording, 80, verbose);
                anstream::adapter::strip_str(&text).to_string()
            };
            let (short, long) = (plain(false), plain(true));
            for line in short.lines().chain(long.lines()) {
                assert!(line.chars().count() <= 80, "{line}");
            }
            golden(&format!("{kind}.{language}.txt"), &(short + "\n"));
            golden(&format!("{kind}.{language}.verbose.txt"), &(long + "\n"));
        }
    }
}

#[test]
fn as_a_page() {
    for kind in KINDS {
        for language in Language::ALL {
            let report = report(kind, language);
            let attachments = Attachments::with_thumbnail(Image::new(ImageKind::Png, 1, 1, PIXEL));
            let page = html::page(&report, &attachments, Wording::of(language));
            golden(&format!("{kind}.{language}.html"), &page);
        }
    }
}
