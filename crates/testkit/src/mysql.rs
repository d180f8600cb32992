//! A MariaDB server for tests: a separate process in a temporary directory, reachable through a UNIX
//! socket and, with or without TLS, on a free port of the loopback interface.
//!
//! [`server`] starts one for all tests of a process. It ends and its directory is deleted when the
//! process ends, even if it is killed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

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

/// Starts the server (`$0` is its directory, `$1` its port), and ends it when the standard input is
/// closed. Its settings are not those that Crossauth needs, so that tests find whatever depends on
/// them.
const SCRIPT: &str = "
    PATH=$PATH:/usr/sbin
    mariadbd --no-defaults --datadir=\"$0/data\" --socket=\"$0/socket\" --port=\"$1\" \
        --bind-address=127.0.0.1,127.0.0.2 --ssl-cert=\"$0/server.pem\" --ssl-key=\"$0/server.key\" \
        --pid-file=\"$0/pid\" --skip-log-bin --skip-name-resolve --max-connections=600 \
        --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --innodb-doublewrite=0 \
        --innodb-buffer-pool-size=64M --innodb-log-file-size=32M --skip-performance-schema \
        --sql-mode=ANSI_QUOTES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES \
        --default-time-zone=-03:30 --character-set-server=latin1 \
        --collation-server=latin1_german2_ci --default-storage-engine=MyISAM --autocommit=0 \
        --transaction-isolation=SERIALIZABLE --lock-wait-timeout=600 \
        --innodb-lock-wait-timeout=600 >\"$0/log\" 2>&1 </dev/null & server=$!
    for _ in $(seq 600); do
        mariadb-admin --no-defaults --socket=\"$0/socket\" --user=root --silent ping \
            >/dev/null 2>&1 && echo ready && break
        kill -0 $server || break
        sleep 0.1
    done
    exec >&-
    while read -r _; do :; done
    kill -KILL $server; wait $server; rm -rf \"$0\"";

/// What the client that runs the SQL of tests sets instead.
const SESSION: &str = "SET autocommit = 1, sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00', \
                       default_storage_engine = InnoDB, lock_wait_timeout = 60";

/// A running server.
#[derive(Debug)]
pub struct Server {
    directory: PathBuf,
    port: u16,
    authority: Authority,
    databases: AtomicUsize,
    /// Ends when its standard input is closed, which happens when this process ends.
    _process: Child,
}

/// The server of this process, started on first use.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("crossauth-mysql-").tempdir().unwrap();
        let owner = owner("mysql");
        if let Some((user, group)) = owner {
            chown(directory.path(), Some(user), Some(group)).unwrap();
        }
        // Removed by the shell that watches the server.
        let directory = directory.keep();
        initialise(&directory, owner);
        let authority = Authority::new();
        for file in [authority.server_certificate(), authority.server_key()] {
            let copy = directory.join(file.file_name().unwrap());
            fs::copy(file, &copy).unwrap();
            if let Some((user, group)) = owner {
                chown(copy, Some(user), Some(group)).unwrap();
            }
        }
        let port = free_port();
        let mut process = run(&directory, port, owner);
        let mut printed = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut printed).unwrap();
        if printed.trim_end() != READY {
            let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
            panic!("MariaDB does not start: {log}");
        }
        Self { directory, port, authority, databases: AtomicUsize::new(0), _process: process }
    }

    /// Creates an empty database and returns its URL.
    pub fn empty_database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run_sql("mysql", &format!("CREATE DATABASE {name}"));
        self.url("root", &name)
    }

    /// The URL for a user of the server.
    pub fn url(&self, user: &str, database: &str) -> String {
        let socket = self.socket().display().to_string().replace('/', "%2F");
        format!("mysql://{user}@localhost/{database}?socket={socket}")
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
        self.directory.join("socket")
    }

    /// What a shell must run so that `mariadb` and `mariadb-dump` use the server.
    pub fn environment(&self) -> String {
        let options = format!("--no-defaults --user=root --socket='{}'", self.socket().display());
        format!(
            "mariadb() {{ command mariadb {options} --init-command='SET autocommit = 1' \"$@\"; }}\n\
             mariadb_dump() {{ command mariadb-dump {options} \"$@\"; }}\n\
             alias mariadb-dump=mariadb_dump"
        )
    }

    /// Runs SQL in the database of a URL from [`empty_database`](Self::empty_database), as the
    /// server's administrator.
    pub fn execute(&self, url: &str, sql: &str) {
        self.run_sql(database(url), sql);
    }

    /// Runs SQL as [`execute`](Self::execute) does, and returns the rows that it prints, one a line.
    pub fn query(&self, url: &str, sql: &str) -> String {
        self.run_sql(database(url), sql).trim_end().to_owned()
    }

    fn run_sql(&self, database: &str, sql: &str) -> String {
        let mut command = Command::new("mariadb");
        command.args(["--no-defaults", "--user=root", "--default-character-set=utf8mb4"]);
        command.arg(format!("--socket={}", self.socket().display()));
        command.arg(format!("--init-command={SESSION}"));
        command.args(["--batch", "--skip-column-names", "--execute", sql, database]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "mariadb: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The database of a URL.
fn database(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}

fn initialise(directory: &Path, owner: Option<(u32, u32)>) {
    let mut command = Command::new("mariadb-install-db");
    command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    command.arg("--innodb-flush-method=nosync");
    command.arg(format!("--datadir={}", directory.join("data").display()));
    let output = as_owner(&mut command, owner).current_dir(directory).output();
    let output = output.unwrap_or_else(|error| {
        panic!("install the package `mariadb-server` (scripts/test does): {error}")
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs the server under a shell that ends it when its input is closed.
fn run(directory: &Path, port: u16, owner: Option<(u32, u32)>) -> Child {
    let mut command = Command::new("sh");
    command.arg("-c").arg(SCRIPT).arg(directory).arg(port.to_string());
    // A separate process group, so that Ctrl-C ends the tests first.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    as_owner(&mut command, owner).current_dir(directory).spawn().unwrap()
}
