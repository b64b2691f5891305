//! What a question is about, and its one written form.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::db::Key;
use crate::event::EventKind;
use crate::leaf::Leaf;
use crate::record::{Kind, PublicRecord, RecordError};
use crate::text::{hex, unhex};

/// Which entries of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Entries {
    /// Records of pictures.
    #[default]
    Pictures,
    /// Events: keys, policies, trust lists, redactions, shards.
    Events,
    /// All of them.
    All,
}

/// Pictures that look like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Likeness {
    /// Its 256-bit perceptual hash.
    pub fingerprint: [u8; 32],
    /// Most bits that may differ, 0 to 256.
    pub distance: u32,
}

/// What entries must fulfil, all of it. The default admits every record of a picture.
///
/// The written form is `entries=pictures&since=1767225600&model=name`: the fields in the order below, each at most
/// once, with every byte of a value outside `A-Z a-z 0-9 - . _ ~ : / ` written `%XX`. There is one form a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Which entries; always written. Of the conditions below, those on time, signer and policy are asked of events as
    /// well; any other leaves events out.
    pub entries: Entries,
    /// Entered at this time or later, Unix seconds.
    pub since: Option<i64>,
    /// Entered before this time, Unix seconds.
    pub until: Option<i64>,
    /// How the picture came to be issued.
    pub kind: Option<Kind>,
    /// Name of the model or program, or identifier of the model.
    pub model: Option<String>,
    /// SHA-256 of a file of the model's weights.
    pub weights: Option<[u8; 32]>,
    /// Id of the key that signed the manifest.
    pub signer: Option<[u8; 32]>,
    /// SHA-256 of the policy in force.
    pub policy: Option<[u8; 32]>,
    /// SHA-256 of the issued file.
    pub asset: Option<[u8; 32]>,
    /// The manifest's identifier.
    pub manifest: Option<String>,
    /// Id in the pixels (private).
    pub watermark: Option<u64>,
    /// Pictures that look alike (private).
    pub like: Option<Likeness>,
    /// Rule, finding or action of a check in the log of decisions that led to the record (private).
    pub verdict: Option<String>,
}

/// A text that is no filter in its one form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a filter in its written form: {0:?}")]
pub struct FilterError(String);

impl Filter {
    /// Whether all conditions rest on what the log itself shows, so that anyone with a copy of it can repeat the
    /// question.
    pub fn is_public(&self) -> bool {
        self.watermark.is_none() && self.like.is_none() && self.verdict.is_none()
    }

    /// Whether the leaf fulfils the public conditions.
    ///
    /// # Errors
    /// [`RecordError`] for bytes that are no leaf.
    pub fn admits(&self, leaf: &[u8]) -> Result<bool, RecordError> {
        Ok(match Leaf::decode(leaf)? {
            Leaf::Event(event) => {
                self.entries != Entries::Pictures
                    && self.admits_time(event.time)
                    && self.admits_event(&event.what)
            }
            Leaf::Record(record) => {
                self.entries != Entries::Events
                    && self.admits_time(record.issued_at)
                    && self.admits_record(&record)
            }
        })
    }

    /// Key and policy are asked of events too; nothing else about a picture is.
    fn admits_event(&self, event: &EventKind) -> bool {
        let (key, policy) = match event {
            EventKind::Key(key) => (Some(key.key_id), None),
            EventKind::PolicyPublished(it) => (None, Some(it.bundle_sha256)),
            _ => (None, None),
        };
        let of_events = Self {
            entries: self.entries,
            since: self.since,
            until: self.until,
            signer: self.signer,
            policy: self.policy,
            ..Self::default()
        };
        *self == of_events
            && self.signer.is_none_or(|id| key == Some(id))
            && self.policy.is_none_or(|hash| policy == Some(hash))
    }

    fn admits_time(&self, time: i64) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }

    fn admits_record(&self, record: &PublicRecord) -> bool {
        let generation = record.generation.as_ref();
        let is = |wanted: &Option<[u8; 32]>, found: &[u8; 32]| wanted.is_none_or(|it| it == *found);
        let named = |model: &String| {
            let name = record.generator.as_ref().map(|agent| &agent.name);
            name == Some(model) || generation.map(|it| &it.model_id) == Some(model)
        };
        let weighed = |hash: &[u8; 32]| {
            generation.is_some_and(|it| it.weights.iter().any(|file| file.sha256 == *hash))
        };
        self.kind.is_none_or(|kind| kind == record.kind)
            && self.model.as_ref().is_none_or(named)
            && self.weights.as_ref().is_none_or(weighed)
            && is(&self.signer, &record.signer_key_id)
            && is(&self.policy, &record.policy_hash)
            && is(&self.asset, &record.asset_sha256)
            && self
                .manifest
                .as_ref()
                .is_none_or(|id| *id == record.manifest_id)
    }

    /// Earliest and latest time that is admitted, Unix seconds; `None` for any.
    pub(super) fn time(&self) -> Option<(i64, i64)> {
        let asked = self.since.is_some() || self.until.is_some();
        let latest = self.until.map_or(i64::MAX, |until| until.saturating_sub(1));
        asked.then_some((self.since.unwrap_or(i64::MIN), latest))
    }

    /// Whether private columns must be read to answer.
    pub(super) fn asks_for_private_facts(&self) -> bool {
        self.watermark.is_some() || self.like.is_some()
    }

    pub(super) fn admits_private(&self, id: Option<u64>, fingerprint: Option<[u8; 32]>) -> bool {
        let alike = |like: &Likeness| {
            fingerprint.is_some_and(|found| {
                let bits = found.iter().zip(&like.fingerprint);
                bits.map(|(a, b)| (a ^ b).count_ones()).sum::<u32>() <= like.distance
            })
        };
        self.watermark.is_none_or(|wanted| id == Some(wanted))
            && self.like.as_ref().is_none_or(alike)
    }

    /// The condition that the database has an index for and that leaves fewest entries.
    pub(super) fn key(&self) -> Option<Key<'_>> {
        let asset = self.asset.as_ref().map(Key::Asset);
        let manifest = || self.manifest.as_deref().map(Key::ManifestId);
        asset
            .or_else(manifest)
            .or_else(|| self.watermark.map(Key::WatermarkId))
    }
}

impl Entries {
    /// Its word in the written form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pictures => "pictures",
            Self::Events => "events",
            Self::All => "all",
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entries={}", self.entries.as_str())?;
        let kind = self.kind.map(|kind| match kind {
            Kind::Generate => "generate",
            Kind::Stamp => "stamp",
        });
        let like = self
            .like
            .map(|like| format!("{}/{}", hex(&like.fingerprint), like.distance));
        let hash = |hash: &Option<[u8; 32]>| hash.as_ref().map(|hash| hex(hash));
        let fields = [
            ("since", self.since.map(|time| time.to_string())),
            ("until", self.until.map(|time| time.to_string())),
            ("kind", kind.map(str::to_owned)),
            ("model", self.model.clone()),
            ("weights", hash(&self.weights)),
            ("signer", hash(&self.signer)),
            ("policy", hash(&self.policy)),
            ("asset", hash(&self.asset)),
            ("manifest", self.manifest.clone()),
            ("watermark", self.watermark.map(|id| format!("{id:016x}"))),
            ("like", like),
            ("verdict", self.verdict.clone()),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                write!(f, "&{name}={}", escaped(&value))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let malformed = || FilterError(text.chars().take(200).collect());
        let filter = parse(text).ok_or_else(malformed)?;
        // One form a filter.
        if filter.to_string() == text {
            Ok(filter)
        } else {
            Err(malformed())
        }
    }
}

fn parse(text: &str) -> Option<Filter> {
    let mut filter = Filter::default();
    for field in text.split('&') {
        let (name, value) = field.split_once('=')?;
        let value = unescaped(value)?;
        match name {
            "entries" => {
                let all = [Entries::Pictures, Entries::Events, Entries::All];
                filter.entries = all.into_iter().find(|it| it.as_str() == value)?;
            }
            "since" => filter.since = Some(value.parse().ok()?),
            "until" => filter.until = Some(value.parse().ok()?),
            "kind" => {
                filter.kind = Some(match value.as_str() {
                    "generate" => Kind::Generate,
                    "stamp" => Kind::Stamp,
                    _ => return None,
                });
            }
            "model" => filter.model = Some(value),
            "weights" => filter.weights = Some(unhex(&value)?),
            "signer" => filter.signer = Some(unhex(&value)?),
            "policy" => filter.policy = Some(unhex(&value)?),
            "asset" => filter.asset = Some(unhex(&value)?),
            "manifest" => filter.manifest = Some(value),
            "watermark" => filter.watermark = Some(u64::from_str_radix(&value, 16).ok()?),
            "like" => {
                let (fingerprint, distance) = value.split_once('/')?;
                filter.like = Some(Likeness {
                    fingerprint: unhex(fingerprint)?,
                    distance: distance.parse().ok()?,
                });
            }
            "verdict" => filter.verdict = Some(value),
            _ => return None,
        }
    }
    Some(filter)
}

fn escaped(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option::of;
    use proptest::prelude::*;

    fn filters() -> impl Strategy<Value = Filter> {
        let entries = prop::sample::select(vec![Entries::Pictures, Entries::Events, Entries::All]);
        let kind = of(prop::sample::select(vec![Kind::Generate, Kind::Stamp]));
        let like = of((any::<[u8; 32]>(), 0..=256_u32));
        let public = (
            entries,
            any::<Option<i64>>(),
            any::<Option<i64>>(),
            kind,
            of(".{0,9}"),
        );
        let hash = || any::<Option<[u8; 32]>>();
        let hashes = (hash(), hash(), hash(), hash());
        let private = (
            of("[ -~]{0,9}"),
            any::<Option<u64>>(),
            like,
            of("[a-z-]{1,9}"),
        );
        (public, hashes, private).prop_map(|(public, hashes, private)| Filter {
            entries: public.0,
            since: public.1,
            until: public.2,
            kind: public.3,
            model: public.4,
            weights: hashes.0,
            signer: hashes.1,
            policy: hashes.2,
            asset: hashes.3,
            manifest: private.0,
            watermark: private.1,
            like: private.2.map(|(fingerprint, distance)| Likeness {
                fingerprint,
                distance,
            }),
            verdict: private.3,
        })
    }

    #[test]
    fn golden_form() {
        let filter = Filter {
            since: Some(1_767_225_600),
            model: Some("SDXL & co\n".to_owned()),
            watermark: Some(0xab),
            ..Filter::default()
        };
        assert_eq!(
            filter.to_string(),
            "entries=pictures&since=1767225600&model=SDXL%20%26%20co%0A&watermark=00000000000000ab"
        );
        assert_eq!(Filter::default().to_string(), "entries=pictures");
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "since=1",
            "entries=pictures&",
            "entries=pictures&until=1&since=1",
            "entries=pictures&since=1&since=1",
            "entries=pictures&since=+1",
            "entries=pictures&model=%61",
            "entries=pictures&model=a%2",
            "entries=pictures&model=%C3",
            "entries=pictures&watermark=ab",
            "entries=some",
            "entries=pictures&other=1",
        ] {
            assert!(text.parse::<Filter>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_filter_has_one_form(filter in filters()) {
            prop_assert_eq!(filter.to_string().parse(), Ok(filter));
        }

        #[test]
        fn any_text_is_refused_or_canonical(text in "entries=(all|events)(&(since|model|like|asset)=[0-9a-f%/&=é]{0,70}){0,3}") {
            if let Ok(filter) = text.parse::<Filter>() {
                prop_assert_eq!(filter.to_string(), text);
            }
        }
    }
}
