//! The statements that insert the rows.

use std::fmt::Write as _;

use super::key::Form;
use super::schema::Names;
use super::{ACCOUNTS, Account, Engine, KEYS, Key, Moment, Password, Preset, Upstream};

impl Upstream {
    /// The statements that insert [`ACCOUNTS`], [`KEYS`], an OAuth client of `carol`, and the scopes
    /// that Bob has authorized.
    pub fn rows(self) -> String {
        let mut sql = String::new();
        for account in &ACCOUNTS {
            sql.push_str(&self.account(account));
        }
        for key in &KEYS {
            sql.push_str(&self.key(key));
        }
        sql.push_str(&self.clients());
        sql.push_str(&self.sequence());
        sql
    }

    fn account(self, account: &Account) -> String {
        let Names { users, secrets, .. } = self.names();
        let Account { id, username, normalized, email, state, factor2, totpsecret, phone, .. } =
            account;
        let email_normalized = email.filter(|_| normalized.is_some()).map(str::to_lowercase);
        let email_normalized = self.text(email_normalized.as_deref());
        let (factor1, photo) = if *id == 7 {
            ("localpassword", self.bytes("ff00fe"))
        } else {
            ("password", "NULL".to_owned())
        };
        let (admin, is_admin) = match self.preset {
            Preset::Python => ("", ""),
            Preset::TypeScript if *id == 9 => (", admin", ", TRUE"),
            Preset::TypeScript => (", admin", ", NULL"),
        };
        let mut sql = format!(
            "INSERT INTO {users} (id, username, username_normalized, email, email_normalized, state,
                     factor1, factor2, phone, {shoe_size}, photo, born{admin})
                 VALUES ({id}, {}, {}, {}, {email_normalized}, '{state}', '{factor1}', {}, {}, 43,
                     {photo}, '2001-02-03'{is_admin});\n",
            self.text(Some(username)),
            self.text(*normalized),
            self.text(*email),
            self.text(*factor2),
            self.text(*phone),
            shoe_size = self.quote("Shoe Size"),
        );
        let hash = self.text(Some(self.preset.password_hash()));
        let hash = match account.password {
            Password::NoRow => return sql,
            Password::Disabled => self.text(Some("pbkdf2:sha256:32:600000:0:DISABLED:DISABLED")),
            Password::AsBytes if self.engine == Engine::Sqlite => format!("CAST({hash} AS blob)"),
            Password::AsBytes | Password::Known => hash,
        };
        let totpsecret = self.text(*totpsecret);
        // Writing to a String does not fail.
        let _ = writeln!(
            sql,
            "INSERT INTO {secrets} (userid, password, totpsecret) VALUES ({id}, {hash}, {totpsecret});"
        );
        sql
    }

    /// The statement that inserts a key.
    fn key(self, key: &Key) -> String {
        let Names { keys, api_keys, .. } = self.names();
        let Key { owner, prefix, hash, created, expires, data, name, forms } = key;
        let owner = owner.map_or("NULL".to_owned(), |id| id.to_string());
        let created = self.moment(*created, forms[0]);
        let expires = expires.map_or("NULL".to_owned(), |at| self.moment(at, forms[1]));
        let data = self.text(*data);
        match name {
            None => format!(
                "INSERT INTO {keys} (value, userid, created, expires, data)
                     VALUES ('{prefix}{hash}', {owner}, {created}, {expires}, {data});\n"
            ),
            Some(name) => format!(
                "INSERT INTO {api_keys} (name, value, userid, created, expires, data)
                     VALUES ('{name}', '{prefix}{hash}', {owner}, {created}, {expires}, {data});\n"
            ),
        }
    }

    /// A time as an SQL literal.
    fn moment(self, moment: Moment, form: Form) -> String {
        let (utc, local) = (moment.utc(), moment.local(self.preset));
        let (seconds, millis) = (moment.millis() / 1000, moment.millis() % 1000);
        match (self.engine, form, self.preset) {
            (Engine::Postgres, _, Preset::TypeScript) => format!("'{utc}+00'"),
            (Engine::Postgres | Engine::Mysql, _, _) | (Engine::Sqlite, Form::Text, _) => {
                format!("'{local}'")
            }
            (Engine::Sqlite, Form::Usual, Preset::Python) => format!("{seconds}.{millis:03}"),
            (Engine::Sqlite, Form::Digits, Preset::Python) => format!("'{seconds}.{millis:03}'"),
            (Engine::Sqlite, Form::Usual, Preset::TypeScript) => moment.millis().to_string(),
            (Engine::Sqlite, Form::Digits, Preset::TypeScript) => format!("'{}'", moment.millis()),
            (Engine::Sqlite, Form::Iso, Preset::Python) => format!("'{}'", local.replace(' ', "T")),
            (Engine::Sqlite, Form::Iso, Preset::TypeScript) => {
                format!("'{}Z'", utc.replace(' ', "T"))
            }
            (Engine::Sqlite, Form::Offset, _) => format!("'{utc} +00:00'"),
        }
    }

    fn clients(self) -> String {
        let Names { clients, redirect_uris, flows, authorizations, .. } = self.names();
        format!(
            "INSERT INTO {clients} VALUES ('client1', TRUE, 'A Client', NULL, 9);
             INSERT INTO {redirect_uris} (client_id, uri) VALUES ('client1', 'https://a.example/cb');
             INSERT INTO {flows} (client_id, flow) VALUES ('client1', 'authorizationCode');
             INSERT INTO {authorizations} (client_id, userid, scope)
                 VALUES ('client1', 7, 'read'), ('client1', 7, NULL);\n"
        )
    }

    /// Continues the numbers of ids after those that were given.
    fn sequence(self) -> String {
        let users = self.names().users;
        match self.engine {
            Engine::Sqlite | Engine::Mysql => String::new(),
            Engine::Postgres => {
                format!("SELECT setval(pg_get_serial_sequence('{users}', 'id'), 40);\n")
            }
        }
    }

    /// The statements that insert rows which cannot be decoded, or whose owner is gone.
    pub fn odd_rows(self) -> String {
        let Names { users, secrets, keys, .. } = self.names();
        let created = self.moment(Moment::Winter, Form::Usual);
        let odd = match self.engine {
            Engine::Sqlite => format!(
                "PRAGMA foreign_keys = OFF;
                 INSERT INTO {users} (id, username, username_normalized) VALUES (22, x'ff', 'odd2');
                 INSERT INTO {keys} (value, userid, created, expires) VALUES
                     ('s:odd1', 7, 'yesterday', NULL), ('s:odd2', 8, x'00', NULL),
                     ('s:odd3', 7, {created}, '0000-00-00 00:00:00'), ('s:odd4', 999, {created}, NULL),
                     ('s:odd6', 22, {created}, NULL);\n"
            ),
            // The last one is later than the calendar of this program.
            Engine::Postgres => format!(
                "INSERT INTO {keys} (value, userid, created, expires) VALUES
                     ('s:infinity', 7, {created}, 'infinity'), ('s:odd3', 7, '290000-01-01', NULL);\n"
            ),
            Engine::Mysql => format!(
                "SET sql_mode = '', foreign_key_checks = 0;
                 INSERT INTO {keys} (value, userid, created, expires) VALUES
                     ('s:odd1', 7, '0000-00-00 00:00:00', NULL),
                     ('s:odd2', 8, {created}, '0000-00-00 00:00:00'),
                     ('s:odd3', 7, '2023-00-14 00:00:00', NULL), ('s:odd4', 999, {created}, NULL);\n"
            ),
        };
        format!(
            "INSERT INTO {users} (id, username, username_normalized) VALUES (21, NULL, 'odd1');
             INSERT INTO {secrets} (userid, password) VALUES (21, '{}');
             INSERT INTO {keys} (value, userid, created) VALUES ('s:odd5', 21, {created});
             {odd}",
            self.preset.password_hash()
        )
    }

    /// The ids of the users in [`odd_rows`](Self::odd_rows), none of which can be decoded.
    pub fn odd_users(self) -> &'static [i64] {
        match self.engine {
            Engine::Sqlite => &[21, 22],
            Engine::Postgres | Engine::Mysql => &[21],
        }
    }

    /// The stored values of the keys in [`odd_rows`](Self::odd_rows) that cannot be decoded. Every
    /// value of the type of times that TypeScript uses on PostgreSQL is a time.
    pub fn odd_keys(self) -> &'static [&'static str] {
        match (self.engine, self.preset) {
            (Engine::Sqlite | Engine::Mysql, _) => &["s:odd1", "s:odd2", "s:odd3"],
            (Engine::Postgres, Preset::Python) => &["s:odd3"],
            (Engine::Postgres, Preset::TypeScript) => &[],
        }
    }

    /// Bytes as an SQL literal, from hexadecimal digits.
    fn bytes(self, hex: &str) -> String {
        match self.engine {
            Engine::Sqlite | Engine::Mysql => format!("x'{hex}'"),
            Engine::Postgres => format!("'\\x{hex}'"),
        }
    }

    /// Text as an SQL literal.
    fn text(self, text: Option<&str>) -> String {
        let quoted = |text: &str| match self.engine {
            Engine::Sqlite | Engine::Postgres => text.replace('\'', "''"),
            Engine::Mysql => text.replace('\\', "\\\\").replace('\'', "''"),
        };
        text.map_or("NULL".to_owned(), |text| format!("'{}'", quoted(text)))
    }
}
