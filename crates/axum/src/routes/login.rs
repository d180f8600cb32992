//! `login`, `api/login`: login with username and password.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use crossauth_core::error::ErrorCode;
use crossauth_core::login::{LoginAttempt, LoginOutcome};
use crossauth_core::secret::Password;
use crossauth_core::session::{NewSession, Persistence};
use crossauth_core::user::{Normalization, Refusal, User};
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::{HandlerResult, second_factor};
use crate::body::deserialize_tick;
use crate::cookies;
use crate::failure::Failure;
use crate::form::{Echo, Form, Submitted};
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::session_change::SessionChange;
use crate::visible_user::VisibleUser;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LoginForm {
    username: String,
    #[cfg_attr(test, schemars(with = "String"))]
    password: Password,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
    #[serde(default, deserialize_with = "deserialize_tick")]
    persist: Option<bool>,
}

impl Form for LoginForm {
    const SECRET: &'static [&'static str] = &["password"];
}

/// Variables of `login.html`.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoginPage {
    next: Option<NextPath>,
    persist: &'static str,
    username: Option<String>,
    signup_enabled: bool,
    password_reset_enabled: bool,
    email_verification_enabled: bool,
}

/// Variables of `loggedin.html`, for a logged-in user who tries to log in as another.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedInPage {
    /// Where the logged-in user can continue.
    next: Option<NextPath>,
    /// The login page, as the destination after logging out.
    login_path: String,
}

/// The JSON of a completed login.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct UserBody<'a> {
    pub(super) user: Option<VisibleUser<'a>>,
}

/// Where a login leads, and for how long.
#[derive(Debug, Clone, Default)]
pub(super) struct Destination {
    pub(super) next: Option<NextPath>,
    /// `on` if the session should outlive the browser, otherwise empty.
    pub(super) persist: &'static str,
}

/// `GET login`
pub(crate) fn show(info: &RequestInfo) -> Response {
    let next = next::in_query(&info.uri);
    if info.user().is_some() {
        return redirect_after_login(info, next.as_ref());
    }
    response::page(info, &LoginPage { next, ..LoginPage::new(info) })
}

/// `GET` of an address that only takes the form of a mailed link by `POST`, such as a reload of the
/// page that it returned: redirects to the login page.
pub(crate) fn redirect(info: &RequestInfo) -> Response {
    response::redirect(info, &response::login_path(info, None))
}

/// `POST login`, `POST api/login`
///
/// A client that is logged in already authenticates again, as the same user or another: its old
/// session ends when the new one begins, and stays when the login fails.
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let device = known_device(&info, request.headers()).map(str::to_owned);
    let Submitted { form, echo } = Submitted::<LoginForm>::read(&info, request).await;
    let result = match form {
        Ok(form) => log_in(&info, form, &echo, device.as_deref()).await,
        Err(failure) => resend(&info, failure, &echo),
    };
    result.map_err(|failure| failure.on_page(&info, || LoginPage::with_echo(&info, &echo)))
}

/// The cookie of a known device.
pub(super) fn known_device<'a>(info: &RequestInfo, headers: &'a HeaderMap) -> Option<&'a str> {
    cookies::find(headers, &info.crossauth.config().device_cookie.name)
}

async fn log_in(
    info: &RequestInfo,
    form: LoginForm,
    echo: &Echo,
    device: Option<&str>,
) -> HandlerResult {
    let persist = persistence(info, form.persist);
    let (username, password) = (form.username.as_str(), form.password);
    let replaces = info.replaced_session();
    let (browser, visitor) = (info.known_browser(), info.visitor.to_core());
    let attempt = LoginAttempt { username, password, persist, replaces, device, browser, visitor };
    let outcome = info.crossauth.auth().login.attempt(attempt).await?;
    let destination = Destination { next: form.next, persist: echo.persist() };
    admitted(info, outcome, &destination, |user| response::json_ok(info, UserBody { user }))
}

/// The response to a checked first factor: the user is logged in, is asked for the second factor,
/// or must change something first. `json` is the response of the endpoint to a login.
pub(super) fn admitted(
    info: &RequestInfo,
    outcome: LoginOutcome,
    destination: &Destination,
    json: impl FnOnce(Option<VisibleUser<'_>>) -> Response,
) -> HandlerResult {
    let change = |refusal, session, page| must_change(info, refusal, session, page, destination);
    match outcome {
        LoginOutcome::LoggedIn(session) => {
            Ok(logged_in(info, *session, destination.next.as_ref(), json))
        }
        LoginOutcome::SecondFactor(needed) => Ok(second_factor::ask(info, *needed, destination)),
        LoginOutcome::PasswordChange(session) => {
            change(Refusal::PasswordChangeNeeded, *session, "changepassword")
        }
        LoginOutcome::FactorReset(session) => {
            change(Refusal::Factor2ResetNeeded, *session, "changefactor2")
        }
        LoginOutcome::WrongCredentials => Err(Failure::new(ErrorCode::UsernameOrPasswordInvalid)
            .message("Invalid username or password")),
        LoginOutcome::Refused(refusal) => Err(refusal.into()),
        LoginOutcome::TooMany { retry_at } => {
            Err(Failure::too_many(retry_at, info.crossauth.now()))
        }
    }
}

/// Sends a user, who must change something before the login, to the page for it, with the session
/// that permits it. A program gets the error with that session.
fn must_change(
    info: &RequestInfo,
    refusal: Refusal,
    session: NewSession,
    page: &str,
    destination: &Destination,
) -> HandlerResult {
    let path = info.crossauth.path(page);
    if !info.crossauth.has_endpoint(&Method::GET, &path) {
        return Err(refusal.into());
    }
    let response = match info.surface {
        Surface::Page => {
            let login = response::login_path(info, destination.next.as_ref());
            let next = form_urlencoded::byte_serialize(login.as_bytes());
            let next: String = next.collect();
            response::redirect(info, &format!("{path}?required=true&next={next}"))
        }
        Surface::Api => Failure::from(refusal).into_response(),
    };
    Ok(response::with_session(response, SessionChange::begin(session)))
}

/// The response that begins a user's session: a redirect, or the JSON of the endpoint.
pub(super) fn logged_in(
    info: &RequestInfo,
    session: NewSession,
    next: Option<&NextPath>,
    json: impl FnOnce(Option<VisibleUser<'_>>) -> Response,
) -> Response {
    let response = match info.surface {
        Surface::Page => redirect_after_login(info, next),
        Surface::Api => {
            let user = session.user.as_ref();
            json(user.map(|user| VisibleUser::new(&info.crossauth, user)))
        }
    };
    response::with_session(response, SessionChange::begin(session))
}

/// Handles a form whose token has expired because its user logged in in another tab.
///
/// Redirects if it is for the same user. It is never accepted as a login of another user.
pub(super) fn resend(info: &RequestInfo, failure: Failure, echo: &Echo) -> HandlerResult {
    let is_stale = info.surface == Surface::Page && failure.is_stale_form();
    let Some(user) = info.user().filter(|_| is_stale) else { return Err(failure) };
    match echo.text("username") {
        Some(name) if is_name_of(name, user) => {
            Ok(redirect_after_login(info, echo.next().as_ref()))
        }
        _ => Err(failure.on_page(info, || LoggedInPage::new(info, echo))),
    }
}

fn is_name_of(typed: &str, user: &User) -> bool {
    let typed = Normalization::Nfkc.apply(typed);
    let is = |name: &str| Normalization::Nfkc.apply(name) == typed;
    is(&user.username) || user.email.as_deref().is_some_and(is)
}

/// An unticked checkbox is absent from a page's form, which means `false`. For JSON, an absent
/// field means the configured default.
pub(super) fn persistence(info: &RequestInfo, wanted: Option<bool>) -> Option<Persistence> {
    let wanted = match info.surface {
        Surface::Page => Some(wanted.unwrap_or(false)),
        Surface::Api => wanted,
    };
    wanted.map(chosen)
}

/// The persistence that a checkbox means.
pub(super) fn chosen(persists: bool) -> Persistence {
    if persists { Persistence::Persistent } else { Persistence::UntilBrowserCloses }
}

/// The redirect after a login.
pub(super) fn redirect_after_login(info: &RequestInfo, next: Option<&NextPath>) -> Response {
    let default = &info.crossauth.config().login_redirect;
    response::redirect(info, next.map_or(default, NextPath::as_str))
}

impl Page for LoginPage {
    const TEMPLATE: Template = template!("login.html");
    const AUDIENCE: Audience = Audience::Anyone;
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        Self {
            next: NextPath::parse("/after?a=b&c=d").ok(),
            persist: "on",
            username: Some("ada".into()),
            signup_enabled: true,
            password_reset_enabled: true,
            email_verification_enabled: true,
        }
    }
}

impl Page for LoggedInPage {
    const TEMPLATE: Template = template!("loggedin.html");
    const AUDIENCE: Audience = Audience::LoggedIn;
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        Self {
            next: NextPath::parse("/after?a=b&c=d").ok(),
            login_path: "/auth/login?next=%2Fafter".into(),
        }
    }
}

impl LoggedInPage {
    pub(super) fn new(info: &RequestInfo, echo: &Echo) -> Self {
        let next = echo.next();
        Self { login_path: response::login_path(info, next.as_ref()), next }
    }
}

impl LoginPage {
    fn new(info: &RequestInfo) -> Self {
        Self {
            signup_enabled: info.crossauth.serves("signup"),
            password_reset_enabled: info.crossauth.serves("requestpasswordreset"),
            email_verification_enabled: info.crossauth.serves("resendverification"),
            ..Self::default()
        }
    }

    pub(super) fn with_echo(info: &RequestInfo, echo: &Echo) -> Self {
        let (next, username) = (echo.next(), echo.owned("username"));
        Self { next, username, persist: echo.persist(), ..Self::new(info) }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    vec![
        Operation::new("POST api/login", "Logs a user in with name or e-mail address and password")
            .takes::<LoginForm>()
            .returns::<UserBody<'_>>()
            .returns::<second_factor::Needed<'_>>()
            .fails([ErrorCode::UsernameOrPasswordInvalid])
            .refused()
            .limited(),
    ]
}
