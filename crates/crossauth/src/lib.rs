//! Authentication and authorization that an application embeds.
//!
//! | feature | gives |
//! |---|---|
//! | `axum` | routes, pages, extractors and the layer for Axum |
//! | `sqlite`, `postgres` | the storage |
//! | `settings` | a builder from a TOML file and the environment |
//! | `testkit` | users who are logged in, for the tests of an application |
//!
//! With `axum` and `sqlite`, an Axum application gets sign-up, login, sessions, pages and typed
//! extractors:
//!
#![cfg_attr(all(feature = "axum", feature = "sqlite"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "axum", feature = "sqlite")), doc = "```ignore")]
//! use axum::{Router, routing::get};
//! use crossauth::{Crossauth, CurrentUser, sqlite};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let crossauth = Crossauth::builder()
//!     .secret(std::fs::read_to_string("secret.txt")?)
//!     .storage(sqlite::open("app.db").await?)
//!     .build()?;
//!
//! async fn home(user: CurrentUser) -> String {
//!     format!("Hello, {}", user.username)
//! }
//!
//! let app = crossauth.mount(Router::new().route("/", get(home)));
//! tokio::spawn(crossauth.tasks());
//! # let _: Router = app;
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `settings`, `crossauth::settings::builder()` gives the builder with what a TOML
//! file and the environment say.
//!
//! # What a handler takes says who may call it
//!
//! `CurrentUser` is the logged-in user, `Option<CurrentUser>` anyone, `Admin` an administrator,
//! `Session` anyone with a session. `CsrfForm<T>` reads a form that passed the CSRF check, and
//! `CsrfChecked` is the check alone, for JSON, files and streams. `Rejection` refuses a request in
//! the way that our routes do; an extractor of an application's own, for a role say, rejects with it.
//!
//! # What holds on every route
//!
//! An unsafe request or WebSocket handshake that a browser sends for another site, with our cookies,
//! does not reach the handler. A request whose browser does not say where it comes from does: the
//! CSRF token decides, where the handler takes one of the two extractors for it.
//!
//! # Behind the routes
//!
//! `Crossauth::auth()` has the use cases: [`domain::account::Accounts`] creates, changes and lists
//! users, [`domain::session::Sessions`] begins and ends sessions. [`domain`] has their records, and
//! the ports that a storage of another kind implements.
#![cfg_attr(all(doctest, feature = "axum", feature = "sqlite"), doc = include_str!("../../../README.md"))]
#![cfg_attr(
    all(doctest, feature = "axum", feature = "sqlite"),
    doc = include_str!("../../../docs/tutorial/first-application.md")
)]
#![cfg_attr(
    all(
        doctest,
        feature = "postgres",
        feature = "settings",
        feature = "sqlite",
        feature = "testkit"
    ),
    doc = include_str!("../../../docs/how-to/cookbook.md")
)]

/// Users, sessions, use cases and storage ports, independent of any web framework.
pub mod domain {
    pub use crossauth_core::{
        Auth, AuthConfig, Sources, account, clock, cookie, crypto, csrf, error, form, hooks, key,
        login, password, random, secret, session, setup, signup, storage, user,
    };
}

#[cfg(feature = "testkit")]
pub use crossauth_axum::testkit;
#[cfg(feature = "axum")]
pub use crossauth_axum::{
    Access, Admin, BaseUrl, BeginSession, BeginSessionError, BodyLimits, BuildError, Builder,
    Config, CookieConfig, CrossSite, Crossauth, CrossauthFuture, CrossauthLayer, CrossauthService,
    CsrfChecked, CsrfForm, CsrfIssue, CsrfToken, CurrentUser, EndSession, Endpoint, FieldKind,
    ForeignTarget, ForwardedHeader, HostPrefix, InvalidBaseUrl, NextPath, PageError, Proxies,
    REQUEST_ID, Rejection, RequestConfig, RequestId, RequestScope, Session, SignupField, Site,
    SiteConfig, Transport, Visitor, account_page, not_found,
};
#[cfg(feature = "settings")]
pub use crossauth_settings as settings;
#[cfg(feature = "postgres")]
pub use crossauth_storage_sql::postgres;
#[cfg(feature = "sqlite")]
pub use crossauth_storage_sql::sqlite;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use crossauth_storage_sql::{
    KeyTable, Management, OpenError, OpenWarning, SecretsTable, SqlStorage, TableMap, TimeEncoding,
    UserTable,
};
