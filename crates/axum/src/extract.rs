//! Extractors: the argument types of a handler specify who may call it and how.

mod csrf_form;
mod current_user;
mod fresh_user;
mod session;

pub use csrf_form::{CsrfChecked, CsrfForm, CsrfToken};
pub use current_user::{Admin, CurrentUser};
pub use fresh_user::FreshUser;
pub use session::{BeginSession, BeginSessionError, EndSession, Session};
