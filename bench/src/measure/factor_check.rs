//! The cost of a session check of an account with a second factor compared with that of one
//! without.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::session_check::{Side, Target};
use crate::load;
use crate::progress::say;
use crate::scale::Scale;

/// Session checks of two kinds of accounts, on one server.
#[derive(Debug, Serialize)]
pub(crate) struct FactorCheck {
    /// Of accounts with an authenticator application.
    pub(crate) with: Side,
    /// Of accounts with a password only.
    pub(crate) without: Side,
}

/// Loads the server alternately with both.
pub(crate) fn measure(
    with: &Target<'_>,
    without: &Target<'_>,
    scale: Scale,
) -> Result<FactorCheck> {
    let mut check = FactorCheck { with: Side::default(), without: Side::default() };
    for target in [with, without] {
        load::saturate(target.server.address, target.requests, Duration::from_secs(1))?;
    }
    for round in 0..scale.session_rounds {
        let mut turns = [(with, &mut check.with), (without, &mut check.without)];
        if round % 2 == 1 {
            turns.reverse();
        }
        for (target, side) in turns {
            side.add_round(target, scale.session_time())?;
        }
    }
    say!("session check with a second factor: {:.2} of that without", check.ratio());
    Ok(check)
}

impl FactorCheck {
    /// The throughput with a second factor relative to that without.
    pub(crate) fn ratio(&self) -> f64 {
        self.with.throughput_ratio(&self.without)
    }
}
