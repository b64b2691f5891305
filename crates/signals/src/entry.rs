//! What stands in a file, as names and values, whatever the container.

use serde_json::Value;

use crate::json;
use crate::{Dated, Limits, Problem};

/// What kind of metadata a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// PNG `tEXt`, `zTXt` or `iTXt`; the key is the keyword.
    PngText,
    /// EXIF; the key is the name of the tag.
    Exif,
    /// XMP; the key is the local name, the name space is apart.
    Xmp,
    /// IPTC-IIM; the key is the name of the data set.
    Iim,
    /// A comment of JPEG or GIF.
    Comment,
    /// An item of MP4 or MOV; the key is its name.
    Item,
    /// An application segment of JPEG that is none of the known ones.
    Segment,
    /// A block after the picture's end; the key is its name.
    Trailer,
    /// Found by searching the bytes.
    Scan,
}

/// One value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub origin: Origin,
    /// Name space of an XMP property; empty elsewhere.
    pub space: String,
    pub key: String,
    pub value: String,
    /// For people: "EXIF UserComment".
    pub place: String,
    /// A field of a structure, rather than a property of the picture itself.
    pub nested: bool,
    /// The value, when it is a JSON object.
    pub json: Option<Value>,
}

impl Entry {
    /// Whether this is the XMP property of that name.
    pub fn is_xmp(&self, space: &str, key: &str) -> bool {
        self.origin == Origin::Xmp && self.key == key && self.space == space
    }

    /// Whether this is the value of that name, and not XMP.
    pub fn is(&self, origin: Origin, key: &str) -> bool {
        self.origin == origin && self.key.eq_ignore_ascii_case(key)
    }

    /// Whether this is a place for text about the picture.
    pub fn is_caption(&self) -> bool {
        let key = self.key.to_ascii_lowercase();
        match self.origin {
            Origin::PngText => matches!(
                key.as_str(),
                "description"
                    | "comment"
                    | "parameters"
                    | "prompt"
                    | "title"
                    | "usercomment"
                    | "imagedescription"
            ),
            Origin::Exif => matches!(
                key.as_str(),
                "imagedescription"
                    | "usercomment"
                    | "xpcomment"
                    | "xptitle"
                    | "xpsubject"
                    | "imagetitle"
            ),
            Origin::Xmp => matches!(
                key.as_str(),
                "description" | "usercomment" | "title" | "headline"
            ),
            Origin::Iim => matches!(key.as_str(), "caption" | "headline" | "objectname"),
            Origin::Item => matches!(key.as_str(), "comment" | "description" | "title" | "desc"),
            Origin::Comment => true,
            Origin::Segment | Origin::Trailer | Origin::Scan => false,
        }
    }

    /// Whether this is a place for the name of the program that wrote the file.
    pub fn is_program(&self) -> bool {
        let key = self.key.to_ascii_lowercase();
        match self.origin {
            Origin::PngText => matches!(key.as_str(), "software" | "creatortool" | "generator"),
            Origin::Exif => matches!(key.as_str(), "software" | "processingsoftware"),
            Origin::Xmp => !self.nested && matches!(key.as_str(), "creatortool" | "software"),
            Origin::Iim => key == "originatingprogram",
            Origin::Item => matches!(key.as_str(), "encoder" | "software" | "tool"),
            Origin::Comment | Origin::Segment | Origin::Trailer | Origin::Scan => false,
        }
    }
}

/// Everything read of one file, before it is understood.
#[derive(Debug)]
pub(crate) struct Collected<'l> {
    pub limits: &'l Limits,
    pub entries: Vec<Entry>,
    pub dates: Vec<Dated>,
    pub problems: Vec<Problem>,
    /// XMP packets as text, for those whose XML is broken.
    pub packets: Vec<(String, String)>,
    /// Bytes after the picture's end.
    pub trailing_bytes: u64,
    pub(crate) exif_entries: usize,
    bytes_left: usize,
    pieces_left: usize,
    steps_left: usize,
    json_values_left: usize,
}

impl<'l> Collected<'l> {
    pub fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            entries: Vec::new(),
            dates: Vec::new(),
            problems: Vec::new(),
            packets: Vec::new(),
            trailing_bytes: 0,
            exif_entries: limits.exif_entries,
            bytes_left: limits.metadata_bytes,
            pieces_left: limits.pieces,
            steps_left: limits.steps,
            json_values_left: limits.json_values,
        }
    }

    /// Whether the walk may go on to one more chunk, segment or box.
    pub fn step(&mut self, place: &str) -> bool {
        if self.steps_left == 0 {
            self.problem(place, "limit");
            return false;
        }
        self.steps_left -= 1;
        true
    }

    /// Takes a piece into account, cut to the limits; `None` when nothing more may be read.
    pub fn admit<'b>(&mut self, place: &str, piece: &'b [u8]) -> Option<&'b [u8]> {
        let most = self.room();
        if most == 0 || self.pieces_left == 0 {
            self.problem(place, "limit");
            return None;
        }
        self.pieces_left -= 1;
        if piece.len() > most {
            self.problem(place, "limit");
        }
        let piece = &piece[..piece.len().min(most)];
        self.bytes_left -= piece.len();
        Some(piece)
    }

    /// Bytes that the next piece may have.
    pub fn room(&self) -> usize {
        self.limits.piece_bytes.min(self.bytes_left)
    }

    /// Notes a problem, once a place.
    pub fn problem(&mut self, place: &str, what: &'static str) {
        const MOST: usize = 100;
        let known = |problem: &Problem| problem.what == what && problem.place == place;
        if self.problems.len() < MOST && !self.problems.iter().any(known) {
            self.problems.push(Problem {
                place: place.to_owned(),
                what,
            });
        }
    }

    /// Keeps a value that is not XMP.
    pub fn entry(&mut self, origin: Origin, key: &str, value: String, place: String) {
        self.push(Entry {
            origin,
            space: String::new(),
            key: key.to_owned(),
            value,
            place,
            nested: false,
            json: None,
        });
    }

    /// Keeps a value. Empty ones tell nothing.
    pub fn push(&mut self, mut entry: Entry) {
        if entry.value.trim().is_empty() {
            return;
        }
        if self.entries.len() >= self.limits.entries {
            self.problem(&entry.place, "limit");
            return;
        }
        if entry.value.trim_start().starts_with('{') {
            let values = json::values(&entry.value, self.limits);
            if let Some(values) = values.filter(|values| *values <= self.json_values_left) {
                self.json_values_left -= values;
                entry.json = json::object(&entry.value, self.limits);
            }
        }
        self.entries.push(entry);
    }

    /// The first value of that name that is not XMP.
    pub fn find(&self, origin: Origin, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.is(origin, key))
    }

    /// The first XMP property of that name.
    pub fn find_xmp(&self, space: &str, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.is_xmp(space, key))
    }
}
