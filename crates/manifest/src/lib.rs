//! C2PA manifests: writing, reading, verdicts kept apart. The only crate that knows `c2pa`.
//!
//! [`sign`] writes one manifest into a finished JPEG, PNG or WebP file; [`read`] and
//! [`read_detached`] say what a manifest is worth as six separate verdicts (integrity,
//! signature, time, trust, revocation, identity) instead of one word. Verdicts are states and status
//! codes; what they mean to people is told elsewhere. Nothing here opens a network connection: no HTTP
//! code is compiled in.
//!
//! The manifest's content follows the C2PA technical specification 2.4: claim version 2,
//! `c2pa.actions.v2`, `c2pa.soft-binding`, `c2pa.ai-disclosure`, and `cawg.training-mining` of
//! the CAWG training and data mining assertion.

mod assertions;
mod beside;
mod codes;
mod container;
mod context;
mod der;
mod error;
mod jumbf;
mod manifest_id;
mod read;
mod report;
mod says;
mod self_test;
mod sign;
mod signer;
mod source_type;
mod spec;
mod states;
mod tree;
mod trust;
mod validate;
mod verdict;

pub use container::{MAX_MANIFEST_BYTES, extract_manifest_bytes, media_type};
pub use error::ManifestError;
pub use jumbf::{MAX_BOXES, MAX_DEPTH, MAX_MANIFESTS, active_manifest};
pub use manifest_id::ManifestId;
pub use read::{ReadOptions, read, read_detached, read_with, read_with_store};
pub use report::{
    Action, Agent, Ingredient, IngredientState, Issuance, ManifestNode, ManifestReport, NamedValue,
    Reading, Reference, ReferenceKind, Signer, SoftBinding, VALIDATOR,
};
pub use self_test::verify_self_test;
pub use sign::{Signed, sign};
pub use signer::{ClaimAlgorithm, ClaimSigner, SignerError};
pub use source_type::{DigitalSourceType, UnknownSourceType};
pub use spec::{Generation, ManifestSpec, Origin, Parent, SPEC_VERSION, TrainingUse, WeightsFile};
pub use states::{Identity, Integrity, Revocation, Signature, Time, Trust};
pub use tree::{MAX_SHOWN_DEPTH, MAX_SHOWN_NODES};
pub use trust::{
    AnchorFacts, CertificateName, ListContent, ListKind, ListUse, RevokedCertificate, TrustAnchors,
    TrustList,
};
pub use verdict::{Status, StatusOutcome, Verdict, Verdicts};

/// Name of our watermark in `c2pa.soft-binding`: the value is the 64-bit id, big-endian.
pub const WATERMARK_ALG: &str = "io.colophon.watermark.1";
/// Name of our fingerprint in `c2pa.soft-binding`: the value is the 256-bit perceptual hash.
pub const FINGERPRINT_ALG: &str = "io.colophon.pdq.1";
