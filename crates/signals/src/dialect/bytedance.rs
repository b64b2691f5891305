//! What ByteDance's apps write beside labels: JSON with `product`, `exportType`, `aigc_info`,
//! `aigc_type` and `aigc_label_type`, in EXIF and in items of MP4.

use serde_json::Value;

use super::{Draft, Found};
use crate::entry::{Collected, Origin};
use crate::{Says, Source, json};

/// Products that make pictures with a model, by the name in exports.
const GENERATORS: &[(&str, &str)] = &[
    ("dreamina", "Dreamina"),
    ("dreamina_oversea", "Dreamina"),
    ("jimeng", "Jimeng"),
    ("doubao", "Doubao"),
    ("xinghui", "Xinghui"),
];

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    for entry in &all.entries {
        if !matches!(
            entry.origin,
            Origin::Exif | Origin::Item | Origin::PngText | Origin::Xmp
        ) {
            continue;
        }
        let Some(value) = &entry.json else {
            continue;
        };
        let mut facts = Facts::default();
        facts.collect(value, 0, all);
        if let Some(draft) = facts.signal() {
            found.push(draft.at(entry));
        }
    }
}

#[derive(Default)]
struct Facts {
    product: String,
    export_type: String,
    aigc_info: bool,
    aigc_type: String,
    aigc_label_type: String,
}

impl Facts {
    fn collect(&mut self, value: &Value, depth: usize, all: &Collected<'_>) {
        const DEEPEST: usize = 4;
        let Some(members) = value.as_object().filter(|_| depth < DEEPEST) else {
            return;
        };
        for (name, member) in members {
            match name.as_str() {
                "product" => self.product = json::plain(member).to_ascii_lowercase(),
                "exportType" | "export_type" => {
                    self.export_type = json::plain(member).to_ascii_lowercase();
                }
                "aigc_type" => self.aigc_type = json::plain(member),
                "aigc_label_type" => self.aigc_label_type = json::plain(member),
                _ => {}
            }
            self.aigc_info |= name == "aigc_info";
            match member {
                Value::Object(_) => self.collect(member, depth + 1, all),
                // JSON within JSON.
                Value::String(text) if text.starts_with('{') => {
                    if let Some(inner) = json::object(text, all.limits) {
                        self.collect(&inner, depth + 1, all);
                    }
                }
                _ => {}
            }
        }
    }

    fn signal(&self) -> Option<Draft> {
        let product = GENERATORS.iter().find(|(name, _)| *name == self.product);
        // Exports of cameras and editors of the same house have the same fields; zero tells nothing.
        let generated = product.is_some() && self.export_type == "generation"
            || self.aigc_type == "1" && (self.aigc_info || !self.product.is_empty())
            || matches!(self.aigc_label_type.as_str(), "1" | "2");
        if !generated {
            return None;
        }
        let tool = product.map_or(self.product.as_str(), |(_, name)| name);
        Some(
            Draft::declared(Source::ByteDance, Says::Generated)
                .tool(Some(tool))
                .field("product", &self.product)
                .field("exportType", &self.export_type)
                .field("aigc_type", &self.aigc_type)
                .field("aigc_label_type", &self.aigc_label_type),
        )
    }
}
