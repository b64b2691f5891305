//! Who is at the other end, where proxies stand between (RFC 7239).

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};

use crate::connection::Peer;
use crate::settings::Network;

const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Most proxies one behind the other.
const MOST_HOPS: usize = 16;

/// A client as far as it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// Its address.
    pub address: IpAddr,
    /// Whether it speaks TLS to us or to the proxy that is asked by it.
    pub secure: bool,
}

/// The nearest address that is none of the trusted proxies. Each proxy tells whom it was asked by; what one says that
/// is not trusted says nothing, because anyone can write such a header.
pub(super) fn client(peer: Peer, headers: &HeaderMap, trusted: &[Network]) -> Client {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.has(address));
    let mut client = Client {
        address: peer.address.ip().to_canonical(),
        secure: peer.secure,
    };
    if trusted.is_empty() || !is_trusted(client.address) {
        return client;
    }
    let hops = if headers.contains_key(FORWARDED) {
        forwarded(headers)
    } else {
        x_forwarded(headers)
    };
    for hop in hops.iter().rev().take(MOST_HOPS) {
        if !is_trusted(client.address) {
            break;
        }
        if let Some(secure) = hop.secure {
            client.secure = secure;
        }
        // A proxy may hide whom it was asked by; behind that nothing is known.
        let Some(address) = hop.address else {
            break;
        };
        client.address = address.to_canonical();
    }
    client
}

/// What one proxy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hop {
    address: Option<IpAddr>,
    secure: Option<bool>,
}

fn texts(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok())
}

fn forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let elements = texts(headers, FORWARDED).flat_map(|text| text.split(','));
    let hop = |element: &str| {
        let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
        let mut hop = Hop {
            address: None,
            secure: None,
        };
        for (name, value) in pairs {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.address = node(value),
                "proto" => hop.secure = Some(value.eq_ignore_ascii_case("https")),
                _ => {}
            }
        }
        hop
    };
    elements.map(hop).collect()
}

fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let addresses = texts(headers, X_FORWARDED_FOR).flat_map(|text| text.split(','));
    let mut hops: Vec<Hop> = addresses
        .map(|text| Hop {
            address: node(text.trim()),
            secure: None,
        })
        .collect();
    // Only the nearest proxy's word counts: it writes one value or adds its own at the end.
    let scheme = texts(headers, X_FORWARDED_PROTO).last();
    let nearest = scheme.and_then(|text| text.rsplit(',').next());
    let secure = nearest.map(|text| text.trim().eq_ignore_ascii_case("https"));
    match hops.last_mut() {
        Some(hop) => hop.secure = secure,
        None if secure.is_some() => hops.push(Hop {
            address: None,
            secure,
        }),
        None => {}
    }
    hops
}

/// An address, with or without a port; `None` for `unknown` and hidden names.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok();
    address.or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::settings::ServeSettings;

    fn told(peer: &str, lines: &[(&'static str, &'static str)]) -> Client {
        let file = [colophon_provenance::Written {
            name: "trusted_proxies".to_owned(),
            value: colophon_provenance::WrittenValue::Many(vec![
                "10.0.0.0/8".to_owned(),
                "::1".to_owned(),
            ]),
            line: 1,
        }];
        let layers = crate::settings::Layers {
            file: &file,
            ..Default::default()
        };
        let settings = ServeSettings::read(&layers).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let peer = Peer {
            address: SocketAddr::new(peer.parse().unwrap(), 1),
            secure: false,
        };
        client(peer, &headers, &settings.trusted_proxies)
    }

    fn address(peer: &str, lines: &[(&'static str, &'static str)]) -> String {
        told(peer, lines).address.to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let lie = [
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(address("203.0.113.1", &lie), "203.0.113.1");
        assert!(!told("203.0.113.1", &lie).secure);
        assert_eq!(address("10.0.0.1", &lie), "198.51.100.1");
        assert!(told("10.0.0.1", &lie).secure);
        // The client wrote the first entry itself.
        let forged = [("x-forwarded-for", "192.0.2.66, 198.51.100.1, 10.0.0.7")];
        assert_eq!(address("10.0.0.1", &forged), "198.51.100.1");
        let two = [
            ("x-forwarded-for", "192.0.2.66"),
            ("x-forwarded-for", "198.51.100.2"),
        ];
        assert_eq!(address("::1", &two), "198.51.100.2");
    }

    #[test]
    fn the_standard_header_is_read() {
        let of = |text: &'static str| told("10.0.0.1", &[("forwarded", text)]);
        let six = of("For=\"[2001:db8:cafe::17]:4711\";proto=https;by=10.0.0.1");
        assert_eq!(
            (six.address.to_string().as_str(), six.secure),
            ("2001:db8:cafe::17", true)
        );
        assert_eq!(
            of("for=192.0.2.43, for=198.51.100.17:80")
                .address
                .to_string(),
            "198.51.100.17"
        );
        assert_eq!(
            of("for=192.0.2.43, for=unknown").address.to_string(),
            "10.0.0.1"
        );
        assert_eq!(of("for=_hidden").address.to_string(), "10.0.0.1");
        let both = [
            ("forwarded", "for=192.0.2.1"),
            ("x-forwarded-for", "192.0.2.2"),
        ];
        assert_eq!(address("10.0.0.1", &both), "192.0.2.1");
    }
}
