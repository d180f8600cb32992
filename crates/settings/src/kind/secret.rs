//! Secrets: never shown.

use std::fmt;

use crossauth_core::password::FirebaseParams;
use crossauth_core::password::pbkdf2::Pepper;
use crossauth_core::secret::ServerSecret;

use zeroize::Zeroizing;

use super::{Kind, Raw, Reason, Secrecy};

/// The secret that signs cookies.
pub(crate) struct SecretText;

impl Kind for SecretText {
    type Value = ServerSecret;
    const EXPECTS: &'static str = "at least 16 bytes that are hard to guess";
    const SECRECY: Secrecy = Secrecy::Secret;

    fn parse(raw: &Raw) -> Result<ServerSecret, Reason> {
        ServerSecret::new(raw.text()?).map_err(|_| Reason::expected(Self::EXPECTS))
    }

    fn show(_: &ServerSecret) -> Option<String> {
        None
    }
}

/// The pepper of password hashes.
pub(crate) struct PepperText;

impl Kind for PepperText {
    type Value = Pepper;
    const EXPECTS: &'static str = SecretText::EXPECTS;
    const SECRECY: Secrecy = Secrecy::Secret;

    fn parse(raw: &Raw) -> Result<Pepper, Reason> {
        let text = raw.text()?;
        if text.len() < ServerSecret::MIN_LEN {
            return Err(Reason::expected(Self::EXPECTS));
        }
        Ok(Pepper::new(text))
    }

    fn show(_: &Pepper) -> Option<String> {
        None
    }
}

/// The signer key of a Firebase project.
pub(crate) struct FirebaseKey;

impl Kind for FirebaseKey {
    type Value = FirebaseParams;
    const EXPECTS: &'static str = "the base64 of 16 to 64 bytes, as in the Firebase console";
    const SECRECY: Secrecy = Secrecy::Secret;

    fn parse(raw: &Raw) -> Result<FirebaseParams, Reason> {
        FirebaseParams::new(raw.text()?.trim()).map_err(|_| Reason::expected(Self::EXPECTS))
    }

    fn show(_: &FirebaseParams) -> Option<String> {
        None
    }
}

/// The URL of a database server, which may contain a password. `Debug` is redacted.
#[derive(Clone)]
pub struct DatabaseUrl(Zeroizing<String>);

impl DatabaseUrl {
    /// The URL in plaintext.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is that of MySQL or MariaDB; of PostgreSQL otherwise.
    pub fn is_mysql(&self) -> bool {
        self.0.starts_with(MYSQL)
    }
}

/// How URLs of MySQL and MariaDB begin.
const MYSQL: &str = "mysql://";

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

/// The URL of a database on a server.
pub(crate) struct ServerUrl;

impl Kind for ServerUrl {
    type Value = DatabaseUrl;
    const EXPECTS: &'static str = "a URL such as `postgres://user@localhost/app` or \
        `mysql://user@localhost/app`, or `host=… user=… dbname=…`";
    const SECRECY: Secrecy = Secrecy::Secret;

    fn parse(raw: &Raw) -> Result<DatabaseUrl, Reason> {
        let text = raw.text()?.trim();
        let url = ["postgres://", "postgresql://", MYSQL].iter().any(|it| text.starts_with(it));
        let pairs = !text.contains("://") && text.contains("host=");
        if url || pairs {
            Ok(DatabaseUrl(Zeroizing::new(text.to_owned())))
        } else {
            Err(Reason::expected(Self::EXPECTS))
        }
    }

    fn show(_: &DatabaseUrl) -> Option<String> {
        None
    }
}

/// The URL of Redis, or the URLs of nodes of a cluster.
pub(crate) struct RedisUrl;

impl Kind for RedisUrl {
    type Value = DatabaseUrl;
    const EXPECTS: &'static str = "a URL such as `redis://localhost:6379` or \
        `rediss://user@redis.example:6380`, or several, separated by commas";
    const SECRECY: Secrecy = Secrecy::Secret;

    fn parse(raw: &Raw) -> Result<DatabaseUrl, Reason> {
        let text = raw.text()?.trim();
        let is_url = |node: &str| {
            ["redis://", "rediss://", "redis+unix://"].iter().any(|it| node.starts_with(it))
        };
        let names_sentinels =
            text.starts_with("redis+sentinel://") || text.starts_with("rediss+sentinel://");
        if names_sentinels || text.split(',').all(|node| is_url(node.trim())) {
            Ok(DatabaseUrl(Zeroizing::new(text.to_owned())))
        } else {
            Err(Reason::expected(Self::EXPECTS))
        }
    }

    fn show(_: &DatabaseUrl) -> Option<String> {
        None
    }
}
