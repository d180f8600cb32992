//! Processing of responses after the handler.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use crate::crossauth::CsrfIssue;
use crate::failure::Failure;
use crate::origin::RequestOrigin;
use crate::request::RequestInfo;
use crate::request_id::REQUEST_ID;
use crate::response;
use crate::session_change::SessionChange;

/// The response to a refused request.
pub(super) fn refuse(info: &RequestInfo, failure: &Failure) -> Response {
    failure.log(info);
    write_headers(info, response::failure(info, failure), None)
}

/// Renders a failure, and writes cookies, the CSRF header and the id of the request.
pub(super) fn finish(info: &RequestInfo, mut response: Response) -> Response {
    let change = response.extensions_mut().remove::<SessionChange>();
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        failure.log(info);
        let rendered = response::failure(info, &failure);
        response = with_other_headers(rendered, response.headers());
    }
    write_headers(info, response, change)
}

/// Same as [`finish`], for a request with a session, which the response may end.
pub(super) async fn finish_with_session(info: &RequestInfo, mut response: Response) -> Response {
    let sessions = &info.crossauth.auth().sessions;
    let ended = match (response.extensions().get::<SessionChange>(), info.session()) {
        (Some(SessionChange::End), Some(session)) => sessions.log_out(session).await,
        (Some(SessionChange::Replace(_)), Some(session)) => sessions.end(&session.id).await,
        _ => Ok(()),
    };
    if let Err(error) = ended {
        response = Failure::from(error).into_response();
    }
    finish(info, response)
}

/// Copies other headers of a failure, such as `Allow`, to its rendered response.
fn with_other_headers(mut rendered: Response, headers: &HeaderMap) -> Response {
    for (name, value) in headers {
        let of_body = name == CONTENT_TYPE || name == CONTENT_LENGTH;
        if !of_body && !rendered.headers().contains_key(name) {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    rendered
}

fn write_headers(
    info: &RequestInfo,
    mut response: Response,
    change: Option<SessionChange>,
) -> Response {
    let headers = response.headers_mut();
    let crossauth = &info.crossauth;
    match change {
        Some(SessionChange::Began(session) | SessionChange::Replace(session)) => {
            let token = crossauth.auth().csrf.token(Some(&session.id));
            forbid_shared_caches(headers);
            crossauth.set_session_cookie(headers, &session);
            crossauth.set_csrf_cookie(headers, &token);
            crossauth.set_csrf_header(headers, &token);
            crossauth.set_browser_cookie(headers, info.known_browser(), &session);
        }
        Some(SessionChange::Ended | SessionChange::End) => {
            forbid_shared_caches(headers);
            crossauth.delete_session_cookie(headers, info);
            crossauth.delete_csrf_cookie(headers, info);
        }
        None => keep_session(info, headers),
    }
    headers.insert(REQUEST_ID, info.id.to_header());
    response
}

fn keep_session(info: &RequestInfo, headers: &mut HeaderMap) {
    let crossauth = &info.crossauth;
    let removes_session = info.duplicate_session_cookie || info.refused_session_cookie();
    let issues_token =
        info.method.is_safe() && crossauth.config().csrf_issue == CsrfIssue::EveryGet;
    let csrf = info.csrf_state();
    let writes = removes_session || issues_token || csrf.is_ambiguous() || csrf.shown().is_some();
    if !writes || is_for_shared_caches(headers) {
        return;
    }
    if removes_session {
        crossauth.delete_session_cookie(headers, info);
    }
    if issues_token {
        info.show_csrf_token();
    }
    if csrf.is_ambiguous() {
        crossauth.delete_csrf_cookie(headers, info);
    }
    if let Some(shown) = csrf.shown() {
        crossauth.set_csrf_header(headers, &shown.token);
        // A cross-site form arrives without the cookies of the browser, which must not be replaced.
        if shown.needs_cookie && info.request_origin != RequestOrigin::CrossOrigin {
            crossauth.set_csrf_cookie(headers, &shown.token);
        }
    }
}

/// Whether a shared cache may store the response, which must then contain nothing of a single
/// visitor.
fn is_for_shared_caches(headers: &HeaderMap) -> bool {
    let mut shared = false;
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    for directive in values.flat_map(|value| value.split(',')) {
        let name = directive.split('=').next().unwrap_or_default().trim();
        if name.eq_ignore_ascii_case("private") || name.eq_ignore_ascii_case("no-store") {
            return false;
        }
        shared |= ["public", "s-maxage", "max-age"].iter().any(|it| name.eq_ignore_ascii_case(it));
    }
    shared
}

/// Forbids shared caches to store a response that sets a session cookie.
fn forbid_shared_caches(headers: &mut HeaderMap) {
    if is_for_shared_caches(headers) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_that_shared_caches_may_store_are_recognised() {
        let shared = |value: &str| {
            let value = value.parse().unwrap();
            is_for_shared_caches(&HeaderMap::from_iter([(CACHE_CONTROL, value)]))
        };
        for value in [
            "public",
            "Public, max-age=60",
            "s-maxage=60",
            "S-MaxAge=60",
            "max-age=3600",
            "a, public",
        ] {
            assert!(shared(value), "{value}");
        }
        for value in [
            "private, max-age=60",
            "no-store",
            "no-cache",
            "max-age=60, PRIVATE",
            "must-revalidate",
        ] {
            assert!(!shared(value), "{value}");
        }
    }
}
