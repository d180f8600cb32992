//! Session checks on database servers, small and large, compared with a bare query through the same
//! driver; logins there; and pages of a million users.
//!
//! The checks run in this process: cookie, signature, digest, query, epoch, state and expiry. As many
//! tasks check as have a connection each for the bare query.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use crossauth_core::crypto::{Signer, stored_value};
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::secret::ServerSecret;
use crossauth_core::storage::Storage;
use crossauth_core::{Auth, AuthConfig, Sources};
use crossauth_storage_redis::Options;
use crossauth_testkit::redis;
use crossauth_testkit::server::Program;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::bare_query::Bare;
use crate::engine::{Engine, Product, Size, has_active_user, is_program, session_id};
use crate::measure::login::{self, LoginRate};
use crate::measure::processes::{self, Processes};
use crate::measure::user_list::{self, UserList};
use crate::population::Population;
use crate::progress::say;
use crate::scale::Scale;
use crate::server::Server;
use crate::statistic::{Rounds, number};

/// Keys of the small database.
const SMALL: usize = 10_000;
/// Tasks that check at the same time, and connections.
const TASKS: usize = 8;
/// Sessions that are checked, spread over all.
const CHECKED: usize = 10_000;
/// Users who log in.
const LOGINS: usize = 2_000;
/// What the names of sessions in Redis begin with.
const PREFIX: &str = "crossauth:";
/// The secret of the servers and of the checks in this process.
pub(crate) const SECRET: &str = "bench-bench-bench-bench-bench-32";

/// The checks on one database of one size.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    /// Keys in SQL.
    pub(crate) keys: usize,
    /// Checks a second.
    pub(crate) ours: Rounds,
    /// Bare queries a second.
    pub(crate) bare: Rounds,
    /// The same queries over sqlx, if it could be built.
    pub(crate) sqlx: Rounds,
}

/// All about one product.
#[derive(Debug, Serialize)]
pub(crate) struct EngineChecks {
    /// Its name.
    pub(crate) name: &'static str,
    /// With ten thousand keys.
    pub(crate) small: Check,
    /// With many more.
    pub(crate) large: Check,
    /// With sessions in Redis besides.
    pub(crate) redis: Option<Check>,
    /// Pages of its users.
    pub(crate) user_list: UserList,
    /// Logins.
    pub(crate) login: LoginRate,
    /// Several processes over it and Redis.
    pub(crate) processes: Option<Processes>,
}

/// The programs to run.
pub(crate) struct Programs<'a> {
    /// The server.
    pub(crate) server: &'a Path,
    /// The counterpart over sqlx, if it could be built.
    pub(crate) sqlx: Option<PathBuf>,
    /// A directory for temporary files.
    pub(crate) scratch: &'a Path,
}

impl Check {
    fn new(keys: usize) -> Self {
        let rounds = Rounds::default;
        Self { keys, ours: rounds(), bare: rounds(), sqlx: rounds() }
    }

    /// Checks relative to bare queries.
    pub(crate) fn ratio(&self) -> f64 {
        self.ours.median() / self.bare.median()
    }
}

impl EngineChecks {
    /// Checks in the large database relative to those in the small one.
    pub(crate) fn growth_ratio(&self) -> f64 {
        self.large.ours.median() / self.small.ours.median()
    }

    /// The same of the bare query.
    pub(crate) fn bare_growth_ratio(&self) -> f64 {
        self.large.bare.median() / self.small.bare.median()
    }
}

/// Builds the counterpart over sqlx. Its dependencies may have to be downloaded.
pub(crate) fn build_sqlx(scratch: &Path) -> Option<PathBuf> {
    say!("building the counterpart over sqlx");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("sqlx/Cargo.toml");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/sqlx");
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--locked", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .status();
    let program = scratch.join("sqlx");
    let copied = built.is_ok_and(|status| status.success())
        && std::fs::copy(target.join("release/crossauth-bench-sqlx"), &program).is_ok();
    if !copied {
        say!("it does not build, and is left out");
    }
    copied.then_some(program)
}

/// Measures on one product, in a new database.
pub(crate) fn measure(
    product: Product,
    keys: usize,
    programs: &Programs<'_>,
    scale: Scale,
) -> Result<EngineChecks> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let engine = Engine::start(product);
    let storage = runtime.block_on(engine.open(TASKS))?;
    let signer = Signer::new(&ServerSecret::new(SECRET)?);
    let population = runtime.block_on(Population::insert(&storage, &signer, LOGINS))?;
    let side = Side { runtime: &runtime, engine: &engine, signer: &signer, programs, scale };

    engine.grow(Size::EMPTY, Size::of(SMALL));
    let small = side.check(&storage, SMALL, None)?;
    let login = side.logins(&population)?;
    engine.grow(Size::of(SMALL), Size::of(keys));
    let large = side.check(&storage, keys, None)?;
    let has_redis = product == Product::Postgres && is_program("redis-server");
    let redis = has_redis.then(|| side.check_with_redis(&storage, keys)).transpose()?;
    let processes = if has_redis && is_program("nginx") {
        Some(processes::measure(&engine, &population, programs, scale)?)
    } else {
        None
    };
    let users = Size::of(keys).users;
    let user_list = runtime.block_on(user_list::read(&storage, users, scale.list_rounds))?;
    say!("last page of users on {}: {:.2} of the first", product.name(), user_list.ratio());
    Ok(EngineChecks { name: product.name(), small, large, redis, user_list, login, processes })
}

/// What all checks on a product share.
struct Side<'a> {
    runtime: &'a Runtime,
    engine: &'a Engine,
    signer: &'a Signer,
    programs: &'a Programs<'a>,
    scale: Scale,
}

/// The sessions to check.
struct Samples {
    cookies: Vec<String>,
    values: Vec<String>,
}

impl Side<'_> {
    fn check(&self, storage: &Storage, keys: usize, redis: Option<&str>) -> Result<Check> {
        let samples = Arc::new(samples(keys, self.signer));
        let file = self.programs.scratch.join("values");
        std::fs::write(&file, samples.values.join("\n"))?;
        let auth = auth(storage)?;
        let mut bare = self.runtime.block_on(self.bare(redis))?;
        let mut check = Check::new(keys);
        let time = self.scale.engine_time();
        // Reads what the rounds read, and prepares the statements.
        self.runtime.block_on(ours(&auth, &samples, time))?;
        bare = self.runtime.block_on(queries(bare, &samples, time))?.1;
        for round in 0..self.scale.engine_rounds {
            for is_ours in [round % 2 == 0, round % 2 == 1] {
                if is_ours {
                    check.ours.push(self.runtime.block_on(ours(&auth, &samples, time))?);
                } else {
                    let (rate, tasks) = self.runtime.block_on(queries(bare, &samples, time))?;
                    check.bare.push(rate);
                    bare = tasks;
                }
            }
            if let (Some(program), None) = (&self.programs.sqlx, redis) {
                check.sqlx.push(sqlx(program, &self.engine.url(), &file, time)?);
            }
        }
        let beside = if redis.is_some() { " and Redis" } else { "" };
        let name = self.engine.product.name();
        say!(
            "session check on {name}{beside}, {keys} keys: {:.2} of the bare query",
            check.ratio()
        );
        Ok(check)
    }

    async fn bare(&self, redis: Option<&str>) -> Result<Vec<Bare>> {
        let redis = match redis {
            Some(url) => {
                let client = ::redis::Client::open(url)?;
                Some(client.get_multiplexed_async_connection().await?)
            }
            None => None,
        };
        let mut bare = Vec::new();
        for _ in 0..TASKS {
            bare.push(match &redis {
                Some(redis) => Bare::connect_to_redis(self.engine, redis.clone()).await?,
                None => Bare::connect(self.engine).await?,
            });
        }
        Ok(bare)
    }

    /// With the checked sessions in Redis, whose users are those of the generated ones in SQL.
    fn check_with_redis(&self, storage: &Storage, keys: usize) -> Result<Check> {
        let url = redis::server().url();
        let samples = samples(keys, self.signer);
        let both = self.runtime.block_on(async {
            let options = Options { prefix: PREFIX.into(), ..Options::default() };
            let both = options.open(&url).await?.in_front_of(storage.clone());
            for value in &samples.values {
                let found = storage.keys.find(value).await?.context("no such session")?;
                both.keys.insert(&Key { epoch: None, ..found }).await?;
            }
            anyhow::Ok(both)
        })?;
        self.check(&both, keys, Some(&url))
    }

    fn logins(&self, population: &Population) -> Result<LoginRate> {
        let data = self.programs.scratch.join(self.engine.product.name());
        let server = Server::start(program(self.programs.server, &data, &self.engine.address));
        let rate = login::measure(&server, population, self.scale)?;
        server.stop();
        Ok(rate)
    }
}

/// The server on this database.
pub(crate) fn program(binary: &Path, data: &Path, address: &str) -> Program {
    Program::new(binary)
        .arguments(&["--data", &data.to_string_lossy()])
        .variable("CROSSAUTH_DATABASE_URL", address)
        .variable("CROSSAUTH_SECRET", SECRET)
}

fn auth(storage: &Storage) -> Result<Arc<Auth>> {
    let config = AuthConfig::new(ServerSecret::new(SECRET)?);
    Ok(Arc::new(Auth::new(config, storage, &Sources::default())?))
}

/// Sessions that are spread over all.
fn samples(keys: usize, signer: &Signer) -> Samples {
    // A step that has no factor in common with the number visits all.
    let numbers = (0..CHECKED.min(keys)).map(|number| number * 999_983 % keys);
    let ids = numbers.filter(|number| has_active_user(*number)).map(session_id);
    let (mut cookies, mut values) = (Vec::new(), Vec::new());
    for id in ids {
        cookies.push(signer.sign_token(&id));
        values.push(stored_value(KeyPrefix::Session, &id).as_str().to_owned());
    }
    Samples { cookies, values }
}

/// Session checks a second.
async fn ours(auth: &Arc<Auth>, samples: &Arc<Samples>, time: Duration) -> Result<f64> {
    let start = Instant::now();
    let tasks = (0..TASKS).map(|task| {
        let (auth, samples) = (Arc::clone(auth), Arc::clone(samples));
        tokio::spawn(async move {
            let mut count = 0;
            for cookie in samples.cookies.iter().cycle().skip(task * 997) {
                if start.elapsed() >= time {
                    break;
                }
                let session = auth.sessions.find(auth.sessions.read_id(cookie)?).await?;
                ensure!(session.user.is_some(), "a session without user");
                count += 1;
            }
            Ok(count)
        })
    });
    let mut count = 0;
    for task in tasks.collect::<Vec<_>>() {
        count += task.await??;
    }
    Ok(number(count) / start.elapsed().as_secs_f64())
}

/// Bare queries a second.
async fn queries(
    bare: Vec<Bare>,
    samples: &Arc<Samples>,
    time: Duration,
) -> Result<(f64, Vec<Bare>)> {
    let start = Instant::now();
    let tasks = bare.into_iter().enumerate().map(|(task, mut bare)| {
        let samples = Arc::clone(samples);
        tokio::spawn(async move {
            let mut count = 0;
            for value in samples.values.iter().cycle().skip(task * 997) {
                if start.elapsed() >= time {
                    break;
                }
                bare.find(PREFIX, value).await?;
                count += 1;
            }
            anyhow::Ok((count, bare))
        })
    });
    let (mut sum, mut left) = (0, Vec::new());
    for task in tasks.collect::<Vec<_>>() {
        let (count, bare) = task.await??;
        sum += count;
        left.push(bare);
    }
    Ok((number(sum) / start.elapsed().as_secs_f64(), left))
}

/// Queries over sqlx a second.
fn sqlx(program: &Path, url: &str, values: &Path, time: Duration) -> Result<f64> {
    let mut command = Command::new(program);
    command.arg(url).arg(values).arg(time.as_millis().to_string()).arg(TASKS.to_string());
    let output = command.output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the counterpart over sqlx fails: {error}");
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills a database twice, and checks all of its sessions in both ways.
    fn generated_sessions_are_accepted(product: Product) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let engine = Engine::start(product);
        let storage = runtime.block_on(engine.open(2)).unwrap();
        let signer = Signer::new(&ServerSecret::new(SECRET).unwrap());
        engine.grow(Size::EMPTY, Size::of(20));
        engine.grow(Size::of(20), Size::of(50));
        let (samples, auth) = (samples(50, &signer), auth(&storage).unwrap());
        runtime.block_on(async {
            let mut bare = Bare::connect(&engine).await.unwrap();
            for (cookie, value) in samples.cookies.iter().zip(&samples.values) {
                let id = auth.sessions.read_id(cookie).unwrap();
                auth.sessions.find(id).await.unwrap();
                bare.find(PREFIX, value).await.unwrap();
            }
        });
        assert_eq!(samples.values.len(), 49);
        assert!(Check::new(1).ratio().is_nan());
    }

    #[test]
    fn generated_sessions_in_postgresql_are_accepted() {
        generated_sessions_are_accepted(Product::Postgres);
    }

    #[test]
    fn generated_sessions_in_mariadb_are_accepted() {
        generated_sessions_are_accepted(Product::Mariadb);
    }

    #[test]
    fn all_sessions_are_sampled() {
        let signer = Signer::new(&ServerSecret::new(SECRET).unwrap());
        let values: std::collections::HashSet<_> =
            samples(10_000, &signer).values.into_iter().collect();
        assert_eq!(values.len(), CHECKED - 1);
    }
}
