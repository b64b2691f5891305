//! Names out of a list.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use colophon_imaging::ImagingError;
use serde_json::{Map, Value};

use super::{Input, Item, is_stream};

/// Longest line, bytes. Names have at most 4,096; the rest is what else a line says.
const MAX_LINE: u64 = 64 << 10;

/// Goes through a list line by line.
pub(super) struct List {
    reader: Box<dyn BufRead + Send>,
    name: String,
    /// Whether each line is JSON; otherwise it is a name, on standard input also JSON.
    json: bool,
    either: bool,
    line: u64,
    ended: bool,
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
}

impl List {
    pub fn open(path: &Path, json: bool) -> Result<Self, Item> {
        let either = is_stream(path);
        let (name, reader): (_, Box<dyn BufRead + Send>) = if either {
            let reader = BufReader::new(io::stdin());
            ("standard input".to_owned(), Box::new(reader))
        } else {
            let name = path.display().to_string();
            match File::open(path) {
                Ok(file) => (name, Box::new(BufReader::new(file))),
                Err(source) => return Err(unreadable(name, path, source)),
            }
        };
        Ok(Self {
            reader,
            name,
            json,
            either,
            line: 0,
            ended: false,
        })
    }

    /// The next line without its end; `None` after the last.
    fn line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let read = (&mut self.reader)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        if read as u64 == MAX_LINE && !line.ends_with(b"\n") {
            self.reader.skip_until(b'\n')?;
            return Ok(Some(Line::TooLong));
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        Ok(Some(Line::Whole(text.to_vec())))
    }

    fn item(&self, line: Line) -> Item {
        let Line::Whole(line) = line else {
            return self.malformed("is longer than 64 KiB; shorten it");
        };
        let is_json = self.json || (self.either && line.starts_with(b"{"));
        if !is_json {
            return match path_of(&line) {
                Some(path) => file(path, None),
                None => self.malformed("is no text in UTF-8; save the list as UTF-8"),
            };
        }
        let Ok(Value::Object(mut extra)) = serde_json::from_slice(&line) else {
            return self
                .malformed("is no JSON object; write one a line, such as {\"file\": \"a.jpg\"}");
        };
        match extra.shift_remove("file") {
            Some(Value::String(path)) if !path.is_empty() => {
                file(PathBuf::from(path), (!extra.is_empty()).then_some(extra))
            }
            _ => self.malformed("names no file; write it as {\"file\": \"a.jpg\"}"),
        }
    }

    fn malformed(&self, what: &str) -> Item {
        Item::Trouble {
            name: format!("{}:{}", self.name, self.line),
            error: ImagingError::Parameter(format!("line {} of the list {what}", self.line)),
        }
    }
}

impl Iterator for List {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while !self.ended {
            match self.line() {
                Ok(Some(Line::Whole(line))) if line.is_empty() => {}
                Ok(Some(line)) => return Some(self.item(line)),
                Ok(None) => self.ended = true,
                Err(source) => {
                    self.ended = true;
                    let path = PathBuf::from(&self.name);
                    return Some(unreadable(self.name.clone(), &path, source));
                }
            }
        }
        None
    }
}

fn file(path: PathBuf, extra: Option<Map<String, Value>>) -> Item {
    Item::File(Input {
        path,
        extra,
        met: false,
    })
}

fn unreadable(name: String, path: &Path, source: io::Error) -> Item {
    Item::Trouble {
        name,
        error: ImagingError::Io {
            action: "read",
            path: path.to_path_buf(),
            source,
        },
    }
}

/// A name as the system takes it: any bytes where those are names, UTF-8 elsewhere.
#[cfg_attr(
    unix,
    expect(clippy::unnecessary_wraps, reason = "elsewhere there may be none")
)]
fn path_of(line: &[u8]) -> Option<PathBuf> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        Some(std::ffi::OsStr::from_bytes(line).into())
    }
    #[cfg(not(unix))]
    {
        std::str::from_utf8(line).ok().map(PathBuf::from)
    }
}
