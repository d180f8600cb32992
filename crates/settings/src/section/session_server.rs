//! The server of sessions and counters, beside the database.

use std::path::PathBuf;

use crossauth_core::secret::Password;

use super::{Tables, section};
use crate::kind::{DatabaseUrl, FilePath, Optional, RedisUrl, Restriction, SecretLine, Text};
use crate::rule::Rules;

/// The server of sessions and counters, beside the database.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionServer {
    /// URL of Redis; sessions and counters are in the database if not set.
    pub url: Option<DatabaseUrl>,
    /// The password, if it is not in the URL.
    pub password: Option<Password>,
    /// The file with the certificates of the trusted authorities; those of the system if not set.
    pub ca_file: Option<PathBuf>,
    /// What all names in Redis begin with.
    pub prefix: String,
}

impl Default for SessionServer {
    fn default() -> Self {
        Self { url: None, password: None, ca_file: None, prefix: "crossauth:".into() }
    }
}

section! { SessionServer {
    /// The URL of Redis or Valkey, which has the sessions and the counters of limits then: `redis://`
    /// or, with TLS, `rediss://`. Several URLs, separated by commas, are nodes of one cluster;
    /// `redis+sentinel://user@host:26379,host/service` names sentinels and their service. If not set, sessions and counters are in the database. Treated as a secret, since it may contain a
    /// password.
    "sessions.url": Optional<RedisUrl> => url;
    /// The password for Redis, if it is not in the URL.
    "sessions.password": Optional<SecretLine> => password;
    /// The file with the certificates, in PEM, of the authorities that are trusted for `rediss://`. If
    /// not set, those of the system.
    "sessions.ca_file": Restriction<Optional<FilePath>> => ca_file;
    /// What all names in Redis begin with, so that several sites can share it.
    "sessions.prefix": Text => prefix;
} }

impl SessionServer {
    pub(crate) fn check(&self, tables: Tables, rules: &mut Rules<'_>) {
        let is_used = self.url.is_some();
        rules.require(
            !is_used || tables == Tables::Crossauth,
            &["sessions.url", "database.tables"],
            "sessions are in the tables of upstream, which cannot end those in Redis: remove \
             `sessions.url`, or set `database.tables` to `crossauth`",
        );
        for (key, is_set) in [
            ("sessions.password", self.password.is_some()),
            ("sessions.ca_file", self.ca_file.is_some()),
        ] {
            rules.require(
                is_used || !is_set,
                &[key, "sessions.url"],
                "not used: `sessions.url` is not set",
            );
        }
    }
}
