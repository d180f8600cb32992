//! The figures of API keys.

use super::{Figure, Target};
use crate::measure::key_check::KeyCheck;

/// Checks of API keys compared with the bare handler.
pub(super) fn figures(check: &KeyCheck) -> Vec<Figure> {
    let KeyCheck { application, bare } = check;
    let spread = application.per_second.ratios(&bare.per_second);
    vec![
        Figure {
            name: "API-key checks ÷ bare handler",
            value: check.ratio(),
            unit: "×",
            target: Target::AtLeast(0.85),
            detail: format!(
                "{:.0}/s ÷ {:.0}/s; {:.2} to {:.2} over the rounds",
                application.per_second.median(),
                bare.per_second.median(),
                spread.min(),
                spread.max()
            ),
        },
        Figure {
            name: "CPU for an API-key check ÷ bare handler",
            value: application.cpu_ratio(bare),
            unit: "×",
            target: Target::None,
            detail: format!(
                "{:.1} µs ÷ {:.1} µs",
                application.cpu_micros.median(),
                bare.cpu_micros.median()
            ),
        },
    ]
}
