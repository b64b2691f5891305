//! Blind, frequency-domain picture watermark: carrier, synchronisation, code, detector.
//!
//! The mark adds one periodic pattern to luminance. Its energy sits on the harmonics of a square
//! tile (Kutter, SPIE 3528, 1998), shaped by what the eye tolerates, and carries a 64-bit id
//! in four segments under a CRC-8. The detector needs neither the original nor the id: it finds
//! the lattice of harmonics in the spectrum in any rotation, scale and mirroring, folds the
//! picture onto one tile, decodes, and accepts an id only under a proven bound on the
//! probability that a picture without the mark would have given one.
//!
//! Each step can be replaced alone: the carrier (`lattice`), the visibility (`mask`), the
//! code (`code`, `message`), the pose (`sync`), the demodulation (`fold`), the test (`bound`). Where the
//! mark of a picture is missing is told by `heat` from the evidence of `blocks`.
//!
//! Pure: planes of `f32` in, findings out; no files, no clock, no threads.

mod autocorrelation;
mod blocks;
mod bound;
mod channel;
mod code;
mod detect;
mod embed;
mod fft;
mod fold;
mod heat;
mod issued;
mod key;
mod lattice;
mod mask;
mod message;
mod plane;
mod residual;
mod scores;
mod search;
mod spectrum;
#[cfg(feature = "stages")]
pub mod stages;
mod sync;
#[cfg(test)]
mod testing;
mod tile;
mod tile_map;
mod track;
mod trial;

pub use bound::{ACCEPT_LOG10, log10_false_positive};
pub use detect::{Detection, Detector, NullStatistics, Placement, Pose, Source};
pub use embed::{EmbedOptions, Embedder, Mark};
pub use heat::{Cell, CellClass, HeatMap};
pub use issued::{IssuedIds, Match};
pub use key::WatermarkKey;
pub use lattice::TileCount;
pub use message::{MessageCode, Payload};
pub use plane::Plane;
pub use scores::SegmentScores;
pub use sync::Matrix;

/// Smallest side, in pixels, of a picture that can carry a mark.
pub const MIN_SIDE: usize = 128;

/// Why a mark could not be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WatermarkError {
    /// Width, height and the number of values disagree, or a value is not finite.
    #[error("the luminance plane is malformed: its size and its values disagree")]
    BadPlane,
    /// Not sixteen hexadecimal digits.
    #[error("a watermark id is 16 hexadecimal digits, such as 0123456789abcdef")]
    BadPayload,
    /// Fewer than [`MIN_SIDE`] pixels on one side.
    #[error(
        "the picture is {width} x {height} pixels; a mark needs at least {MIN_SIDE} on each side"
    )]
    TooSmall {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// The mark would not read after re-compression even at the strongest that the PSNR allows.
    #[error(
        "the picture leaves no room for a mark that survives re-compression (margin {margin:.1}, \
         needed {needed:.1}): it is small and busy, saturated, text or line art; use a larger version of it"
    )]
    NoRoom {
        /// Reached.
        margin: f64,
        /// Asked for.
        needed: f64,
    },
}
