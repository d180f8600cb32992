//! The figure of second factors.

use super::{Figure, Target};
use crate::measure::factor_check::FactorCheck;

/// Session checks of accounts with a second factor compared with those without.
pub(super) fn figure(check: &FactorCheck) -> Figure {
    let spread = check.with.per_second.ratios(&check.without.per_second);
    Figure {
        name: "Session checks with ÷ without a second factor",
        value: check.ratio(),
        unit: "×",
        target: Target::AtLeast(0.97),
        detail: format!(
            "{:.0}/s ÷ {:.0}/s; {:.2} to {:.2} over the rounds",
            check.with.per_second.median(),
            check.without.per_second.median(),
            spread.min(),
            spread.max()
        ),
    }
}
