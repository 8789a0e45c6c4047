//! Small arithmetic over samples.

/// The smallest, the middle and the largest of some samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` of no samples.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Self { min, median, max })
    }
}

/// How many times faster or smaller `ours` is than `theirs`; above 1 is better.
pub(crate) fn ratio(ours: f64, theirs: f64) -> f64 {
    // A cost too small to be seen is as good as the smallest that can: a thousandth.
    const LEAST: f64 = 1e-3;
    theirs.max(LEAST) / ours.max(LEAST)
}

/// The value that `share` of the sorted samples do not exceed.
pub(crate) fn quantile(sorted: &[u64], share: f64) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Spread, quantile, ratio};

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_middles() {
        let spread = Spread::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert!((Spread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median - 2.5).abs() < 1e-9);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_ratio_above_one_means_that_we_are_faster() {
        assert!((ratio(5.0, 10.0) - 2.0).abs() < 1e-9);
        assert!((ratio(10.0, 5.0) - 0.5).abs() < 1e-9);
        assert!((ratio(0.0, 0.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_quantile_is_one_of_the_samples() {
        let sorted: Vec<u64> = (0..=1000).collect();
        assert_eq!([0.5, 0.99, 0.999].map(|share| quantile(&sorted, share)), [500, 990, 999]);
        assert_eq!(quantile(&[], 0.5), 0);
    }
}
