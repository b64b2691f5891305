//! Marks in the pixels: ours, and those of others that cannot be read here.

use colophon_provenance::{Geometry, MarkStrength, UnreadableMarkEvidence, WatermarkEvidence};

use super::traces::source_name;
use crate::document::{Item, Mark};
use crate::phrase::{Phrase, Words};

/// The id, how sure it is, how the picture was turned, and where the mark reads.
pub(super) fn read(it: &WatermarkEvidence, words: Words<'_>) -> Vec<Item> {
    let id = Phrase::outside(&it.payload);
    let chance = match it.log10_false_positive {
        None => words.text("watermark.chance"),
        Some(log10) => {
            // Rounded up: it is an upper bound.
            let exponent = words.decimal(log10.ceil(), 0);
            words.fill("watermark.chance-figure", &[("exponent", &exponent)])
        }
    };
    let ids = words.counted("ids", it.compared_ids.unwrap_or_default());
    let key = match it.strength {
        MarkStrength::Clear => "watermark.clear",
        MarkStrength::Weak => "watermark.weak",
        MarkStrength::Matched => "watermark.matched",
    };
    let found = words.fill(key, &[("id", &id), ("chance", &chance), ("ids", &ids)]);
    let mut items = vec![
        Item::new(Mark::Good, found),
        Item::plain(geometry(&it.geometry, words)),
    ];
    items.extend(it.heat_map.as_ref().map(|map| {
        let percent = |share: f64| words.decimal(share * 100.0, 0);
        Item::plain(words.fill(
            "watermark.heat-map",
            &[
                ("reads", &percent(map.reads)),
                ("silent", &percent(map.silent)),
            ],
        ))
    }));
    items
}

fn geometry(it: &Geometry, words: Words<'_>) -> Phrase {
    let mut parts = Vec::new();
    if it.flip {
        parts.push(words.text("watermark.mirrored"));
    }
    if it.rotation.abs() >= 0.05 {
        let degrees = words.decimal(it.rotation, 1);
        parts.push(words.fill("watermark.turned", &[("degrees", &degrees)]));
    }
    if let Some(scale) = it.scale.filter(|scale| (scale - 1.0).abs() >= 0.005) {
        let percent = words.decimal(scale * 100.0, 0);
        parts.push(words.fill("watermark.scaled", &[("percent", &percent)]));
    }
    if parts.is_empty() {
        let known = it.scale.is_some();
        parts.push(words.text(if known {
            "watermark.unmoved"
        } else {
            "watermark.not-turned"
        }));
    }
    let how = words.joined(&parts);
    words.fill("watermark.moved", &[("how", &how)])
}

/// Marks that the file is said to carry, with where their owners offer a check.
pub(super) fn unreadable(marks: &[UnreadableMarkEvidence], words: Words<'_>) -> Vec<Item> {
    marks
        .iter()
        .map(|it| {
            let text = words.fill(
                "unreadable.mark",
                &[
                    ("name", &Phrase::outside(&it.name)),
                    ("owner", &source_name(it.source, it.source.name(), words)),
                    ("named-by", &Phrase::outside(&it.named_by)),
                ],
            );
            let mut item = Item::new(Mark::Caution, text);
            item.inside.extend(it.check_at.as_ref().map(|address| {
                let address = Phrase::outside(address);
                Item::plain(words.fill("unreadable.check", &[("address", &address)]))
            }));
            item
        })
        .collect()
}
