//! What people say of the checks: one file a message below the home, read by its operator alone.
//!
//! A message holds what was written and nothing that was not: no address, no key, no picture. How to reach somebody is
//! kept when they ask for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use colophon_imaging::write_atomic;
use colophon_provenance::{Home, rfc3339};
use serde::{Deserialize, Serialize};

/// Most messages that are kept.
pub const MOST_MESSAGES: usize = 5_000;
/// Longest text of a message, characters.
pub const MOST_TEXT: usize = 4_000;
/// Longest way to reach somebody, characters.
const MOST_CONTACT: usize = 200;
/// Longest id of a rule, bytes.
const MOST_RULE: usize = 100;
/// Longest file of a message that is read, bytes.
const MOST_FILE: u64 = 64 << 10;
/// The end of a message's file.
const EXTENSION: &str = "json";

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeedbackKind {
    /// Evidence of an origin was found that the picture does not have.
    WrongFinding,
    /// Evidence that the picture has was not found.
    Missed,
    /// The report cannot be understood.
    Unclear,
    /// Something else.
    Other,
}

/// A message as it comes in.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Feedback)]
pub struct NewMessage {
    /// What it is about.
    pub kind: FeedbackKind,
    /// What is to be said, 1 to 4,000 characters.
    #[schema(min_length = 1, max_length = 4000)]
    pub text: String,
    /// Id of the rule in the report (`verdict.rule`).
    pub rule: Option<String>,
    /// SHA-256 of the file, as the report has it (`container.sha256`): it tells whoever has the same file which one it
    /// was, and nothing to others.
    pub sha256: Option<String>,
    /// How to reach whoever writes. Taken only with `contact_consent`.
    pub contact: Option<String>,
    /// Whether `contact` is to be kept, to be asked back.
    #[serde(default)]
    pub contact_consent: bool,
}

/// A message that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its name.
    pub id: String,
    /// When it came, RFC 3339.
    pub received_at: String,
    /// What it is about.
    pub kind: FeedbackKind,
    /// What was said.
    pub text: String,
    /// Id of the rule in the report.
    pub rule: Option<String>,
    /// SHA-256 of the file, hex.
    pub sha256: Option<String>,
    /// How to reach whoever wrote it, who asked to be.
    pub contact: Option<String>,
}

/// Why a message was not kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedbackError {
    /// It cannot be taken as it is.
    #[error("{field}: {reason}")]
    Refused {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no room for more.
    #[error(
        "{MOST_MESSAGES} messages are kept, and no more; `colophon feedback remove` makes room"
    )]
    Full,
    /// There is no such message.
    #[error("there is no message {0:?}; `colophon feedback list` shows those that there are")]
    Unknown(String),
    /// The folder cannot be used.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A message cannot be written.
    #[error(transparent)]
    Write(#[from] colophon_imaging::ImagingError),
}

/// The messages of a home.
#[derive(Debug)]
pub struct Feedback {
    folder: PathBuf,
    /// One message at a time is counted and written.
    writing: Mutex<()>,
}

impl Feedback {
    /// Those of this home; nothing is created before the first one comes.
    pub fn of(home: &Home) -> Self {
        Self {
            folder: home.root.join("feedback"),
            writing: Mutex::new(()),
        }
    }

    /// Keeps a message that came at `now`, Unix seconds; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`FeedbackError`].
    pub fn add(&self, message: NewMessage, now: i64) -> Result<Message, FeedbackError> {
        let message = message.checked(now)?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.create()?;
        if self.names()?.len() >= MOST_MESSAGES {
            return Err(FeedbackError::Full);
        }
        // Text that was checked always has a JSON form.
        let bytes = serde_json::to_vec(&message).unwrap_or_default();
        write_atomic(&self.file(&message.id), &bytes, false)?;
        Ok(message)
    }

    /// Every message, the oldest first. One that somebody has damaged is left out.
    ///
    /// # Errors
    /// [`FeedbackError::Io`].
    pub fn list(&self) -> Result<Vec<Message>, FeedbackError> {
        let read = |id: String| {
            let path = self.file(&id);
            let about = fs::metadata(&path)
                .ok()
                .filter(|it| it.len() <= MOST_FILE)?;
            let bytes = about.is_file().then(|| fs::read(&path).ok())??;
            serde_json::from_slice(&bytes).ok()
        };
        Ok(self.names()?.into_iter().filter_map(read).collect())
    }

    /// Removes a message.
    ///
    /// # Errors
    /// [`FeedbackError::Unknown`], [`FeedbackError::Io`].
    pub fn remove(&self, id: &str) -> Result<(), FeedbackError> {
        if !self.names()?.iter().any(|name| name == id) {
            return Err(FeedbackError::Unknown(id.chars().take(60).collect()));
        }
        let path = self.file(id);
        fs::remove_file(&path).map_err(|source| failed("remove", &path, source))
    }

    fn file(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.{EXTENSION}"))
    }

    /// Messages may hold what was told in confidence: nobody else on the machine reads them.
    fn create(&self) -> Result<(), FeedbackError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(&self.folder);
        made.map_err(|source| failed("create", &self.folder, source))
    }

    /// The ids of the messages, in order.
    fn names(&self) -> Result<Vec<String>, FeedbackError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed("read", &self.folder, source)),
        };
        let id = |entry: io::Result<fs::DirEntry>| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let id = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
            id.starts_with('f').then(|| id.to_owned())
        };
        let mut names: Vec<String> = entries.filter_map(id).collect();
        names.sort();
        Ok(names)
    }
}

impl NewMessage {
    fn checked(self, now: i64) -> Result<Message, FeedbackError> {
        let refused = |field, reason: String| Err(FeedbackError::Refused { field, reason });
        let text = self.text.trim();
        if text.is_empty() || text.chars().count() > MOST_TEXT {
            return refused("text", format!("it must have 1 to {MOST_TEXT} characters"));
        }
        let is_rule = |rule: &String| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=MOST_RULE).contains(&rule.len()) && rule.bytes().all(plain)
        };
        if self.rule.as_ref().is_some_and(|rule| !is_rule(rule)) {
            return refused("rule", "it is no id of a rule".to_owned());
        }
        let is_hash =
            |hash: &String| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if self.sha256.as_ref().is_some_and(|hash| !is_hash(hash)) {
            return refused("sha256", "it must have 64 hexadecimal digits".to_owned());
        }
        if let Some(contact) = &self.contact {
            if !self.contact_consent {
                let reason = "it is kept only with `contact_consent`: true; leave it out otherwise";
                return refused("contact", reason.to_owned());
            }
            if contact.trim().is_empty() || contact.chars().count() > MOST_CONTACT {
                let reason = format!("it must have 1 to {MOST_CONTACT} characters");
                return refused("contact", reason);
            }
        }
        let random = getrandom::u64().unwrap_or_default();
        Ok(Message {
            id: format!("f{now:010}-{random:016x}"),
            received_at: rfc3339(now),
            kind: self.kind,
            text: text.to_owned(),
            rule: self.rule,
            sha256: self.sha256.map(|hash| hash.to_ascii_lowercase()),
            contact: self.contact.map(|contact| contact.trim().to_owned()),
        })
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> FeedbackError {
    FeedbackError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> NewMessage {
        NewMessage {
            kind: FeedbackKind::Missed,
            text: text.to_owned(),
            rule: Some("nothing-found".to_owned()),
            sha256: None,
            contact: None,
            contact_consent: false,
        }
    }

    #[test]
    fn messages_come_back_in_order_and_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let feedback = Feedback::of(&Home::new(folder.path()));
        assert!(feedback.list().unwrap().is_empty());
        let second = feedback.add(said(" two\n"), 1_800_000_002).unwrap();
        let first = feedback.add(said("one"), 1_800_000_001).unwrap();
        assert_eq!(second.text, "two");
        fs::write(folder.path().join("feedback/f1-damaged.json"), "{").unwrap();
        assert_eq!(feedback.list().unwrap(), [first.clone(), second.clone()]);
        feedback.remove(&first.id).unwrap();
        assert_eq!(feedback.list().unwrap(), [second]);
        for id in ["", "../config", &first.id] {
            let unknown = feedback.remove(id);
            assert!(matches!(unknown, Err(FeedbackError::Unknown(_))), "{id}");
        }
    }

    #[test]
    fn what_was_not_consented_to_or_does_not_fit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let feedback = Feedback::of(&Home::new(folder.path()));
        let contact = Some("ada@example.org".to_owned());
        let refused = [
            said(" "),
            said(&"ä".repeat(MOST_TEXT + 1)),
            NewMessage {
                contact: contact.clone(),
                ..said("a")
            },
            NewMessage {
                sha256: Some("12".to_owned()),
                ..said("a")
            },
            NewMessage {
                rule: Some("a b".to_owned()),
                ..said("a")
            },
        ];
        for message in refused {
            assert!(matches!(
                feedback.add(message, 0),
                Err(FeedbackError::Refused { .. })
            ));
        }
        let consented = NewMessage {
            contact: contact.clone(),
            contact_consent: true,
            ..said("a")
        };
        assert_eq!(feedback.add(consented, 0).unwrap().contact, contact);
    }

    #[test]
    fn there_are_never_more_than_the_most() {
        let folder = tempfile::tempdir().unwrap();
        let feedback = Feedback::of(&Home::new(folder.path()));
        feedback.create().unwrap();
        for n in 0..MOST_MESSAGES {
            fs::write(feedback.file(&format!("f{n}")), "").unwrap();
        }
        assert!(matches!(
            feedback.add(said("a"), 0),
            Err(FeedbackError::Full)
        ));
    }
}
