//! The implicit label of GB 45438-2025 (annex E), in all placements that are written: XMP as element and
//! as attribute, PNG text, EXIF `UserComment` and `ImageDescription`, JPEG segments, MP4 items. Broken
//! JSON and broken XML are read as far as field names can be told.

use serde_json::Value;

use super::{Draft, Found};
use crate::entry::{Collected, Origin};
use crate::{Says, Source, json, xmp};

/// Fields of the label, and of the variant that Tencent's cloud writes.
const FIELDS: &[&str] = &[
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
    "ServiceProvider",
    "ServiceUser",
    "Time",
    "ContentId",
];

/// Producers whose code we know from their files: 18 digits of the Unified Social Credit Code.
const PRODUCERS: &[(&str, &str)] = &[
    ("91110102MACQD9K640", "Doubao"),
    ("9144030008867405X2", "Jimeng"),
];

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    for entry in &all.entries {
        let named = match entry.origin {
            Origin::Xmp => entry.is_xmp(xmp::TC260, "AIGC") || entry.key == "AIGC",
            _ => entry.key.eq_ignore_ascii_case("AIGC"),
        };
        // Under its own name space the label is sure; elsewhere a field has to be known.
        if (named || entry.value.contains("AIGC"))
            && let Some(label) = Label::of(&entry.value, entry.json.as_ref(), named, all)
        {
            found.push(label.signal(&entry.place));
        }
    }
    if found.has(Source::Tc260) {
        return;
    }
    for (text, place) in &all.packets {
        if let Some(label) = Label::in_packet(text, all) {
            found.push(label.signal(place));
        }
    }
}

struct Label {
    fields: Vec<(&'static str, String)>,
    malformed: bool,
}

impl Label {
    /// Reads a value: the fields themselves, or `{"AIGC": {...}}`, the inner one as text perhaps.
    fn of(text: &str, value: Option<&Value>, named: bool, all: &Collected<'_>) -> Option<Self> {
        if let Some(value) = value {
            if let Some(inner) = value.get("AIGC") {
                return match inner {
                    Value::String(text) => {
                        Self::of(text, json::object(text, all.limits).as_ref(), true, all)
                    }
                    inner => Self::object(inner),
                };
            }
            return if named { Self::object(value) } else { None };
        }
        // Name and fields run together: `AIGC{...}`, perhaps with text around.
        let start = if named && text.trim_start().starts_with(['{', '\\', '"']) {
            text.find('{')?
        } else {
            let name = text.find("AIGC")?;
            let brace = text[name..].find('{').filter(|gap| *gap < 16)?;
            name + brace
        };
        let body = &text[start..];
        if let Some((value, _)) = json::leading_object(body, all.limits) {
            return Self::of("", Some(&value), true, all);
        }
        // Quotes escaped once too often.
        let plain = body.replace("\\\"", "\"");
        match json::leading_object(&plain, all.limits) {
            Some((value, _)) => Self::of("", Some(&value), true, all),
            None => Self::broken(&plain),
        }
    }

    fn object(value: &Value) -> Option<Self> {
        let members = value.as_object()?;
        let fields: Vec<_> = FIELDS
            .iter()
            .filter_map(|name| Some((*name, json::plain(json::member(value, name)?))))
            .collect();
        let own = fields
            .iter()
            .any(|(name, _)| !matches!(*name, "Time" | "ContentId"));
        (own && members.len() <= 100).then_some(Self {
            fields,
            malformed: false,
        })
    }

    /// Names and values out of text that is no JSON.
    fn broken(text: &str) -> Option<Self> {
        const LONGEST: usize = 8 << 10;
        let end = text
            .char_indices()
            .map(|(at, _)| at)
            .take_while(|at| *at < LONGEST)
            .last()
            .unwrap_or(0);
        let text = &text[..end];
        let mut fields = Vec::new();
        for name in FIELDS {
            let Some(at) = text.find(&format!("\"{name}")) else {
                continue;
            };
            let rest = text[at + 1 + name.len()..].trim_start_matches(['"', ':', ' ', '\t', '\n']);
            let value = rest.split(['"', ',', '}', '\n']).next().unwrap_or_default();
            fields.push((*name, value.trim().to_owned()));
        }
        let own = fields
            .iter()
            .filter(|(name, _)| !matches!(*name, "Time" | "ContentId"))
            .count();
        (own >= 2).then_some(Self {
            fields,
            malformed: true,
        })
    }

    /// In a packet whose XML is too broken for its reader.
    fn in_packet(packet: &str, all: &Collected<'_>) -> Option<Self> {
        const MOST: usize = 20;
        for (at, _) in packet.match_indices("AIGC").take(MOST) {
            let Some(gap) = packet[at..].find('{').filter(|gap| *gap < 24) else {
                continue;
            };
            let body = xmp::decode(&packet[at + gap..]);
            let label = match json::leading_object(&body, all.limits) {
                Some((value, _)) => Self::of("", Some(&value), true, all),
                None => Self::broken(&body),
            };
            if let Some(label) = label {
                return Some(Self {
                    malformed: true,
                    ..label
                });
            }
        }
        None
    }

    fn get(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value.trim())
    }

    fn signal(&self, place: &str) -> Draft {
        let says = match self.get("Label") {
            "1" | "01" => Says::Generated,
            // "Possibly" and "suspected", and labels that leave it out.
            _ => Says::PossiblyGenerated,
        };
        let producer = match self.get("ContentProducer") {
            "" => self.get("ServiceProvider"),
            producer => producer,
        };
        let known = PRODUCERS.iter().find(|(code, _)| producer.contains(code));
        let mut draft = Draft::declared(Source::Tc260, says).place(place);
        draft = draft.tool(Some(known.map_or(producer, |(_, name)| name)));
        if self.malformed {
            draft = draft.note("label-malformed");
        }
        for (name, value) in &self.fields {
            let system = matches!(
                *name,
                "Label" | "ContentProducer" | "ContentPropagator" | "ServiceProvider" | "Time"
            );
            draft = if system {
                draft.field(name, value)
            } else {
                draft.personal(name, value)
            };
        }
        draft
    }
}
