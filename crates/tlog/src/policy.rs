//! Whom to believe (C2SP `tlog-policy`): the logs, the witnesses, and how many of them must have cosigned.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::cosignature::UnixTime;
use crate::key::{CosignerKey, KeyError, VerifierKey};
use crate::note::{Note, NoteError};

/// Longest policy accepted, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Most logs, witnesses and groups, of each; the specification asks for at least 32.
const MAX_ITEMS: usize = 256;

/// A log that the policy accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key; the key's name is the origin line.
    pub key: VerifierKey,
    /// Where it is, if the policy says so.
    pub url: Option<String>,
}

/// A witness that the policy knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// Its name within the policy.
    pub name: String,
    /// Its key.
    pub key: CosignerKey,
    /// Prefix of its `add-checkpoint` address, if the policy says so.
    pub url: Option<String>,
}

/// A member of a group, or the quorum itself: an index into the policy's witnesses or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// Met when `threshold` of `members` are; members stand on earlier lines.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    threshold: usize,
    members: Vec<Member>,
}

/// A trust policy. Parsing keeps to the specification, and beyond it refuses a witness that has a log's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessPolicy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    /// `None` for `quorum none`.
    quorum: Option<Member>,
}

/// A policy text that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the trust policy: {reason}")]
pub struct PolicyError {
    /// Line, counted from 1; the last one when something is missing.
    pub line: usize,
    /// What is wrong there.
    pub reason: PolicyErrorReason,
}

/// What is wrong with a line of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyErrorReason {
    /// Too large a file, or too many items.
    #[error("the policy is too large: at most 64 KiB and 256 logs, witnesses and groups each")]
    TooLarge,
    /// A control character, or text that is not UTF-8 outside a comment.
    #[error("control characters are not allowed, and text must be UTF-8")]
    Text,
    /// Not one of the four kinds of line.
    #[error(
        "expected 'log KEY [URL]', 'witness NAME KEY [URL]', 'group NAME all|any|NUMBER MEMBER...' or 'quorum NAME'"
    )]
    Form,
    /// A key that cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The same public key twice.
    #[error("this public key stands on an earlier line already")]
    DuplicateKey,
    /// A name that is taken, or `none`.
    #[error("the name {0:?} is taken: choose another")]
    DuplicateName(String),
    /// A name that no earlier line defines.
    #[error("no earlier line defines {0:?}")]
    UnknownName(String),
    /// A member of two groups, or of one group twice.
    #[error("{0:?} is a member of a group already: a witness must not count twice")]
    MemberTwice(String),
    /// A threshold of zero, above the number of members, or no number.
    #[error("the threshold must be 'any', 'all' or a number from 1 to the number of members")]
    Threshold,
    /// Two quorum lines.
    #[error("there is a quorum line already")]
    SecondQuorum,
    /// No quorum line.
    #[error("no quorum line: write 'quorum NAME', or 'quorum none' to ask for no witness")]
    NoQuorum,
}

/// A witness's cosignature that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// The witness's name within the policy.
    pub name: String,
    /// When it cosigned, by its own clock.
    pub time: UnixTime,
}

/// A checkpoint that a policy accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// What the log signed.
    pub checkpoint: Checkpoint,
    /// Every known witness that cosigned, in the policy's order, beyond the quorum too.
    pub witnesses: Vec<Witnessed>,
}

/// Why a policy does not accept a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotMet {
    /// No checkpoint, or not signed as it should be. A wrong signature of a known log or witness spoils the whole.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// No listed log has this origin and signed it.
    #[error("no log of the trust policy signed this checkpoint of {origin:?}")]
    UnknownLog {
        /// Origin line found.
        origin: String,
    },
    /// Too few witnesses.
    #[error(
        "too few witnesses cosigned this checkpoint: {} did, these did not: {}",
        names(witnessed),
        missing.join(", ")
    )]
    Quorum {
        /// The witnesses that did.
        witnessed: Vec<Witnessed>,
        /// Names of the witnesses that did not.
        missing: Vec<String>,
    },
}

fn names(witnessed: &[Witnessed]) -> String {
    match witnessed {
        [] => String::from("none"),
        some => some
            .iter()
            .map(|witness| witness.name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    }
}

impl From<NoteError> for NotMet {
    fn from(error: NoteError) -> Self {
        Self::Checkpoint(error.into())
    }
}

impl WitnessPolicy {
    /// The accepted logs; empty when the log is known from elsewhere.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The known witnesses.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Reads a policy of at most 64 KiB.
    ///
    /// # Errors
    /// [`PolicyError`] with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > MAX_BYTES {
            let reason = PolicyErrorReason::TooLarge;
            return Err(PolicyError { line: 1, reason });
        }
        let mut parser = Parser::default();
        let mut count = 0;
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            count += 1;
            parser.line(line).map_err(|reason| PolicyError {
                line: index + 1,
                reason,
            })?;
        }
        if parser.quorum_seen {
            return Ok(parser.policy);
        }
        let reason = PolicyErrorReason::NoQuorum;
        Err(PolicyError {
            line: count,
            reason,
        })
    }

    /// Checks a signed checkpoint: signed by a listed log, cosigned by a quorum.
    ///
    /// # Errors
    /// [`NotMet`].
    pub fn check(&self, note: &Note) -> Result<Met, NotMet> {
        let checkpoint = Checkpoint::parse_text(note.text())?;
        let of_origin = self
            .logs
            .iter()
            .filter(|log| log.key.name() == checkpoint.origin);
        let mut signed = false;
        for log in of_origin {
            match note.verify(&log.key) {
                Ok(_) => signed = true,
                Err(NoteError::NotSigned(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !signed {
            let origin = checkpoint.origin;
            return Err(NotMet::UnknownLog { origin });
        }
        let witnesses = self.check_quorum(note)?;
        Ok(Met {
            checkpoint,
            witnesses,
        })
    }

    /// Checks a signed checkpoint of a log that is known from elsewhere: signed by `log`, whatever logs the policy
    /// lists, and cosigned by a quorum.
    ///
    /// # Errors
    /// [`NotMet`].
    pub fn check_log(&self, note: &Note, log: &VerifierKey) -> Result<Met, NotMet> {
        let checkpoint = Checkpoint::of_note(note, log)?;
        let witnesses = self.check_quorum(note)?;
        Ok(Met {
            checkpoint,
            witnesses,
        })
    }

    /// Checks the cosignatures alone and lists them; whether the log signed is left to the caller.
    ///
    /// # Errors
    /// [`NotMet::Quorum`]; [`NotMet::Checkpoint`] for a wrong cosignature of a known witness.
    pub fn check_quorum(&self, note: &Note) -> Result<Vec<Witnessed>, NotMet> {
        let mut times = Vec::with_capacity(self.witnesses.len());
        for witness in &self.witnesses {
            times.push(match note.verify_cosignature(&witness.key) {
                Ok(time) => Some(time),
                Err(NoteError::NotSigned(_)) => None,
                Err(error) => return Err(error.into()),
            });
        }
        let pairs = || self.witnesses.iter().zip(&times);
        let witnessed = pairs().filter_map(|(witness, time)| {
            Some(Witnessed {
                name: witness.name.clone(),
                time: (*time)?,
            })
        });
        let witnessed = witnessed.collect();
        if self.quorum_of(&times) {
            return Ok(witnessed);
        }
        let missing = pairs()
            .filter(|(_, time)| time.is_none())
            .map(|(witness, _)| witness.name.clone())
            .collect();
        Err(NotMet::Quorum { witnessed, missing })
    }

    /// Groups only name earlier ones, so one pass in order decides them all.
    fn quorum_of(&self, times: &[Option<UnixTime>]) -> bool {
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups.len());
        let met = |member: Member, groups: &[bool]| match member {
            Member::Witness(index) => times[index].is_some(),
            Member::Group(index) => groups[index],
        };
        for group in &self.groups {
            let count = group
                .members
                .iter()
                .filter(|member| met(**member, &groups))
                .count();
            groups.push(count >= group.threshold);
        }
        self.quorum.is_none_or(|quorum| met(quorum, &groups))
    }
}

/// A policy in the making.
struct Parser {
    policy: WitnessPolicy,
    names: BTreeMap<String, Member>,
    /// Names that a group has as members.
    taken: Vec<Member>,
    quorum_seen: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Self {
            policy: WitnessPolicy {
                logs: Vec::new(),
                witnesses: Vec::new(),
                groups: Vec::new(),
                quorum: None,
            },
            names: BTreeMap::new(),
            taken: Vec::new(),
            quorum_seen: false,
        }
    }
}

impl Parser {
    fn line(&mut self, line: &[u8]) -> Result<(), PolicyErrorReason> {
        if line
            .iter()
            .any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f)
        {
            return Err(PolicyErrorReason::Text);
        }
        // A comment may hold any octets; everything else must be text, because names are shown.
        let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
        let Some(start) = start.filter(|start| line[*start] != b'#') else {
            return Ok(());
        };
        let text = core::str::from_utf8(&line[start..]).map_err(|_| PolicyErrorReason::Text)?;
        let items: Vec<&str> = text
            .split([' ', '\t'])
            .filter(|item| !item.is_empty())
            .collect();
        match items[..] {
            ["log", key] => self.log(key, None),
            ["log", key, url] => self.log(key, Some(url)),
            ["witness", name, key] => self.witness(name, key, None),
            ["witness", name, key, url] => self.witness(name, key, Some(url)),
            ["group", name, threshold, ref members @ ..] => self.group(name, threshold, members),
            ["quorum", name] => self.quorum(name),
            _ => Err(PolicyErrorReason::Form),
        }
    }

    fn log(&mut self, key: &str, url: Option<&str>) -> Result<(), PolicyErrorReason> {
        let key: VerifierKey = key.parse()?;
        self.fresh_key(key.public_key())?;
        self.policy.logs.push(PolicyLog {
            key,
            url: url.map(String::from),
        });
        bounded(self.policy.logs.len())
    }

    fn witness(
        &mut self,
        name: &str,
        key: &str,
        url: Option<&str>,
    ) -> Result<(), PolicyErrorReason> {
        let key: CosignerKey = key.parse()?;
        self.fresh_key(key.public_key())?;
        self.define(name, Member::Witness(self.policy.witnesses.len()))?;
        self.policy.witnesses.push(PolicyWitness {
            name: String::from(name),
            key,
            url: url.map(String::from),
        });
        bounded(self.policy.witnesses.len())
    }

    /// Whoever holds two lines' key would count twice, or witness himself.
    fn fresh_key(&self, key: &[u8; 32]) -> Result<(), PolicyErrorReason> {
        let logs = self.policy.logs.iter().map(|log| log.key.public_key());
        let witnesses = self.policy.witnesses.iter();
        let mut known = logs.chain(witnesses.map(|witness| witness.key.public_key()));
        if known.any(|other| other == key) {
            Err(PolicyErrorReason::DuplicateKey)
        } else {
            Ok(())
        }
    }

    fn define(&mut self, name: &str, member: Member) -> Result<(), PolicyErrorReason> {
        if name == "none" || self.names.contains_key(name) {
            return Err(PolicyErrorReason::DuplicateName(String::from(name)));
        }
        self.names.insert(String::from(name), member);
        Ok(())
    }

    fn known(&self, name: &str) -> Result<Member, PolicyErrorReason> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| PolicyErrorReason::UnknownName(name.to_string()))
    }

    fn group(
        &mut self,
        name: &str,
        threshold: &str,
        names: &[&str],
    ) -> Result<(), PolicyErrorReason> {
        let mut members = Vec::new();
        for member in names {
            let known = self.known(member)?;
            if self.taken.contains(&known) {
                return Err(PolicyErrorReason::MemberTwice(String::from(*member)));
            }
            self.taken.push(known);
            members.push(known);
        }
        let threshold = match threshold {
            "any" => Some(1),
            "all" => Some(members.len()),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok(),
            _ => None,
        };
        let threshold = threshold
            .filter(|count| (1..=members.len()).contains(count))
            .ok_or(PolicyErrorReason::Threshold)?;
        self.define(name, Member::Group(self.policy.groups.len()))?;
        self.policy.groups.push(Group { threshold, members });
        bounded(self.policy.groups.len())
    }

    fn quorum(&mut self, name: &str) -> Result<(), PolicyErrorReason> {
        if self.quorum_seen {
            return Err(PolicyErrorReason::SecondQuorum);
        }
        self.quorum_seen = true;
        self.policy.quorum = match name {
            "none" => None,
            name => Some(self.known(name)?),
        };
        Ok(())
    }
}

fn bounded(count: usize) -> Result<(), PolicyErrorReason> {
    if count > MAX_ITEMS {
        Err(PolicyErrorReason::TooLarge)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
