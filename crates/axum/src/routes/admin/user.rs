//! `user/{id}`, `api/user/{id}`: everything about one account.

use axum::extract::Request;
use crossauth_core::session::ListedSession;
use crossauth_core::user::{User, UserState};
use serde::Serialize;
use serde_json::Value;

use super::audit::{self, EventEntry};
use super::{Done, api_key, create_api_key, find, no_such_user, own, url_prefix};
use crate::failure::Failure;
use crate::page::{Audience, Page, Template, sample_user, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::routes::api_key::{ApiKeyBody, ApiKeyEntry};
use crate::routes::device::{DeviceEntry, KnownDevice};
use crate::routes::home::{Fact, day};
use crate::routes::session::{SessionBody, SessionEntry};
use crate::routes::{HandlerResult, parameter_of};
use crate::visible_user::AdminUser;

/// How many events of the audit log are on the page.
const EVENTS: u32 = 10;

/// Variables of `admin/user.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a variable of the template")]
pub(crate) struct UserPage {
    url_prefix: String,
    user: AdminUser,
    /// Whether it is the account of the administrator.
    is_self: bool,
    /// The pages on which administrators change their own credentials, which administration refuses.
    own_pages: Vec<&'static str>,
    member_since: Option<String>,
    facts: Vec<Fact>,
    has_password: bool,
    /// Whether the account belongs to the directory, which has its password.
    is_of_directory: bool,
    /// Whether a link to choose a password can be sent to this account.
    password_reset_enabled: bool,
    /// The name of the second factor for users.
    factor2_name: Option<String>,
    recovery_codes_left: usize,
    can_disable: bool,
    devices: Vec<DeviceEntry>,
    sessions: Vec<SessionEntry>,
    api_keys: Vec<ApiKeyEntry>,
    /// The page that creates an API key; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    create_api_key_path: Option<String>,
    /// The latest events of the audit log.
    events: Vec<EventEntry>,
    /// What was done before.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Body {
    user: AdminUser,
    has_password: bool,
    recovery_codes_left: usize,
    /// The states that can be chosen.
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    states: Vec<UserState>,
    devices: Vec<KnownDevice>,
    sessions: Vec<SessionBody>,
    api_keys: Vec<ApiKeyBody>,
}

/// `GET user/{id}`, `GET api/user/{id}`
pub(crate) async fn show(info: RequestInfo, request: Request) -> HandlerResult {
    let user = find(&info, &parameter_of(&request)).await?;
    let auth = info.crossauth.auth();
    let details = auth.accounts.details(&user).await?.ok_or_else(no_such_user)?;
    let (user, has_password) = (details.user, details.has_password);
    let sessions = sessions(&info, &user).await?;
    let devices = auth.devices.list(&user.id).await?;
    let api_keys = api_key::list(&info, &user).await?;
    let recovery_codes_left = auth.recovery.count(&user.id).await?;
    if info.surface == Surface::Api {
        let body = Body {
            has_password,
            recovery_codes_left,
            states: auth.accounts.selectable_states(&user),
            devices: devices.into_iter().map(KnownDevice::from).collect(),
            sessions: sessions.into_iter().map(SessionBody::from).collect(),
            api_keys: api_keys.into_iter().map(ApiKeyBody::from).collect(),
            user: AdminUser(user),
        };
        return Ok(response::json_ok(&info, body));
    }
    let page = UserPage {
        has_password,
        recovery_codes_left,
        devices: devices.into_iter().map(DeviceEntry::from).collect(),
        sessions: sessions.into_iter().map(SessionEntry::from).collect(),
        api_keys: api_keys.into_iter().map(ApiKeyEntry::from).collect(),
        events: audit::latest(&info, &user.id, EVENTS).await?,
        ..UserPage::new(&info, user)
    };
    Ok(response::page(&info, &page))
}

/// The sessions of a user. Administrators see which of their own is the one of the request.
async fn sessions(info: &RequestInfo, user: &User) -> Result<Vec<ListedSession>, Failure> {
    let sessions = &info.crossauth.auth().sessions;
    let own =
        info.session().filter(|session| session.user.as_ref().map(|own| &own.id) == Some(&user.id));
    Ok(match own {
        Some(session) => sessions.list(session).await?,
        None => sessions.list_of(&user.id).await?,
    })
}

/// The values of the application's fields, as text.
fn facts(info: &RequestInfo, user: &User) -> Vec<Fact> {
    let described = &info.crossauth.config().signup_fields;
    let fact = |(name, value): (&String, &Value)| {
        let label = described.iter().find(|field| field.name == *name).map(|field| &field.label);
        let value = match value {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                value.to_string()
            }
        };
        let label = label.cloned().unwrap_or_else(|| crossauth_core::form::label(name));
        Some(Fact { label, value })
    };
    user.extra.iter().filter_map(fact).collect()
}

impl UserPage {
    /// The page without what is stored beside the account.
    fn new(info: &RequestInfo, user: User) -> Self {
        let auth = info.crossauth.auth();
        let factor2_name = user.factor2.as_ref().map(|name| {
            let factor = auth.factors.find(name).map(|factor| factor.describe());
            factor.map_or(name.as_str(), |factor| &factor.friendly_name).to_owned()
        });
        Self {
            url_prefix: url_prefix(info),
            is_self: info.user().is_some_and(|own| own.id == user.id),
            own_pages: own::pages(info, &user),
            member_since: user.created.and_then(day),
            facts: facts(info, &user),
            has_password: false,
            is_of_directory: auth.is_of_directory(&user.factor1),
            password_reset_enabled: auth.accounts.can_send_reset(&user),
            factor2_name,
            recovery_codes_left: 0,
            can_disable: auth.accounts.selectable_states(&user).contains(&UserState::Disabled),
            devices: Vec::new(),
            sessions: Vec::new(),
            api_keys: Vec::new(),
            create_api_key_path: create_api_key::path_for(info, &user),
            events: Vec::new(),
            user: AdminUser(user),
            message: Done::of_query(info).map(Done::message),
        }
    }
}

impl Page for UserPage {
    const TEMPLATE: Template = template!("admin/user.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self {
            url_prefix: "/auth/admin/".into(),
            user: AdminUser(sample_user()),
            is_self: false,
            own_pages: Vec::new(),
            member_since: Some("1 March 2026".into()),
            facts: vec![Fact { label: "Team".into(), value: "Red".into() }],
            has_password: true,
            is_of_directory: false,
            password_reset_enabled: true,
            factor2_name: Some("Authenticator app".into()),
            recovery_codes_left: 9,
            can_disable: true,
            devices: vec![DeviceEntry::sample()],
            sessions: SessionEntry::samples(),
            api_keys: vec![ApiKeyEntry::sample()],
            create_api_key_path: Some("/auth/admin/createapikey/1".into()),
            events: vec![EventEntry::sample()],
            message: Some(Done::PasswordSet.message()),
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    vec![
        super::about_user("GET admin/api/user/{id}", "Returns everything about an account")
            .returns::<Body>(),
    ]
}
