//! Location and schema of the server's database.

use std::path::PathBuf;
use std::time::Duration;

use crossauth_core::secret::Password;

use super::section;
use crate::kind::{
    Choice, Count, DatabaseUrl, FilePath, Flag, List, Optional, Restriction, SecretLine, ServerUrl,
    Span, Text, words,
};
use crate::rule::Rules;

/// Location and schema of the database.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Database {
    /// URL of the database on a server of PostgreSQL, MySQL or MariaDB; a SQLite file if not set.
    pub url: Option<DatabaseUrl>,
    /// The password, if it is not in the URL.
    pub password: Option<Password>,
    /// A file with the certificates of the authorities that may issue that of the server.
    pub ca_file: Option<PathBuf>,
    /// Maximum number of connections to that server.
    pub connections: usize,
    /// How long a request waits for one of them.
    pub acquire_timeout: Duration,
    /// How long it waits for the result of a statement.
    pub statement_timeout: Duration,
    /// The SQLite file; in the data directory if not set.
    pub path: Option<PathBuf>,
    /// Its schema.
    pub tables: Tables,
    /// The time zone of times that are stored as text without one.
    pub time_zone: Option<String>,
    /// The table of users, if upstream was configured with another name.
    pub user_table: Option<String>,
    /// The table of secrets, as above.
    pub secrets_table: Option<String>,
    /// The table of keys, as above.
    pub key_table: Option<String>,
    /// The table of API keys, as above.
    pub api_key_table: Option<String>,
    /// The tables whose columns are further fields of users.
    pub joined_tables: Vec<String>,
    /// The column of ids in the table of users, as above.
    pub id_column: Option<String>,
    /// The column of ids of users in the other tables, as above.
    pub userid_column: Option<String>,
    /// Whether a number is looked up as text where ids are text, and the other way round.
    pub force_id_to_number: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            password: None,
            ca_file: None,
            connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
            path: None,
            tables: Tables::default(),
            time_zone: None,
            user_table: None,
            secrets_table: None,
            key_table: None,
            api_key_table: None,
            joined_tables: Vec::new(),
            id_column: None,
            userid_column: None,
            force_id_to_number: true,
        }
    }
}

/// The schema of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tables {
    /// Our schema.
    #[default]
    Crossauth,
    /// The schema of Crossauth for Python.
    PyCrossauth,
    /// The schema of Crossauth for TypeScript.
    CrossauthJs,
}

words! { Tables, "`crossauth`, `pycrossauth` or `crossauthjs`" {
    "crossauth" = Tables::Crossauth;
    "pycrossauth" = Tables::PyCrossauth;
    "crossauthjs" = Tables::CrossauthJs;
} }

section! { Database {
    /// The URL of a database of PostgreSQL, MySQL or MariaDB. A server on another machine is reached
    /// with TLS. If not set, a SQLite file is used. Treated as a secret, since it may contain a
    /// password.
    "database.url": Optional<ServerUrl> => url;
    /// The password for the database server, if it is not in the URL.
    "database.password": Optional<SecretLine> => password;
    /// A file of PEM certificates: the authorities that may issue the certificate of the database
    /// server of `database.url`. If not set, those that the operating system trusts.
    "database.ca_file": Restriction<Optional<FilePath>> => ca_file;
    /// Maximum number of connections of this process to the database server. All processes together
    /// must stay below the limit of the server (`max_connections`).
    "database.connections": Count<usize> => connections;
    /// How long a request waits until a connection to the database server is free or open. Then it
    /// fails with the status 503.
    "database.acquire_timeout": Span => acquire_timeout;
    /// How long a request waits for the result of a statement of the database server; of one that
    /// may wait for locks, twice as long. Then it fails with the status 503, and the server ends the
    /// statement. Does not apply to migrations.
    "database.statement_timeout": Span => statement_timeout;
    /// The SQLite database file. If not set, `crossauth.db` in the data directory.
    "database.path": Optional<FilePath> => path;
    /// The schema of the database: our own, or that of Crossauth for Python or TypeScript.
    "database.tables": Choice<Tables> => tables;
    /// The time zone of times that upstream stored as text without one: that of the machine on
    /// which Crossauth for Python ran, such as `Europe/Vienna` or `+01:00`. If not set, UTC, with a
    /// warning if such text is found.
    "database.time_zone": Optional<Text> => time_zone;
    /// The table of users, where upstream was configured with another name than its default. For
    /// databases of upstream only.
    "database.user_table": Optional<Text> => user_table, upstream "USER_TABLE";
    /// The table of secrets, as above.
    "database.secrets_table": Optional<Text> => secrets_table, upstream "USER_SECRETS_TABLE";
    /// The table of keys, as above.
    "database.key_table": Optional<Text> => key_table, upstream "KEY_STORAGE_TABLE";
    /// The table of API keys, as above. Where it is missing, they are in the table of keys.
    "database.api_key_table": Optional<Text> => api_key_table;
    /// Tables whose columns are further fields of users, with the user's id in the column of
    /// `database.userid_column`. For databases of upstream only.
    "database.joined_tables": List => joined_tables, upstream "USER_TABLE_JOINS";
    /// The column of the id in the table of users, as above; that of user names, if they are the ids
    /// and never change.
    "database.id_column": Optional<Text> => id_column, upstream "USER_ID_COLUMN";
    /// The column of the user's id in the other tables, as above.
    "database.userid_column": Optional<Text> => userid_column, upstream "USER_ID_FOREIGN_KEY_COLUMN";
    /// Whether an id of a user that is given as text is looked up as a number, if ids are numbers,
    /// and a number as text, if ids are text.
    "database.force_id_to_number": Flag => force_id_to_number, upstream "USER_FORCE_ID_TO_NUMBER";
} }

impl Database {
    pub(crate) fn check(&self, rules: &mut Rules<'_>) {
        rules.require(
            self.url.is_none() || self.path.is_none(),
            &["database.path", "database.url"],
            "there are two databases: remove `database.path` or `database.url`",
        );
        rules.require(
            self.password.is_none() || self.url.is_some(),
            &["database.password", "database.url"],
            "not used: `database.url` is not set",
        );
        rules.require(
            self.ca_file.is_none() || self.url.is_some(),
            &["database.ca_file", "database.url"],
            "only a database server is reached with TLS: set `database.url`, or remove this",
        );
        for (key, time) in [
            ("database.acquire_timeout", self.acquire_timeout),
            ("database.statement_timeout", self.statement_timeout),
        ] {
            rules.require(!time.is_zero(), &[key], "must be longer than 0");
        }
        for (key, name) in [
            ("database.user_table", &self.user_table),
            ("database.secrets_table", &self.secrets_table),
            ("database.key_table", &self.key_table),
            ("database.api_key_table", &self.api_key_table),
            ("database.joined_tables", &self.joined_tables.first().cloned()),
            ("database.id_column", &self.id_column),
            ("database.userid_column", &self.userid_column),
        ] {
            let is_external = self.tables != Tables::Crossauth;
            let reason = "our own tables have fixed names: set `database.tables`, or remove this";
            rules.require(name.is_none() || is_external, &[key, "database.tables"], reason);
        }
    }
}
