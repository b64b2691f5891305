//! Counts what is found in a folder of pictures of one's own: for measuring errors on files that no test
//! may carry. `COLOPHON_PICTURES=DIR cargo test --release -p colophon-signals --test metadata_pictures --
//! --ignored --nocapture`; with `COLOPHON_NO_CLAIMS` set, any statement that a picture was generated
//! fails the test.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its ground gives way"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use colophon_signals::{Findings, Limits, Says, read_metadata};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

#[test]
#[ignore = "needs pictures: set COLOPHON_PICTURES"]
fn what_a_folder_holds() {
    let folder = std::env::var("COLOPHON_PICTURES").unwrap();
    let mut paths = Vec::new();
    files(Path::new(&folder), &mut paths);
    let limits = Limits::default();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut bytes, mut seconds, mut worst, mut claims) = (0_usize, 0.0, (0.0, PathBuf::new()), 0);
    for path in &paths {
        let content = std::fs::read(path).unwrap();
        // The best of three: other work on the machine is not the reader's.
        let mut took = f64::MAX;
        let mut findings = Findings::default();
        for _ in 0..3 {
            let start = Instant::now();
            findings = read_metadata(&content, &limits);
            took = took.min(start.elapsed().as_secs_f64());
        }
        bytes += content.len();
        seconds += took;
        if took > worst.0 {
            worst = (took, path.clone());
        }
        for signal in &findings.signals {
            let kind = format!(
                "{} {} {}",
                signal.source.code(),
                signal.class.code(),
                signal.says.code()
            );
            *counts.entry(kind).or_default() += 1;
            if matches!(
                signal.says,
                Says::Generated | Says::PartlyGenerated | Says::PossiblyGenerated
            ) {
                claims += 1;
                println!(
                    "{}: {} {} {} {:?} {:?} {:?}",
                    path.display(),
                    signal.source.code(),
                    signal.class.code(),
                    signal.says.code(),
                    signal.tool,
                    signal.version,
                    signal.places
                );
            }
        }
        for problem in &findings.problems {
            *counts
                .entry(format!("problem {} ({})", problem.what, problem.place))
                .or_default() += 1;
        }
        *counts.entry("dates".to_owned()).or_default() += findings.dates.len();
        for mark in &findings.unreadable_marks {
            *counts.entry(format!("mark {}", mark.name)).or_default() += 1;
        }
    }
    for (kind, count) in &counts {
        println!("{count:6} {kind}");
    }
    println!(
        "{} files, {bytes} bytes, {claims} claims; {:.3} ms a file, worst {:.3} ms: {}",
        paths.len(),
        seconds * 1_000.0 / paths.len().max(1) as f64,
        worst.0 * 1_000.0,
        worst.1.display()
    );
    assert!(
        std::env::var_os("COLOPHON_NO_CLAIMS").is_none() || claims == 0,
        "{claims} claims"
    );
}
