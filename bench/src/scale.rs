//! The sizes of a measurement.

use std::time::Duration;

use serde::Serialize;

/// Numbers and durations of the rounds of a run.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Scale {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// Users in the database, each with a session.
    pub(crate) accounts: usize,
    /// Starts to time, each on a new and on an existing data directory.
    pub(crate) starts: usize,
    /// Pairs of rounds of session checks.
    pub(crate) session_rounds: usize,
    /// Length of a round of session checks, in seconds.
    pub(crate) session_secs: u64,
    /// Pairs of rounds of logins.
    pub(crate) login_rounds: usize,
    /// Length of a round of logins, in seconds.
    pub(crate) login_secs: u64,
    /// Pairs of rounds of latencies.
    pub(crate) latency_rounds: usize,
    /// Length of a round of latencies, in seconds.
    pub(crate) latency_secs: u64,
    /// Rounds of requests for a password reset, for each mail server and kind of address.
    pub(crate) reset_rounds: usize,
    /// Length of such a round, in seconds.
    pub(crate) reset_secs: u64,
    /// Users in the list that administrators read.
    pub(crate) listed_users: usize,
    /// Rounds of reading pages of that list.
    pub(crate) list_rounds: usize,
    /// Keys in PostgreSQL, after those of a small database.
    pub(crate) postgres_keys: usize,
    /// The same in MariaDB.
    pub(crate) mariadb_keys: usize,
    /// Rounds of session checks on each of these, small and large.
    pub(crate) engine_rounds: usize,
    /// Length of such a round, in seconds.
    pub(crate) engine_secs: u64,
}

impl Scale {
    /// For published numbers.
    pub(crate) const FULL: Self = Self {
        name: "full",
        accounts: 10_000,
        starts: 10,
        session_rounds: 15,
        session_secs: 3,
        login_rounds: 5,
        login_secs: 5,
        latency_rounds: 5,
        latency_secs: 10,
        reset_rounds: 5,
        reset_secs: 5,
        listed_users: 1_000_000,
        list_rounds: 15,
        postgres_keys: 10_000_000,
        mariadb_keys: 10_000_000,
        engine_rounds: 7,
        engine_secs: 2,
    };

    /// For a rough comparison.
    pub(crate) const QUICK: Self = Self {
        name: "quick",
        accounts: 10_000,
        starts: 3,
        session_rounds: 5,
        session_secs: 1,
        login_rounds: 2,
        login_secs: 2,
        latency_rounds: 2,
        latency_secs: 3,
        reset_rounds: 2,
        reset_secs: 1,
        listed_users: 1_000_000,
        list_rounds: 5,
        postgres_keys: 100_000,
        mariadb_keys: 100_000,
        engine_rounds: 3,
        engine_secs: 1,
    };

    /// With this many keys in each database server.
    pub(crate) const fn with_keys(self, keys: usize) -> Self {
        Self { postgres_keys: keys, mariadb_keys: keys, ..self }
    }

    /// Length of a round of session checks on a database server.
    pub(crate) const fn engine_time(self) -> Duration {
        Duration::from_secs(self.engine_secs)
    }

    /// Length of a round of session checks.
    pub(crate) const fn session_time(self) -> Duration {
        Duration::from_secs(self.session_secs)
    }

    /// Length of a round of logins.
    pub(crate) const fn login_time(self) -> Duration {
        Duration::from_secs(self.login_secs)
    }

    /// Length of a round of latencies.
    pub(crate) const fn latency_time(self) -> Duration {
        Duration::from_secs(self.latency_secs)
    }

    /// Length of a round of requests for a password reset.
    pub(crate) const fn reset_time(self) -> Duration {
        Duration::from_secs(self.reset_secs)
    }
}
