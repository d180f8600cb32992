//! Test support for applications: a whole site in memory, with users who are logged in, a clock that
//! the test sets, and the messages that users get. No network, no sleeping, no expensive password
//! hashing. Requires the feature `testkit`.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, routing::post};
//! use crossauth_axum::{Crossauth, CsrfChecked, CurrentUser, testkit};
//! use serde_json::json;
//!
//! fn application(crossauth: &Crossauth) -> Router {
//!     let greet = post(async |_: CsrfChecked, user: CurrentUser| format!("Hello, {}", user.username));
//!     crossauth.mount(Router::new().route("/greet", greet))
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! // #[tokio::test]
//! let site = testkit::Site::new(application);
//! let mut bob = site.logged_in("bob").await;
//! assert_eq!(bob.post("/greet", json!({})).await.text(), "Hello, bob");
//!
//! site.clock.advance(Duration::from_hours(31 * 24)); // the session has expired
//! assert_eq!(bob.post("/greet", json!({})).await.status, 401);
//! # });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Site`] is the site, [`Browser`] a visitor, [`Site::messages`] the mailbox. A test that sends
//! its requests by other means adds the [headers](LoggedIn::headers) of a user. The suites for
//! stores are in the crate `crossauth-testkit`.

mod browser;
mod message;
mod site;

use std::sync::Arc;

use crossauth_core::account::{AccountForm, Role};
use crossauth_core::key::Owner;
use crossauth_core::outbox::Delivery;
use crossauth_core::password::{Argon2idParams, HasherConfig, NewHashes};
use crossauth_core::secret::Password;
use crossauth_core::session::{BeginOptions, Begun};
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::{Normalization, User};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, request};
use serde_json::{Map, Value};

use crate::crossauth::{Builder, Crossauth};
use crate::routes::PAGES;

pub use browser::{Browser, Response};
pub use crossauth_core::clock::FixedClock;
pub use message::Message;
use message::PlainMessages;
pub use site::Site;

/// The password of every user that this module creates.
pub const PASSWORD: &str = "correct horse battery staple 7";

/// A builder with in-memory storage, a known secret, fast password hashes, and plain texts of
/// messages.
pub fn builder() -> Builder {
    let params = Argon2idParams { memory_kib: 8, passes: 1, lanes: 1 };
    let delivery = Delivery { renderer: Arc::new(PlainMessages), ..Delivery::default() };
    Crossauth::builder()
        .secret("the public secret of the testkit")
        .storage(MemoryStorage::new(Normalization::default()).storage())
        .delivery(delivery)
        .hasher(HasherConfig { new_hashes: NewHashes::Argon2id(params), ..HasherConfig::default() })
}

/// A `Crossauth` from [`builder`].
///
/// # Panics
///
/// If a thread cannot be started.
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
pub fn crossauth() -> Crossauth {
    builder().build().expect("good options")
}

/// Every page with sample values, without and with errors: a name for the rendering, and its HTML.
/// For tests of overridden templates, such as of accessibility. Links of the pages begin with
/// `/auth/`.
///
/// # Panics
///
/// If a template has an error.
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
pub fn sample_pages(crossauth: &Crossauth) -> Vec<(String, String)> {
    crossauth.pages().samples(PAGES).expect("templates render with sample values")
}

/// A logged-in user.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// The user.
    pub user: User,
    headers: HeaderMap,
}

/// Creates a user and a session.
///
/// # Panics
///
/// If the name is taken or not allowed, or the store fails.
pub async fn logged_in(crossauth: &Crossauth, username: &str) -> LoggedIn {
    user(crossauth, username, Role::User, Map::new()).await
}

/// Creates an administrator and a session.
///
/// # Panics
///
/// Same as [`logged_in`].
pub async fn admin(crossauth: &Crossauth, username: &str) -> LoggedIn {
    user(crossauth, username, Role::Administrator, Map::new()).await
}

/// Creates a user with application fields and `email`, and a session.
///
/// # Panics
///
/// Same as [`logged_in`].
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
pub async fn user(
    crossauth: &Crossauth,
    username: &str,
    role: Role,
    fields: Map<String, Value>,
) -> LoggedIn {
    let password = Password::new(PASSWORD);
    let form = AccountForm { fields, ..AccountForm::new(username, password) };
    let created = crossauth.auth().accounts.create(form, role).await;
    session(crossauth, created.expect("the user can be created")).await
}

/// Begins a session for an existing user.
///
/// # Panics
///
/// If the user does not exist or may not log in, or the store fails.
#[expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
pub async fn session(crossauth: &Crossauth, user: User) -> LoggedIn {
    let auth = crossauth.auth();
    let begun = auth.sessions.begin(Owner::User(&user.id), BeginOptions::default()).await;
    let begun = begun.expect("the store works");
    let Begun::Session(session) = begun else { panic!("no session begins: {begun:?}") };
    let token = auth.csrf.token(Some(&session.id));
    let names = crossauth.cookie_names();
    let cookies = format!(
        "{}={}; {}={}",
        names.session,
        session.cookie,
        names.csrf,
        auth.csrf.cookie(&token)
    );
    let value = |text: String| HeaderValue::from_str(&text).expect("plain text");
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, value(cookies));
    let csrf = value(auth.csrf.form_value(&token));
    headers.insert(crossauth.config().csrf_header.clone(), csrf);
    LoggedIn { user, headers }
}

impl LoggedIn {
    /// The request headers of the user's browser: cookies and CSRF token.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Adds these headers to a request.
    pub fn authorize(&self, request: request::Builder) -> request::Builder {
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }
}
