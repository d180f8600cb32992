//! `changefactor2`, `api/changefactor2`: chooses another second factor, or turns it off.

use axum::extract::Request;
use crossauth_core::enrolment::Assurance;
use crossauth_core::error::ErrorCode;
use crossauth_core::factor::Offered;
use crossauth_core::login::RequiredChange;
use crossauth_core::protected::FactorProof;
use crossauth_core::secret::Password;
use crossauth_core::user::{FactorName, User};
use serde::{Deserialize, Serialize};

use super::HandlerResult;
use super::configure_factor2::{begun, proof};
use super::device::DeviceEntry;
use crate::failure::Failure;
use crate::form::{Form, Submitted};
use crate::next::{self, NextPath};
use crate::page::{Page, Template, template};
use crate::request::RequestInfo;
use crate::response;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChangeForm {
    /// The factor; `none` or empty for none. It must be sent: its absence must not turn the factor
    /// off.
    factor2: String,
    /// For users without a second factor whose login is not fresh.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    password: Option<Password>,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for ChangeForm {
    const SECRET: &'static [&'static str] = &["password"];
}

/// Variables of `changefactor2.html`.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangeFactor2Page {
    next: Option<NextPath>,
    /// Whether the user must choose one before being logged in.
    required: bool,
    allowed_factor2: Vec<Offered>,
    factor2: String,
    /// Whether the password must be typed once more.
    password_needed: bool,
}

/// What the account page says about the second factor.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct FactorSummary {
    /// Whether there are second factors.
    second_factors: bool,
    /// Whether each account must have one.
    factor2_required: bool,
    /// The name of the user's factor for users.
    factor2_name: Option<String>,
    /// Whether the factor has a secret that can be replaced.
    factor2_has_secret: bool,
    recovery_codes_left: usize,
    devices: Vec<DeviceEntry>,
}

impl FactorSummary {
    pub(super) async fn of(info: &RequestInfo, user: &User) -> Result<Self, Failure> {
        let auth = info.crossauth.auth();
        let second_factors = auth.factors.any();
        let Some(name) = &user.factor2 else {
            return Ok(Self { second_factors, ..Self::default() });
        };
        let factor = auth.factors.find(name).map(|factor| factor.describe());
        let friendly = factor.map_or(name.as_str(), |factor| &factor.friendly_name);
        let devices = auth.devices.list(&user.id).await?;
        Ok(Self {
            second_factors,
            factor2_required: !auth.factors.allows_none(),
            factor2_name: Some(friendly.to_owned()),
            factor2_has_secret: factor.is_some_and(|factor| factor.has_secrets),
            recovery_codes_left: auth.recovery.count(&user.id).await?,
            devices: devices.into_iter().map(DeviceEntry::from).collect(),
        })
    }

    pub(super) fn sample() -> Self {
        Self {
            second_factors: true,
            factor2_required: true,
            factor2_name: Some("Authenticator app".into()),
            factor2_has_secret: true,
            recovery_codes_left: 9,
            devices: vec![DeviceEntry::sample()],
        }
    }
}

/// `GET changefactor2`
pub(crate) fn show(info: &RequestInfo) -> HandlerResult {
    let Some(who) = Who::of(info) else { return Err(Failure::login_needed()) };
    Ok(response::page(info, &ChangeFactor2Page::new(info, who, next::in_query(&info.uri))))
}

/// `POST changefactor2`, `POST api/changefactor2`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let proof = proof(&request);
    let Submitted { form, echo } = Submitted::<ChangeForm>::read(&info, request).await;
    let result = match form {
        Ok(form) => change(&info, form, proof.as_deref()).await,
        Err(failure) => Err(failure),
    };
    result.map_err(|failure| match Who::of(&info) {
        Some(who) => failure.on_page(&info, || {
            let page = ChangeFactor2Page::new(&info, who, echo.next());
            let factor2 = echo.owned("factor2").unwrap_or_else(|| page.factor2.clone());
            ChangeFactor2Page { factor2, ..page }
        }),
        None => failure,
    })
}

async fn change(
    info: &RequestInfo,
    form: ChangeForm,
    proof: Option<&FactorProof>,
) -> HandlerResult {
    let session = info.session().ok_or_else(|| Failure::new(ErrorCode::Unauthorized))?;
    let assurance = Assurance { factor: proof, password: form.password };
    let enrolment = &info.crossauth.auth().enrolment;
    begun(info, enrolment.change(session, &form.factor2, assurance).await?, form.next)
}

/// Who may change a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    LoggedIn,
    /// A user who must set up a factor before being logged in.
    MustSetUp,
}

impl Who {
    fn of(info: &RequestInfo) -> Option<Self> {
        let session = info.session()?;
        match info.crossauth.auth().login.required_change(session) {
            _ if session.user.is_some() => Some(Self::LoggedIn),
            Some(RequiredChange::Factor) => Some(Self::MustSetUp),
            Some(RequiredChange::Password) | None => None,
        }
    }
}

/// The choices. Users who are logged in see a factor that sends codes if their account has the
/// address or number for it; for the others, the account is not known here.
fn offered_to(info: &RequestInfo) -> Vec<Offered> {
    let factors = &info.crossauth.auth().factors;
    let offered = factors.offered();
    let Some(user) = info.user() else { return offered };
    let is_possible = |offered: &Offered| {
        let factor = factors.find(&FactorName::from(offered.name.as_str()));
        match factor.and_then(|factor| factor.describe().bound_field) {
            Some("email") => user.email.is_some(),
            Some(field) => user.extra.get(field).is_some_and(|value| !value.is_null()),
            None => true,
        }
    };
    offered.into_iter().filter(is_possible).collect()
}

impl ChangeFactor2Page {
    fn new(info: &RequestInfo, who: Who, next: Option<NextPath>) -> Self {
        let auth = info.crossauth.auth();
        let factor2 = info.user().and_then(|user| user.factor2.as_ref());
        let session = info.session();
        Self {
            next,
            required: who == Who::MustSetUp,
            allowed_factor2: offered_to(info),
            factor2: factor2.map_or(FactorName::NONE, FactorName::as_str).to_owned(),
            password_needed: session.is_some_and(|session| auth.enrolment.needs_password(session)),
        }
    }
}

impl Page for ChangeFactor2Page {
    const TEMPLATE: Template = template!("changefactor2.html");
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        Self {
            next: NextPath::parse("/after?a=b&c=d").ok(),
            required: true,
            allowed_factor2: Offered::samples(),
            factor2: "totp".into(),
            password_needed: true,
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use super::configure_factor2::{ConfigureForm, Done, Waiting};
    use super::login::UserBody;
    use crate::openapi::Operation;
    vec![
        Operation::new("GET api/configurefactor2", "Shows the second factor that is being set up")
            .returns::<Waiting>()
            .fails([ErrorCode::Unauthorized])
            .fails_with(405, ErrorCode::BadRequest),
        Operation::new("POST api/configurefactor2", "Confirms a second factor with a code of it")
            .takes::<ConfigureForm>()
            .field("otp", "A code of the second factor")
            .returns::<Done<'_>>()
            .returns::<Waiting>()
            .demands_factor()
            .takes_code()
            .fails([ErrorCode::UsernameOrPasswordInvalid])
            .refused(),
        Operation::new(
            "POST api/changefactor2",
            "Begins to set a second factor up, or turns it off",
        )
        .takes::<ChangeForm>()
        .returns::<Waiting>()
        .returns::<UserBody<'_>>()
        .fails([
            ErrorCode::Unauthorized,
            ErrorCode::UsernameOrPasswordInvalid,
            ErrorCode::Forbidden,
            ErrorCode::InvalidEmail,
            ErrorCode::InvalidPhoneNumber,
        ])
        .refused()
        .limited(),
    ]
}
