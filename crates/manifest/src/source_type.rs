//! IPTC digital source types, the closed list this product writes and knows.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// IPTC `NewsCodes` digital source type: how the picture came into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum DigitalSourceType {
    /// Made by a trained model from a prompt.
    TrainedAlgorithmicMedia,
    /// A picture with parts made by a trained model, such as inpainting.
    CompositeWithTrainedAlgorithmicMedia,
    /// Made by an algorithm that was not trained on samples.
    AlgorithmicMedia,
    /// Enhanced by an algorithm that was not trained on samples.
    AlgorithmicallyEnhanced,
    /// Captured by a camera.
    DigitalCapture,
    /// Captured and computed from several frames in the camera.
    ComputationalCapture,
    /// A composite of captured pictures.
    CompositeCapture,
    /// A composite with synthetic parts.
    CompositeSynthetic,
    /// A composite of several kinds of element.
    Composite,
    /// Made by a person with digital tools.
    DigitalCreation,
    /// Changed by a person with editing tools.
    HumanEdits,
    /// A recording of a screen.
    ScreenCapture,
    /// A recording of a virtual event.
    VirtualRecording,
    /// Digitised from a negative.
    NegativeFilm,
    /// Digitised from a positive.
    PositiveFilm,
    /// Digitised from a print.
    Print,
    /// A visualisation of data.
    DataDrivenMedia,
}

use DigitalSourceType as T;

impl DigitalSourceType {
    /// Every value.
    pub const ALL: [Self; 17] = [
        T::TrainedAlgorithmicMedia,
        T::CompositeWithTrainedAlgorithmicMedia,
        T::AlgorithmicMedia,
        T::AlgorithmicallyEnhanced,
        T::DigitalCapture,
        T::ComputationalCapture,
        T::CompositeCapture,
        T::CompositeSynthetic,
        T::Composite,
        T::DigitalCreation,
        T::HumanEdits,
        T::ScreenCapture,
        T::VirtualRecording,
        T::NegativeFilm,
        T::PositiveFilm,
        T::Print,
        T::DataDrivenMedia,
    ];

    /// The last segment of the URI.
    pub fn short_name(self) -> &'static str {
        match self {
            T::TrainedAlgorithmicMedia => "trainedAlgorithmicMedia",
            T::CompositeWithTrainedAlgorithmicMedia => "compositeWithTrainedAlgorithmicMedia",
            T::AlgorithmicMedia => "algorithmicMedia",
            T::AlgorithmicallyEnhanced => "algorithmicallyEnhanced",
            T::DigitalCapture => "digitalCapture",
            T::ComputationalCapture => "computationalCapture",
            T::CompositeCapture => "compositeCapture",
            T::CompositeSynthetic => "compositeSynthetic",
            T::Composite => "composite",
            T::DigitalCreation => "digitalCreation",
            T::HumanEdits => "humanEdits",
            T::ScreenCapture => "screenCapture",
            T::VirtualRecording => "virtualRecording",
            T::NegativeFilm => "negativeFilm",
            T::PositiveFilm => "positiveFilm",
            T::Print => "print",
            T::DataDrivenMedia => "dataDrivenMedia",
        }
    }

    /// The URI of the IPTC controlled vocabulary.
    pub fn uri(self) -> String {
        format!(
            "http://cv.iptc.org/newscodes/digitalsourcetype/{}",
            self.short_name()
        )
    }

    /// Whether a trained model made the picture or a part of it.
    pub fn is_ai(self) -> bool {
        matches!(
            self,
            T::TrainedAlgorithmicMedia
                | T::CompositeWithTrainedAlgorithmicMedia
                | T::CompositeSynthetic
        )
    }
}

impl fmt::Display for DigitalSourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short_name())
    }
}

/// A name that is no digital source type. The message lists those that are.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a digital source type; allowed are {}", T::ALL.map(T::short_name).join(", "))]
pub struct UnknownSourceType {
    /// What was given, cut to 80 characters.
    pub given: String,
}

impl FromStr for DigitalSourceType {
    type Err = UnknownSourceType;

    /// Takes the short name or the whole URI, with either scheme.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let short = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"))
            .and_then(|rest| rest.strip_prefix("cv.iptc.org/newscodes/digitalsourcetype/"))
            .unwrap_or(text);
        let found = T::ALL.into_iter().find(|each| each.short_name() == short);
        found.ok_or_else(|| UnknownSourceType {
            given: text.chars().take(80).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_uris_round_trip() {
        for each in T::ALL {
            assert_eq!(each.short_name().parse(), Ok(each));
            assert_eq!(each.uri().parse(), Ok(each));
            assert_eq!(each.uri().replace("http:", "https:").parse(), Ok(each));
            assert_eq!(serde_json::to_value(each).unwrap(), each.short_name());
        }
    }

    #[test]
    fn the_error_lists_what_is_allowed() {
        let message = "trainedalgorithmicmedia"
            .parse::<T>()
            .unwrap_err()
            .to_string();
        assert!(
            T::ALL
                .iter()
                .all(|each| message.contains(each.short_name())),
            "{message}"
        );
    }
}
