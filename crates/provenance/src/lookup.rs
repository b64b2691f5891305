//! Asking the ledger: by file, by mark, by manifest, and only then by likeness.

use colophon_fingerprint::MATCH_DISTANCE;
use colophon_ledger::{Entry, Ledger, LedgerError, Private};
use colophon_manifest::ManifestReport;
use colophon_policy::{Binding, LedgerState};
use colophon_wording::Wording;

use crate::binding::{Examined, compare};
use crate::report::{Comparison, Matched};

/// Most records that one id is compared with, newest first; more than one only if a stamped
/// picture was stamped again.
const MAX_COMPARED: usize = 8;

/// What is known of the picture when the ledger is asked.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub asset_sha256: [u8; 32],
    pub watermark_id: Option<u64>,
    pub attached: Option<&'a ManifestReport>,
    pub examined: Option<Examined<'a>>,
}

/// What the ledger answered.
pub(crate) struct Answer {
    pub state: LedgerState,
    pub hit: Option<Hit>,
    /// A record that looks alike, its inclusion proven, with the distance in bits.
    pub alike: Option<(Entry, u32)>,
    /// Why the ledger could not answer in full.
    pub problem: Option<Why>,
}

/// Why something was not asked.
#[derive(Clone)]
pub(crate) enum Why {
    /// In the words of whoever failed.
    Said(String),
    /// There is no home to find it in.
    NoHome {
        /// The sentence about what is missing.
        what: &'static str,
        /// Where the home was looked for.
        place: Option<String>,
    },
}

impl Why {
    /// In the report's language.
    pub fn tell(&self, wording: &Wording) -> String {
        match self {
            Self::Said(said) => said.clone(),
            Self::NoHome { what, place } => {
                let place = match place {
                    Some(place) => wording.fill("not-checked.no-home-at", &[("place", place)]),
                    None => wording.text("not-checked.no-home"),
                };
                wording.fill(what, &[("place", &place)])
            }
        }
    }
}

/// Why there is no answer from a ledger.
#[derive(Clone)]
pub(crate) struct Trouble {
    pub why: Why,
    /// It is there, and damaged.
    pub damaged: bool,
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self {
            damaged: matches!(error, LedgerError::Damaged(_)),
            why: Why::Said(error.to_string()),
        }
    }
}

/// The record that the picture leads to.
pub(crate) struct Hit {
    pub entry: Entry,
    pub matched_by: Vec<Matched>,
    pub comparison: Comparison,
}

impl Answer {
    /// The ledger could not answer.
    ///
    /// A mark of ours has its record in the ledger: one that is too damaged to be read is not the
    /// same as a ledger that was not asked.
    pub fn none(trouble: Trouble, watermark_id: Option<u64>) -> Self {
        Self {
            state: if trouble.damaged && watermark_id.is_some() {
                LedgerState::FoundUnproven
            } else {
                LedgerState::NotChecked
            },
            hit: None,
            alike: None,
            problem: Some(trouble.why),
        }
    }
}

/// Asks the ledger.
pub(crate) fn ask(ledger: &Ledger, question: Question<'_>) -> Answer {
    let found = hit(ledger, question).and_then(|hit| {
        let alike = if hit.is_none() {
            alike(ledger, question)?
        } else {
            None
        };
        Ok((hit, alike))
    });
    match found {
        Ok((hit, alike)) => Answer {
            state: match &hit {
                None => LedgerState::NotFound,
                Some(hit) if hit.entry.inclusion.is_ok() => LedgerState::Found,
                Some(_) => LedgerState::FoundUnproven,
            },
            hit,
            alike,
            problem: None,
        },
        Err(error) => Answer::none(error.into(), question.watermark_id),
    }
}

/// The strongest way in that leads anywhere decides which records are considered: the very bytes,
/// then the pixels, then metadata, which can be copied most easily. A mark that leads nowhere is
/// not papered over by a manifest that leads somewhere.
fn hit(ledger: &Ledger, question: Question<'_>) -> Result<Option<Hit>, LedgerError> {
    let exact = ledger.by_asset_sha256(&question.asset_sha256)?;
    let marked = match question.watermark_id {
        Some(id) => ledger.by_watermark_id(id)?,
        None => Vec::new(),
    };
    let named = by_manifest(ledger, question.attached)?;
    let holds =
        |entries: &[Entry], entry: &Entry| entries.iter().any(|each| each.id() == entry.id());
    let considered = if !exact.is_empty() {
        exact.clone()
    } else if question.watermark_id.is_some() {
        marked.clone()
    } else {
        named.clone()
    };
    let newest = considered.into_iter().take(MAX_COMPARED);
    let hits = newest.map(|entry| {
        let mut matched_by = Vec::new();
        for (way, entries) in [
            (Matched::AssetHash, &exact),
            (Matched::Watermark, &marked),
            (Matched::Manifest, &named),
        ] {
            if holds(entries, &entry) {
                matched_by.push(way);
            }
        }
        let comparison = if matched_by.contains(&Matched::AssetHash) {
            Comparison::EXACT
        } else {
            comparison(&entry, question.examined)
        };
        Hit {
            entry,
            matched_by,
            comparison,
        }
    });
    Ok(hits.max_by_key(|hit| {
        (
            hit.entry.inclusion.is_ok(),
            hit.comparison.binding != Binding::Different,
            hit.matched_by.contains(&Matched::Manifest),
            hit.comparison.binding == Binding::Same,
            hit.entry.id(),
        )
    }))
}

/// Whether the picture shows what a proven record under this id holds.
pub(crate) fn confirms(
    ledger: &Ledger,
    watermark_id: u64,
    examined: Examined<'_>,
) -> Result<bool, LedgerError> {
    let entries = ledger.by_watermark_id(watermark_id)?;
    Ok(entries
        .iter()
        .take(MAX_COMPARED)
        .any(|entry| comparison(entry, Some(examined)).binding == Binding::Same))
}

/// The private part may be believed only under a proven leaf.
pub(crate) fn comparison(entry: &Entry, examined: Option<Examined<'_>>) -> Comparison {
    match (examined, &entry.private, &entry.inclusion) {
        (Some(examined), Private::Open(private), Ok(_)) => compare(examined, private),
        _ => Comparison::NONE,
    }
}

/// Records of the manifest in the file or, when it has none, of the manifests it was made from.
fn by_manifest(
    ledger: &Ledger,
    attached: Option<&ManifestReport>,
) -> Result<Vec<Entry>, LedgerError> {
    let Some(attached) = attached else {
        return Ok(Vec::new());
    };
    let own = ledger.by_manifest_id(attached.manifest_id.as_str())?;
    if !own.is_empty() {
        return Ok(own);
    }
    let mut entries = Vec::new();
    for ingredient in &attached.ingredients {
        if let Some(id) = &ingredient.manifest_id {
            entries.extend(ledger.by_manifest_id(id)?);
        }
    }
    Ok(entries)
}

/// The nearest proven record by perceptual hash, in any of the eight turned versions.
fn alike(ledger: &Ledger, question: Question<'_>) -> Result<Option<(Entry, u32)>, LedgerError> {
    let hashes = question.examined.and_then(|examined| examined.hashes);
    let mut best: Option<(Entry, u32)> = None;
    for hash in hashes.into_iter().flatten() {
        let near = ledger.by_fingerprint(&hash.0, MATCH_DISTANCE)?;
        let proven = near.into_iter().find(|(entry, _)| entry.inclusion.is_ok());
        if let Some((entry, distance)) = proven
            && best.as_ref().is_none_or(|(_, least)| distance < *least)
        {
            best = Some((entry, distance));
        }
    }
    Ok(best)
}
