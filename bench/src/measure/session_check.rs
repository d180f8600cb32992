//! The cost of a session check compared with that of its query.

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

/// The server compared with the bare handler.
#[derive(Debug, Serialize)]
pub(crate) struct SessionCheck {
    /// `GET /api/userforsessionkey` of the server, with the default settings.
    pub(crate) server: Side,
    /// The same with the access log.
    pub(crate) logging: Side,
    /// A handler that does one prepared query.
    pub(crate) bare: Side,
}

/// The result of one program.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Side {
    /// Responses a second.
    pub(crate) per_second: Rounds,
    /// CPU time of the server for a response, in microseconds.
    pub(crate) cpu_micros: Rounds,
}

/// A server and the requests to send.
pub(crate) struct Target<'a> {
    /// The running server.
    pub(crate) server: &'a Server,
    /// One request for each session.
    pub(crate) requests: &'a [Vec<u8>],
}

/// The compared programs.
pub(crate) struct Targets<'a> {
    /// The server as it is by default, without access log.
    pub(crate) server: Target<'a>,
    /// The server with access log.
    pub(crate) logging: Target<'a>,
    /// The bare handler.
    pub(crate) bare: Target<'a>,
}

/// Loads the programs alternately in short rounds, so that other load affects all equally.
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
    /// Loads the server for a while.
    pub(crate) fn add_round(&mut self, target: &Target<'_>, time: Duration) -> Result<()> {
        let cpu_before = target.server.cpu_time()?;
        let throughput = load::saturate(target.server.address, target.requests, time)?;
        let cpu = target.server.cpu_time()?.saturating_sub(cpu_before);
        self.per_second.push(throughput.per_second());
        self.cpu_micros.push(cpu.as_secs_f64() * 1e6 / number(throughput.count));
        Ok(())
    }

    /// Its throughput relative to the other's.
    pub(crate) fn throughput_ratio(&self, other: &Self) -> f64 {
        self.per_second.median() / other.per_second.median()
    }

    /// Its CPU time for a response as a multiple of the other's.
    pub(crate) fn cpu_ratio(&self, other: &Self) -> f64 {
        self.cpu_micros.median() / other.cpu_micros.median()
    }
}

impl SessionCheck {
    fn unmeasured() -> Self {
        Self { server: Side::default(), logging: Side::default(), bare: Side::default() }
    }
}

/// The request of a browser with these cookies.
pub(crate) fn request(server: SocketAddr, cookies: &str) -> Vec<u8> {
    http::get(server, PATH, cookies)
}

/// The path that returns the user of a session.
pub(crate) const PATH: &str = "/api/userforsessionkey";
