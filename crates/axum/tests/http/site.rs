//! A site over an empty storage, with a clock that tests set.

use std::sync::Arc;

use axum::Router;
use crossauth_axum::{Builder, Crossauth};
use crossauth_core::account::{AccountForm, Role};
use crossauth_core::clock::Clock;
use crossauth_core::email_link::Activation;
use crossauth_core::email_verification::EmailVerificationConfig;
use crossauth_core::key::KeyPrefix;
use crossauth_core::message::MessageKind;
use crossauth_core::password::{Argon2idParams, HasherConfig, NewHashes};
use crossauth_core::secret::Password;
use crossauth_core::storage::{Change, Settlement, Storage, StoredUser};
use crossauth_core::user::{NewUser, Patch, User, UserSecrets, UserUpdate};
use crossauth_testkit::clock::FixedClock;
use crossauth_testkit::random::SeededRandom;
use crossauth_testkit::storage::{TestStorage, change_user, create_user};

use crate::browser::Browser;
use crate::engine::empty_storage;

pub(crate) const SECRET: &str = "a secret of tests, known to all";
pub(crate) const PASSWORD: &str = "Correct-Horse-7";

pub(crate) struct Site {
    pub(crate) crossauth: Crossauth,
    pub(crate) storage: Storage,
    pub(crate) clock: FixedClock,
    pub(crate) router: Router,
}

impl Site {
    /// A site with the defaults, where users may set only their e-mail address.
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        Self::over(empty_storage(), change)
    }

    pub(crate) fn over(storage: Storage, change: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = FixedClock::default();
        let builder = Crossauth::builder()
            .secret(SECRET)
            .storage(storage.clone())
            .base_url("http://localhost:3000")
            .editable_fields(["email", "phone", "state", "admin"])
            .hasher(quick_hashes())
            .clock(Arc::new(clock.clone()))
            .random(Arc::new(SeededRandom::default()));
        let crossauth = change(builder).build().unwrap();
        let router = crossauth.site().into();
        Self { crossauth, storage, clock, router }
    }

    /// The same site after a restart: another process over the same storage.
    pub(crate) fn restarted(&self) -> Self {
        let clock = Arc::new(self.clock.clone());
        let random = Arc::new(SeededRandom::new(1 << 40));
        let site = Self::over(self.storage.clone(), |site| site.clock(clock).random(random));
        Self { clock: self.clock.clone(), ..site }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.router.clone())
    }

    /// Creates an account with [`PASSWORD`], without the form.
    pub(crate) async fn account(&self, username: &str, role: Role) -> User {
        let form = AccountForm::new(username, Password::new(PASSWORD));
        self.crossauth.auth().accounts.create(form, role).await.unwrap()
    }

    /// An account as another program may have left it in storage.
    pub(crate) async fn stored(&self, user: NewUser, password: Option<&str>) -> User {
        let secrets =
            UserSecrets { password: password.map(str::to_owned), ..UserSecrets::default() };
        create_user(&self.storage, &user, &secrets).await
    }

    /// The stored secrets of an account.
    pub(crate) async fn found(&self, username: &str) -> Option<(User, UserSecrets)> {
        let found = self.storage.users.find_by_username(username).await.unwrap();
        found.map(StoredUser::regardless_of_state)
    }

    pub(crate) async fn change(&self, user: &User, change: UserUpdate) {
        let change = Change { user: change, ..Change::default() };
        change_user(&self.storage, &user.id, &change).await;
    }

    pub(crate) async fn set_state(&self, user: &User, state: &str) {
        self.change(user, UserUpdate { state: Some(state.into()), ..UserUpdate::default() }).await;
    }

    /// A site that verifies addresses and resets passwords by mail.
    pub(crate) fn with_mail() -> Self {
        Self::with(Builder::preview_messages)
    }

    /// An account with [`PASSWORD`] and an address.
    pub(crate) async fn account_with(&self, username: &str, email: &str) -> User {
        let user = self.account(username, Role::User).await;
        let email = Patch::Set(email.to_owned());
        self.change(&user, UserUpdate { email, ..UserUpdate::default() }).await;
        self.found(username).await.unwrap().0
    }

    /// The messages that were asked for since the last call.
    pub(crate) async fn mail(&self) -> Vec<Mail> {
        self.crossauth.auth().handle_mail_requests().await;
        let now = self.clock.now();
        let later = now + std::time::Duration::from_hours(1);
        let mut mail = Vec::new();
        for queued in self.storage.outbox.claim(now, later, 100).await.unwrap() {
            let message = queued.message;
            let content = self.crossauth.auth().messages.open(&message).unwrap();
            let sent = Settlement::Sent;
            self.storage.outbox.settle(&message.id, queued.attempts, &sent).await.unwrap();
            let to = content.to.address().to_owned();
            mail.push(Mail { kind: message.kind, to, variables: content.variables });
        }
        mail
    }

    /// The one message that was asked for since the last call.
    pub(crate) async fn one_mail(&self, kind: MessageKind, to: &str) -> Mail {
        let mut mail = self.mail().await;
        let kinds: Vec<_> = mail.iter().map(|mail| (mail.kind.clone(), mail.to.clone())).collect();
        assert_eq!(kinds, [(kind, to.to_owned())]);
        mail.remove(0)
    }

    /// How many sessions of `user` are stored.
    pub(crate) async fn count_sessions(&self, user: &User) -> usize {
        let keys = &self.storage.keys;
        let all = keys.list_for_user(Some(&user.id), KeyPrefix::Session, None, u32::MAX).await;
        all.unwrap().len()
    }

    /// The present time of the site.
    pub(crate) fn now(&self) -> crossauth_core::clock::Timestamp {
        self.clock.now()
    }

    /// A browser in which `username` is logged in; creates the account if it does not exist.
    pub(crate) async fn logged_in(&self, username: &str) -> Browser {
        if self.found(username).await.is_none() {
            self.account(username, Role::User).await;
        }
        let mut browser = self.browser();
        let response = browser.log_in(username, PASSWORD).await;
        assert_eq!(response.status, 200, "{}", response.body);
        browser
    }
}

/// Addresses need not be verified, although mail can be sent.
pub(crate) fn unverified() -> EmailVerificationConfig {
    EmailVerificationConfig { activation: Activation::Off, ..EmailVerificationConfig::default() }
}

/// A message to a user.
pub(crate) struct Mail {
    pub(crate) kind: MessageKind,
    pub(crate) to: String,
    variables: serde_json::Map<String, serde_json::Value>,
}

impl Mail {
    /// A variable of its template; empty if it has none of this name.
    pub(crate) fn variable(&self, name: &str) -> &str {
        self.variables.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
    }

    /// The token of its link.
    pub(crate) fn token(&self) -> &str {
        self.variable("token")
    }
}

/// An empty storage that can fail, count calls, and be interrupted.
pub(crate) fn test_storage() -> TestStorage {
    TestStorage::new(empty_storage())
}

/// The minimum cost of Argon2id.
pub(crate) fn quick_hashes() -> HasherConfig {
    let params = Argon2idParams { memory_kib: 8, passes: 1, lanes: 1 };
    HasherConfig { new_hashes: NewHashes::Argon2id(params), ..HasherConfig::default() }
}
