//! Users, sessions, cryptography, use cases and storage ports of Crossauth.
//!
//! This crate has no dependency on a web framework, on SQL, on the environment or on files. Its
//! dependencies are injected: [`storage`] ports, a [`clock`](clock::Clock) and
//! [randomness](random::Random).
//!
//! ```
//! use crossauth_core::account::{AccountForm, Role};
//! use crossauth_core::login::{LoginAttempt, LoginOutcome};
//! use crossauth_core::secret::{Password, ServerSecret};
//! use crossauth_core::storage::memory::MemoryStorage;
//! use crossauth_core::user::Normalization;
//! use crossauth_core::{Auth, AuthConfig, Sources};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let storage = MemoryStorage::new(Normalization::default()).storage();
//! let config = AuthConfig::new(ServerSecret::new("0123456789abcdef")?);
//! let auth = Auth::new(config, &storage, &Sources::default())?;
//! tokio::spawn(auth.tasks());
//!
//! let form = AccountForm::new("bob", Password::new("correct horse battery"));
//! auth.accounts.create(form, Role::User).await?;
//!
//! let attempt = LoginAttempt::new("bob", Password::new("correct horse battery"));
//! if let LoginOutcome::LoggedIn(session) = auth.login.attempt(attempt).await? {
//!     let checked = auth.sessions.check(&session.cookie).await?;
//!     assert_eq!(checked.user, session.user);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Adding a use case
//!
//! Add a module with the use case as a struct that takes `Deps`, its outcome enum and its error
//! enum, and a field of [`Auth`]. Everything that must happen together is one operation of a
//! storage port, with a rule in the conformance suites of `crossauth-testkit`.
//!
//! # Adding a kind of key
//!
//! Add a line to the table of [`KeyPrefix`](key::KeyPrefix); a key with one typed value has a
//! [`Slot`](key::Slot).

pub mod account;
mod activity;
pub mod api_key;
pub mod audit;
mod auth;
pub mod caller;
mod challenge;
pub mod clock;
pub mod cookie;
pub mod crypto;
pub mod csrf;
mod deps;
pub mod device;
pub mod directory;
pub mod email_link;
pub mod email_verification;
pub mod enrolment;
pub mod error;
pub mod factor;
pub mod form;
pub mod fresh_login;
pub mod hooks;
mod housekeeping;
pub mod key;
pub mod known_browser;
pub mod limit;
pub mod login;
mod mail_request;
pub mod message;
pub mod metric;
mod notice;
pub mod outbox;
pub mod password;
pub mod password_change;
pub mod password_reset;
pub mod profile;
pub mod protected;
mod pseudonym;
pub mod random;
pub mod reauthentication;
pub mod recovery;
pub mod secret;
pub mod session;
pub mod setup;
pub mod signup;
pub mod storage;
pub mod token;
pub mod user;
mod vault;
pub mod visitor;

pub use auth::{Auth, AuthConfig, AuthConfigError, Sources};
pub use challenge::{RECOVERY_CODE, Rejection};
