//! XMP packets (ISO 16684-1): merging the IPTC properties of synthetic media.
//!
//! A packet comes from anywhere. It is read as a stream, names are compared by name space and not
//! by prefix, and document types, unknown entities and deep nesting make it count as malformed.

use std::borrow::Cow;
use std::io::Write;

use quick_xml::XmlVersion;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::{NsReader, Writer};

/// Name space of the IPTC Extension schema (IPTC Photo Metadata Standard 2025.1).
pub const IPTC_EXTENSION_NAMESPACE: &str = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/";

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const XMP_BASIC: &str = "http://ns.adobe.com/xap/1.0/";
const XMP_NOTE: &str = "http://ns.adobe.com/xmp/note/";
const TIFF: &str = "http://ns.adobe.com/tiff/1.0/";
const DCTERMS: &str = "http://purl.org/dc/terms/";

const MAX_DEPTH: usize = 64;

/// Properties written before signing, so that readers that know no C2PA learn the source type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProvenanceXmp {
    /// `Iptc4xmpExt:DigitalSourceType`: the URI of a term of the IPTC vocabulary.
    pub digital_source_type: String,
    /// `Iptc4xmpExt:AISystemUsed`.
    pub ai_system_used: Option<String>,
    /// `Iptc4xmpExt:AISystemVersionUsed`.
    pub ai_system_version: Option<String>,
    /// `xmp:CreatorTool`; an existing one stays if this is `None`.
    pub creator_tool: Option<String>,
}

/// The packet with the properties set; a new one if there is none that can be parsed.
pub(crate) fn merge(existing: Option<&[u8]>, provenance: &ProvenanceXmp) -> Vec<u8> {
    let replaced = |space: &str, name: &str| match space {
        IPTC_EXTENSION_NAMESPACE => matches!(
            name,
            "DigitalSourceType" | "AISystemUsed" | "AISystemVersionUsed"
        ),
        XMP_BASIC => name == "CreatorTool" && provenance.creator_tool.is_some(),
        _ => false,
    };
    let merged = existing.and_then(|xmp| Rewriter::new(&replaced, Some(provenance)).run(xmp));
    merged.unwrap_or_else(|| {
        let mut packet = Writer::new(Vec::new());
        // Writing to memory cannot fail.
        let _ = write!(
            packet.get_mut(),
            r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">"#
        );
        let _ = packet.write_event(Event::Empty(description("", provenance)));
        let _ = write!(packet.get_mut(), "</rdf:RDF></x:xmpmeta>");
        wrap(&packet.into_inner())
    })
}

/// The packet without `tiff:Orientation`; `None` if it cannot be parsed.
pub(crate) fn without_orientation(existing: &[u8]) -> Option<Vec<u8>> {
    Rewriter::new(&|space, name| space == TIFF && name == "Orientation", None).run(existing)
}

/// Properties that any rewriting removes: the extended packet is not carried along, and a pointer
/// to an earlier manifest belongs to the earlier file.
fn is_stale(space: &str, name: &str) -> bool {
    matches!(
        (space, name),
        (XMP_NOTE, "HasExtendedXMP") | (DCTERMS, "provenance")
    )
}

/// Our properties as one `rdf:Description` about the same thing as the others.
fn description<'a>(about: &str, provenance: &ProvenanceXmp) -> BytesStart<'a> {
    let mut element = BytesStart::new("rdf:Description");
    element.push_attribute(("xmlns:rdf", RDF));
    element.push_attribute(("rdf:about", about));
    element.push_attribute(("xmlns:Iptc4xmpExt", IPTC_EXTENSION_NAMESPACE));
    let mut property = |name, value: &str| element.push_attribute((name, xml_text(value).as_ref()));
    property(
        "Iptc4xmpExt:DigitalSourceType",
        &provenance.digital_source_type,
    );
    if let Some(system) = &provenance.ai_system_used {
        property("Iptc4xmpExt:AISystemUsed", system);
    }
    if let Some(version) = &provenance.ai_system_version {
        property("Iptc4xmpExt:AISystemVersionUsed", version);
    }
    if let Some(tool) = &provenance.creator_tool {
        property("xmlns:xmp", XMP_BASIC);
        property("xmp:CreatorTool", tool);
    }
    element
}

/// Whether only name spaces and `about` are left of a description.
fn says_nothing(element: &BytesStart<'_>) -> bool {
    let mut attributes = element.attributes();
    attributes.with_checks(false).flatten().all(|attribute| {
        attribute.key.as_namespace_binding().is_some()
            || attribute.key.local_name().into_inner() == "about"
    })
}

/// Leaves out what XML 1.0 cannot hold (section 2.2), control characters above all.
fn xml_text(value: &str) -> Cow<'_, str> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    if value.chars().all(allowed) {
        Cow::Borrowed(value)
    } else {
        Cow::Owned(value.chars().filter(|c| allowed(*c)).collect())
    }
}

/// The packet wrapper of ISO 16684-1, 7.3.2.
fn wrap(content: &[u8]) -> Vec<u8> {
    [
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n".as_bytes(),
        content,
        b"\n<?xpacket end=\"w\"?>",
    ]
    .concat()
}

/// One pass over a packet: removes properties of the top descriptions, adds a description.
struct Rewriter<'a> {
    removed: &'a dyn Fn(&str, &str) -> bool,
    added: Option<&'a ProvenanceXmp>,
    out: Writer<Vec<u8>>,
    /// Elements open now.
    depth: usize,
    /// Depth inside `rdf:RDF`, once it is open.
    rdf: Option<usize>,
    /// Whether `rdf:RDF` was closed: there is only one.
    done: bool,
    about: String,
}

impl<'a> Rewriter<'a> {
    fn new(removed: &'a dyn Fn(&str, &str) -> bool, added: Option<&'a ProvenanceXmp>) -> Self {
        Self {
            removed,
            added,
            out: Writer::new(Vec::new()),
            depth: 0,
            rdf: None,
            done: false,
            about: String::new(),
        }
    }

    /// `None` if the packet is malformed or holds no `rdf:RDF`.
    fn run(mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(packet).ok()?;
        let text = text.trim_matches(|c: char| matches!(c, '\0' | '\u{feff}') || c.is_whitespace());
        let mut reader = NsReader::from_str(text);
        loop {
            let event = reader.read_event().ok()?;
            match event {
                Event::Start(element) => self.start(&mut reader, element)?,
                Event::Empty(element) => self.empty(&reader, element)?,
                Event::End(end) => {
                    if self.rdf == Some(self.depth) {
                        self.close_rdf()?;
                    }
                    self.depth = self.depth.checked_sub(1)?;
                    self.write(Event::End(end))?;
                }
                Event::GeneralRef(reference) => {
                    let known = reference.is_char_ref()
                        && reference.resolve_char_ref().is_ok_and(|c| c.is_some())
                        || matches!(&*reference, "amp" | "lt" | "gt" | "apos" | "quot");
                    if !known || self.depth == 0 {
                        return None;
                    }
                    self.write(Event::GeneralRef(reference))?;
                }
                Event::DocType(_) => return None,
                Event::Eof => break,
                // Outside the root stand the packet wrapper and padding, written anew.
                other if self.depth > 0 => self.write(other)?,
                _ => {}
            }
        }
        (self.depth == 0 && self.done).then(|| wrap(&self.out.into_inner()))
    }

    fn start(&mut self, reader: &mut NsReader<&[u8]>, element: BytesStart<'_>) -> Option<()> {
        if self.is_removed_child(reader, &element)? {
            reader.read_to_end(element.name()).ok()?;
            return Some(());
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        if self.is_rdf(reader, &element) {
            self.rdf = Some(self.depth);
        }
        let element = self.checked(reader, element)?;
        self.write(Event::Start(element))
    }

    fn empty(&mut self, reader: &NsReader<&[u8]>, element: BytesStart<'_>) -> Option<()> {
        if self.is_removed_child(reader, &element)? {
            return Some(());
        }
        if self.is_rdf(reader, &element) {
            let end = element.to_end().into_owned();
            self.write(Event::Start(element))?;
            self.close_rdf()?;
            return self.write(Event::End(end));
        }
        self.depth += 1;
        let before = element.attributes_raw().len();
        let element = self.checked(reader, element)?;
        self.depth -= 1;
        // A description that lost all its properties goes as well.
        if element.attributes_raw().len() < before && says_nothing(&element) {
            return Some(());
        }
        self.write(Event::Empty(element))
    }

    fn write(&mut self, event: Event<'_>) -> Option<()> {
        self.out.write_event(event).ok()
    }

    fn close_rdf(&mut self) -> Option<()> {
        self.rdf = None;
        self.done = true;
        match self.added {
            Some(added) => self.write(Event::Empty(description(&self.about, added))),
            None => Some(()),
        }
    }

    fn is_rdf(&self, reader: &NsReader<&[u8]>, element: &BytesStart<'_>) -> bool {
        let (space, name) = reader.resolver().resolve_element(element.name());
        !self.done
            && self.rdf.is_none()
            && name.into_inner() == "RDF"
            && space == ResolveResult::Bound(Namespace(RDF))
    }

    fn removes(&self, space: &str, name: &str) -> bool {
        is_stale(space, name) || (self.removed)(space, name)
    }

    /// Whether the element, not yet counted in `depth`, is a property of a top description that goes.
    fn is_removed_child(&self, reader: &NsReader<&[u8]>, element: &BytesStart<'_>) -> Option<bool> {
        match reader.resolver().resolve_element(element.name()) {
            (ResolveResult::Unknown(_), _) => None,
            (ResolveResult::Bound(Namespace(space)), name) => Some(
                self.rdf.is_some_and(|rdf| self.depth == rdf + 1)
                    && self.removes(space, name.into_inner()),
            ),
            (ResolveResult::Unbound, _) => Some(false),
        }
    }

    /// The element with sound attributes; a top description, already counted in `depth`, without
    /// those that go.
    fn checked<'e>(
        &mut self,
        reader: &NsReader<&[u8]>,
        element: BytesStart<'e>,
    ) -> Option<BytesStart<'e>> {
        let top = self.rdf.is_some_and(|rdf| self.depth == rdf + 1);
        let mut kept: Vec<(Attribute<'_>, Cow<'_, str>)> = Vec::new();
        let mut dropped = false;
        // The check for duplicates takes quadratic time.
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.ok()?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            if top {
                let (space, name) = reader.resolver().resolve_attribute(attribute.key);
                if let ResolveResult::Bound(Namespace(space)) = space {
                    if space == RDF && name.into_inner() == "about" && self.about.is_empty() {
                        self.about = value.to_string();
                    }
                    if self.removes(space, name.into_inner()) {
                        dropped = true;
                        continue;
                    }
                }
            }
            kept.push((attribute, value));
        }
        if !dropped {
            drop(kept);
            return Some(element);
        }
        let mut rebuilt = BytesStart::new(element.name().into_inner().to_owned());
        for (attribute, value) in &kept {
            rebuilt.push_attribute((attribute.key.into_inner(), value.as_ref()));
        }
        Some(rebuilt)
    }
}

#[cfg(test)]
mod tests;
