//! `NovelAI`'s signature over pixels and settings.
//!
//! Under `signed_hash` in the JSON `Comment` stands an Ed25519 signature (base64) over the picture's red, green and
//! blue samples, row by row, followed by the same JSON without that key as Python writes it. The comment is in the
//! file's metadata and in the lowest bits of alpha. Facts: <https://github.com/NovelAI/novelai-image-metadata>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;

use super::python_json;
use super::stealth::Hidden;
use super::{PixelMetadata, PixelView};
use crate::{Class, Field, Says, Signal, Source};

/// `NovelAI`'s key, published in the repository above as `Y2JcQAOhLwzwSDUJPNgL04nS0Tbqm7cSRc4xk0vRMic=`.
pub(super) const PUBLIC_KEY: [u8; 32] = [
    0x63, 0x62, 0x5c, 0x40, 0x03, 0xa1, 0x2f, 0x0c, 0xf0, 0x48, 0x35, 0x09, 0x3c, 0xd8, 0x0b, 0xd3,
    0x89, 0xd2, 0xd1, 0x36, 0xea, 0x9b, 0xb7, 0x12, 0x45, 0xce, 0x31, 0x93, 0x4b, 0xd1, 0x32, 0x27,
];

/// Larger pictures are not checked: the service makes none, and the message is held in memory.
const MAX_PIXELS: usize = 16 << 20;
/// Longest comment looked at, bytes.
const MAX_COMMENT: usize = 1 << 20;

/// Settings that tell of the system: key in the comment, name in the report.
const SETTINGS: [(&str, &str); 5] = [
    ("steps", "Steps"),
    ("sampler", "Sampler"),
    ("scale", "Scale"),
    ("seed", "Seed"),
    ("request_type", "Request"),
];

/// Whether a comment's signature fits the pixels; `None` when it has none, or it could not be checked.
fn verifies(view: &PixelView<'_>, comment: &str, key: &[u8; 32]) -> Option<bool> {
    if comment.len() > MAX_COMMENT || view.pixels() > MAX_PIXELS {
        return None;
    }
    let object = python_json::without(comment, "signed_hash")?;
    let signature = STANDARD.decode(object.taken?).ok();
    let signature = signature.and_then(|bytes| Signature::from_slice(&bytes).ok());
    let key = VerifyingKey::from_bytes(key).ok()?;
    let mut message = Vec::with_capacity(view.pixels() * 3 + object.rest.len());
    for pixel in view.samples.chunks_exact(view.layout.channels()) {
        message.extend_from_slice(&pixel[..3]);
    }
    message.extend_from_slice(object.rest.as_bytes());
    Some(signature.is_some_and(|signature| key.verify_strict(&message, &signature).is_ok()))
}

/// The comment itself: some writers wrap it in an object once more.
fn unwrapped(comment: &str) -> String {
    let inner = || {
        let outer: Value = serde_json::from_str(comment).ok()?;
        Some(outer.get("Comment")?.as_str()?.to_owned())
    };
    inner().unwrap_or_else(|| comment.to_owned())
}

/// What `NovelAI`'s data in a picture say; `None` without any. Metadata without a signature are left to the readers
/// of metadata.
pub(super) fn signal(
    view: &PixelView<'_>,
    hidden: Option<&Hidden>,
    metadata: &PixelMetadata<'_>,
    key: &[u8; 32],
) -> Option<Signal> {
    let hidden = hidden.filter(|hidden| hidden.is_novelai());
    let in_pixels = hidden.and_then(|hidden| hidden.text_under("Comment").map(unwrapped));
    let in_metadata = metadata.comment.map(unwrapped);
    let check = |comment: &Option<String>| verifies(view, comment.as_deref()?, key);
    let checks = [check(&in_pixels), check(&in_metadata)];
    let (class, note) = if checks.contains(&Some(true)) {
        (Class::VendorVerified, Some("novelai-signature-verified"))
    } else if checks.contains(&Some(false)) {
        (Class::Declared, Some("novelai-signature-fails"))
    } else {
        (Class::Declared, Some("stealth-data"))
    };
    let mut places: Vec<String> = hidden.map(Hidden::place).into_iter().collect();
    if checks[1].is_some() {
        places.push("metadata: `Comment`".to_owned());
    }
    if places.is_empty() {
        return None;
    }
    // The fields shown are those that were signed.
    let shown = if checks[1] == Some(true) && checks[0] != Some(true) {
        in_metadata
    } else {
        in_pixels.or(in_metadata)
    };
    let mut fields = Vec::new();
    for name in ["Source", "Generation time"] {
        let value = hidden.and_then(|hidden| hidden.text_under(name));
        fields.extend(value.map(|value| Field::new(name, value)));
    }
    fields.extend(shown.iter().flat_map(|comment| comment_fields(comment)));
    Some(Signal {
        source: Source::NovelAi,
        class,
        says: Says::Generated,
        tool: Some("NovelAI".to_owned()),
        version: None,
        places,
        fields,
        note,
    })
}

fn comment_fields(comment: &str) -> Vec<Field> {
    let Ok(comment) = serde_json::from_str::<Value>(comment) else {
        return Vec::new();
    };
    let text = |key: &str| match comment.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let personal = [("prompt", "Prompt"), ("uc", "Negative prompt")];
    let prompts = personal
        .iter()
        .filter_map(|(key, name)| Some(Field::personal(name, &text(key)?)));
    let settings = SETTINGS
        .iter()
        .filter_map(|(key, name)| Some(Field::new(name, &text(key)?)));
    prompts.chain(settings).collect()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::super::Layout;
    use super::super::stealth::{self, tests as hiding};
    use super::*;

    const SIZE: (usize, usize) = (64, 48);
    /// The comment without its signature, as Python writes it, and as it may stand in a file.
    const SIGNED: &str =
        r#"{"prompt": "caf\u00e9", "steps": 28, "scale": 10.0, "seed": 7, "uc": ""}"#;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn public() -> [u8; 32] {
        key().verifying_key().to_bytes()
    }

    fn samples() -> Vec<u8> {
        (0..SIZE.0 * SIZE.1)
            .flat_map(|i| [i as u8, (i / 7) as u8, (i / 64) as u8, 255])
            .collect()
    }

    /// The comment with a signature over the samples.
    fn comment(samples: &[u8]) -> String {
        let rgb = samples.chunks_exact(4).flat_map(|pixel| &pixel[..3]);
        let message: Vec<u8> = rgb.chain(SIGNED.as_bytes()).copied().collect();
        let signature = STANDARD.encode(key().sign(&message).to_bytes());
        format!(
            r#"{{"prompt":"café","steps":28,"scale":10.0,"signed_hash":"{signature}","seed":7,"uc":""}}"#
        )
    }

    fn read(samples: &[u8], comment: Option<&str>) -> Option<Signal> {
        let view = PixelView::new(64, 48, Layout::Rgba, samples).unwrap();
        let hidden = stealth::read(&view);
        signal(
            &view,
            hidden.as_ref(),
            &PixelMetadata { comment },
            &public(),
        )
    }

    fn hide(samples: &mut [u8], comment: &str) {
        let text = serde_json::json!({
            "Software": "NovelAI", "Source": "NovelAI Diffusion V4", "Comment": comment
        });
        let data = hiding::gzip(text.to_string().as_bytes());
        let bytes = hiding::framed("stealth_pngcomp", data.len(), &data);
        hiding::hide(samples, SIZE, 4, &[3], &bytes);
    }

    #[test]
    fn a_signature_in_metadata_verifies() {
        let samples = samples();
        let signal = read(&samples, Some(&comment(&samples))).unwrap();
        assert_eq!(signal.class, Class::VendorVerified);
        assert_eq!(signal.says, Says::Generated);
        assert_eq!(signal.places, ["metadata: `Comment`"]);
        assert_eq!(signal.fields[0], Field::personal("Prompt", "café"));
        let wrapped = serde_json::json!({ "Comment": comment(&samples) }).to_string();
        let signal = read(&samples, Some(&wrapped)).unwrap();
        assert_eq!(signal.class, Class::VendorVerified);
    }

    #[test]
    fn a_signature_in_the_pixels_verifies() {
        let mut samples = samples();
        let comment = comment(&samples);
        hide(&mut samples, &comment);
        let found = read(&samples, None).unwrap();
        assert_eq!(found.class, Class::VendorVerified);
        assert_eq!(found.places.len(), 1);
        assert!(
            found
                .fields
                .contains(&Field::new("Source", "NovelAI Diffusion V4"))
        );
        // A comment that something else rewrote does not take that away.
        let other = comment.replace("28", "29");
        let found = read(&samples, Some(&other)).unwrap();
        assert_eq!(found.class, Class::VendorVerified);
        assert!(found.fields.contains(&Field::new("Steps", "28")));
    }

    #[test]
    fn a_changed_sample_or_setting_fails() {
        let samples = samples();
        let comment = comment(&samples);
        for i in [0, 1, 2, samples.len() - 2] {
            let mut changed = samples.clone();
            changed[i] ^= 1;
            let signal = read(&changed, Some(&comment)).unwrap();
            assert_eq!(signal.class, Class::Declared);
            assert_eq!(signal.note, Some("novelai-signature-fails"));
        }
        for changed in [
            comment.replace("28", "29"),
            comment.replace("\"seed\":7,\"uc\":\"\"", "\"uc\":\"\",\"seed\":7"),
            comment.replace("signed_hash\":\"", "signed_hash\":\"AAAA"),
        ] {
            let signal = read(&samples, Some(&changed)).unwrap();
            assert_eq!(signal.note, Some("novelai-signature-fails"));
        }
    }

    #[test]
    fn another_key_fails() {
        let samples = samples();
        let view = PixelView::new(64, 48, Layout::Rgba, &samples).unwrap();
        assert_eq!(
            verifies(&view, &comment(&samples), &PUBLIC_KEY),
            Some(false)
        );
        assert_eq!(
            STANDARD.encode(PUBLIC_KEY),
            "Y2JcQAOhLwzwSDUJPNgL04nS0Tbqm7cSRc4xk0vRMic="
        );
    }

    #[test]
    fn without_a_signature_hidden_data_are_declared() {
        let mut samples = samples();
        assert_eq!(read(&samples, Some(SIGNED)), None);
        assert_eq!(read(&samples, Some("no JSON")), None);
        hide(&mut samples, SIGNED);
        let signal = read(&samples, None).unwrap();
        assert_eq!(signal.class, Class::Declared);
        assert_eq!(signal.note, Some("stealth-data"));
        assert!(signal.fields.contains(&Field::personal("Prompt", "café")));
    }
}
