//! Folders of the first version.

use crate::change::Change;
use crate::facts::{FACTS_VERSION, StoredFacts};
use crate::making::Maker;
use crate::{KeyStore, KeysError, Role};

impl KeyStore {
    /// Enters what version 1 did not note, and makes the keys of later roles.
    pub(crate) fn upgrade(&self, now: i64) -> Result<StoredFacts, KeysError> {
        let mut change = Change::begin(&self.dir)?;
        if change.facts.version == FACTS_VERSION {
            // Another process was faster.
            return Ok(change.facts.clone());
        }
        // New files are to open with the same passphrase as the old ones, which this proves.
        self.signing_key(Role::Ledger)?;
        let passphrase = self
            .is_encrypted(Role::Ledger)
            .then_some(self.passphrase.as_ref())
            .flatten();
        let (ledger_name, _, _) = self.verifier_key(Role::Ledger)?;
        let (mut sink, facts) = change.parts();
        facts.version = FACTS_VERSION;
        for key in facts.keys.iter_mut().filter(|key| key.id.is_empty()) {
            key.id = self.public_key_of(key)?.id().to_string();
        }
        let mut maker = Maker {
            sink: &mut sink,
            facts,
            passphrase,
            now,
        };
        maker.later_roles(&ledger_name)?;
        change.commit()
    }
}
