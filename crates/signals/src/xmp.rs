//! XMP packets (ISO 16684-1), read tolerantly: real writers leave out declarations, close instructions
//! with `??>` and forget end tags. Names count by name space, never by prefix. No DTD is read, and no
//! entities but XML's own five and numbers.

mod xml;

pub(crate) use xml::decode;

use crate::entry::{Collected, Entry, Origin};
use xml::{Event, Reader, Tag};

/// RDF.
pub(crate) const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
/// IPTC Extension (IPTC Photo Metadata Standard 2025.1).
pub(crate) const IPTC_EXT: &str = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/";
/// Dublin Core.
pub(crate) const DC: &str = "http://purl.org/dc/elements/1.1/";
/// Dublin Core terms.
pub(crate) const DC_TERMS: &str = "http://purl.org/dc/terms/";
/// XMP basic.
pub(crate) const XMP: &str = "http://ns.adobe.com/xap/1.0/";
/// Photoshop.
pub(crate) const PHOTOSHOP: &str = "http://ns.adobe.com/photoshop/1.0/";
/// EXIF in XMP.
pub(crate) const EXIF: &str = "http://ns.adobe.com/exif/1.0/";
/// TIFF in XMP.
pub(crate) const TIFF: &str = "http://ns.adobe.com/tiff/1.0/";
/// XMP notes: where the rest of a packet is.
pub(crate) const XMP_NOTE: &str = "http://ns.adobe.com/xmp/note/";
/// The label of GB 45438 (TC260-PG-20258A).
pub(crate) const TC260: &str = "http://www.tc260.org.cn/ns/AIGC/1.0/";

/// Prefixes that are used without being declared, and the names that people know.
const USUAL: &[(&str, &str)] = &[
    ("rdf", RDF),
    ("Iptc4xmpExt", IPTC_EXT),
    ("iptcExt", IPTC_EXT),
    ("dc", DC),
    ("dcterms", DC_TERMS),
    ("xmp", XMP),
    ("xap", XMP),
    ("photoshop", PHOTOSHOP),
    ("exif", EXIF),
    ("tiff", TIFF),
    ("xmpNote", XMP_NOTE),
    ("TC260", TC260),
    ("x", "adobe:ns:meta/"),
];

/// Reads one packet into entries.
pub(crate) fn read(packet: &[u8], container: &str, out: &mut Collected<'_>) {
    let place = format!("{container} XMP");
    let Some(packet) = out.admit(&place, packet) else {
        return;
    };
    let text = packet_text(packet);
    let mut walk = Walk {
        frames: Vec::new(),
        scopes: Vec::new(),
        properties: 0,
        container,
    };
    let mut reader = Reader::new(&text, out.limits.xml_attributes);
    while let Some(event) = reader.next() {
        let more = match event {
            Event::Open(tag) => walk.open(&tag, out),
            Event::Close => {
                walk.close(out);
                true
            }
            Event::Text(text) => {
                if let Some(frame) = walk.frames.last_mut() {
                    frame.text.push_str(&text);
                }
                true
            }
        };
        if !more {
            break;
        }
    }
    if let Some(what) = reader.problem {
        out.problem(&place, what);
    }
    if text.contains("AIGC") {
        out.packets.push((text, place));
    }
}

fn packet_text(packet: &[u8]) -> String {
    match packet {
        [b'<', 0, ..] => crate::bytes::utf16(packet, false),
        [0, b'<', ..] => crate::bytes::utf16(packet, true),
        _ => crate::bytes::text(packet),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// `x:xmpmeta`, `rdf:RDF` and whatever else surrounds.
    Outside,
    /// `rdf:Description`: its attributes and children are properties.
    Node,
    /// A property.
    Property,
    /// `rdf:Seq`, `rdf:Bag`, `rdf:Alt`.
    Array,
    /// `rdf:li`.
    Item,
}

struct Frame {
    role: Role,
    space: String,
    local: String,
    prefix: String,
    text: String,
    has_children: bool,
    scopes: usize,
}

struct Walk<'c> {
    frames: Vec<Frame>,
    /// Prefixes in force, innermost last.
    scopes: Vec<(String, String)>,
    properties: usize,
    container: &'c str,
}

impl Walk<'_> {
    /// Whether reading may go on.
    fn open(&mut self, tag: &Tag<'_>, out: &mut Collected<'_>) -> bool {
        if self.frames.len() >= out.limits.xml_depth {
            out.problem(&format!("{} XMP", self.container), "limit");
            return false;
        }
        let scopes = self.scopes.len();
        for (name, value) in &tag.attributes {
            if let Some(prefix) = name.strip_prefix("xmlns:") {
                self.declare(prefix, value.trim());
            }
        }
        let (prefix, local) = split(tag.name);
        let space = self.space(prefix);
        let parent = self.frames.last().map(|frame| frame.role);
        if let Some(frame) = self.frames.last_mut() {
            frame.has_children = true;
        }
        let role = role(&space, local, parent);
        self.frames.push(Frame {
            role,
            prefix: prefix.to_owned(),
            local: local.to_owned(),
            space,
            text: String::new(),
            has_children: false,
            scopes,
        });
        if role != Role::Outside && role != Role::Array {
            for (name, value) in &tag.attributes {
                self.attribute(name, value, out);
            }
        }
        if tag.closed {
            self.close(out);
        }
        self.properties <= out.limits.xmp_properties
    }

    /// An attribute of a node, property or item: a simple property, or the value itself.
    fn attribute(&mut self, name: &str, value: &str, out: &mut Collected<'_>) {
        let (prefix, local) = split(name);
        if prefix.is_empty() || prefix == "xmlns" || prefix == "xml" {
            return;
        }
        let space = self.space(prefix);
        if space == RDF {
            if matches!(local, "resource" | "value")
                && let Some(frame) = self.frames.last_mut()
            {
                value.clone_into(&mut frame.text);
            }
            return;
        }
        let nested = self.inside_a_property();
        self.emit(space, prefix, local, value, nested, out);
    }

    fn close(&mut self, out: &mut Collected<'_>) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        self.scopes.truncate(frame.scopes);
        if frame.has_children && frame.role == Role::Property {
            return;
        }
        match frame.role {
            Role::Property if frame.space == RDF => {
                // `rdf:value`: the value of the property around it.
                if let Some(around) = self
                    .frames
                    .iter()
                    .rev()
                    .find(|frame| frame.role == Role::Property)
                {
                    let (space, prefix, local) = (
                        around.space.clone(),
                        around.prefix.clone(),
                        around.local.clone(),
                    );
                    self.emit(space, &prefix, &local, &frame.text, false, out);
                }
            }
            Role::Property => {
                let nested = self.inside_a_property();
                self.emit(
                    frame.space,
                    &frame.prefix,
                    &frame.local,
                    &frame.text,
                    nested,
                    out,
                );
            }
            Role::Item if !frame.has_children => {
                let properties = self
                    .frames
                    .iter()
                    .rev()
                    .filter(|frame| frame.role == Role::Property);
                let mut around = properties.take(2);
                let Some(property) = around.next() else {
                    return;
                };
                let nested = around.next().is_some();
                let (space, prefix, local) = (
                    property.space.clone(),
                    property.prefix.clone(),
                    property.local.clone(),
                );
                self.emit(space, &prefix, &local, &frame.text, nested, out);
            }
            _ => {}
        }
    }

    fn inside_a_property(&self) -> bool {
        self.frames.iter().any(|frame| frame.role == Role::Property)
    }

    fn emit(
        &mut self,
        space: String,
        prefix: &str,
        local: &str,
        value: &str,
        nested: bool,
        out: &mut Collected<'_>,
    ) {
        self.properties += 1;
        let usual = USUAL.iter().find(|(_, uri)| *uri == space);
        let shown = usual.map_or(prefix, |(prefix, _)| prefix);
        out.push(Entry {
            origin: Origin::Xmp,
            key: local.to_owned(),
            value: value.trim().to_owned(),
            place: format!("{} XMP {shown}:{local}", self.container),
            space,
            nested,
            json: None,
        });
    }

    /// Takes a prefix into force, up to as many as any real packet has.
    fn declare(&mut self, prefix: &str, uri: &str) {
        const MOST: usize = 300;
        if self.scopes.len() < MOST {
            self.scopes.push((prefix.to_owned(), canonical(uri)));
        }
    }

    /// The name space of a prefix; an undeclared prefix counts as what it usually stands for.
    fn space(&self, prefix: &str) -> String {
        let declared = self.scopes.iter().rev().find(|(name, _)| name == prefix);
        if let Some((_, uri)) = declared {
            return uri.clone();
        }
        let usual = USUAL.iter().find(|(name, _)| *name == prefix);
        usual.map_or_else(|| prefix.to_owned(), |(_, uri)| (*uri).to_owned())
    }
}

/// Some writers use `https`, or leave out the last stroke.
fn canonical(uri: &str) -> String {
    let plain = |uri: &str| {
        let uri = uri.trim_end_matches('/');
        uri.strip_prefix("https://")
            .or_else(|| uri.strip_prefix("http://"))
            .unwrap_or(uri)
            .to_owned()
    };
    let known = USUAL
        .iter()
        .find(|(_, known)| *known == uri || plain(known) == plain(uri));
    known.map_or_else(|| uri.to_owned(), |(_, known)| (*known).to_owned())
}

fn role(space: &str, local: &str, parent: Option<Role>) -> Role {
    if space == RDF {
        return match local {
            "Description" => Role::Node,
            "Seq" | "Bag" | "Alt" => Role::Array,
            "li" => Role::Item,
            "RDF" => Role::Outside,
            _ => Role::Property,
        };
    }
    match parent {
        None | Some(Role::Outside) => Role::Outside,
        Some(_) => Role::Property,
    }
}

fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

#[cfg(test)]
mod tests;
