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
    /// `GET /api/userforsessionkey` of the server.
    pub(crate) server: Side,
    /// A handler that does one prepared query.
    pub(crate) bare: Side,
}

/// What one of the two did.
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

/// Loads one and the other in turns, so that what disturbs the machine disturbs both.
pub(crate) fn measure(
    server: &Target<'_>,
    bare: &Target<'_>,
    scale: Scale,
) -> Result<SessionCheck> {
    let mut check = SessionCheck { server: Side::empty(), bare: Side::empty() };
    for target in [server, bare] {
        load::saturate(target.server.address, target.requests, Duration::from_secs(1))?;
    }
    for round in 0..scale.session_rounds {
        let mut pair = [(server, &mut check.server), (bare, &mut check.bare)];
        if round % 2 == 1 {
            pair.reverse();
        }
        for (target, side) in pair {
            side.add_round(target, scale.session_time())?;
        }
        say!(
            "session check, round {} of {}: {:.2} of the bare handler so far",
            round + 1,
            scale.session_rounds,
            check.throughput_ratio()
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
}

impl SessionCheck {
    /// The server's throughput as a part of the bare handler's.
    pub(crate) fn throughput_ratio(&self) -> f64 {
        self.server.per_second.median() / self.bare.per_second.median()
    }

    /// The server's CPU time for an answer as a multiple of the bare handler's.
    pub(crate) fn cpu_ratio(&self) -> f64 {
        self.server.cpu_micros.median() / self.bare.cpu_micros.median()
    }
}

/// What a browser with these cookies asks.
pub(crate) fn request(server: SocketAddr, cookies: &str) -> Vec<u8> {
    http::get(server, PATH, cookies)
}

/// The path that answers with the user of a session.
pub(crate) const PATH: &str = "/api/userforsessionkey";
