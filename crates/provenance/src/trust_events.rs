//! Changes of trust lists and of the list of revoked certificates, into the ledger.
//!
//! An event is noted in the folder of the lists before the change is made, and entered as soon as the ledger can be
//! written to: by the command itself where it may open the keys, else by the next one that writes. So none is lost; one
//! may be entered twice after a crash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use colophon_keys::{KeyStore, Passphrase};
use colophon_ledger::{
    CertificateRef, CertificateRevoked, Event, EventKind, Ledger, RevocationReason, TrustListEvent,
};
use colophon_manifest::{CertificateName, RevokedCertificate};
use sha2::{Digest as _, Sha256};

use crate::trust::{ListFile, Revocations};
use crate::{Home, ProvenanceError, hex};

/// Events that wait: a line each, the leaf's bytes in hexadecimal digits.
const WAITING: &str = "events";
/// Room for a million events.
const MOST_BYTES: u64 = 1 << 30;

/// What became of the events of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustTold {
    /// This home has no ledger that could take them.
    NoLedger,
    /// So many were entered.
    Entered(usize),
    /// They wait for the next command that writes to the ledger, because of this.
    Waiting(String),
}

impl Home {
    /// Makes a change of the trust lists with its events: notes them, makes the change, enters them.
    ///
    /// # Errors
    /// What `change` returns: then the events are forgotten. [`ProvenanceError::Io`] when they cannot be noted: then the
    /// change is not made.
    pub fn change_trust<T>(
        &self,
        events: &[EventKind],
        passphrase: Option<Passphrase>,
        now: i64,
        change: impl FnOnce() -> Result<T, ProvenanceError>,
    ) -> Result<(T, TrustTold), ProvenanceError> {
        if !self.has_keys() {
            return Ok((change()?, TrustTold::NoLedger));
        }
        let changed = wait(self, now, events)?.settle(change())?;
        let entered = KeyStore::open_to_write(&self.keys(), passphrase, now)
            .map_err(ProvenanceError::from)
            .and_then(|keys| self.open_ledger(&keys))
            .and_then(|ledger| enter(self, &ledger));
        let told = match entered {
            Ok(count) => TrustTold::Entered(count),
            Err(error) => TrustTold::Waiting(error.to_string()),
        };
        Ok((changed, told))
    }

    /// The event of taking a list in.
    ///
    /// # Errors
    /// [`ProvenanceError::Trust`] for a list that has no written form.
    pub fn list_taken_in(list: &ListFile) -> Result<EventKind, ProvenanceError> {
        Ok(EventKind::TrustList(TrustListEvent {
            imported: true,
            name: list.name.clone(),
            sha256: Sha256::digest(list.text()?).into(),
        }))
    }

    /// The event of removing a list; `None` when this home has none of that name.
    pub fn list_removed(&self, name: &str) -> Option<EventKind> {
        let bytes = fs::read(self.trust().join(format!("{name}.toml"))).ok()?;
        Some(EventKind::TrustList(TrustListEvent {
            imported: false,
            name: name.to_owned(),
            sha256: Sha256::digest(bytes).into(),
        }))
    }

    /// The events of revoking certificates: of those that are not on the list already, or otherwise.
    ///
    /// # Errors
    /// As [`Revocations::load`].
    pub fn certificates_revoked(
        &self,
        entries: &[RevokedCertificate],
    ) -> Result<Vec<EventKind>, ProvenanceError> {
        of_revocations(self, entries)
    }
}

/// See [`Home::certificates_revoked`].
pub(crate) fn of_revocations(
    home: &Home,
    entries: &[RevokedCertificate],
) -> Result<Vec<EventKind>, ProvenanceError> {
    let known = Revocations::load(Some(home))?;
    let new = entries.iter().filter(|entry| !known.all().contains(entry));
    Ok(new.map(revoked).collect())
}

/// The operator's own words on the reason stay here: only a word of RFC 5280 goes into the log.
fn revoked(entry: &RevokedCertificate) -> EventKind {
    EventKind::CertificateRevoked(CertificateRevoked {
        certificate: match &entry.certificate {
            CertificateName::Sha256(hash) => CertificateRef::Sha256(*hash),
            CertificateName::Serial {
                issuer_sha256,
                serial,
            } => CertificateRef::Serial {
                issuer_sha256: *issuer_sha256,
                serial: serial.clone(),
            },
        },
        reason: RevocationReason::from_word(entry.reason.as_deref().unwrap_or_default()),
        from: entry.from,
    })
}

/// Events that were noted for a change that is about to be made.
pub(crate) struct Waiting {
    /// Length of the file before.
    before: u64,
    /// Held until the change is made: a second process waits.
    file: Option<File>,
}

impl Waiting {
    /// Keeps the events of a change that was made, and forgets those of one that was not.
    pub fn settle<T>(mut self, change: Result<T, ProvenanceError>) -> Result<T, ProvenanceError> {
        if change.is_err()
            && let Some(file) = self.file.take()
        {
            // What stays tells of a change that failed; the failure itself is worse.
            let _ = file.set_len(self.before).and_then(|()| file.sync_all());
        }
        change
    }
}

/// Notes events, durably.
pub(crate) fn wait(
    home: &Home,
    now: i64,
    events: &[EventKind],
) -> Result<Waiting, ProvenanceError> {
    let path = home.trust().join(WAITING);
    let failed = |source| ProvenanceError::Io {
        action: "write",
        path: path.clone(),
        source,
    };
    fs::create_dir_all(home.trust()).map_err(failed)?;
    let mut text = String::new();
    for what in events {
        let event = Event {
            time: now,
            what: what.clone(),
        };
        text += &hex(&event.encode());
        text.push('\n');
    }
    let noted = || {
        let mut file = open(&path)?;
        let before = file.metadata()?.len();
        // What a crash cut off stays a line of its own.
        if before > 0 {
            file.write_all(b"\n")?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        io::Result::Ok((file, before))
    };
    let (file, before) = noted().map_err(failed)?;
    Ok(Waiting {
        before,
        file: Some(file),
    })
}

/// The file of what waits, locked, its position at the end.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    let file = options.open(path)?;
    file.lock()?;
    Ok(file)
}

/// Enters what waits, the oldest first; tells how many.
pub(crate) fn enter(home: &Home, ledger: &Ledger) -> Result<usize, ProvenanceError> {
    let path = home.trust().join(WAITING);
    if !path.is_file() {
        return Ok(0);
    }
    let failed = |source| ProvenanceError::Io {
        action: "read",
        path: path.clone(),
        source,
    };
    let file = open(&path).map_err(failed)?;
    let mut text = String::new();
    (&file)
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let mut entered = 0;
    for line in text.lines() {
        // A line that a crash cut off tells of a change that was not made yet.
        let Some(event) = unhex(line).and_then(|leaf| Event::decode(&leaf).ok()) else {
            continue;
        };
        ledger.append_event(&event)?;
        entered += 1;
    }
    let emptied = file.set_len(0).and_then(|()| file.sync_all());
    emptied.map_err(failed)?;
    Ok(entered)
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = (0..digits.len()).step_by(2);
    let byte = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InitOptions;

    const NOW: i64 = 1_800_000_000;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.init(InitOptions::new(NOW)).unwrap();
        (folder, home)
    }

    fn event(name: &str) -> EventKind {
        EventKind::TrustList(TrustListEvent {
            imported: true,
            name: name.to_owned(),
            sha256: [7; 32],
        })
    }

    fn told(home: &Home) -> Vec<EventKind> {
        let ledger = home.open_ledger_read_only().unwrap();
        let start = ledger.newest(u64::MAX).unwrap().unwrap();
        let events = ledger.events(start, 1_000).unwrap().into_iter();
        let what = events.map(|entry| entry.event.what);
        what.filter(|it| !matches!(it, EventKind::Key(_))).collect()
    }

    #[test]
    fn a_change_is_told_and_one_that_failed_is_not() {
        let (_folder, home) = home();
        let made = home
            .change_trust(&[event("a")], None, NOW, || Ok(1))
            .unwrap();
        assert_eq!(made, (1, TrustTold::Entered(1)));
        let failed = home.change_trust(&[event("b")], None, NOW, || {
            Err::<(), _>(ProvenanceError::NoHome)
        });
        assert!(failed.is_err());
        assert_eq!(told(&home), [event("a")]);
        assert_eq!(fs::metadata(home.trust().join(WAITING)).unwrap().len(), 0);
    }

    #[test]
    fn what_cannot_be_entered_now_is_entered_later_in_order() {
        let (_folder, home) = home();
        drop(wait(&home, NOW, &[event("a"), event("b")]).unwrap());
        // A crash in the middle of a line.
        let path = home.trust().join(WAITING);
        let mut text = fs::read_to_string(&path).unwrap();
        text += "85";
        fs::write(&path, text).unwrap();
        drop(wait(&home, NOW, &[event("c")]).unwrap());
        crate::Issuer::open(&home, None, NOW).unwrap();
        assert_eq!(told(&home), [event("a"), event("b"), event("c")]);
    }

    #[test]
    fn a_home_without_keys_has_no_ledger_to_tell() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let changed = home.change_trust(&[event("a")], None, NOW, || Ok(()));
        assert_eq!(changed.unwrap().1, TrustTold::NoLedger);
        assert!(!home.trust().exists());
    }
}
