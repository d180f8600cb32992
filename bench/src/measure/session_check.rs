//! How much the check of a session costs beyond the query it cannot do without.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::http;
use crate::load;
use crate::progress::say;
use crate::scale::Scale;
use crate::server::Server;
use crate::statistic::{Rounds, number};

/// The server beside the bare handler.
#[derive(Debug, Serialize)]
pub(crate) struct SessionCheck {
    /// `GET /api/userforsessionkey` of the server, with the default settings.
    pub(crate) server: Side,
    /// The same with the access log.
    pub(crate) logging: Side,
    /// A handler that does one prepared query.
    pub(crate) bare: Side,
}

/// What one of them did.
#[derive(Debug, Serialize)]
pub(crate) struct Side {
    /// Answers a second.
    pub(crate) per_second: Rounds,
    /// CPU time of the server for an answer, in microseconds.
    pub(crate) cpu_micros: Rounds,
}

/// A server and the requests it is asked.
pub(crate) struct Target<'a> {
    /// The running server.
    pub(crate) server: &'a Server,
    /// One request for each session.
    pub(crate) requests: &'a [Vec<u8>],
}

/// Those that are compared.
pub(crate) struct Targets<'a> {
    /// The server as it is by default, without access log.
    pub(crate) server: Target<'a>,
    /// The server with access log.
    pub(crate) logging: Target<'a>,
    /// The bare handler.
    pub(crate) bare: Target<'a>,
}

/// Loads one after the other in short turns, so that what disturbs the machine disturbs all.
pub(crate) fn measure(targets: &Targets<'_>, scale: Scale) -> Result<SessionCheck> {
    let mut check = SessionCheck::unmeasured();
    for target in [&targets.server, &targets.logging, &targets.bare] {
        load::saturate(target.server.address, target.requests, Duration::from_secs(1))?;
    }
    for round in 0..scale.session_rounds {
        let mut turns = [
            (&targets.server, &mut check.server),
            (&targets.bare, &mut check.bare),
            (&targets.logging, &mut check.logging),
        ];
        if round % 2 == 1 {
            turns.reverse();
        }
        for (target, side) in turns {
            side.add_round(target, scale.session_time())?;
        }
        say!(
            "session check, round {} of {}: {:.2} of the bare handler so far",
            round + 1,
            scale.session_rounds,
            check.server.throughput_ratio(&check.bare)
        );
    }
    Ok(check)
}

impl Side {
    fn empty() -> Self {
        Self { per_second: Rounds::default(), cpu_micros: Rounds::default() }
    }

    fn add_round(&mut self, target: &Target<'_>, time: Duration) -> Result<()> {
        let cpu_before = target.server.cpu_time()?;
        let answered = load::saturate(target.server.address, target.requests, time)?;
        let cpu = target.server.cpu_time()?.saturating_sub(cpu_before);
        self.per_second.push(answered.per_second());
        self.cpu_micros.push(cpu.as_secs_f64() * 1e6 / number(answered.count));
        Ok(())
    }

    /// Its throughput as a part of the other's.
    pub(crate) fn throughput_ratio(&self, other: &Self) -> f64 {
        self.per_second.median() / other.per_second.median()
    }

    /// Its CPU time for an answer as a multiple of the other's.
    pub(crate) fn cpu_ratio(&self, other: &Self) -> f64 {
        self.cpu_micros.median() / other.cpu_micros.median()
    }
}

impl SessionCheck {
    fn unmeasured() -> Self {
        Self { server: Side::empty(), logging: Side::empty(), bare: Side::empty() }
    }
}

/// What a browser with these cookies asks.
pub(crate) fn request(server: SocketAddr, cookies: &str) -> Vec<u8> {
    http::get(server, PATH, cookies)
}

/// The path that answers with the user of a session.
pub(crate) const PATH: &str = "/api/userforsessionkey";
