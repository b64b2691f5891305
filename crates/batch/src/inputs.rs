//! What is to be checked: files, folders, patterns and lists, one name after the other.

mod list;
mod walk;

use std::fs;
use std::path::{Component, Path, PathBuf};

use colophon_imaging::{Format, ImagingError, sniff};
use globset::{GlobBuilder, GlobMatcher};
use serde_json::{Map, Value};

use crate::BatchError;
use list::List;
use walk::Walk;

/// Extensions of lists with one JSON object a line.
const JSON_LISTS: [&str; 2] = ["jsonl", "ndjson"];
/// Extensions of lists with one name a line.
const PLAIN_LISTS: [&str; 2] = ["txt", "lst"];
/// Extensions of pictures besides those that are decoded here.
const OTHER_PICTURES: [&str; 13] = [
    "tif", "tiff", "heic", "heif", "avif", "jxl", "jp2", "dng", "cr2", "cr3", "nef", "arw", "svg",
];
/// Bytes read to tell whether a file is a picture.
pub(crate) const HEAD: u64 = 4096;

/// The arguments of a run, told apart.
#[derive(Debug)]
pub struct Inputs {
    sources: Vec<Source>,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    Folder(PathBuf),
    Pattern {
        text: String,
        /// The folder before the first part with a wildcard; empty for the present one.
        root: PathBuf,
        /// Levels below it that can match; `None` for any.
        depth: Option<usize>,
        matcher: GlobMatcher,
    },
    /// `-` is standard input.
    List {
        path: PathBuf,
        json: bool,
    },
}

/// One file to check.
#[derive(Debug)]
pub struct Input {
    /// The file.
    pub path: PathBuf,
    /// What the list says of it besides its name.
    pub extra: Option<Map<String, Value>>,
    /// Whether it was met in a folder or by a pattern, so that it is passed over if it is no picture.
    pub met: bool,
}

/// What the walk comes to.
#[derive(Debug)]
pub enum Item {
    /// A file.
    File(Input),
    /// Something that names no file: a folder that cannot be listed, a line that cannot be read.
    Trouble {
        /// What, for people.
        name: String,
        /// Why.
        error: ImagingError,
    },
}

type Items<'a> = Box<dyn Iterator<Item = Item> + Send + 'a>;

impl Inputs {
    /// Tells the arguments apart. A folder stands for all files in it and below; `*`, `?`, `[...]`, `{a,b}` and
    /// `**` make a pattern, unless a file has that very name; `.jsonl` and `.ndjson` are lists with one JSON object
    /// a line, of which `file` is the name; `.txt` and `.lst` are lists with one name a line; `-` is a list of
    /// either kind on standard input. Names in lists are relative to the present folder.
    ///
    /// # Errors
    /// [`BatchError::Pattern`].
    pub fn new(arguments: &[PathBuf]) -> Result<Self, BatchError> {
        let sources = arguments.iter().map(|argument| Source::of(argument));
        Ok(Self {
            sources: sources.collect::<Result<_, _>>()?,
        })
    }

    /// Whether the names can be gone through more than once.
    pub fn can_be_counted(&self) -> bool {
        let is_stream =
            |source: &Source| matches!(source, Source::List { path, .. } if is_stream(path));
        !self.sources.iter().any(is_stream)
    }

    /// Everything in order: arguments as given, folders by the bytes of their names. Of a folder, the names directly
    /// in it are held at once, no more.
    pub fn items(&self) -> impl Iterator<Item = Item> + Send + '_ {
        self.sources.iter().flat_map(Source::items)
    }
}

impl Source {
    fn of(argument: &Path) -> Result<Self, BatchError> {
        let path = argument.to_path_buf();
        if is_stream(argument) {
            return Ok(Self::List { path, json: false });
        }
        let about = fs::metadata(argument);
        if about.as_ref().is_ok_and(fs::Metadata::is_dir) {
            return Ok(Self::Folder(path));
        }
        let text = argument.to_string_lossy();
        if about.is_err() && text.contains(['*', '?', '[', '{']) {
            return Self::pattern(&text);
        }
        Ok(match extension(argument).as_deref() {
            Some(list) if JSON_LISTS.contains(&list) => Self::List { path, json: true },
            Some(list) if PLAIN_LISTS.contains(&list) => Self::List { path, json: false },
            _ => Self::File(path),
        })
    }

    fn pattern(text: &str) -> Result<Self, BatchError> {
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .build()
            .map_err(|error| BatchError::Pattern {
                pattern: text.to_owned(),
                reason: error.kind().to_string(),
            })?;
        let wild = |part: &Component<'_>| {
            part.as_os_str()
                .to_string_lossy()
                .contains(['*', '?', '[', '{'])
        };
        let parts: Vec<Component<'_>> = Path::new(text).components().collect();
        let fixed = parts.iter().take_while(|part| !wild(part)).count();
        // Braces can hold separators, and then the levels cannot be counted.
        let any_depth = text.contains("**") || text.contains('{');
        Ok(Self::Pattern {
            text: text.to_owned(),
            root: parts[..fixed].iter().collect(),
            depth: (!any_depth).then_some(parts.len() - fixed),
            matcher: glob.compile_matcher(),
        })
    }

    fn items(&self) -> Items<'_> {
        match self {
            Self::File(path) => Box::new(std::iter::once(Item::File(Input {
                path: path.clone(),
                extra: None,
                met: false,
            }))),
            Self::Folder(path) => Box::new(Walk::new(path.clone(), None)),
            Self::Pattern {
                text,
                root,
                depth,
                matcher,
            } => Box::new(matching(text, Walk::new(root.clone(), *depth), matcher)),
            Self::List { path, json } => match List::open(path, *json) {
                Ok(list) => Box::new(list),
                Err(trouble) => Box::new(std::iter::once(trouble)),
            },
        }
    }
}

/// The files that match, or one trouble if there are none: a pattern with a slip in it must not look like a clean run.
fn matching<'a>(
    text: &'a str,
    walk: Walk,
    matcher: &'a GlobMatcher,
) -> impl Iterator<Item = Item> + Send + 'a {
    let mut found = false;
    let mut walk = walk.filter(|item| match item {
        Item::File(input) => matcher.is_match(&input.path),
        Item::Trouble { .. } => true,
    });
    std::iter::from_fn(move || {
        let item = walk.next();
        if item.is_none() && !found {
            found = true;
            return Some(Item::Trouble {
                name: text.to_owned(),
                error: ImagingError::Parameter(
                    "no file matches the pattern; check it, and quote it against the shell".into(),
                ),
            });
        }
        found = true;
        item
    })
}

fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

fn extension(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?;
    Some(extension.to_ascii_lowercase())
}

/// Whether the name is one of a picture, whatever the content.
pub(crate) fn is_named_picture(path: &Path) -> bool {
    extension(path).is_some_and(|extension| {
        Format::from_extension(&extension).is_some() || OTHER_PICTURES.contains(&extension.as_str())
    })
}

/// Whether a file that begins like this is a picture, also one of a kind that is not decoded here.
pub(crate) fn is_picture(head: &[u8]) -> bool {
    match sniff(head) {
        Ok(_) | Err(ImagingError::Truncated { .. }) => true,
        Err(ImagingError::Unsupported { found, .. }) => found.ends_with(" picture"),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests;
