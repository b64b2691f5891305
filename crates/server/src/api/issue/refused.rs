//! Why nothing was issued, as problems. Nothing of the machine is told: no path, no host, no words of the system.

use colophon_imaging::{Fault, ImagingError};
use colophon_ledger::LedgerError;
use colophon_provenance::{ManifestError, ProvenanceError};

use super::upload::of_disk;
use crate::api::makes::MakeFailure;
use crate::api::problem::{Problem, ProblemKind};

/// Seconds after which the same may go well.
const SOON: u32 = 5;

/// A refusal of the issuer, for a caller who sent `picture` in the part or field of that name.
pub(super) fn by_issuer(error: &ProvenanceError, picture: &'static str) -> Problem {
    let unprocessable = |detail: String| {
        Problem::new(ProblemKind::Unprocessable)
            .with_detail(detail)
            .at(picture)
    };
    match error {
        ProvenanceError::Imaging(error) => by_imaging(error, picture),
        ProvenanceError::Refused { why, .. } => {
            Problem::new(ProblemKind::Forbidden).with_detail(why.clone())
        }
        ProvenanceError::CannotMark { reason } => unprocessable(format!(
            "{reason}; send another picture, or ask for one without a mark by `allow_unmarked`"
        )),
        ProvenanceError::ForeignMark { id, .. } => unprocessable(format!(
            "the picture carries the mark {id:016x} of another picture; send one without it"
        )),
        ProvenanceError::Animated { .. }
        | ProvenanceError::Cmyk
        | ProvenanceError::ReadBack { .. } => unprocessable(error.to_string()),
        ProvenanceError::Ledger(error) => by_ledger(error),
        ProvenanceError::Manifest(error) => by_manifest(error, picture),
        ProvenanceError::Io { source, .. } => of_disk(source),
        ProvenanceError::Screen(_) => Problem::internal(error)
            .with_detail("the prompt could not be judged, so that nothing was made"),
        _ => Problem::internal(error),
    }
}

/// A refusal of a file that is to be a picture.
pub(super) fn by_imaging(error: &ImagingError, picture: &'static str) -> Problem {
    let kind = match (error.fault(), error) {
        // Bytes were counted before: what is too large now has too many pixels, or too much of something else in it.
        (Fault::Limit | Fault::Picture, _) => ProblemKind::Unprocessable,
        (Fault::Unsupported, _) => ProblemKind::UnsupportedMediaType,
        // A name that is taken or a folder would be ours, not the caller's.
        (Fault::Request, ImagingError::AlreadyExists(_) | ImagingError::IsFolder(_)) => {
            return Problem::internal(error);
        }
        (Fault::Request, _) => ProblemKind::InvalidRequest,
        (Fault::System, ImagingError::Io { source, .. }) => return of_disk(source),
        (Fault::System, _) => return Problem::internal(error),
    };
    Problem::new(kind)
        .with_detail(error.to_string())
        .at(picture)
}

fn by_ledger(error: &LedgerError) -> Problem {
    let busy = |detail: &str| {
        Problem::new(ProblemKind::Overloaded)
            .with_detail(detail)
            .retry_after(SOON)
    };
    match error {
        LedgerError::InvalidRecord(error) => Problem::invalid(error.to_string()),
        LedgerError::DiskFull { .. } => Problem::new(ProblemKind::NoSpace).because(error),
        LedgerError::Busy(_) => busy("another process writes to the ledger; nothing was issued"),
        LedgerError::NoQuorum(_) => busy(
            "too few witnesses cosigned, so that nothing was issued; what was made is recorded",
        ),
        _ => Problem::internal(error)
            .with_detail("the ledger did not take the record, so that nothing was issued"),
    }
}

fn by_manifest(error: &ManifestError, picture: &'static str) -> Problem {
    match error {
        ManifestError::BadSpec { field, reason } => {
            Problem::invalid(format!("{field}: {reason}")).at(*field)
        }
        ManifestError::TimeStamp(_) => Problem::new(ProblemKind::Upstream)
            .with_detail("the time-stamp authority gave none, so that nothing was issued"),
        ManifestError::UnsupportedFormat(_) | ManifestError::RefusedContainer { .. } => {
            Problem::new(ProblemKind::UnsupportedMediaType)
                .with_detail(error.to_string())
                .at(picture)
        }
        ManifestError::WrongFormat { .. }
        | ManifestError::TooComplex { .. }
        | ManifestError::TooLarge { .. }
        | ManifestError::Deadline { .. } => Problem::new(ProblemKind::Unprocessable)
            .with_detail(error.to_string())
            .at(picture),
        _ => Problem::internal(error)
            .with_detail("the manifest could not be signed, so that nothing was issued"),
    }
}

/// A refusal of a model, or of what finds and loads it.
pub(super) fn by_maker(failure: &MakeFailure) -> Problem {
    let told = |kind| Problem::new(kind).with_detail(failure.to_string());
    match failure {
        MakeFailure::NoModel(_) => told(ProblemKind::NotFound).at("model"),
        MakeFailure::Order { field, .. } => match field {
            Some(field) => told(ProblemKind::InvalidRequest).at(*field),
            None => told(ProblemKind::InvalidRequest),
        },
        MakeFailure::Forbidden(_) => told(ProblemKind::Forbidden).at("prompt"),
        // Nobody reads this.
        MakeFailure::Stopped => told(ProblemKind::Overloaded),
        MakeFailure::NoRoom(_) => told(ProblemKind::Overloaded).retry_after(SOON),
        MakeFailure::Busy { after, .. } => {
            told(ProblemKind::Overloaded).retry_after(after.unwrap_or(SOON))
        }
        MakeFailure::TimedOut(_) => told(ProblemKind::TimedOut),
        MakeFailure::Upstream(_) => told(ProblemKind::Upstream),
        MakeFailure::Failed(_) => told(ProblemKind::Internal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colophon_imaging::{Limits, decode};
    use std::path::PathBuf;

    #[test]
    fn pixels_and_kinds_have_statuses_of_their_own() {
        let unknown = decode(b"no picture", &Limits::default()).unwrap_err();
        assert_eq!(
            by_imaging(&unknown, "image").kind(),
            ProblemKind::UnsupportedMediaType
        );
        let pixels = ImagingError::Limit {
            what: "area",
            found: 2,
            allowed: 1,
            advice: "",
        };
        assert_eq!(
            by_imaging(&pixels, "image").kind(),
            ProblemKind::Unprocessable
        );
    }

    #[test]
    fn nothing_of_the_machine_is_told() {
        let path = PathBuf::from("/srv/secret-place/x.png");
        let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let errors = [
            ProvenanceError::Imaging(ImagingError::AlreadyExists(path.clone())),
            ProvenanceError::Imaging(ImagingError::Io {
                action: "write",
                path: path.clone(),
                source: denied(),
            }),
            ProvenanceError::Io {
                action: "read",
                path: path.clone(),
                source: denied(),
            },
            ProvenanceError::Ledger(LedgerError::DiskFull { path: path.clone() }),
            ProvenanceError::Ledger(LedgerError::Damaged(path.display().to_string())),
            ProvenanceError::Ledger(LedgerError::NotWritable(path.clone())),
            ProvenanceError::Manifest(ManifestError::Signing(path.display().to_string())),
        ];
        for error in errors {
            let problem = by_issuer(&error, "image");
            let told = problem.detail().unwrap_or_default();
            assert!(!told.contains("secret-place"), "{error}");
            assert!(problem.kind().status().is_server_error(), "{error}");
        }
    }
}
