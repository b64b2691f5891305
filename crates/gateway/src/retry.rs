//! When a request is sent again, and after which wait.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime};

/// Longest wait that we choose ourselves.
const MAX_BACKOFF: Duration = Duration::from_secs(8);
/// Longest wait that a server may choose; a longer one ends the attempts.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);

/// Whether a status says that nothing was made, so that asking again costs nothing twice.
///
/// 429 and 503 are refusals before any work. 502 and 504 come from a proxy: early ones mean that it
/// reached no server; after `patience` it may have passed the request on and given up waiting, and
/// the server behind it is still at work.
pub(crate) fn is_worth_repeating(status: u16, after: Duration, patience: Duration) -> bool {
    match status {
        429 | 503 => true,
        502 | 504 => after < patience,
        _ => false,
    }
}

/// The wait before attempt `attempt + 1`: `first` doubled for each attempt made, up to 8 s, less a
/// random part of up to a half, so that many clients do not come back at one moment.
pub(crate) fn backoff(attempt: u32, first: Duration) -> Duration {
    let doubled = first.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    let whole = doubled.min(MAX_BACKOFF.max(first));
    // Every `RandomState` has keys of its own, taken from the system's random source.
    let random = RandomState::new().hash_one(attempt) as f64 / u64::MAX as f64;
    whole.mul_f64(1.0 - random / 2.0)
}

/// The wait that the headers `retry-after-ms` (milliseconds) or `Retry-After` (seconds or an HTTP
/// date, RFC 9110) ask for; `None` when neither can be read.
pub(crate) fn retry_after(
    milliseconds: Option<&str>,
    header: Option<&str>,
    now: SystemTime,
) -> Option<Duration> {
    let number = |text: &str| {
        let value = text.trim().parse::<f64>().ok()?;
        // More than a year is as good as never; the bound keeps the conversion in range.
        (value >= 0.0).then(|| value.min(31_536_000_000.0))
    };
    if let Some(wait) = milliseconds.and_then(number) {
        return Some(Duration::from_secs_f64(wait / 1000.0));
    }
    let header = header?;
    if let Some(wait) = number(header) {
        return Some(Duration::from_secs_f64(wait));
    }
    let date = httpdate::parse_http_date(header.trim()).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_refusals_before_any_work_are_repeated() {
        let (soon, late, patience) = (
            Duration::from_millis(20),
            Duration::from_mins(1),
            Duration::from_secs(10),
        );
        for status in 200..600 {
            let repeated = is_worth_repeating(status, soon, patience);
            assert_eq!(
                repeated,
                matches!(status, 429 | 502 | 503 | 504),
                "{status}"
            );
            let repeated = is_worth_repeating(status, late, patience);
            assert_eq!(repeated, matches!(status, 429 | 503), "{status}");
        }
    }

    #[test]
    fn both_forms_of_the_header_are_read() {
        let now = httpdate::parse_http_date("Thu, 26 Nov 2026 11:00:00 GMT").unwrap();
        let read = |header| retry_after(None, Some(header), now);
        assert_eq!(read("3"), Some(Duration::from_secs(3)));
        assert_eq!(read(" 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(
            read("Thu, 26 Nov 2026 11:00:07 GMT"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            read("Thursday, 26-Nov-26 11:00:07 GMT"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            read("Thu Nov 26 11:00:07 2026"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(read("Thu, 26 Nov 2026 10:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(
            retry_after(Some("250"), Some("9"), now),
            Some(Duration::from_millis(250))
        );
        for odd in ["", "-1", "soon", "NaN", "3 s"] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert!(read("1e300").unwrap() > MAX_RETRY_AFTER);
    }

    proptest! {
        #[test]
        fn no_header_at_all_makes_it_panic(text in "\\PC{0,40}", more in "\\PC{0,10}") {
            let _ = retry_after(Some(&more), Some(&text), SystemTime::now());
        }

        #[test]
        fn whole_seconds_come_back(seconds in 0_u32..100_000_000) {
            let wait = retry_after(None, Some(&seconds.to_string()), SystemTime::UNIX_EPOCH);
            prop_assert_eq!(wait, Some(Duration::from_secs(u64::from(seconds))));
        }

        #[test]
        fn dates_come_back(seconds in 0_u64..4_000_000_000) {
            let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let text = httpdate::fmt_http_date(date);
            let wait = retry_after(None, Some(&text), SystemTime::UNIX_EPOCH);
            prop_assert_eq!(wait, Some(Duration::from_secs(seconds)));
        }

        #[test]
        fn waits_grow_and_stay_within_bounds(attempt in 1_u32..40, first in 1_u64..60_000) {
            let first = Duration::from_millis(first);
            let wait = backoff(attempt, first);
            let whole = first.saturating_mul(1 << (attempt - 1).min(16)).min(MAX_BACKOFF.max(first));
            prop_assert!(wait <= whole && wait >= whole.mul_f64(0.499), "{wait:?} of {whole:?}");
        }
    }
}
