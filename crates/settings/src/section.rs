//! The sections of [`Settings`](crate::Settings): groups of settings, each of which fills one config
//! struct.

mod api_key;
mod audit;
mod connection;
mod cookie;
mod database;
pub(crate) mod email_verification;
mod factor;
mod ldap;
pub(crate) mod limit;
mod log;
mod mail;
mod metrics;
mod page;
mod password;
pub(crate) mod password_reset;
mod request;
mod server;
mod session;
mod session_server;
mod shutdown;
mod signup;
mod site;
mod sms;

pub use connection::Connections;
pub use cookie::Cookies;
pub use database::{Database, Tables};
pub use factor::SecondFactors;
pub use ldap::{Ldap, LdapLookup, LdapPasswordChange, LdapScope};
pub use log::{Log, LogFormat, LogLevel};
pub use mail::Mail;
pub use metrics::Metrics;
pub use page::PageFiles;
pub use password::{PasswordScheme, Passwords};
pub use server::Server;
pub use session_server::SessionServer;
pub use shutdown::Shutdown;
pub use signup::Signup;
pub use site::Site;
pub use sms::Sms;

use std::time::Duration;

use crossauth_axum::ProtectedEndpoints;
use crossauth_core::email_link::Activation;

use crate::entry::Reader;
pub use crate::kind::DatabaseUrl;
use crate::kind::{EmptyValue, Secrecy};
use crate::nearest::nearest;
use crate::rule::Rules;

/// The declaration of a setting.
#[derive(Debug)]
pub struct Setting {
    /// Its dotted name in the file.
    pub key: &'static str,
    /// An older name in the file, still accepted.
    pub alias: Option<&'static str>,
    /// Description of the accepted format.
    pub expects: &'static str,
    /// Whether the value may be shown.
    pub secrecy: Secrecy,
    /// Its documentation.
    pub doc: &'static str,
    /// Other names in the environment: those of Crossauth for Python and TypeScript.
    pub upstream: &'static [&'static str],
    /// Other names in the environment that do not begin with `CROSSAUTH_`, as upstream has them.
    pub bare: &'static [&'static str],
    pub(crate) empty: EmptyValue,
    pub(crate) default: fn() -> Option<String>,
}

impl Setting {
    /// The default, formatted as in a file; `None` if the setting is absent by default.
    pub fn default(&self) -> Option<String> {
        (self.default)()
    }

    /// Its name in the environment.
    pub fn variable(&self) -> String {
        variable(self.key)
    }

    /// All its names in the environment.
    pub fn variables(&self) -> impl Iterator<Item = String> {
        let upstream = self.upstream.iter().map(|name| format!("CROSSAUTH_{name}"));
        let bare = self.bare.iter().map(|&name| name.to_owned());
        std::iter::once(self.variable()).chain(self.alias.map(variable)).chain(upstream).chain(bare)
    }

    /// Whether `key` is its name or alias in the file.
    pub(crate) fn is_called(&self, key: &str) -> bool {
        self.key == key || self.alias == Some(key)
    }
}

fn variable(key: &str) -> String {
    format!("CROSSAUTH_{}", key.replace('.', "_").to_ascii_uppercase())
}

/// A config struct that settings fill.
pub(crate) trait Section: Default {
    /// The settings, in the order of the reference page.
    const SETTINGS: &'static [Setting];

    /// Writes the values that are set to the struct and reports invalid ones.
    fn read(&mut self, reader: &mut Reader<'_>);
}

/// Declares the settings of a config struct: for each its name, kind, field, documentation, and
/// upstream names.
///
/// ```text
/// section! { SessionConfig {
///     /// Maximum lifetime of a session.
///     "session.max_age": OptionalSpan => max_age, upstream "SESSION_COOKIE_MAX_AGE";
/// } }
/// ```
macro_rules! section {
    ($type:ty { $(
        $(#[doc = $doc:literal])+
        $key:literal: $kind:ty => $($field:ident).+
            $(, alias $alias:literal)? $(, upstream $($upstream:literal)+)?
            $(, bare $bare:literal)?;
    )+ }) => {
        impl $crate::section::Section for $type {
            const SETTINGS: &'static [$crate::section::Setting] = &[ $( $crate::section::Setting {
                key: $key,
                alias: $crate::section::alias!($($alias)?),
                expects: <$kind as $crate::kind::Kind>::EXPECTS,
                secrecy: <$kind as $crate::kind::Kind>::SECRECY,
                empty: <$kind as $crate::kind::Kind>::EMPTY,
                doc: concat!($($doc),+),
                upstream: &[$($($upstream),+)?],
                bare: &[$($bare)?],
                default: || {
                    <$kind as $crate::kind::Kind>::show(&<$type>::default().$($field).+)
                },
            } ),+ ];

            fn read(&mut self, reader: &mut $crate::entry::Reader<'_>) {
                $( reader.read::<$kind>($key, &mut self.$($field).+); )+
            }
        }
    };
}

macro_rules! alias {
    () => {
        None
    };
    ($alias:literal) => {
        Some($alias)
    };
}

pub(crate) use {alias, section};

/// The names of a list that are not names of endpoints, each with the one that was meant; empty if
/// all are.
pub(crate) fn unknown_names<'a, K: Iterator<Item: Into<String>>>(
    listed: impl Iterator<Item = &'a String>,
    prefix: &str,
    known: impl Fn() -> K,
) -> String {
    let unknown = listed.filter_map(|given| {
        let name = ProtectedEndpoints::name(given, prefix);
        if known().any(|known| known.into() == name) {
            return None;
        }
        Some(match nearest(name, known().map(Into::into)) {
            Some(meant) => format!("`{name}` (did you mean `{meant}`?)"),
            None => format!("`{name}`"),
        })
    });
    let unknown: Vec<_> = unknown.collect();
    if unknown.is_empty() {
        return String::new();
    }
    format!("no such endpoint: {}", unknown.join(", "))
}

/// The rules of a feature that mails links: without mail it cannot be on.
pub(crate) fn check_links(
    (activation, enabled): (Activation, &'static str),
    (lifetime, expires): (Duration, &'static str),
    can_send: bool,
    rules: &mut Rules<'_>,
) {
    rules.require(
        activation != Activation::On || can_send,
        &[enabled, "mail.smtp_host"],
        "needs mail, which cannot be sent: set `mail.smtp_host`",
    );
    rules.require(!lifetime.is_zero(), &[expires], "links would never be valid: set a longer time");
}
