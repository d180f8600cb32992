//! `loginfactor2`, `factor2`, `resendfactor2`, `cancelfactor2`: the second factor of a login, and of
//! requests that need it.

mod resend;

use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use crossauth_core::error::ErrorCode;
use crossauth_core::login::{
    PendingLogin, SecondFactorAttempt, SecondFactorNeeded, SecondFactorOutcome,
};
use crossauth_core::protected::WaitingRequest;
use crossauth_core::session::{Persistence, Session};
use crossauth_core::user::FactorName;
use crossauth_core::{RECOVERY_CODE, Rejection};
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::HandlerResult;
use super::login::{Destination, LoggedInPage, LoginPage, UserBody, chosen, logged_in};
use crate::body::deserialize_tick;
use crate::failure::Failure;
use crate::form::{Echo, read_fields};
use crate::next::{self, NextPath};
use crate::page::{Page, Template, template};
use crate::protection::without_factor;
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::session_change::SessionChange;
use crate::visible_user::VisibleUser;

pub(crate) use resend::{resend, show_again};

/// Where the form of a login is sent, as upstream's pages name it.
const LOGIN_ACTION: &str = "loginfactor2";

/// Fields that are never echoed.
const SECRET: &[&str] = &["otp", RECOVERY_CODE];

/// The fields of the form, except those of the factor.
#[derive(Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SecondFactorForm {
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
    #[serde(default, deserialize_with = "deserialize_tick")]
    persist: Option<bool>,
    #[serde(default, deserialize_with = "deserialize_tick")]
    remember_device: Option<bool>,
}

/// Variables of `factor2.html`.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Factor2Page {
    /// Where the form is sent.
    action: String,
    factor2: String,
    /// The name of the factor for users.
    factor2_name: String,
    /// The masked address or number to which a code was sent.
    sent_to: Option<String>,
    /// Whether the page belongs to a login.
    logs_in: bool,
    /// How long the device can be remembered, in words; absent if it cannot.
    remember_for: Option<String>,
    /// Whether another code can be sent.
    can_resend: bool,
    next: Option<NextPath>,
    persist: &'static str,
    message: Option<&'static str>,
}

/// The JSON of a login that waits for the second factor.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Needed<'a> {
    two_factor_required: bool,
    factor2: &'a str,
    #[serde(flatten)]
    #[cfg_attr(test, schemars(with = "crate::openapi::FactorShown"))]
    shown: Map<String, Value>,
}

/// Asks for the second factor of a login.
pub(super) fn ask(
    info: &RequestInfo,
    needed: SecondFactorNeeded,
    destination: &Destination,
) -> Response {
    let SecondFactorNeeded { session, factor, shown, .. } = needed;
    let response = match info.surface {
        Surface::Page => {
            let page = Factor2Page::for_login(info, &factor, Some(&shown));
            let Destination { next, persist } = destination.clone();
            let page = Factor2Page { next, persist, ..page };
            // The form needs the token of the session in which the login waits.
            return match session {
                Some(session) => response::page_in(info, &page, *session),
                None => response::page(info, &page),
            };
        }
        Surface::Api => {
            let (factor2, shown) = (factor.as_str(), without_factor(shown));
            response::json_ok(info, Needed { two_factor_required: true, factor2, shown })
        }
    };
    match session {
        Some(session) => response::with_session(response, SessionChange::begin(*session)),
        None => response,
    }
}

/// `GET loginfactor2`: the page of a login that waits, once more.
pub(crate) fn show_login(info: &RequestInfo) -> Response {
    let next = next::in_query(&info.uri);
    match info.session().and_then(|session| pending(info, session)) {
        Some(pending) => {
            let page = Factor2Page::for_login(info, &pending.factor, None);
            response::page(info, &Factor2Page { next, persist: persist(&pending), ..page })
        }
        None => response::redirect(info, &response::login_path(info, next.as_ref())),
    }
}

/// `POST loginfactor2`, `POST api/loginfactor2`
pub(crate) async fn log_in(info: RequestInfo, request: Request) -> HandlerResult {
    let (fields, read) = read_fields(&info, request).await;
    let (echo, values) = (Echo::of(&fields, SECRET), fields.with_prefix(""));
    let form = read.and_then(|()| fields.into_typed::<SecondFactorForm>());
    let result = match form {
        Ok(form) => complete(&info, &form, &values).await,
        Err(failure) => Err(failure),
    };
    result.map_err(|failure| ask_again(&info, failure, &echo))
}

async fn complete(
    info: &RequestInfo,
    form: &SecondFactorForm,
    fields: &Map<String, Value>,
) -> HandlerResult {
    let gone = || Failure::rejected(Rejection::Gone, info.crossauth.now());
    let session = info.session().ok_or_else(gone)?;
    let persist = form.persist.map(chosen);
    let (browser, visitor) = (info.known_browser(), info.visitor.to_core());
    let device = visitor.device();
    let device = device.as_deref().unwrap_or("Unknown device");
    let remember = form.remember_device.unwrap_or(false).then_some(device);
    let attempt = SecondFactorAttempt { session, fields, persist, remember, browser, visitor };
    match info.crossauth.auth().login.complete(attempt).await? {
        SecondFactorOutcome::LoggedIn { session, device } => {
            let next = form.next.as_ref();
            let json = |user: Option<VisibleUser<'_>>| response::json_ok(info, UserBody { user });
            let mut response = logged_in(info, *session, next, json);
            if let Some(device) = device {
                info.crossauth.set_device_cookie(response.headers_mut(), &device);
            }
            Ok(response)
        }
        SecondFactorOutcome::Rejected(rejection) => {
            Err(Failure::rejected(rejection, info.crossauth.now()))
        }
        SecondFactorOutcome::Refused(refusal) => Err(refusal.into()),
    }
}

/// Shows the page for the code again while the login waits; otherwise the login page or, to a user
/// who is logged in, who that is.
fn ask_again(info: &RequestInfo, failure: Failure, echo: &Echo) -> Failure {
    let waiting = info.session().and_then(|session| pending(info, session));
    match waiting.filter(|_| failure.code() != ErrorCode::Unauthorized) {
        Some(pending) => {
            let page = Factor2Page::for_login(info, &pending.factor, None);
            let (next, persist) = (echo.next(), persist(&pending));
            failure.on_page(info, || Factor2Page { next, persist, ..page })
        }
        None if info.user().is_some() => failure.on_page(info, || LoggedInPage::new(info, echo)),
        None => failure.on_page(info, || LoginPage::with_echo(info, echo)),
    }
}

/// `GET factor2`: the page for the code of a request that waits.
pub(crate) fn show(info: &RequestInfo) -> Response {
    let protection = &info.crossauth.auth().protection;
    let Some(waiting) = info.session().and_then(|session| protection.waiting(session)) else {
        return Failure::rejected(Rejection::Gone, info.crossauth.now()).into_response();
    };
    let page = Factor2Page::for_request(info, waiting);
    match reported_error(info) {
        Some(failure) => response::page_with_problem(info, &page, &failure),
        None => response::page(info, &page),
    }
}

/// The failure that the query reports.
fn reported_error(info: &RequestInfo) -> Option<Failure> {
    let code = ErrorCode::from_name(&info.query("error")?)?;
    let is_wrong_code = code == ErrorCode::InvalidToken;
    let wrong_code = || Failure::rejected(Rejection::Wrong, info.crossauth.now());
    Some(if is_wrong_code { wrong_code() } else { Failure::new(code) })
}

/// `POST cancelfactor2`, `POST api/cancelfactor2`: gives up the login or the request that waits.
pub(crate) async fn cancel(info: RequestInfo, request: Request) -> HandlerResult {
    let (fields, read) = read_fields(&info, request).await;
    read?;
    let session = info.session().ok_or_else(|| Failure::new(ErrorCode::Unauthorized))?;
    let auth = info.crossauth.auth();
    let waiting = auth.protection.waiting(session);
    auth.login.cancel(session).await?;
    auth.protection.cancel(session).await?;
    if info.surface == Surface::Api {
        return Ok(response::json_done(&info));
    }
    let next = Echo::of(&fields, SECRET).next();
    Ok(match waiting.and_then(|waiting| page_of(&info, &waiting)) {
        Some(page) => response::redirect(&info, &page),
        None if info.user().is_some() => {
            response::redirect(&info, &info.crossauth.config().login_redirect)
        }
        None => response::redirect(&info, &response::login_path(&info, next.as_ref())),
    })
}

/// The page whose form a request that waits comes from.
fn page_of(info: &RequestInfo, waiting: &WaitingRequest) -> Option<String> {
    let path = waiting.url.split('?').next().unwrap_or_default();
    info.crossauth.has_endpoint(&Method::GET, path).then(|| waiting.url.clone())
}

/// `GET api/cancelfactor2`, with which upstream cancels.
pub(crate) fn cancel_by_get(_: &RequestInfo) -> Response {
    let failure = Failure::new(ErrorCode::BadRequest)
        .status(StatusCode::METHOD_NOT_ALLOWED)
        .message("Use POST api/cancelfactor2 with a CSRF token");
    let mut response = failure.into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

fn pending(info: &RequestInfo, session: &Session) -> Option<PendingLogin> {
    info.crossauth.auth().login.pending(session)
}

/// The masked address or number to which a code was sent.
fn sent_to(shown: &Map<String, Value>) -> Option<String> {
    shown.get("sentTo")?.as_str().map(str::to_owned)
}

fn persist(pending: &PendingLogin) -> &'static str {
    if pending.persist == Some(Persistence::Persistent) { "on" } else { "" }
}

/// A duration in the largest unit that divides it: `30 days`, `90 minutes`.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];
    let fitting = units.into_iter().find(|(_, size)| seconds.is_multiple_of(*size));
    let (unit, size) = fitting.unwrap_or(("second", 1));
    let count = seconds / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

impl Factor2Page {
    fn for_login(
        info: &RequestInfo,
        factor: &FactorName,
        shown: Option<&Map<String, Value>>,
    ) -> Self {
        let (action, sent_to) = (LOGIN_ACTION.into(), shown.and_then(sent_to));
        let remember_for = info.crossauth.auth().devices.lifetime().map(in_words);
        Self { action, logs_in: true, sent_to, remember_for, ..Self::of(info, factor) }
    }

    pub(crate) fn for_request(info: &RequestInfo, waiting: WaitingRequest) -> Self {
        Self { action: waiting.url, ..Self::of(info, &waiting.factor) }
    }

    fn of(info: &RequestInfo, factor: &FactorName) -> Self {
        let known = info.crossauth.auth().factors.find(factor).map(|factor| factor.describe());
        Self {
            factor2: factor.to_string(),
            factor2_name: known.map(|it| it.friendly_name.clone()).unwrap_or_default(),
            can_resend: known.is_some_and(|it| it.channel.is_some()),
            ..Self::default()
        }
    }
}

impl Page for Factor2Page {
    const TEMPLATE: Template = template!("factor2.html");
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        Self {
            action: LOGIN_ACTION.into(),
            factor2: "email".into(),
            factor2_name: "Code by email".into(),
            sent_to: Some("a…@example.com".into()),
            logs_in: true,
            remember_for: Some("30 days".into()),
            can_resend: true,
            next: NextPath::parse("/after?a=b&c=d").ok(),
            persist: "on",
            message: Some("We have sent another code."),
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    vec![
        Operation::new("POST api/loginfactor2", "Completes a login with the second factor")
            .takes::<SecondFactorForm>()
            .field("otp", "A code of the second factor")
            .field(RECOVERY_CODE, "A recovery code instead")
            .returns::<UserBody<'_>>()
            .takes_code()
            .refused(),
        Operation::new("POST api/resendfactor2", "Sends another code for what waits for one")
            .takes::<super::logout::LogoutForm>()
            .returns::<Needed<'_>>()
            .returns::<crate::protection::FactorRequired<'_>>()
            .takes_code(),
        Operation::new("POST api/cancelfactor2", "Gives up what waits for a second factor")
            .takes::<super::logout::LogoutForm>()
            .done()
            .fails([ErrorCode::Unauthorized]),
        Operation::new("GET api/cancelfactor2", "Refused: upstream's way to cancel")
            .fails_with(405, ErrorCode::BadRequest),
    ]
}
