//! The files of a bundle, their canonical listing and its hash.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::problem::{Problem, Problems};
use crate::{PolicyHash, hex};

/// First line of a listing; the number is the form's version.
pub const LISTING_HEAD: &str = "colophon policy bundle 1";
/// The signed listing beside the files.
pub const NOTE_FILE: &str = "bundle.note";
/// Largest file, bytes.
const MOST_FILE_BYTES: u64 = 1 << 20;
/// Most files.
const MOST_FILES: usize = 256;
/// Longest path, bytes.
const MOST_PATH: usize = 120;

/// Files by path inside the bundle: `schema.cedarschema`, `NAME.cedar`, `verdicts.toml`, `vocabulary.toml`,
/// `principals.toml`, `lexicon/NAME.toml`, `tests/NAME.toml`.
#[derive(Clone, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Vec<u8>>);

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

macro_rules! shipped {
    ($($path:literal),+ $(,)?) => {
        /// The bundle in the program.
        const SHIPPED: &[(&str, &[u8])] =
            &[$(($path, include_bytes!(concat!("../../../policies/", $path)))),+];
    };
}

shipped!(
    "default.cedar",
    "lexicon/combinations.toml",
    "lexicon/de.toml",
    "lexicon/en.toml",
    "principals.toml",
    "schema.cedarschema",
    "tests/access.toml",
    "tests/prompts.toml",
    "tests/verdicts.toml",
    "verdicts.toml",
    "vocabulary.toml",
);

impl Files {
    /// The bundle that ships with the program.
    pub fn shipped() -> Self {
        Self(
            SHIPPED
                .iter()
                .map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()))
                .collect(),
        )
    }

    /// Files by path.
    ///
    /// # Errors
    /// Paths that have no place in a bundle, files too large, too many files.
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, Problems> {
        let files: BTreeMap<String, Vec<u8>> = files.into_iter().collect();
        let mut problems: Vec<Problem> = Vec::new();
        for (path, bytes) in &files {
            if !has_place(path) {
                problems.push(foreign(path));
            } else if bytes.len() as u64 > MOST_FILE_BYTES {
                problems.push(too_large(path));
            }
        }
        if files.len() > MOST_FILES {
            problems.push(Problem::of_file(
                "",
                format!("more than {MOST_FILES} files in one bundle"),
            ));
        }
        Problems::none_or(problems)?;
        Ok(Self(files))
    }

    /// Reads a folder. Hidden files, `README.md`, `wording/`, the note and
    /// what a home keeps beside it (`bundles/`, `previous`) are no part of a bundle and passed over;
    /// links and everything else are refused, so that what is judged is what is listed.
    ///
    /// # Errors
    /// [`Problems`]: the folder cannot be read, or holds what has no place in a bundle.
    pub fn read(folder: &Path) -> Result<Self, Problems> {
        let mut files = Vec::new();
        let mut problems = Vec::new();
        gather(folder, "", &mut files, &mut problems);
        Problems::none_or(problems)?;
        Self::new(files)
    }

    /// The text of a file that must be there.
    pub(crate) fn required(&self, path: &str) -> Result<&str, Problem> {
        let bytes = self.0.get(path).ok_or_else(|| {
            Problem::of_file(path, "is missing").with_help("a bundle is whole: copy the file from the shipped bundle (`colophon policy show --write DIR`) and change it")
        })?;
        text_of(path, bytes)
    }

    /// The bytes of a file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// Those with this beginning and end, by path.
    pub(crate) fn of_kind<'a>(
        &'a self,
        start: &'a str,
        end: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let all = self.iter();
        all.filter(move |(path, _)| path.starts_with(start) && path.ends_with(end))
    }

    /// All, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// With one file in place of another.
    #[must_use]
    pub(crate) fn with(mut self, path: &str, bytes: Vec<u8>) -> Self {
        self.0.insert(path.to_owned(), bytes);
        self
    }

    /// Without those of this beginning.
    #[must_use]
    pub(crate) fn without(mut self, start: &str) -> Self {
        self.0.retain(|path, _| !path.starts_with(start));
        self
    }

    /// The canonical listing: [`LISTING_HEAD`], then a line `SHA-256 SIZE PATH` a file, sorted by the bytes of the
    /// path; every line ends with a newline. It is the text of the bundle's signed note.
    pub fn listing(&self) -> String {
        let mut listing = format!("{LISTING_HEAD}\n");
        for (path, bytes) in self.iter() {
            // Writing to a string cannot fail.
            let _ = writeln!(
                listing,
                "{} {} {path}",
                hex(&Sha256::digest(bytes)),
                bytes.len()
            );
        }
        listing
    }

    /// SHA-256 of the listing, which stands for the whole bundle in records and reports.
    pub fn hash(&self) -> PolicyHash {
        PolicyHash(Sha256::digest(self.listing()).into())
    }
}

/// The text of a file.
pub(crate) fn text_of<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, Problem> {
    std::str::from_utf8(bytes).map_err(|error| {
        Problem::of_file(
            path,
            format!("is not UTF-8 from byte {} on", error.valid_up_to()),
        )
        .with_help("save it as UTF-8 text")
    })
}

/// What is wrong with a TOML file.
pub(crate) fn syntax_problem(path: &str, text: &str, error: &toml::de::Error) -> Problem {
    match error.span() {
        Some(span) => Problem::at(path, text, &span, error.message()),
        None => Problem::of_file(path, error.message()),
    }
}

/// Whether a bundle may hold a file of this path.
fn has_place(path: &str) -> bool {
    let named = |name: &str, end: &str| {
        let stem = name.strip_suffix(end).unwrap_or_default();
        let sign = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !stem.is_empty() && !stem.starts_with('.') && stem.chars().all(sign)
    };
    let known = [
        "schema.cedarschema",
        "verdicts.toml",
        "vocabulary.toml",
        "principals.toml",
    ];
    let in_folder = |folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|name| named(name, ".toml"))
    };
    path.len() <= MOST_PATH
        && (known.contains(&path)
            || named(path, ".cedar")
            || in_folder("lexicon/")
            || in_folder("tests/"))
}

fn foreign(path: &str) -> Problem {
    Problem::of_file(path, "has no place in a bundle").with_help(
        "a bundle holds schema.cedarschema, NAME.cedar, verdicts.toml, vocabulary.toml, principals.toml, lexicon/NAME.toml and tests/NAME.toml",
    )
}

fn too_large(path: &str) -> Problem {
    Problem::of_file(path, format!("is larger than {MOST_FILE_BYTES} bytes"))
}

/// Names passed over at the top of a bundle's folder.
fn is_passed_over(name: &str) -> bool {
    name.starts_with('.')
        || name.ends_with('~')
        || [NOTE_FILE, "README.md", "wording", "bundles", "previous"].contains(&name)
}

fn gather(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<(String, Vec<u8>)>,
    problems: &mut Vec<Problem>,
) {
    let unreadable = |error: &std::io::Error| {
        let shown = folder.display();
        Problem::of_file(
            prefix.trim_end_matches('/'),
            format!("the folder {shown} cannot be read: {error}"),
        )
        .with_help("check its name and its permissions")
    };
    let entries = match fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries,
        Err(error) => return problems.push(unreadable(&error)),
    };
    for entry in entries.into_iter().take(MOST_FILES + 1) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if prefix.is_empty() && is_passed_over(&name) || name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        match entry.file_type() {
            Ok(kind)
                if kind.is_dir()
                    && prefix.is_empty()
                    && ["lexicon", "tests"].contains(&name.as_str()) =>
            {
                gather(&entry.path(), &format!("{name}/"), files, problems);
            }
            Ok(kind) if kind.is_file() && has_place(&path) => match read_bounded(&entry.path()) {
                Ok(Some(bytes)) => files.push((path, bytes)),
                Ok(None) => problems.push(too_large(&path)),
                Err(error) => {
                    problems.push(Problem::of_file(&path, format!("cannot be read: {error}")));
                }
            },
            Ok(kind) if kind.is_symlink() => problems
                .push(Problem::of_file(&path, "is a link").with_help("put the file itself there")),
            _ => problems.push(foreign(&path)),
        }
    }
}

/// `None` for a file that is too large.
fn read_bounded(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MOST_FILE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MOST_FILE_BYTES).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_program_holds_every_file_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
        let read = Files::read(&folder).unwrap();
        assert_eq!(read.listing(), Files::shipped().listing());
    }

    #[test]
    fn what_has_no_place_is_refused() {
        for path in [
            "notes.txt",
            "a/b.cedar",
            "lexicon/x.cedar",
            "../x.cedar",
            ".cedar",
            "lexicon/a/b.toml",
            "x y.cedar",
        ] {
            assert!(
                Files::new([(path.to_owned(), Vec::new())]).is_err(),
                "{path}"
            );
        }
        assert!(Files::new([("a.cedar".to_owned(), vec![0; (1 << 20) + 1])]).is_err());
    }

    proptest! {
        #[test]
        fn a_listing_has_one_form_and_tells_bundles_apart(
            mut files in proptest::collection::vec(("[a-z]{1,3}\\.cedar", proptest::collection::vec(any::<u8>(), 0..4)), 0..6),
            seed in any::<u64>(),
        ) {
            files.sort();
            files.dedup_by(|a, b| a.0 == b.0);
            let one = Files::new(files.clone()).unwrap();
            let turn = (seed as usize) % files.len().max(1);
            files.rotate_left(turn);
            let other = Files::new(files.clone()).unwrap();
            prop_assert_eq!(one.listing(), other.listing());
            if let Some((path, bytes)) = files.first() {
                let changed = one.clone().with(path, [bytes.as_slice(), b"x"].concat());
                prop_assert_ne!(one.hash(), changed.hash());
                prop_assert_ne!(one.hash(), one.clone().without(path).hash());
            }
        }
    }
}
