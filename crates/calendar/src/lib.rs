//! Unix seconds as RFC 3339 text, and back (pure).

/// UTC time such as `2026-11-23T12:00:00Z` (RFC 3339) of Unix seconds; the calendar is the
/// proleptic Gregorian one.
pub fn rfc3339(unix_seconds: i64) -> String {
    let (days, second) = (
        unix_seconds.div_euclid(86_400),
        unix_seconds.rem_euclid(86_400),
    );
    // Years here start in March, so that the leap day comes last; 719468 days lie between
    // 0000-03-01 and 1970-01-01, and 146097 days make a cycle of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// The instants that a stated time may mean, Unix seconds: a day when only the date is stated, 26 hours
/// more when the time zone is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub from: i64,
    /// The last.
    pub until: i64,
}

impl Span {
    /// Reads `YYYY-MM-DD`, alone or followed by `Thh:mm`, `:ss`, a fraction, and `Z` or an offset. `None`
    /// for anything else, and for dates that are not in the calendar.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = (text.get(..10)?, text.get(10..)?);
        let number = |text: &str| -> Option<i64> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        };
        let mut parts = date.split('-');
        let (year, month, day) = (
            number(parts.next()?)?,
            number(parts.next()?)?,
            number(parts.next()?)?,
        );
        let in_calendar =
            (1..=12).contains(&month) && (1..=31).contains(&day) && parts.next().is_none();
        let midnight = in_calendar.then(|| days(year, month, day) * 86_400)?;
        if rest.is_empty() {
            return Some(Self::without_zone(midnight, midnight + 86_399));
        }
        let clock = rest.strip_prefix(['T', ' '])?;
        let end = clock
            .find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'))
            .unwrap_or(clock.len());
        let (clock, zone) = clock.split_at(end);
        let mut parts = clock.split(':');
        let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
        let second = match parts.next() {
            Some(second) => number(second.split('.').next()?)?,
            None => 0,
        };
        if hour > 24 || minute > 59 || second > 60 {
            return None;
        }
        let local = midnight + hour * 3_600 + minute * 60 + second;
        match zone.trim() {
            "" => Some(Self::without_zone(local, local)),
            "Z" | "z" => Some(Self {
                from: local,
                until: local,
            }),
            offset => {
                let sign = match offset.get(..1)? {
                    "+" => 1,
                    "-" => -1,
                    _ => return None,
                };
                let hours = number(offset.get(1..3)?)?;
                let minutes = number(offset.get(3..)?.trim_start_matches(':')).unwrap_or(0);
                let at = local - sign * (hours * 3_600 + minutes * 60);
                Some(Self {
                    from: at,
                    until: at,
                })
            }
        }
    }

    /// Zones lie between UTC-12 and UTC+14.
    fn without_zone(from: i64, until: i64) -> Self {
        Self {
            from: from - 14 * 3_600,
            until: until + 12 * 3_600,
        }
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{Span, rfc3339};

    #[test]
    fn known_times() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }

    #[test]
    fn times_are_read_back() {
        for seconds in [0, 951_782_400, 1_790_000_000, -1, 4_107_542_400] {
            let span = Span::parse(&rfc3339(seconds)).unwrap();
            assert_eq!((span.from, span.until), (seconds, seconds));
        }
        let noon = Span::parse("2026-01-02T12:00:00Z").unwrap().from;
        for (text, from, until) in [
            ("2026-01-02T14:00:00+02:00", noon, noon),
            ("2026-01-02 06:30:00.25-0530", noon, noon),
            ("2026-01-02T12:00:00", noon - 14 * 3600, noon + 12 * 3600),
            ("2026-01-02T12:00", noon - 14 * 3600, noon + 12 * 3600),
            ("2026-01-02", noon - 26 * 3600, noon + 24 * 3600 - 1),
        ] {
            assert_eq!(Span::parse(text), Some(Span { from, until }), "{text}");
        }
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-01-32",
            "2026-01-02X",
            "2026-01-02T25:00:00",
            "2026-01-02T1é",
            "0000-00-00",
            "２０２６-01-02",
        ] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
