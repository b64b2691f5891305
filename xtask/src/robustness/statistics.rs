//! Proportions with their intervals, and quantiles.

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proportion {
    /// Successes.
    pub hits: usize,
    /// Trials.
    pub count: usize,
}

impl Proportion {
    /// Counts the successes.
    pub fn of(trials: impl Iterator<Item = bool>) -> Self {
        trials.fold(Self::default(), |sum, hit| Self {
            hits: sum.hits + usize::from(hit),
            count: sum.count + 1,
        })
    }

    /// The share of successes, 0 to 1; not a number without trials.
    pub fn rate(self) -> f64 {
        self.hits as f64 / self.count as f64
    }

    /// Wilson's score interval (JASA 22, 1927), 95 %.
    pub fn interval(self) -> (f64, f64) {
        let (n, z) = (self.count as f64, 1.96f64);
        let share = self.rate();
        let centre = share + z * z / (2.0 * n);
        let reach = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        (
            ((centre - reach) / scale).max(0.0),
            ((centre + reach) / scale).min(1.0),
        )
    }
}

/// Values in order of size.
pub struct Sorted(Vec<f64>);

impl FromIterator<f64> for Sorted {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }
}

impl Sorted {
    /// The least value with at least `share` of all at or below it; not a number if there are none.
    pub fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil().max(1.0) as usize;
        self.0.get(rank - 1).copied().unwrap_or(f64::NAN)
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The arithmetic mean.
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// The least.
    pub fn least(&self) -> f64 {
        self.quantile(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_reference_value() {
        // 9 of 10: 0.596 to 0.982 (Newcombe, Statistics in Medicine 17, 1998, method 3).
        let (low, high) = Proportion { hits: 9, count: 10 }.interval();
        assert!(
            (low - 0.5958).abs() < 1e-3 && (high - 0.9821).abs() < 1e-3,
            "{low} {high}"
        );
    }

    #[test]
    fn quantiles_by_nearest_rank() {
        let values: Sorted = (1..=100).rev().map(f64::from).collect();
        assert_eq!(
            (values.median(), values.quantile(0.99), values.least()),
            (50.0, 99.0, 1.0)
        );
        assert_eq!(values.mean(), 50.5);
        assert!(Sorted::from_iter([]).median().is_nan());
    }
}
