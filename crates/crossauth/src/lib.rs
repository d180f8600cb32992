//! Authentication and authorization that an application embeds.
//!
//! | feature | provides |
//! |---|---|
//! | `axum` | routes, pages, extractors and the layer for Axum |
//! | `sqlite`, `postgres`, `mysql` | the storage |
//! | `ldap` | users of an LDAP directory log in with their password there |
//! | `redis` | sessions and counters of limits in Redis, in front of the storage |
//! | `mail` | e-mail by SMTP and text messages by Twilio |
//! | `settings` | a builder from a TOML file and the environment |
//! | `testkit` | a site in memory for the tests of an application |
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
//! # Overview
//!
#![cfg_attr(
    all(
        feature = "axum",
        feature = "ldap",
        feature = "mysql",
        feature = "postgres",
        feature = "redis",
        feature = "settings",
        feature = "sqlite",
        feature = "testkit"
    ),
    doc = "\
| task | use |
|---|---|
| get the user of a request | [`CurrentUser`], `Option<CurrentUser>`, [`Admin`], [`FreshUser`], [`Session`] |
| accept a form, JSON or a file | [`CsrfForm`], [`CsrfChecked`]; [`CsrfToken`] for your own form |
| refuse a request as our routes do | [`Rejection`] |
| log in by other means, log out | [`Crossauth::begin_session`], [`EndSession`] |
| log in with a password, without our routes | [`Login`](domain::login::Login) |
| create, find, change and delete users | [`Accounts`](domain::account::Accounts) |
| keep data in a session | [`Session::update`], [`Sessions`](domain::session::Sessions) |
| add fields to the sign-up form | [`SignupField`] |
| hook into the use cases | [`Builder::hooks`], [`Hooks`](domain::hooks::Hooks) |
| configure in code | [`Builder`], [`SiteConfig`], [`CookieConfig`], [`RequestConfig`] |
| configure by a file and the environment | [`settings::builder`] |
| keep sessions in Redis | [`redis::Options`] |
| let users of a directory log in | [`ldap::Options`], [`Builder::directory`] |
| open a database, also one of upstream | [`sqlite::open`], [`postgres::open`], [`mysql::open`], [`TableMap`] |
| implement another storage | [`domain::storage`]: [`UserStore`](domain::storage::UserStore), [`KeyStore`](domain::storage::KeyStore), [`SessionStore`](domain::storage::SessionStore) |
| test an application | [`testkit`] |
"
)]
//!
//! The [cookbook](https://github.com/crossauth/crossauth-rust/blob/main/docs/how-to/cookbook.md) has
//! an example of each.
//!
//! # Extractors
//!
//! `CurrentUser` is the logged-in user, `Option<CurrentUser>` anyone, `Admin` an administrator,
//! `Session` anyone with a session. `CsrfForm<T>` reads a form that passed the CSRF check, and
//! `CsrfChecked` is the check alone, for JSON, files and streams. Custom extractors, for example
//! for a role, reject with `Rejection`.
//!
//! # Cross-site requests
//!
//! On every route, unsafe cross-site requests and WebSocket handshakes with our cookies do not
//! reach the handler. Requests without `Sec-Fetch-Site` and `Origin` do: a handler that takes
//! `CsrfForm` or `CsrfChecked` requires a CSRF token.
//!
//! # Use cases
//!
//! `Crossauth::auth()` has the use cases, which are independent of HTTP. [`domain`] has their
//! types, and the ports to implement for another storage:
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use crossauth::Crossauth;
//! use crossauth::domain::account::{AccountForm, Role};
//! use crossauth::domain::login::{LoginAttempt, LoginOutcome};
//! use crossauth::domain::secret::Password;
//!
//! async fn log_in(crossauth: &Crossauth) -> Result<(), Box<dyn std::error::Error>> {
//!     let auth = crossauth.auth();
//!     let form = AccountForm::new("bob", Password::new("correct horse battery"));
//!     auth.accounts.create(form, Role::User).await?;
//!
//!     let attempt = LoginAttempt::new("bob", Password::new("correct horse battery"));
//!     match auth.login.attempt(attempt).await? {
//!         LoginOutcome::LoggedIn(session) => println!("cookie: {}", session.cookie),
//!         LoginOutcome::WrongCredentials => println!("wrong username or password"),
//!         LoginOutcome::Refused(refusal) => println!("{refusal}"),
//!         LoginOutcome::SecondFactor(needed) => println!("code of {} needed", needed.factor),
//!         LoginOutcome::PasswordChange(_) => println!("the password must be changed first"),
//!         LoginOutcome::FactorReset(_) => println!("a second factor must be set up first"),
//!         LoginOutcome::TooMany { .. } => println!("too many codes were sent"),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Types with the same name
//!
//! The extractor `Session` is the session of a request; [`domain::session::Session`] is what the
//! check of a cookie returns. The extractor `CsrfToken` is the text for a form;
//! [`domain::csrf::Token`] is the token behind it. `Site`, the routes of Crossauth as a router, is
//! not `settings::section::Site`, the settings of that name.
//!
//! # Non-exhaustive types
//!
//! `#[non_exhaustive]` marks what new versions may extend without breaking an application. Outcomes
//! and errors that callers match are exhaustive, and a new case of them is a breaking change.
//! Structs that applications build have a default: write `..SiteConfig::default()` in each literal.
#![cfg_attr(all(doctest, feature = "axum", feature = "sqlite"), doc = include_str!("../../../README.md"))]
#![cfg_attr(
    all(doctest, feature = "axum", feature = "sqlite"),
    doc = include_str!("../../../docs/tutorial/first-application.md")
)]
#![cfg_attr(
    all(
        doctest,
        feature = "mysql",
        feature = "postgres",
        feature = "settings",
        feature = "sqlite",
        feature = "testkit"
    ),
    doc = include_str!("../../../docs/how-to/cookbook.md")
)]
#![cfg_attr(all(doctest, feature = "axum", feature = "ldap"), doc = include_str!("../../../docs/how-to/ldap.md"))]
#![cfg_attr(all(doctest, feature = "axum", feature = "mail"), doc = include_str!("../../../docs/how-to/mail.md"))]
#![cfg_attr(all(doctest, feature = "axum"), doc = include_str!("../../../docs/how-to/second-factors.md"))]

/// Users, sessions, use cases and storage ports, independent of any web framework.
pub mod domain {
    pub use crossauth_core::{
        Auth, AuthConfig, RECOVERY_CODE, Rejection, Sources, account, api_key, audit, caller,
        clock, cookie, crypto, csrf, device, directory, email_link, email_verification, enrolment,
        error, factor, form, fresh_login, hooks, key, known_browser, limit, login, message, metric,
        outbox, password, password_change, password_reset, profile, protected, random,
        reauthentication, recovery, secret, session, setup, signup, storage, token, user, visitor,
    };
}

#[cfg(feature = "testkit")]
pub use crossauth_axum::testkit;
#[cfg(feature = "axum")]
pub use crossauth_axum::{
    Access, Admin, AnyUser, ApiKey, BaseUrl, BeginSession, BeginSessionError, BodyLimits,
    BuildError, Builder, Config, CookieConfig, CrossSite, Crossauth, CrossauthFuture,
    CrossauthLayer, CrossauthService, CsrfChecked, CsrfForm, CsrfIssue, CsrfToken, CurrentUser,
    EndSession, Endpoint, FieldKind, ForeignTarget, ForwardedHeader, FreshUser, HasScopes,
    HostPrefix, InvalidBaseUrl, InvalidFormOrigin, KeyScope, NextPath, PageError,
    ProtectedEndpoints, Proxies, REQUEST_ID, Rejection, RequestConfig, RequestId, RequestScope,
    Scoped, Session, SignupField, Site, SiteConfig, Transport, Visitor, account_page, not_found,
    require_factor,
};
#[cfg(feature = "mail")]
pub use crossauth_mail as mail;
#[cfg(feature = "settings")]
#[doc(inline)]
pub use crossauth_settings as settings;
#[cfg(feature = "ldap")]
#[doc(inline)]
pub use crossauth_storage_ldap as ldap;
#[cfg(feature = "redis")]
#[doc(inline)]
pub use crossauth_storage_redis as redis;
#[cfg(feature = "mysql")]
pub use crossauth_storage_sql::mysql;
#[cfg(feature = "postgres")]
pub use crossauth_storage_sql::postgres;
#[cfg(feature = "sqlite")]
pub use crossauth_storage_sql::sqlite;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use crossauth_storage_sql::{
    KeyTable, Management, OpenError, OpenWarning, SecretsTable, SqlStorage, TableMap, TimeEncoding,
    UserTable,
};
