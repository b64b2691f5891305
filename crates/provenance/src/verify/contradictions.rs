//! Findings that do not go together.
//!
//! A contradiction is told only where each side stands by itself: a camera's EXIF beside a generator's text
//! is none, since pictures are worked on and metadata is carried along.

use colophon_fingerprint::Fingerprint;
use colophon_manifest::{FINGERPRINT_ALG, Integrity, ManifestReport, WATERMARK_ALG};
use colophon_policy::{Contradiction, LedgerState, ManifestState};
use colophon_signals::{Class, Says, Signal, Source};
use colophon_wording::Wording;

use super::timeline::Impossible;
use crate::binding::nearest;
use crate::lookup::Answer;
use crate::report::Contradiction as Told;

/// Distance in bits from which on the hashes of a picture and of the one that its own signer bound the
/// manifest to are of two pictures. Unrelated pictures lie at 128 +- 8 bits; saving again and scaling
/// move a hash by less than 32.
const OTHER_PICTURE: u32 = 90;

/// Signers that make nothing but synthetic pictures.
const ONLY_SYNTHETIC: [Source; 6] = [
    Source::OpenAi,
    Source::BlackForestLabs,
    Source::StabilityAi,
    Source::Midjourney,
    Source::Ideogram,
    Source::Recraft,
];

/// What the readers found.
pub(crate) struct Found<'a> {
    pub state: ManifestState,
    pub manifest: Option<&'a ManifestReport>,
    /// What the manifest states, if its signature holds.
    pub states: Option<Says>,
    pub signals: &'a [Signal],
    /// Id read from the pixels alone.
    pub read_id: Option<u64>,
    pub hashes: Option<&'a [Fingerprint; 8]>,
    pub answer: &'a Answer,
    /// Whether the record of the picture says that a model made it.
    pub recorded_generated: bool,
    pub dates: Vec<Impossible>,
}

impl Found<'_> {
    /// All contradictions, gravest first, with what is told of each.
    pub fn all(&self, wording: &Wording) -> Vec<(Contradiction, Told)> {
        let mut all = Vec::new();
        let mut push = |kind: Contradiction, values: &[(&str, &str)]| {
            let code = kind.as_str();
            let sentence = wording.fill(&format!("contradiction.{code}"), values);
            let code = code.to_owned();
            all.push((kind, Told { code, sentence }));
        };
        if let Some(other) = self.against_capture() {
            push(Contradiction::CaptureAndGenerated, &[("other", &other)]);
        }
        if let Some(distance) = self.other_content() {
            let other = format!("{distance} / 256");
            push(
                Contradiction::ManifestOfAnotherPicture,
                &[("other", &other)],
            );
        }
        if let Some((found, other)) = self.two_ids() {
            push(
                Contradiction::TwoIds,
                &[("found", &found), ("other", &other)],
            );
        }
        for pair in &self.dates {
            let values = [
                ("found", pair.later.as_str()),
                ("other", pair.earlier.as_str()),
            ];
            push(Contradiction::Dates, &values);
        }
        for signal in self.signals {
            if signal.note == Some("novelai-signature-fails") {
                push(
                    Contradiction::VendorSignature,
                    &[("other", signal.source.name())],
                );
            }
        }
        all
    }

    /// What says that a model made a picture whose manifest says that a camera did.
    fn against_capture(&self) -> Option<String> {
        let captured = self.states == Some(Says::Captured) && self.state != ManifestState::Altered;
        if !captured {
            return None;
        }
        let signer = self.signals.iter().find(|signal| {
            signal.class == Class::Signed && ONLY_SYNTHETIC.contains(&signal.source)
        });
        if let Some(signal) = signer {
            return Some(signal.source.name().to_owned());
        }
        if self.recorded_generated && self.answer.state == LedgerState::Found {
            let hit = self.answer.hit.as_ref()?;
            return Some(format!("record {}", hit.entry.id()));
        }
        let other = self.signals.iter().find(|signal| {
            matches!(
                signal.class,
                Class::Pixel | Class::VendorVerified | Class::Declared
            ) && signal.says == Says::Generated
        });
        other.map(|signal| format!("{} ({})", signal.source.name(), signal.places.join(", ")))
    }

    /// How far the picture lies from what the manifest is bound to. Only where the bytes are those signed:
    /// of a changed file, a crop is as far from its original as another picture.
    fn other_content(&self) -> Option<u32> {
        let manifest = self.manifest?;
        let intact = matches!(
            manifest.verdicts.integrity.state,
            Integrity::Intact | Integrity::IntactWithGaps
        );
        let hashes = self.hashes.filter(|_| intact && self.states.is_some())?;
        let bound = manifest
            .soft_bindings
            .iter()
            .find(|binding| binding.alg == FINGERPRINT_ALG)?;
        let distance = nearest(hashes, bound.value.as_slice().try_into().ok()?);
        (distance >= OTHER_PICTURE).then_some(distance)
    }

    /// The id in the pixels and another one in the manifest.
    fn two_ids(&self) -> Option<(String, String)> {
        let read = self.read_id.filter(|_| self.states.is_some())?;
        let bindings = &self.manifest?.soft_bindings;
        let mut ours = bindings
            .iter()
            .filter(|binding| binding.alg == WATERMARK_ALG);
        let named = u64::from_be_bytes(ours.next()?.value.as_slice().try_into().ok()?);
        (named != read).then(|| (format!("{read:016x}"), format!("{named:016x}")))
    }
}

/// Whether a recorded digital source type is one of a trained model.
pub(crate) fn is_generated(source_type: &str) -> bool {
    let parsed = source_type.parse::<colophon_manifest::DigitalSourceType>();
    parsed.is_ok_and(colophon_manifest::DigitalSourceType::is_ai)
}
