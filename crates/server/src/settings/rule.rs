//! What settings must satisfy together.

use super::Entries;
use super::choice::{SameSite, Switch};
use super::problem::{Problem, Source};
use super::table::Settings;

/// The rules that the settings break.
pub(super) fn broken(settings: &Settings, entries: &Entries) -> Vec<Problem> {
    let source = |key: &str| entries.get(key).map_or(Source::Default, |entry| entry.source.clone());
    let rules = [
        base_url(settings),
        host_prefix(settings),
        session_cookie(settings),
        csrf_cookie(settings),
    ];
    rules
        .into_iter()
        .flatten()
        .map(|Broken { key, reason }| Problem::new(key, reason, source(key)))
        .collect()
}

struct Broken {
    key: &'static str,
    reason: &'static str,
}

fn unless(holds: bool, key: &'static str, reason: &'static str) -> Option<Broken> {
    (!holds).then_some(Broken { key, reason })
}

fn base_url(settings: &Settings) -> Option<Broken> {
    match &settings.base_url {
        None => unless(
            settings.listen.ip().is_loopback(),
            "base_url",
            "needed when `listen` is not a loopback address: it is what links in mails begin with",
        ),
        Some(url) => unless(
            url.is_https() || url.is_loopback() || settings.insecure_http.is_on(),
            "base_url",
            "must be https, or passwords and sessions can be read on the way; \
             `insecure_http = true` accepts that danger",
        ),
    }
}

fn host_prefix(settings: &Settings) -> Option<Broken> {
    let host_only = settings.session_domain.is_none() && settings.csrf_domain.is_none();
    let whole_host = settings.session_path.0 == "/" && settings.csrf_path.0 == "/";
    let secure = settings.session_secure() && settings.csrf_secure();
    unless(
        !settings.cookies_host_prefix.is_on() || (host_only && whole_host && secure),
        "cookies.host_prefix",
        "browsers take such names only from https, for the path / and without a domain",
    )
}

fn session_cookie(settings: &Settings) -> Option<Broken> {
    let secure = settings.session_secure();
    unless(secure || !settings.is_https(), "session.secure", PLAIN_COOKIE).or_else(|| {
        unless(
            secure || settings.session_same_site != SameSite::None,
            "session.same_site",
            ANY_SITE,
        )
    })
}

fn csrf_cookie(settings: &Settings) -> Option<Broken> {
    let secure = settings.csrf_secure();
    unless(secure || !settings.is_https(), "csrf.secure", PLAIN_COOKIE).or_else(|| {
        unless(secure || settings.csrf_same_site != SameSite::None, "csrf.same_site", ANY_SITE)
    })
}

const PLAIN_COOKIE: &str = "cannot be off when `base_url` is https";
const ANY_SITE: &str = "`none` needs a secure cookie";

impl Settings {
    /// Whether browsers reach the server by https.
    pub(crate) fn is_https(&self) -> bool {
        self.base_url.as_ref().is_some_and(super::value::WebUrl::is_https)
    }

    /// Whether the session cookie is for https only.
    pub(crate) fn session_secure(&self) -> bool {
        self.session_secure.map_or(self.is_https(), Switch::is_on)
    }

    /// Whether the CSRF cookie is for https only.
    pub(crate) fn csrf_secure(&self) -> bool {
        self.csrf_secure.map_or(self.is_https(), Switch::is_on)
    }
}
