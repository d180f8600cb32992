//! Several processes over PostgreSQL and Redis, behind nginx.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use crossauth_core::key::Key;
use crossauth_storage_redis::Options;
use crossauth_testkit::redis;
use serde::Serialize;

use crate::engine::Engine;
use crate::load;
use crate::measure::engine_check::{self, Programs};
use crate::population::{Population, Session};
use crate::progress::say;
use crate::request::requests_at;
use crate::scale::Scale;
use crate::server::Server;
use crate::statistic::Rounds;

/// How many processes there are.
const PROCESSES: usize = 3;

/// How long nginx may take to start.
const START_TIME: Duration = Duration::from_secs(10);

/// Session checks a second.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Processes {
    /// Of three processes behind nginx.
    pub(crate) three: Rounds,
    /// Of one of them, also behind nginx.
    pub(crate) one: Rounds,
    /// Of one of them, without nginx.
    pub(crate) direct: Rounds,
}

/// Loads them alternately. Each session is checked by each process.
pub(crate) fn measure(
    engine: &Engine,
    population: &Population,
    programs: &Programs<'_>,
    scale: Scale,
) -> Result<Processes> {
    let sessions = &population.sessions;
    move_to_redis(engine, sessions)?;
    let servers: Vec<_> = (0..PROCESSES)
        .map(|number| {
            let data = programs.scratch.join(format!("process{number}"));
            let program = engine_check::program(programs.server, &data, &engine.address);
            Server::start(program.variable("CROSSAUTH_SESSIONS_URL", &redis::server().url()))
        })
        .collect();
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let three = Proxy::start(programs.scratch, "three", &addresses)?;
    let one = Proxy::start(programs.scratch, "one", &addresses[..1])?;

    let mut measured = Processes::default();
    let targets = [three.address, one.address, addresses[0]];
    let requests = targets.map(|address| requests_at(address, sessions));
    let [a, b, c] = requests;
    let requests = [a?, b?, c?];
    for (address, requests) in targets.iter().zip(&requests) {
        load::saturate(*address, requests, Duration::from_secs(1))?;
    }
    for round in 0..scale.engine_rounds {
        let sides = [&mut measured.three, &mut measured.one, &mut measured.direct];
        let mut turns: Vec<_> = targets.iter().zip(&requests).zip(sides).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for ((address, requests), side) in turns {
            side.push(load::saturate(*address, requests, scale.engine_time())?.per_second());
        }
    }
    for server in servers {
        server.stop();
    }
    say!("three processes behind nginx: {:.2} of one", measured.ratio());
    Ok(measured)
}

/// Stores sessions of SQL in Redis, too.
fn move_to_redis(engine: &Engine, sessions: &[Session]) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let sql = engine.open(1).await?;
        let both = Options::default().open(&redis::server().url()).await?.in_front_of(sql.clone());
        for session in sessions {
            if let Some(found) = sql.keys.find(&session.stored).await? {
                both.keys.insert(&Key { epoch: None, ..found }).await?;
            }
        }
        Ok(())
    })
}

impl Processes {
    /// The throughput of three relative to that of one.
    pub(crate) fn ratio(&self) -> f64 {
        self.three.median() / self.one.median()
    }
}

/// An nginx in front of servers; killed when dropped.
struct Proxy {
    process: Child,
    address: SocketAddr,
}

impl Proxy {
    fn start(scratch: &Path, name: &str, servers: &[SocketAddr]) -> Result<Self> {
        let folder = scratch.join(format!("nginx-{name}"));
        fs::create_dir_all(&folder)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let servers =
            servers.iter().map(|it| format!("server {it}; ")).collect::<Vec<_>>().concat();
        let path = |kind: &&str| format!("{kind}_temp_path {}/{kind}; ", folder.display());
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths = kinds.iter().map(path).collect::<Vec<_>>().concat();
        let config = format!(
            "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error;
             events {{ worker_connections 512; }}
             http {{ access_log off; keepalive_requests 100000000; {paths}
                 upstream crossauth {{ {servers} keepalive 64; keepalive_requests 100000000; }}
                 server {{ listen {address}; location / {{
                     proxy_pass http://crossauth; proxy_http_version 1.1;
                     proxy_set_header Connection \"\"; proxy_set_header Host $http_host; }} }} }}",
            folder = folder.display()
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config)?;
        let places = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx"];
        let program = places.into_iter().find(|it| Path::new(it).exists()).unwrap_or("nginx");
        let mut command = Command::new(program);
        command.arg("-p").arg(&folder).arg("-c").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let proxy = Self { process: command.spawn()?, address };
        let end = Instant::now() + START_TIME;
        while TcpStream::connect(address).is_err() {
            ensure!(Instant::now() < end, "nginx does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(proxy)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Fails if it has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
