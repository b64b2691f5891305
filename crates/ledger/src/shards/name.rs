//! Names of shards and addresses of records.

use std::fmt;
use std::str::FromStr;

use colophon_tlog::LeafIndex;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Shards of one half-year.
const MOST_PARTS: u8 = 9;

/// A half-year, UTC, and which of its shards: `2026h2`, and `2026h2.2` for the second one after a change of keys.
/// Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardName {
    /// 1970 to 9999.
    year: u16,
    /// 1 or 2.
    half: u8,
    /// 1 to 9, so that names sort like times.
    part: u8,
}

/// The place of a record: a shard and the index in it, written `2026h2/17`. Ordered by time of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The shard.
    pub shard: ShardName,
    /// Index in the shard.
    pub index: LeafIndex,
}

/// How a caller names a record: `2026h2/17`, or `17` for an index in the newest shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordAddress {
    /// An index in the newest shard.
    Newest(LeafIndex),
    /// A place that is always the same.
    Exact(RecordId),
}

/// A text that names no shard or no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not a shard's name.
    #[error("not the name of a shard: expected a year and a half, such as 2026h2 or 2026h2.2")]
    Shard,
    /// Not a record's address.
    #[error("not a record's number: expected 17, or 2026h2/17 for a record of that shard")]
    Record,
}

impl ShardName {
    /// The first shard of the half-year in which a time lies.
    ///
    /// `time` in Unix seconds, UTC; what lies outside 1970 to 9999 counts as the nearest half-year inside.
    pub fn at(time: i64) -> Self {
        let (year, month) = year_and_month(time.div_euclid(DAY));
        let (year, half) = match year {
            ..1970 => (1970, 1),
            10_000.. => (9999, 2),
            year => (year as u16, if month <= 6 { 1 } else { 2 }),
        };
        Self {
            year,
            half,
            part: 1,
        }
    }

    /// The next shard of the same half-year; after nine, the first of the next half-year.
    #[must_use]
    pub fn next_part(self) -> Self {
        let Self { year, half, part } = self;
        match (half, part) {
            (_, ..MOST_PARTS) => Self {
                part: part + 1,
                ..self
            },
            (1, _) => Self {
                year,
                half: 2,
                part: 1,
            },
            _ => Self {
                year: year.saturating_add(1).min(9999),
                half: 1,
                part: 1,
            },
        }
    }

    /// Whether this shard's half-year is over at a time, Unix seconds.
    pub fn is_over(self, time: i64) -> bool {
        let now = Self::at(time);
        (now.year, now.half) > (self.year, self.half)
    }

    /// The shard that follows this one for a record of a time: of the record's half-year, or one more of this
    /// shard's own.
    #[must_use]
    pub fn successor(self, time: i64) -> Self {
        if self.is_over(time) {
            Self::at(time)
        } else {
            self.next_part()
        }
    }

    /// The shard's origin line, which is the name of its key: `base/2026h2`.
    pub fn origin(self, base: &str) -> String {
        format!("{base}/{self}")
    }

    /// The shard that an origin line of the log `base` names.
    pub fn of_origin(base: &str, origin: &str) -> Option<Self> {
        origin.strip_prefix(base)?.strip_prefix('/')?.parse().ok()
    }
}

impl fmt::Display for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}h{}", self.year, self.half)?;
        match self.part {
            1 => Ok(()),
            part => write!(f, ".{part}"),
        }
    }
}

impl FromStr for ShardName {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let parsed = || {
            let (year, rest) = text.split_once('h')?;
            let (half, part) = rest.split_once('.').unwrap_or((rest, "1"));
            Some(Self {
                year: year
                    .parse()
                    .ok()
                    .filter(|year| (1970..=9999).contains(year))?,
                half: half.parse().ok().filter(|half| (1..=2).contains(half))?,
                part: part
                    .parse()
                    .ok()
                    .filter(|part| (1..=MOST_PARTS).contains(part))?,
            })
        };
        // One spelling a shard, because the name is a folder and part of a key's name.
        parsed()
            .filter(|name| name.to_string() == text)
            .ok_or(AddressError::Shard)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.shard, self.index)
    }
}

impl FromStr for RecordId {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (shard, index) = text.split_once('/').ok_or(AddressError::Record)?;
        Ok(Self {
            shard: shard.parse()?,
            index: number(index)?,
        })
    }
}

impl fmt::Display for RecordAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest(index) => index.fmt(f),
            Self::Exact(id) => id.fmt(f),
        }
    }
}

impl FromStr for RecordAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.contains('/') {
            text.parse().map(Self::Exact)
        } else {
            number(text).map(Self::Newest)
        }
    }
}

impl From<u64> for RecordAddress {
    fn from(index: u64) -> Self {
        Self::Newest(LeafIndex(index))
    }
}

impl From<RecordId> for RecordAddress {
    fn from(id: RecordId) -> Self {
        Self::Exact(id)
    }
}

fn number(text: &str) -> Result<LeafIndex, AddressError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.map(LeafIndex).ok_or(AddressError::Record)
}

/// Year and month of a day counted from 1970-01-01, in the proleptic Gregorian calendar: 400 years have 146,097
/// days, and years are counted from March so that the leap day comes last.
fn year_and_month(day: i64) -> (i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    // Days from 0000-03-01 to 1970-01-01.
    let day = day + 719_468;
    let cycle = day.div_euclid(DAYS_OF_400_YEARS);
    let day = day.rem_euclid(DAYS_OF_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // From March on, months of 31 and 30 days take turns: five have 153.
    let month = (5 * day_of_year + 2) / 153;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (400 * cycle + year + next, month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_years_change_at_midnight_utc() {
        // Seconds as `date -u -d ... +%s` of GNU coreutils prints them.
        for (time, name) in [
            (0, "1970h1"),
            (15_638_399, "1970h1"),
            (15_638_400, "1970h2"),
            (951_782_400, "2000h1"),
            (1_782_863_999, "2026h1"),
            (1_782_864_000, "2026h2"),
            (1_798_761_599, "2026h2"),
            (1_798_761_600, "2027h1"),
            (4_107_542_399, "2100h1"),
            (-1, "1970h1"),
            (i64::MAX, "9999h2"),
            (i64::MIN, "1970h1"),
        ] {
            assert_eq!(ShardName::at(time).to_string(), name, "{time}");
        }
    }

    #[test]
    fn shards_follow_one_another() {
        let name = |text: &str| text.parse::<ShardName>().unwrap();
        let july = 1_782_864_000;
        assert_eq!(name("2026h1").successor(july), name("2026h2"));
        assert_eq!(name("2026h1.3").successor(july), name("2026h2"));
        assert_eq!(name("2026h2").successor(july), name("2026h2.2"));
        // A clock gone back opens no older shard.
        assert_eq!(name("2027h1").successor(july), name("2027h1.2"));
        assert!(name("2026h2") < name("2026h2.2") && name("2026h2.9") < name("2027h1"));
        assert_eq!(name("2026h1.9").next_part(), name("2026h2"));
        assert_eq!(name("2026h2.9").next_part(), name("2027h1"));
    }

    #[test]
    fn one_spelling_a_name() {
        for bad in [
            "",
            "2026",
            "2026h3",
            "2026h0",
            "26h1",
            "02026h1",
            "2026H1",
            "2026h1.",
            "2026h1.1",
            "2026h1.02",
            "2026h1.0",
            "2026h1/",
            "1969h2",
            "+2026h1",
            "2026h1.10",
            "../2026h1",
        ] {
            assert_eq!(bad.parse::<ShardName>(), Err(AddressError::Shard), "{bad}");
        }
        let base = "example.org/log";
        let shard: ShardName = "2026h2.2".parse().unwrap();
        assert_eq!(ShardName::of_origin(base, &shard.origin(base)), Some(shard));
        for other in [
            "example.org/log",
            "example.org/log2026h2",
            "example.org/log/x",
            "a/2026h2",
        ] {
            assert_eq!(ShardName::of_origin(base, other), None, "{other}");
        }
    }

    #[test]
    fn records_are_addressed_with_and_without_their_shard() {
        let exact: RecordAddress = "2026h2/17".parse().unwrap();
        assert_eq!(exact.to_string(), "2026h2/17");
        assert_eq!("17".parse(), Ok(RecordAddress::from(17)));
        for bad in [
            "",
            "x",
            "-1",
            "+1",
            "2026h2/",
            "/17",
            "2026h2/17/1",
            "18446744073709551616",
        ] {
            assert!(bad.parse::<RecordAddress>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn later_times_have_later_shards(a: i64, b: i64) {
            prop_assert_eq!(ShardName::at(a.min(b)).max(ShardName::at(a.max(b))), ShardName::at(a.max(b)));
        }

        #[test]
        fn names_round_trip_and_sort_like_times(time in 0..250_000_000_000_i64, parts in 0..20_u32) {
            let mut name = ShardName::at(time);
            for _ in 0..parts {
                let next = name.next_part();
                prop_assert!(name < next && name.to_string() < next.to_string());
                name = next;
            }
            prop_assert_eq!(name.to_string().parse(), Ok(name));
            let id = RecordId { shard: name, index: LeafIndex(u64::from(parts)) };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn any_text_is_refused_or_canonical(text in "[0-9]{3,5}h[0-9.]{1,5}(/[0-9]{0,3})?") {
            if let Ok(id) = text.parse::<RecordId>() {
                prop_assert_eq!(id.shard.to_string(), text.split_once('/').unwrap().0);
            }
        }
    }
}
