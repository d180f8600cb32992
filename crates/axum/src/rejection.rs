//! Rejections of requests by extractors or handlers.

use axum::response::{IntoResponse, Response};
use crossauth_core::error::ErrorCode;
use http::StatusCode;

use crate::failure::Failure;

/// A rejected request, rendered as by our routes: as the error page or as JSON, depending on the
/// request.
///
/// Our extractors return it. An application can use it for its own extractors and handlers:
///
/// ```
/// use axum::extract::FromRequestParts;
/// use axum::http::request::Parts;
/// use crossauth_axum::{CurrentUser, Rejection};
///
/// /// The logged-in user, who may edit articles.
/// struct Editor(CurrentUser);
///
/// impl<S: Send + Sync> FromRequestParts<S> for Editor {
///     type Rejection = Rejection;
///
///     async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
///         let user = <CurrentUser as FromRequestParts<S>>::from_request_parts(parts, state).await?;
///         if user.extra.get("role").is_some_and(|role| role == "editor") {
///             Ok(Self(user))
///         } else {
///             Err(Rejection::forbidden("Only editors can do this"))
///         }
///     }
/// }
/// ```
///
/// Outside [`Crossauth::layer`](crate::Crossauth::layer), the response has only the status.
#[derive(Debug, Clone)]
pub struct Rejection(Failure);

impl Rejection {
    /// 403: the caller may not do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self(Failure::new(ErrorCode::Forbidden).message(message))
    }

    /// 401, or a redirect to the login page for a browser that requests a page.
    pub fn login_needed() -> Self {
        Self(Failure::login_needed())
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::with_status(StatusCode::NOT_FOUND, message)
    }

    /// 400: the request is invalid.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self(Failure::new(ErrorCode::BadRequest).message(message))
    }

    /// 400: a field of a form is invalid. `message` is one sentence about it; add more fields with
    /// [`Rejection::and_field`].
    pub fn field(name: &str, message: impl Into<String>) -> Self {
        Self(Failure::new(ErrorCode::FormEntry)).and_field(name, message)
    }

    /// Adds another invalid field.
    #[must_use]
    pub fn and_field(self, name: &str, message: impl Into<String>) -> Self {
        Self(self.0.field(name, message.into()))
    }

    /// Any other status.
    pub fn with_status(status: StatusCode, message: impl Into<String>) -> Self {
        let code = match status {
            StatusCode::FORBIDDEN => ErrorCode::Forbidden,
            StatusCode::UNAUTHORIZED => ErrorCode::Unauthorized,
            _ if status.is_server_error() => ErrorCode::UnknownError,
            _ => ErrorCode::BadRequest,
        };
        Self(Failure::new(code).status(status).message(message))
    }

    /// An extractor runs without the layer that it needs.
    pub(crate) fn without_layer() -> Self {
        tracing::error!("{OUTSIDE}");
        Self(Failure::internal().outside_the_layer())
    }
}

/// The message of an extractor on a route without the layer.
pub(crate) const OUTSIDE: &str = "an extractor of Crossauth runs on a route without Crossauth's \
     layer: add the route before Crossauth::mount, or Crossauth::layer to its router";

impl From<Failure> for Rejection {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
