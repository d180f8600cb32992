//! The variables of the pages about API keys.

use crossauth_core::api_key::ApiKey;
use crossauth_core::user::User;
use serde::Serialize;

use super::DAY;
use crate::form::Echo;
use crate::page::{Audience, Page, Template, template};
use crate::request::RequestInfo;
use crate::routes::home::day;

/// The lifetimes that the form offers, in days.
const LIFETIMES: [u64; 4] = [7, 30, 90, 365];

/// A key on a page, with days in UTC.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKeyEntry {
    id: String,
    name: String,
    scope: Vec<String>,
    created: Option<String>,
    expires: Option<String>,
    last_used: Option<String>,
}

/// Variables of `apikeys.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKeysPage {
    api_keys: Vec<ApiKeyEntry>,
    /// The token of a new key, which is shown once.
    token: Option<String>,
    /// The scheme of the header in which programs send it.
    scheme: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// Variables of `createapikey.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateApiKeyPage {
    name: Option<String>,
    scopes: Vec<ScopeChoice>,
    lifetimes: Vec<Lifetime>,
    /// Whether the password must be typed, because the login is not fresh.
    password_needed: bool,
}

/// A scope that the user can give.
#[derive(Serialize)]
pub(crate) struct ScopeChoice {
    name: String,
    chosen: bool,
}

/// A lifetime on the form, in seconds; empty for ever.
#[derive(Serialize)]
pub(crate) struct Lifetime {
    value: String,
    label: String,
    chosen: bool,
}

/// Variables of `deleteapikey.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteApiKeyPage {
    pub(super) api_key: ApiKeyEntry,
}

impl From<ApiKey> for ApiKeyEntry {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            scope: key.scope,
            created: day(key.created),
            expires: key.expires.and_then(day),
            last_used: key.last_used.and_then(day),
        }
    }
}

impl ApiKeyEntry {
    pub(crate) fn sample() -> Self {
        Self {
            id: "key-id".into(),
            name: "Nightly backup".into(),
            scope: vec!["read".into(), "write".into()],
            created: Some("1 March 2026".into()),
            expires: Some("1 March 2027".into()),
            last_used: Some("2 March 2026".into()),
        }
    }
}

impl ApiKeysPage {
    pub(super) fn new(info: &RequestInfo, keys: Vec<ApiKey>, token: Option<String>) -> Self {
        Self {
            api_keys: keys.into_iter().map(ApiKeyEntry::from).collect(),
            message: if token.is_some() {
                Some("The key was created")
            } else {
                info.query("done").filter(|done| done == "deleted").map(|_| "The key was deleted")
            },
            token,
            scheme: info.crossauth.auth().api_keys.config().scheme.clone(),
        }
    }
}

impl CreateApiKeyPage {
    pub(super) fn new(info: &RequestInfo, echo: Option<&Echo>) -> Self {
        let has_factor = info.user().is_some_and(|user| user.factor2.is_some());
        let profile = &info.crossauth.auth().profile;
        let is_stale = info.session().is_some_and(|session| profile.needs_password(session));
        Self {
            name: echo.and_then(|echo| echo.owned("name")),
            scopes: info.user().map(|user| ScopeChoice::all(info, user, echo)).unwrap_or_default(),
            lifetimes: Lifetime::all(info, echo),
            password_needed: is_stale && !has_factor,
        }
    }
}

impl ScopeChoice {
    /// The scopes that a user can give.
    pub(crate) fn all(info: &RequestInfo, user: &User, echo: Option<&Echo>) -> Vec<Self> {
        let texts = echo.map(|echo| echo.texts("scope")).unwrap_or_default();
        let chosen: Vec<_> = texts.into_iter().flat_map(str::split_ascii_whitespace).collect();
        let choice = |name: String| {
            let chosen = chosen.contains(&name.as_str());
            Self { name, chosen }
        };
        info.crossauth.auth().api_keys.scopes_of(user).into_iter().map(choice).collect()
    }

    pub(crate) fn samples() -> Vec<Self> {
        let scope = |name: &str, chosen| Self { name: name.into(), chosen };
        vec![scope("read", true), scope("write", false)]
    }
}

impl Lifetime {
    /// The lifetimes that a user can choose.
    pub(crate) fn all(info: &RequestInfo, echo: Option<&Echo>) -> Vec<Self> {
        let max = info.crossauth.auth().api_keys.config().max_lifetime;
        let chosen = echo.and_then(|echo| echo.text("expires_in"));
        lifetimes(max.map(|max| max.as_secs()), chosen)
    }

    pub(crate) fn samples() -> Vec<Self> {
        lifetimes(None, None)
    }
}

/// The lifetimes up to `max` seconds; for ever only without a limit.
fn lifetimes(max: Option<u64>, chosen: Option<&str>) -> Vec<Lifetime> {
    let seconds = LIFETIMES.iter().map(|days| days * DAY);
    let mut all: Vec<(String, String)> = seconds
        .filter(|seconds| max.is_none_or(|max| *seconds <= max))
        .map(|seconds| (seconds.to_string(), format!("{} days", seconds / DAY)))
        .collect();
    all.push((
        String::new(),
        if max.is_some() { "As long as allowed".into() } else { "No expiry".into() },
    ));
    let default = all.get(1).or(all.first()).map(|(value, _)| value.clone()).unwrap_or_default();
    let chosen = chosen.unwrap_or(&default);
    let lifetime = |(value, label): &(String, String)| Lifetime {
        value: value.clone(),
        label: label.clone(),
        chosen: value == chosen,
    };
    all.iter().map(lifetime).collect()
}

impl Page for ApiKeysPage {
    const TEMPLATE: Template = template!("apikeys.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self {
            api_keys: vec![ApiKeyEntry::sample()],
            token: Some("eyJ2IjoiQUFFQ0F3UUYifQ.NIc17aFWnu7gh".into()),
            scheme: "ApiKey".into(),
            message: Some("The key was created"),
        }
    }
}

impl Page for CreateApiKeyPage {
    const TEMPLATE: Template = template!("createapikey.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self {
            name: Some("Nightly backup".into()),
            scopes: ScopeChoice::samples(),
            lifetimes: Lifetime::samples(),
            password_needed: true,
        }
    }
}

impl Page for DeleteApiKeyPage {
    const TEMPLATE: Template = template!("deleteapikey.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self { api_key: ApiKeyEntry::sample() }
    }
}
