//! `recoverycodes`, `api/recoverycodes`: codes for users who lose their second factor.

use axum::extract::Request;
use crossauth_core::error::ErrorCode;
use crossauth_core::protected::FactorProof;
use crossauth_core::recovery::NewCodes;
use serde::{Deserialize, Serialize};

use super::HandlerResult;
use super::configure_factor2::proof;
use crate::failure::Failure;
use crate::form::{Form, Submitted};
use crate::next::{self, NextPath};
use crate::page::{Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RecoveryCodesForm {
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for RecoveryCodesForm {
    const SECRET: &'static [&'static str] = &[];
}

/// Variables of `recoverycodes.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecoveryCodesPage {
    /// Where to continue.
    next: String,
    message: Option<&'static str>,
    /// New codes, which are shown once.
    recovery_codes: Vec<String>,
    /// How many codes are left; `None` if the account has no second factor.
    recovery_codes_left: Option<usize>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Body {
    recovery_codes: Vec<String>,
}

/// `GET recoverycodes`
pub(crate) async fn show(info: RequestInfo, _: Request) -> HandlerResult {
    let next = next::in_query(&info.uri);
    Ok(response::page(&info, &RecoveryCodesPage::new(&info, next).await?))
}

/// `POST recoverycodes`, `POST api/recoverycodes`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let proof = proof(&request);
    let Submitted { form, echo } = Submitted::<RecoveryCodesForm>::read(&info, request).await;
    let result = match form {
        Ok(form) => renew(&info, form, proof.as_deref()).await,
        Err(failure) => Err(failure),
    };
    match result {
        Err(failure) if info.surface == Surface::Page && info.user().is_some() => {
            let page = RecoveryCodesPage::new(&info, echo.next()).await?;
            Err(failure.on_page(&info, || page))
        }
        result => result,
    }
}

async fn renew(
    info: &RequestInfo,
    form: RecoveryCodesForm,
    proof: Option<&FactorProof>,
) -> HandlerResult {
    let (session, user) = (info.session(), info.require_user()?);
    if user.factor2.is_none() {
        return Err(Failure::new(ErrorCode::BadRequest)
            .message("Recovery codes stand in for a second factor, and you have none"));
    }
    let made = match (session, proof) {
        (Some(session), Some(proof)) => {
            info.crossauth.auth().recovery.regenerate(session, proof).await?
        }
        _ => NewCodes::NeedsFactor,
    };
    match (made, info.surface) {
        (NewCodes::NeedsFactor, _) => Err(Failure::new(ErrorCode::Unauthorized)
            .message("The present second factor must be confirmed first")),
        (NewCodes::Made(codes), Surface::Page) => {
            let message = "You have new recovery codes. The old ones no longer work";
            let page = RecoveryCodesPage::made(info, codes, message, form.next);
            Ok(response::page(info, &page))
        }
        (NewCodes::Made(recovery_codes), Surface::Api) => {
            Ok(response::json_ok(info, Body { recovery_codes }))
        }
    }
}

impl RecoveryCodesPage {
    async fn new(info: &RequestInfo, next: Option<NextPath>) -> Result<Self, Failure> {
        let recovery_codes_left = match info.user().filter(|user| user.factor2.is_some()) {
            Some(user) => Some(info.crossauth.auth().recovery.count(&user.id).await?),
            None => None,
        };
        let (next, recovery_codes) = (continuation(info, next), Vec::new());
        Ok(Self { next, message: None, recovery_codes, recovery_codes_left })
    }

    /// The page with new codes.
    pub(super) fn made(
        info: &RequestInfo,
        recovery_codes: Vec<String>,
        message: &'static str,
        next: Option<NextPath>,
    ) -> Self {
        Self {
            next: continuation(info, next),
            message: Some(message),
            recovery_codes_left: Some(recovery_codes.len()),
            recovery_codes,
        }
    }
}

fn continuation(info: &RequestInfo, next: Option<NextPath>) -> String {
    let default = &info.crossauth.config().login_redirect;
    next.map_or_else(|| default.clone(), |next| next.as_str().to_owned())
}

impl Page for RecoveryCodesPage {
    const TEMPLATE: Template = template!("recoverycodes.html");
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        let code = |n: u8| format!("ABCD-EFGH-JKMN-PQR{}", char::from(b'A' + n));
        Self {
            next: "/after?a=b&c=d".into(),
            message: Some("Two-factor authentication updated"),
            recovery_codes: (0..10).map(code).collect(),
            recovery_codes_left: Some(10),
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    vec![
        Operation::new("POST api/recoverycodes", "Replaces the recovery codes")
            .takes::<RecoveryCodesForm>()
            .returns::<Body>(),
    ]
}
