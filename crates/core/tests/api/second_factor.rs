//! Second factors, each attack under its number in the list of attacks.

mod administration;
mod device;
mod enrolment;
mod limit;
mod login;
mod plain;
mod protected;
mod recovery;
mod required;
mod reset;
mod sent_code;
mod signup;
mod totp;

use std::time::Duration;

use crossauth_core::AuthConfig;
use crossauth_core::account::Role;
use crossauth_core::clock::Clock;
use crossauth_core::crypto::TotpSecret;
use crossauth_core::enrolment::{Assurance, Begun, Completed, SetUpAttempt};
use crossauth_core::factor::Configured;
use crossauth_core::login::{
    Door, LoginAttempt, LoginOutcome, SecondFactorAttempt, SecondFactorNeeded, SecondFactorOutcome,
};
use crossauth_core::protected::{FactorProof, Protected, StoredRequest};
use crossauth_core::secret::Password;
use crossauth_core::session::{NewSession, Replaced, Session};
use crossauth_core::storage::Change;
use crossauth_core::user::{Patch, User, UserUpdate};
use crossauth_core::{RECOVERY_CODE, Rejection};
use crossauth_testkit::storage::change_user;
use serde_json::{Map, Value, json};

use crate::site::{PASSWORD, Site};

/// Longer than a step of a TOTP code.
const STEP: Duration = Duration::from_secs(30);

/// A user with an authenticator application.
struct Enrolled {
    user: User,
    phone: TotpSecret,
    recovery_codes: Vec<String>,
    session: NewSession,
}

/// All factors are configured.
fn site() -> Site {
    Site::with(all_factors)
}

fn all_factors(config: &mut AuthConfig) {
    config.factors.second = vec![
        Configured::Totp { issuer: "Example".into() },
        Configured::Email,
        Configured::Sms,
        Configured::DangerDummy { code: "0000".into() },
    ];
}

fn fields<const N: usize>(fields: [(&str, &str); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn otp(code: &str) -> Map<String, Value> {
    fields([("otp", code)])
}

fn recovery_code(code: &str) -> Map<String, Value> {
    fields([("otp", ""), (RECOVERY_CODE, code)])
}

impl Site {
    async fn checked(&self, session: &NewSession) -> Session {
        self.auth.sessions.check(&session.cookie).await.unwrap()
    }

    /// The present code of an authenticator application.
    fn code(&self, phone: &TotpSecret) -> String {
        phone.code(self.clock.now())
    }

    /// A six-digit code that is not the present one.
    fn wrong_code(&self, phone: &TotpSecret) -> String {
        let now = self.clock.now();
        let valid = [now - STEP, now, now + STEP].map(|time| phone.code(time));
        (0..10).map(|n| format!("{n:06}")).find(|code| !valid.contains(code)).unwrap()
    }

    /// Creates a user and sets up an authenticator application, whose first code is used up.
    async fn enrolled(&self, username: &str) -> Enrolled {
        self.account(username, Role::User).await;
        let session = self.session(username).await;
        let session = self.checked(&session).await;
        let phone = secret_of(&self.begin(&session, "totp").await);
        let (user, session, recovery_codes) = self.confirm(&session, &self.code(&phone)).await;
        self.clock.advance(STEP);
        Enrolled { user, phone, recovery_codes, session }
    }

    /// Begins to set up a factor of a user who has none.
    async fn begin(&self, session: &Session, factor: &str) -> Map<String, Value> {
        let begun = self.auth.enrolment.change(session, factor, Assurance::default()).await;
        let Ok(Begun::Waiting { shown, .. }) = begun else { panic!("{begun:?}") };
        shown
    }

    /// Completes a set-up, which must succeed.
    async fn confirm(&self, session: &Session, code: &str) -> (User, NewSession, Vec<String>) {
        // The session as it is now, with what waits in it.
        let session = self.auth.sessions.find(session.id.clone()).await.unwrap();
        let completed = self.set_up(&session, &otp(code)).await;
        let Completed::Done { user, session, recovery_codes } = completed else {
            panic!("{completed:?}")
        };
        (*user, *session, recovery_codes)
    }

    async fn set_up(&self, session: &Session, fields: &Map<String, Value>) -> Completed {
        let session = &self.auth.sessions.find(session.id.clone()).await.unwrap();
        let attempt = SetUpAttempt::new(session, fields);
        self.auth.enrolment.complete(attempt).await.unwrap()
    }

    /// Logs in with the right password, in a new browser, which must ask for the factor.
    async fn pending(&self, username: &str) -> Session {
        let needed = self.needed(username, Door::default()).await;
        self.checked(&needed.session.unwrap()).await
    }

    async fn needed(&self, username: &str, door: Door<'_>) -> SecondFactorNeeded {
        let outcome = self.first_step(username, door).await;
        let LoginOutcome::SecondFactor(needed) = outcome else { panic!("{outcome:?}") };
        *needed
    }

    async fn first_step(&self, username: &str, door: Door<'_>) -> LoginOutcome {
        let Door { persist, replaces, device, browser, visitor } = door;
        let attempt = LoginAttempt::new(username, Password::new(PASSWORD));
        let attempt = LoginAttempt { persist, replaces, device, browser, visitor, ..attempt };
        self.auth.login.attempt(attempt).await.unwrap()
    }

    async fn second_step(
        &self,
        session: &Session,
        fields: &Map<String, Value>,
    ) -> SecondFactorOutcome {
        let attempt = SecondFactorAttempt::new(session, fields);
        self.auth.login.complete(attempt).await.unwrap()
    }

    /// Whether a login succeeds with the right password and this code.
    async fn logs_in(&self, username: &str, fields: &Map<String, Value>) -> bool {
        let session = self.pending(username).await;
        is_logged_in(&self.second_step(&session, fields).await)
    }

    /// The code in the latest message of this test.
    async fn sent_code(&self) -> String {
        let now = self.clock.now();
        let inner = self.storage.inner();
        let queued = inner.outbox.claim(now, now, 1000).await.unwrap();
        let latest = queued.iter().rev().find_map(|queued| {
            let content = self.auth.messages.open(&queued.message).unwrap();
            Some(content.variables.get("otp")?.as_str()?.to_owned())
        });
        latest.unwrap()
    }

    /// The kinds of all messages, in the order of their creation.
    async fn sent(&self) -> Vec<String> {
        let now = self.clock.now();
        let queued = self.storage.inner().outbox.claim(now, now, 1000).await.unwrap();
        queued.iter().map(|queued| queued.message.kind.to_string()).collect()
    }

    async fn protect(
        &self,
        session: &Session,
        request: StoredRequest,
        fields: &Map<String, Value>,
    ) -> Protected {
        let session = self.auth.sessions.find(session.id.clone()).await.unwrap();
        self.auth.protection.judge(&session, request, fields).await.unwrap()
    }

    /// The proof that a user confirmed the factor, by a protected request.
    async fn proof(&self, enrolled: &Enrolled, session: &Session) -> FactorProof {
        let request = || post("/changefactor2", "factor2=none");
        let asked = self.protect(session, request(), &fields([("factor2", "none")])).await;
        assert!(matches!(asked, Protected::Challenged { .. }), "{asked:?}");
        let code = otp(&self.code(&enrolled.phone));
        let confirmed = self.protect(session, request(), &code).await;
        let Protected::Confirmed { proof, .. } = confirmed else { panic!("{confirmed:?}") };
        self.clock.advance(STEP);
        proof
    }

    async fn set_phone(&self, user: &User, number: &str) {
        let extra = fields([("phone", number)]);
        self.update(user, UserUpdate { extra, ..UserUpdate::default() }).await;
    }

    async fn set_email(&self, user: &User, address: &str) {
        let email = Patch::Set(address.into());
        self.update(user, UserUpdate { email, ..UserUpdate::default() }).await;
    }

    async fn update(&self, user: &User, update: UserUpdate) -> User {
        let change = Change { user: update, ..Change::default() };
        change_user(self.storage.inner(), &user.id, &change).await
    }
}

fn secret_of(shown: &Map<String, Value>) -> TotpSecret {
    TotpSecret::parse(shown["totpsecret"].as_str().unwrap()).unwrap()
}

fn is_logged_in(outcome: &SecondFactorOutcome) -> bool {
    matches!(outcome, SecondFactorOutcome::LoggedIn { .. })
}

#[track_caller]
fn assert_rejected(outcome: &SecondFactorOutcome, expected: Rejection) {
    let SecondFactorOutcome::Rejected(rejection) = outcome else { panic!("{outcome:?}") };
    assert_eq!(*rejection, expected);
}

fn post(url: &str, body: &str) -> StoredRequest {
    StoredRequest {
        method: "POST".into(),
        url: url.into(),
        content_type: Some("application/x-www-form-urlencoded".into()),
        body: body.as_bytes().to_vec().into(),
    }
}

fn replacing(session: &Session) -> Door<'_> {
    Door { replaces: Some(Replaced::new(&session.id, &session.key)), ..Door::default() }
}

/// Runs fifty tasks at once; returns what they returned.
async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    task: impl Fn(usize) -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..50).map(|number| tokio::spawn(task(number))).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
