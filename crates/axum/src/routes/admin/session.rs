//! `endsession/{id}`, `endsessions/{id}` and their JSON twins: sessions of a user.

use axum::extract::Request;
use serde::Deserialize;

use super::{Act, ButtonForm, Done, done, refused};
use crate::form::Form;
use crate::next::{self, NextPath};
use crate::request::RequestInfo;
use crate::routes::HandlerResult;
use crate::routes::session::no_such_session;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EndUserSessionForm {
    /// The id of the session in the list.
    session: String,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for EndUserSessionForm {
    const SECRET: &'static [&'static str] = &[];
}

/// `POST endsession/{id}`, `POST api/endsession/{id}`: ends one session of the user.
pub(crate) async fn end(info: RequestInfo, request: Request) -> HandlerResult {
    let Act { user, form, .. } = Act::<EndUserSessionForm>::read(&info, request).await?;
    let EndUserSessionForm { session, next } = form?;
    if !info.crossauth.auth().sessions.end_listed_of(&user.id, &session).await? {
        return Err(no_such_session());
    }
    tracing::info!(user = %user.id, "session ended by an administrator");
    Ok(done(&info, &user.id, Done::SessionsEnded, next.as_ref()))
}

/// `POST endsessions/{id}`, `POST api/endsessions/{id}`: ends all sessions of the user but that of
/// the request.
pub(crate) async fn end_all(info: RequestInfo, request: Request) -> HandlerResult {
    let Act { user, form, .. } = Act::<ButtonForm>::read(&info, request).await?;
    let next = form?.next;
    let is_self = info.user().is_some_and(|own| own.id == user.id);
    let kept = info.session_id().filter(|_| is_self);
    info.crossauth.auth().accounts.end_sessions(&user, kept).await.map_err(refused)?;
    tracing::info!(user = %user.id, "sessions ended by an administrator");
    Ok(done(&info, &user.id, Done::SessionsEnded, next.as_ref()))
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    vec![
        super::about_user("POST admin/api/endsession/{id}", "Ends a session of the user")
            .takes::<EndUserSessionForm>()
            .done()
            .fails_with(404, crossauth_core::error::ErrorCode::BadRequest),
        super::about_user("POST admin/api/endsessions/{id}", "Ends all sessions of the user")
            .takes::<ButtonForm>()
            .done(),
    ]
}
