//! The list that ties the shards of a log together: a note signed with the log's base name.
//!
//! A log grows in shards, each a log of its own with its own origin and key. The list names them in order, and what
//! each one was sealed with, so that nobody can leave one out or put another in its place:
//!
//! ```text
//! ledger.example.org colophon-shards/v1
//! ledger.example.org/2026h2 sealed 70000 CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I= ledger.example.org/2026h2+…
//! ledger.example.org/2027h1 open ledger.example.org/2027h1+…
//! ```

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use crate::hash::{Hash, TreeSize, parse_decimal};
use crate::key::{KeyError, NoteSigner, VerifierKey, check_name};
use crate::note::{Note, NoteError};

/// Second word of the header line: the format and its version.
const FORMAT: &str = "colophon-shards/v1";
/// Most shards in a list: two a year for two thousand years.
const MAX_SHARDS: usize = 4096;

/// Whether a shard still grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardState {
    /// It takes records.
    Open,
    /// It takes none any more; this is its last checkpoint.
    Sealed {
        /// Number of leaves.
        size: TreeSize,
        /// Tree hash over them.
        root: Hash,
    },
}

/// One shard in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedShard {
    /// Open or sealed.
    pub state: ShardState,
    /// Key of its checkpoints. Its name is the shard's origin: the log's base name, a slash, and the shard's name of
    /// lower-case letters, digits and dots, such as `2027h1` or `2027h1.2`. The Ed25519 key under that name may be the
    /// same for several shards: a key id covers the name, and a checkpoint its origin.
    pub key: VerifierKey,
}

impl ListedShard {
    /// The shard's origin line.
    pub fn origin(&self) -> &str {
        self.key.name()
    }
}

/// The shards of a log, the oldest first; their names ascend, and only the last may be open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardList {
    base: String,
    shards: Vec<ListedShard>,
}

/// A shard list that cannot be written, read or believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardListError {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The base name.
    #[error("the log's base name: {0}")]
    Base(KeyError),
    /// The signed text is no shard list.
    #[error("line {line} of the shard list: {reason}")]
    Malformed {
        /// Line, counted from 1.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A list of another log.
    #[error("the shard list belongs to the log {found:?}, expected {expected:?}")]
    OtherLog {
        /// Base name wanted.
        expected: String,
        /// Base name found.
        found: String,
    },
    /// The newer list takes back what the older one said.
    #[error("the shard list contradicts an earlier one about {origin}: {reason}")]
    Contradiction {
        /// The shard concerned.
        origin: String,
        /// What was changed.
        reason: &'static str,
    },
}

impl ShardList {
    /// A list of `shards`, the oldest first.
    ///
    /// # Errors
    /// [`ShardListError::Base`], or [`ShardListError::Malformed`] when the shards cannot stand in one list.
    pub fn new(base: &str, shards: Vec<ListedShard>) -> Result<Self, ShardListError> {
        check_name(base).map_err(ShardListError::Base)?;
        let at = |index: usize, reason| ShardListError::Malformed {
            line: index + 2,
            reason,
        };
        if shards.len() > MAX_SHARDS {
            return Err(at(MAX_SHARDS, "more than 4,096 shards"));
        }
        for (index, shard) in shards.iter().enumerate() {
            let name = shard
                .origin()
                .strip_prefix(base)
                .and_then(|rest| rest.strip_prefix('/'));
            let plain = |name: &str| {
                !name.is_empty()
                    && name
                        .bytes()
                        .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'.')
                    && !name.starts_with('.')
                    && !name.ends_with('.')
            };
            if !name.is_some_and(plain) {
                return Err(at(
                    index,
                    "a shard is named like the log, with a slash and lower-case letters, digits and dots",
                ));
            }
            if index > 0 && shards[index - 1].origin() >= shard.origin() {
                return Err(at(index, "the shards are not in ascending order"));
            }
            if shard.state == ShardState::Open && index + 1 != shards.len() {
                return Err(at(index, "an open shard stands before the last one"));
            }
        }
        Ok(Self {
            base: String::from(base),
            shards,
        })
    }

    /// The log's base name.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The shards, the oldest first.
    pub fn shards(&self) -> &[ListedShard] {
        &self.shards
    }

    /// The shard that takes records, if any does.
    pub fn open_shard(&self) -> Option<&ListedShard> {
        self.shards
            .last()
            .filter(|shard| shard.state == ShardState::Open)
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        let mut text = format!("{} {FORMAT}\n", self.base);
        for shard in &self.shards {
            text.push_str(&shard.to_string());
            text.push('\n');
        }
        text
    }

    /// Signs the list with the log's list key, whose name must be the base name.
    ///
    /// # Errors
    /// [`ShardListError::OtherLog`] for a key of another name, [`ShardListError::Note`] from the signer.
    pub fn sign(&self, signer: &dyn NoteSigner) -> Result<Note, ShardListError> {
        self.is_of(signer.verifier_key())?;
        Ok(Note::sign(&self.text(), signer)?)
    }

    /// Reads the text of a note; every other spelling of the same list is refused.
    ///
    /// # Errors
    /// [`ShardListError::Malformed`], [`ShardListError::Base`].
    pub fn parse_text(text: &str) -> Result<Self, ShardListError> {
        let malformed = |line, reason| ShardListError::Malformed { line, reason };
        let body = text
            .strip_suffix('\n')
            .ok_or(malformed(1, "no newline at the end"))?;
        let mut lines = body.split('\n');
        let base = lines
            .next()
            .and_then(|line| line.strip_suffix(FORMAT))
            .and_then(|line| line.strip_suffix(' '))
            .ok_or(malformed(
                1,
                "expected the log's base name and 'colophon-shards/v1'",
            ))?;
        let shards = lines
            .take(MAX_SHARDS + 1)
            .enumerate()
            .map(|(index, line)| {
                parse_shard(line).ok_or(malformed(
                    index + 2,
                    "expected 'NAME open KEY' or 'NAME sealed SIZE ROOT KEY'",
                ))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::new(base, shards)
    }

    /// Reads a signed list and checks the signature of `key` and that the list bears the key's name.
    ///
    /// # Errors
    /// [`ShardListError`] naming what is wrong.
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, ShardListError> {
        let note = Note::parse(note)?;
        let list = Self::parse_text(note.verify(key)?)?;
        list.is_of(key)?;
        Ok(list)
    }

    fn is_of(&self, key: &VerifierKey) -> Result<(), ShardListError> {
        if key.name() == self.base {
            return Ok(());
        }
        Err(ShardListError::OtherLog {
            expected: String::from(key.name()),
            found: self.base.clone(),
        })
    }

    /// Checks that this list only adds to `earlier`: every shard is still there in its place, with its key; an open one
    /// may have been sealed, a sealed one is unchanged.
    ///
    /// # Errors
    /// [`ShardListError::OtherLog`], [`ShardListError::Contradiction`].
    pub fn follows(&self, earlier: &Self) -> Result<(), ShardListError> {
        if self.base != earlier.base {
            return Err(ShardListError::OtherLog {
                expected: earlier.base.clone(),
                found: self.base.clone(),
            });
        }
        for (index, old) in earlier.shards.iter().enumerate() {
            let contradiction = |reason| ShardListError::Contradiction {
                origin: String::from(old.origin()),
                reason,
            };
            let new = self
                .shards
                .get(index)
                .filter(|new| new.origin() == old.origin())
                .ok_or(contradiction("it is gone from its place"))?;
            if new.key != old.key {
                return Err(contradiction("its key was changed"));
            }
            if old.state != ShardState::Open && new.state != old.state {
                return Err(contradiction("it was sealed, and now has another state"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for ListedShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (origin, key) = (self.origin(), &self.key);
        match self.state {
            ShardState::Open => write!(f, "{origin} open {key}"),
            ShardState::Sealed { size, root } => {
                write!(f, "{origin} sealed {size} {} {key}", root.to_base64())
            }
        }
    }
}

fn parse_shard(line: &str) -> Option<ListedShard> {
    let words: Vec<&str> = line.splitn(6, ' ').collect();
    let (state, key) = match words[..] {
        [_, "open", key] => (ShardState::Open, key),
        [_, "sealed", size, root, key] => {
            let size = TreeSize(parse_decimal(size)?);
            let root = Hash::from_base64(root).ok()?;
            (ShardState::Sealed { size, root }, key)
        }
        _ => return None,
    };
    let key = key.parse().ok()?;
    let shard = ListedShard { state, key };
    // One form only: what does not write back as it was read is refused.
    (shard.to_string() == line).then_some(shard)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Ed25519Signer;
    use alloc::vec;
    use proptest::prelude::*;

    const BASE: &str = "ledger.example.org";

    fn signer(name: &str, seed: u8) -> Ed25519Signer {
        Ed25519Signer::from_seed(name, &[seed; 32]).unwrap()
    }

    fn shard(name: &str, seed: u8, state: ShardState) -> ListedShard {
        let key = signer(&format!("{BASE}/{name}"), seed)
            .verifier_key()
            .clone();
        ListedShard { state, key }
    }

    fn sealed(size: u64) -> ShardState {
        ShardState::Sealed {
            size: TreeSize(size),
            root: Hash::empty_tree(),
        }
    }

    fn list() -> ShardList {
        let shards = vec![
            shard("2026h2", 1, sealed(70_000)),
            shard("2027h1", 2, ShardState::Open),
        ];
        ShardList::new(BASE, shards).unwrap()
    }

    #[test]
    fn golden_text_and_round_trip() {
        let (list, text) = (list(), list().text());
        let (first, second) = (&list.shards[0].key, &list.shards[1].key);
        assert_eq!(
            text,
            format!(
                "ledger.example.org colophon-shards/v1\n\
                 ledger.example.org/2026h2 sealed 70000 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= {first}\n\
                 ledger.example.org/2027h1 open {second}\n"
            )
        );
        let note = list.sign(&signer(BASE, 9)).unwrap().to_string();
        let read = ShardList::open(note.as_bytes(), signer(BASE, 9).verifier_key()).unwrap();
        assert_eq!(read, list);
        assert_eq!(
            read.open_shard().unwrap().origin(),
            "ledger.example.org/2027h1"
        );
        let empty = ShardList::new(BASE, vec![]).unwrap();
        assert_eq!(ShardList::parse_text(&empty.text()), Ok(empty));
    }

    #[test]
    fn only_the_logs_own_key_signs_its_list() {
        let other = signer("other.example.org", 9);
        assert!(matches!(
            list().sign(&other),
            Err(ShardListError::OtherLog { .. })
        ));
        let note = Note::sign(&list().text(), &other).unwrap().to_string();
        assert!(matches!(
            ShardList::open(note.as_bytes(), other.verifier_key()),
            Err(ShardListError::OtherLog { .. })
        ));
        assert!(matches!(
            ShardList::open(note.as_bytes(), signer(BASE, 9).verifier_key()),
            Err(ShardListError::Note(NoteError::NotSigned(_)))
        ));
    }

    #[test]
    fn odd_lists_are_refused_with_their_line() {
        let open = || ShardState::Open;
        let new = |shards| ShardList::new(BASE, shards);
        let line = |result: Result<ShardList, ShardListError>| match result {
            Err(ShardListError::Malformed { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        let (a, b) = (shard("2026h1", 1, sealed(1)), shard("2026h2", 2, open()));
        assert_eq!(line(new(vec![b.clone(), a.clone()])), 2);
        let reversed = vec![shard("2026h2", 2, sealed(2)), a.clone()];
        assert_eq!(line(new(reversed)), 3);
        assert_eq!(line(new(vec![a.clone(), a.clone()])), 3);
        let second = shard("2026h1.2", 1, open());
        assert!(new(vec![a, second]).is_ok(), "one key under two names");
        for name in ["", "2026H1", "2026h1/x", "20 26", "2026h1.", ".."] {
            let key = VerifierKey::new(
                &format!("{BASE}/{name}"),
                signer("x", 1).verifier_key().public_key(),
            );
            let Ok(key) = key else { continue };
            let state = ShardState::Open;
            assert_eq!(line(new(vec![ListedShard { state, key }])), 2, "{name}");
        }
        assert!(matches!(
            ShardList::new("a b", vec![]),
            Err(ShardListError::Base(_))
        ));
        let text = list().text();
        for bad in [
            text.replacen("/v1", "/v2", 1),
            text.replacen(" open ", " shut ", 1),
            text.replacen(" open ", "  open ", 1),
            text.replacen("70000", "070000", 1),
            text.replacen("/2027h1 open", "/2027h2 open", 1),
            format!("{text}\n"),
            text.trim_end().to_string(),
            String::new(),
        ] {
            assert!(ShardList::parse_text(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn later_lists_add_and_take_nothing_back() {
        let with = |shards: Vec<ListedShard>| ShardList::new(BASE, shards).unwrap();
        let (first, second) = (list().shards()[0].clone(), list().shards()[1].clone());
        let grown = with(vec![
            first.clone(),
            shard("2027h1", 2, sealed(5)),
            shard("2027h2", 3, ShardState::Open),
        ]);
        assert_eq!(grown.follows(&list()), Ok(()));
        assert_eq!(list().follows(&list()), Ok(()));
        for (later, reason) in [
            (with(vec![first.clone()]), "gone"),
            (with(vec![second.clone()]), "gone"),
            (
                with(vec![shard("2026h2", 1, sealed(69_999)), second.clone()]),
                "sealed",
            ),
            (
                with(vec![first, shard("2027h1", 8, ShardState::Open)]),
                "key",
            ),
        ] {
            let error = later.follows(&list()).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert!(list().follows(&grown).is_err());
    }

    proptest! {
        #[test]
        fn altered_texts_are_refused_or_another_list(at: proptest::sample::Index, byte in 0_u8..128) {
            let mut text = list().text().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            let text = String::from_utf8(text).unwrap();
            if let Ok(read) = ShardList::parse_text(&text) {
                prop_assert_eq!(read.text(), text);
            }
        }

        #[test]
        fn any_text_parses_without_panic(text in "(a colophon-shards/v1|\n|a/b|open|sealed| |[0-9]{1,3}|[A-Za-z+]{4}){0,20}") {
            if let Ok(read) = ShardList::parse_text(&text) {
                prop_assert_eq!(read.text(), text);
            }
        }
    }
}
