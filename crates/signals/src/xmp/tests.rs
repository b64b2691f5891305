use proptest::prelude::*;

use super::*;
use crate::Limits;

fn entries(packet: &str) -> Vec<Entry> {
    let limits = Limits::default();
    let mut out = Collected::new(&limits);
    read(packet.as_bytes(), "PNG", &mut out);
    out.entries
}

fn value(packet: &str, space: &str, key: &str) -> Option<String> {
    let found = entries(packet)
        .into_iter()
        .find(|entry| entry.is_xmp(space, key));
    found.map(|entry| entry.value)
}

#[test]
fn properties_count_by_name_space_in_every_form() {
    for body in [
        r#"<rdf:Description xmlns:q="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" q:DigitalSourceType="v&#x2F;a"/>"#,
        r#"<rdf:Description xmlns:q="https://iptc.org/std/Iptc4xmpExt/2008-02-29"><q:DigitalSourceType>v/a</q:DigitalSourceType></rdf:Description>"#,
        "<rdf:Description><iptcExt:DigitalSourceType rdf:resource='v/a'/></rdf:Description>",
        r#"<rdf:Description><Iptc4xmpExt:DigitalSourceType><rdf:Alt><rdf:li xml:lang="x-default">v/a</rdf:li></rdf:Alt></Iptc4xmpExt:DigitalSourceType></rdf:Description>"#,
        r#"<rdf:Description><Iptc4xmpExt:DigitalSourceType rdf:parseType="Resource"><rdf:value>v/a</rdf:value></Iptc4xmpExt:DigitalSourceType></rdf:Description>"#,
    ] {
        let packet = format!(
            r#"<?xpacket begin="" id="W5M0"??><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">{body}</rdf:RDF></x:xmpmeta>"#
        );
        assert_eq!(
            value(&packet, IPTC_EXT, "DigitalSourceType").as_deref(),
            Some("v/a"),
            "{body}"
        );
    }
}

#[test]
fn a_prefix_bound_to_another_name_space_does_not_count() {
    let packet = r#"<rdf:RDF><rdf:Description xmlns:Iptc4xmpExt="http://example.com/" Iptc4xmpExt:DigitalSourceType="x"/></rdf:RDF>"#;
    assert_eq!(value(packet, IPTC_EXT, "DigitalSourceType"), None);
}

#[test]
fn fields_of_structures_are_told_apart_from_properties() {
    let packet = r#"<rdf:RDF><rdf:Description><xmpMM:Ingredients><rdf:Bag><rdf:li rdf:parseType="Resource">
        <Iptc4xmpExt:DigitalSourceType>inner</Iptc4xmpExt:DigitalSourceType></rdf:li></rdf:Bag></xmpMM:Ingredients>
        <dc:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF>"#;
    let all = entries(packet);
    let inner = all.iter().find(|entry| entry.value == "inner").unwrap();
    assert!(inner.nested);
    let subjects: Vec<&str> = all
        .iter()
        .filter(|entry| entry.is_xmp(DC, "subject") && !entry.nested)
        .map(|entry| entry.value.as_str())
        .collect();
    assert_eq!(subjects, ["one", "two"]);
}

#[test]
fn what_is_broken_ends_the_reading_but_keeps_what_was_read() {
    let packet = r#"<rdf:RDF><rdf:Description dc:title="kept" xmp:Label="a"b" dc:lost="x"><dc:format>later</dc:format></rdf:Description><rdf:Desc"#;
    let limits = Limits::default();
    let mut out = Collected::new(&limits);
    read(packet.as_bytes(), "PNG", &mut out);
    assert!(out.entries.iter().any(|entry| entry.value == "kept"));
    assert!(out.entries.iter().any(|entry| entry.value == "later"));
    assert_eq!(out.problems[0].what, "xmp-malformed");
}

#[test]
fn a_document_type_is_refused_and_its_entities_are_not_expanded() {
    let packet =
        r#"<!DOCTYPE x [<!ENTITY a "aaaa">]><rdf:RDF><rdf:Description dc:title="&a;"/></rdf:RDF>"#;
    let limits = Limits::default();
    let mut out = Collected::new(&limits);
    read(packet.as_bytes(), "PNG", &mut out);
    assert!(out.entries.is_empty());
    assert_eq!(out.problems[0].what, "xmp-document-type");
    let undeclared = r#"<rdf:RDF><rdf:Description dc:title="&a; &amp;#60; &#1114112;"/></rdf:RDF>"#;
    assert_eq!(
        value(undeclared, DC, "title").as_deref(),
        Some("&a; &#60; &#1114112;")
    );
}

#[test]
fn depth_and_numbers_are_limited() {
    let deep = format!("<rdf:RDF><rdf:Description>{}", "<a:b>".repeat(5_000));
    let limits = Limits::default();
    let mut out = Collected::new(&limits);
    read(deep.as_bytes(), "PNG", &mut out);
    assert_eq!(out.problems[0].what, "limit");
    let many = " dc:a='1'".repeat(10_000);
    let mut out = Collected::new(&limits);
    read(
        format!("<rdf:RDF><rdf:Description{many}/>").as_bytes(),
        "PNG",
        &mut out,
    );
    assert!(out.entries.len() <= limits.xmp_properties);
    assert_eq!(out.problems[0].what, "limit");
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "[<>/?!=&;:\"' a-c\\[\\]-]{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        entries(&text);
        let limits = Limits::default();
        read(&bytes, "PNG", &mut Collected::new(&limits));
    }
}
