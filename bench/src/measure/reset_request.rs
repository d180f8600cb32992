//! The latency of requests for a password reset: neither the mail server nor whether there is an
//! account may change it.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::json;

use super::latency::Percentiles;
use super::login;
use crate::http::{self, Connection};
use crate::load;
use crate::population::{self, DATABASE, Population, SECRET};
use crate::progress::say;
use crate::scale::Scale;
use crate::server::{self, Server};
use crate::smtp::{self, Speed};

/// Requests a second.
pub(crate) const RATE: u32 = 100;

/// Response times of `POST /api/requestpasswordreset`.
#[derive(Debug, Serialize)]
pub(crate) struct ResetRequests {
    /// With a mail server that replies at once.
    pub(crate) fast: Addresses,
    /// With a mail server that takes a second for each reply.
    pub(crate) slow: Addresses,
    /// With a mail server that refuses connections.
    pub(crate) dead: Addresses,
}

/// Response times by the address that is asked for.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Addresses {
    /// Those of accounts.
    pub(crate) known: Percentiles,
    /// Addresses without an account.
    pub(crate) unknown: Percentiles,
}

/// Measures alternately, each mail server with a server and a copy of the database of its own.
pub(crate) fn measure(
    binary: &Path,
    data: &Path,
    scratch: &Path,
    population: &Population,
    scale: Scale,
) -> Result<ResetRequests> {
    let sites = Speed::ALL
        .into_iter()
        .map(|speed| Site::start(speed, binary, data, scratch, population))
        .collect::<Result<Vec<_>>>()?;
    let mut times = [Addresses::default(), Addresses::default(), Addresses::default()];
    for round in 0..scale.reset_rounds {
        let mut turns: Vec<_> = sites.iter().zip(&mut times).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (site, times) in turns {
            let measured =
                |requests| load::stream(site.server.address, requests, RATE, scale.reset_time());
            times.known.add_round(measured(&site.known)?);
            times.unknown.add_round(measured(&site.unknown)?);
        }
        say!("requests for a password reset, round {} of {}", round + 1, scale.reset_rounds);
    }
    for site in sites {
        site.server.stop();
    }
    let [fast, slow, dead] = times;
    Ok(ResetRequests { fast, slow, dead })
}

/// A server and the requests to send to it.
struct Site {
    server: Server,
    known: Vec<Vec<u8>>,
    unknown: Vec<Vec<u8>>,
}

impl Site {
    fn start(
        speed: Speed,
        binary: &Path,
        data: &Path,
        scratch: &Path,
        population: &Population,
    ) -> Result<Self> {
        let copy = scratch.join(format!("mail-{}", speed.name()));
        std::fs::create_dir(&copy)?;
        for file in [DATABASE, SECRET] {
            std::fs::copy(data.join(file), copy.join(file))
                .with_context(|| format!("{file} cannot be copied"))?;
        }
        let smtp = smtp::start(speed)?;
        let program = server::program(binary, &copy)
            .variable("CROSSAUTH_MAIL_FROM", "bench@example.com")
            .variable("CROSSAUTH_MAIL_SMTP_HOST", &smtp.ip().to_string())
            .variable("CROSSAUTH_MAIL_SMTP_PORT", &smtp.port().to_string())
            .variable("CROSSAUTH_MAIL_SMTP_TLS", "none");
        let server = Server::start(program);
        let addresses = population.usernames.iter().map(|name| population::address(name));
        let known = requests(server.address, addresses)?;
        let absent = (0..population.usernames.len()).map(|number| format!("absent{number:05}"));
        let unknown = requests(server.address, absent.map(|name| population::address(&name)))?;
        Ok(Self { server, known, unknown })
    }
}

/// A request for each of these addresses.
fn requests(server: SocketAddr, addresses: impl Iterator<Item = String>) -> Result<Vec<Vec<u8>>> {
    let csrf = login::csrf(&mut Connection::open(server)?, server, "")?;
    let request = |address| {
        let body = json!({ "email": address }).to_string();
        http::post_json(server, "/api/requestpasswordreset", &csrf.cookie, &csrf.token, &body)
    };
    Ok(addresses.map(request).collect())
}

impl ResetRequests {
    /// The mail servers with their times.
    pub(crate) fn by_speed(&self) -> [(Speed, &Addresses); 3] {
        [(Speed::Fast, &self.fast), (Speed::Slow, &self.slow), (Speed::Dead, &self.dead)]
    }

    /// What known and unknown addresses take with a slow or dead mail server as a multiple of what
    /// they take with a fast one: the greatest.
    pub(crate) fn mail_ratio(&self, percentile: fn(&Percentiles) -> f64) -> f64 {
        [&self.slow, &self.dead]
            .into_iter()
            .flat_map(|times| {
                [(&times.known, &self.fast.known), (&times.unknown, &self.fast.unknown)]
            })
            .map(|(times, fast)| percentile(times) / percentile(fast))
            .fold(f64::NEG_INFINITY, f64::max)
    }

    /// What known addresses take as a multiple of what unknown ones take, or the reverse if that is
    /// more: the greatest over the mail servers.
    pub(crate) fn address_ratio(&self, percentile: fn(&Percentiles) -> f64) -> f64 {
        self.by_speed()
            .into_iter()
            .map(|(_, times)| percentile(&times.known) / percentile(&times.unknown))
            .map(|ratio| ratio.max(ratio.recip()))
            .fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Sample times. Known and unknown addresses differ most with the slow mail server; of the mail
/// servers, the dead one differs most from the fast one.
#[cfg(test)]
pub(crate) fn sample() -> ResetRequests {
    use crate::statistic::Rounds;

    let times = |value: f64| Percentiles {
        p50: Rounds::from_iter([value]),
        p99: Rounds::from_iter([2.0 * value]),
    };
    let addresses = |known, unknown| Addresses { known: times(known), unknown: times(unknown) };
    ResetRequests {
        fast: addresses(1.0, 1.0),
        slow: addresses(1.0, 2.0),
        dead: addresses(2.5, 2.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_the_greatest_in_either_direction() {
        let requests = sample();
        assert!((requests.address_ratio(Percentiles::median) - 2.0).abs() < 1e-9);
        assert!((requests.mail_ratio(Percentiles::tail) - 2.5).abs() < 1e-9);
    }
}
