//! Bounded decoding and encoding of pictures, container sniffing, colour planes, XMP and IPTC writing.
//!
//! The way in is [`read_bounded`] -> [`sniff`] -> [`decode`]; every size that a file claims is held
//! against [`Limits`] before memory is given to it. A [`Picture`] is always upright. The way out is
//! [`encode`] and a [`StagedFile`], which appears under its name whole or not at all.

mod container;
mod decode;
mod encode;
mod error;
mod exif;
mod files;
mod format;
mod limits;
mod metadata;
mod picture;
mod quality;
mod xmp;

pub use decode::decode;
pub use encode::{ChromaSubsampling, EncodeOptions, encode};
pub use error::{Fault, ImagingError};
pub use files::{StagedFile, read_bounded, read_bounded_from, write_atomic};
pub use format::{Format, sniff};
pub use limits::Limits;
pub use metadata::{Density, DensityUnit, Metadata, PngChunk};
pub use picture::{Channels, Picture, Samples};
pub use quality::estimate_jpeg_quality;
pub use xmp::{IPTC_EXTENSION_NAMESPACE, ProvenanceXmp};
