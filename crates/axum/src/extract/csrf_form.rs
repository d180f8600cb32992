//! Requests that passed the CSRF check, with and without a form.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::form::{failed_check, read_fields};
use crate::rejection::Rejection;
use crate::request::RequestInfo;

/// The fields of a request body (JSON, form or multipart) that passed the CSRF check.
///
/// The token is in the configured header or in the field `csrfToken`. Fields that `T` does not have
/// are ignored. Requests that fail the check, or whose body is not a `T`, get an error page or
/// JSON, and the handler does not run.
///
/// `T` is anything that `axum::Form` accepts, and more: numbers, `bool` for checkboxes
/// (`#[serde(default)]`, since an unticked one is absent), `Option` for fields that may be left
/// empty, enums for choices, and `Vec` for a name that comes several times. The error names the
/// field that could not be read. Files are not read; for those, and for streams, take
/// [`CsrfChecked`] with an extractor of axum.
///
/// It consumes the body, so it must be the last argument of a handler.
///
/// ```
/// use crossauth_axum::{CsrfForm, CurrentUser};
///
/// #[derive(serde::Deserialize)]
/// struct Note {
///     text: String,
///     stars: u8,
///     #[serde(default)]
///     public: bool,
/// }
///
/// async fn add_note(user: CurrentUser, CsrfForm(note): CsrfForm<Note>) -> String {
///     format!("{} notes {} with {} stars", user.username, note.text, note.stars)
/// }
/// # let _: axum::Router = axum::Router::new().route("/notes", axum::routing::post(add_note));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CsrfForm<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for CsrfForm<T> {
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        let (mut parts, body) = request.into_parts();
        let info = RequestInfo::from_request_parts(&mut parts, state).await?;
        let (fields, read) = read_fields(&info, Request::from_parts(parts, body)).await;
        read?;
        Ok(Self(fields.into_typed()?))
    }
}

/// Proof that a request passed the CSRF check with the token in its header: for bodies that
/// [`CsrfForm`] does not support, such as `Json`, `Multipart` or a stream.
///
/// ```
/// use axum::Json;
/// use crossauth_axum::{CsrfChecked, CurrentUser};
///
/// async fn rename(_: CsrfChecked, user: CurrentUser, Json(name): Json<String>) -> String {
///     format!("{} is now called {name}", user.username)
/// }
/// # let _: axum::Router = axum::Router::new().route("/name", axum::routing::put(rename));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CsrfChecked(());

impl<S: Send + Sync> FromRequestParts<S> for CsrfChecked {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let info = RequestInfo::from_request_parts(parts, state).await?;
        match info.check_csrf(&parts.headers, None) {
            Ok(()) => Ok(Self(())),
            Err(error) => Err(failed_check(&info, error).into()),
        }
    }
}

/// The CSRF token for a form of the application, to be put in a hidden field `csrfToken` for
/// [`CsrfForm`]. The response sets the matching cookie.
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
        let info = RequestInfo::from_request_parts(parts, state).await?;
        Ok(Self(info.csrf_form_value()))
    }
}
