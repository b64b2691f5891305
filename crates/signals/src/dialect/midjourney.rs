//! Midjourney's four dialects: the prompt with flags and job id (PNG text, and wherever exports put
//! captions), the same without a job id, XMP with the job id as GUID, and names of its program.

use super::{Draft, Found};
use crate::bytes::is_uuid;
use crate::entry::{Collected, Origin};
use crate::xmp::IPTC_EXT;
use crate::{Says, Source};

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    captions(all, found);
    guid(all, found);
}

fn captions(all: &Collected<'_>, found: &mut Found) {
    let author = all.find(Origin::PngText, "Author");
    for entry in all.entries.iter().filter(|entry| entry.is_caption()) {
        let flags = Flags::of(&entry.value);
        let job = job_id(&entry.value);
        let mut draft = match job {
            Some(_) => Draft::declared(Source::Midjourney, Says::Generated),
            // A ratio and a version together are the language of its prompts; one alone is of many.
            None if flags.ratio.is_some() && (flags.version.is_some() || flags.niji.is_some()) => {
                Draft::weak(Source::Midjourney, Says::Generated)
            }
            None => continue,
        };
        let prompt = entry.value.split("Job ID:").next().unwrap_or_default();
        draft = draft.at(entry).personal("Description", prompt);
        draft = match (flags.niji, flags.version) {
            (Some(niji), _) => draft.tool(Some("Niji")).version(Some(niji)),
            (None, version) => draft.tool(Some("Midjourney")).version(version),
        };
        if let Some(job) = job {
            draft = draft.personal("Job ID", job);
            if let Some(author) = author {
                draft = draft.personal("Author", &author.value);
            }
        }
        found.push(draft);
    }
}

/// The UUID after `Job ID:`.
fn job_id(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Job ID:")?;
    rest.trim_start().get(..36).filter(|id| is_uuid(id))
}

/// Since 2024: the source type, and the job id as GUID. Others write the one or the other with a name
/// of their own system, so that both count only where no such name stands.
fn guid(all: &Collected<'_>, found: &mut Found) {
    let (Some(guid), Some(kind)) = (
        all.find_xmp(IPTC_EXT, "DigImageGUID"),
        all.find_xmp(IPTC_EXT, "DigitalSourceType"),
    ) else {
        return;
    };
    let job = found.signals.iter().any(|signal| {
        let named = |field: &crate::Field| field.name == "Job ID" && field.value == guid.value;
        signal.source == Source::Midjourney && signal.fields.iter().any(named)
    });
    let named = all.find_xmp(IPTC_EXT, "AISystemUsed").is_some()
        || all.entries.iter().any(|entry| {
            entry.is_program() && !entry.value.to_ascii_lowercase().contains("midjourney")
        });
    if is_uuid(&guid.value)
        && super::says_of(&kind.value) == Some(Says::Generated)
        && (job || !named)
    {
        found.push(
            Draft::declared(Source::Midjourney, Says::Generated)
                .at(guid)
                .tool(Some("Midjourney"))
                .personal("DigImageGUID", &guid.value)
                .field("DigitalSourceType", &kind.value),
        );
    }
}

#[derive(Default)]
struct Flags<'t> {
    ratio: Option<&'t str>,
    version: Option<&'t str>,
    niji: Option<&'t str>,
}

impl<'t> Flags<'t> {
    fn of(text: &'t str) -> Self {
        let mut flags = Self::default();
        if !text.contains("--") {
            return flags;
        }
        let mut words = text.split_ascii_whitespace();
        while let Some(word) = words.next() {
            let numeric = |text: &&str| text.starts_with(|c: char| c.is_ascii_digit());
            match word {
                "--ar" | "--aspect" => {
                    flags.ratio = words
                        .next()
                        .filter(|ratio| numeric(ratio) && ratio.contains([':', '/']));
                }
                "--v" | "--version" => flags.version = words.next().filter(numeric),
                "--niji" => flags.niji = words.next().filter(numeric),
                _ => {}
            }
        }
        flags
    }
}
