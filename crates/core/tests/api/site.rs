//! All use cases over a storage that can fail, count calls, and be interrupted.

use std::sync::Arc;

use crossauth_core::account::{AccountForm, Role};
use crossauth_core::login::{LoginAttempt, LoginOutcome};
use crossauth_core::password::{Argon2idParams, HasherConfig, NewHashes};
use crossauth_core::secret::{Password, ServerSecret};
use crossauth_core::session::NewSession;
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::{Normalization, User};
use crossauth_core::{Auth, AuthConfig, Sources};
use crossauth_testkit::clock::FixedClock;
use crossauth_testkit::random::SeededRandom;
use crossauth_testkit::storage::TestStorage;

pub(crate) const PASSWORD: &str = "Correct-Horse-7";
pub(crate) const OTHER: &str = "Another-Horse-8";

pub(crate) struct Site {
    pub(crate) auth: Auth,
    pub(crate) storage: TestStorage,
    pub(crate) clock: FixedClock,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut AuthConfig)) -> Self {
        let storage = TestStorage::new(MemoryStorage::new(Normalization::Nfkc).storage());
        let clock = FixedClock::default();
        let params = Argon2idParams { memory_kib: 8, passes: 1, lanes: 1 };
        let mut config =
            AuthConfig::new(ServerSecret::new("a secret of tests, known to all").unwrap());
        config.hasher =
            HasherConfig { new_hashes: NewHashes::Argon2id(params), ..HasherConfig::default() };
        change(&mut config);
        let sources =
            Sources { clock: Arc::new(clock.clone()), random: Arc::new(SeededRandom::default()) };
        let auth = Auth::new(config, &storage.storage(), &sources).unwrap();
        Self { auth, storage, clock }
    }

    pub(crate) async fn account(&self, username: &str, role: Role) -> User {
        self.auth.accounts.create(form(username, PASSWORD), role).await.unwrap()
    }

    pub(crate) async fn log_in(&self, username: &str, password: &str) -> LoginOutcome {
        let attempt = LoginAttempt::new(username, Password::new(password));
        self.auth.login.attempt(attempt).await.unwrap()
    }

    pub(crate) async fn session(&self, username: &str) -> NewSession {
        let outcome = self.log_in(username, PASSWORD).await;
        let LoginOutcome::LoggedIn(session) = outcome else { panic!("{outcome:?}") };
        *session
    }

    pub(crate) async fn is_accepted(&self, session: &NewSession) -> bool {
        self.auth.sessions.check(&session.cookie).await.is_ok()
    }
}

pub(crate) fn form(username: &str, password: &str) -> AccountForm {
    AccountForm::new(username, Password::new(password))
}
