//! `logout`, `api/logout`: ends a session.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::error::ErrorCode;
use serde::{Deserialize, Serialize};

use super::HandlerResult;
use crate::failure::Failure;
use crate::form::{Form, Submitted};
use crate::headers;
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::session_change::SessionChange;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LogoutForm {
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for LogoutForm {
    const SECRET: &'static [&'static str] = &[];
}

/// Variables of `logout.html`.
#[derive(Serialize)]
pub(crate) struct LogoutPage {
    next: Option<NextPath>,
}

/// `GET logout`: a page with a button, since a link on another site must not log users out.
pub(crate) fn show(info: &RequestInfo) -> Response {
    let next = next::in_query(&info.uri);
    if info.user().is_none() {
        return redirect_after_logout(info, next.as_ref());
    }
    response::page(info, &LogoutPage { next })
}

/// `POST logout`, `POST api/logout`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Submitted { form, echo } = Submitted::<LogoutForm>::read(&info, request).await;
    let next = match form {
        Ok(form) => form.next,
        // Without a session there is nothing to protect or to end. Nothing is removed: if another
        // site sent the form, the browser may have withheld its cookies.
        Err(failure) if failure.is_stale_form() && info.has_no_session_cookie() => {
            return Ok(logged_out(&info, echo.next().as_ref()));
        }
        Err(failure) => return Err(failure),
    };
    end_session(&info).await?;
    let mut response = logged_out(&info, next.as_ref());
    headers::clear_cached_pages(response.headers_mut());
    Ok(response::with_session(response, SessionChange::Ended))
}

fn logged_out(info: &RequestInfo, next: Option<&NextPath>) -> Response {
    match info.surface {
        Surface::Page => redirect_after_logout(info, next),
        Surface::Api => response::json_done(info),
    }
}

async fn end_session(info: &RequestInfo) -> Result<(), Failure> {
    if info.duplicate_session_cookie {
        // Must not report success while the session still exists.
        return Err(Failure::new(ErrorCode::InvalidSession).message(
            "The browser sent more than one session cookie, so that none could be ended. They \
             have been removed from this browser",
        ));
    }
    if let Some(session) = info.session() {
        info.crossauth.auth().sessions.log_out(session).await?;
        let user = info.user().map(|user| tracing::field::display(&user.id));
        tracing::info!(user, "logged out");
    }
    Ok(())
}

fn redirect_after_logout(info: &RequestInfo, next: Option<&NextPath>) -> Response {
    let default = &info.crossauth.config().logout_redirect;
    response::redirect(info, next.map_or(default, NextPath::as_str))
}

impl Page for LogoutPage {
    const TEMPLATE: Template = template!("logout.html");
    const AUDIENCE: Audience = Audience::LoggedIn;
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        Self { next: NextPath::parse("/after?a=b&c=d").ok() }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    vec![
        Operation::new("POST api/logout", "Logs the user out")
            .takes::<LogoutForm>()
            .done()
            .fails([ErrorCode::InvalidSession]),
    ]
}
