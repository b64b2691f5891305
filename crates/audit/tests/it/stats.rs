//! Counts and drawings.

use colophon_audit::{Statistics, charts, page};
use colophon_ledger::{Decisions, Entries, Filter};

use crate::common::{ask, check, issuing, ledger, record};

#[test]
fn counts_are_those_of_the_records() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path(), 100);
    let decisions = Decisions::open(dir.path()).unwrap();
    for n in 0..3 {
        decisions
            .enter_check(&check(n, "altered", "review"))
            .unwrap();
    }
    decisions.enter_issuing(&issuing(0, false)).unwrap();
    let filter = Filter {
        entries: Entries::All,
        ..Filter::default()
    };
    let counts = Statistics::count(&ask(&ledger, filter), Some(&decisions)).unwrap();
    let unmarked = (0..100)
        .filter(|n| record(*n).watermark_id.is_none())
        .count() as u64;
    assert_eq!((counts.pictures, counts.unmarked), (100, unmarked));
    // 2027-01-15 08:00 and an hour each: 16 on the first day.
    let days: Vec<_> = counts
        .by_day
        .iter()
        .map(|(day, n)| (day.as_str(), *n))
        .collect();
    assert_eq!(
        days,
        [
            ("2027-01-15", 16),
            ("2027-01-16", 24),
            ("2027-01-17", 24),
            ("2027-01-18", 24),
            ("2027-01-19", 12)
        ]
    );
    let weeks: Vec<_> = counts
        .by_week
        .iter()
        .map(|(day, n)| (day.as_str(), *n))
        .collect();
    assert_eq!(weeks, [("2027-01-11", 64), ("2027-01-18", 36)]);
    for by in [&counts.by_kind, &counts.by_model, &counts.by_signer] {
        assert_eq!(by.values().sum::<u64>(), 100);
    }
    assert_eq!(counts.by_signer.len(), 4);
    assert_eq!(counts.by_model["not stated"], 14);
    assert_eq!(counts.checks_by_rule["altered"], 3);
    assert_eq!(counts.requests["deny"], 1);
}

#[test]
fn no_name_breaks_out_of_a_drawing_or_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path(), 30);
    let counts = Statistics::count(&ask(&ledger, Filter::default()), None).unwrap();
    let page = page(&counts, "All <records> & more");
    assert!(page.contains("All &lt;records&gt; &amp; more"));
    assert!(
        page.contains("&lt;b&gt;&amp;") && !page.contains("<b>"),
        "{page}"
    );
    assert!(
        !page.contains("<script") && !page.contains("http://")
            || page.contains("http://www.w3.org")
    );
    for (name, svg) in charts(&counts) {
        assert!(
            svg.starts_with("<svg") && svg.ends_with("</svg>\n"),
            "{name}"
        );
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }
}
