use std::collections::BTreeMap;

use colophon_provenance::{Origin, Written, WrittenValue};
use proptest::prelude::*;

use super::value::Value;
use super::*;

fn written(name: &str, value: &str) -> Written {
    Written {
        name: name.to_owned(),
        value: WrittenValue::One(value.to_owned()),
        line: 7,
    }
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn the_nearest_layer_wins_and_is_told() {
    let file = [
        written("queue", "1"),
        written("requests", "2"),
        written("connections", "3"),
    ];
    let layers = Layers {
        file: &file,
        variables: pairs(&[
            ("COLOPHON_SERVE_REQUESTS", "20"),
            ("COLOPHON_SERVE_CONNECTIONS", "30"),
        ]),
        flags: pairs(&[("connections", "300")]),
    };
    let settings = ServeSettings::read(&layers).unwrap();
    assert_eq!(
        (settings.queue, settings.requests, settings.connections),
        (1, 20, 300)
    );
    let origin = |name: &str| {
        let shown = settings.shown().iter().find(|it| it.name == name).unwrap();
        shown.origin.to_string()
    };
    assert_eq!(origin("queue"), "config.toml, line 7");
    assert_eq!(origin("requests"), "COLOPHON_SERVE_REQUESTS");
    assert_eq!(origin("connections"), "--connections");
    assert_eq!(origin("listen"), "default");
    assert_eq!(settings.shown().len(), ServeSettings::DECLARED.len());
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let of_file = |name: &str, value: &str| {
        let file = [written(name, value)];
        let layers = Layers {
            file: &file,
            ..Layers::default()
        };
        ServeSettings::read(&layers).unwrap_err().to_string()
    };
    for (name, value, part) in [
        ("colour", "red", "serve.colour"),
        ("queue", "-1", "line 7"),
        ("queue", "many", "whole number"),
        ("listen", "8750", "address and port"),
        ("answer_time", "30", "30s"),
        ("answer_time", "0s", "longer than nothing"),
        ("picture_bytes", "64MB", "64MiB"),
        ("picture_bytes", "1GiB", "upload_memory"),
        ("trusted_proxies", "10.0.0.0/33", "10.0.0.0/33"),
        ("tls_key", "key.pem", "tls_certificate"),
        ("access_log", "loud", "off, text or json"),
        ("connections", "0", "1 or more"),
    ] {
        let message = of_file(name, value);
        assert!(message.contains(part), "{name} = {value}: {message}");
    }
    let variables = Layers {
        variables: pairs(&[("COLOPHON_SERVE_QUEU", "1")]),
        ..Layers::default()
    };
    let message = ServeSettings::read(&variables).unwrap_err().to_string();
    assert!(message.contains("COLOPHON_SERVE_QUEU"), "{message}");
    let table = [Written {
        value: WrittenValue::Other,
        ..written("queue", "")
    }];
    let layers = Layers {
        file: &table,
        ..Layers::default()
    };
    let error = ServeSettings::read(&layers).unwrap_err();
    assert!(
        matches!(
            error,
            SettingError::Value {
                origin: Origin::File { line: 7 },
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn networks_hold_their_addresses_and_no_others() {
    let networks = |text: &str| {
        let texts: Vec<String> = text.split(',').map(str::to_owned).collect();
        Vec::<Network>::parse(&texts).unwrap()
    };
    let has = |list: &str, address: &str| {
        networks(list)
            .iter()
            .any(|it| it.has(address.parse().unwrap()))
    };
    assert!(has("10.0.0.0/8", "10.9.8.7") && !has("10.0.0.0/8", "11.0.0.1"));
    assert!(
        has("10.0.0.0/8", "::ffff:10.1.1.1"),
        "as dual-stack sockets tell it"
    );
    assert!(has("192.0.2.1", "192.0.2.1") && !has("192.0.2.1", "192.0.2.2"));
    assert!(has("::/0", "2001:db8::1") && !has("::/0", "10.0.0.1"));
    assert!(has("2001:db8::/33", "2001:db8:7fff::1") && !has("2001:db8::/33", "2001:db8:8000::1"));
    assert!(has("0.0.0.0/0", "203.0.113.9"));
}

proptest! {
    #[test]
    fn sizes_and_times_are_shown_as_they_are_read(bytes in any::<u64>(), ms in 0..u64::MAX / 1_000_000) {
        let count = ByteCount(bytes);
        prop_assert_eq!(ByteCount::parse(&[count.show()]), Ok(count));
        let span = Span(std::time::Duration::from_millis(ms));
        prop_assert_eq!(Span::parse(&[span.show()]), Ok(span));
    }
}
