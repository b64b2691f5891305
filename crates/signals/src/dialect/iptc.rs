//! IPTC Photo Metadata 2025.1: the digital source type and the four properties about AI systems.

use super::{Draft, Found};
use crate::entry::Collected;
use crate::xmp::{self, IPTC_EXT};
use crate::{Says, Source};

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    const SYSTEM: &[(&str, bool)] = &[
        ("AISystemUsed", false),
        ("AISystemVersionUsed", false),
        ("AIPromptInformation", true),
        ("AIPromptWriterName", true),
    ];
    let own = |name: &str| {
        all.entries
            .iter()
            .filter(|entry| entry.is_xmp(IPTC_EXT, name) && !entry.nested)
            .collect::<Vec<_>>()
    };
    let kind = own("DigitalSourceType")
        .into_iter()
        .find_map(|entry| Some((entry, says_of(&entry.value)?)));
    let system: Vec<_> = SYSTEM
        .iter()
        .flat_map(|(name, personal)| own(name).into_iter().map(move |entry| (entry, *personal)))
        .collect();
    // The properties about AI systems say that one made the picture, as far as the type says nothing else.
    let Some(says) = kind
        .map(|(_, says)| says)
        .or((!system.is_empty()).then_some(Says::Generated))
    else {
        return;
    };
    let mut draft = Draft::declared(Source::Iptc, says);
    if let Some((entry, _)) = kind {
        draft = draft.at(entry).field("DigitalSourceType", &entry.value);
    }
    for (entry, personal) in &system {
        draft = draft.at(entry);
        draft = if *personal {
            draft.personal(&entry.key, &entry.value)
        } else {
            draft.field(&entry.key, &entry.value)
        };
    }
    let named = |name: &str| {
        system
            .iter()
            .find(|(entry, _)| entry.key == name)
            .map(|(entry, _)| entry.value.as_str())
    };
    let creator = all
        .find_xmp(xmp::XMP, "CreatorTool")
        .filter(|entry| !entry.nested);
    if let Some(creator) = creator {
        draft = draft.field("CreatorTool", &creator.value);
    }
    draft = match named("AISystemUsed") {
        Some(system) => draft
            .tool(Some(system))
            .version(named("AISystemVersionUsed")),
        None => draft.tool(creator.map(|entry| entry.value.as_str())),
    };
    found.push(draft);
}

/// The last path segment of a digital source type, where it is one of IPTC's or C2PA's vocabularies, or
/// a bare term.
pub(crate) fn source_type(value: &str) -> Option<&str> {
    let value = value.trim().trim_end_matches('/');
    let plain = value
        .strip_prefix("https://")
        .or_else(|| value.strip_prefix("http://"));
    if let Some(plain) = plain {
        const HOSTS: &[&str] = &["cv.iptc.org", "c2pa.org", "www.c2pa.org", "iptc.org"];
        let (host, path) = plain.split_once('/')?;
        let known = HOSTS.iter().any(|known| host.eq_ignore_ascii_case(known));
        return path.rsplit('/').next().filter(|_| known);
    }
    // Also the short form with the vocabulary's prefix: `digsrctype:trainedAlgorithmicMedia`.
    let term = value.rsplit(':').next().unwrap_or(value);
    let bare = term.bytes().all(|byte| byte.is_ascii_alphanumeric());
    bare.then_some(term)
}

/// What a digital source type says of how a picture came to be. Vocabulary of 2025-11; deprecated terms
/// included. `None` for what no vocabulary has.
pub(crate) fn says_of(value: &str) -> Option<Says> {
    let term = source_type(value)?.to_ascii_lowercase();
    Some(match term.as_str() {
        "trainedalgorithmicmedia" | "trainedalgorithmicdata" => Says::Generated,
        "compositewithtrainedalgorithmicmedia" | "compositesynthetic" => Says::PartlyGenerated,
        "composite" | "digitalart" | "screencapture" => Says::PossiblyGenerated,
        "digitalcapture"
        | "computationalcapture"
        | "compositecapture"
        | "negativefilm"
        | "positivefilm"
        | "print"
        | "minorhumanedits" => Says::Captured,
        "algorithmicmedia"
        | "algorithmicallyenhanced"
        | "humanedits"
        | "digitalcreation"
        | "virtualrecording"
        | "softwareimage"
        | "datadrivenmedia"
        | "empty" => Says::Made,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_count_by_vocabulary_and_last_segment() {
        for value in [
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
            "https://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia/",
            "http://c2pa.org/digitalsourcetype/trainedAlgorithmicData",
            "trainedAlgorithmicMedia",
            "digsrctype:trainedAlgorithmicMedia",
        ] {
            assert_eq!(says_of(value), Some(Says::Generated), "{value}");
        }
        assert_eq!(says_of("http://example.com/trainedAlgorithmicMedia"), None);
        assert_eq!(
            says_of("http://cv.iptc.org/newscodes/digitalsourcetype/nonesuch"),
            None
        );
        assert_eq!(says_of("not trainedAlgorithmicMedia"), None);
    }
}
