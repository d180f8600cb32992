//! A form that comes from a page of our own.

use axum::extract::{FromRequest, FromRequestParts, Request};
use crossauth_core::csrf::CsrfError;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::answer;
use crate::body::Fields;
use crate::context::Context;
use crate::failure::Failure;
use crate::next::NextPath;
use crate::rejection::Rejection;

/// The fields of a request body, as JSON, form or multipart, which passed the CSRF check.
///
/// The token comes in the configured header or in the field `csrfToken`. Fields that `T` does
/// not have are left out. Requests that fail the check, or whose body is not a `T`, are answered
/// with an error page or with JSON, and the handler does not run.
///
/// ```
/// use crossauth_axum::{CsrfForm, CurrentUser};
///
/// #[derive(serde::Deserialize)]
/// struct Note {
///     text: String,
/// }
///
/// async fn add_note(user: CurrentUser, CsrfForm(note): CsrfForm<Note>) -> String {
///     format!("{} notes {}", user.username, note.text)
/// }
/// # let _: axum::Router = axum::Router::new().route("/notes", axum::routing::post(add_note));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CsrfForm<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for CsrfForm<T> {
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        let (mut parts, body) = request.into_parts();
        let context = Context::from_request_parts(&mut parts, state).await?;
        let surface = context.surface;
        let form = read(&context, Request::from_parts(parts, body)).await;
        match form.and_then(Fields::into_typed) {
            Ok(form) => Ok(Self(form)),
            Err(failure) => Err(Rejection::new(answer::failure(&context, surface, &failure))),
        }
    }
}

/// What a form of the application's own carries in a hidden field `csrfToken`, so that
/// [`CsrfForm`] takes it.
///
/// ```
/// use axum::response::Html;
/// use crossauth_axum::CsrfToken;
///
/// async fn write_note(CsrfToken(token): CsrfToken) -> Html<String> {
///     Html(format!(
///         r#"<form method="post" action="/notes">
///         <input type="hidden" name="csrfToken" value="{token}">
///         <input name="text"><button>Note</button></form>"#
///     ))
/// }
/// # let _: axum::Router = axum::Router::new().route("/notes", axum::routing::get(write_note));
/// ```
#[derive(Clone)]
pub struct CsrfToken(pub String);

impl std::fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CsrfToken(…)")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CsrfToken {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let context = Context::from_request_parts(parts, state).await?;
        Ok(Self(context.csrf_form_value()))
    }
}

/// The same for our own handlers, which show the form again with what went wrong.
pub(crate) struct Submitted<T> {
    pub(crate) context: Context,
    pub(crate) form: Result<T, FormError>,
    /// Fields that begin with `user_`, without that.
    pub(crate) user_fields: serde_json::Map<String, serde_json::Value>,
}

/// Why a form was not taken, and what little of it can be shown again.
pub(crate) struct FormError {
    pub(crate) failure: Failure,
    pub(crate) username: Option<String>,
    pub(crate) next: Option<NextPath>,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Submitted<T> {
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        let (mut parts, body) = request.into_parts();
        let context = Context::from_request_parts(&mut parts, state).await?;
        let headers = parts.headers.clone();
        let fields = Fields::read(Request::from_parts(parts, body), limits(&context)).await;
        let (form, user_fields) = match fields {
            Err(failure) => (Err(FormError { failure, username: None, next: None }), None),
            Ok(fields) => {
                let checked = context.check_csrf(&headers, token(&fields));
                // What another site put into a form must not be offered to be sent once more.
                let shown = if checked == Err(CsrfError::CrossSite) { None } else { Some(&fields) };
                let username = shown.and_then(|fields| fields.text("username")).map(str::to_owned);
                let next = shown.and_then(|fields| NextPath::parse(fields.text("next")?).ok());
                let user_fields = shown.map(|fields| fields.with_prefix("user_"));
                let form = checked
                    .map_err(Failure::from)
                    .and_then(|()| fields.into_typed())
                    .map_err(|failure| FormError { failure, username, next });
                (form, user_fields)
            }
        };
        Ok(Self { context, form, user_fields: user_fields.unwrap_or_default() })
    }
}

fn limits(context: &Context) -> crate::body::BodyLimits {
    context.crossauth.config().body_limits
}

async fn read(context: &Context, request: Request) -> Result<Fields, Failure> {
    let headers = request.headers().clone();
    let fields = Fields::read(request, limits(context)).await?;
    context.check_csrf(&headers, token(&fields))?;
    Ok(fields)
}

fn token(fields: &Fields) -> Option<&str> {
    fields.text("csrfToken").or_else(|| fields.text("csrf_token"))
}
