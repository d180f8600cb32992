//! `api/sessions`, `api/endsession/{id}`, `api/endothersessions`: the sessions of the logged-in
//! user.

use std::net::IpAddr;

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::clock::Timestamp;
use crossauth_core::error::ErrorCode;
use crossauth_core::session::{EndedSession, ListedSession};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::home::day;
use super::{HandlerResult, parameter_of};
use crate::failure::Failure;
use crate::form::{Form, Submitted};
use crate::headers;
use crate::next::{self, NextPath};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::session_change::SessionChange;

/// The fields of the forms on the account page.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EndForm {
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for EndForm {
    const SECRET: &'static [&'static str] = &[];
}

/// A session in JSON.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Session"))]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionBody {
    id: String,
    current: bool,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    created: Option<String>,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    last_active: Option<String>,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    expires: Option<String>,
    device: Option<String>,
    address: Option<IpAddr>,
}

/// A session on the account page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionEntry {
    id: String,
    current: bool,
    device: Option<String>,
    address: Option<IpAddr>,
    /// When it began and was last used, in UTC.
    created: Option<String>,
    last_active: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Body {
    sessions: Vec<SessionBody>,
}

/// `GET api/sessions`
pub(crate) async fn list(info: RequestInfo, _: Request) -> HandlerResult {
    let sessions = listed(&info).await?.into_iter().map(SessionBody::from).collect();
    Ok(response::json_ok(&info, Body { sessions }))
}

/// `POST endsession/{id}`, `POST api/endsession/{id}`. Only the path says which session ends.
pub(crate) async fn end(info: RequestInfo, request: Request) -> HandlerResult {
    let id = parameter_of(&request);
    let next = Submitted::<EndForm>::read(&info, request).await.form?.next;
    let session = info.session().ok_or_else(Failure::login_needed)?;
    let outcome = info.crossauth.auth().sessions.end_listed(session, &id).await?;
    if outcome != EndedSession::NotFound {
        let user = info.user().map(|user| tracing::field::display(&user.id));
        tracing::info!(user, "session ended");
    }
    match outcome {
        EndedSession::NotFound => Err(no_such_session()),
        EndedSession::Other => Ok(ended(&info, next.as_ref())),
        EndedSession::Current => {
            let mut response = match info.surface {
                Surface::Page => response::redirect(&info, &response::login_path(&info, None)),
                Surface::Api => response::json_done(&info),
            };
            headers::clear_cached_pages(response.headers_mut());
            Ok(response::with_session(response, SessionChange::Ended))
        }
    }
}

/// `POST endothersessions`, `POST api/endothersessions`
pub(crate) async fn end_others(info: RequestInfo, request: Request) -> HandlerResult {
    let next = Submitted::<EndForm>::read(&info, request).await.form?.next;
    let user = info.require_user()?;
    info.crossauth.auth().accounts.end_sessions(user, info.session_id()).await?;
    tracing::info!(user = %user.id, "other sessions ended");
    Ok(ended(&info, next.as_ref()))
}

fn ended(info: &RequestInfo, next: Option<&NextPath>) -> Response {
    match info.surface {
        Surface::Page => super::login::redirect_after_login(info, next),
        Surface::Api => response::json_done(info),
    }
}

async fn listed(info: &RequestInfo) -> Result<Vec<ListedSession>, Failure> {
    let session = info.session().ok_or_else(Failure::login_needed)?;
    Ok(info.crossauth.auth().sessions.list(session).await?)
}

/// The same for a session of another user and for one that does not exist.
pub(super) fn no_such_session() -> Failure {
    Failure::new(ErrorCode::BadRequest)
        .status(StatusCode::NOT_FOUND)
        .message("There is no such session. It may have ended")
}

impl From<ListedSession> for SessionBody {
    fn from(session: ListedSession) -> Self {
        Self {
            created: session.created.to_rfc3339(),
            last_active: session.last_active.to_rfc3339(),
            expires: session.expires.and_then(Timestamp::to_rfc3339),
            id: session.id,
            current: session.current,
            device: session.device,
            address: session.address,
        }
    }
}

impl SessionEntry {
    /// The sessions of the logged-in user.
    pub(super) async fn all(info: &RequestInfo) -> Result<Vec<Self>, Failure> {
        Ok(listed(info).await?.into_iter().map(Self::from).collect())
    }

    pub(super) fn samples() -> Vec<Self> {
        let entry = |id: &str, current| Self {
            id: id.into(),
            current,
            device: Some("Firefox on Linux".into()),
            address: Some([203, 0, 113, 9].into()),
            created: Some("1 March 2026, 14:05".into()),
            last_active: Some("2 March 2026, 08:30".into()),
        };
        vec![entry("one", true), entry("two", false)]
    }
}

impl From<ListedSession> for SessionEntry {
    fn from(session: ListedSession) -> Self {
        Self {
            created: minute(session.created),
            last_active: minute(session.last_active),
            id: session.id,
            current: session.current,
            device: session.device,
            address: session.address,
        }
    }
}

/// A moment in UTC: `1 March 2026, 14:05`.
fn minute(moment: Timestamp) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp(moment.as_secs()).ok()?.time();
    Some(format!("{}, {:02}:{:02}", day(moment)?, time.hour(), time.minute()))
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    vec![
        Operation::new("GET api/sessions", "Lists the sessions of the user, the newest first")
            .returns::<Body>(),
        Operation::new("POST api/endsession/{id}", "Ends one of these sessions")
            .takes::<EndForm>()
            .done()
            .fails_with(404, ErrorCode::BadRequest),
        Operation::new("POST api/endothersessions", "Ends all sessions but that of the request")
            .takes::<EndForm>()
            .done(),
    ]
}
