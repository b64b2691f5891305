//! Blind, frequency-domain picture watermark: carrier, synchronisation, polar code, detector.
mod bound;
mod channel;
mod detect;
mod embed;
mod fft;
mod fold;
mod key;
mod lattice;
mod mask;
mod message;
mod plane;
mod polar;
mod residual;
mod spectrum;
mod sync;

pub use bound::{ACCEPT_LOG10, log10_false_positive};
pub use detect::{Detection, Detector, Pose};
pub use embed::{EmbedOptions, Embedder, Mark};
pub use key::WatermarkKey;
pub use lattice::TileClass;
pub use message::Payload;
pub use plane::Plane;
pub use sync::Matrix;

/// Smallest side, in pixels, of a picture that can carry a mark.
pub const MIN_SIDE: usize = 192;

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
    #[error("the picture is {width} x {height} pixels; a mark needs at least {MIN_SIDE} on each side")]
    TooSmall {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// The picture hides too little.
    #[error("the picture is too flat to carry a mark that survives (margin {margin:.1} of {needed:.1})")]
    TooFlat {
        /// Reached.
        margin: f64,
        /// Asked for.
        needed: f64,
    },
}
