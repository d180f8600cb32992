//! Submitted forms of our pages and their JSON twins.

use axum::extract::Request;
use crossauth_core::csrf::CsrfError;
use crossauth_core::hooks::Submission;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::body::Fields;
use crate::failure::Failure;
use crate::next::NextPath;
use crate::origin::RequestOrigin;
use crate::request::{RequestInfo, Surface};

/// The fields of a form.
pub(crate) trait Form: DeserializeOwned {
    /// Fields that are never echoed.
    const SECRET: &'static [&'static str];
}

/// A submitted form, and what can be echoed if it fails.
pub(crate) struct Submitted<F> {
    pub(crate) form: Result<F, Failure>,
    pub(crate) echo: Echo,
}

/// The fields of a form except the secret ones. Empty for a cross-site form: its values must not be
/// offered for another submission.
pub(crate) struct Echo(Fields);

impl<F: Form> Submitted<F> {
    /// Reads and checks the form. A request whose headers show that it is forged is refused before
    /// its body is read.
    pub(crate) async fn read(info: &RequestInfo, request: Request) -> Self {
        let (fields, outcome) = read_fields(info, request).await;
        let echo = Echo::of(&fields, F::SECRET);
        Self { form: outcome.and_then(|()| fields.into_typed()), echo }
    }
}

/// The fields of a form, and the failure to read or to check it.
pub(crate) async fn read_fields(
    info: &RequestInfo,
    request: Request,
) -> (Fields, Result<(), Failure>) {
    let (parts, body) = request.into_parts();
    let checked = check_before_body(info, &parts);
    let limits = info.crossauth.config().body_limits;
    let fields = match checked {
        Err(error) => Err(failed_check(info, error)),
        Ok(_) => Fields::read(&parts.headers, body, limits).await,
    };
    let (fields, mut outcome) = match fields {
        Ok(fields) => (fields, Ok(())),
        Err(failure) => (Fields::default(), Err(failure)),
    };
    if outcome.is_ok() && checked == Ok(CsrfCheck::NeedsBody) {
        let later = info.check_csrf(&parts.headers, fields.csrf_token());
        outcome = later.map_err(|error| failed_check(info, error));
    }
    (fields, outcome)
}

/// The result of the CSRF check of the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CsrfCheck {
    Passed,
    NeedsBody,
}

/// The part of the CSRF check that does not need the body.
pub(crate) fn check_before_body(info: &RequestInfo, parts: &Parts) -> Result<CsrfCheck, CsrfError> {
    if info.is_exempt_from_csrf() {
        return Ok(CsrfCheck::Passed);
    }
    if info.request_origin == RequestOrigin::CrossOrigin {
        return Err(CsrfError::CrossSite);
    }
    if info.has_csrf_header(&parts.headers) {
        return info.check_csrf(&parts.headers, None).map(|()| CsrfCheck::Passed);
    }
    Ok(CsrfCheck::NeedsBody)
}

/// The failure for a failed CSRF check, with a message that says what to do.
pub(crate) fn failed_check(info: &RequestInfo, error: CsrfError) -> Failure {
    let failure = Failure::from(error);
    match (info.surface, error) {
        (Surface::Api, _) | (Surface::Page, CsrfError::CrossSite) => failure,
        (Surface::Page, _) if !info.carries_our_cookies() => failure.message(
            "The form has expired, or your browser does not accept cookies, which are needed here. \
             Please send it again",
        ),
        (Surface::Page, _) => failure
            .message("This page was open for too long and its form has expired. Please try again"),
    }
}

impl Echo {
    /// The fields except those with these names.
    pub(crate) fn of(fields: &Fields, secret: &[&str]) -> Self {
        Self(fields.without(secret))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.text(name)
    }

    /// The texts of a field that may be repeated.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        self.0.texts(name)
    }

    /// The text of a field for a template.
    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// The `next` field, if it is valid.
    pub(crate) fn next(&self) -> Option<NextPath> {
        NextPath::parse(self.text("next")?).ok()
    }

    /// `on` if the session should outlive the browser, otherwise empty.
    pub(crate) fn persist(&self) -> &'static str {
        if self.0.tick("persist").unwrap_or(false) { "on" } else { "" }
    }

    /// All fields that can be echoed, for second factors, which read their own.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        self.0.with_prefix("")
    }

    /// The request for the hooks.
    pub(crate) fn submission(&self, info: &RequestInfo) -> Submission {
        let mut fields = self.fields();
        fields.remove("csrfToken");
        Submission {
            fields,
            address: info.visitor.address(),
            user_agent: info.visitor.user_agent().map(str::to_owned),
        }
    }

    /// The fields that begin with `user_`, without that prefix.
    pub(crate) fn user_fields(&self) -> Map<String, Value> {
        self.0.with_prefix("user_")
    }
}
