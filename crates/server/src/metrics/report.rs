//! All metrics at one moment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossauth_axum::Crossauth;
use crossauth_core::clock::Timestamp;
use crossauth_core::metric::{DirectoryMetrics, HashingMetrics, MessageMetrics, Metrics};
use crossauth_core::storage::MessageState;
use rustix::fs::statvfs;
use tokio::time::timeout;

use super::exposition::{Exposition, Kind};
use super::{RequestMetrics, log, process};
use crate::serve::{OpenConnections, Readiness};

/// Maximum time of a query for a metric, which is left out afterwards.
const QUERY_LIMIT: Duration = Duration::from_secs(2);

/// What the metrics are read from.
pub(crate) struct Report {
    pub(crate) requests: Arc<RequestMetrics>,
    pub(crate) connections: Arc<OpenConnections>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) crossauth: Crossauth,
    /// The SQLite file; `None` with a database server.
    pub(crate) database: Option<PathBuf>,
    pub(crate) started: Timestamp,
}

impl Report {
    /// Every metric in the text format.
    pub(super) async fn text(&self) -> String {
        let mut text = Exposition::default();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        let help = "The running version.";
        text.family("crossauth_build_info", Kind::Gauge, help).sample(&version, 1);
        let help = "When the process began to serve, in seconds since 1970.";
        text.gauge("process_start_time_seconds", help, self.started.as_secs());
        process::write(&mut text);
        let help =
            "1 if /ready succeeds: the database can be written, and the server is not stopping.";
        text.gauge("crossauth_ready", help, u8::from(self.readiness.is_ready().await));
        self.requests.write(&mut text);
        self.write_connections(&mut text);
        let Metrics { acts, hashing, directory, messages, task_restarts, .. } =
            self.crossauth.auth().metrics();
        write_acts(&mut text, &acts);
        write_hashing(&mut text, &hashing);
        if let Some(directory) = directory {
            write_directory(&mut text, &directory);
        }
        write_messages(&mut text, &messages);
        self.write_outbox(&mut text).await;
        let help = "Restarts of background tasks that panicked.";
        text.counter("crossauth_task_restarts_total", help, task_restarts);
        log::write(&mut text);
        if let Some(path) = &self.database {
            write_files(&mut text, path);
        }
        text.into_text()
    }

    fn write_connections(&self, text: &mut Exposition) {
        let help = "Open connections, by what they wait for.";
        let mut family = text.family("crossauth_http_connections", Kind::Gauge, help);
        for (state, count) in self.connections.count_by_state() {
            family.sample(&[("state", state)], count);
        }
        let help = "Maximum number of open connections.";
        text.gauge("crossauth_http_connections_limit", help, self.connections.capacity());
        let help = "Connections that were accepted.";
        text.counter("crossauth_http_connections_total", help, self.connections.admitted());
    }

    async fn write_outbox(&self, text: &mut Exposition) {
        let outbox = &self.crossauth.auth().outbox;
        let mut counts = Vec::new();
        for (name, state) in [("waiting", MessageState::Waiting), ("dead", MessageState::Dead)] {
            if let Ok(Ok(count)) = timeout(QUERY_LIMIT, outbox.count(state)).await {
                counts.push((name, count));
            }
        }
        let help = "Messages in the outbox: those that wait, and those that were given up.";
        let mut family = text.family("crossauth_outbox_messages", Kind::Gauge, help);
        for (state, count) in counts {
            family.sample(&[("state", state)], count);
        }
    }
}

fn write_acts(text: &mut Exposition, acts: &[(&str, u64)]) {
    let help = "Acts of this process by their names in the audit log; those that then fail, and every \
                refusal by a limit, count too.";
    let mut family = text.family("crossauth_acts_total", Kind::Counter, help);
    for (act, count) in acts {
        family.sample(&[("act", act)], count);
    }
}

fn write_hashing(text: &mut Exposition, hashing: &HashingMetrics) {
    let HashingMetrics { trusted_waiting, public_waiting, queue, done, refused, busy, .. } =
        hashing;
    let help = "Passwords that wait to be hashed, by the lane of their requests.";
    let mut family = text.family("crossauth_password_queue", Kind::Gauge, help);
    family.sample(&[("lane", "trusted")], trusted_waiting);
    family.sample(&[("lane", "public")], public_waiting);
    let help = "Maximum number of passwords that wait in a lane.";
    text.gauge("crossauth_password_queue_limit", help, queue);
    text.counter("crossauth_password_hashes_total", "Passwords that were hashed.", done);
    let help = "Passwords that were refused because their lane was full.";
    text.counter("crossauth_password_refusals_total", help, refused);
    let help = "Time that the threads have spent on hashing passwords.";
    text.counter("crossauth_password_hash_seconds_total", help, busy.as_secs_f64());
}

fn write_directory(text: &mut Exposition, directory: &DirectoryMetrics) {
    let help = "Calls of the directory, by outcome.";
    let mut family = text.family("crossauth_directory_calls_total", Kind::Counter, help);
    family.sample(&[("outcome", "answered")], directory.answered);
    for (outcome, count) in &directory.failures {
        family.sample(&[("outcome", outcome)], count);
    }
}

fn write_messages(text: &mut Exposition, messages: &MessageMetrics) {
    let help = "Attempts of this process to send a message, by outcome.";
    let mut family = text.family("crossauth_message_attempts_total", Kind::Counter, help);
    for (outcome, count) in
        [("sent", messages.sent), ("retried", messages.retried), ("dead", messages.given_up)]
    {
        family.sample(&[("outcome", outcome)], count);
    }
}

fn write_files(text: &mut Exposition, database: &Path) {
    let mut log = database.to_owned().into_os_string();
    log.push("-wal");
    let help = "Size of the database file and of its write-ahead log.";
    let mut family = text.family("crossauth_database_bytes", Kind::Gauge, help);
    for (name, path) in [("database", database), ("log", Path::new(&log))] {
        if let Ok(file) = fs::metadata(path) {
            family.sample(&[("file", name)], file.len());
        }
    }
    if let Ok(disk) = database.parent().map_or(statvfs("."), statvfs) {
        let help = "Free space of the file system of the database.";
        text.gauge("crossauth_database_disk_free_bytes", help, disk.f_bavail * disk.f_frsize);
    }
}
