//! The readers: manifest, mark, fingerprint, metadata.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use colophon_fingerprint::{Fingerprint, Quality, pdq_dihedral};
use colophon_imaging::{Channels, Format, ImagingError, Limits, Picture, Samples, decode, sniff};
use colophon_manifest::{
    ManifestReport, ReadOptions, Reading, ReferenceKind, Revocation, TrustAnchors, media_type,
    read_with, read_with_store,
};
use colophon_policy::ManifestState;
use colophon_signals::pixels::{Layout, PixelMetadata, PixelView, read_pixels};
use colophon_signals::{Findings, Says, Signal, Source, read_credentials, stated};
use colophon_watermark::Plane;
use colophon_wording::Wording;

use super::mark::{Mark, MarkReader};
use super::statements;
use crate::facts::manifest_state;
use crate::report::ManifestEvidence;
use crate::told;

/// What the pixels show.
pub(crate) struct Pixels {
    pub luma: Plane,
    pub frames: u32,
    /// Nothing also when there is no detector.
    pub mark: Mark,
    /// Hashes of the eight turned versions; `None` for a tiny picture.
    pub fingerprint: Option<([Fingerprint; 8], Quality)>,
    /// Marks of other generators.
    pub marks: Vec<Signal>,
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
    let frames = picture.frames_hint();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (luma, marks) = rayon::join(|| picture.luma(), || marks_of_others(&picture));
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
        marks,
    })
}

/// Reads what metadata tells.
pub(crate) fn metadata(bytes: &[u8]) -> Findings {
    colophon_signals::read_metadata(bytes, &colophon_signals::Limits::default())
}

/// Reads the marks that other generators put into pixels. Pictures of 16 bits a sample have none: no
/// generator writes them.
fn marks_of_others(picture: &Picture) -> Vec<Signal> {
    let Samples::U8(samples) = picture.samples() else {
        return Vec::new();
    };
    let grown;
    let (layout, samples) = match picture.channels() {
        Channels::Rgb => (Layout::Rgb, samples),
        Channels::Rgba => (Layout::Rgba, samples),
        _ => {
            grown = picture.to_rgb8();
            (Layout::Rgb, &grown)
        }
    };
    let comment = png_comment(picture);
    let view = PixelView::new(picture.width(), picture.height(), layout, samples);
    view.map_or_else(Vec::new, |view| {
        let metadata = PixelMetadata {
            comment: comment.as_deref(),
        };
        read_pixels(view, picture.is_lossless_source(), &metadata)
    })
}

/// The PNG text `Comment`, which a signature over pixels may cover.
fn png_comment(picture: &Picture) -> Option<Cow<'_, str>> {
    let chunks = picture.metadata.png_chunks.iter();
    let mut texts = chunks.filter_map(|chunk| {
        let text = chunk.data.strip_prefix(b"Comment\0")?;
        match &chunk.kind {
            b"tEXt" => Some(text),
            // Uncompressed, without language and translated keyword.
            b"iTXt" => text.strip_prefix(&[0; 4]),
            _ => None,
        }
    });
    texts.next().map(String::from_utf8_lossy)
}

/// Puts together what metadata, manifest and pixels tell.
pub(crate) fn gather(findings: &mut Findings, attached: &Attached, pixels: Option<&Pixels>) {
    // What a manifest says counts only while its signature holds.
    if let Some(report) = attached.report().filter(|_| attached.stated().is_some()) {
        let (signals, marks) = read_credentials(&statements::of_active(report, attached.state));
        findings.signals.extend(signals);
        findings.unreadable_marks.extend(marks);
    }
    let marks = pixels.map_or(&[][..], |pixels| &pixels.marks);
    // Metadata tells that a signature is there, the pixels whether it holds: then only that is told.
    if marks.iter().any(|mark| mark.source == Source::NovelAi) {
        let announced = |signal: &&mut Signal| signal.note == Some("novelai-signature");
        for signal in findings.signals.iter_mut().filter(announced) {
            signal.note = None;
        }
    }
    findings.signals.extend(marks.iter().cloned());
    findings.signals.sort_by_key(|signal| signal.class);
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

    /// No manifest and no hint of one.
    fn absent() -> Self {
        Self {
            state: ManifestState::Absent,
            reading: None,
            not_checked: None,
        }
    }

    /// A manifest kept elsewhere, when metadata names one and the file carries none.
    pub fn or_remote(&mut self, url: Option<&str>) {
        if let Some(url) = url.filter(|_| self.state == ManifestState::Absent) {
            self.state = ManifestState::RemoteOnly;
            self.reading = Some(Reading::Remote {
                url: url.to_owned(),
            });
        }
    }

    pub fn report(&self) -> Option<&ManifestReport> {
        self.reading.as_ref().and_then(Reading::manifest)
    }

    /// What the manifest states of how the picture came to be; `None` unless it is what was signed.
    pub fn stated(&self) -> Option<Says> {
        let usable = matches!(
            self.state,
            ManifestState::Altered
                | ManifestState::Expired
                | ManifestState::Untrusted
                | ManifestState::Local
                | ManifestState::Trusted
        );
        self.report()
            .filter(|_| usable)
            .map(|report| stated(&statements::of_active(report, self.state)))
    }

    /// What is shown; `None` when there is no manifest and no hint of one.
    pub fn evidence(&self, wording: &Wording, full: bool) -> Option<ManifestEvidence> {
        match self.reading.as_ref()? {
            Reading::Manifest(report) => {
                Some(ManifestEvidence::new(report, self.state, wording, full))
            }
            Reading::Remote { url } => {
                let note = wording.fill("manifest-note.remote", &[("url", url)]);
                let mut evidence = ManifestEvidence::unreadable(self.state, note);
                evidence.references = vec![told::reference(ReferenceKind::Manifest, url, wording)];
                Some(evidence)
            }
            Reading::Unreadable { reason, .. } => Some(ManifestEvidence::unreadable(
                self.state,
                wording.fill("manifest-note.unreadable", &[("reason", reason)]),
            )),
            _ => None,
        }
    }

    pub fn revocation_not_checked(&self, wording: &Wording) -> Option<String> {
        let revocation = &self.report()?.verdicts.revocation;
        (revocation.state == Revocation::NotChecked).then(|| told::revocation(revocation, wording))
    }
}

/// How manifests are read.
#[derive(Clone, Copy)]
pub(crate) struct ManifestReader<'a> {
    pub limits: &'a Limits,
    pub anchors: &'a TrustAnchors,
    pub deadline: Duration,
    pub crjson: bool,
    pub wording: &'a Wording,
}

impl ManifestReader<'_> {
    /// Reads the manifest in the file; or `store`, which was fetched from where the file says it is kept.
    pub fn read(&self, bytes: &[u8], store: Option<&[u8]>) -> Attached {
        if bytes.len() as u64 > self.limits.max_bytes {
            return Attached::not_checked(self.wording.text("not-checked.too-large"));
        }
        let mime = match (media_type(bytes), sniff(bytes)) {
            (Some(mime), _) => mime,
            // BMP has no place for a manifest.
            (None, Ok(Format::Bmp)) => return Attached::absent(),
            (None, Ok(format)) => format.mime(),
            (None, Err(error)) => return Attached::not_checked(error.to_string()),
        };
        let options = ReadOptions {
            anchors: self.anchors,
            deadline: self.deadline,
            crjson: self.crjson,
        };
        // A panic in the SDK is the file's fault and must not end a run over many files; nothing of it
        // outlives the call.
        let read = catch_unwind(AssertUnwindSafe(|| match store {
            Some(store) => read_with_store(bytes, mime, store, &options),
            None => read_with(bytes, mime, &options),
        }));
        match read {
            Err(_) => Attached::not_checked(self.wording.text("not-checked.reader-gave-up")),
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
}
