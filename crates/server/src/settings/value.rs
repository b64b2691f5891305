//! Kinds of values.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A kind of value that a setting may have.
pub(crate) trait Value: Sized {
    /// What is written, for the documents.
    const KIND: &'static str;

    /// Out of what is written; several texts where a list is.
    ///
    /// # Errors
    /// In words, what was expected.
    fn parse(written: &[String]) -> Result<Self, String>;

    /// As it would be written.
    fn show(&self) -> String;
}

/// The only text there is.
fn single<'a>(written: &'a [String], kind: &str) -> Result<&'a str, String> {
    match written {
        [one] => Ok(one.trim()),
        _ => Err(format!("expected {kind}, not a list")),
    }
}

fn parsed<T: std::str::FromStr>(written: &[String], kind: &str) -> Result<T, String> {
    let text = single(written, kind)?;
    text.parse()
        .map_err(|_| format!("expected {kind}, not `{text}`"))
}

impl Value for bool {
    const KIND: &'static str = "true or false";

    fn parse(written: &[String]) -> Result<Self, String> {
        parsed(written, Self::KIND)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for usize {
    const KIND: &'static str = "a whole number";

    fn parse(written: &[String]) -> Result<Self, String> {
        parsed(written, Self::KIND)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const KIND: &'static str = "text";

    fn parse(written: &[String]) -> Result<Self, String> {
        single(written, Self::KIND).map(str::to_owned)
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for SocketAddr {
    const KIND: &'static str = "an address and port";

    fn parse(written: &[String]) -> Result<Self, String> {
        parsed(written, Self::KIND)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Option<PathBuf> {
    const KIND: &'static str = "a file, relative to the home";

    fn parse(written: &[String]) -> Result<Self, String> {
        let text = single(written, Self::KIND)?;
        Ok((!text.is_empty()).then(|| PathBuf::from(text)))
    }

    fn show(&self) -> String {
        self.as_ref()
            .map_or_else(String::new, |path| path.display().to_string())
    }
}

impl Value for Option<String> {
    const KIND: &'static str = "a text";

    fn parse(written: &[String]) -> Result<Self, String> {
        let text = single(written, Self::KIND)?;
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn show(&self) -> String {
        self.clone().unwrap_or_default()
    }
}

/// A number of bytes: `65536`, `64KiB`, `64MiB`, `2GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteCount(pub u64);

const BYTE_UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl ByteCount {
    /// As a length in memory.
    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Value for ByteCount {
    const KIND: &'static str = "a number of bytes such as 65536, 64KiB, 64MiB, 2GiB";

    fn parse(written: &[String]) -> Result<Self, String> {
        let text = single(written, Self::KIND)?;
        let unit = BYTE_UNITS
            .iter()
            .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
        let (digits, bytes) = unit.unwrap_or((text, 1));
        let number: Option<u64> = digits.trim().parse().ok();
        let counted = number.and_then(|number| number.checked_mul(bytes));
        counted
            .map(Self)
            .ok_or_else(|| format!("expected {}, not `{text}`", Self::KIND))
    }

    fn show(&self) -> String {
        let whole = |(_, bytes): &&(&str, u64)| self.0 > 0 && self.0.is_multiple_of(*bytes);
        match BYTE_UNITS.iter().find(whole) {
            Some((unit, bytes)) => format!("{}{unit}", self.0 / bytes),
            None => self.0.to_string(),
        }
    }
}

/// A length of time: `500ms`, `30s`, `5m`, `12h`, `180d`; `0s` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// Milliseconds of each unit; `ms` is tried before `s` and `m`.
const TIME_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

impl Value for Span {
    const KIND: &'static str = "a length of time such as 500ms, 30s, 5m, 12h, 180d";

    fn parse(written: &[String]) -> Result<Self, String> {
        let text = single(written, Self::KIND)?;
        let unit = TIME_UNITS
            .iter()
            .find_map(|(unit, ms)| Some((text.strip_suffix(unit)?, *ms)));
        let counted = unit.and_then(|(digits, ms)| digits.parse::<u64>().ok()?.checked_mul(ms));
        counted
            .map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(|| format!("expected {}, not `{text}`", Self::KIND))
    }

    fn show(&self) -> String {
        let ms = self.0.as_millis() as u64;
        let whole = |(_, unit): &&(&str, u64)| ms > 0 && ms.is_multiple_of(*unit);
        match TIME_UNITS.iter().rev().find(whole) {
            Some((name, unit)) => format!("{}{name}", ms / unit),
            None => "0s".to_owned(),
        }
    }
}

/// Names of hosts or whole origins, as listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(pub Vec<String>);

impl Value for Hosts {
    const KIND: &'static str = "a list of names";

    fn parse(written: &[String]) -> Result<Self, String> {
        let names = written.iter().map(|name| name.trim().to_ascii_lowercase());
        let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
        let plain = |name: &String| name.bytes().all(|byte| byte.is_ascii_graphic());
        match names.iter().find(|name| !plain(name)) {
            Some(name) => Err(format!("`{name}` is no name of a host")),
            None => Ok(Self(names)),
        }
    }

    fn show(&self) -> String {
        self.0.join(",")
    }
}

/// Addresses that begin alike: `10.0.0.0/8`, `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Whether the address is one of them. An IPv4 address written as IPv6 is that IPv4 address.
    pub fn has(&self, address: IpAddr) -> bool {
        let same = |one: u128, other: u128, width: u32| {
            self.bits == 0 || (one ^ other) >> (width - self.bits) == 0
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                same(one.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        (bits <= width).then_some(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Value for Vec<Network> {
    const KIND: &'static str = "a list of addresses or networks such as 10.0.0.0/8";

    fn parse(written: &[String]) -> Result<Self, String> {
        let texts = written.iter().map(|text| text.trim());
        let texts = texts.filter(|text| !text.is_empty());
        let networks = texts.map(|text| {
            Network::parse(text).ok_or_else(|| format!("`{text}` is no address or network"))
        });
        networks.collect()
    }

    fn show(&self) -> String {
        let texts: Vec<String> = self.iter().map(Network::to_string).collect();
        texts.join(",")
    }
}

/// How requests are logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccessLog {
    /// Not.
    Off,
    /// A line of words.
    #[default]
    Text,
    /// A line of JSON.
    Json,
}

impl Value for AccessLog {
    const KIND: &'static str = "off, text or json";

    fn parse(written: &[String]) -> Result<Self, String> {
        match single(written, Self::KIND)? {
            "off" => Ok(Self::Off),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("expected {}, not `{other}`", Self::KIND)),
        }
    }

    fn show(&self) -> String {
        let text = match self {
            Self::Off => "off",
            Self::Text => "text",
            Self::Json => "json",
        };
        text.to_owned()
    }
}
