//! `reauthenticate`, `api/reauthenticate`: makes the login of the session fresh.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::enrolment::Assurance;
use crossauth_core::error::ErrorCode;
use crossauth_core::fresh_login::Renewal;
use crossauth_core::secret::Password;
use serde::{Deserialize, Serialize};

use super::HandlerResult;
use super::configure_factor2::proof;
use super::login::{UserBody, logged_in, redirect_after_login};
use crate::failure::Failure;
use crate::form::{Form, Submitted};
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, template};
use crate::request::RequestInfo;
use crate::response;
use crate::visible_user::VisibleUser;

/// The fields of the form, besides the code of the second factor.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReauthenticateForm {
    /// Not needed by accounts without one.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    password: Option<Password>,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for ReauthenticateForm {
    const SECRET: &'static [&'static str] = &["password"];
}

/// Variables of `reauthenticate.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReauthenticatePage {
    next: Option<NextPath>,
    /// Whether a form was sent before, which must be sent once more.
    unsent: bool,
    password_needed: bool,
}

/// `GET reauthenticate`
pub(crate) fn show(info: &RequestInfo) -> Response {
    let next = next::in_query(&info.uri);
    let fresh_login = &info.crossauth.auth().fresh_login;
    if info.session().is_some_and(|session| fresh_login.is_fresh(session)) {
        return redirect_after_login(info, next.as_ref());
    }
    response::page(info, &ReauthenticatePage::new(info, next))
}

/// `POST reauthenticate`, `POST api/reauthenticate`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let proof = proof(&request);
    let Submitted { form, echo } = Submitted::<ReauthenticateForm>::read(&info, request).await;
    let next = echo.next();
    let renewed = match form {
        Ok(form) => {
            let password = form.password.filter(|password| !password.expose().is_empty());
            renew(&info, Assurance { factor: proof.as_deref(), password }, form.next).await
        }
        Err(failure) => Err(failure),
    };
    renewed.map_err(|failure| failure.on_page(&info, || ReauthenticatePage::new(&info, next)))
}

async fn renew(
    info: &RequestInfo,
    assurance: Assurance<'_>,
    next: Option<NextPath>,
) -> HandlerResult {
    let session = info.session().ok_or_else(Failure::login_needed)?;
    let fresh_login = &info.crossauth.auth().fresh_login;
    match fresh_login.renew(session, assurance, info.visitor.to_core()).await? {
        Renewal::Renewed(session) => {
            let json = |user: Option<VisibleUser<'_>>| response::json_ok(info, UserBody { user });
            Ok(logged_in(info, *session, next.as_ref(), json))
        }
        Renewal::NeedsFactor => Err(Failure::new(ErrorCode::Unauthorized)
            .message("The second factor must be confirmed first")),
        Renewal::Rejected(rejection) => {
            let wrong = ("password", "Password is wrong");
            Err(Failure::password_rejected(rejection, wrong, info.crossauth.now()))
        }
        Renewal::NotLoggedIn => Err(Failure::login_needed()),
    }
}

impl ReauthenticatePage {
    fn new(info: &RequestInfo, next: Option<NextPath>) -> Self {
        Self {
            next,
            unsent: info.query("unsent").is_some(),
            password_needed: info
                .user()
                .is_some_and(|user| info.crossauth.auth().has_password(user)),
        }
    }
}

impl Page for ReauthenticatePage {
    const TEMPLATE: Template = template!("reauthenticate.html");
    const AUDIENCE: Audience = Audience::LoggedIn;
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        let next = NextPath::parse("/after?a=b&c=d").ok();
        Self { next, unsent: true, password_needed: true }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    let renew = Operation::new("POST api/reauthenticate", "Makes the login of the session fresh");
    let renew = renew.takes::<ReauthenticateForm>().returns::<UserBody<'_>>();
    vec![renew.fails([ErrorCode::UsernameOrPasswordInvalid]).limited()]
}
