//! How long a session check takes at its worst, alone and while others log in.

use anyhow::Result;
use serde::Serialize;

use super::login;
use super::session_check::Target;
use crate::load;
use crate::population::Population;
use crate::progress::say;
use crate::scale::Scale;
use crate::statistic::{Rounds, percentile};

/// Session checks a second, far below what the server could do.
pub(crate) const RATE: u32 = 500;

/// Times to answer a session check.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    /// With nothing else to do.
    pub(crate) alone: Percentiles,
    /// While [`login::CLIENTS`] clients log in without pause.
    pub(crate) beside_logins: Percentiles,
}

/// Milliseconds from the moment a request was due to the end of its answer.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Percentiles {
    /// Half of the answers took at most this.
    pub(crate) p50: Rounds,
    /// 99 of 100 took at most this.
    pub(crate) p99: Rounds,
}

/// Measures with and without logins in turns.
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
        let (_, times) = login::beside(target.server, population, stream)?;
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
    fn add_round(&mut self, mut times: Vec<std::time::Duration>) {
        self.p50.push(percentile(&mut times, 50).as_secs_f64() * 1e3);
        self.p99.push(percentile(&mut times, 99).as_secs_f64() * 1e3);
    }
}
