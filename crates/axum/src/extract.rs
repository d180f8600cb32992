//! Extractors: the argument types of a handler specify who may call it and how.

mod any_user;
mod api_key;
mod csrf_form;
mod current_user;
mod fresh_user;
mod scoped;
mod session;

pub use any_user::AnyUser;
pub use api_key::ApiKey;
pub use csrf_form::{CsrfChecked, CsrfForm, CsrfToken};
pub use current_user::{Admin, CurrentUser};
pub use fresh_user::FreshUser;
pub use scoped::{HasScopes, KeyScope, Scoped};
pub use session::{BeginSession, BeginSessionError, EndSession, Session};
