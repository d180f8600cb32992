//! The pages and endpoints of administration.
//!
//! Each act is a form on a page, or JSON. The page of a user, [`user`], has everything that there is
//! about an account, and leads to the forms.

pub(crate) mod api_key;
pub(crate) mod audit;
pub(crate) mod change_password;
pub(crate) mod create_api_key;
pub(crate) mod create_user;
pub(crate) mod delete_user;
pub(crate) mod device;
mod field;
mod own;
pub(crate) mod reset_factor;
pub(crate) mod select_user;
pub(crate) mod session;
pub(crate) mod update_user;
pub(crate) mod user;

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::account::AccountError;
use crossauth_core::error::ErrorCode;
use crossauth_core::message::Channel;
use crossauth_core::user::{User, UserId};
use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::parameter_of;
use crate::failure::Failure;
use crate::form::{Echo, Form, Submitted};
use crate::next::{self, NextPath};
use crate::request::{RequestInfo, Surface};
use crate::response;

/// A form that has only a button.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ButtonForm {
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for ButtonForm {
    const SECRET: &'static [&'static str] = &[];
}

/// A form about the account that the path names.
struct Act<F> {
    user: User,
    form: Result<F, Failure>,
    echo: Echo,
}

impl<F: Form> Act<F> {
    /// Reads the form, then finds the account.
    async fn read(info: &RequestInfo, request: Request) -> Result<Self, Failure> {
        let id = parameter_of(&request);
        let Submitted { form, echo } = Submitted::<F>::read(info, request).await;
        match find(info, &id).await {
            Ok(user) => {
                let form = form.and_then(|form| own::check_form(info, &user, &echo).map(|()| form));
                Ok(Self { user, form, echo })
            }
            Err(missing) => Err(form.err().unwrap_or(missing)),
        }
    }
}

/// What was done, as the page of the user says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Created,
    Invited,
    PasswordSet,
    ResetSent,
    FactorReset,
    SessionsEnded,
    DevicesForgotten,
    ApiKeyDeleted,
}

impl Done {
    const ALL: [Self; 8] = [
        Self::Created,
        Self::Invited,
        Self::PasswordSet,
        Self::ResetSent,
        Self::FactorReset,
        Self::SessionsEnded,
        Self::DevicesForgotten,
        Self::ApiKeyDeleted,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Invited => "invited",
            Self::PasswordSet => "password",
            Self::ResetSent => "reset",
            Self::FactorReset => "factor",
            Self::SessionsEnded => "sessions",
            Self::DevicesForgotten => "devices",
            Self::ApiKeyDeleted => "apikey",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Created => "The account has been created",
            Self::Invited => "The account has been created. A link to choose a password is sent",
            Self::PasswordSet => "User's password has been changed",
            Self::ResetSent => "A link to choose a new password is sent",
            Self::FactorReset => "The second factor has been reset",
            Self::SessionsEnded => "Logged out",
            Self::DevicesForgotten => "Forgotten",
            Self::ApiKeyDeleted => "The API key has been deleted",
        }
    }

    /// What the query of a page says.
    fn of_query(info: &RequestInfo) -> Option<Self> {
        let name = info.query("done")?;
        Self::ALL.into_iter().find(|done| done.name() == name)
    }
}

/// `GET` of the prefix: the list of users.
pub(crate) fn show(info: &RequestInfo) -> Response {
    response::redirect(info, &info.crossauth.admin_path("selectuser"))
}

/// The response to an act on an account: a redirect to `next` or to the page of the user.
fn done(info: &RequestInfo, user: &UserId, done: Done, next: Option<&NextPath>) -> Response {
    match (info.surface, next) {
        (Surface::Api, _) => response::json_done(info),
        (Surface::Page, Some(next)) => response::redirect(info, next.as_str()),
        (Surface::Page, None) => {
            let to = format!("{}?done={}", user_path(info, user), done.name());
            response::redirect(info, &to)
        }
    }
}

/// The path of the page of a user.
fn user_path(info: &RequestInfo, user: &UserId) -> String {
    info.crossauth.admin_path(&format!("user/{}", encoded(user)))
}

/// The id of a user as a segment of a path.
fn encoded(user: &UserId) -> String {
    utf8_percent_encode(&user.to_string(), SEGMENT).to_string()
}

/// What is encoded in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The prefix of administration, which is `urlPrefix` on its pages.
fn url_prefix(info: &RequestInfo) -> String {
    info.crossauth.config().admin_prefix.clone()
}

/// Whether a user is notified by e-mail of what an administrator does: they have an address, and mail is
/// sent.
fn is_notified(info: &RequestInfo, user: &User) -> bool {
    let auth = info.crossauth.auth();
    auth.accounts.notice_address(user).is_some() && auth.outbox.can_send(Channel::Email)
}

/// The account with an id of a path. A number is tried as a number first, then as a text.
async fn find(info: &RequestInfo, id: &str) -> Result<User, Failure> {
    let accounts = &info.crossauth.auth().accounts;
    let number = id.parse().ok().map(UserId::Integer);
    let ids = number.into_iter().chain([UserId::Text(id.to_owned())]);
    for id in ids.filter(|_| !id.contains('\0')) {
        if let Some(user) = accounts.find(&id).await? {
            return Ok(user);
        }
    }
    Err(no_such_user())
}

/// What the OpenAPI document says about an endpoint whose path has the id of a user.
#[cfg(test)]
fn about_user(name: &'static str, summary: &'static str) -> crate::openapi::Operation {
    let operation = crate::openapi::Operation::new(name, summary);
    operation.fails_with(404, ErrorCode::UserNotExist)
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    let files = [
        select_user::operations(),
        user::operations(),
        create_user::operations(),
        update_user::operations(),
        change_password::operations(),
        reset_factor::operations(),
        session::operations(),
        device::operations(),
        api_key::operations(),
        create_api_key::operations(),
        delete_user::operations(),
        audit::operations(),
    ];
    files.into_iter().flatten().collect()
}

/// An act that the state of the account does not allow is the request's fault.
fn refused(error: AccountError) -> Failure {
    if matches!(error, AccountError::NotAllowed) {
        return Failure::new(ErrorCode::BadRequest)
            .message("The state of the account does not allow this");
    }
    if matches!(error, AccountError::NoSuchUser) { no_such_user() } else { error.into() }
}

fn no_such_user() -> Failure {
    Failure::new(ErrorCode::UserNotExist)
        .status(StatusCode::NOT_FOUND)
        .message("There is no such user")
}
