//! Every setting, once. From this table come the typed [`Settings`], the names in the file and in
//! the environment, `config show` and the reference page.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crossauth_axum::BaseUrl;

use super::Reader;
use super::choice::{
    DatabaseTables, LogFormat, LogLevel, PasswordHash, Pbkdf2Digest, SameSite, Switch,
};
use super::value::{ByteSize, Count, LocalPath, Secrecy, Secret, Token, Value};

/// What is known about a setting apart from its value.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its dotted name in the file.
    pub(crate) key: &'static str,
    /// What may stand there.
    pub(crate) expects: &'static str,
    /// What holds when nothing is said; empty for nothing.
    pub(crate) default: &'static str,
    /// Whether the value may be shown.
    pub(crate) secrecy: Secrecy,
    /// What it is for.
    pub(crate) doc: &'static str,
    /// Further names in the environment, as Crossauth for Python and TypeScript spell them.
    pub(crate) upstream: &'static [&'static str],
}

impl Setting {
    /// The setting with this dotted name.
    pub(crate) fn find(key: &str) -> Option<&'static Self> {
        TABLE.iter().find(|setting| setting.key == key)
    }

    /// Its name in the environment.
    pub(crate) fn variable(&self) -> String {
        format!("CROSSAUTH_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// All its names in the environment.
    pub(crate) fn variables(&self) -> impl Iterator<Item = String> {
        let upstream = self.upstream.iter().map(|name| format!("CROSSAUTH_{name}"));
        std::iter::once(self.variable()).chain(upstream)
    }
}

macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $key:literal $field:ident: $type:ty = $default:literal $(, upstream $($upstream:literal)+)?;
    )+) => {
        /// The values in effect, each checked on its own and against the others.
        #[derive(Debug, Clone)]
        pub(crate) struct Settings {
            $( $(#[doc = $doc])+ pub(crate) $field: $type, )+
        }

        /// Every setting, in the order of the reference page.
        pub(crate) const TABLE: &[Setting] = &[
            $( Setting {
                key: $key,
                expects: <$type as Value>::EXPECTS,
                default: $default,
                secrecy: <$type as Value>::SECRECY,
                doc: concat!($($doc),+),
                upstream: &[$($($upstream),+)?],
            } ),+
        ];

        impl Settings {
            /// Reads each setting, so that every problem is reported; `None` if there was one.
            pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
                $( let $field = reader.read::<$type>($key); )+
                Some(Self { $( $field: $field?, )+ })
            }
        }
    };
}

settings! {
    /// The address to listen on; port 0 takes any free one.
    "listen" listen: SocketAddr = "127.0.0.1:3000";
    /// The address under which browsers reach the server; links in mails begin with it. Without it,
    /// the address listened on, which must then be a loopback address.
    "base_url" base_url: Option<BaseUrl> = "", upstream "SITE_URL";
    /// Danger: allows a `base_url` with plain http on a host other than this machine. Passwords and
    /// sessions can be read by anyone on the way.
    "insecure_http" insecure_http: Switch = "false";
    /// The directory for the database and the generated secret.
    "data" data: PathBuf = "crossauth-data";
    /// Development: changed templates are read again, and nothing waits at shutdown.
    "dev" dev: Switch = "false";
    /// What cookies and tokens are signed with, at least 16 bytes. Without it, one is generated
    /// into the data directory at the first start.
    "secret" secret: Option<Secret> = "";

    /// The SQLite database. Without it, `crossauth.db` in the data directory.
    "database.path" database_path: Option<PathBuf> = "";
    /// Whose tables the database has: our own, or those of Crossauth for Python or TypeScript.
    "database.tables" database_tables: DatabaseTables = "crossauth";

    /// What the pages call the site.
    "site_name" site_name: String = "Crossauth";
    /// The path under which all pages and endpoints live.
    "prefix" prefix: LocalPath = "/";
    /// Where a login without a destination leads; to `prefix` if not given.
    "login_redirect" login_redirect: Option<LocalPath> = "";
    /// Where a logout without a destination leads; to `prefix` if not given.
    "logout_redirect" logout_redirect: Option<LocalPath> = "";
    /// A directory whose templates replace those built in, name by name.
    "templates" templates: Option<PathBuf> = "", upstream "TEMPLATE_DIR" "VIEWS";

    /// Whether people may create accounts for themselves.
    "signup.enabled" signup_enabled: Switch = "true";
    /// The fields of their own account that users may set.
    "signup.editable_fields" editable_fields: Vec<String> = "", upstream "USER_EDITABLE_FIELDS";

    /// The name of the session cookie.
    "session.cookie_name" session_cookie_name: Token = "SESSIONID";
    /// How long a session lives at most; 0 for no end.
    "session.max_age" session_max_age: Duration = "30d", upstream "SESSION_COOKIE_MAX_AGE" "SESSION_COOKIE_maxAge";
    /// How long a session lives without being used; 0 for no limit.
    "session.idle_timeout" session_idle_timeout: Duration = "0";
    /// Whether a session outlives the browser that holds it.
    "session.persist" session_persist: Switch = "true", upstream "PERSIST_SESSION_ID";
    /// The domain of the session cookie; without it, the host alone.
    "session.domain" session_domain: Option<Token> = "", upstream "SESSION_COOKIE_DOMAIN";
    /// The path of the session cookie.
    "session.path" session_path: LocalPath = "/", upstream "SESSION_COOKIE_PATH";
    /// Whether the session cookie goes with requests from other sites.
    "session.same_site" session_same_site: SameSite = "lax", upstream "SESSION_COOKIE_SAMESITE";
    /// Whether the session cookie is for https only: it is exactly when `base_url` is https, and
    /// this can only say the same.
    "session.secure" session_secure: Option<Switch> = "", upstream "SESSION_COOKIE_SECURE";
    /// Whether scripts in the page are kept from the session cookie.
    "session.http_only" session_http_only: Switch = "true", upstream "SESSION_COOKIE_HTTPONLY" "SESSIONCOOKIE_HTTPONLY";

    /// The name of the CSRF cookie.
    "csrf.cookie_name" csrf_cookie_name: Token = "CSRFTOKEN";
    /// The request header that carries the CSRF token.
    "csrf.header_name" csrf_header_name: Token = "X-CROSSAUTH-CSRF";
    /// The domain of the CSRF cookie; without it, the host alone.
    "csrf.domain" csrf_domain: Option<Token> = "", upstream "CSRF_COOKIE_DOMAIN";
    /// The path of the CSRF cookie.
    "csrf.path" csrf_path: LocalPath = "/", upstream "CSRF_COOKIE_PATH";
    /// Whether the CSRF cookie goes with requests from other sites.
    "csrf.same_site" csrf_same_site: SameSite = "lax", upstream "CSRF_COOKIE_SAMESITE";
    /// Whether the CSRF cookie is for https only: it is exactly when `base_url` is https, and this
    /// can only say the same.
    "csrf.secure" csrf_secure: Option<Switch> = "", upstream "CSRF_COOKIE_SECURE";
    /// Whether scripts in the page are kept from the CSRF cookie.
    "csrf.http_only" csrf_http_only: Switch = "true", upstream "CSRF_COOKIE_HTTPONLY";
    /// Whether cookie names begin with `__Host-`, which ties them to this very host.
    "cookies.host_prefix" cookies_host_prefix: Switch = "false";

    /// How new passwords are hashed; both kinds are understood. `pbkdf2` where Crossauth for Python
    /// or TypeScript shares the database.
    "password.hash" password_hash: PasswordHash = "argon2id";
    /// Memory of one Argon2id hash.
    "password.argon2_memory" argon2_memory: ByteSize = "19MiB";
    /// Passes of one Argon2id hash.
    "password.argon2_iterations" argon2_iterations: Count = "2";
    /// Digest of PBKDF2.
    "password.pbkdf2_digest" pbkdf2_digest: Pbkdf2Digest = "sha256";
    /// Iterations of PBKDF2.
    "password.pbkdf2_iterations" pbkdf2_iterations: Count = "600000";
    /// Length of a PBKDF2 hash in bytes.
    "password.pbkdf2_key_length" pbkdf2_key_length: Count = "32", upstream "PASSWORD_PBKDF2_KEYLENGTH";
    /// A secret mixed into PBKDF2 hashes, at least 16 bytes. Whoever loses it loses the passwords
    /// hashed with it.
    "password.pepper" pepper: Option<Secret> = "", upstream "HASHER_SECRET";
    /// Threads that hash passwords. Without it, as many as there are processors.
    "password.threads" password_threads: Option<Count> = "";
    /// Passwords that may wait for a thread; the next one is turned away with 503.
    "password.queue" password_queue: Count = "64";

    /// The largest request body.
    "limits.body" body_limit: ByteSize = "64KiB";
    /// Connections held open at once; more wait to be accepted.
    "limits.connections" connection_limit: Count = "10000";
    /// How long a client may take to send the head of a request, and to stay silent between two.
    "limits.header_timeout" header_timeout: Duration = "15s";
    /// How long a request may take, from its head to its answer.
    "limits.request_timeout" request_timeout: Duration = "30s";

    /// How long the requests under way may take to finish at shutdown.
    "shutdown.grace" shutdown_grace: Duration = "20s";
    /// How long to go on accepting after `/ready` says 503, so that balancers notice. Without it,
    /// 5s, but nothing on a loopback address or in development.
    "shutdown.drain_delay" drain_delay: Option<Duration> = "";

    /// The least important events to log.
    "log.level" log_level: LogLevel = "info";
    /// The form of the log on standard error.
    "log.format" log_format: LogFormat = "text";
    /// Whether every request is logged.
    "log.access" log_access: Switch = "false";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_belongs_to_two_settings() {
        let mut seen = BTreeSet::new();
        for setting in TABLE {
            let names: BTreeSet<String> = setting.variables().collect();
            for name in names {
                assert!(seen.insert(name.clone()), "{name} of {}", setting.key);
            }
        }
    }
}
