//! What happened to keys, into the ledger.

use colophon_keys::{KeyEvent, KeyEventKind, KeyStore};
use colophon_ledger::{Event, EventKind, KeyAction, Ledger, RevocationReason};

use crate::ProvenanceError;

/// Enters every event that the key folder holds for the ledger, oldest first. Each is durable in the
/// ledger before the folder forgets it: after a crash between the two it is entered again, never
/// lost.
pub(crate) fn enter(keys: &mut KeyStore, ledger: &Ledger) -> Result<usize, ProvenanceError> {
    keys.hand_over_events(|keys, event| {
        ledger.append_event(&entry(keys, event))?;
        Ok(())
    })
}

fn entry(keys: &KeyStore, event: &KeyEvent) -> Event {
    let action = match event.kind {
        KeyEventKind::Created => KeyAction::Created,
        // A new certificate for the same key: it is in use, from now on under that.
        KeyEventKind::Activated | KeyEventKind::Certified => KeyAction::Activated,
        KeyEventKind::Retired => KeyAction::Retired,
        KeyEventKind::Revoked => KeyAction::Revoked {
            reason: RevocationReason::from_word(event.reason.as_deref().unwrap_or_default()),
            from: event.from.unwrap_or(event.at),
        },
    };
    Event {
        time: event.at,
        what: EventKind::Key(colophon_ledger::KeyEvent {
            action,
            role: event.role.name().replace(' ', "-"),
            key_id: id_bytes(&event.key_id),
            public_key: keys.public_key_der(&event.key_id),
        }),
    }
}

/// An id of 64 hex digits as bytes; the 16 of a symmetric key are followed by zeros.
fn id_bytes(id: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..id.len()).step_by(2)) {
        let digits = id.get(at..at + 2).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_digits() {
        let id = "00ff".repeat(16);
        assert_eq!(crate::hex(&id_bytes(&id)), id);
        let short = crate::hex(&id_bytes("0123456789abcdef"));
        assert_eq!(short, format!("0123456789abcdef{}", "0".repeat(48)));
    }
}
