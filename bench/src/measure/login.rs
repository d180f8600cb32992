//! Logins a second, compared with the raw hash rate of the cores.

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
use crate::load::{self, Throughput};
use crate::population::{PASSWORD, Population};
use crate::progress::say;
use crate::scale::Scale;
use crate::server::Server;
use crate::statistic::Rounds;

/// Connections on which a login is always in progress.
pub(crate) const CLIENTS: usize = 8;

/// Logins compared with raw hashes.
#[derive(Debug, Serialize)]
pub(crate) struct LoginRate {
    /// Logins a second.
    pub(crate) logins: Rounds,
    /// Raw hashes a second with the same parameters, on all cores.
    pub(crate) hashes: Rounds,
    /// The server's resident memory during logins, in MB: the maximum.
    pub(crate) resident_mb: f64,
    /// Memory for a hash.
    pub(crate) memory_kib: u32,
    /// Passes over that memory for a hash.
    pub(crate) iterations: u32,
    /// Lanes of that memory.
    pub(crate) lanes: u32,
}

/// Measures raw hashes and logins alternately.
pub(crate) fn measure(server: &Server, population: &Population, scale: Scale) -> Result<LoginRate> {
    let parameters = hash_rate::parameters(&population.password_hash)?;
    let cores = thread::available_parallelism()?.get();
    let mut rate = LoginRate::unmeasured(&parameters);
    for round in 0..scale.login_rounds {
        rate.hashes.push(hash_rate::measure(&parameters, cores, scale.login_time())?.per_second());
        let (logins, resident_mb) =
            log_in_while(server, population, || peak_resident_mb(server, scale.login_time()))?;
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

    /// Logins per raw hash.
    pub(crate) fn ratio(&self) -> f64 {
        self.logins.median() / self.hashes.median()
    }
}

fn peak_resident_mb(server: &Server, time: Duration) -> Result<f64> {
    let end = Instant::now() + time;
    let mut most: f64 = 0.0;
    while Instant::now() < end {
        most = most.max(server.resident_mb()?);
        thread::sleep(Duration::from_millis(100));
    }
    Ok(most)
}

/// Lets [`CLIENTS`] clients log in continuously, each time as another user, while `task` runs.
pub(crate) fn log_in_while<T>(
    server: &Server,
    population: &Population,
    task: impl FnOnce() -> Result<T>,
) -> Result<(Throughput, T)> {
    let next = &AtomicUsize::new(0);
    let clients = (0..CLIENTS)
        .map(|_| {
            let mut visitor = Visitor::connect(server)?;
            Ok(move || {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                visitor.log_in(&population.usernames[turn % population.usernames.len()])
            })
        })
        .collect::<Result<Vec<_>>>()?;
    load::load_while(clients, task)
}

/// A browser that has not logged in.
struct Visitor {
    connection: Connection,
    server: SocketAddr,
    csrf: Csrf,
}

impl Visitor {
    fn connect(server: &Server) -> Result<Self> {
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
        self.connection.exchange(&request)?.check_ok()
    }
}

/// The CSRF cookie and token of a browser.
pub(crate) struct Csrf {
    /// The cookie, as `name=value`.
    pub(crate) cookie: String,
    /// The token.
    pub(crate) token: String,
}

/// Requests a CSRF token for a browser with these cookies.
pub(crate) fn csrf(connection: &mut Connection, server: SocketAddr, cookies: &str) -> Result<Csrf> {
    let response = connection.exchange(&http::get(server, "/api/getcsrftoken", cookies))?;
    response.check_ok()?;
    let body: Value = serde_json::from_slice(response.body)?;
    let token = body.get("csrfToken").and_then(Value::as_str).context("no CSRF token")?.to_owned();
    let cookie = response.cookie("CSRFTOKEN").context("no CSRF cookie")?.to_owned();
    Ok(Csrf { cookie, token })
}
