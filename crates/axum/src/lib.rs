//! Crossauth for Axum: accounts, sessions, pages and extractors for your application.
//!
//! ```
//! use axum::{Router, routing::get};
//! use crossauth_axum::{Crossauth, CurrentUser};
//! # use crossauth_core::{storage::memory::MemoryStorage, user::Normalization};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let storage = MemoryStorage::new(Normalization::default()).storage();
//! let crossauth = Crossauth::builder()
//!     .secret("at least sixteen unpredictable bytes")
//!     .storage(storage)
//!     .build()?;
//!
//! async fn home(user: CurrentUser) -> String {
//!     format!("Hello, {}", user.username)
//! }
//!
//! let app: Router = crossauth.mount(Router::new().route("/", get(home)));
//! # Ok(())
//! # }
//! ```
//!
//! [`Crossauth::mount`] adds the routes (`routes.rs` has them all in one table) and wraps the
//! application in the layer that checks sessions. The argument types of a handler specify who may
//! call it: [`CurrentUser`], `Option<CurrentUser>`, [`Admin`], [`Session`]; [`AnyUser`], [`ApiKey`] and [`Scoped`] accept API
//! keys, too; [`CsrfForm`] and
//! [`CsrfChecked`] require a CSRF token. Extractors of the application reject with [`Rejection`].
//!
//! To add an endpoint: a use case in `crossauth-core`, a handler in `routes/<noun>.rs` that calls
//! it, and a line in the table of `routes.rs`. To add a page: a struct of its variables with
//! samples beside the handler, a line in the list of pages in `routes.rs`, a template, and a row in
//! `docs/reference/templates.md`.

mod body;
mod cookies;
mod crossauth;
mod extract;
mod failure;
mod form;
mod headers;
mod layer;
mod next;
mod openapi;
mod origin;
mod page;
mod protection;
mod rejection;
mod request;
mod request_id;
mod response;
mod router;
mod routes;
mod session_change;
mod signup_field;
mod site;
#[cfg(feature = "testkit")]
pub mod testkit;
mod visible_user;
mod visitor;

pub use body::BodyLimits;
pub use crossauth::{
    BuildError, Builder, Config, CookieConfig, CrossSite, Crossauth, CsrfIssue, HostPrefix,
    ProtectedEndpoints, RequestConfig, SiteConfig,
};
pub use extract::{
    Admin, AnyUser, ApiKey, BeginSession, BeginSessionError, CsrfChecked, CsrfForm, CsrfToken,
    CurrentUser, EndSession, FreshUser, HasScopes, KeyScope, Scoped, Session,
};
pub use layer::{CrossauthFuture, CrossauthLayer, CrossauthService};
pub use next::{ForeignTarget, NextPath};
pub use origin::{BaseUrl, InvalidBaseUrl, InvalidFormOrigin, Transport, parse_form_origin};
pub use page::PageError;
pub use protection::require_factor;
pub use rejection::Rejection;
pub use request_id::{REQUEST_ID, RequestId, RequestScope};
pub use router::not_found;
pub use routes::home::account_page;
pub use routes::{Access, Endpoint};
pub use signup_field::{FieldKind, SignupField};
pub use site::Site;
pub use visitor::{ForwardedHeader, Proxies, Visitor};
