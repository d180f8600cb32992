//! Statistics of a set of measurements.

use std::time::Duration;

use serde::Serialize;

/// A figure measured in several rounds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Rounds {
    /// One value for each round, in the order they were measured.
    values: Vec<f64>,
}

impl Rounds {
    /// Adds the value of a round.
    pub(crate) fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    /// The median of the rounds.
    pub(crate) fn median(&self) -> f64 {
        median(self.values.clone())
    }

    /// The minimum.
    pub(crate) fn min(&self) -> f64 {
        self.values.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The maximum.
    pub(crate) fn max(&self) -> f64 {
        self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Each round divided by the round of `base` that was measured at the same time.
    pub(crate) fn ratios(&self, base: &Self) -> Self {
        self.values.iter().zip(&base.values).map(|(ours, base)| ours / base).collect()
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self { values: values.into_iter().collect() }
    }
}

/// The middle value, or the mean of the two in the middle; not a number if there is none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle)) {
        (_, None) => f64::NAN,
        (1, Some(value)) => *value,
        (_, Some(value)) => f64::midpoint(values[middle - 1], *value),
    }
}

/// The percentile by nearest rank; zero if there are no `times`.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100);
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Converts a count for calculations.
#[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(values: &[f64]) -> Rounds {
        values.iter().copied().collect()
    }

    #[test]
    fn median_is_the_middle_value_or_the_mean_of_the_middle_two() {
        assert!((rounds(&[9.0, 1.0, 5.0]).median() - 5.0).abs() < 1e-9);
        assert!((rounds(&[4.0, 1.0, 2.0, 9.0]).median() - 3.0).abs() < 1e-9);
        assert!(rounds(&[]).median().is_nan());
    }

    #[test]
    fn ratios_compare_rounds_measured_side_by_side() {
        let ratios = rounds(&[1.0, 6.0]).ratios(&rounds(&[2.0, 3.0]));
        assert_eq!(ratios, rounds(&[0.5, 2.0]));
        assert!((ratios.min() - 0.5).abs() < 1e-9);
        assert!((ratios.max() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn percentile_is_the_nearest_rank() {
        let mut times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&mut times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&mut times, 100), Duration::from_millis(200));
        assert_eq!(percentile(&mut [Duration::from_secs(1)], 1), Duration::from_secs(1));
        assert_eq!(percentile(&mut [], 99), Duration::ZERO);
    }
}
