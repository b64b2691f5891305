//! The signed list of shards, with names instead of origins.

use colophon_tlog::{
    ListedShard, NoteError, NoteSigner, ShardList, ShardListError, ShardState, VerifierKey,
};

use crate::error::LedgerError;
use crate::shards::{ShardName, shard_key};

/// Bytes read of a list's file: a note has at most 1,000,000.
pub(crate) const MOST_BYTES: u64 = 1_000_001;

/// A shard in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub name: ShardName,
    /// Its key; the key's name is its origin.
    pub key: VerifierKey,
    pub state: ShardState,
}

impl Listed {
    /// A shard that is about to be opened.
    pub fn open(base: &VerifierKey, name: ShardName) -> Result<Self, LedgerError> {
        Ok(Self {
            name,
            key: shard_key(base, name)?,
            state: ShardState::Open,
        })
    }
}

/// Signs a list, the oldest shard first, with the log's key.
pub(crate) fn sign(shards: &[Listed], signer: &dyn NoteSigner) -> Result<Vec<u8>, LedgerError> {
    let listed = shards.iter().map(|shard| ListedShard {
        state: shard.state,
        key: shard.key.clone(),
    });
    let list = ShardList::new(signer.name(), listed.collect()).map_err(|error| damaged(&error))?;
    let note = list.sign(signer).map_err(|error| match error {
        ShardListError::Note(error) => LedgerError::Sign(error.into()),
        other => damaged(&other),
    })?;
    Ok(note.to_string().into_bytes())
}

/// Reads a list that one of the `trusted` keys signed.
pub(crate) fn open(
    note: &[u8],
    trusted: &[VerifierKey],
) -> Result<(Vec<Listed>, VerifierKey), LedgerError> {
    let mut refused = None;
    for key in trusted {
        match ShardList::open(note, key) {
            Ok(list) => return Ok((named(&list)?, key.clone())),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(match refused {
        Some(ShardListError::Note(error @ NoteError::NotSigned(_))) => {
            LedgerError::WrongKey(error.into())
        }
        Some(error) => damaged(&error),
        None => LedgerError::Damaged("there is no key to check the list of shards with".to_owned()),
    })
}

fn named(list: &ShardList) -> Result<Vec<Listed>, LedgerError> {
    let named = list.shards().iter().map(|shard| {
        let name = ShardName::of_origin(list.base(), shard.origin());
        let name = name.ok_or_else(|| {
            let origin = shard.origin();
            LedgerError::Damaged(format!("the list of shards: {origin} is no half-year"))
        })?;
        Ok(Listed {
            name,
            key: shard.key.clone(),
            state: shard.state,
        })
    });
    named.collect()
}

fn damaged(error: &ShardListError) -> LedgerError {
    LedgerError::Damaged(format!("the list of shards: {error}"))
}
