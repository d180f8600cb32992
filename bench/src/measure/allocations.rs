//! The number of allocations per request.
//!
//! These figures do not depend on other load. Both sides are built with a counting allocator, which
//! prints the count at the end. A run with many requests is compared with one with few, so that the
//! start and the connections do not count.

use std::path::Path;

use anyhow::{Context as _, Result};
use crossauth_testkit::server::Program;
use serde::Serialize;

use crate::application::{PRIVATE, PUBLIC};
use crate::http;
use crate::load;
use crate::population::{DATABASE, Population, Session};
use crate::progress::say;
use crate::request::{bare_requests, requests};
use crate::server::{self, Counting, Server};
use crate::statistic::number;

/// Number of requests of the short run.
const SHORT_RUN: u32 = 2_000;
/// Number of requests of the long run.
const LONG_RUN: u32 = 12_000;

/// Mean number of allocations per request.
#[derive(Debug, Serialize)]
pub(crate) struct Allocations {
    /// A session check of the server.
    pub(crate) session_check: f64,
    /// A session check of the bare handler.
    pub(crate) bare_check: f64,
    /// A route of an application for everyone, without cookies.
    pub(crate) public: f64,
    /// A route of an application for logged-in users.
    pub(crate) private: f64,
    /// A route of an application without Crossauth, without cookies.
    pub(crate) bare: f64,
    /// The same, with the cookies of a session.
    pub(crate) bare_with_cookies: f64,
}

/// Counts on a data directory that no server uses.
pub(crate) fn measure(
    programs: &Counting,
    data: &Path,
    population: &Population,
) -> Result<Allocations> {
    let bench = |arguments: &[&str]| Program::new(&programs.bench).arguments(arguments);
    let database = data.join(DATABASE);
    let application = bench(&["application", &data.to_string_lossy()]);
    let bare_application = bench(&["bare-application"]);
    let cookies = |session: &Session| format!("SESSIONID={}", session.cookie);
    let public = |server: &Server| Ok(vec![http::get(server.address, PUBLIC, "")]);
    let private = |server: &Server| {
        let request = |session| http::get(server.address, PRIVATE, &cookies(session));
        Ok(population.sessions.iter().map(request).collect())
    };
    let allocations = Allocations {
        session_check: per_request(&server::program(&programs.server, data), |server| {
            requests(server, &population.sessions)
        })?,
        bare_check: per_request(&bench(&["bare", &database.to_string_lossy()]), |server| {
            Ok(bare_requests(server, population))
        })?,
        public: per_request(&application, public)?,
        private: per_request(&application, private)?,
        bare: per_request(&bare_application, public)?,
        bare_with_cookies: per_request(&bare_application, private)?,
    };
    say!(
        "allocations for a session check: {:.1}, for the bare handler {:.1}",
        allocations.session_check,
        allocations.bare_check
    );
    Ok(allocations)
}

fn per_request(
    program: &Program,
    requests: impl Fn(&Server) -> Result<Vec<Vec<u8>>>,
) -> Result<f64> {
    let few = total(program, &requests, SHORT_RUN)?;
    let many = total(program, &requests, LONG_RUN)?;
    Ok((many - few) / f64::from(LONG_RUN - SHORT_RUN))
}

/// The number of allocations of a process at its end.
fn total(
    program: &Program,
    requests: impl Fn(&Server) -> Result<Vec<Vec<u8>>>,
    count: u32,
) -> Result<f64> {
    let server = Server::start(program.clone());
    let requests = requests(&server)?;
    load::repeat(server.address, &requests, count)?;
    let log = server.stop();
    let total = log.lines().rev().find_map(|line| line.split_once("allocations: "));
    let (_, total) = total.with_context(|| format!("no count of allocations in {log:?}"))?;
    Ok(number(total.trim().parse()?))
}
