//! The user who has just logged in.

use std::ops::Deref;

use axum::extract::FromRequestParts;
use crossauth_core::user::User;
use http::request::Parts;
use serde::{Serialize, Serializer};

use super::CurrentUser;
use crate::rejection::Rejection;

/// The logged-in user, whose login is not older than the configured time
/// ([`SessionConfig::fresh_for`](crossauth_core::session::SessionConfig::fresh_for)): for acts that
/// must not be possible in a session that another person finds open. To ask only administrators,
/// take [`Admin`](crate::Admin) too.
///
/// Anonymous visitors are handled as by [`CurrentUser`]. A browser whose login is older is redirected
/// to our page `reauthenticate`, which asks for the password and the second factor and leads back: to
/// the address of the request or, from a form, to the page with the form, which must be sent once
/// more. Any other request gets 401 with the code `Expired`, and renews the login by
/// `POST api/reauthenticate`.
///
/// ```
/// use axum::{Router, routing::post};
/// use crossauth_axum::{CsrfForm, FreshUser};
///
/// #[derive(serde::Deserialize)]
/// struct Payment {
///     amount: u32,
/// }
///
/// async fn pay(user: FreshUser, CsrfForm(payment): CsrfForm<Payment>) -> String {
///     format!("{} pays {}", user.username, payment.amount)
/// }
/// # let _: Router = Router::new().route("/pay", post(pay));
/// ```
#[derive(Debug, Clone)]
pub struct FreshUser(CurrentUser);

impl Deref for FreshUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

impl Serialize for FreshUser {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for FreshUser {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let user = <CurrentUser as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        user.info().require_fresh_login(&parts.headers)?;
        Ok(Self(user))
    }
}
