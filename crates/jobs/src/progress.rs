//! How fast a job goes.

use std::time::{Duration, Instant};

/// Rows a second over the last stretch rather than since the beginning, so that a pause or an interruption does not
/// count for long.
#[derive(Debug, Default)]
pub struct Pace {
    /// When this stretch began, and how many rows there were by then.
    since: Option<(Instant, u64)>,
    rate: Option<f64>,
}

impl Pace {
    const STRETCH: Duration = Duration::from_secs(5);

    /// Says how many rows there are at `now`.
    pub fn seen(&mut self, now: Instant, rows: u64) {
        let (start, before) = *self.since.get_or_insert((now, rows));
        let elapsed = now.duration_since(start);
        if rows > before && (elapsed > Self::STRETCH || self.rate.is_none()) {
            self.rate = Some((rows - before) as f64 / elapsed.as_secs_f64().max(1e-3));
        }
        if elapsed > Self::STRETCH {
            self.since = Some((now, rows));
        }
    }

    /// Rows a second; `None` before the second row.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_last_stretch() {
        let mut pace = Pace::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        pace.seen(at(0), 10);
        assert_eq!(pace.rate(), None);
        pace.seen(at(6), 70);
        assert_eq!(pace.rate(), Some(10.0));
        pace.seen(at(12), 76);
        assert_eq!(pace.rate(), Some(1.0));
    }
}
