//! Databases of upstream: Crossauth for Python and for TypeScript.

/// The secret that signed the cookies.
pub(crate) const SECRET: &str = "ABCDEFGHIJKLMNOPQRSTUVWX";

/// The password of Bob.
pub(crate) const PASSWORD: &str = "bobPass123";

/// The stored value of the session `AAECAwQFBgcICQoLDA0ODw`.
const SESSION: &str = "s:XSYR1aTdK0Cyd9_bXs9bSYGRUNfVxi9O75YMsMJNsgw";

/// Databases of one implementation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upstream {
    /// The name of its schema in the settings.
    pub(crate) tables: &'static str,
    /// Its tables.
    pub(crate) users: &'static str,
    pub(crate) secrets: &'static str,
    pub(crate) keys: &'static str,
    /// The column type of times, the SQLite type of the stored values, and one second in them.
    column: &'static str,
    pub(crate) time: &'static str,
    pub(crate) second: f64,
    /// Times of creation and expiry of the session; it expires in the year 2100.
    created: &'static str,
    expires: &'static str,
    /// Its hash of the password.
    pub(crate) hash: &'static str,
    /// Its signed cookie of the session.
    pub(crate) cookie: &'static str,
}

pub(crate) const PYCROSSAUTH: Upstream = Upstream {
    tables: "pycrossauth",
    users: "User",
    secrets: "UserSecrets",
    keys: "Key",
    column: "timestamp",
    time: "real",
    second: 1.0,
    created: "1700000000.123456",
    expires: "4102444800.5",
    hash: "pbkdf2:sha256:32:1000:0:AAECAwQFBgcICQoLDA0ODw:8Zl18rlVTIlB7-bwk5_aO1mZTGNlzxCqvPzPpeWhwjc=",
    cookie: "AAECAwQFBgcICQoLDA0ODw.cd039c7d808376b2e636c48c39793ded1c4d036663cb56ec987f6b9e39c5c07c",
};

/// Those of Python with times stored as text, which it also reads.
pub(crate) const PYCROSSAUTH_TEXT: Upstream = Upstream {
    created: "'2023-11-14 22:13:20.123456'",
    expires: "'2100-01-01 00:00:00.500000'",
    ..PYCROSSAUTH
};

pub(crate) const CROSSAUTHJS: Upstream = Upstream {
    tables: "crossauthjs",
    users: "users",
    secrets: "usersecrets",
    keys: "keys",
    column: "integer",
    time: "integer",
    second: 1000.0,
    created: "1700000000123",
    expires: "4102444800500",
    hash: "pbkdf2:sha256:32:1000:0:AAECAwQFBgcICQoLDA0ODw:8Zl18rlVTIlB7-bwk5_aO1mZTGNlzxCqvPzPpeWhwjc",
    cookie: "AAECAwQFBgcICQoLDA0ODw.zQOcfYCDdrLmNsSMOXk97RxNA2Zjy1bsmH9rnjnFwHw",
};

pub(crate) const UPSTREAMS: [Upstream; 3] = [PYCROSSAUTH, PYCROSSAUTH_TEXT, CROSSAUTHJS];

/// A further user, with the password of Bob and in the state that it is named after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User<'a> {
    pub(crate) username: &'a str,
    pub(crate) factor2: &'a str,
    /// The secret of the authenticator application.
    pub(crate) totpsecret: &'a str,
}

/// A key of such a user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) owner: &'a str,
    pub(crate) prefix: &'a str,
    /// The hash of its token.
    pub(crate) hash: &'a str,
}

impl Upstream {
    /// Stores a user with the address `<username>@example.com`.
    pub(crate) fn user(&self, user: &User<'_>) -> String {
        let Self { users, secrets, hash, .. } = self;
        let User { username, factor2, totpsecret } = user;
        let email = format!("{username}@example.com");
        format!(
            "INSERT INTO {users} (username, username_normalized, email, email_normalized, state,
                                  factor1, factor2)
                 VALUES ('{username}', '{username}', '{email}', '{email}', '{username}',
                         'localpassword', '{factor2}');
             INSERT INTO {secrets} (userid, password, totpsecret)
                 SELECT id, '{hash}', '{totpsecret}' FROM {users} WHERE username = '{username}';"
        )
    }

    /// Stores a key, which expires in the year 2100.
    pub(crate) fn key(&self, key: &Key<'_>) -> String {
        let Self { users, keys, expires, .. } = self;
        let (created, Key { owner, prefix, hash }) = (self.recently(), key);
        format!(
            "INSERT INTO {keys} (value, userid, created, expires, data)
                 SELECT '{prefix}{hash}', id, {created}, {expires}, '' FROM {users}
                 WHERE username = '{owner}';"
        )
    }

    /// An hour ago, as an SQL expression.
    fn recently(&self) -> String {
        if self.created.starts_with('\'') {
            "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour')".to_owned()
        } else {
            format!("(strftime('%s', 'now') - 3600) * {}", self.second)
        }
    }

    /// A key of Bob with the token `AAECAwQFBgcICQoLDA0ODw`, which expires in the year 2100.
    pub(crate) fn link(&self, prefix: &str, data: &str) -> String {
        let Self { keys, created, expires, .. } = self;
        let value = SESSION.replace("s:", prefix);
        format!(
            "INSERT INTO {keys} (value, userid, created, expires, data)
                 VALUES ('{value}', 7, {created}, {expires}, '{data}');"
        )
    }

    /// Its tables with Bob, his password and his session in them.
    pub(crate) fn database(&self) -> String {
        let Self { users, secrets, keys, column, created, expires, hash, .. } = self;
        format!(
            "CREATE TABLE {users} (
                 id integer PRIMARY KEY AUTOINCREMENT,
                 username varchar(128) NOT NULL UNIQUE, username_normalized varchar(128) UNIQUE,
                 email varchar(128) UNIQUE, email_normalized varchar(128) UNIQUE,
                 phone varchar(32), state varchar(32) NOT NULL DEFAULT 'active',
                 factor1 varchar(32) NOT NULL DEFAULT 'password', factor2 varchar(32) DEFAULT ''
             );
             CREATE TABLE {secrets} (
                 userid integer UNIQUE REFERENCES {users} (id),
                 password varchar(256) NOT NULL, totpsecret varchar(256) DEFAULT ''
             );
             CREATE TABLE {keys} (
                 id integer PRIMARY KEY AUTOINCREMENT, value text NOT NULL UNIQUE,
                 userid integer NULL REFERENCES {users} (id),
                 created {column} NOT NULL, expires {column} NOT NULL, lastactive {column}, data text
             );
             INSERT INTO {users} VALUES
                 (7, 'Bob', 'bob', 'bob@bob.com', 'bob@bob.com', '+43 1 234', 'active',
                  'localpassword', '');
             INSERT INTO {secrets} VALUES (7, '{hash}', '');
             INSERT INTO {keys} (value, userid, created, expires, data)
                 VALUES ('{SESSION}', 7, {created}, {expires}, '{{}}');"
        )
    }
}
