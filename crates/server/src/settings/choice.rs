//! Settings that are one of a few words.

use super::value::{Raw, Reason, Value};

macro_rules! choice {
    ($(#[doc = $doc:literal])+ $name:ident, $expects:literal {
        $( $(#[doc = $variant_doc:literal])+ $variant:ident = $($word:literal)|+; )+
    }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name {
            $( $(#[doc = $variant_doc])+ $variant, )+
        }

        impl Value for $name {
            const EXPECTS: &'static str = $expects;

            fn parse(raw: &Raw) -> Result<Self, Reason> {
                match raw.text()?.to_ascii_lowercase().as_str() {
                    $( $($word)|+ => Ok(Self::$variant), )+
                    _ => Err(Reason::expected(Self::EXPECTS)),
                }
            }
        }
    };
}

choice! {
    /// Something that is on or off.
    Switch, "`true` or `false`" {
        /// It happens.
        On = "true" | "1";
        /// It does not.
        Off = "false" | "0";
    }
}

impl Switch {
    /// Whether it is on.
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}

choice! {
    /// Whose tables the database has.
    DatabaseTables, "`crossauth`, `pycrossauth` or `crossauthjs`" {
        /// Our own.
        Crossauth = "crossauth";
        /// Those of Crossauth for Python.
        PyCrossauth = "pycrossauth";
        /// Those of Crossauth for TypeScript.
        CrossauthJs = "crossauthjs";
    }
}

choice! {
    /// Whether a cookie goes with requests from other sites.
    SameSite, "`strict`, `lax` or `none`" {
        /// Never.
        Strict = "strict";
        /// When a link is followed.
        Lax = "lax";
        /// Always.
        None = "none";
    }
}

choice! {
    /// How new passwords are hashed.
    PasswordHash, "`argon2id` or `pbkdf2`" {
        /// Argon2id, a PHC string.
        Argon2id = "argon2id";
        /// PBKDF2, a Crossauth string.
        Pbkdf2 = "pbkdf2";
    }
}

choice! {
    /// The digest under PBKDF2.
    Pbkdf2Digest, "`sha1`, `sha256`, `sha384` or `sha512`" {
        /// SHA-1, for old databases.
        Sha1 = "sha1";
        /// SHA-256.
        Sha256 = "sha256";
        /// SHA-384.
        Sha384 = "sha384";
        /// SHA-512.
        Sha512 = "sha512";
    }
}

choice! {
    /// The least important events to log.
    LogLevel, "`none`, `error`, `warn`, `info`, `debug` or `trace`" {
        /// Nothing.
        None = "none";
        /// What failed.
        Error = "error";
        /// What may fail soon.
        Warn = "warn";
        /// What happened.
        Info = "info";
        /// What led to it.
        Debug = "debug";
        /// Everything.
        Trace = "trace";
    }
}

choice! {
    /// The form of the log.
    LogFormat, "`text` or `json`" {
        /// Lines for people.
        Text = "text";
        /// One JSON object a line.
        Json = "json";
    }
}
