//! Second factors in databases that another Crossauth made.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::account::{AccountForm, Role};
use crossauth_core::clock::Clock;
use crossauth_core::crypto::{TotpSecret, stored_value};
use crossauth_core::device::DEVICE_LIFETIME;
use crossauth_core::key::KeyPrefix;
use crossauth_core::login::{LoginAttempt, LoginOutcome, SecondFactorAttempt, SecondFactorOutcome};
use crossauth_core::password::{Argon2idParams, HasherConfig, NewHashes};
use crossauth_core::secret::{Password, ServerSecret};
use crossauth_core::session::NewSession;
use crossauth_core::{Auth, AuthConfig, Sources};
use crossauth_testkit::clock::FixedClock;
use crossauth_testkit::random::SeededRandom;
use serde_json::{Map, json};

use super::{CROSSAUTHJS, PYCROSSAUTH, SqliteFile};
use crate::foreign::Schema;

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const PASSWORD: &str = "Correct-Horse-7";

struct Site {
    auth: Auth,
    opened: SqliteFile,
    clock: FixedClock,
}

impl Site {
    /// The database of an upstream site with a user who has an authenticator application.
    async fn open(schema: &Schema) -> Self {
        let opened = SqliteFile::of_upstream(schema).await;
        let clock = FixedClock::default();
        let mut config =
            AuthConfig::new(ServerSecret::new("a secret of tests, known to all").unwrap());
        let params = Argon2idParams { memory_kib: 8, passes: 1, lanes: 1 };
        config.hasher =
            HasherConfig { new_hashes: NewHashes::Argon2id(params), ..HasherConfig::default() };
        let sources =
            Sources { clock: Arc::new(clock.clone()), random: Arc::new(SeededRandom::default()) };
        let auth = Auth::new(config, &opened.storage(), &sources).unwrap();
        let form =
            AccountForm { fields: Map::new(), ..AccountForm::new("bob", Password::new(PASSWORD)) };
        auth.accounts.create(form, Role::User).await.unwrap();
        let [users, secrets, _] = schema.names;
        opened.sql(&format!(
            "UPDATE {users} SET factor2 = 'totp'; UPDATE {secrets} SET totpsecret = '{SECRET}';"
        ));
        Self { auth, opened, clock }
    }

    async fn first_step(&self, device: Option<&str>) -> LoginOutcome {
        let attempt = LoginAttempt::new("bob", Password::new(PASSWORD));
        let attempt = LoginAttempt { device, ..attempt };
        self.auth.login.attempt(attempt).await.unwrap()
    }

    async fn log_in(&self, code: &str) -> Option<Box<NewSession>> {
        let outcome = self.first_step(None).await;
        let LoginOutcome::SecondFactor(needed) = outcome else { panic!("{outcome:?}") };
        let waiting = self.auth.sessions.check(&needed.session.unwrap().cookie).await.unwrap();
        let fields = Map::from_iter([("otp".to_owned(), json!(code))]);
        let attempt = SecondFactorAttempt::new(&waiting, &fields);
        match self.auth.login.complete(attempt).await.unwrap() {
            SecondFactorOutcome::LoggedIn { session, .. } => Some(session),
            SecondFactorOutcome::Rejected(_) => None,
            SecondFactorOutcome::Refused(refusal) => panic!("{refusal}"),
        }
    }

    fn code(&self) -> String {
        TotpSecret::parse(SECRET).unwrap().code(self.clock.now())
    }
}

#[tokio::test]
async fn secret_of_an_authenticator_application_works_in_place_and_stays_readable_for_upstream() {
    for schema in [PYCROSSAUTH, CROSSAUTHJS] {
        let site = Site::open(&schema).await;
        assert!(site.log_in("000000").await.is_none());
        let code = site.code();
        let session = site.log_in(&code).await.unwrap();
        assert!(site.auth.sessions.check(&session.cookie).await.is_ok());
        // Used once, as in our own tables.
        assert!(site.log_in(&code).await.is_none());
        site.clock.advance(Duration::from_secs(30));
        assert!(site.log_in(&site.code()).await.is_some());
        let select = format!("SELECT totpsecret FROM {}", schema.names[1]);
        let connection = site.opened.connection();
        let stored: String = connection.query_row(&select, [], |row| row.get(0)).unwrap();
        assert_eq!(stored, SECRET);
    }
}

#[tokio::test]
async fn known_devices_of_upstream_stay_known() {
    let site = Site::open(&CROSSAUTHJS).await;
    let token = "AAECAwQFBgcICQoLDA0ODw";
    let value = stored_value(KeyPrefix::KnownDevice, token);
    let created = site.clock.now().as_millis();
    let expires = (site.clock.now() + DEVICE_LIFETIME).as_millis();
    site.opened.sql(&format!(
        "INSERT INTO keys (value, userid, created, expires, data) \
         VALUES ('{value}', 1, {created}, {expires}, '')"
    ));
    assert!(matches!(site.first_step(Some(token)).await, LoginOutcome::LoggedIn(_)));
    assert!(matches!(site.first_step(Some("other")).await, LoginOutcome::SecondFactor(_)));
    site.clock.advance(DEVICE_LIFETIME);
    assert!(matches!(site.first_step(Some(token)).await, LoginOutcome::SecondFactor(_)));
}
