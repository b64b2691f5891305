//! How long the tools take. Run with `--ignored --nocapture`; `COLOPHON_RECORDS` sets the size.

use std::path::Path;
use std::time::Instant;

use colophon_audit::{PUBLIC_COLUMNS, Statistics, check_export, export};
use colophon_ledger::{Entries, Filter, Ledger, Likeness};
use colophon_tabular::Form;

use crate::common::{START, ask, key, open, record, signer};

#[test]
#[ignore = "measures"]
fn figures() {
    let count = std::env::var("COLOPHON_RECORDS").map_or(100_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    for first in (0..count).step_by(10_000) {
        // All within one half-year.
        let within = |n| {
            let mut record = record(n);
            record.issued_at = START + n as i64;
            record
        };
        let chunk = first..count.min(first + 10_000);
        ledger.append_many(chunk.map(within).collect()).unwrap();
    }
    let told = |what: &str, start: Instant| {
        println!(
            "{count} records, {what}: {:.3} s",
            start.elapsed().as_secs_f64()
        );
    };
    let filters = [
        (
            "nothing admitted, every leaf read",
            Filter {
                model: Some("none".to_owned()),
                ..Filter::default()
            },
        ),
        (
            "one hour by time",
            Filter {
                since: Some(START + count as i64 / 2),
                until: Some(START + count as i64 / 2 + 3_600),
                ..Filter::default()
            },
        ),
        (
            "one file by its hash",
            Filter {
                asset: Some(record(count / 2).asset_sha256),
                ..Filter::default()
            },
        ),
        (
            "events",
            Filter {
                entries: Entries::Events,
                ..Filter::default()
            },
        ),
        (
            "alike within 0 bits",
            Filter {
                like: Some(Likeness {
                    fingerprint: [0x55; 32],
                    distance: 0,
                }),
                ..Filter::default()
            },
        ),
        ("all, proven", Filter::default()),
    ];
    for (what, filter) in filters {
        let query = ask(&ledger, filter);
        let start = Instant::now();
        let (mut cursor, mut found) = (Some(query.start()), 0);
        while let Some(from) = cursor {
            let page = query.page(from, 1_000).unwrap();
            found += page.hits.len();
            cursor = page.next;
        }
        told(&format!("{what}, {found} found"), start);
    }
    exports(&ledger, dir.path(), count, &told);
    let start = Instant::now();
    Statistics::count(&ask(&ledger, Filter::default()), None).unwrap();
    told("statistics", start);
}

fn exports(ledger: &Ledger, dir: &Path, count: u64, told: &dyn Fn(&str, Instant)) {
    for form in [Form::Csv, Form::JsonLines, Form::Parquet] {
        let table = dir.join(form.name());
        let start = Instant::now();
        export(
            &ask(ledger, Filter::default()),
            &table,
            form,
            false,
            false,
            &signer(),
        )
        .unwrap();
        told(
            &format!(
                "export of {} columns to {}",
                PUBLIC_COLUMNS.len(),
                form.name()
            ),
            start,
        );
        println!("  {} bytes a row", table.metadata().unwrap().len() / count);
        let start = Instant::now();
        let report = check_export(&table, &key(), Some(dir)).unwrap();
        assert_eq!(report.mismatches, []);
        told(
            &format!("check of that against the log, {}", form.name()),
            start,
        );
    }
}
