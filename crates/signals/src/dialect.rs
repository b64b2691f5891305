//! What the values in a file say, dialect by dialect.

mod bytedance;
mod camera;
mod comfyui;
mod diffusion;
mod fooocus;
mod invokeai;
mod iptc;
mod midjourney;
mod novelai;
mod samsung;
mod tc260;
mod tokens;
mod vendors;
mod webui;

use crate::entry::{Collected, Entry};
use crate::{Class, Field, Says, Signal, Source, UnreadableMark};

pub(crate) use iptc::says_of;
pub(crate) use tokens::program;

/// Where Google answers whether a picture carries SynthID.
pub(crate) const GOOGLE_CHECK: &str = "https://gemini.google.com/";
/// Where Meta answers whether a picture is its own.
pub(crate) const META_CHECK: &str = "https://www.meta.ai/identification";

/// What the dialects found.
#[derive(Default)]
pub(crate) struct Found {
    pub signals: Vec<Signal>,
    pub marks: Vec<UnreadableMark>,
}

/// Asks every dialect.
pub(crate) fn read(all: &Collected<'_>) -> Found {
    let mut found = Found::default();
    midjourney::read(all, &mut found);
    webui::read(all, &mut found);
    comfyui::read(all, &mut found);
    invokeai::read(all, &mut found);
    fooocus::read(all, &mut found);
    diffusion::read(all, &mut found);
    novelai::read(all, &mut found);
    tc260::read(all, &mut found);
    bytedance::read(all, &mut found);
    samsung::read(all, &mut found);
    iptc::read(all, &mut found);
    vendors::read(all, &mut found);
    tokens::read(all, &mut found);
    camera::read(all, &mut found);
    found
        .signals
        .sort_by_key(|signal| (signal.class, signal.says));
    found
}

impl Found {
    /// Keeps a trace: one signal for a source, class and statement, whatever number of places it stands in.
    pub fn push(&mut self, draft: Draft) {
        let signal = draft.0;
        match self
            .signals
            .iter_mut()
            .find(|known| is_same(known, &signal))
        {
            Some(known) => merge(known, signal),
            None => self.signals.push(signal),
        }
    }

    /// Whether a declared trace of that source was found.
    pub fn has(&self, source: Source) -> bool {
        self.signals.iter().any(|signal| signal.source == source)
    }

    /// Keeps a mark's name, once.
    pub fn mark(
        &mut self,
        name: &str,
        source: Source,
        named_by: String,
        check_at: Option<&'static str>,
    ) {
        if !self
            .marks
            .iter()
            .any(|mark| mark.name == name && mark.source == source)
        {
            self.marks.push(UnreadableMark {
                name: name.to_owned(),
                source,
                named_by,
                check_at,
            });
        }
    }
}

/// A trace in the making.
pub(crate) struct Draft(Signal);

impl Draft {
    /// A statement of unsigned metadata.
    pub fn declared(source: Source, says: Says) -> Self {
        Self::new(source, Class::Declared, says)
    }

    /// A hint.
    pub fn weak(source: Source, says: Says) -> Self {
        Self::new(source, Class::Weak, says)
    }

    pub fn new(source: Source, class: Class, says: Says) -> Self {
        Self(Signal {
            source,
            class,
            says,
            tool: None,
            version: None,
            places: Vec::new(),
            fields: Vec::new(),
            note: None,
        })
    }

    pub fn at(mut self, entry: &Entry) -> Self {
        self.0.places.push(entry.place.clone());
        self
    }

    pub fn place(mut self, place: &str) -> Self {
        self.0.places.push(place.to_owned());
        self
    }

    pub fn tool(mut self, tool: Option<&str>) -> Self {
        self.0.tool = tool.map(short).filter(|tool| !tool.is_empty());
        self
    }

    pub fn version(mut self, version: Option<&str>) -> Self {
        self.0.version = version.map(short).filter(|version| !version.is_empty());
        self
    }

    pub fn note(mut self, note: &'static str) -> Self {
        self.0.note = Some(note);
        self
    }

    /// A value that tells of the system.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.add(Field::new(name, value.trim()));
        self
    }

    /// A value that may tell of a person.
    pub fn personal(mut self, name: &str, value: &str) -> Self {
        self.add(Field::personal(name, value.trim()));
        self
    }

    fn add(&mut self, field: Field) {
        const MOST: usize = 60;
        if !field.value.is_empty() && self.0.fields.len() < MOST && !self.0.fields.contains(&field)
        {
            self.0.fields.push(field);
        }
    }
}

/// Names are cut: they stand in headlines.
fn short(text: &str) -> String {
    const MOST: usize = 120;
    text.trim().chars().take(MOST).collect()
}

fn is_same(known: &Signal, next: &Signal) -> bool {
    let fits = match (&known.tool, &next.tool) {
        (Some(known), Some(next)) => known == next,
        _ => true,
    };
    known.source == next.source
        && known.class == next.class
        && known.says == next.says
        // Others are told apart by their names alone.
        && (known.source != Source::Other || fits)
}

fn merge(known: &mut Signal, next: Signal) {
    const PLACES: usize = 50;
    const FIELDS: usize = 120;
    known.tool = known.tool.take().or(next.tool);
    known.version = known.version.take().or(next.version);
    known.note = known.note.or(next.note);
    for place in next.places {
        if known.places.len() < PLACES && !known.places.contains(&place) {
            known.places.push(place);
        }
    }
    for field in next.fields {
        if known.fields.len() < FIELDS && !known.fields.contains(&field) {
            known.fields.push(field);
        }
    }
}
