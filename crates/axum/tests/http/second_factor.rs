//! `loginfactor2`, `factor2`, `resendfactor2`, `cancelfactor2`, and requests that need the factor.
//!
//! Tests of attacks begin with their number in the list of attacks.

mod attack;
mod device;
mod login;
mod protected;

use std::time::Duration;

use crossauth_axum::Builder;
use crossauth_core::account::Role;
use crossauth_core::clock::Clock;
use crossauth_core::crypto::TotpSecret;
use crossauth_core::enrolment::{Assurance, Begun, Completed, SetUpAttempt};
use crossauth_core::factor::{Configured, FactorConfig};
use crossauth_core::session::Session;
use crossauth_core::user::{FactorName, Patch, User, UserUpdate};
use serde_json::{Map, Value, json};

use crate::browser::{Browser, TestResponse};
use crate::site::{PASSWORD, Site};

/// One step of a TOTP code.
const STEP: Duration = Duration::from_secs(30);

/// The code of the dummy factor.
const DUMMY: &str = "0000";

/// A user with an authenticator application.
struct Enrolled {
    user: User,
    phone: TotpSecret,
    recovery_codes: Vec<String>,
}

fn all_factors(builder: Builder) -> Builder {
    builder.factors(FactorConfig {
        second: vec![
            Configured::Totp { issuer: "Example".into() },
            Configured::Email,
            Configured::DangerDummy { code: DUMMY.into() },
        ],
        ..FactorConfig::default()
    })
}

fn site() -> Site {
    Site::with(all_factors)
}

/// The first step of a login as a page sends it.
async fn log_in_on_page(browser: &mut Browser, username: &str) -> TestResponse {
    let fields = [("username", username), ("password", PASSWORD), ("next", "/after?a=b")];
    browser.submit("/login", &fields).await
}

impl Site {
    /// Creates a user and sets up an authenticator application, whose first code is used up.
    async fn enrolled(&self, username: &str) -> Enrolled {
        let session = self.session_of(username).await;
        let auth = self.crossauth.auth();
        let begun = auth.enrolment.change(&session, "totp", Assurance::default()).await.unwrap();
        let Begun::Waiting { shown, .. } = begun else { panic!("{begun:?}") };
        let phone = TotpSecret::parse(shown["totpsecret"].as_str().unwrap()).unwrap();
        let fields = Map::from_iter([("otp".to_owned(), json!(self.code(&phone)))]);
        let session = auth.sessions.find(session.id).await.unwrap();
        let completed =
            auth.enrolment.complete(SetUpAttempt::new(&session, &fields)).await.unwrap();
        let Completed::Done { user, recovery_codes, .. } = completed else {
            panic!("{completed:?}")
        };
        self.clock.advance(STEP);
        Enrolled { user: *user, phone, recovery_codes }
    }

    /// Creates a user with a factor that has no secrets.
    async fn with_factor(&self, username: &str, factor: FactorName) -> User {
        let user = self.account(username, Role::User).await;
        let email = Patch::Set(format!("{username}@example.com"));
        let factor2 = Patch::Set(factor);
        self.change(&user, UserUpdate { factor2, email, ..UserUpdate::default() }).await;
        user
    }

    async fn session_of(&self, username: &str) -> Session {
        let cookie = self.logged_in(username).await.cookies["SESSIONID"].clone();
        self.crossauth.auth().sessions.check(&cookie).await.unwrap()
    }

    /// The present code of an authenticator application.
    fn code(&self, phone: &TotpSecret) -> String {
        phone.code(self.clock.now())
    }

    /// A six-digit code that is not valid at present.
    fn wrong_code(&self, phone: &TotpSecret) -> String {
        let now = self.clock.now();
        let valid = [now - STEP, now, now + STEP].map(|time| phone.code(time));
        (0..10).map(|n| format!("{n:06}")).find(|code| !valid.contains(code)).unwrap()
    }

    /// The code in the latest message.
    async fn sent_code(&self) -> String {
        let now = self.clock.now();
        let queued = self.storage.outbox.claim(now, now, 1000).await.unwrap();
        let latest = queued.iter().rev().find_map(|queued| {
            let content = self.crossauth.auth().messages.open(&queued.message).unwrap();
            Some(content.variables.get("otp")?.as_str()?.to_owned())
        });
        latest.unwrap()
    }

    /// A browser after the right password, in which the factor is awaited.
    async fn pending(&self, username: &str) -> Browser {
        let mut browser = self.browser();
        let response = browser.log_in(username, PASSWORD).await;
        assert_eq!(response.json()["twoFactorRequired"], json!(true), "{}", response.body);
        browser
    }

    /// A browser in which an enrolled user is logged in.
    async fn through(&self, enrolled: &Enrolled) -> Browser {
        let mut browser = self.pending(&enrolled.user.username).await;
        let response = browser.api("loginfactor2", &self.code(&enrolled.phone)).await;
        assert_eq!(response.status, 200, "{}", response.body);
        self.clock.advance(STEP);
        browser
    }
}

impl Browser {
    /// Sends a code as JSON.
    async fn api(&mut self, name: &str, code: &str) -> TestResponse {
        self.post(&format!("{}api/{name}", self.prefix), json!({ "otp": code })).await
    }

    async fn post_json(&mut self, name: &str, body: Value) -> TestResponse {
        self.post(&format!("/api/{name}"), body).await
    }
}
