//! Percentiles of the latency of a session check, alone and during logins.

use anyhow::Result;
use serde::Serialize;

use super::login;
use super::session_check::Target;
use crate::load;
use crate::population::Population;
use crate::progress::say;
use crate::scale::Scale;
use crate::statistic::{Rounds, percentile};

/// Session checks a second, far below the capacity of the server.
pub(crate) const RATE: u32 = 500;

/// Response times of a session check.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    /// Without other requests.
    pub(crate) alone: Percentiles,
    /// While [`login::CLIENTS`] clients log in continuously.
    pub(crate) beside_logins: Percentiles,
}

/// Milliseconds from the moment a request was due to the end of its response.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Percentiles {
    /// Half of the responses took at most this.
    pub(crate) p50: Rounds,
    /// 99 of 100 took at most this.
    pub(crate) p99: Rounds,
}

/// Measures alternately with and without logins.
pub(crate) fn measure(
    target: &Target<'_>,
    population: &Population,
    scale: Scale,
) -> Result<Latency> {
    let stream =
        || load::stream(target.server.address, target.requests, RATE, scale.latency_time());
    let mut latency =
        Latency { alone: Percentiles::default(), beside_logins: Percentiles::default() };
    for round in 0..scale.latency_rounds {
        latency.alone.add_round(stream()?);
        let (_, times) = login::log_in_while(target.server, population, stream)?;
        latency.beside_logins.add_round(times);
        say!(
            "latency, round {} of {}: p99 is {:.2} times as long beside logins so far",
            round + 1,
            scale.latency_rounds,
            latency.ratio()
        );
    }
    Ok(latency)
}

impl Latency {
    /// The 99th percentile beside logins as a multiple of the one alone.
    pub(crate) fn ratio(&self) -> f64 {
        self.beside_logins.p99.median() / self.alone.p99.median()
    }
}

impl Percentiles {
    /// The median over the rounds of what half of the responses took at most.
    pub(crate) fn median(&self) -> f64 {
        self.p50.median()
    }

    /// The median over the rounds of what 99 of 100 took at most.
    pub(crate) fn tail(&self) -> f64 {
        self.p99.median()
    }

    /// Adds the response times of a round.
    pub(crate) fn add_round(&mut self, mut times: Vec<std::time::Duration>) {
        self.p50.push(percentile(&mut times, 50).as_secs_f64() * 1e3);
        self.p99.push(percentile(&mut times, 99).as_secs_f64() * 1e3);
    }
}
