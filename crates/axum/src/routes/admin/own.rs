//! Acts of administrators on their own accounts.
//!
//! An attacker who has taken over the session of an administrator knows neither password nor second
//! factor. So the credentials of the own account are changed by the endpoints for users, which ask
//! for the factor, and not by administration, which does not.

use crossauth_core::error::ErrorCode;
use crossauth_core::factor::Demand;
use crossauth_core::user::{FactorName, User, UserState};
use http::StatusCode;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::form::Echo;
use crate::request::RequestInfo;
use crate::routes::profile;

/// Whether an account is that of the administrator who makes the request, and a second factor protects
/// its credentials.
pub(super) fn is_protected(info: &RequestInfo, user: &User) -> bool {
    let is_self = info.user().is_some_and(|own| own.id == user.id);
    is_self && matches!(info.crossauth.auth().factors.demand(user), Demand::Factor(_))
}

/// The pages for users on which administrators change the credentials of their own account if it is
/// [protected](is_protected); none for other accounts.
pub(super) fn pages(info: &RequestInfo, user: &User) -> Vec<&'static str> {
    if !is_protected(info, user) {
        return Vec::new();
    }
    let is_any_editable = profile::editable_fields(info).next().is_some();
    let is_useful = |page: &&str| *page != "updateuser" || is_any_editable;
    let served = |page: &&str| info.crossauth.serves(page);
    let pages = ["updateuser", "changepassword", "changefactor2"];
    pages.into_iter().filter(served).filter(is_useful).collect()
}

/// Whether administration refuses to change this field of an account.
pub(super) fn protects_field(info: &RequestInfo, user: &User, field: &str) -> bool {
    let bound = info.crossauth.auth().factors.bound_field(user);
    is_protected(info, user) && (field == "email" || bound == Some(field))
}

/// Whether administration refuses to put an account into this state.
pub(super) fn protects_state(info: &RequestInfo, user: &User, state: &UserState) -> bool {
    is_protected(info, user) && resets_factor(user, state)
}

/// Refuses a change of the credentials of the administrator who makes the request, if a second
/// factor protects them. `endpoint` is that for users which changes them.
pub(super) fn refuse(info: &RequestInfo, user: &User, endpoint: &str) -> Result<(), Failure> {
    if !is_protected(info, user) {
        return Ok(());
    }
    let message = if info.crossauth.serves(endpoint) {
        let path = info.crossauth.path(endpoint);
        format!("This is your own account: please use {path}, which asks for your code")
    } else {
        "This is your own account: another administrator must make this change".to_owned()
    };
    Err(Failure::new(ErrorCode::Forbidden).status(StatusCode::FORBIDDEN).message(message))
}

/// [Refuses](refuse) a form whose fields change the credentials of the own account.
pub(super) fn check_form(info: &RequestInfo, user: &User, echo: &Echo) -> Result<(), Failure> {
    let fields = echo.user_fields();
    let state = echo.text("state").or_else(|| fields.get("state")?.as_str());
    if changes_factor(user, &fields)
        || state.is_some_and(|state| resets_factor(user, &state.into()))
    {
        return refuse(info, user, "changefactor2");
    }
    let bound = info.crossauth.auth().factors.bound_field(user);
    let has_changed = |field: &str| {
        let present = if field == "email" { user.email.clone().map(Value::from) } else { None };
        let present = present.or_else(|| user.extra.get(field).cloned());
        fields.get(field).is_some_and(|new| or_null(new) != or_null(&present.unwrap_or_default()))
    };
    let username = echo.text("username").or_else(|| fields.get("username")?.as_str());
    let is_readdressed = username.is_some_and(|name| changes_address(user, name));
    if is_readdressed || ["email"].into_iter().chain(bound).any(has_changed) {
        return refuse(info, user, "updateuser");
    }
    Ok(())
}

fn changes_factor(user: &User, fields: &Map<String, Value>) -> bool {
    let new = |name: &Value| FactorName::optional(name.as_str().unwrap_or_default());
    fields.get("factor2").is_some_and(|name| new(name) != user.factor2)
}

fn resets_factor(user: &User, state: &UserState) -> bool {
    let resets = [UserState::Factor2ResetNeeded, UserState::PasswordAndFactor2ResetNeeded];
    *state != user.state && resets.contains(state)
}

/// Whether a new username is a new address: without another one, mail goes to the username.
fn changes_address(user: &User, username: &str) -> bool {
    user.email.is_none() && username != user.username && username.contains('@')
}

/// Empty text is no value.
fn or_null(value: &Value) -> &Value {
    if value.as_str() == Some("") { &Value::Null } else { value }
}
