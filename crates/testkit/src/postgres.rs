//! A PostgreSQL server for tests: a separate process in a temporary directory, reachable through a
//! UNIX socket and, with TLS and a password only, on a free port of the loopback interface.
//!
//! [`server`] starts one for all tests of a process. It ends and its directory is deleted when the
//! process ends, even if it is killed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "a server that does not start panics")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::authority::Authority;
use crate::owner::{as_owner, owner};
use crate::port::free_port;

/// What the shell prints once the server accepts connections, within a minute.
const READY: &str = "ready";

/// Where Debian installs the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Who may connect: everyone through the UNIX socket, with TLS and a password through others.
const ACCESS: &str = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";

/// How often another port is tried, because another process took the free one.
const ATTEMPTS: usize = 5;

/// A running server.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
    authority: Authority,
    schemas: AtomicUsize,
    /// Ends when its standard input is closed, which happens when this process ends.
    _process: Child,
}

/// The server of this process, started on first use.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(&[]))
}

impl Server {
    /// Starts a server of its own with further settings, as `name=value`.
    pub fn start(settings: &[&str]) -> Self {
        let programs = programs();
        let directory = tempfile::Builder::new().prefix("crossauth-postgres-").tempdir().unwrap();
        let owner = owner("postgres");
        if let Some((user, group)) = owner {
            chown(directory.path(), Some(user), Some(group)).unwrap();
        }
        // Removed by the shell that watches the server.
        let directory = directory.keep();
        initialise(&programs, &directory, owner);
        let authority = Authority::new();
        for file in [authority.server_certificate(), authority.server_key()] {
            let copy = directory.join(file.file_name().unwrap());
            fs::copy(file, &copy).unwrap();
            if let Some((user, group)) = owner {
                chown(copy, Some(user), Some(group)).unwrap();
            }
        }
        for _ in 0..ATTEMPTS {
            let port = free_port();
            let mut process = run(&programs, &directory, port, settings, owner);
            let mut printed = String::new();
            BufReader::new(process.stdout.take().unwrap()).read_line(&mut printed).unwrap();
            if printed.trim_end() == READY {
                let schemas = AtomicUsize::new(0);
                return Self { programs, directory, port, authority, schemas, _process: process };
            }
            process.wait().unwrap();
        }
        let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
        panic!("PostgreSQL does not start: {log}");
    }

    /// The port on the addresses 127.0.0.1, for which its certificate is valid, and 127.0.0.2, for
    /// which it is not.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority that has issued its certificate.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The path of the server's UNIX socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.join(format!(".s.PGSQL.{}", self.port))
    }

    /// Creates an empty schema in a shared database and returns its address.
    pub fn empty_schema(&self) -> String {
        let name = format!("test{}", self.schemas.fetch_add(1, Ordering::Relaxed));
        self.execute(&self.address("public"), &format!("CREATE SCHEMA {name}"));
        self.address(&name)
    }

    /// Creates an empty database and returns its name and its address.
    pub fn empty_database(&self) -> (String, String) {
        let name = format!("database{}", self.schemas.fetch_add(1, Ordering::Relaxed));
        self.execute(&self.address("public"), &format!("CREATE DATABASE {name}"));
        let address = self.address_of(&name);
        (name, address)
    }

    /// The address of a database.
    pub fn address_of(&self, database: &str) -> String {
        let (host, port) = (self.directory.display(), self.port);
        format!("host={host} port={port} user=postgres dbname={database}")
    }

    /// What a shell must set to find PostgreSQL's own programs, and they the server.
    pub fn environment(&self) -> String {
        let (programs, host, port) = (self.programs.display(), self.directory.display(), self.port);
        format!(
            "PATH='{programs}':$PATH PGHOST='{host}' PGPORT={port} PGUSER=postgres; \
                 export PATH PGHOST PGPORT PGUSER"
        )
    }

    fn address(&self, schema: &str) -> String {
        let (host, port) = (self.directory.display(), self.port);
        let options = format!("options='-c search_path={schema}'");
        format!("host={host} port={port} user=postgres dbname=postgres {options}")
    }

    /// Runs SQL at an address from [`empty_schema`](Self::empty_schema).
    pub fn execute(&self, address: &str, sql: &str) {
        self.query(address, sql);
    }

    /// Runs a query at an address from [`empty_schema`](Self::empty_schema); returns the values, one row
    /// a line.
    pub fn query(&self, address: &str, sql: &str) -> String {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]);
        command.args(["--tuples-only", "--no-align"]);
        let output = command.args(["--command", sql, address]).output().unwrap();
        assert!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

/// The directory with the programs of the latest installed version.
fn programs() -> PathBuf {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path());
    let latest =
        versions.filter(|path| path.join("bin/initdb").exists()).max_by_key(|path| version(path));
    let Some(latest) = latest else {
        panic!(
            "no PostgreSQL server below {VERSIONS}: install the package `postgresql` \
             (scripts/test does)"
        )
    };
    latest.join("bin")
}

fn initialise(programs: &Path, directory: &Path, owner: Option<(u32, u32)>) {
    let mut command = Command::new(programs.join("initdb"));
    command
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"])
        .args(["--no-sync", "--no-instructions"])
        .arg("--pgdata")
        .arg(directory.join("data"));
    let output = as_owner(&mut command, owner).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    fs::write(directory.join("data/pg_hba.conf"), ACCESS).unwrap();
}

/// Runs the server under a shell that ends it when its input is closed.
fn run(
    programs: &Path,
    directory: &Path,
    port: u16,
    settings: &[&str],
    owner: Option<(u32, u32)>,
) -> Child {
    let script = "directory=$1 port=$2; shift 2
                  \"$0/postgres\" -D \"$directory/data\" -F -k \"$directory\" -p $port \
                  -c listen_addresses=127.0.0.1,127.0.0.2 -c ssl=on \
                  -c ssl_cert_file=\"$directory/server.pem\" -c ssl_key_file=\"$directory/server.key\" \
                  -c max_connections=400 -c deadlock_timeout=50ms -c full_page_writes=off \
                  -c autovacuum=off \"$@\" >\"$directory/log\" 2>&1 </dev/null & server=$!
                  for _ in $(seq 600); do
                      \"$0/pg_isready\" -q -h \"$directory\" -p $port && ready=1 && echo ready && break
                      kill -0 $server || break
                      sleep 0.1
                  done
                  exec >&-
                  while read -r _; do :; done
                  kill -QUIT $server 2>/dev/null; wait $server
                  [ -n \"$ready\" ] && rm -rf \"$directory\"";
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(programs).arg(directory).arg(port.to_string());
    command.args(settings.iter().flat_map(|setting| ["-c", setting]));
    // A separate process group, so that Ctrl-C ends the tests first.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    as_owner(&mut command, owner).current_dir(directory).spawn().unwrap()
}
