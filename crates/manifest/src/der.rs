//! As much of DER (X.690) as certificates, time-stamps and revocation lists need: names, serial numbers, times.
//!
//! Nothing is verified here. Every length is checked, nothing recurses.

/// A certificate's fields that tell it from others (RFC 5280, section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate<'a> {
    pub der: &'a [u8],
    /// Content of the INTEGER, without leading zeros.
    pub serial: &'a [u8],
    /// The whole Name, as encoded.
    pub issuer: &'a [u8],
    /// The whole Name, as encoded.
    pub subject: &'a [u8],
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// The extensions' bytes; empty without any.
    extensions: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const CONTEXT_0: u8 = 0xa0;

/// id-kp-timeStamping (RFC 3161), as encoded.
const TIME_STAMPING: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x08";
/// id-at-organizationName (RFC 5280, appendix A), as encoded.
const ORGANISATION: &[u8] = b"\x06\x03\x55\x04\x0a";
/// id-at-commonName, as encoded.
const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";
/// id-ad-ocsp (RFC 5280, section 4.2.2.1), as encoded.
const OCSP: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01";
/// id-ce-cRLReasons (RFC 5280, section 5.3.1), as encoded.
const CRL_REASON: &[u8] = b"\x06\x03\x55\x1d\x15";

/// One element: its tag, its content, and the whole of it.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

/// Elements one after the other; ends where one is broken.
pub(crate) struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.0;
        let (&tag, &first) = (bytes.first()?, bytes.get(1)?);
        // Tags of several bytes do not occur where this is used.
        let (length, header) = if first < 0x80 {
            (usize::from(first), 2)
        } else {
            let count = usize::from(first & 0x7f);
            let digits = bytes
                .get(2..2 + count)
                .filter(|_| (1..=4).contains(&count))?;
            let length = digits
                .iter()
                .fold(0usize, |length, &digit| length << 8 | usize::from(digit));
            (length, 2 + count)
        };
        let end = header.checked_add(length)?;
        let content = bytes.get(header..end)?;
        self.0 = &bytes[end..];
        Some(Element {
            tag,
            content,
            whole: &bytes[..end],
        })
    }
}

impl<'a> Elements<'a> {
    fn tagged(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }
}

fn content(bytes: &[u8], tag: u8) -> Option<Elements<'_>> {
    Some(Elements(Elements(bytes).tagged(tag)?.content))
}

fn serial(element: Element<'_>) -> &[u8] {
    let zeros = element
        .content
        .iter()
        .take_while(|&&byte| byte == 0)
        .count();
    &element.content[zeros..]
}

impl<'a> Certificate<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        let mut tbs = Elements(content(der, SEQUENCE)?.tagged(SEQUENCE)?.content);
        let mut first = tbs.next()?;
        if first.tag == CONTEXT_0 {
            first = tbs.next()?;
        }
        let serial = (first.tag == INTEGER).then(|| serial(first))?;
        tbs.tagged(SEQUENCE)?;
        let issuer = tbs.tagged(SEQUENCE)?.whole;
        let mut validity = Elements(tbs.tagged(SEQUENCE)?.content);
        let (not_before, not_after) = (time(validity.next()?)?, time(validity.next()?)?);
        let subject = tbs.tagged(SEQUENCE)?.whole;
        let extensions = tbs.find(|element| element.tag == 0xa3);
        Some(Self {
            der,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            extensions: extensions.map_or(&[], |element| element.content),
        })
    }

    pub(crate) fn is_valid_at(&self, seconds: i64) -> bool {
        (self.not_before..=self.not_after).contains(&seconds)
    }

    /// Organisation and common name of the subject, as far as they are plain text.
    pub(crate) fn subject_text(&self) -> String {
        let name = |kind: &[u8]| {
            let at = position(self.subject, kind)? + kind.len();
            let value = Elements(self.subject.get(at..)?).next()?;
            std::str::from_utf8(value.content).ok()
        };
        match (name(ORGANISATION), name(COMMON_NAME)) {
            (Some(organisation), Some(common)) => format!("{common}, {organisation}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => String::new(),
        }
    }

    /// Whether it may sign time-stamps, by its extended key usage.
    pub(crate) fn may_stamp(&self) -> bool {
        position(self.extensions, TIME_STAMPING).is_some()
    }

    /// Address of the service that tells whether it was revoked.
    pub(crate) fn ocsp_url(&self) -> Option<&'a str> {
        const URI: u8 = 0x86;
        let at = position(self.extensions, OCSP)? + OCSP.len();
        let address = Elements(self.extensions.get(at..)?).tagged(URI)?;
        std::str::from_utf8(address.content).ok()
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// The certificates within an RFC 3161 answer or token: the `certificates` of its CMS `SignedData`.
pub(crate) fn certificates_of_time_stamp(token: &[u8]) -> Option<Vec<&[u8]>> {
    let mut outer = content(token, SEQUENCE)?;
    let mut first = outer.next()?;
    // An answer has a status before the token.
    if first.tag == SEQUENCE {
        outer = Elements(outer.tagged(SEQUENCE)?.content);
        first = outer.next()?;
    }
    (first.tag == OBJECT_ID).then_some(())?;
    let mut signed = content(outer.tagged(CONTEXT_0)?.content, SEQUENCE)?;
    signed.tagged(INTEGER)?;
    signed.tagged(SET)?;
    signed.tagged(SEQUENCE)?;
    let list = signed.tagged(CONTEXT_0)?;
    let certificates = Elements(list.content).filter(|element| element.tag == SEQUENCE);
    Some(certificates.map(|element| element.whole).collect())
}

/// A certificate revocation list (RFC 5280, section 5.1). Its signature is not checked.
pub(crate) struct RevocationList<'a> {
    pub issuer: &'a [u8],
    pub entries: Vec<ListedRevocation<'a>>,
}

pub(crate) struct ListedRevocation<'a> {
    pub serial: &'a [u8],
    /// Unix seconds.
    pub from: i64,
    pub reason: Option<&'static str>,
}

impl<'a> RevocationList<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        let mut tbs = Elements(content(der, SEQUENCE)?.tagged(SEQUENCE)?.content);
        let mut algorithm = tbs.next()?;
        if algorithm.tag == INTEGER {
            algorithm = tbs.next()?;
        }
        (algorithm.tag == SEQUENCE).then_some(())?;
        let issuer = tbs.tagged(SEQUENCE)?.whole;
        time(tbs.next()?)?;
        let mut list = tbs.next();
        if list.is_some_and(|element| matches!(element.tag, UTC_TIME | GENERALIZED_TIME)) {
            list = tbs.next();
        }
        let entries = match list {
            Some(element) if element.tag == SEQUENCE => Elements(element.content)
                .map(entry)
                .collect::<Option<_>>()?,
            _ => Vec::new(),
        };
        Some(Self { issuer, entries })
    }
}

fn entry(element: Element<'_>) -> Option<ListedRevocation<'_>> {
    let mut fields = Elements(element.content);
    let number = fields.tagged(INTEGER)?;
    let from = time(fields.next()?)?;
    let rest = fields.0;
    let reason = position(rest, CRL_REASON).and_then(|at| {
        // OCTET STRING around an ENUMERATED of one byte.
        let inner = Elements(rest.get(at + CRL_REASON.len()..)?).tagged(0x04)?;
        reason_name(*inner.content.get(2)?)
    });
    Some(ListedRevocation {
        serial: serial(number),
        from,
        reason,
    })
}

fn reason_name(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "keyCompromise",
        2 => "cACompromise",
        3 => "affiliationChanged",
        4 => "superseded",
        5 => "cessationOfOperation",
        6 => "certificateHold",
        8 => "removeFromCRL",
        9 => "privilegeWithdrawn",
        10 => "aACompromise",
        _ => return None,
    })
}

/// Unix seconds of a time; of those before 1950 and after 2049 only `GeneralizedTime` tells.
fn time(element: Element<'_>) -> Option<i64> {
    let text = std::str::from_utf8(element.content)
        .ok()?
        .strip_suffix('Z')?;
    let (year, rest) = match (element.tag, text.len()) {
        (UTC_TIME, 12) => {
            let short: i64 = digits(text, 0, 2)?;
            (short + if short < 50 { 2000 } else { 1900 }, 2)
        }
        (GENERALIZED_TIME, 14) => (digits(text, 0, 4)?, 4),
        _ => return None,
    };
    let part = |index: usize| digits(text, rest + 2 * index, rest + 2 * index + 2);
    let days = days_from_civil(year, part(0)?, part(1)?)?;
    Some(days * 86_400 + part(2)? * 3_600 + part(3)? * 60 + part(4)?)
}

fn digits(text: &str, from: usize, to: usize) -> Option<i64> {
    let part = text.get(from..to)?;
    part.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| part.parse().ok())?
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar (Howard Hinnant's algorithm).
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utc(text: &str) -> Option<i64> {
        let bytes = [&[UTC_TIME, 13], text.as_bytes()].concat();
        time(Elements(&bytes).next()?)
    }

    #[test]
    fn times_are_read() {
        assert_eq!(utc("700101000000Z"), Some(0));
        assert_eq!(utc("240229235959Z"), Some(1_709_251_199));
        assert_eq!(utc("491231235959Z"), Some(2_524_607_999));
        assert_eq!(utc("500101000000Z"), Some(-631_152_000));
        assert_eq!(utc("241301000000Z"), None);
        assert_eq!(utc("24010100000xZ"), None);
    }

    #[test]
    fn a_certificate_tells_names_serial_and_validity() {
        let pem = include_str!("../tests/golden/expired.root.pem");
        let ders = crate::signer::certificates(pem.as_bytes()).unwrap();
        let root = Certificate::parse(&ders[0]).unwrap();
        assert_eq!(root.issuer, root.subject);
        assert!(root.not_before < root.not_after);
        assert!(!root.may_stamp());
        assert!(root.is_valid_at(root.not_before) && !root.is_valid_at(root.not_after + 1));
        assert_eq!(root.ocsp_url(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Certificate::parse(&bytes);
            let _ = certificates_of_time_stamp(&bytes);
            let _ = RevocationList::parse(&bytes);
        }

        #[test]
        fn a_changed_certificate_makes_it_not_fail(at in 0usize..400, to in any::<u8>()) {
            let pem = include_str!("../tests/golden/expired.root.pem");
            let mut der = crate::signer::certificates(pem.as_bytes()).unwrap().remove(0);
            let at = at % der.len();
            der[at] = to;
            if let Some(certificate) = Certificate::parse(&der) {
                let _ = (certificate.may_stamp(), certificate.ocsp_url());
            }
        }
    }
}
