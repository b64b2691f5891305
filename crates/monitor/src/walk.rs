//! Over a whole ledger: its list of shards, and the log of each.

use std::collections::BTreeMap;

use colophon_tlog::{Hash, Note, ShardList, ShardListError, ShardState, TreeSize, VerifierKey};

use crate::alarm::{Broken, Trouble};
use crate::follow::{Shown, Visitor, follow};
use crate::source::{MOST_NOTE, Source};

/// The signed list of shards, below the ledger's address.
pub const LIST: &str = "shards";

/// What was seen of a ledger up to now: believed, because it was signed and never contradicted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The list of shards and the key that signed it; `None` of a log without shards.
    pub list: Option<(Note, VerifierKey)>,
    /// The logs by origin.
    pub logs: BTreeMap<String, KnownLog>,
}

/// What was seen of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLog {
    /// The key of its checkpoints.
    pub key: VerifierKey,
    /// Its last checkpoint.
    pub shown: Shown,
    /// Whether its last entry seals it.
    pub sealed: bool,
}

/// One log of a ledger on the walk.
pub(crate) struct Log<'a> {
    /// Below the ledger's address: empty, or a folder with a slash.
    pub(crate) prefix: &'a str,
    /// Its key; the key's name is its origin.
    pub(crate) key: &'a VerifierKey,
    /// The shard before it: origin and final state. `None` for the first shard.
    pub(crate) previous: Option<(&'a str, TreeSize, Hash)>,
    /// The ledger's name; `None` of a log that is no shard.
    pub(crate) base: Option<&'a str>,
    /// What was seen of it.
    pub(crate) known: Option<&'a KnownLog>,
}

/// Who goes along.
pub(crate) trait Guide {
    /// A log begins.
    fn enter(&mut self, log: &Log<'_>) -> Result<(), Trouble>;

    /// Told of what the log holds.
    fn visitor(&mut self) -> &mut dyn Visitor;

    /// A log ends well at this checkpoint; whether its last entry seals it.
    fn leave(&mut self, log: &Log<'_>, shown: &Shown) -> Result<bool, Trouble>;

    /// The list fits all logs.
    fn listed(&mut self, note: &Note) -> Result<(), Trouble>;
}

/// Follows the ledger of `key` from `known` on, which is brought up to date log by log, so that what was checked
/// before trouble is not checked again.
pub(crate) fn walk(
    source: &dyn Source,
    key: &VerifierKey,
    known: &mut Known,
    guide: &mut dyn Guide,
) -> Result<(), Trouble> {
    let bytes = source.get(LIST, MOST_NOTE).map_err(Trouble::Source)?;
    let Some(bytes) = bytes else {
        if let Some((note, _)) = &known.list {
            let missing = Broken::Missing(LIST.to_owned());
            return Err(Trouble::from(missing).of(key.name(), Some(note), None));
        }
        let seen = known.logs.get(key.name()).cloned();
        let log = Log {
            prefix: "",
            key,
            previous: None,
            base: None,
            known: seen.as_ref(),
        };
        return one(source, &log, known, guide);
    };
    let (note, list) = open_list(&bytes, key, known)?;
    shards(source, &list, known, guide)
        .map_err(|trouble| trouble.of(key.name(), None, Some(&note)))?;
    guide.listed(&note)?;
    known.list = Some((note, key.clone()));
    Ok(())
}

/// Reads the list and holds it against the one seen.
fn open_list(bytes: &[u8], key: &VerifierKey, known: &Known) -> Result<(Note, ShardList), Trouble> {
    let before = known.list.as_ref().map(|(note, _)| note);
    let note = Note::parse(bytes);
    let opened = ShardList::open(bytes, key).and_then(|list| {
        if let Some(before) = before {
            list.follows(&ShardList::parse_text(before.text())?)?;
        }
        Ok(list)
    });
    match (note, opened) {
        (Ok(note), Ok(list)) => Ok((note, list)),
        (note, Err(error)) => {
            let what = error.to_string();
            let broken = match error {
                ShardListError::Note(_) => Broken::Unsigned(what),
                _ => Broken::Shards(what),
            };
            Err(Trouble::from(broken).of(key.name(), before, note.ok().as_ref()))
        }
        (Err(error), Ok(_)) => Err(Broken::Unsigned(error.to_string()).into()),
    }
}

fn shards(
    source: &dyn Source,
    list: &ShardList,
    known: &mut Known,
    guide: &mut dyn Guide,
) -> Result<(), Trouble> {
    let mut previous = None;
    for shard in list.shards() {
        let name = shard.origin().strip_prefix(list.base()).unwrap_or_default();
        let prefix = format!("{}/", name.trim_start_matches('/'));
        let seen = known.logs.get(shard.origin()).cloned();
        let log = Log {
            prefix: &prefix,
            key: &shard.key,
            previous,
            base: Some(list.base()),
            known: seen.as_ref(),
        };
        let begun = one(source, &log, known, guide);
        match (begun, shard.state) {
            (Ok(()), ShardState::Open) => {}
            // Named in the list before its first entry.
            (Err(Trouble::Alarm(alarm)), ShardState::Open)
                if seen.is_none()
                    && alarm.broken == Broken::Missing(format!("{prefix}checkpoint")) => {}
            (Ok(()), ShardState::Sealed { size, root }) => {
                let ended = known.logs.get(shard.origin()).map(|log| &log.shown);
                if ended.is_none_or(|it| it.checkpoint.size != size || it.checkpoint.root != root) {
                    let what = format!(
                        "{} does not end as the list says that it was sealed",
                        shard.origin()
                    );
                    return Err(Trouble::from(Broken::Shards(what)).of(
                        shard.origin(),
                        None,
                        ended.map(|it| &it.note),
                    ));
                }
                previous = Some((shard.origin(), size, root));
            }
            (Err(trouble), _) => return Err(trouble),
        }
    }
    Ok(())
}

fn one(
    source: &dyn Source,
    log: &Log<'_>,
    known: &mut Known,
    guide: &mut dyn Guide,
) -> Result<(), Trouble> {
    if log.known.is_some_and(|known| known.key != *log.key) {
        let what = format!("{} has another key than before", log.key.name());
        return Err(Broken::Shards(what).into());
    }
    guide.enter(log)?;
    let seen = log.known.map(|known| &known.shown);
    let shown = follow(source, log.prefix, log.key, seen, guide.visitor())?;
    let sealed = guide.leave(log, &shown).map_err(|trouble| {
        trouble.of(
            log.key.name(),
            seen.map(|seen| &seen.note),
            Some(&shown.note),
        )
    })?;
    known.logs.insert(
        log.key.name().to_owned(),
        KnownLog {
            key: log.key.clone(),
            shown,
            sealed,
        },
    );
    Ok(())
}
