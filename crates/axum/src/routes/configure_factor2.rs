//! `configurefactor2`, `api/configurefactor2`: sets a second factor up.
//!
//! A factor that waits is shown by `GET` and confirmed by `POST` with a code of it. `POST` without
//! a code begins to replace the secret of the present factor, which must be confirmed first.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use crossauth_core::Rejection;
use crossauth_core::enrolment::{Assurance, Begun, Completed, SetUpAttempt, WaitingFactor};
use crossauth_core::error::ErrorCode;
use crossauth_core::message::Channel;
use crossauth_core::protected::FactorProof;
use crossauth_core::session::{NewSession, Session};
use crossauth_core::user::{FactorName, User};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::HandlerResult;
use super::login::{UserBody, chosen};
use super::recovery_codes::RecoveryCodesPage;
use crate::body::deserialize_tick;
use crate::failure::Failure;
use crate::form::{Echo, Form, Submitted};
use crate::next::{self, NextPath};
use crate::page::{Page, Template, template};
use crate::protection::{Checked, protect_if};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::session_change::SessionChange;
use crate::visible_user::VisibleUser;

/// The fields of the form, except those of the factor.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ConfigureForm {
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
    #[serde(default, deserialize_with = "deserialize_tick")]
    persist: Option<bool>,
    /// Whether to send another code.
    #[serde(default, deserialize_with = "deserialize_tick")]
    resend: Option<bool>,
}

impl Form for ConfigureForm {
    const SECRET: &'static [&'static str] = &[];
}

/// Variables of `configurefactor2.html`.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigureFactor2Page {
    next: Option<NextPath>,
    /// Whether the account needs a second factor.
    required: bool,
    message: Option<&'static str>,
    /// The name of the factor for users.
    friendly_name: String,
    /// How codes of the factor are sent: `email` or `sms`.
    channel: Option<&'static str>,
    /// What the factor shows.
    #[serde(flatten)]
    shown: Map<String, Value>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Waiting {
    #[serde(flatten)]
    #[cfg_attr(test, schemars(with = "crate::openapi::FactorShown"))]
    shown: Map<String, Value>,
    csrf_token: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Done<'a> {
    user: Option<VisibleUser<'a>>,
    email_verification_needed: bool,
    recovery_codes: &'a [String],
}

const VERIFY: &str = "Please check your email to finish signing up.";

/// `GET configurefactor2`, `GET api/configurefactor2`: the factor that waits.
pub(crate) async fn show(info: RequestInfo, _: Request) -> HandlerResult {
    let Some(session) = info.session() else { return Err(Failure::login_needed()) };
    match info.crossauth.auth().enrolment.waiting(session).await? {
        Some(waiting) => {
            let page = ConfigureFactor2Page::of(&info, waiting, next::in_query(&info.uri));
            Ok(waiting_response(&info, page))
        }
        None if info.surface == Surface::Page => after_set_up(&info),
        None => info.require_user().map(|_| begun_by_post(&info)),
    }
}

/// Redirects a reload of the page of a completed set-up to the page about the second factor.
fn after_set_up(info: &RequestInfo) -> HandlerResult {
    let has_factor = info.require_user()?.factor2.is_some();
    let page = info.crossauth.path(if has_factor { "recoverycodes" } else { "changefactor2" });
    let next = next::in_query(&info.uri).map(|next| format!("?next={}", next.encoded()));
    Ok(response::redirect(info, &(page + &next.unwrap_or_default())))
}

/// Refuses upstream's `GET` that begins to replace the secret: links on other sites must not.
fn begun_by_post(info: &RequestInfo) -> Response {
    let path = info.crossauth.path("api/configurefactor2");
    let failure = Failure::new(ErrorCode::BadRequest)
        .status(StatusCode::METHOD_NOT_ALLOWED)
        .message(format!("No second factor is being set up. Send POST to {path} to change it"));
    ([(header::ALLOW, "POST")], failure).into_response()
}

/// `POST configurefactor2`, `POST api/configurefactor2`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let request = if is_beginning(&info).await? {
        let mut has_code = false;
        let protected = protect_if(&info, request, |fields| {
            has_code = has_code_of_set_up(&info, fields);
            true
        });
        match protected.await {
            Ok(Checked::Execute(request)) => request,
            Ok(Checked::Respond(response)) => return Ok(response),
            Err(failure) if has_code && failure.is_stale_form() => return after_set_up(&info),
            Err(failure) => return Err(failure),
        }
    } else {
        request
    };
    let proof = proof(&request);
    let Submitted { form, echo } = Submitted::<ConfigureForm>::read(&info, request).await;
    let result = match form {
        Ok(form) => configure(&info, form, &echo, proof.as_deref()).await,
        Err(failure) => Err(failure),
    };
    match (result, info.session()) {
        (Err(failure), Some(session)) => Err(with_form(&info, session, failure, &echo).await),
        (result, _) => result,
    }
}

/// Whether a form has a token and a code, but no request waits for one. If no set-up waits either and
/// the token is outdated, a reload has sent the form again that completed the set-up.
fn has_code_of_set_up(info: &RequestInfo, fields: &Map<String, Value>) -> bool {
    let waits = |session| info.crossauth.auth().protection.waits_at(session, info.uri.path());
    let factor = info.user().and_then(|user| user.factor2.as_ref());
    info.surface == Surface::Page
        && fields.contains_key("csrfToken")
        && !info.session().is_some_and(waits)
        && factor.is_some_and(|factor| responds(info, factor, fields))
}

/// Whether a request begins a set-up, or confirms the present factor to begin one. Otherwise its
/// code is of the factor that waits.
async fn is_beginning(info: &RequestInfo) -> Result<bool, Failure> {
    let Some(session) = info.session() else { return Ok(false) };
    let auth = info.crossauth.auth();
    Ok(auth.protection.waits_at(session, info.uri.path())
        || auth.enrolment.waiting(session).await?.is_none())
}

/// The proof of the second factor that came with a request.
pub(super) fn proof(request: &Request) -> Option<std::sync::Arc<FactorProof>> {
    request.extensions().get().cloned()
}

async fn configure(
    info: &RequestInfo,
    form: ConfigureForm,
    echo: &Echo,
    proof: Option<&FactorProof>,
) -> HandlerResult {
    let session = info.session().ok_or_else(|| Failure::new(ErrorCode::Unauthorized))?;
    let enrolment = &info.crossauth.auth().enrolment;
    if form.resend == Some(true) {
        return begun(info, enrolment.resend(session).await?, form.next);
    }
    let fields = echo.fields();
    let begins = match enrolment.waiting(session).await? {
        _ if info.user().is_none() => false,
        Some(_) if proof.is_some() => true,
        Some(waiting) if !responds(info, &waiting.factor, &fields) => {
            let page = ConfigureFactor2Page::of(info, waiting, form.next);
            return Ok(waiting_response(info, page));
        }
        Some(_) => false,
        None => true,
    };
    if begins {
        let assurance = Assurance { factor: proof, password: None };
        return begun(info, enrolment.configure(session, assurance).await?, form.next);
    }
    let persist = form.persist.map(chosen);
    let attempt = SetUpAttempt { persist, ..SetUpAttempt::new(session, &fields) };
    match enrolment.complete(attempt).await? {
        Completed::Done { user, session, recovery_codes } => {
            let done = Confirmed { user: Some((*user, session)), recovery_codes, next: form.next };
            Ok(completed(info, done))
        }
        Completed::VerifyEmail { recovery_codes } => {
            Ok(completed(info, Confirmed { user: None, recovery_codes, next: form.next }))
        }
        Completed::Rejected(rejection) => {
            let failure = Failure::rejected(rejection, info.crossauth.now());
            Err(match rejection {
                Rejection::Wrong | Rejection::Expired => failure.about("otp"),
                Rejection::TooMany { .. } | Rejection::Gone => failure,
            })
        }
        Completed::Refused(refusal) => Err(refusal.into()),
    }
}

/// Whether fields are a response to a challenge of this factor.
fn responds(info: &RequestInfo, factor: &FactorName, fields: &Map<String, Value>) -> bool {
    let factor = info.crossauth.auth().factors.find(factor);
    let names = factor.map_or(&[] as &[_], |factor| factor.describe().response_fields);
    names.iter().any(|name| fields.contains_key(*name))
}

/// The form once more, if a factor waits.
async fn with_form(
    info: &RequestInfo,
    session: &Session,
    failure: Failure,
    echo: &Echo,
) -> Failure {
    if info.surface == Surface::Api {
        return failure;
    }
    match info.crossauth.auth().enrolment.waiting(session).await {
        Ok(Some(waiting)) => {
            failure.on_page(info, || ConfigureFactor2Page::of(info, waiting, echo.next()))
        }
        Ok(None) => failure,
        Err(error) => error.into(),
    }
}

/// A factor that is in force from now on.
struct Confirmed {
    /// The user and the new session; `None` if the address must be verified first.
    user: Option<(User, Box<NewSession>)>,
    recovery_codes: Vec<String>,
    next: Option<NextPath>,
}

fn completed(info: &RequestInfo, done: Confirmed) -> Response {
    let Confirmed { user, recovery_codes, next } = done;
    let must_verify = user.is_none();
    match info.surface {
        Surface::Page => {
            let was_logged_in = info.user().is_some();
            let message = match was_logged_in {
                true => "Two-factor authentication updated",
                false if must_verify => VERIFY,
                false => "Two-factor authentication is on",
            };
            let page = RecoveryCodesPage::made(info, recovery_codes, message, next);
            match user {
                Some((_, session)) => response::page_in(info, &page, *session),
                None => response::with_session(response::page(info, &page), SessionChange::Ended),
            }
        }
        Surface::Api => {
            let body = Done {
                user: user.as_ref().map(|(user, _)| VisibleUser::new(&info.crossauth, user)),
                email_verification_needed: must_verify,
                recovery_codes: &recovery_codes,
            };
            let response = response::json_ok(info, body);
            let change = user.map(|(_, session)| SessionChange::begin(*session));
            response::with_session(response, change.unwrap_or(SessionChange::Ended))
        }
    }
}

/// The response to the beginning of a set-up.
pub(super) fn begun(info: &RequestInfo, begun: Begun, next: Option<NextPath>) -> HandlerResult {
    let failure = match begun {
        Begun::Waiting { factor, shown } => {
            let page = ConfigureFactor2Page::new(info, &factor, shown, next);
            return Ok(waiting_response(info, page));
        }
        Begun::TurnedOff { session } => return Ok(turned_off(info, *session, next)),
        Begun::NeedsFactor => Failure::new(ErrorCode::Unauthorized)
            .message("The present second factor must be confirmed first"),
        Begun::NeedsPassword => Failure::new(ErrorCode::UsernameOrPasswordInvalid)
            .field("password", "Please enter your password once more".to_owned()),
        Begun::WrongPassword => Failure::new(ErrorCode::UsernameOrPasswordInvalid)
            .field("password", "The password is wrong".to_owned()),
        Begun::Unavailable => Failure::new(ErrorCode::Forbidden)
            .field("factor2", "This second factor is not available".to_owned()),
        Begun::NoSecret => Failure::new(ErrorCode::BadRequest)
            .message("The second factor has no secret that could be replaced"),
        Begun::InvalidEmail => Failure::new(ErrorCode::InvalidEmail)
            .field("factor2", "The account has no email address for it".to_owned()),
        Begun::InvalidPhone => Failure::new(ErrorCode::InvalidPhoneNumber)
            .field("factor2", "The account has no phone number for it".to_owned()),
        Begun::TooMany { retry_at } => Failure::too_many(retry_at, info.crossauth.now()),
        Begun::NotPermitted => Failure::new(ErrorCode::Unauthorized),
        Begun::Refused(refusal) => refusal.into(),
    };
    Err(failure)
}

fn waiting_response(info: &RequestInfo, page: ConfigureFactor2Page) -> Response {
    match info.surface {
        Surface::Page => response::page(info, &page),
        Surface::Api => {
            let csrf_token = info.csrf_form_value();
            response::json_ok(info, Waiting { shown: page.shown, csrf_token })
        }
    }
}

fn turned_off(info: &RequestInfo, session: NewSession, next: Option<NextPath>) -> Response {
    match info.surface {
        Surface::Page => {
            let message = Some("Two factor authentication has been updated");
            let page = ConfigureFactor2Page { next, message, ..ConfigureFactor2Page::default() };
            response::page_in(info, &page, session)
        }
        Surface::Api => {
            let user = session.user.as_ref();
            let user = user.map(|user| VisibleUser::new(&info.crossauth, user));
            let response = response::json_ok(info, UserBody { user });
            response::with_session(response, SessionChange::begin(session))
        }
    }
}

impl ConfigureFactor2Page {
    /// The page of a set-up that begins.
    pub(super) fn new(
        info: &RequestInfo,
        factor: &FactorName,
        shown: Map<String, Value>,
        next: Option<NextPath>,
    ) -> Self {
        let factor = info.crossauth.auth().factors.find(factor);
        let factor = factor.map(|factor| factor.describe());
        Self {
            next,
            required: info.user().is_none(),
            message: None,
            friendly_name: factor.map(|factor| factor.friendly_name.clone()).unwrap_or_default(),
            channel: factor.and_then(|factor| factor.channel).map(Channel::as_str),
            shown,
        }
    }

    /// The page of a set-up that waits.
    fn of(info: &RequestInfo, waiting: WaitingFactor, next: Option<NextPath>) -> Self {
        Self::new(info, &waiting.factor, waiting.shown, next)
    }

    /// The page with a message.
    pub(super) fn with_message(self, message: Option<&'static str>) -> Self {
        Self { message, ..self }
    }

    /// What the factor shows.
    pub(super) fn into_shown(self) -> Map<String, Value> {
        self.shown
    }
}

impl Page for ConfigureFactor2Page {
    const TEMPLATE: Template = template!("configurefactor2.html");
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        let shown = [
            ("username", "ada"),
            ("factor2", "totp"),
            ("totpsecret", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"),
            ("uri", "otpauth://totp/Crossauth:ada?secret=JBSWY3DPEHPK3PXP&issuer=Crossauth"),
            ("qr", "data:image/png;base64,iVBORw0KGgo="),
            ("email", "ada@example.com"),
            ("phone", "+43 1 234"),
            ("sentTo", "a••@example.com"),
        ];
        let shown = shown.map(|(name, value)| (name.to_owned(), value.into()));
        Self {
            next: NextPath::parse("/after?a=b&c=d").ok(),
            required: true,
            message: Some("Two factor authentication has been updated"),
            friendly_name: "Authenticator app".into(),
            channel: Some("email"),
            shown: shown.into_iter().collect(),
        }
    }
}
