//! Trust lists and revocations as data: those that ship, and those of a home.
//!
//! A home keeps one file a list, `trust/NAME.toml`, with what is known of the list and its certificates, so that both
//! change in one step; and `trust/revoked.toml`.

mod revoked;

use std::path::PathBuf;

use colophon_manifest::{ListContent, ListKind, ListUse, TrustAnchors, TrustList};
use serde::{Deserialize, Serialize};

use crate::config::{LOCAL_LIST, read_text_of};
use crate::report::TrustListEvidence;
use crate::time::now;
use crate::{Home, ProvenanceError};
use colophon_calendar::{Span, rfc3339};

pub use colophon_manifest::AnchorFacts;
pub use revoked::{Revocations, certificate, certificate_code};

/// Largest file of a list in a home, bytes.
const MAX_LIST_BYTES: u64 = 8 << 20;

/// The lists that ship: what is known of each, and its certificates.
const BUILT_IN: [(&str, &str); 2] = [
    (
        include_str!("../../../keys/trust/c2pa.toml"),
        include_str!("../../../keys/trust/c2pa.pem"),
    ),
    (
        include_str!("../../../keys/trust/c2pa-tsa.toml"),
        include_str!("../../../keys/trust/c2pa-tsa.pem"),
    ),
];

/// One list with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ListFile {
    /// Its name, which is that of its file too.
    pub name: String,
    /// Where it comes from: the colour of the trust it gives.
    pub kind: ListKind,
    /// What it vouches for.
    pub usage: ListUse,
    /// When it was issued, `YYYY-MM-DD`, where known.
    pub issued: Option<String>,
    /// When it is to be replaced, `YYYY-MM-DD`, where known.
    pub next_update: Option<String>,
    /// Where it was got.
    pub source: Option<String>,
    /// Its licence, and whose it is.
    pub license: Option<String>,
    /// Extended key usages accepted besides the built-in ones, dotted numbers.
    #[serde(default)]
    pub key_usages: Vec<String>,
    /// Certificates of authorities, PEM.
    #[serde(default)]
    pub anchors: String,
    /// Single signers: certificates (PEM), or lines with the Base64 of a certificate's SHA-256.
    #[serde(default)]
    pub allowed: String,
}

impl ListFile {
    /// A list out of what published files hold. What those say of dates and use wins.
    ///
    /// # Errors
    /// [`ProvenanceError::Trust`] for a name that cannot be a file's, or is taken by this home's own root, and for
    /// certificates that cannot be read.
    pub fn new(
        name: &str,
        kind: ListKind,
        usage: ListUse,
        content: ListContent,
    ) -> Result<Self, ProvenanceError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 60 || !name.chars().all(plain) {
            return Err(refused(
                "a list's name is 1 to 60 letters, digits, hyphens and underscores",
            ));
        }
        if [LOCAL_LIST, "revoked"].contains(&name) {
            return Err(refused(&format!("a list cannot be called `{name}`")));
        }
        let day = |time: &Option<String>| {
            time.as_deref()
                .and_then(|time| time.get(..10))
                .map(str::to_owned)
        };
        let list = Self {
            name: name.to_owned(),
            kind,
            usage: content.usage.unwrap_or(usage),
            issued: day(&content.issued),
            next_update: day(&content.next_update),
            source: None,
            license: None,
            key_usages: content.key_usages,
            anchors: content.anchors,
            allowed: content.allowed,
        };
        TrustAnchors::none().with(list.as_list())?;
        Ok(list)
    }

    fn as_list(&self) -> TrustList {
        TrustList {
            name: self.name.clone(),
            kind: self.kind,
            usage: self.usage,
            anchors: self.anchors.clone(),
            allowed: self.allowed.clone(),
            key_usages: self.key_usages.clone(),
        }
    }

    /// What its file holds.
    pub(crate) fn text(&self) -> Result<String, ProvenanceError> {
        toml::to_string(self).map_err(|error| refused(&error.to_string()))
    }

    /// Whether the day on which it was to be replaced has passed by `today`, `YYYY-MM-DD`.
    pub fn is_stale(&self, today: &str) -> bool {
        self.next_update.as_deref().is_some_and(|day| day < today)
    }
}

/// A list and whether it is one that ships.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// The list.
    pub list: ListFile,
    /// Whether it is the one that ships.
    pub built_in: bool,
}

/// Every list that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    all: Vec<Listed>,
}

impl Lists {
    /// The lists that ship, and those of a home. One of a home takes the place of one that ships under the same name.
    ///
    /// # Errors
    /// [`ProvenanceError::Config`] and [`ProvenanceError::Io`] for a file that cannot be read.
    pub fn load(home: Option<&Home>) -> Result<Self, ProvenanceError> {
        let mut lists = Self { all: built_in() };
        for path in home.map(list_files).transpose()?.unwrap_or_default() {
            let bad = |reason: String| ProvenanceError::Config {
                path: path.clone(),
                reason,
            };
            let Some(text) = read_text_of(&path, MAX_LIST_BYTES)? else {
                continue;
            };
            let list: ListFile = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
            if path.file_stem().and_then(|stem| stem.to_str()) != Some(&list.name) {
                return Err(bad(format!("it names itself `{}`", list.name)));
            }
            lists.put(list);
        }
        Ok(lists)
    }

    fn put(&mut self, list: ListFile) {
        self.all.retain(|each| each.list.name != list.name);
        self.all.push(Listed {
            list,
            built_in: false,
        });
    }

    /// Every list, those that ship first.
    pub fn all(&self) -> &[Listed] {
        &self.all
    }

    /// The list of a name.
    pub fn get(&self, name: &str) -> Option<&Listed> {
        self.all.iter().find(|each| each.list.name == name)
    }

    /// Adds the lists to `anchors`: official ones first, so that the best colour is told.
    ///
    /// # Errors
    /// [`ProvenanceError::Manifest`] for a list that holds no certificate.
    pub fn add_to(&self, mut anchors: TrustAnchors) -> Result<TrustAnchors, ProvenanceError> {
        for kind in [ListKind::Official, ListKind::Legacy, ListKind::Local] {
            for each in self.all.iter().filter(|each| each.list.kind == kind) {
                anchors = anchors.with(each.list.as_list())?;
            }
        }
        Ok(anchors)
    }

    /// What reports tell of the lists, on the present day.
    pub fn evidence(&self) -> Vec<TrustListEvidence> {
        let today = today();
        let told = |each: &Listed| TrustListEvidence {
            name: each.list.name.clone(),
            kind: each.list.kind.code().to_owned(),
            issued: each.list.issued.clone(),
            next_update: each.list.next_update.clone(),
            stale: each.list.is_stale(&today),
        };
        self.all.iter().map(told).collect()
    }

    /// Keeps a list in a home, in one step. One of the same name is replaced, but never by an older one.
    ///
    /// # Errors
    /// [`ProvenanceError::Trust`] for an older list; [`ProvenanceError::Io`], [`ProvenanceError::Imaging`].
    pub fn keep(&mut self, home: &Home, list: ListFile) -> Result<(), ProvenanceError> {
        let present = self.get(&list.name).map(|each| &each.list);
        if let (Some(old), Some(new)) = (
            present.and_then(|it| it.issued.as_ref()),
            list.issued.as_ref(),
        ) && new < old
        {
            return Err(refused(&format!(
                "the list `{}` is of {old}, and the one given of {new}: an older list is not taken",
                list.name
            )));
        }
        write(home, &format!("{}.toml", list.name), &list.text()?)?;
        self.put(list);
        Ok(())
    }

    /// Removes a list of a home; one that ships under its name is used again.
    ///
    /// # Errors
    /// [`ProvenanceError::Trust`] when there is none; [`ProvenanceError::Io`].
    pub fn remove(&mut self, home: &Home, name: &str) -> Result<(), ProvenanceError> {
        match self.get(name) {
            Some(each) if each.built_in => {
                return Err(refused(&format!(
                    "the list `{name}` is part of the program; import one under its name to replace it"
                )));
            }
            Some(_) => {}
            None => return Err(refused(&format!("there is no list `{name}`"))),
        }
        let path = home.trust().join(format!("{name}.toml"));
        std::fs::remove_file(&path).map_err(|source| ProvenanceError::Io {
            action: "remove",
            path,
            source,
        })?;
        *self = Self::load(Some(home))?;
        Ok(())
    }
}

/// The lists that ship. A test holds that each of them can be read.
fn built_in() -> Vec<Listed> {
    let list = |(about, anchors): &(&str, &str)| {
        let list: ListFile = toml::from_str(about).ok()?;
        Some(Listed {
            list: ListFile {
                anchors: (*anchors).to_owned(),
                ..list
            },
            built_in: true,
        })
    };
    BUILT_IN.iter().filter_map(list).collect()
}

/// Files of lists in a home, by name.
fn list_files(home: &Home) -> Result<Vec<PathBuf>, ProvenanceError> {
    let folder = home.trust();
    let failed = |source| ProvenanceError::Io {
        action: "read",
        path: folder.clone(),
        source,
    };
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let is_list = path.extension().is_some_and(|it| it == "toml")
            && path.file_stem().is_some_and(|it| it != "revoked")
            && !path
                .file_name()
                .is_some_and(|it| it.as_encoded_bytes().starts_with(b"."));
        if is_list {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn write(home: &Home, name: &str, text: &str) -> Result<(), ProvenanceError> {
    let folder = home.trust();
    std::fs::create_dir_all(&folder).map_err(|source| ProvenanceError::Io {
        action: "make the folder",
        path: folder.clone(),
        source,
    })?;
    Ok(colophon_imaging::write_atomic(
        &folder.join(name),
        text.as_bytes(),
        true,
    )?)
}

fn refused(reason: &str) -> ProvenanceError {
    ProvenanceError::Trust(reason.to_owned())
}

/// Unix seconds of a day (its begin, in UTC) or of an RFC 3339 time.
pub fn moment(text: &str) -> Option<i64> {
    let is_day = text.len() == 10;
    let text = if is_day {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    let span = Span::parse(&text)?;
    (span.from == span.until).then_some(span.from)
}

fn today() -> String {
    rfc3339(now()).chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        (folder, home)
    }

    fn content(issued: &str) -> ListContent {
        let mut content = ListContent::parse("c2pa.pem", BUILT_IN[0].1.as_bytes()).unwrap();
        content.issued = Some(issued.to_owned());
        content
    }

    fn list(name: &str, issued: &str) -> ListFile {
        ListFile::new(name, ListKind::Legacy, ListUse::Signers, content(issued)).unwrap()
    }

    #[test]
    fn the_lists_that_ship_can_be_read() {
        let lists = Lists::load(None).unwrap();
        let counts: Vec<(&str, ListUse, usize)> = lists
            .all()
            .iter()
            .map(|it| {
                (
                    it.list.name.as_str(),
                    it.list.usage,
                    AnchorFacts::of(&it.list.anchors).len(),
                )
            })
            .collect();
        assert_eq!(
            counts,
            [
                ("c2pa", ListUse::Signers, 30),
                ("c2pa-tsa", ListUse::TimeStamps, 22)
            ]
        );
        lists.add_to(TrustAnchors::none()).unwrap();
        assert!(
            lists
                .all()
                .iter()
                .all(|it| it.list.license.is_some() && it.list.source.is_some())
        );
    }

    #[test]
    fn a_list_is_stale_from_the_day_after() {
        let list = &Lists::load(None).unwrap().all[0].list;
        assert!(!list.is_stale("2027-08-05"));
        assert!(list.is_stale("2027-08-06"));
    }

    #[test]
    fn imported_lists_last_and_older_ones_are_not_taken() {
        let (_folder, home) = home();
        let mut lists = Lists::load(Some(&home)).unwrap();
        lists
            .keep(&home, list("interim", "2025-08-28T00:00:00Z"))
            .unwrap();
        let read = Lists::load(Some(&home)).unwrap();
        assert_eq!(read, lists);
        assert_eq!(
            read.get("interim").unwrap().list.issued.as_deref(),
            Some("2025-08-28")
        );
        let kinds: Vec<String> = read.evidence().into_iter().map(|it| it.kind).collect();
        assert_eq!(kinds, ["official", "official", "legacy"]);
        let older = lists.keep(&home, list("interim", "2024-01-01"));
        assert!(matches!(older, Err(ProvenanceError::Trust(_))), "{older:?}");
        lists.remove(&home, "interim").unwrap();
        assert!(lists.get("interim").is_none());
        assert!(lists.remove(&home, "interim").is_err());
        assert!(lists.remove(&home, "c2pa").is_err());
    }

    #[test]
    fn a_list_of_a_home_takes_the_place_of_one_that_ships() {
        let (_folder, home) = home();
        let mut lists = Lists::load(Some(&home)).unwrap();
        assert!(lists.keep(&home, list("c2pa", "2026-01-01")).is_err());
        lists.keep(&home, list("c2pa", "2027-08-01")).unwrap();
        let kept = Lists::load(Some(&home)).unwrap();
        assert_eq!(kept.all().len(), 2);
        assert!(!kept.get("c2pa").unwrap().built_in);
    }

    #[test]
    fn names_that_would_lead_elsewhere_are_refused() {
        for name in ["", "../x", "a/b", "local", "revoked", "a.b", "ä"] {
            let made = ListFile::new(
                name,
                ListKind::Local,
                ListUse::Signers,
                content("2026-01-01"),
            );
            assert!(matches!(made, Err(ProvenanceError::Trust(_))), "{name}");
        }
        let empty = ListFile::new(
            "x",
            ListKind::Local,
            ListUse::Signers,
            ListContent::default(),
        );
        assert!(empty.is_err());
    }

    #[test]
    fn a_file_under_another_name_is_refused() {
        let (_folder, home) = home();
        let mut lists = Lists::load(Some(&home)).unwrap();
        lists.keep(&home, list("interim", "2025-08-28")).unwrap();
        std::fs::rename(
            home.trust().join("interim.toml"),
            home.trust().join("c2pa.toml"),
        )
        .unwrap();
        assert!(matches!(
            Lists::load(Some(&home)),
            Err(ProvenanceError::Config { .. })
        ));
    }
}
