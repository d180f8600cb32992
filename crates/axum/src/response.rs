//! Responses: pages, JSON and redirects, with their security headers.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use crossauth_core::error::ErrorBody;
use crossauth_core::session::NewSession;
use crossauth_core::user::User;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use crate::failure::{Failure, Remedy};
use crate::headers::{self, FormAction};
use crate::next::NextPath;
use crate::page::{self, Common, ErrorPage, Page, PageError};
use crate::request::{RequestInfo, Surface};
use crate::session_change::SessionChange;
use crate::visible_user::VisibleUser;

/// A page.
pub(crate) fn page<P: Page>(info: &RequestInfo, page: &P) -> Response {
    render(info, StatusCode::OK, page, None)
}

/// A page that reports an earlier failure.
pub(crate) fn page_with_problem<P: Page>(
    info: &RequestInfo,
    page: &P,
    failure: &Failure,
) -> Response {
    render(info, StatusCode::OK, page, Some(body(info, failure)))
}

/// A page, in the session that its response begins.
pub(crate) fn page_in<P: Page>(info: &RequestInfo, page: &P, session: NewSession) -> Response {
    let csrf = &info.crossauth.auth().csrf;
    let viewer = Viewer {
        csrf_token: csrf.form_value(&csrf.token(Some(&session.id))),
        user: session.user.as_ref(),
    };
    let response = render_for(info, StatusCode::OK, page, None, viewer);
    with_session(response, SessionChange::begin(session))
}

/// Who sees a page.
struct Viewer<'a> {
    csrf_token: String,
    user: Option<&'a User>,
}

/// Renders a page with a form again, with its errors.
pub(crate) fn form_with_errors<P: Page>(
    info: &RequestInfo,
    page: &P,
    failure: &Failure,
) -> Response {
    let problem = body(info, failure);
    render(info, failure.http_status(), page, Some(problem))
}

/// The error members of a response, with the configured numbering of codes.
fn body(info: &RequestInfo, failure: &Failure) -> ErrorBody {
    failure.body().numbered(info.crossauth.config().error_codes)
}

fn render<P: Page>(
    info: &RequestInfo,
    status: StatusCode,
    page: &P,
    problem: Option<ErrorBody>,
) -> Response {
    let viewer = Viewer { csrf_token: info.csrf_form_value(), user: info.user() };
    render_for(info, status, page, problem, viewer)
}

fn render_for<P: Page>(
    info: &RequestInfo,
    status: StatusCode,
    page: &P,
    problem: Option<ErrorBody>,
    viewer: Viewer<'_>,
) -> Response {
    let config = info.crossauth.config();
    let nonce = info.crossauth.next_nonce();
    let common = Common {
        lang: "en",
        url_prefix: &config.prefix,
        site_prefix: &config.prefix,
        admin_prefix: info.crossauth.admin_prefix_for(viewer.user),
        site_name: &config.site_name,
        csrf_token: viewer.csrf_token,
        csp_nonce: &nonce,
        request_id: info.id,
        user: viewer.user.map(|user| VisibleUser::new(&info.crossauth, user)),
        message: None,
        links: &config.footer_links,
    };
    let pages = info.crossauth.pages();
    match pages.render(page, problem.map(Into::into).as_ref(), &common) {
        Ok(html) => {
            let mut response = (status, html).into_response();
            let action =
                if P::REDIRECTS_TO_APPLICATION { FormAction::Configured } else { FormAction::Own };
            headers::page(response.headers_mut(), config, &nonce, action);
            if P::HAS_SECRET_ADDRESS {
                headers::hide_address(response.headers_mut());
            }
            response
        }
        Err(error) => {
            tracing::error!(%error, page = P::TEMPLATE.name, "page could not be rendered");
            emergency_page(info, pages.shows_errors().then_some(&error))
        }
    }
}

/// The response if not even the error page can be rendered.
fn emergency_page(info: &RequestInfo, error: Option<&PageError>) -> Response {
    let config = info.crossauth.config();
    let html = page::emergency(&config.prefix, info.id, error);
    let mut response = (StatusCode::INTERNAL_SERVER_ERROR, html).into_response();
    headers::page(response.headers_mut(), config, "", FormAction::Own);
    response
}

/// Renders a failure for the surface of the request: the form with errors, a redirect to the login
/// page, the error page, or `{"ok": false, …}`.
pub(crate) fn failure(info: &RequestInfo, failure: &Failure) -> Response {
    let mut response = match info.surface {
        Surface::Page => match login_page(info, failure) {
            Some(response) => return response,
            None => failure.render_form(info).unwrap_or_else(|| error_page(info, failure)),
        },
        Surface::Api => json_failure(info, failure),
    };
    if let Some(seconds) = failure.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(challenge) = failure.challenge() {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.clone());
    }
    response
}

/// A redirect to the login page and back, for a browser that requests a page; or to the page that
/// renews the login, also for one that sends a form.
fn login_page(info: &RequestInfo, failure: &Failure) -> Option<Response> {
    let asks_for_page = matches!(info.method, Method::GET | Method::HEAD);
    let wanted = || NextPath::parse(info.uri.path_and_query().map_or("/", |it| it.as_str())).ok();
    match failure.remedy() {
        Remedy::Login if asks_for_page => {
            Some(redirect(info, &login_path(info, wanted().as_ref())))
        }
        Remedy::FreshLogin if asks_for_page => {
            Some(redirect(info, &with_next(info.crossauth.path("reauthenticate"), wanted())))
        }
        Remedy::FreshLogin => {
            let path = info.crossauth.path("reauthenticate?unsent=true");
            Some(redirect(info, &with_next(path, failure.page_of_form().cloned())))
        }
        Remedy::Login | Remedy::None | Remedy::NewLink(_) => None,
    }
}

/// A path with the destination `next`.
fn with_next(path: String, next: Option<NextPath>) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    match next {
        Some(next) => format!("{path}{separator}next={}", next.encoded()),
        None => path,
    }
}

/// The path of the login page with the destination `next`.
pub(crate) fn login_path(info: &RequestInfo, next: Option<&NextPath>) -> String {
    let login = info.crossauth.path("login");
    match next {
        Some(next) => format!("{login}?next={}", next.encoded()),
        None => login,
    }
}

fn error_page(info: &RequestInfo, failure: &Failure) -> Response {
    let status = failure.http_status();
    let mut page = ErrorPage::new(status, body(info, failure));
    if let Remedy::NewLink(path) = failure.remedy() {
        page = page.with_new_link(info.crossauth.path(path));
    }
    render(info, status, &page, None)
}

/// `{"ok": true, …}`.
pub(crate) fn json_ok(info: &RequestInfo, members: impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Ok<T> {
        ok: bool,
        #[serde(flatten)]
        members: T,
    }
    json(info, &Ok { ok: true, members })
}

/// `{"ok": true}`.
pub(crate) fn json_done(info: &RequestInfo) -> Response {
    #[derive(Serialize)]
    struct Empty {}
    json_ok(info, Empty {})
}

/// `{"ok": true, "user": …}`.
pub(crate) fn json_user(info: &RequestInfo, user: &User) -> Response {
    #[derive(Serialize)]
    struct Body<'a> {
        ok: bool,
        user: VisibleUser<'a>,
    }
    json(info, &Body { ok: true, user: VisibleUser::new(&info.crossauth, user) })
}

/// `{"ok": false, "errorMessage": …}`.
fn json_failure(info: &RequestInfo, failure: &Failure) -> Response {
    #[derive(Serialize)]
    struct NotOk {
        ok: bool,
        #[serde(flatten)]
        error: ErrorBody,
    }
    let body = NotOk { ok: false, error: body(info, failure) };
    let mut response = json(info, &body);
    *response.status_mut() = failure.http_status();
    response
}

pub(crate) fn json(info: &RequestInfo, body: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(256);
    if serde_json::to_writer(&mut text, body).is_err() {
        tracing::error!("a response could not be written as JSON");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut response = Response::new(Body::from(text));
    // Capacity for all headers, to avoid reallocation.
    response.headers_mut().reserve(16);
    headers::json(response.headers_mut(), info.crossauth.config());
    response
}

/// JSON that was written before.
pub(crate) fn json_text(info: &RequestInfo, text: Bytes) -> Response {
    let mut response = Response::new(Body::from(text));
    headers::json(response.headers_mut(), info.crossauth.config());
    response
}

/// A redirect (302).
///
/// `to` must be the text of a [`NextPath`](crate::next::NextPath), one of our paths or a configured
/// target.
pub(crate) fn redirect(info: &RequestInfo, to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    let mut response = (StatusCode::FOUND, [(header::LOCATION, to)]).into_response();
    headers::redirect(response.headers_mut(), info.crossauth.config());
    response
}

/// Attaches a session change to a response, for the layer.
pub(crate) fn with_session(mut response: Response, change: SessionChange) -> Response {
    response.extensions_mut().insert(change);
    response
}
