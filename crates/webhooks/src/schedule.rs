//! When a message is tried again.

/// Times between two attempts, seconds: the example of the specification, three days in all.
const DELAYS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Attempts after which a message is given up.
pub const ATTEMPTS: u32 = DELAYS.len() as u32 + 1;
/// Longest that a receiver can ask to be left alone, seconds.
const LONGEST_REQUEST: i64 = 86_400;

/// Seconds until the next attempt after `made` that failed; `None` when it is given up. `chance` (0 to 255) moves it by
/// up to a tenth, so that those who failed together do not come back together; a receiver's own wish (`retry_after`,
/// seconds) is followed if it is longer.
pub fn next_attempt(made: u32, retry_after: Option<i64>, chance: u8) -> Option<i64> {
    let delay = *DELAYS.get(made.checked_sub(1)? as usize)?;
    let moved = delay + delay * i64::from(chance) / 2560;
    let wish = retry_after.unwrap_or_default().clamp(0, LONGEST_REQUEST);
    Some(moved.max(wish))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_over_three_days() {
        let total: i64 = (1..ATTEMPTS)
            .filter_map(|made| next_attempt(made, None, 0))
            .sum();
        assert_eq!(total, 75 * 3600 + 35 * 60 + 5);
        assert_eq!(next_attempt(ATTEMPTS, None, 0), None);
        assert_eq!(next_attempt(0, None, 0), None);
        for made in 1..ATTEMPTS {
            let (least, most) = (next_attempt(made, None, 0), next_attempt(made, None, 255));
            assert!(least <= most && most < least.map(|least| least * 11 / 10 + 1));
        }
        assert_eq!(next_attempt(1, Some(600), 9), Some(600));
        assert_eq!(next_attempt(1, Some(i64::MAX), 9), Some(86_400));
        assert_eq!(next_attempt(1, Some(-5), 0), Some(5));
    }
}
