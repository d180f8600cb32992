//! Answers: pages, JSON and redirects, each with the headers that keep it safe.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use crossauth_core::error::ErrorBody;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::headers;
use crate::page::{self, Common, ErrorPage, Page, PageError};
use crate::session_change::SessionChange;

pub(crate) use crate::request::Surface;

/// A page.
pub(crate) fn page<P: Page>(context: &Context, status: StatusCode, page: &P) -> Response {
    render(context, status, page, None)
}

/// A page with a form, shown again with what went wrong.
pub(crate) fn form_again<P: Page>(context: &Context, page: &P, failure: &Failure) -> Response {
    let mut response = render(context, failure.http_status(), page, Some(body(context, failure)));
    set_retry_after(&mut response, failure);
    response
}

fn render<P: Page>(
    context: &Context,
    status: StatusCode,
    page: &P,
    problem: Option<ErrorBody>,
) -> Response {
    let config = context.crossauth.config();
    let nonce = context.crossauth.next_nonce();
    let common = Common {
        lang: "en",
        url_prefix: &config.prefix,
        site_name: &config.site_name,
        csrf_token: context.csrf_form_value(),
        csp_nonce: &nonce,
        request_id: context.id,
        user: context.user().map(|user| &**user),
        message: None,
        links: &config.footer_links,
    };
    let pages = context.crossauth.pages();
    match pages.render(page, problem.map(Into::into).as_ref(), &common) {
        Ok(html) => {
            let mut response = (status, html).into_response();
            headers::page(response.headers_mut(), config, &nonce);
            response
        }
        Err(error) => {
            tracing::error!(%error, page = P::TEMPLATE.name, "page could not be rendered");
            bare_page(context, pages.shows_errors().then_some(&error))
        }
    }
}

/// For when not even the error page can be rendered.
fn bare_page(context: &Context, error: Option<&PageError>) -> Response {
    let config = context.crossauth.config();
    let html = page::emergency(&config.prefix, context.id, error);
    let mut response = (StatusCode::INTERNAL_SERVER_ERROR, html).into_response();
    headers::page(response.headers_mut(), config, "");
    response
}

/// The error members of an answer, their code numbered as configured.
fn body(context: &Context, failure: &Failure) -> ErrorBody {
    failure.body().numbered(context.crossauth.config().error_codes)
}

/// A failure on its own: the error page, or `{"ok": false, …}`.
pub(crate) fn failure(context: &Context, surface: Surface, failure: &Failure) -> Response {
    match surface {
        Surface::Page => {
            let status = failure.http_status();
            let mut response =
                page(context, status, &ErrorPage::new(status, body(context, failure)));
            set_retry_after(&mut response, failure);
            response
        }
        Surface::Api => json_failure(context, failure),
    }
}

/// `{"ok": true, …}`.
pub(crate) fn json_ok(context: &Context, members: impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Ok<T> {
        ok: bool,
        #[serde(flatten)]
        members: T,
    }
    json(context, StatusCode::OK, Ok { ok: true, members })
}

/// `{"ok": false, "errorMessage": …}`.
pub(crate) fn json_failure(context: &Context, failure: &Failure) -> Response {
    #[derive(Serialize)]
    struct NotOk {
        ok: bool,
        #[serde(flatten)]
        error: ErrorBody,
    }
    let body = NotOk { ok: false, error: body(context, failure) };
    let mut response = json(context, failure.http_status(), body);
    set_retry_after(&mut response, failure);
    response
}

pub(crate) fn json(context: &Context, status: StatusCode, body: impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(&body) else {
        tracing::error!("an answer could not be written as JSON");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    // As many as there will be, so that they are not moved about while they become more.
    response.headers_mut().reserve(16);
    headers::json(response.headers_mut(), context.crossauth.config());
    response
}

fn set_retry_after(response: &mut Response, failure: &Failure) {
    if let Some(seconds) = failure.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// 302.
///
/// `to` is the text of a [`NextPath`](crate::next::NextPath), a path of our own making or a
/// configured target; never anything else.
pub(crate) fn redirect(context: &Context, to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    let mut response = (StatusCode::FOUND, [(header::LOCATION, to)]).into_response();
    headers::redirect(response.headers_mut(), context.crossauth.config());
    response
}

/// Adds to an answer what becomes of the browser's session.
pub(crate) fn with_session(mut response: Response, change: SessionChange) -> Response {
    response.extensions_mut().insert(change);
    response
}
