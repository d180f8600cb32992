//! Callers who need a scope.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use crossauth_core::error::ErrorCode;
use http::request::Parts;

use super::AnyUser;
use crate::failure::Failure;
use crate::rejection::Rejection;

/// A scope of the application, named by a type.
pub trait KeyScope {
    /// Its name, as in keys.
    const NAME: &'static str;
}

/// A caller of whom a scope can be demanded.
pub trait HasScopes {
    /// Whether the caller may do what the scope is for.
    fn has_scope(&self, scope: &str) -> bool;
}

/// A caller with the scope `K`: a logged-in user, or a user by an API key with that scope. With
/// `Scoped<K, ApiKey>`, an API key with the scope, also one of the application itself.
///
/// Other keys get 403 with the code `InsufficientScope`.
///
/// ```
/// use axum::{Router, routing::post};
/// use crossauth_axum::{ApiKey, CsrfForm, KeyScope, Scoped};
///
/// struct WriteNotes;
///
/// impl KeyScope for WriteNotes {
///     const NAME: &'static str = "notes:write";
/// }
///
/// #[derive(serde::Deserialize)]
/// struct Note {
///     text: String,
/// }
///
/// async fn add_note(user: Scoped<WriteNotes>, CsrfForm(note): CsrfForm<Note>) -> String {
///     format!("{} notes {}", user.username, note.text)
/// }
///
/// async fn import(key: Scoped<WriteNotes, ApiKey>) -> String {
///     format!("{} imports", key.name)
/// }
/// # let _: Router = Router::new().route("/notes", post(add_note)).route("/import", post(import));
/// ```
pub struct Scoped<K, C = AnyUser> {
    caller: C,
    scope: PhantomData<fn() -> K>,
}

impl<K, C: Clone> Clone for Scoped<K, C> {
    fn clone(&self) -> Self {
        Self { caller: self.caller.clone(), scope: PhantomData }
    }
}

impl<K: KeyScope, C: fmt::Debug> fmt::Debug for Scoped<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scoped").field("scope", &K::NAME).field("caller", &self.caller).finish()
    }
}

impl<K, C> Deref for Scoped<K, C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.caller
    }
}

impl<S, K, C> FromRequestParts<S> for Scoped<K, C>
where
    S: Send + Sync,
    K: KeyScope,
    C: HasScopes + FromRequestParts<S, Rejection = Rejection> + Send,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let caller = C::from_request_parts(parts, state).await?;
        if caller.has_scope(K::NAME) {
            return Ok(Self { caller, scope: PhantomData });
        }
        let failure = Failure::new(ErrorCode::InsufficientScope);
        Err(failure.message(format!("The API key needs the scope {}", K::NAME)).into())
    }
}
