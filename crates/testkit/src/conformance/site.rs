//! All use cases over the storage under test.

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::account::{AccountForm, Role};
use crossauth_core::clock::Clock;
use crossauth_core::crypto::TotpSecret;
use crossauth_core::enrolment::{Assurance, Begun, Completed, SetUpAttempt};
use crossauth_core::factor::Configured;
use crossauth_core::login::{LoginAttempt, LoginOutcome};
use crossauth_core::outbox::{Delivery, Preview};
use crossauth_core::password::{Argon2idParams, HasherConfig, NewHashes};
use crossauth_core::secret::{Password, ServerSecret};
use crossauth_core::session::Session;
use crossauth_core::storage::Storage;
use crossauth_core::user::User;
use crossauth_core::{Auth, AuthConfig, Sources};
use serde_json::{Map, Value, json};

use super::sample;
use crate::clock::FixedClock;
use crate::random::SeededRandom;

pub(super) const PASSWORD: &str = "Correct-Horse-7";
pub(super) const NEW_PASSWORD: &str = "Another-Horse-8";
pub(super) const ADDRESS: &str = "bob@example.com";

/// The time between two codes of an authenticator application.
const STEP: Duration = Duration::from_secs(30);

/// A site where mail can be sent and every second factor is offered.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) auth: Arc<Auth>,
    pub(super) clock: FixedClock,
    storage: Storage,
}

impl Site {
    pub(super) fn new(storage: &Storage) -> Self {
        let preview = Some(Preview::new());
        Self::with_delivery(storage, Delivery { preview, ..Delivery::default() })
    }

    pub(super) fn with_delivery(storage: &Storage, delivery: Delivery) -> Self {
        let clock = FixedClock::default();
        let params = Argon2idParams { memory_kib: 8, passes: 1, lanes: 1 };
        let secret = ServerSecret::new("a secret of tests, known to all").unwrap();
        let mut config = AuthConfig { delivery, ..AuthConfig::new(secret) };
        let new_hashes = NewHashes::Argon2id(params);
        config.hasher = HasherConfig { new_hashes, ..HasherConfig::default() };
        config.signup.editable_fields = vec!["email".into()];
        let totp = Configured::Totp { issuer: "Example".into() };
        config.factors.second = vec![totp, Configured::Email, Configured::Sms];
        let sources =
            Sources { clock: Arc::new(clock.clone()), random: Arc::new(SeededRandom::default()) };
        let auth = Arc::new(Auth::new(config, storage, &sources).unwrap());
        Self { auth, clock, storage: storage.clone() }
    }

    pub(super) fn form() -> AccountForm {
        let fields = sample::fields([("email", ADDRESS.into())]);
        AccountForm { fields, ..AccountForm::new("bob", Password::new(PASSWORD)) }
    }

    /// Bob, with an address and a telephone.
    pub(super) async fn bob(&self) -> User {
        let mut form = Self::form();
        form.fields.insert("phone".into(), "+43123456789".into());
        self.auth.accounts.create(form, Role::User).await.unwrap()
    }

    /// The latest value of a variable in the messages that were sent.
    pub(super) async fn sent(&self, variable: &str) -> String {
        let now = self.clock.now();
        let queued = self.storage.outbox.claim(now, now, 1000).await.unwrap();
        let values = queued.iter().rev().filter_map(|queued| {
            let content = self.auth.messages.open(&queued.message).unwrap();
            Some(content.variables.get(variable)?.as_str()?.to_owned())
        });
        let all: Vec<String> = values.collect();
        // Messages of one moment have no order, so the tests wait between two of a kind.
        self.clock.advance(Duration::from_secs(1));
        all.into_iter().next().unwrap()
    }

    async fn first_step(&self) -> LoginOutcome {
        let attempt = LoginAttempt::new("bob", Password::new(PASSWORD));
        self.auth.login.attempt(attempt).await.unwrap()
    }

    /// The session of Bob, who has no second factor yet.
    pub(super) async fn session(&self) -> Session {
        let outcome = self.first_step().await;
        let LoginOutcome::LoggedIn(session) = outcome else { panic!("{outcome:?}") };
        self.auth.sessions.check(&session.cookie).await.unwrap()
    }

    /// A login of Bob that waits for the second factor.
    pub(super) async fn pending(&self) -> Session {
        let outcome = self.first_step().await;
        let LoginOutcome::SecondFactor(needed) = outcome else { panic!("{outcome:?}") };
        self.auth.sessions.check(&needed.session.unwrap().cookie).await.unwrap()
    }

    /// As many of them as race.
    pub(super) async fn many_pending(&self) -> Arc<Vec<Session>> {
        let mut pending = Vec::new();
        for _ in 0..RACERS {
            pending.push(self.pending().await);
        }
        Arc::new(pending)
    }

    /// Begins to set a second factor up; returns the session in which it waits.
    pub(super) async fn begin(&self, factor: &str) -> (Session, Map<String, Value>) {
        let session = self.session().await;
        let enrolment = &self.auth.enrolment;
        let begun = enrolment.change(&session, factor, Assurance::default()).await.unwrap();
        let Begun::Waiting { shown, .. } = begun else { panic!("{begun:?}") };
        (self.auth.sessions.find(session.id).await.unwrap(), shown)
    }

    /// Sets an authenticator application up.
    pub(super) async fn enrol_app(&self) -> Enrolled {
        let (session, shown) = self.begin("totp").await;
        let app = TotpSecret::parse(shown["totpsecret"].as_str().unwrap()).unwrap();
        let fields = otp(&app.code(self.clock.now()));
        let (session, recovery_codes) = self.confirm(&session, &fields).await;
        self.clock.advance(STEP);
        Enrolled { app, session, recovery_codes }
    }

    /// Sets a factor up that sends codes.
    pub(super) async fn enrol_sent(&self, factor: &str) {
        let (session, _) = self.begin(factor).await;
        let code = self.sent("otp").await;
        self.confirm(&session, &otp(&code)).await;
    }

    async fn confirm(
        &self,
        session: &Session,
        fields: &Map<String, Value>,
    ) -> (Session, Vec<String>) {
        let attempt = SetUpAttempt::new(session, fields);
        let completed = self.auth.enrolment.complete(attempt).await.unwrap();
        let Completed::Done { session, recovery_codes, .. } = completed else {
            panic!("{completed:?}")
        };
        (self.auth.sessions.check(&session.cookie).await.unwrap(), recovery_codes)
    }
}

/// What Bob has after he set an authenticator application up.
pub(super) struct Enrolled {
    pub(super) app: TotpSecret,
    pub(super) session: Session,
    pub(super) recovery_codes: Vec<String>,
}

/// How many try at once.
pub(super) const RACERS: usize = 50;

/// The form with a code.
pub(super) fn otp(code: &str) -> Map<String, Value> {
    sample::fields([("otp", json!(code))])
}
