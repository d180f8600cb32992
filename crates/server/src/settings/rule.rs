//! What settings must satisfy together.

use crossauth_axum::Transport;
use crossauth_core::password::NewHashes;

use super::Entries;
use super::choice::{SameSite, Switch};
use super::problem::{Problem, Source};
use super::table::Settings;
use crate::wiring::new_hashes;

/// The rules that the settings break.
pub(super) fn broken(settings: &Settings, entries: &Entries) -> Vec<Problem> {
    let source = |key: &str| entries.get(key).map_or(Source::Default, |entry| entry.source.clone());
    RULES
        .iter()
        .filter(|rule| !(rule.holds)(settings))
        .map(|rule| Problem::new(rule.key, rule.reason, source(rule.key)))
        .collect()
}

struct Rule {
    key: &'static str,
    reason: &'static str,
    holds: fn(&Settings) -> bool,
}

const SECURE: &str = "cookies are for https only exactly when `base_url` is https";
const ANY_SITE: &str = "browsers take `none` only from https";

const RULES: [Rule; 12] = [
    Rule {
        key: "base_url",
        reason: "needed when `listen` is not a loopback address: links in mails begin with it",
        holds: |settings| settings.base_url.is_some() || settings.listen.ip().is_loopback(),
    },
    Rule {
        key: "base_url",
        reason: "must be https, or passwords and sessions can be read on the way; \
                 `insecure_http = true` accepts that danger",
        holds: |settings| {
            settings.insecure_http.is_on() || !crosses_a_network_in_the_clear(settings)
        },
    },
    Rule {
        key: "session.secure",
        reason: SECURE,
        holds: |settings| agrees(settings.session_secure, settings.is_https()),
    },
    Rule {
        key: "csrf.secure",
        reason: SECURE,
        holds: |settings| agrees(settings.csrf_secure, settings.is_https()),
    },
    Rule {
        key: "session.same_site",
        reason: ANY_SITE,
        holds: |settings| settings.session_same_site != SameSite::None || settings.is_https(),
    },
    Rule {
        key: "csrf.same_site",
        reason: ANY_SITE,
        holds: |settings| settings.csrf_same_site != SameSite::None || settings.is_https(),
    },
    Rule {
        key: "csrf.cookie_name",
        reason: "must differ from `session.cookie_name`",
        holds: |settings| settings.csrf_cookie_name != settings.session_cookie_name,
    },
    Rule {
        key: "cookies.host_prefix",
        reason: "browsers take such names only from https, for the path / and without a domain",
        holds: |settings| !settings.cookies_host_prefix.is_on() || is_for_one_host(settings),
    },
    Rule {
        key: "password.queue",
        reason: "more than 65536 could not be worked off before those who wait have gone",
        holds: |settings| settings.password_queue.0 <= 65_536,
    },
    Rule {
        key: "limits.body",
        reason: "with less than 1 KiB no form gets through",
        holds: |settings| settings.body_limit.0 >= 1024,
    },
    Rule {
        key: "limits.request_timeout",
        reason: "with less than 100 ms no request gets through",
        holds: |settings| settings.request_timeout.as_millis() >= 100,
    },
    Rule {
        key: "password.hash",
        reason: "its parameters are too small, or would take too long to check",
        holds: |settings| match new_hashes(settings) {
            NewHashes::Argon2id(params) => params.are_sane(),
            NewHashes::Pbkdf2(params) => params.are_sane(),
        },
    },
];

fn crosses_a_network_in_the_clear(settings: &Settings) -> bool {
    settings.base_url.as_ref().is_some_and(|url| url.transport() == Transport::Plain)
}

fn agrees(said: Option<Switch>, is: bool) -> bool {
    said.is_none_or(|said| said.is_on() == is)
}

fn is_for_one_host(settings: &Settings) -> bool {
    settings.is_https()
        && settings.session_domain.is_none()
        && settings.csrf_domain.is_none()
        && settings.session_path.0 == "/"
        && settings.csrf_path.0 == "/"
}
