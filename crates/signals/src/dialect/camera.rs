//! Cameras, by EXIF alone: weak, for anyone can write it; and only where maker, model and several facts
//! of an exposure go together.

use super::{Draft, Found};
use crate::entry::{Collected, Origin};
use crate::{Class, Says, Source};

/// What an exposure leaves; four of them make a camera likely.
const CAPTURE: &[&str] = &[
    "ExposureTime",
    "FNumber",
    "ISO",
    "FocalLength",
    "DateTimeOriginal",
    "LensModel",
];

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    let text = |key: &str| {
        all.find(Origin::Exif, key)
            .filter(|entry| entry.value != "0")
    };
    let (Some(make), Some(model)) = (text("Make"), text("Model")) else {
        return;
    };
    // A program that makes pictures writes no honest exposure.
    let generated = found.signals.iter().any(|signal| {
        let exif = signal.places.iter().any(|place| place.contains("EXIF"));
        matches!(signal.says, Says::Generated) && (exif || signal.class == Class::Weak)
    });
    if generated || super::program(&make.value).is_some() {
        return;
    }
    let facts: Vec<_> = CAPTURE.iter().filter_map(|key| text(key)).collect();
    if facts.len() < 4 {
        return;
    }
    let mut draft = Draft::weak(Source::Camera, Says::Captured)
        .at(make)
        .at(model)
        .tool(Some(&format!("{} {}", make.value, model.value)))
        .field("Make", &make.value)
        .field("Model", &model.value)
        .note("camera-metadata");
    for fact in facts {
        draft = draft.field(&fact.key, &fact.value);
    }
    for key in [
        "Artist",
        "BodySerialNumber",
        "CameraOwnerName",
        "ImageUniqueID",
    ] {
        if let Some(entry) = text(key) {
            draft = draft.personal(key, &entry.value);
        }
    }
    if let Some(entry) = all.find(Origin::Exif, "GPS") {
        draft = draft.personal("GPS", &entry.value);
    }
    found.push(draft);
}
