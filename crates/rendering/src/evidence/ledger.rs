//! What the ledger knows of a picture.

use colophon_provenance::{
    ErasedEvidence, FingerprintEvidence, InclusionEvidence, LedgerEvidence, Matched, Nearest,
};

use super::{agent, generation, source_type, weights};
use crate::document::{Item, Mark};
use crate::phrase::{Phrase, Words, number};

/// The record: how it was found, what it says, and whether it is in the signed log.
pub(super) fn record(it: &LedgerEvidence, words: Words<'_>) -> Vec<Item> {
    let ways: Vec<Phrase> = it
        .matched_by
        .iter()
        .map(|way| {
            words.text(match way {
                Matched::Watermark => "ledger.by-watermark",
                Matched::AssetHash => "ledger.by-asset-hash",
                Matched::Manifest => "ledger.by-manifest",
            })
        })
        .collect();
    let found = words.fill(
        "ledger.record",
        &[
            ("record", &number(it.record)),
            ("ways", &words.listed(&ways)),
        ],
    );
    let mut items = vec![Item::new(Mark::Good, found), Item::plain(issued(it, words))];
    if !it.marked {
        items.push(Item::plain(words.text("ledger.without-mark")));
    }
    if let Some(made) = &it.generation {
        items.push(Item::plain(generation(made, words)));
        items.extend(weights(made, words));
    }
    items.push(inclusion(&it.inclusion, words));
    items.extend(it.erased.as_ref().map(|it| erased(it, words)));
    let fine = |key: &str, name: &str, value: &str| {
        Item::fine(words.fill(key, &[(name, &Phrase::outside(value))]))
    };
    items.push(fine("ledger.log", "origin", &it.origin));
    let root = it.inclusion.root.as_ref();
    items.extend(root.map(|root| fine("ledger.root", "hash", root)));
    items.push(fine("ledger.file", "hash", &it.asset_sha256));
    items
}

/// That parts of the record were erased, and what follows for this picture.
fn erased(it: &ErasedEvidence, words: Words<'_>) -> Item {
    let has = |part: &str| it.parts.iter().any(|it| it == part);
    let key = match (has("private"), has("manifest")) {
        (true, true) => "ledger.erased-all",
        (true, false) => "ledger.erased-private",
        _ => "ledger.erased-manifest",
    };
    let reason = words.text(&format!("ledger.erased-reason.{}", it.reason));
    let values = [("when", &Phrase::outside(&it.on)), ("reason", &reason)];
    Item::new(Mark::Caution, words.fill(key, &values))
}

fn issued(it: &LedgerEvidence, words: Words<'_>) -> Phrase {
    let who = it.generator.as_ref().map(agent);
    let key = if who.is_some() {
        "ledger.issued-by"
    } else {
        "ledger.issued"
    };
    words.fill(
        key,
        &[
            ("when", &Phrase::outside(&it.issued_at)),
            ("who", &who.unwrap_or_default()),
            ("kind", &source_type(&it.source_type, words)),
            ("width", &number(it.width)),
            ("height", &number(it.height)),
        ],
    )
}

fn inclusion(it: &InclusionEvidence, words: Words<'_>) -> Item {
    if !it.proven {
        let why = it.problem.as_ref().map_or_else(
            || words.text("ledger.no-reason"),
            |why| Phrase::outside(why),
        );
        let text = words.fill("ledger.not-proven", &[("why", &why)]);
        return Item::new(Mark::Alert, text);
    }
    let text = match it.tree_size {
        None => words.text("ledger.proven"),
        Some(size) => {
            let records = words.counted("records", size);
            words.fill("ledger.proven-of", &[("records", &records)])
        }
    };
    Item::new(Mark::Good, text)
}

/// Whether the picture shows what was recorded.
pub(super) fn content(it: &LedgerEvidence, words: Words<'_>) -> Item {
    let binding = it.comparison.binding.as_str();
    let mark = match binding {
        "same" => Mark::Good,
        "different" => Mark::Alert,
        _ => Mark::Caution,
    };
    let says = words.text(&format!("content.{binding}"));
    let text = match it.comparison.score {
        None => says,
        Some(score) => {
            let score = words.decimal(score.into(), 2);
            words.fill("content.score", &[("says", &says), ("score", &score)])
        }
    };
    Item::new(mark, text)
}

/// The perceptual hash, and the record whose picture looks alike.
pub(super) fn likeness(it: &FingerprintEvidence, words: Words<'_>) -> Vec<Item> {
    let near = it.nearest.as_ref().map(|near| nearest(near, words));
    let hash = words.fill(
        "likeness.hash",
        &[
            ("hash", &Phrase::outside(&it.hash)),
            ("quality", &number(it.quality)),
        ],
    );
    near.into_iter().chain([Item::fine(hash)]).collect()
}

fn nearest(it: &Nearest, words: Words<'_>) -> Item {
    let who = it.generator.as_ref().map(agent);
    let key = if who.is_some() {
        "likeness.nearest-by"
    } else {
        "likeness.nearest"
    };
    let text = words.fill(
        key,
        &[
            ("record", &number(it.record)),
            ("when", &Phrase::outside(&it.issued_at)),
            ("who", &who.unwrap_or_default()),
            ("distance", &number(it.distance)),
        ],
    );
    Item::new(Mark::Caution, text)
}
