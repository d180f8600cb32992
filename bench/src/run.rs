//! One run, from building the server to the report.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use crossauth_testkit::server::Program;

use crate::engine::Product;
use crate::machine::Machine;
use crate::measure::engine_check::{self, EngineChecks};
use crate::measure::factor_check::{self, FactorCheck};
use crate::measure::footprint::{self, Memory};
use crate::measure::key_check::{self, KeyCheck};
use crate::measure::login_storm::{self, LoginStorm};
use crate::measure::session_check::{self, SessionCheck, Target, Targets};
use crate::measure::{allocations, latency, login, reset_request, user_list};
use crate::population::{DATABASE, Population, WITH_FACTOR};
use crate::progress::say;
use crate::report::{self, Report};
use crate::request::{bare_key_requests, bare_requests, key_requests, requests};
use crate::scale::Scale;
use crate::server::{self, Counting, Server};

/// Time after which a started server is idle.
const SETTLING_TIME: Duration = Duration::from_secs(2);

/// Measures everything.
pub(crate) fn run(scale: Scale) -> Result<Report> {
    let scratch = tempfile::tempdir()?;
    // The builds below overwrite the binary of this program.
    let bench = scratch.path().join("this-program");
    std::fs::copy(std::env::current_exe()?, &bench)?;
    say!("building the server, once more to count allocations");
    let counting = Counting::build(scratch.path())?;
    let binary = server::build()?;
    let machine = Machine::inspect()?;
    say!("{:.2} of {} cores busy with other work", machine.cores_busy_before, machine.cores);
    if machine.is_too_busy() {
        say!("that spoils the numbers: measure again when the machine is quiet");
    }

    let data = scratch.path().join("data");
    Server::start(server::program(&binary, &data)).stop();
    let population = Population::create(&data, scale.accounts)?;
    let allocations = allocations::measure(&counting, &data, &population)?;
    let starts = footprint::starts(&binary, &data, scratch.path(), scale.starts)?;

    let server = Server::start(server::program(&binary, &data));
    thread::sleep(SETTLING_TIME);
    let idle = server.resident_mb()?;
    say!("resident memory when idle: {idle:.1} MB");
    let plain = requests(&server, &population.sessions)?;
    let target = Target { server: &server, requests: &plain };
    let programs = Programs { server: &binary, bench: &bench };
    let session_check = session_checks(&target, &programs, &population, &data, scale)?;
    let after_sessions = server.resident_mb()?;
    let factor_check = factor_checks(&target, &population, scale)?;
    let key_check = key_checks(&bench, &population, &data, scale)?;
    let login = login::measure(&server, &population, scale)?;
    let latency = latency::measure(&target, &population, scale)?;
    server.stop();
    let login_storm = login_storm(&binary, &data, &population, login.hashes.median(), scale)?;
    let reset_requests =
        reset_request::measure(&binary, &data, scratch.path(), &population, scale)?;
    let user_list = user_list::measure(scratch.path(), scale)?;
    let engines = engines(&binary, scratch.path(), scale);

    Ok(Report {
        machine,
        scale,
        memory: Memory { idle, after_sessions, under_logins: login.resident_mb },
        session_check,
        allocations,
        factor_check,
        key_check,
        login,
        latency,
        login_storm,
        reset_requests,
        user_list,
        engines,
        starts,
        binary_mb: footprint::size_mb(&binary)?,
    })
}

/// Measures what concerns the database servers, and publishes the figures in the repository at `root`.
pub(crate) fn run_engines(scale: Scale, root: &Path) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let binary = server::build()?;
    let machine = Machine::inspect()?;
    let engines = engines(&binary, scratch.path(), scale);
    report::engine::publish(root, &machine, &scale, &engines)
}

/// The database servers that are installed. What fails there does not spoil the rest.
fn engines(binary: &Path, scratch: &Path, scale: Scale) -> Vec<EngineChecks> {
    let sqlx = engine_check::build_sqlx(scratch);
    let programs = engine_check::Programs { server: binary, sqlx, scratch };
    let products =
        [(Product::Postgres, scale.postgres_keys), (Product::Mariadb, scale.mariadb_keys)];
    let measure = |(product, keys): (Product, usize)| {
        if !product.is_installed() {
            say!("{} is not installed, and is left out", product.name());
            return None;
        }
        match engine_check::measure(product, keys, &programs, scale) {
            Ok(checks) => Some(checks),
            Err(error) => {
                say!("{} is left out: {error:#}", product.name());
                None
            }
        }
    };
    products.into_iter().filter_map(measure).collect()
}

/// The session checks of accounts with a second factor, and of as many without.
fn factor_checks(plain: &Target<'_>, population: &Population, scale: Scale) -> Result<FactorCheck> {
    let with = requests(plain.server, &population.with_factor)?;
    let with = Target { server: plain.server, requests: &with };
    let without = Target { server: plain.server, requests: &plain.requests[..WITH_FACTOR] };
    factor_check::measure(&with, &without, scale)
}

/// The checks of API keys by an application with Crossauth, and by the bare handler.
fn key_checks(
    bench: &Path,
    population: &Population,
    data: &Path,
    scale: Scale,
) -> Result<KeyCheck> {
    let start = |name: &str, path: &Path| {
        Server::start(Program::new(bench).arguments(&[name, &path.to_string_lossy()]))
    };
    let (keyed, bare) = (start("keyed", data), start("bare", &data.join(DATABASE)));
    let requests = key_requests(&keyed, &population.keys);
    let keyed = Target { server: &keyed, requests: &requests };
    let requests = bare_key_requests(&bare, &population.keys);
    let bare = Target { server: &bare, requests: &requests };
    key_check::measure(&keyed, &bare, scale)
}

/// Many logins at the same moment, on a server of their own, which believes the addresses of clients.
fn login_storm(
    binary: &Path,
    data: &Path,
    population: &Population,
    hashes: f64,
    scale: Scale,
) -> Result<LoginStorm> {
    let (name, value) = login_storm::TRUSTED;
    let server = Server::start(server::program(binary, data).variable(name, value));
    let requests = requests(&server, &population.sessions)?;
    let target = Target { server: &server, requests: &requests };
    let storm = login_storm::measure(&target, population, hashes, scale)?;
    server.stop();
    Ok(storm)
}

/// The programs that are compared.
struct Programs<'a> {
    server: &'a Path,
    bench: &'a Path,
}

/// The session checks of a running server and of the baselines.
fn session_checks(
    checked: &Target<'_>,
    programs: &Programs<'_>,
    population: &Population,
    data: &Path,
    scale: Scale,
) -> Result<SessionCheck> {
    let (name, value) = server::ACCESS_LOG;
    let logging = Server::start(server::program(programs.server, data).variable(name, value));
    let database = data.join(DATABASE);
    let bare = Program::new(programs.bench).arguments(&["bare", &database.to_string_lossy()]);
    let bare = Server::start(bare);

    let targets = Targets {
        server: Target { server: checked.server, requests: checked.requests },
        logging: Target { server: &logging, requests: &requests(&logging, &population.sessions)? },
        bare: Target { server: &bare, requests: &bare_requests(&bare, population) },
    };
    session_check::measure(&targets, scale)
}
