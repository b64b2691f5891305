//! How much who may ask for in a time.
//!
//! A token bucket for each caller and measure: it holds as much as is allowed in the window, fills evenly, and one whose
//! bucket is empty waits. Kept in memory; a restart fills all of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{AddressPrefix, KeyId, Limits};

/// Callers remembered. Those whose buckets are full again are forgotten first, since nothing is known of them.
const MOST: usize = 65_536;
const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A key.
    Key(KeyId),
    /// A person, by the full name.
    User(String),
    /// Callers without a key, by where they come from.
    Address(AddressPrefix),
    /// Callers for whom there is no room in the table: they share a bucket.
    Others,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Requests.
    Requests,
    /// Pictures checked, stamped or made.
    Pictures,
    /// Bytes sent to the service.
    Bytes,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Pictures, Self::Bytes];

    /// Its name in headers and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Pictures => "pictures",
            Self::Bytes => "bytes",
        }
    }

    /// The time in which the quota is allowed, seconds.
    pub const fn window(self) -> i64 {
        match self {
            Self::Requests | Self::Pictures => MINUTE,
            Self::Bytes => DAY,
        }
    }

    fn quota(self, limits: &Limits) -> Option<u64> {
        match self {
            Self::Requests => limits.requests_per_minute.map(u64::from),
            Self::Pictures => limits.pictures_per_minute.map(u64::from),
            Self::Bytes => limits.bytes_per_day,
        }
    }
}

/// A quota, and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Of what.
    pub measure: Measure,
    /// Allowed in the window.
    pub quota: u64,
    /// Left now.
    pub remaining: u64,
    /// Seconds until it is full again.
    pub reset: u64,
}

/// There is not enough left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the limit of {quota} {} {} is reached", .measure.as_str(), window_told(*.measure))]
pub struct Exhausted {
    /// Of what.
    pub measure: Measure,
    /// Allowed in the window.
    pub quota: u64,
    /// Seconds until there is enough. `None` when there never is: more is asked for than is allowed at all.
    pub wait: Option<u64>,
}

fn window_told(measure: Measure) -> &'static str {
    match measure {
        Measure::Requests | Measure::Pictures => "a minute",
        Measure::Bytes => "a day",
    }
}

/// Buckets of all callers; for use from many threads.
#[derive(Debug, Default)]
pub struct RateLimiter {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    callers: HashMap<Subject, [Bucket; 3]>,
    /// When full buckets were last looked for.
    swept: i64,
}

/// What is gone, at a time. Full when nothing is.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    gone: f64,
    at: i64,
}

impl Bucket {
    /// What is gone now, for a quota and a window.
    fn gone(self, quota: u64, window: i64, now: i64) -> f64 {
        // A clock that was set back fills nothing.
        let passed = now.saturating_sub(self.at).max(0) as f64;
        (self.gone - passed * quota as f64 / window as f64).max(0.0)
    }
}

impl RateLimiter {
    /// No caller yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `amount` of a measure out of a caller's bucket at a time, Unix seconds, if there is as much.
    ///
    /// # Errors
    /// [`Exhausted`]; nothing is taken then.
    pub fn take(
        &self,
        subject: &Subject,
        limits: &Limits,
        measure: Measure,
        amount: u64,
        now: i64,
    ) -> Result<(), Exhausted> {
        self.try_take(subject, limits, measure, (amount, amount), now)
    }

    /// Needs as much, and takes so much of it.
    fn try_take(
        &self,
        subject: &Subject,
        limits: &Limits,
        measure: Measure,
        (amount, taken): (u64, u64),
        now: i64,
    ) -> Result<(), Exhausted> {
        let Some(quota) = measure.quota(limits) else {
            return Ok(());
        };
        let mut table = self.table();
        let bucket = table.bucket(subject, measure, now);
        let gone = bucket.gone(quota, measure.window(), now);
        let over = gone + amount as f64 - quota as f64;
        if over > 0.0 {
            let wait = over * measure.window() as f64 / quota as f64;
            return Err(Exhausted {
                measure,
                quota,
                wait: (amount <= quota).then_some(wait.ceil().max(1.0) as u64),
            });
        }
        *bucket = Bucket {
            gone: gone + taken as f64,
            at: now,
        };
        Ok(())
    }

    /// Whether there is as much in a caller's bucket; nothing is taken.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn room(
        &self,
        subject: &Subject,
        limits: &Limits,
        measure: Measure,
        amount: u64,
        now: i64,
    ) -> Result<(), Exhausted> {
        self.try_take(subject, limits, measure, (amount, 0), now)
    }

    /// Takes what was used already, whether there is as much or not: the caller waits longer the next time.
    pub fn owe(&self, subject: &Subject, limits: &Limits, measure: Measure, amount: u64, now: i64) {
        let Some(quota) = measure.quota(limits) else {
            return;
        };
        let mut table = self.table();
        let bucket = table.bucket(subject, measure, now);
        let gone = bucket.gone(quota, measure.window(), now) + amount as f64;
        *bucket = Bucket { gone, at: now };
    }

    /// What is left of each quota that the limits name.
    pub fn left(&self, subject: &Subject, limits: &Limits, now: i64) -> Vec<Left> {
        let buckets = self.table().callers.get(subject).copied();
        let buckets = buckets.unwrap_or_default();
        let each = Measure::ALL.into_iter().zip(buckets);
        each.filter_map(|(measure, bucket)| {
            let quota = measure.quota(limits)?;
            let gone = bucket.gone(quota, measure.window(), now);
            Some(Left {
                measure,
                quota,
                remaining: (quota as f64 - gone).max(0.0) as u64,
                reset: (gone * measure.window() as f64 / quota as f64).ceil() as u64,
            })
        })
        .collect()
    }

    /// How many callers are remembered.
    pub fn callers_remembered(&self) -> usize {
        self.table().callers.len()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Buckets are whole at any time.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn bucket(&mut self, subject: &Subject, measure: Measure, now: i64) -> &mut Bucket {
        let is_full =
            |table: &Self| table.callers.len() >= MOST && !table.callers.contains_key(subject);
        // Once a second, so that a flood of addresses costs little.
        if is_full(self) && self.swept != now {
            self.sweep(now);
        }
        let shared = is_full(self);
        let subject = if shared {
            Subject::Others
        } else {
            subject.clone()
        };
        let buckets = self.callers.entry(subject).or_default();
        match measure {
            Measure::Requests => &mut buckets[0],
            Measure::Pictures => &mut buckets[1],
            Measure::Bytes => &mut buckets[2],
        }
    }

    /// Forgets whoever took nothing for as long as a window: those buckets are full, or owe more than a quota, which is
    /// let go.
    fn sweep(&mut self, now: i64) {
        self.swept = now;
        self.callers.retain(|_, buckets| {
            let used = |(measure, bucket): (Measure, &Bucket)| {
                bucket.gone > 0.0 && now.saturating_sub(bucket.at) < measure.window()
            };
            Measure::ALL.into_iter().zip(buckets.iter()).any(used)
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn limits(requests: u32) -> Limits {
        Limits {
            requests_per_minute: Some(requests),
            bytes_per_day: Some(1_000),
            ..Limits::default()
        }
    }

    fn user(name: &str) -> Subject {
        Subject::User(name.to_owned())
    }

    #[test]
    fn an_empty_bucket_tells_when_there_is_enough_again() {
        let limiter = RateLimiter::new();
        let take =
            |amount, now| limiter.take(&user("ida"), &limits(30), Measure::Requests, amount, now);
        take(30, NOW).unwrap();
        let wait = take(1, NOW).unwrap_err().wait;
        assert_eq!(wait, Some(2), "30 a minute are one in two seconds");
        assert!(take(1, NOW + 1).is_err());
        take(1, NOW + 2).unwrap();
        assert_eq!(take(31, NOW + 600).unwrap_err().wait, None, "never");
        take(30, NOW + 600).unwrap();
        let other = limiter.take(&user("ute"), &limits(30), Measure::Requests, 30, NOW);
        assert_eq!(other, Ok(()), "others have buckets of their own");
        let unlimited = limiter.take(&user("ida"), &limits(30), Measure::Pictures, 1 << 40, NOW);
        assert_eq!(unlimited, Ok(()));
    }

    #[test]
    fn what_is_left_is_told_and_debts_are_paid() {
        let limiter = RateLimiter::new();
        let (ida, limits) = (user("ida"), limits(60));
        limiter.owe(&ida, &limits, Measure::Bytes, 1_500, NOW);
        let left = limiter.left(&ida, &limits, NOW);
        assert_eq!(left.len(), 2, "pictures have no quota: {left:?}");
        assert_eq!((left[0].remaining, left[0].reset), (60, 0));
        assert_eq!((left[1].remaining, left[1].quota), (0, 1_000));
        let wait = limiter
            .take(&ida, &limits, Measure::Bytes, 1, NOW)
            .unwrap_err()
            .wait
            .unwrap();
        assert!(
            (43_200..43_400).contains(&wait),
            "half a day for half the quota: {wait}"
        );
        assert_eq!(
            limiter.take(&ida, &limits, Measure::Bytes, 1, NOW + wait as i64),
            Ok(())
        );
    }

    #[test]
    fn a_flood_of_addresses_does_not_grow_without_bound() {
        let limiter = RateLimiter::new();
        let address =
            |n: u32| Subject::Address(AddressPrefix::of(std::net::Ipv4Addr::from_bits(n).into()));
        for n in 0..MOST as u32 + 10 {
            limiter
                .take(&address(n), &limits(1), Measure::Requests, 1, NOW)
                .ok();
        }
        assert_eq!(limiter.callers_remembered(), MOST + 1, "and the shared one");
        let new = limiter.take(&address(u32::MAX), &limits(1), Measure::Requests, 1, NOW);
        assert!(new.is_err(), "newcomers share one bucket");
        limiter
            .take(
                &address(u32::MAX),
                &limits(1),
                Measure::Requests,
                1,
                NOW + 60,
            )
            .unwrap();
        assert_eq!(
            limiter.callers_remembered(),
            1,
            "what is full again is forgotten"
        );
    }

    proptest! {
        #[test]
        fn never_more_than_the_bucket_and_what_flowed_in(
            quota in 1u32..100, asks in proptest::collection::vec((0i64..30, 1u64..10), 1..100),
        ) {
            let limiter = RateLimiter::new();
            let (mut now, mut taken) = (NOW, 0);
            for (pause, amount) in asks {
                now += pause;
                if limiter.take(&user("a"), &limits(quota), Measure::Requests, amount, now).is_ok() {
                    taken += amount;
                }
                let most = quota as f64 + (now - NOW) as f64 * quota as f64 / 60.0;
                prop_assert!(taken as f64 <= most + 1e-6, "{taken} of {most}");
            }
        }

        #[test]
        fn after_the_wait_that_was_told_there_is_enough(quota in 1u32..1_000, amount in 1u64..1_000, used in 0u64..1_000) {
            let limiter = RateLimiter::new();
            let amount = amount.min(quota.into());
            limiter.take(&user("a"), &limits(quota), Measure::Requests, used.min(quota.into()), NOW).unwrap();
            let take = |now| limiter.take(&user("a"), &limits(quota), Measure::Requests, amount, now);
            if let Err(Exhausted { wait, .. }) = take(NOW) {
                prop_assert!(take(NOW + wait.unwrap() as i64).is_ok());
            }
        }
    }
}
