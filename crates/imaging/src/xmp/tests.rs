use proptest::prelude::*;
use quick_xml::Reader;

use super::*;

const AI: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

fn provenance() -> ProvenanceXmp {
    ProvenanceXmp {
        digital_source_type: AI.into(),
        ai_system_used: Some("Model".into()),
        ai_system_version: Some("2.1".into()),
        creator_tool: None,
    }
}

fn merged(packet: &str) -> String {
    String::from_utf8(merge(Some(packet.as_bytes()), &provenance())).unwrap()
}

/// A packet with the body inside `rdf:RDF`.
fn rdf(body: &str) -> String {
    format!(
        r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">{body}</rdf:RDF></x:xmpmeta>
{}<?xpacket end="w"?>"#,
        " ".repeat(200)
    )
}

/// Whether it is well formed and holds our properties once.
fn assert_sound(packet: &str) {
    let mut reader = Reader::from_str(packet);
    loop {
        match reader.read_event().expect("well formed") {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) => {
                for attribute in element.attributes() {
                    attribute.expect("well formed attribute");
                }
            }
            _ => {}
        }
    }
    for property in ["DigitalSourceType", "AISystemUsed", "AISystemVersionUsed"] {
        assert_eq!(
            packet.matches(&format!(":{property}=")).count(),
            1,
            "{packet}"
        );
    }
}

#[test]
fn a_new_packet_is_whole() {
    let packet = String::from_utf8(merge(None, &provenance())).unwrap();
    assert_sound(&packet);
    assert!(packet.starts_with("<?xpacket begin=\"\u{feff}\""));
    assert!(packet.contains(AI));
    // Merging again changes nothing.
    let again = merged(&packet);
    assert_sound(&again);
    assert_eq!(merged(&again), again);
}

#[test]
fn foreign_properties_stay() {
    let packet = rdf(concat!(
        r#"<rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" "#,
        r#"xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating='5 "stars"' xmp:CreatorTool="Cam">"#,
        "<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">A &amp; B &#x41;</rdf:li></rdf:Alt>",
        "</dc:title><!-- note --></rdf:Description>"
    ));
    let out = merged(&packet);
    assert_sound(&out);
    for kept in [
        r#"xmp:Rating='5 "stars"'"#,
        r#"xmp:CreatorTool="Cam""#,
        "A &amp; B &#x41;",
        "<!-- note -->",
        r#"xml:lang="x-default""#,
    ] {
        assert!(out.contains(kept), "{kept} is gone from {out}");
    }
    // All descriptions are about the same thing.
    assert_eq!(out.matches(r#"rdf:about="uuid:1""#).count(), 2);
}

#[test]
fn older_values_go_whatever_their_prefix_and_form() {
    let packet = rdf(&format!(
        r#"<rdf:Description rdf:about="" xmlns:i="{IPTC_EXTENSION_NAMESPACE}" xmlns:o="urn:other"
        i:DigitalSourceType="old1" o:DigitalSourceType='keep "1"'>
        <i:AISystemUsed>old2</i:AISystemUsed><o:AISystemUsed>keep2</o:AISystemUsed>
        <i:PersonInImage><rdf:Bag><rdf:li>Ann</rdf:li></rdf:Bag></i:PersonInImage>
        <o:nested><rdf:Description i:DigitalSourceType="keep3"/></o:nested></rdf:Description>
        <rdf:Description rdf:about=""><i:AISystemVersionUsed
         xmlns:i="{IPTC_EXTENSION_NAMESPACE}">old4</i:AISystemVersionUsed></rdf:Description>"#
    ));
    let out = merged(&packet);
    assert!(!out.contains("old"), "{out}");
    for kept in ["keep &quot;1&quot;", "keep2", "keep3", "Ann"] {
        assert!(out.contains(kept), "{kept} is gone from {out}");
    }
    assert_eq!(out.matches(AI).count(), 1);
}

#[test]
fn the_creator_tool_is_replaced_only_on_request() {
    let packet = rdf(
        r#"<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Cam"/>"#,
    );
    let tool = ProvenanceXmp {
        creator_tool: Some("Colophon".into()),
        ..provenance()
    };
    let out = String::from_utf8(merge(Some(packet.as_bytes()), &tool)).unwrap();
    assert_sound(&out);
    assert!(!out.contains("Cam") && out.contains(r#"xmp:CreatorTool="Colophon""#));
}

#[test]
fn pointers_to_what_is_not_carried_over_go() {
    let packet = rdf(concat!(
        r#"<rdf:Description rdf:about="" xmlns:n="http://ns.adobe.com/xmp/note/" "#,
        r#"xmlns:t="http://purl.org/dc/terms/" n:HasExtendedXMP="0123" "#,
        r#"t:provenance="https://manifests.example/1" t:rights="mine"/>"#
    ));
    let out = merged(&packet);
    assert_sound(&out);
    assert!(!out.contains("0123") && !out.contains("manifests.example"));
    assert!(out.contains(r#"t:rights="mine""#));
}

#[test]
fn empty_and_wrapped_variants_are_merged() {
    for packet in [
        format!(r#"<rdf:RDF xmlns:rdf="{RDF}"/>"#),
        format!(r#"<r:RDF xmlns:r="{RDF}"></r:RDF>"#),
        format!("\u{feff}<?xml version=\"1.0\"?><rdf:RDF xmlns:rdf=\"{RDF}\"/>\0\0"),
    ] {
        let out = merged(&packet);
        assert_sound(&out);
        assert!(out.contains("RDF xmlns:r"), "rebuilt, not merged: {out}");
    }
}

#[test]
fn malformed_packets_are_replaced() {
    let deep = "<a>".repeat(100) + &"</a>".repeat(100);
    let new = String::from_utf8(merge(None, &provenance())).unwrap();
    for packet in [
        String::new(),
        "no xml".into(),
        "<unclosed".into(),
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>".into(),
        rdf("<rdf:Description>"),
        rdf("<a>&undefined;</a>"),
        rdf("<a b='&undefined;'/>"),
        rdf("<unbound:a/>"),
        rdf(&deep),
        format!("<!DOCTYPE x [<!ENTITY a 'aaaa'>]>{}", rdf("")),
        rdf("</rdf:RDF>"),
    ] {
        assert_eq!(merged(&packet), new, "kept: {packet}");
    }
    let not_utf8 = [0xff, 0xfe, b'<', 0];
    assert_eq!(merge(Some(&not_utf8), &provenance()), new.as_bytes());
}

proptest! {
    #[test]
    fn any_value_makes_a_well_formed_packet(value: String, tool: Option<String>) {
        let given = ProvenanceXmp {
            digital_source_type: value.clone(),
            ai_system_used: Some(value),
            ai_system_version: tool.clone(),
            creator_tool: tool,
        };
        let packet = String::from_utf8(merge(None, &given)).unwrap();
        let again = merge(Some(packet.as_bytes()), &provenance());
        prop_assert!(String::from_utf8(again).unwrap().contains(AI));
        let mut reader = Reader::from_str(&packet);
        while reader.read_event().unwrap() != Event::Eof {}
    }

    #[test]
    fn damaged_packets_never_panic(at in any::<prop::sample::Index>(), value: char, cut: bool) {
        let packet = rdf(r#"<rdf:Description rdf:about="" xmlns:a="b" a:c="d"><a:e>f</a:e></rdf:Description>"#);
        let mut chars: Vec<char> = packet.chars().collect();
        let at = at.index(chars.len());
        chars[at] = value;
        if cut {
            chars.truncate(at);
        }
        let out = merged(&chars.into_iter().collect::<String>());
        prop_assert!(out.contains(AI));
    }
}
