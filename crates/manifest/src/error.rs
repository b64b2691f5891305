//! What can go wrong with manifests.

/// Errors of this crate. Every message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The media type is not one this crate signs or reads.
    #[error(
        "{0} is not supported for manifests: use JPEG, PNG or WebP (GIF, AVIF and HEIF can be read)"
    )]
    UnsupportedFormat(String),
    /// The bytes are not of the media type given.
    #[error("the file is not {expected}: give the type found in its content, not in its name")]
    WrongFormat {
        /// The media type given.
        expected: &'static str,
    },
    /// A kind of file that is never given to the validator.
    #[error(
        "{container} files are not looked into: convert the picture to JPEG, PNG or WebP, or use a tool made for them"
    )]
    RefusedContainer {
        /// What it is.
        container: &'static str,
    },
    /// More parts than any genuine picture has.
    #[error("the file has more than {limit} {what}: it was not read; treat it as hostile")]
    TooComplex {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// More manifest data than is read.
    #[error(
        "the file carries more than {limit} bytes of manifest data: it was not read; a genuine picture needs far less"
    )]
    TooLarge {
        /// The limit, bytes.
        limit: usize,
    },
    /// The time allowed ran out.
    #[error(
        "reading the manifest took longer than {millis} ms and was stopped: allow more time, or treat the file as hostile"
    )]
    Deadline {
        /// The time allowed, milliseconds.
        millis: u128,
    },
    /// The file to be signed already carries a manifest.
    #[error(
        "the file already carries a manifest: re-encode it without and hand the original over as the parent"
    )]
    AlreadySigned,
    /// The specification cannot stand in a manifest.
    #[error("{field}: {reason}")]
    BadSpec {
        /// Which field.
        field: &'static str,
        /// Why, and what is allowed.
        reason: String,
    },
    /// The certificate chain of the signer cannot be used.
    #[error("the signer's certificate chain is unusable ({0}): run `colophon keys check`")]
    BadChain(String),
    /// The trust anchors cannot be used.
    #[error("trust list `{list}` is unusable ({reason}): it must hold PEM certificates")]
    BadAnchors {
        /// The list's name.
        list: String,
        /// Why.
        reason: String,
    },
    /// Signing failed.
    #[error("the manifest could not be signed ({0}): no file was made; run `colophon keys check`")]
    Signing(String),
    /// A time-stamp was asked for and is not to be had.
    #[error(
        "no time-stamp ({0}): no file was made; try again, name another authority, or go on without (`timestamp_required = false`)"
    )]
    TimeStamp(String),
    /// The self-test found that this build does not judge manifests as it should.
    #[error(
        "the manifest self-test failed ({0}): this build must not be used to judge files; reinstall or report it"
    )]
    SelfTest(String),
}
