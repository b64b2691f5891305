//! Where a picture comes from: how it came to be, and the picture before it.

use colophon_imaging::{Format, Limits, decode};
use colophon_manifest::{DigitalSourceType, Parent, extract_manifest_bytes};

use crate::ProvenanceError;

/// The input as an ingredient, when it carries a manifest.
pub(crate) fn parent<'a>(
    input: &'a [u8],
    format: Format,
    title: &'a str,
) -> Result<Option<Parent<'a>>, ProvenanceError> {
    if format == Format::Bmp {
        // BMP has no place for a manifest.
        return Ok(None);
    }
    let has_manifest = extract_manifest_bytes(input, format.mime())?.is_some();
    Ok(has_manifest.then_some(Parent {
        bytes: input,
        mime: format.mime(),
        title,
    }))
}

/// How what a model makes came to be.
pub(crate) fn source_of(from_picture: bool) -> DigitalSourceType {
    if from_picture {
        DigitalSourceType::CompositeWithTrainedAlgorithmicMedia
    } else {
        DigitalSourceType::TrainedAlgorithmicMedia
    }
}

/// The picture that a model started from, which is the parent whether it has a manifest or not.
pub(crate) fn source_picture<'a>(
    file: &'a [u8],
    limits: &Limits,
) -> Result<Parent<'a>, ProvenanceError> {
    let format = decode(file, limits)?.source_format();
    Ok(Parent {
        bytes: file,
        mime: format.mime(),
        title: "picture to start from",
    })
}

/// Whether a source type describes a change of an earlier picture. For the others, an input with a
/// manifest is only opened and marked: saying that it was edited that way would be untrue.
pub(crate) fn is_edit(source: DigitalSourceType) -> bool {
    matches!(
        source,
        DigitalSourceType::CompositeWithTrainedAlgorithmicMedia
            | DigitalSourceType::AlgorithmicallyEnhanced
            | DigitalSourceType::CompositeCapture
            | DigitalSourceType::CompositeSynthetic
            | DigitalSourceType::Composite
            | DigitalSourceType::HumanEdits
    )
}
