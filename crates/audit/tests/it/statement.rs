//! The statement's one form.

use colophon_audit::{ListedLog, Statement};
use colophon_ledger::{Filter, NoteSigner};
use colophon_tabular::Form;
use colophon_tlog::{Checkpoint, Hash, TreeSize};
use proptest::prelude::*;
use proptest::sample::select;

use crate::common::{ORIGIN, key, signer};

fn statement() -> Statement {
    Statement {
        form: Form::Csv,
        private: false,
        sha256: [0xab; 32],
        filter: Filter {
            since: Some(1_767_225_600),
            ..Filter::default()
        },
        rows: 2,
        leaves: [0xcd; 32],
        logs: vec![
            ListedLog {
                origin: format!("{ORIGIN}/2026h1"),
                size: TreeSize(100),
                root: Hash([1; 32]),
                rows: 0,
                first_and_last: None,
            },
            ListedLog {
                origin: format!("{ORIGIN}/2026h2"),
                size: TreeSize(20),
                root: Hash([2; 32]),
                rows: 2,
                first_and_last: Some((4, 19)),
            },
        ],
    }
}

#[test]
fn golden_form() {
    let expected = format!(
        "colophon ledger export 1\nform csv\ncolumns public\nsha256 {}\n\
         filter entries=pictures&since=1767225600\nrows 2\nleaves {}\n\
         log ledger.example.org/test/2026h1 100 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE= 0 - -\n\
         log ledger.example.org/test/2026h2 20 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI= 2 4 19\n",
        "ab".repeat(32),
        "cd".repeat(32)
    );
    assert_eq!(statement().text(), expected);
    assert_eq!(Statement::parse(&expected), Some(statement()));
}

#[test]
fn a_statement_is_no_checkpoint() {
    let note = statement().sign(&signer()).unwrap().to_string();
    assert_eq!(
        Statement::open(note.as_bytes(), &key()).unwrap(),
        statement()
    );
    assert!(Checkpoint::open(note.as_bytes(), signer().verifier_key()).is_err());
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: TreeSize(1),
        root: Hash([1; 32]),
        extensions: Vec::new(),
    };
    let note = checkpoint.sign(&signer()).unwrap().to_string();
    assert!(Statement::open(note.as_bytes(), &key()).is_err());
}

#[test]
fn statements_that_contradict_themselves_are_refused() {
    let text = statement().text();
    for (from, to) in [
        ("rows 2\n", "rows 3\n"),
        ("2 4 19", "2 19 4"),
        ("2 4 19", "2 4 20"),
        ("2 4 19", "2 4 4"),
        ("0 - -", "0 1 2"),
        ("0 - -", "0"),
        ("columns public", "columns some"),
        ("rows 2", "rows 02"),
        ("form csv", "form CSV"),
        ("export 1", "export 2"),
        ("entries=pictures&", ""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert_eq!(Statement::parse(&changed), None, "{from} as {to}");
    }
    let (head, _) = text.split_once("log ").unwrap();
    assert_eq!(Statement::parse(head), None, "no log");
}

proptest! {
    #[test]
    fn every_statement_reads_back(
        form in select(vec![Form::Csv, Form::JsonLines, Form::Parquet]),
        private: bool,
        hashes: ([u8; 32], [u8; 32], [u8; 32]),
        first in 0..1_000_u64,
        more in 0..1_000_u64,
        rows in 1..1_000_u64,
        size in 0..1_000_u64,
    ) {
        let last = first + more;
        let rows = rows.min(more + 1);
        let listed = ListedLog {
            origin: ORIGIN.to_owned(),
            size: TreeSize(last + 1 + size),
            root: Hash(hashes.0),
            rows,
            first_and_last: Some((first, last)),
        };
        let made = Statement {
            form,
            private,
            sha256: hashes.1,
            leaves: hashes.2,
            rows,
            logs: vec![listed],
            ..statement()
        };
        prop_assert_eq!(Statement::parse(&made.text()), Some(made));
    }

    #[test]
    fn a_changed_text_is_refused_or_says_something_else(at: prop::sample::Index, to in "[ -~\n]") {
        let text = statement().text();
        let at = at.index(text.len());
        let mut changed = text.clone();
        changed.replace_range(at..=at, &to);
        if let Some(read) = Statement::parse(&changed) {
            prop_assert_eq!(read.text(), changed);
        }
    }
}
