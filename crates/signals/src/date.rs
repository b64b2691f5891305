//! Times stated in metadata, brought to RFC 3339 as far as stated.

use crate::entry::{Collected, Entry, Origin};
use crate::{Dated, xmp};

/// Reads the times that the entries state.
pub(crate) fn read(out: &mut Collected<'_>) {
    const MOST: usize = 200;
    let mut dates = std::mem::take(&mut out.dates);
    let parts = Parts::of(out);
    for entry in &out.entries {
        let Some((what, when)) = stated(entry, &parts) else {
            continue;
        };
        if dates.len() >= MOST {
            break;
        }
        dates.push(Dated {
            what,
            when,
            place: entry.place.clone(),
        });
    }
    // The same time in several places is told once for each kind of time.
    let mut told: Vec<Dated> = Vec::new();
    for date in dates {
        let known = told
            .iter()
            .any(|each| each.what == date.what && each.when == date.when);
        if !known && told.len() < 50 {
            told.push(date);
        }
    }
    out.dates = told;
}

/// Parts of times that stand apart from their dates.
struct Parts<'a> {
    offset: &'a str,
    offset_original: &'a str,
    offset_digitized: &'a str,
    created: &'a str,
    digitised: &'a str,
}

impl<'a> Parts<'a> {
    fn of(all: &'a Collected<'_>) -> Self {
        let text = |origin, key| {
            all.find(origin, key)
                .map_or("", |entry| entry.value.as_str())
        };
        Self {
            offset: text(Origin::Exif, "OffsetTime"),
            offset_original: text(Origin::Exif, "OffsetTimeOriginal"),
            offset_digitized: text(Origin::Exif, "OffsetTimeDigitized"),
            created: text(Origin::Iim, "TimeCreated"),
            digitised: text(Origin::Iim, "DigitalCreationTime"),
        }
    }
}

fn stated(entry: &Entry, parts: &Parts<'_>) -> Option<(&'static str, String)> {
    let value = entry.value.as_str();
    match entry.origin {
        Origin::Exif => {
            let (what, offset) = match entry.key.as_str() {
                "DateTimeOriginal" => ("captured", parts.offset_original),
                "DateTimeDigitized" => ("digitised", parts.offset_digitized),
                "DateTime" => ("modified", parts.offset),
                _ => return None,
            };
            Some((what, exif(value, offset)?))
        }
        Origin::Xmp if !entry.nested => {
            let what = match (entry.space.as_str(), entry.key.as_str()) {
                (xmp::EXIF, "DateTimeOriginal") => "captured",
                (xmp::EXIF, "DateTimeDigitized") => "digitised",
                (xmp::XMP, "CreateDate") | (xmp::PHOTOSHOP, "DateCreated") => "created",
                (xmp::XMP, "ModifyDate") => "modified",
                (xmp::XMP, "MetadataDate") => "metadata",
                _ => return None,
            };
            Some((what, iso(value)?))
        }
        Origin::Iim => match entry.key.as_str() {
            "DateCreated" => Some(("created", iim(value, parts.created)?)),
            "DigitalCreationDate" => Some(("digitised", iim(value, parts.digitised)?)),
            _ => None,
        },
        Origin::PngText if entry.key.eq_ignore_ascii_case("Creation Time") => Some((
            "created",
            iso(value)
                .or_else(|| exif(value, ""))
                .or_else(|| mail(value))?,
        )),
        _ => None,
    }
}

/// `2024:05:01 10:00:00`, with an offset such as `+02:00` from another tag or at its end.
fn exif(value: &str, offset: &str) -> Option<String> {
    let value = value.trim();
    let (date, time) = (value.get(..10)?, value.get(11..19)?);
    let own = value.get(19..).unwrap_or("").trim();
    let offset = if own.is_empty() { offset.trim() } else { own };
    let when = format!("{}T{time}{offset}", date.replace(':', "-"));
    if is_valid(&when) {
        return Some(when);
    }
    // An offset that is none is left out.
    is_valid(&when[..19]).then(|| when[..19].to_owned())
}

/// ISO 8601 as XMP has it; seconds may be missing or have a fraction.
fn iso(value: &str) -> Option<String> {
    let value = value.trim();
    let date = value.get(..10)?;
    let Some(rest) = value[10..].strip_prefix(['T', ' ']) else {
        return (value.len() == 10 && is_valid(value)).then(|| value.to_owned());
    };
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let seconds = if time.trim().len() == 5 { ":00" } else { "" };
    let when = format!("{date}T{}{seconds}{}", time.trim(), zone.trim());
    is_valid(&when).then_some(when)
}

/// `20240501` and `100000+0200`.
fn iim(date: &str, time: &str) -> Option<String> {
    let part = |text: &str, range: std::ops::Range<usize>| text.get(range).map(str::to_owned);
    let day = format!(
        "{}-{}-{}",
        part(date, 0..4)?,
        part(date, 4..6)?,
        part(date, 6..8)?
    );
    let full = || -> Option<String> {
        let clock = format!(
            "{}:{}:{}",
            part(time, 0..2)?,
            part(time, 2..4)?,
            part(time, 4..6)?
        );
        let zone = match (part(time, 6..9), part(time, 9..11)) {
            (Some(hours), Some(minutes)) => format!("{hours}:{minutes}"),
            _ => String::new(),
        };
        Some(format!("{day}T{clock}{zone}")).filter(|when| is_valid(when))
    };
    full().or_else(|| is_valid(&day).then_some(day))
}

/// `Wed, 26 Jul 2023 18:25:33 GMT` (RFC 5322).
fn mail(value: &str) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let rest = value.split_once(',').map_or(value, |(_, rest)| rest);
    let mut words = rest.split_ascii_whitespace();
    let day: u8 = words.next()?.parse().ok()?;
    let name = words.next()?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|month| *month == name)? + 1;
    let (year, time) = (words.next()?, words.next()?);
    let zone = match words.next().unwrap_or("") {
        "GMT" | "UTC" | "Z" | "+0000" => "Z".to_owned(),
        zone => match (zone.get(..3), zone.get(3..5)) {
            (Some(hours), Some(minutes)) => format!("{hours}:{minutes}"),
            _ => String::new(),
        },
    };
    let when = format!("{year}-{month:02}-{day:02}T{time}{zone}");
    is_valid(&when).then_some(when)
}

/// Whether this is a date, or date and time of RFC 3339, the offset being optional. Years before 1826
/// have no photographs; cameras without a clock write them.
pub(crate) fn is_valid(when: &str) -> bool {
    let number = |from: usize, to: usize| -> Option<u32> {
        let text = when.get(from..to)?;
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok())?
    };
    let between = |value: Option<u32>, low: u32, high: u32| {
        value.is_some_and(|value| (low..=high).contains(&value))
    };
    let bytes = when.as_bytes();
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    let date = between(number(0, 4), 1826, 9999) && is(4, b'-') && is(7, b'-');
    let date = date && between(number(5, 7), 1, 12) && between(number(8, 10), 1, 31);
    if !date || when.len() == 10 {
        return date;
    }
    let time = is(10, b'T') && is(13, b':') && is(16, b':');
    let time = time
        && between(number(11, 13), 0, 23)
        && between(number(14, 16), 0, 59)
        && between(number(17, 19), 0, 60);
    if !time || !when.is_ascii() {
        return false;
    }
    let rest = &when[19..];
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    match rest.as_bytes() {
        [] | [b'Z'] => true,
        [b'+' | b'-', h, i, b':', m, n] => [h, i, m, n].into_iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_comes_to_the_same() {
        assert_eq!(
            exif("2024:05:01 10:00:00", "+02:00").as_deref(),
            Some("2024-05-01T10:00:00+02:00")
        );
        assert_eq!(
            exif("2024:05:01 10:00:00", "junk").as_deref(),
            Some("2024-05-01T10:00:00")
        );
        assert_eq!(
            iso("2024-05-01T10:00+02:00").as_deref(),
            Some("2024-05-01T10:00:00+02:00")
        );
        assert_eq!(
            iso("2024-05-01T10:00:00.123Z").as_deref(),
            Some("2024-05-01T10:00:00.123Z")
        );
        assert_eq!(iso("2024-05-01").as_deref(), Some("2024-05-01"));
        assert_eq!(
            iim("20240501", "100000+0200").as_deref(),
            Some("2024-05-01T10:00:00+02:00")
        );
        assert_eq!(iim("20240501", "").as_deref(), Some("2024-05-01"));
        assert_eq!(
            mail("Wed, 1 May 2024 10:00:00 GMT").as_deref(),
            Some("2024-05-01T10:00:00Z")
        );
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "2024:13:01 10:00:00",
            "2024",
            "ä024:05:01 10:00:00",
        ] {
            assert_eq!(exif(text, ""), None, "{text}");
            assert_eq!(iso(text), None, "{text}");
            assert_eq!(mail(text), None, "{text}");
        }
        assert_eq!(iim("00000000", "000000"), None);
    }
}
