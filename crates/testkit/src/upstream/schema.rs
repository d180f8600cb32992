//! The tables.

use super::{Engine, Preset, Upstream};

/// The names of the tables.
pub(super) struct Names {
    pub(super) users: String,
    pub(super) secrets: String,
    pub(super) keys: String,
    pub(super) api_keys: String,
    pub(super) clients: String,
    pub(super) redirect_uris: String,
    pub(super) flows: String,
    pub(super) authorizations: String,
}

impl Upstream {
    /// The quoted names of the tables of users, secrets, keys and API keys.
    pub fn tables(self) -> [String; 4] {
        let Names { users, secrets, keys, api_keys, .. } = self.names();
        [users, secrets, keys, api_keys]
    }

    pub(super) fn names(self) -> Names {
        let name = |python: &str| {
            self.quote(&match self.preset {
                Preset::Python => python.to_owned(),
                Preset::TypeScript => python.to_ascii_lowercase(),
            })
        };
        // The names of these two differ by more than their case.
        let plural = |python, typescript| match self.preset {
            Preset::Python => self.quote(python),
            Preset::TypeScript => self.quote(typescript),
        };
        Names {
            users: plural("User", "users"),
            secrets: name("UserSecrets"),
            keys: plural("Key", "keys"),
            api_keys: name("ApiKey"),
            clients: name("OAuthClient"),
            redirect_uris: name("OAuthClientRedirectUri"),
            flows: name("OAuthClientValidFlow"),
            authorizations: name("OAuthAuthorization"),
        }
    }

    pub(super) fn quote(self, name: &str) -> String {
        match self.engine {
            Engine::Sqlite | Engine::Postgres => format!("\"{name}\""),
            Engine::Mysql => format!("`{name}`"),
        }
    }

    /// The type of times.
    fn time(self) -> &'static str {
        match (self.engine, self.preset) {
            (Engine::Sqlite, _) => "datetime",
            (Engine::Postgres, Preset::Python) => "timestamp",
            (Engine::Postgres, Preset::TypeScript) => "timestamptz",
            (Engine::Mysql, Preset::Python) => "datetime(6)",
            (Engine::Mysql, Preset::TypeScript) => "datetime(3)",
        }
    }

    /// The statements that create the tables, with application columns in that of users: `phone`,
    /// `dummyfield`, `Shoe Size`, `photo` and `born`. In those of TypeScript users have `admin`.
    pub fn schema(self) -> String {
        let Names { users, secrets, keys, api_keys, .. } = self.names();
        let (time, shoe_size) = (self.time(), self.quote("Shoe Size"));
        let (id, blob, text) = match self.engine {
            Engine::Sqlite => ("integer PRIMARY KEY AUTOINCREMENT", "blob", "text"),
            Engine::Postgres => ("serial PRIMARY KEY", "bytea", "text"),
            // As `data` is, where it was too short as text.
            Engine::Mysql => ("integer AUTO_INCREMENT PRIMARY KEY", "blob", "longblob"),
        };
        let admin = match self.preset {
            Preset::Python => "",
            Preset::TypeScript => "admin boolean,",
        };
        let end = self.end();
        format!(
            "CREATE TABLE {users} (
                 id {id}, username varchar(128) UNIQUE, username_normalized varchar(128) UNIQUE,
                 email varchar(128) UNIQUE, email_normalized varchar(128) UNIQUE,
                 phone varchar(32), state varchar(48) NOT NULL DEFAULT 'active',
                 factor1 varchar(32) NOT NULL DEFAULT 'password', factor2 varchar(32) DEFAULT '',
                 dummyfield varchar(32) DEFAULT '', {admin}
                 {shoe_size} integer, photo {blob}, born date
             ){end};
             CREATE TABLE {secrets} (
                 userid integer UNIQUE, password varchar(256) NOT NULL,
                 totpsecret varchar(256) DEFAULT '',
                 FOREIGN KEY (userid) REFERENCES {users} (id)
             ){end};
             CREATE TABLE {keys} (
                 id {id}, value varchar(255) NOT NULL UNIQUE, userid integer NULL,
                 created {time} NOT NULL, expires {time}, lastactive {time}, data {text},
                 FOREIGN KEY (userid) REFERENCES {users} (id)
             ){end};
             CREATE TABLE {api_keys} (
                 id {id}, name varchar(128) NOT NULL, value varchar(255) NOT NULL UNIQUE,
                 userid integer NULL, created {time} NOT NULL, expires {time}, data {text},
                 FOREIGN KEY (userid) REFERENCES {users} (id), UNIQUE (userid, name)
             ){end};
             {}",
            self.oauth_schema(id)
        )
    }

    /// What follows the columns of a table.
    fn end(self) -> &'static str {
        match self.engine {
            Engine::Sqlite | Engine::Postgres => "",
            Engine::Mysql => " DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_general_ci",
        }
    }

    fn oauth_schema(self, id: &str) -> String {
        let Names { users, clients, redirect_uris, flows, authorizations, .. } = self.names();
        let end = self.end();
        format!(
            "CREATE TABLE {clients} (
                 client_id varchar(128) PRIMARY KEY, confidential boolean DEFAULT true,
                 client_name varchar(128) NOT NULL, client_secret varchar(128), userid integer NULL,
                 FOREIGN KEY (userid) REFERENCES {users} (id)
             ){end};
             CREATE TABLE {redirect_uris} (
                 id {id}, client_id varchar(128) NOT NULL, uri varchar(255) NOT NULL,
                 FOREIGN KEY (client_id) REFERENCES {clients} (client_id), UNIQUE (client_id, uri)
             ){end};
             CREATE TABLE {flows} (
                 id {id}, client_id varchar(128) NOT NULL, flow varchar(64) NOT NULL,
                 FOREIGN KEY (client_id) REFERENCES {clients} (client_id), UNIQUE (client_id, flow)
             ){end};
             CREATE TABLE {authorizations} (
                 id {id}, client_id varchar(128) NOT NULL, userid integer NULL, scope varchar(64),
                 FOREIGN KEY (client_id) REFERENCES {clients} (client_id),
                 FOREIGN KEY (userid) REFERENCES {users} (id)
             ){end};"
        )
    }
}
