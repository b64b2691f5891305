//! Where connections may go: which addresses of pictures are followed, and to which IP addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Url;

/// What kind of network an IP address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// This machine: 127.0.0.0/8, `::1`, and 0.0.0.0 and `::`, which reach it too.
    Loopback,
    /// RFC 1918, RFC 6598 (carrier-grade NAT) and unique local IPv6 addresses.
    Private,
    /// 169.254.0.0/16 and `fe80::/10`. Cloud machines hand out credentials there.
    LinkLocal,
    /// The open network.
    Public,
    /// Multicast, documentation, reserved: nobody serves pictures there.
    Special,
}

impl Scope {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        match (a, b, c) {
            (127, ..) => Self::Loopback,
            _ if address.is_unspecified() => Self::Loopback,
            (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Self::Private,
            (169, 254, _) => Self::LinkLocal,
            (0 | 224..=255, ..)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113) => Self::Special,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let [a, b, c, d, e, f, g, h] = address.segments();
        let v4 = |high: u16, low: u16| {
            let [[p, q], [r, s]] = [high.to_be_bytes(), low.to_be_bytes()];
            Self::of_v4(Ipv4Addr::new(p, q, r, s))
        };
        match (a, b, c, d, e, f) {
            _ if address.is_loopback() || address.is_unspecified() => Self::Loopback,
            // Addresses that carry an IPv4 address belong where that one does: mapped, NAT64, 6to4.
            (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => v4(g, h),
            (0x2002, ..) => v4(b, c),
            (0xfc00..=0xfdff, ..) => Self::Private,
            (0xfe80..=0xfebf, ..) => Self::LinkLocal,
            // IETF protocol assignments (Teredo among them) and documentation.
            (0x2001, 0..=0x01ff | 0x0db8, ..) | (0x3fff, ..) => Self::Special,
            (0x2000..=0x3fff, ..) => Self::Public,
            _ => Self::Special,
        }
    }

    /// Whether prompt and key may go there unencrypted.
    pub(crate) fn is_near(self) -> bool {
        matches!(self, Self::Loopback | Self::Private | Self::LinkLocal)
    }

    /// Whether pictures may be fetched there, when that is not the backend's own address: the open
    /// network, or the kind of network the backend is in.
    pub(crate) fn may_be_fetched(self, backend: &[Self]) -> bool {
        match self {
            Self::Public => true,
            Self::Special => false,
            Self::Loopback | Self::Private | Self::LinkLocal => backend.contains(&self),
        }
    }
}

/// Whose server a picture's address names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The backend: same scheme, host and port. The key may go there.
    Backend,
    /// Somebody else.
    Other,
}

/// Whether a picture may be fetched from `url`, as far as that can be told before its name is
/// looked up.
///
/// # Errors
/// Why not, to stand after "which".
pub(crate) fn judge(
    url: &Url,
    backend: &Url,
    allow_other_hosts: bool,
) -> Result<Owner, &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("is neither http:// nor https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password");
    }
    if url.origin() == backend.origin() {
        return Ok(Owner::Backend);
    }
    if !allow_other_hosts {
        return Err(
            "is another server than the backend; ask for pictures within the answer, or allow other hosts",
        );
    }
    if url.scheme() != "https" {
        return Err("is another server than the backend and not https://");
    }
    Ok(Owner::Other)
}

/// Scheme, host and port of a URL; its path and query may hold signatures and do not belong into
/// messages.
pub(crate) fn shown(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{}://{host}:{port}", url.scheme()),
        (Some(host), None) => format!("{}://{host}", url.scheme()),
        (None, _) => format!("{}:", url.scheme()),
    }
}

/// Host and port of a URL.
pub(crate) fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope(address: &str) -> Scope {
        Scope::of(address.parse().unwrap())
    }

    #[test]
    fn addresses_belong_to_their_networks() {
        let known = [
            (
                Scope::Loopback,
                "127.0.0.1 127.255.0.9 ::1 0.0.0.0 :: ::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::",
            ),
            (
                Scope::Private,
                "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.0.1 fc00::1 fd12::1 ::ffff:10.0.0.1 2002:c0a8:101::",
            ),
            (
                Scope::LinkLocal,
                "169.254.169.254 fe80::1 febf::1 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe",
            ),
            (
                Scope::Public,
                "1.1.1.1 9.9.9.9 100.63.0.1 100.128.0.1 172.15.0.1 172.32.0.1 192.167.0.1 2606:4700::1 2a00::1 2002:101:101::",
            ),
            (
                Scope::Special,
                "0.0.0.1 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 255.255.255.255 ff02::1 2001:db8::1 2001::1 64:ff9b:1::1 fec0::1 ::127.0.0.1 3fff::1",
            ),
        ];
        for (expected, addresses) in known {
            for address in addresses.split(' ') {
                assert_eq!(scope(address), expected, "{address}");
            }
        }
    }

    #[test]
    fn other_hosts_must_be_public_or_beside_the_backend() {
        let metadata = scope("169.254.169.254");
        assert!(!metadata.may_be_fetched(&[Scope::Public]));
        assert!(!metadata.may_be_fetched(&[Scope::Loopback, Scope::Private]));
        assert!(scope("127.0.0.1").may_be_fetched(&[Scope::Loopback]));
        assert!(!scope("127.0.0.1").may_be_fetched(&[Scope::Private]));
        assert!(!scope("10.1.1.1").may_be_fetched(&[]));
        assert!(scope("1.1.1.1").may_be_fetched(&[Scope::Private]));
        assert!(!scope("224.0.0.1").may_be_fetched(&[Scope::Special]));
    }

    #[test]
    fn picture_addresses_are_judged() {
        let backend = Url::parse("http://gpu.lan:8000/").unwrap();
        let judge = |url: &str, allow| judge(&backend.join(url).unwrap(), &backend, allow);
        for own in [
            "/v1/images/1/content",
            "out/1.png?sig=x",
            "http://gpu.lan:8000/x",
            "HTTP://GPU.LAN:8000/x",
            "//gpu.lan:8000/x",
        ] {
            assert_eq!(judge(own, false), Ok(Owner::Backend), "{own}");
        }
        for other in [
            "http://gpu.lan/x",
            "http://gpu.lan:8001/x",
            "https://gpu.lan:8000/x",
            "http://evil.example/x",
            "http://gpu.lan.evil.example:8000/",
            "//evil.example/x",
            "ftp://gpu.lan:8000/x",
            "file:///etc/passwd",
            "javascript:1",
            "http://gpu.lan:8000@evil.example/",
            "http://user@gpu.lan:8000/",
        ] {
            assert!(judge(other, false).is_err(), "{other}");
            assert!(judge(other, true) == Ok(Owner::Other) || !other.starts_with("https"));
        }
        assert_eq!(judge("https://cdn.example/x", true), Ok(Owner::Other));
        assert!(judge("http://cdn.example/x", true).is_err());
        assert!(judge("https://user:pw@cdn.example/x", true).is_err());
    }

    proptest! {
        #[test]
        fn nothing_but_the_backend_itself_gets_the_key(text in "\\PC{0,40}") {
            let backend = Url::parse("https://gpu.example:8443/sd/").unwrap();
            if let Ok(url) = backend.join(&text)
                && judge(&url, &backend, true) == Ok(Owner::Backend)
            {
                prop_assert_eq!(url.scheme(), "https");
                prop_assert_eq!(url.host_str(), Some("gpu.example"));
                prop_assert_eq!(url.port(), Some(8443));
            }
        }

        #[test]
        fn mapped_addresses_are_where_the_plain_ones_are(bits in any::<u32>()) {
            let plain = Ipv4Addr::from_bits(bits);
            let scope = Scope::of(plain.into());
            prop_assert_eq!(Scope::of(plain.to_ipv6_mapped().into()), scope);
        }
    }
}
