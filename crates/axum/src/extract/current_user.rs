//! Who is logged in.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use crossauth_core::error::ErrorCode;
use crossauth_core::user::User;
use http::Method;
use http::request::Parts;

use crate::answer::{self, Surface};
use crate::context::Context;
use crate::failure::Failure;
use crate::next::NextPath;
use crate::rejection::Rejection;

/// The logged-in user; take an `Option` of it where strangers are welcome too.
///
/// Without one, a page request is sent to the login page and comes back afterwards; any other
/// request is answered with 401.
#[derive(Debug, Clone)]
pub struct CurrentUser(Arc<User>);

impl Deref for CurrentUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let context = Context::from_request_parts(parts, state).await?;
        match context.user() {
            Some(user) => Ok(Self(user.clone())),
            None => Err(send_to_login(&context)),
        }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let context = Context::from_request_parts(parts, state).await?;
        Ok(context.user().cloned().map(Self))
    }
}

/// The logged-in user, who may administer others.
///
/// Strangers are treated as by [`CurrentUser`]; users who are no administrators are refused with
/// `InsufficientPriviledges`.
#[derive(Debug, Clone)]
pub struct Admin(CurrentUser);

impl Deref for Admin {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let user = <CurrentUser as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        if user.admin {
            return Ok(Self(user));
        }
        let context = Context::from_request_parts(parts, state).await?;
        let surface = context.surface;
        let failure = Failure::new(ErrorCode::InsufficientPriviledges);
        Err(Rejection::new(answer::failure(&context, surface, &failure)))
    }
}

fn send_to_login(context: &Context) -> Rejection {
    let crossauth = &context.crossauth;
    let surface = context.surface;
    let wanted = context.uri.path_and_query().map_or("/", |path| path.as_str());
    Rejection::new(match (surface, &context.method) {
        (Surface::Page, &Method::GET | &Method::HEAD) => {
            let login = crossauth.path("login");
            let login = match NextPath::parse(wanted) {
                Ok(next) => format!("{login}?next={}", next.encoded()),
                Err(_) => login,
            };
            answer::redirect(context, &login)
        }
        _ => answer::failure(context, surface, &Failure::new(ErrorCode::Unauthorized)),
    })
}
