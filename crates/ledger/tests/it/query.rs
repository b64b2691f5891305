//! Questions to a whole ledger.

use std::sync::OnceLock;

use colophon_ledger::{
    CheckDecision, Cursor, CursorError, Decisions, Entries, Filter, Kind, LeafIndex, Ledger,
    LedgerError, Likeness, NewRecord, Page, Query, RecordId, ShardName, Unproven,
};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::common::{ORIGIN, TempDir, key, open, record, watermark_id};

const COUNT: u64 = 600;
/// Where the records fall by their time.
const SHARD: &str = "2027h1";
/// Index of the first record.
const FIRST: u64 = 0;

/// A record whose signer, policy and model return every few records.
fn varied(n: u64) -> NewRecord {
    let mut record = record(n);
    record.signer_key_id = [(n % 2) as u8; 32];
    record.policy_hash = [(n % 5) as u8; 32];
    // A fingerprint a few bits from those of its neighbours.
    record.fingerprint = Some([!0 << (n % 8) as u8; 32]);
    record
}

/// A ledger that the tests share and only read, with checks of every seventh record.
fn shared() -> &'static (TempDir, Ledger, Decisions) {
    static SHARED: OnceLock<(TempDir, Ledger, Decisions)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let dir = TempDir::new();
        let ledger = open(dir.path());
        ledger
            .append_many((0..COUNT).map(varied).collect())
            .unwrap();
        let decisions = Decisions::open(dir.path()).unwrap();
        for n in (0..COUNT).step_by(7) {
            decisions.enter_check(&check(n, SHARD)).unwrap();
        }
        // Of another log, and of a record that is not there.
        decisions.enter_check(&check(1, "2031h1")).unwrap();
        decisions.enter_check(&check(COUNT + 7, SHARD)).unwrap();
        (dir, ledger, decisions)
    })
}

fn check(n: u64, shard: &str) -> CheckDecision {
    CheckDecision {
        at: 1_800_000_000,
        asset: [n as u8; 32],
        facts: vec!["ledger=found".to_owned()],
        rule: "altered".to_owned(),
        finding: "flagged".to_owned(),
        action: "review".to_owned(),
        policy: [6; 32],
        record: Some(RecordId {
            shard: shard.parse().unwrap(),
            index: LeafIndex(FIRST + n),
        }),
    }
}

fn query(filter: Filter) -> Query<'static> {
    let (_, ledger, decisions) = shared();
    Query::new(ledger, filter, Some(decisions), false).unwrap()
}

fn indexes(page: &Page) -> Vec<u64> {
    page.hits.iter().map(|hit| hit.id.index.0 - FIRST).collect()
}

fn origin() -> String {
    let shard: ShardName = SHARD.parse().unwrap();
    shard.origin(ORIGIN)
}

/// What the filter must find, from the records as they were handed in.
fn expected(filter: &Filter) -> Vec<u64> {
    let near = |like: &Likeness, found: [u8; 32]| {
        let bits = found.iter().zip(&like.fingerprint);
        bits.map(|(a, b)| (a ^ b).count_ones()).sum::<u32>() <= like.distance
    };
    (0..COUNT)
        .filter(|n| {
            let it = varied(*n);
            let model = it.generation.as_ref().map(|it| it.model_id.as_str());
            filter.entries != Entries::Events
                && filter.since.is_none_or(|since| it.issued_at >= since)
                && filter.until.is_none_or(|until| it.issued_at < until)
                && filter.kind.is_none_or(|kind| it.kind == kind)
                && filter
                    .model
                    .as_ref()
                    .is_none_or(|name| name == "Qwen-Image-2512" || Some(name.as_str()) == model)
                && filter
                    .weights
                    .is_none_or(|hash| hash == [8; 32] && model.is_some())
                && filter.signer.is_none_or(|id| it.signer_key_id == id)
                && filter.policy.is_none_or(|hash| it.policy_hash == hash)
                && filter.asset.is_none_or(|hash| it.asset_sha256 == hash)
                && filter
                    .manifest
                    .as_ref()
                    .is_none_or(|id| it.manifest_id == *id)
                && filter.watermark.is_none_or(|id| watermark_id(*n) == id)
                && filter
                    .like
                    .is_none_or(|like| near(&like, it.fingerprint.unwrap()))
                && filter
                    .verdict
                    .as_ref()
                    .is_none_or(|it| it == "flagged" && n % 7 == 0)
        })
        .collect()
}

fn filters() -> impl Strategy<Value = Filter> {
    let time = || of(0..COUNT as i64 + 10).prop_map(|n| n.map(|n| 1_800_000_000 + n));
    let hash = |range: std::ops::Range<u8>| of(range.prop_map(|n| [n; 32]));
    let rare = |it: BoxedStrategy<u64>| proptest::option::weighted(0.1, it);
    let like = proptest::option::weighted(0.2, (0..8_u8, 0..140_u32));
    let entries = select(vec![
        Entries::Pictures,
        Entries::Pictures,
        Entries::All,
        Entries::Events,
    ]);
    let model = select(vec!["Qwen-Image-2512", "example/model", "none"]);
    (
        (
            time(),
            time(),
            of(select(vec![Kind::Generate, Kind::Stamp])),
            of(model),
        ),
        (hash(7..9), hash(0..3), hash(0..6)),
        (
            rare((0..COUNT).boxed()),
            rare((0..COUNT).boxed()),
            rare((0..COUNT).boxed()),
        ),
        (
            like,
            proptest::option::weighted(0.2, Just("flagged".to_owned())),
            entries,
        ),
    )
        .prop_map(|(public, hashes, single, private)| Filter {
            entries: private.2,
            since: public.0,
            until: public.1,
            kind: public.2,
            model: public.3.map(str::to_owned),
            weights: hashes.0,
            signer: hashes.1,
            policy: hashes.2,
            asset: single.0.map(|n| record(n).asset_sha256),
            manifest: single.1.map(|n| record(n).manifest_id),
            watermark: single.2.map(watermark_id),
            like: private.0.map(|(n, distance)| Likeness {
                fingerprint: [!0 << n; 32],
                distance,
            }),
            verdict: private.1,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn pages_together_are_the_whole_answer(filter in filters(), limit in 1..200_usize) {
        let query = query(filter.clone());
        let whole = query.page(query.start(), usize::MAX).unwrap();
        prop_assert_eq!(indexes(&whole), expected(&filter));
        prop_assert_eq!(whole.next, None);
        prop_assert!(whole.hits.iter().all(|hit| hit.inclusion.is_ok() && hit.log == origin()));

        let mut cursor = Some(query.start());
        let mut hits = Vec::new();
        while let Some(from) = cursor {
            // A cursor is handed on as text.
            let from: Cursor = from.to_string().parse().unwrap();
            let page = query.page(from, limit).unwrap();
            prop_assert!(page.hits.len() <= limit);
            prop_assert!(page.next.is_none() || page.hits.len() == limit);
            hits.extend(page.hits);
            cursor = page.next;
        }
        prop_assert_eq!(&hits, &whole.hits);

        let query = query.newest_first();
        let mut cursor = Some(query.start());
        let mut back = Vec::new();
        while let Some(from) = cursor {
            let page = query.page(from, limit).unwrap();
            prop_assert!(page.next.is_none() || page.hits.len() == limit);
            back.extend(page.hits);
            cursor = page.next;
        }
        back.reverse();
        prop_assert_eq!(back, hits, "from the newest back it is the same");
    }

    #[test]
    fn any_text_is_no_cursor_or_canonical(text in "1?[0-9a-fA-F+é]{38,42}") {
        if let Ok(cursor) = text.parse::<Cursor>() {
            prop_assert_eq!(cursor.to_string(), text);
        }
    }
}

#[test]
fn a_cursor_belongs_to_its_filter() {
    let all = query(Filter::default());
    let cursor = all.page(all.start(), 10).unwrap().next.unwrap();
    let other = query(Filter {
        kind: Some(Kind::Stamp),
        ..Filter::default()
    });
    assert_eq!(
        other.page(cursor, 10).unwrap_err(),
        LedgerError::Cursor(CursorError::OtherFilter)
    );
    assert!("".parse::<Cursor>().is_err());
    let back = query(Filter::default()).newest_first();
    assert_eq!(
        back.page(cursor, 10).unwrap_err(),
        LedgerError::Cursor(CursorError::OtherFilter),
        "and to its order"
    );
}

#[test]
fn a_question_is_about_the_ledger_as_it_was() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..300).map(record).collect()).unwrap();
    let query = Query::new(&ledger, Filter::default(), None, true).unwrap();
    ledger
        .append_many((300..600).map(record).collect())
        .unwrap();
    let page = query.page(query.start(), usize::MAX).unwrap();
    assert_eq!(page.hits.len(), 300, "without the events");
    // The tile that was the last one then has grown since.
    assert!(page.hits.iter().all(|hit| hit.inclusion.is_ok()));
    let title = page.hits[299].private.as_ref().unwrap().title.as_deref();
    assert_eq!(title, Some("Title 299"));
}

#[test]
fn an_altered_leaf_is_told_and_its_neighbours_are_not() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..300).map(record).collect()).unwrap();
    drop(ledger);
    let connection =
        rusqlite::Connection::open(dir.path().join(SHARD).join("ledger.sqlite")).unwrap();
    connection
        .execute_batch(
            "DROP TRIGGER entry_fixed;
             UPDATE entry SET leaf = (SELECT leaf FROM entry WHERE idx = 258) WHERE idx = 257",
        )
        .unwrap();
    drop(connection);
    let ledger = Ledger::open_read_only(dir.path(), key()).unwrap();
    let query = Query::new(&ledger, Filter::default(), None, false).unwrap();
    let page = query.page(query.start(), usize::MAX).unwrap();
    for hit in page.hits {
        let altered = hit.id.index.0 == 257;
        assert_eq!(hit.inclusion.is_err(), altered, "{}", hit.id);
        if altered {
            assert_eq!(hit.inclusion, Err(Unproven::Mismatch));
        }
    }
}

#[test]
fn a_verdict_needs_the_log_of_decisions() {
    let (_, ledger, _) = shared();
    let filter = Filter {
        verdict: Some("review".to_owned()),
        ..Filter::default()
    };
    let asked = Query::new(ledger, filter, None, false);
    assert_eq!(asked.err(), Some(LedgerError::NoDecisions));
}
