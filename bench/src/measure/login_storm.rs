//! Many logins at the same moment: those that are refused, those that wait, and session checks
//! beside them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use serde::Serialize;
use serde_json::json;

use super::latency::{Percentiles, RATE};
use super::login;
use super::session_check::Target;
use crate::http::{self, Connection};
use crate::load;
use crate::population::{PASSWORD, Population};
use crate::progress::say;
use crate::scale::Scale;
use crate::statistic::Rounds;

/// Logins that are sent at the same moment, each of another user from another address.
pub(crate) const LOGINS: usize = 500;

/// Hashes that wait for a thread before logins are refused: the default of `password.queue`.
const QUEUE: u32 = 64;

/// Lets the server believe the addresses that the clients name.
pub(crate) const TRUSTED: (&str, &str) = ("CROSSAUTH_LIMITS_TRUSTED_PROXIES", "127.0.0.1");

/// Times of many logins at the same moment.
#[derive(Debug, Default, Serialize)]
pub(crate) struct LoginStorm {
    /// Logins that succeeded, of [`LOGINS`].
    pub(crate) admitted: Rounds,
    /// Milliseconds to the last response to a login that succeeded.
    pub(crate) slowest_admitted: Rounds,
    /// Milliseconds to the last response to a login that was refused.
    pub(crate) slowest_refused: Rounds,
    /// Session checks alone.
    pub(crate) alone: Percentiles,
    /// Session checks while the logins are answered.
    pub(crate) beside: Percentiles,
    /// Milliseconds in which the cores compute the hashes of a full queue.
    pub(crate) full_queue: f64,
}

/// A login that is ready to be sent.
struct Login {
    connection: Connection,
    request: Vec<u8>,
}

/// The answer to a login, and its time.
struct Outcome {
    status: u16,
    time: Duration,
}

/// Sends the logins in each round while session checks are sent at a fixed rate.
///
/// `hashes` is the number of raw hashes a second on all cores.
pub(crate) fn measure(
    target: &Target<'_>,
    population: &Population,
    hashes: f64,
    scale: Scale,
) -> Result<LoginStorm> {
    let threads = u32::try_from(thread::available_parallelism()?.get())?;
    let full_queue = f64::from(QUEUE + threads) / hashes;
    let mut storm = LoginStorm { full_queue: full_queue * 1e3, ..LoginStorm::default() };
    let time = Duration::from_secs_f64(full_queue).max(Duration::from_secs(1));
    let server = target.server.address;
    let mut names = population.usernames.iter().cycle();
    let checks = || load::stream(server, target.requests, RATE, time);
    for round in 0..scale.latency_rounds {
        storm.alone.add_round(checks()?);
        let names: Vec<&String> = names.by_ref().take(LOGINS).collect();
        let logins = prepare(server, &names)?;
        let (outcomes, times) = thread::scope(|scope| {
            let sent = scope.spawn(|| send(logins));
            let times = checks();
            (sent.join(), times)
        });
        storm.beside.add_round(times?);
        storm.add_round(&outcomes.map_err(|_| anyhow!("panicked"))??)?;
        say!(
            "{LOGINS} logins at once, round {} of {}: {:.0} admitted, the others within {:.0} ms",
            round + 1,
            scale.latency_rounds,
            storm.admitted.median(),
            storm.slowest_refused.max()
        );
    }
    Ok(storm)
}

/// Connects the clients, and gets each a CSRF token.
fn prepare(server: SocketAddr, names: &[&String]) -> Result<Vec<Login>> {
    let login = |(name, address): (&&String, u32)| {
        let mut connection = Connection::open(server)?;
        let csrf = login::csrf(&mut connection, server, "")?;
        let body = json!({ "username": name, "password": PASSWORD }).to_string();
        let request = http::post_json(server, "/api/login", &csrf.cookie, &csrf.token, &body);
        Ok(Login { connection, request: from_address(&request, address)? })
    };
    names.iter().zip(0..).map(login).collect()
}

/// The request as a proxy forwards it, from a client with an address of its own.
fn from_address(request: &[u8], client: u32) -> Result<Vec<u8>> {
    let end = request.windows(2).position(|two| two == b"\r\n");
    let (line, rest) = request.split_at(end.ok_or_else(|| anyhow!("no request line"))?);
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + client);
    Ok([line, format!("\r\nX-Forwarded-For: {address}").as_bytes(), rest].concat())
}

/// Sends all at the same moment.
fn send(logins: Vec<Login>) -> Result<Vec<Outcome>> {
    let start = &Barrier::new(logins.len());
    thread::scope(|scope| {
        let clients: Vec<_> = logins
            .into_iter()
            .map(|Login { mut connection, request }| {
                scope.spawn(move || {
                    start.wait();
                    let sent = Instant::now();
                    let status = connection.exchange(&request)?.status;
                    anyhow::Ok(Outcome { status, time: sent.elapsed() })
                })
            })
            .collect();
        clients.into_iter().map(|it| it.join().map_err(|_| anyhow!("panicked"))?).collect()
    })
}

impl LoginStorm {
    fn add_round(&mut self, outcomes: &[Outcome]) -> Result<()> {
        let other = outcomes.iter().find(|it| ![200, 429, 503].contains(&it.status));
        ensure!(other.is_none(), "a login had the status {:?}", other.map(|it| it.status));
        let slowest = |admitted: bool| {
            let times = outcomes.iter().filter(|it| (it.status == 200) == admitted);
            times.map(|it| it.time).max().unwrap_or_default().as_secs_f64() * 1e3
        };
        let admitted = outcomes.iter().filter(|it| it.status == 200).count();
        self.admitted.push(f64::from(u32::try_from(admitted)?));
        self.slowest_admitted.push(slowest(true));
        self.slowest_refused.push(slowest(false));
        Ok(())
    }

    /// The time to the last admitted login as a multiple of what the full queue allows.
    pub(crate) fn queue_ratio(&self) -> f64 {
        self.slowest_admitted.median() / self.full_queue
    }

    /// The 99th percentile of session checks beside the logins as a multiple of the one alone.
    pub(crate) fn latency_ratio(&self) -> f64 {
        self.beside.tail() / self.alone.tail()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_an_address_of_its_own() {
        let forwarded = from_address(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 257).unwrap();
        let expected = "POST / HTTP/1.1\r\nX-Forwarded-For: 10.0.1.1\r\nHost: a\r\n\r\n";
        assert_eq!(String::from_utf8(forwarded).unwrap(), expected);
        assert!(from_address(b"POST", 0).is_err());
    }

    #[test]
    fn outcomes_are_counted_and_unexpected_ones_are_errors() {
        let outcome = |status, millis| Outcome { status, time: Duration::from_millis(millis) };
        let mut storm = LoginStorm::default();
        storm.add_round(&[outcome(200, 500), outcome(200, 700), outcome(503, 30)]).unwrap();
        let found = [&storm.admitted, &storm.slowest_admitted, &storm.slowest_refused];
        assert_eq!(format!("{:?}", found.map(Rounds::median)), "[2.0, 700.0, 30.0]");
        assert!(storm.add_round(&[outcome(500, 1)]).is_err());
    }
}
