//! How much of the cores' power to hash passwords becomes logins.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use argon2::Params;
use serde::Serialize;
use serde_json::{Value, json};

use crate::hash_rate;
use crate::http::{self, Connection};
use crate::load::{self, Answered};
use crate::population::{PASSWORD, Population};
use crate::progress::say;
use crate::scale::Scale;
use crate::server::Server;
use crate::statistic::Rounds;

/// Connections on which a login is always in progress.
pub(crate) const CLIENTS: usize = 8;

/// Logins beside bare hashes.
#[derive(Debug, Serialize)]
pub(crate) struct LoginRate {
    /// Logins a second.
    pub(crate) logins: Rounds,
    /// Bare hashes a second with the same parameters, on all cores.
    pub(crate) hashes: Rounds,
    /// The server's resident memory while people log in, in MB: the most that was seen.
    pub(crate) resident_mb: f64,
    /// Memory for a hash.
    pub(crate) memory_kib: u32,
    /// Passes over that memory for a hash.
    pub(crate) iterations: u32,
    /// Lanes of that memory.
    pub(crate) lanes: u32,
}

/// Measures bare hashes and logins in turns.
pub(crate) fn measure(server: &Server, population: &Population, scale: Scale) -> Result<LoginRate> {
    let parameters = hash_rate::parameters(&population.password_hash)?;
    let cores = thread::available_parallelism()?.get();
    let mut rate = LoginRate::unmeasured(&parameters);
    for round in 0..scale.login_rounds {
        rate.hashes.push(hash_rate::measure(&parameters, cores, scale.login_time())?.per_second());
        let (logins, resident_mb) =
            beside(server, population, || most_resident(server, scale.login_time()))?;
        rate.logins.push(logins.per_second());
        rate.resident_mb = rate.resident_mb.max(resident_mb);
        say!(
            "logins, round {} of {}: {:.2} of the bare hash rate so far",
            round + 1,
            scale.login_rounds,
            rate.ratio()
        );
    }
    Ok(rate)
}

impl LoginRate {
    fn unmeasured(parameters: &Params) -> Self {
        Self {
            logins: Rounds::default(),
            hashes: Rounds::default(),
            resident_mb: 0.0,
            memory_kib: parameters.m_cost(),
            iterations: parameters.t_cost(),
            lanes: parameters.p_cost(),
        }
    }

    /// Logins for each bare hash.
    pub(crate) fn ratio(&self) -> f64 {
        self.logins.median() / self.hashes.median()
    }
}

fn most_resident(server: &Server, time: Duration) -> Result<f64> {
    let end = Instant::now() + time;
    let mut most: f64 = 0.0;
    while Instant::now() < end {
        most = most.max(server.resident_mb()?);
        thread::sleep(Duration::from_millis(100));
    }
    Ok(most)
}

/// Lets [`CLIENTS`] clients log in without pause, each time as another user, while `task`
/// runs.
pub(crate) fn beside<T>(
    server: &Server,
    population: &Population,
    task: impl FnOnce() -> Result<T>,
) -> Result<(Answered, T)> {
    let next = &AtomicUsize::new(0);
    let clients = (0..CLIENTS)
        .map(|_| {
            let mut visitor = Visitor::arrive(server)?;
            Ok(move || {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                visitor.log_in(&population.usernames[turn % population.usernames.len()])
            })
        })
        .collect::<Result<Vec<_>>>()?;
    load::beside(clients, task)
}

/// A browser that has not logged in.
struct Visitor {
    connection: Connection,
    server: SocketAddr,
    csrf: Csrf,
}

impl Visitor {
    fn arrive(server: &Server) -> Result<Self> {
        let server = server.address;
        let mut connection = Connection::open(server)?;
        let csrf = csrf(&mut connection, server, "")?;
        Ok(Self { connection, server, csrf })
    }

    fn log_in(&mut self, username: &str) -> Result<()> {
        let body = json!({
            "username": username,
            "password": PASSWORD,
            "csrfToken": self.csrf.token,
        });
        let request = http::post_json(
            self.server,
            "/api/login",
            &self.csrf.cookie,
            &self.csrf.token,
            &body.to_string(),
        );
        self.connection.ask(&request)?.check_ok()
    }
}

/// What protects a browser's requests.
pub(crate) struct Csrf {
    /// The cookie, as `name=value`.
    pub(crate) cookie: String,
    token: String,
}

/// Asks for what protects the requests of a browser with these cookies.
pub(crate) fn csrf(connection: &mut Connection, server: SocketAddr, cookies: &str) -> Result<Csrf> {
    let answer = connection.ask(&http::get(server, "/api/getcsrftoken", cookies))?;
    answer.check_ok()?;
    let body: Value = serde_json::from_slice(answer.body)?;
    let token = body.get("csrfToken").and_then(Value::as_str).context("no CSRF token")?.to_owned();
    let cookie = answer.cookie("CSRFTOKEN").context("no CSRF cookie")?.to_owned();
    Ok(Csrf { cookie, token })
}
