//! What a caller asks for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::DiffusionError;
use crate::sampler::SamplerKind;
use crate::source::SourcePicture;

/// Longest side of a picture, in pixels, that any model may be asked for.
pub const MAX_SIDE: u32 = 16_384;
/// Most steps of a request.
pub const MAX_STEPS: u32 = 1_000;
/// Most pictures of a request.
pub const MAX_COUNT: u32 = 256;
/// Largest guidance of a request.
pub const MAX_GUIDANCE: f32 = 100.0;

/// Width and height of a picture in pixels, each from 1 to [`MAX_SIDE`]. Written `512x768`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    width: u32,
    height: u32,
}

impl Size {
    /// # Errors
    ///
    /// [`DiffusionError::InvalidSize`] where a side is 0 or above [`MAX_SIDE`].
    pub fn new(width: u32, height: u32) -> Result<Self, DiffusionError> {
        let range = 1..=MAX_SIDE;
        if range.contains(&width) && range.contains(&height) {
            Ok(Self { width, height })
        } else {
            Err(DiffusionError::InvalidSize {
                found: format!("{width}x{height}"),
            })
        }
    }

    /// Pixels in a row.
    pub fn width(self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(self) -> u32 {
        self.height
    }

    /// Pixels in all.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Size {
    type Err = DiffusionError;

    /// `512x768`; one number stands for a square.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || DiffusionError::InvalidSize {
            found: text.to_owned(),
        };
        let text = text.trim();
        let (width, height) = text.split_once(['x', 'X', '×']).unwrap_or((text, text));
        let side = |digits: &str| digits.trim().parse().map_err(|_| invalid());
        Self::new(side(width)?, side(height)?)
    }
}

impl TryFrom<String> for Size {
    type Error = DiffusionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

/// Where the noise starts. Picture `i` of a batch, counted from 0, has seed + `i`, wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// Seed of the `index`-th picture of a batch, counted from 0.
    #[must_use]
    pub fn of_picture(self, index: u32) -> Self {
        Self(self.0.wrapping_add(u64::from(index)))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One request for pictures. What is `None` is chosen by the model ([`crate::ModelInfo`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerateRequest {
    /// What the pictures show: at most [`crate::MAX_PROMPT_BYTES`] bytes and
    /// [`crate::MAX_PROMPT_WORDS`] words, no control characters but line ends and tabs.
    pub prompt: String,
    /// What they should not show; only for models with classifier-free guidance.
    pub negative_prompt: Option<String>,
    /// Their size.
    pub size: Option<Size>,
    /// Evaluations of the network on the way from noise to picture, 1 to [`MAX_STEPS`].
    pub steps: Option<u32>,
    /// Classifier-free guidance scale, 0 to [`MAX_GUIDANCE`]; 1 and below switch it off.
    pub guidance: Option<f32>,
    /// Where the noise starts.
    pub seed: Seed,
    /// Number of pictures, 1 to [`MAX_COUNT`].
    pub count: u32,
    /// The solver.
    pub sampler: Option<SamplerKind>,
    /// A picture to start from; the size is then its own.
    pub source: Option<SourcePicture>,
    /// A preview every so many steps, at least 1; none where `None`.
    pub previews_every: Option<u32>,
}

impl GenerateRequest {
    /// One picture, everything else by the model's choice.
    pub fn new(prompt: impl Into<String>, seed: Seed) -> Self {
        Self {
            prompt: prompt.into(),
            negative_prompt: None,
            size: None,
            steps: None,
            guidance: None,
            seed,
            count: 1,
            sampler: None,
            source: None,
            previews_every: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        let size: Size = "640x480".parse().unwrap();
        assert_eq!(
            (size.width(), size.height(), size.pixels()),
            (640, 480, 307_200)
        );
        assert_eq!(size.to_string(), "640x480");
        assert_eq!("512".parse::<Size>().unwrap(), Size::new(512, 512).unwrap());
        assert_eq!(" 8 X 9 ".parse::<Size>().unwrap(), Size::new(8, 9).unwrap());
        assert_eq!(serde_json::to_string(&size).unwrap(), "\"640x480\"");
        assert_eq!(serde_json::from_str::<Size>("\"640x480\"").unwrap(), size);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for bad in [
            "0x512",
            "512x0",
            "100000",
            "100000x8",
            "x",
            "",
            "-1x5",
            "1e3x5",
            "512x512x3",
        ] {
            let error = bad.parse::<Size>().unwrap_err();
            assert!(
                error.to_string().contains("such as 512x512"),
                "{bad}: {error}"
            );
            assert!(serde_json::from_value::<Size>(bad.into()).is_err());
        }
    }

    #[test]
    fn a_batch_counts_its_seeds_up() {
        assert_eq!(Seed(7).of_picture(3), Seed(10));
        assert_eq!(Seed(u64::MAX).of_picture(1), Seed(0));
    }
}
