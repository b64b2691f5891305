//! A browser shows the page without a complaint and prints it. `COLOPHON_BROWSER` names a Chromium; otherwise
//! `chromium` is looked for, and without one the test is skipped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

mod support;

use std::process::Command;

use colophon_provenance::Language;
use colophon_rendering::html::{self, Attachments};
use colophon_wording::Wording;
use support::{KINDS, report};

#[test]
fn a_browser_shows_and_prints_the_page() {
    let named = std::env::var("COLOPHON_BROWSER").ok();
    let browser = named.clone().unwrap_or_else(|| "chromium".to_owned());
    if Command::new(&browser).arg("--version").output().is_err() {
        assert!(named.is_none(), "{browser} does not start");
        eprintln!("skipped: there is no chromium; COLOPHON_BROWSER names one");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let reports = KINDS.map(|kind| report(kind, Language::German));
    let none = Attachments::default();
    let all: Vec<_> = reports.iter().map(|report| (report, &none)).collect();
    let page = html::pages(&all, Wording::of(Language::German)).unwrap();
    let (file, printed) = (dir.path().join("page.html"), dir.path().join("page.pdf"));
    std::fs::write(&file, page).unwrap();
    let output = Command::new(&browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-pdf-header-footer",
        ])
        .args(["--enable-logging=stderr", "--v=0"])
        .arg(format!(
            "--user-data-dir={}",
            dir.path().join("profile").display()
        ))
        .arg(format!("--print-to-pdf={}", printed.display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("CONSOLE"), "{said}");
    let pdf = std::fs::read(&printed).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert!(pdf.starts_with(b"%PDF-"));
    let pages = pdf
        .windows(12)
        .filter(|part| part.starts_with(b"/Type /Page\n"));
    // The list, then each report on pages of its own.
    assert!(pages.count() > KINDS.len());
}
