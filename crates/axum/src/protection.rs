//! Requests that need the second factor of the logged-in user.
//!
//! The first request is stored in the session, and the browser is asked for the factor. The second
//! one, to the same method and path, brings the code; it is replaced by the stored one. Both need
//! the CSRF token.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use crossauth_core::Rejection;
use crossauth_core::error::ErrorCode;
use crossauth_core::protected::{FactorProof, Protected, StoredRequest};
use crossauth_core::session::Session;
use crossauth_core::user::FactorName;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::body::{Fields, read_all};
use crate::failure::Failure;
use crate::form::{CsrfCheck, check_before_body, failed_check};
use crate::rejection::Rejection as HttpRejection;
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::routes::second_factor::Factor2Page;

/// What to do with a request.
pub(crate) enum Checked {
    /// Execute this one.
    Execute(Request),
    /// Respond without executing it.
    Respond(Response),
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct FactorRequired<'a> {
    factor2_required: bool,
    factor2: &'a str,
    #[serde(flatten)]
    #[cfg_attr(test, schemars(with = "crate::openapi::FactorShown"))]
    shown: Map<String, Value>,
}

/// Demands the second factor of the logged-in user for routes of an application.
///
/// Add it to routes with `axum::middleware::from_fn`. Users without a second factor pass. A browser
/// is sent to our page for the code, a program gets `{"ok":true,"factor2Required":true,…}` and sends
/// the code as `otp` to the same path; then the handler receives the first request. Requests need
/// the CSRF token, and a body of at most 32 KiB: JSON, form or multipart. Safe requests (GET) pass,
/// and cancel a request that waits for the factor.
///
/// The handler finds an `Arc<`[`FactorProof`]`>` in the extensions of a confirmed request.
///
/// ```
/// use axum::{Router, middleware::from_fn, routing::post};
/// use crossauth_axum::{Crossauth, CsrfForm, CurrentUser, require_factor};
///
/// #[derive(serde::Deserialize)]
/// struct Payment {
///     amount: u32,
/// }
///
/// async fn pay(user: CurrentUser, CsrfForm(payment): CsrfForm<Payment>) -> String {
///     format!("{} pays {}", user.username, payment.amount)
/// }
///
/// # fn example(crossauth: &Crossauth) {
/// let payments = Router::new().route("/pay", post(pay)).route_layer(from_fn(require_factor));
/// let app: Router = crossauth.mount(payments);
/// # }
/// ```
///
/// # Errors
///
/// 401 if no user is logged in, if the CSRF check fails, or if the code is not valid; 413 if the
/// request is too large; 429 after too many codes.
pub async fn require_factor(request: Request, next: Next) -> Result<Response, HttpRejection> {
    let info = request.extensions().get::<RequestInfo>().cloned();
    let info = info.ok_or_else(HttpRejection::without_layer)?;
    info.require_user()?;
    match protect(&info, request).await? {
        Checked::Execute(request) => Ok(next.run(request).await),
        Checked::Respond(response) => Ok(response),
    }
}

/// Demands the second factor for a request, if its user has one.
pub(crate) async fn protect(info: &RequestInfo, request: Request) -> Result<Checked, Failure> {
    protect_if(info, request, |_| true).await
}

/// Demands the second factor for a request whose fields need it. A code for a request that waits
/// is read in either case. `need_factor` sees the fields before the CSRF token is checked.
pub(crate) async fn protect_if(
    info: &RequestInfo,
    request: Request,
    need_factor: impl FnOnce(&Map<String, Value>) -> bool,
) -> Result<Checked, Failure> {
    let has_factor = info.user().is_some_and(|user| user.factor2.is_some());
    let Some(session) = info.session().filter(|_| has_factor) else {
        return Ok(Checked::Execute(request));
    };
    let protection = &info.crossauth.auth().protection;
    if request.method().is_safe() {
        protection.cancel(session).await?;
        return Ok(Checked::Execute(request));
    }
    let (parts, body) = request.into_parts();
    let checked = check_before_body(info, &parts).map_err(|error| failed_check(info, error))?;
    let limits = info.crossauth.config().body_limits;
    let bytes = read_all(&parts.headers, body, limits).await?;
    let fields = Fields::parse(&parts.headers, bytes.clone()).await?;
    let values = fields.with_prefix("");
    let is_needed = need_factor(&values);
    if checked == CsrfCheck::NeedsBody {
        let passed = info.check_csrf(&parts.headers, fields.csrf_token());
        passed.map_err(|error| failed_check(info, error))?;
    }
    if !is_needed && !protection.waits_at(session, info.uri.path()) {
        return Ok(Checked::Execute(Request::from_parts(parts, Body::from(bytes))));
    }
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let stored = StoredRequest {
        content_type: content_type.map(str::to_owned),
        body: bytes.to_vec().into(),
        ..StoredRequest::new(parts.method.as_str(), url(info)?)
    };
    match protection.judge(session, stored, &values).await? {
        Protected::Unprotected => {
            Ok(Checked::Execute(Request::from_parts(parts, Body::from(bytes))))
        }
        Protected::Challenged { factor, shown } => Ok(Checked::Respond(match info.surface {
            Surface::Page => response::redirect(info, &info.crossauth.path("factor2")),
            Surface::Api => factor_required(info, &factor, shown),
        })),
        Protected::Confirmed { request, proof } => {
            Ok(Checked::Execute(replay(info, parts, request, proof)?))
        }
        Protected::Rejected(rejection) => rejected(info, session, rejection),
        Protected::TooLarge => Err(Failure::new(ErrorCode::BadRequest)
            .status(StatusCode::PAYLOAD_TOO_LARGE)
            .message("The request is too large to wait for the second factor")),
        Protected::Refused(refusal) => Err(refusal.into()),
    }
}

/// The response to a request of a program that needs the factor.
pub(crate) fn factor_required(
    info: &RequestInfo,
    factor: &FactorName,
    shown: Map<String, Value>,
) -> Response {
    let (factor2, shown) = (factor.as_str(), without_factor(shown));
    response::json_ok(info, FactorRequired { factor2_required: true, factor2, shown })
}

/// What is shown for a challenge, without a member that responses have anyway.
pub(crate) fn without_factor(mut shown: Map<String, Value>) -> Map<String, Value> {
    shown.remove("factor2");
    shown
}

/// Path and query of a request. The page for the code sends its form there, which must not lead to
/// another host.
fn url(info: &RequestInfo) -> Result<String, Failure> {
    let url = info.uri.path_and_query().map_or("/", |url| url.as_str());
    if url.starts_with('/') && !url.starts_with("//") && !url.contains('\\') {
        Ok(url.to_owned())
    } else {
        Err(Failure::new(ErrorCode::BadRequest))
    }
}

/// The stored request in place of the one that brought the code, whose CSRF token was checked.
fn replay(
    info: &RequestInfo,
    mut parts: Parts,
    stored: StoredRequest,
    proof: FactorProof,
) -> Result<Request, Failure> {
    let StoredRequest { url, content_type, body, .. } = stored;
    if let Some((_, query)) = url.split_once('?') {
        let uri = format!("{}?{query}", parts.uri.path());
        parts.uri = Uri::try_from(uri).map_err(|_| Failure::internal())?;
    }
    let headers = &mut parts.headers;
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.remove(CONTENT_TYPE);
    if let Some(content_type) = content_type {
        let value = HeaderValue::from_str(&content_type).map_err(|_| Failure::internal())?;
        headers.insert(CONTENT_TYPE, value);
    }
    let token = HeaderValue::from_str(&info.csrf_form_value()).map_err(|_| Failure::internal())?;
    headers.insert(info.crossauth.config().csrf_header.clone(), token);
    parts.extensions.insert(Arc::new(proof));
    Ok(Request::from_parts(parts, Body::from(body.to_vec())))
}

/// A page asks once more while the request waits; a program gets the error.
fn rejected(
    info: &RequestInfo,
    session: &Session,
    rejection: Rejection,
) -> Result<Checked, Failure> {
    let failure = Failure::rejected(rejection, info.crossauth.now());
    let waiting = info.crossauth.auth().protection.waiting(session);
    match (rejection, waiting) {
        (Rejection::Wrong, Some(_)) if info.surface == Surface::Page => {
            let to = format!("{}?error={}", info.crossauth.path("factor2"), failure.code().name());
            Ok(Checked::Respond(response::redirect(info, &to)))
        }
        (Rejection::TooMany { .. }, Some(waiting)) => {
            Err(failure.on_page(info, || Factor2Page::for_request(info, waiting)))
        }
        _ => Err(failure),
    }
}
