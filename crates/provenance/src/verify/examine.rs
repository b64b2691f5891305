//! The readers: manifest, mark, fingerprint, declared metadata.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use colophon_fingerprint::{Fingerprint, Quality, pdq_dihedral};
use colophon_imaging::{Format, ImagingError, Limits, decode, sniff};
use colophon_manifest::{
    DigitalSourceType, ManifestReport, Reading, Revocation, TrustAnchors, read,
};
use colophon_policy::ManifestState;
use colophon_watermark::Plane;

use super::mark::{Mark, MarkReader};
use crate::facts::manifest_state;
use crate::report::{Declared, ManifestEvidence};

/// What the pixels show.
pub(crate) struct Pixels {
    pub luma: Plane,
    pub frames: u32,
    /// Nothing also when there is no detector.
    pub mark: Mark,
    /// Hashes of the eight turned versions; `None` for a tiny picture.
    pub fingerprint: Option<([Fingerprint; 8], Quality)>,
    pub declared: Option<Declared>,
}

impl Pixels {
    /// The hashes, if the picture has enough structure for them to mean something.
    pub fn reliable_hashes(&self) -> Option<&[Fingerprint; 8]> {
        let (hashes, quality) = self.fingerprint.as_ref()?;
        quality.is_reliable().then_some(hashes)
    }
}

/// Decodes the picture and reads its pixels.
pub(crate) fn pixels(
    bytes: &[u8],
    limits: &Limits,
    reader: Option<MarkReader<'_>>,
) -> Result<Pixels, ImagingError> {
    let picture = decode(bytes, limits)?;
    let declared = picture.metadata.xmp.as_deref().and_then(declared);
    let frames = picture.frames_hint();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let luma = picture.luma();
    drop(picture);
    // INVARIANT: a decoded picture has at least one pixel and finite luma.
    let luma = Plane::new(width, height, luma)
        .map_err(|error| ImagingError::Parameter(error.to_string()))?;
    let (mark, fingerprint) = rayon::join(
        || reader.map(|reader| reader.read(&luma)).unwrap_or_default(),
        || pdq_dihedral(luma.data(), width, height).ok(),
    );
    Ok(Pixels {
        luma,
        frames,
        mark,
        fingerprint,
        declared,
    })
}

/// `Iptc4xmpExt:DigitalSourceType` of an XMP packet in its usual forms (attribute or element).
fn declared(xmp: &[u8]) -> Option<Declared> {
    const VOCABULARY: &str = "cv.iptc.org/newscodes/digitalsourcetype/";
    let text = String::from_utf8_lossy(xmp);
    let (_, after) = text.split_once("DigitalSourceType")?;
    let (before, after) = after.split_once(VOCABULARY)?;
    if before.len() > 200 {
        return None;
    }
    let term: String = after
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .take(80)
        .collect();
    let known: DigitalSourceType = term.parse().ok()?;
    Some(Declared {
        digital_source_type: known.short_name().to_owned(),
    })
}

/// What the manifest reader found.
pub(crate) struct Attached {
    pub state: ManifestState,
    pub reading: Option<Reading>,
    pub not_checked: Option<String>,
}

impl Attached {
    pub fn not_checked(why: String) -> Self {
        Self {
            state: ManifestState::NotChecked,
            reading: None,
            not_checked: Some(why),
        }
    }

    pub fn report(&self) -> Option<&ManifestReport> {
        self.reading.as_ref().and_then(Reading::manifest)
    }

    /// What is shown; `None` when there is no manifest and no hint of one.
    pub fn evidence(&self) -> Option<ManifestEvidence> {
        match self.reading.as_ref()? {
            Reading::Manifest(report) => Some(ManifestEvidence::new(report, self.state)),
            Reading::Remote { url } => Some(ManifestEvidence::unreadable(
                self.state,
                format!("The file says that its manifest is kept at {url}; it was not fetched."),
            )),
            Reading::Unreadable { sentence, reason } => Some(ManifestEvidence::unreadable(
                self.state,
                format!("{sentence} ({reason})"),
            )),
            _ => None,
        }
    }

    pub fn revocation_not_checked(&self) -> Option<&str> {
        let revocation = &self.report()?.verdicts.revocation;
        (revocation.state == Revocation::NotChecked).then_some(revocation.sentence.as_str())
    }
}

/// Reads the manifest in the file.
pub(crate) fn manifest(
    bytes: &[u8],
    limits: &Limits,
    anchors: &TrustAnchors,
    deadline: Duration,
) -> Attached {
    if bytes.len() as u64 > limits.max_bytes {
        return Attached::not_checked("the file is larger than allowed".to_owned());
    }
    let format = match sniff(bytes) {
        Ok(format) => format,
        Err(error) => return Attached::not_checked(error.to_string()),
    };
    if format == Format::Bmp {
        // BMP has no place for a manifest.
        return Attached {
            state: ManifestState::Absent,
            reading: None,
            not_checked: None,
        };
    }
    // A panic in the SDK is the file's fault and must not end a run over many files; nothing of it
    // outlives the call.
    let read = catch_unwind(AssertUnwindSafe(|| {
        read(bytes, format.mime(), anchors, deadline)
    }));
    match read {
        Err(_) => Attached::not_checked("the manifest reader gave up on it".to_owned()),
        Ok(Err(error)) => Attached::not_checked(error.to_string()),
        Ok(Ok(reading)) => Attached {
            state: match &reading {
                Reading::Absent => ManifestState::Absent,
                Reading::Remote { .. } => ManifestState::RemoteOnly,
                Reading::Manifest(report) => manifest_state(report),
                _ => ManifestState::Malformed,
            },
            reading: Some(reading),
            not_checked: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declared_source_type_is_found_in_both_forms() {
        let uri = DigitalSourceType::TrainedAlgorithmicMedia.uri();
        for packet in [
            format!("<rdf:Description Iptc4xmpExt:DigitalSourceType=\"{uri}\"/>"),
            format!("<Iptc4xmpExt:DigitalSourceType>{uri}</Iptc4xmpExt:DigitalSourceType>"),
        ] {
            let found = declared(packet.as_bytes()).unwrap();
            assert_eq!(found.digital_source_type, "trainedAlgorithmicMedia");
        }
        let other =
            b"<x DigitalSourceType='http://cv.iptc.org/newscodes/digitalsourcetype/whatever'/>";
        assert_eq!(declared(other), None);
        assert_eq!(declared(b"\xff\xfe no packet"), None);
    }
}
