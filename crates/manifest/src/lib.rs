//! C2PA manifests: writing, reading, verdicts kept apart. The only crate that knows `c2pa`.
//!
//! [`sign`] writes one manifest into a finished JPEG, PNG or WebP file; [`read`] and
//! [`read_detached`] say what a manifest is worth as five separate verdicts (integrity,
//! signature, time, trust, identity) instead of one word. Nothing here opens a network
//! connection: no HTTP code is compiled in.
//!
//! The manifest's content follows the C2PA technical specification 2.4: claim version 2,
//! `c2pa.actions.v2`, `c2pa.soft-binding`, `c2pa.ai-disclosure`, and `cawg.training-mining` of
//! the CAWG training and data mining assertion.

mod assertions;
mod codes;
mod container;
mod context;
mod error;
mod manifest_id;
mod read;
mod report;
mod self_test;
mod sign;
mod signer;
mod source_type;
mod spec;
mod verdict;

pub use container::{MAX_MANIFEST_BYTES, extract_manifest_bytes};
pub use context::{ListKind, TrustAnchors};
pub use error::ManifestError;
pub use manifest_id::ManifestId;
pub use read::{read, read_detached};
pub use report::{
    Action, Agent, Ingredient, IngredientState, Issuance, ManifestReport, Reading, Signer,
    SoftBinding, VALIDATOR,
};
pub use self_test::verify_self_test;
pub use sign::{Signed, sign};
pub use signer::{ClaimSigner, SignerError};
pub use source_type::{DigitalSourceType, UnknownSourceType};
pub use spec::{Generation, ManifestSpec, Origin, Parent, SPEC_VERSION, TrainingUse, WeightsFile};
pub use verdict::{Identity, Integrity, Revocation, Signature, Time, Trust, Verdict, Verdicts};

/// Name of our watermark in `c2pa.soft-binding`: the value is the 64-bit id, big-endian.
pub const WATERMARK_ALG: &str = "io.colophon.watermark.1";
/// Name of our fingerprint in `c2pa.soft-binding`: the value is the 256-bit perceptual hash.
pub const FINGERPRINT_ALG: &str = "io.colophon.pdq.1";
