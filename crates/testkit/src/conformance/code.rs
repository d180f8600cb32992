//! Rules for codes, and for what waits for one: of fifty uses, one succeeds.

use crossauth_core::clock::Clock;
use crossauth_core::enrolment::{Completed, SetUpAttempt};
use crossauth_core::login::{SecondFactorAttempt, SecondFactorOutcome};
use crossauth_core::protected::{Protected, StoredRequest};
use crossauth_core::session::Session;
use crossauth_core::storage::Storage;
use crossauth_core::{RECOVERY_CODE, Rejection};
use serde_json::{Map, Value};

use super::sample::{fields, race};
use super::site::{RACERS, Site, otp};

/// Of as many logins with one code of an authenticator application, one begins a session.
pub(super) async fn one_code_of_an_application_logs_in_once(storage: &Storage) {
    let site = Site::new(storage);
    site.bob().await;
    let bob = site.enrol_app().await;
    let code = otp(&bob.app.code(site.clock.now()));
    let pending = site.many_pending().await;
    let logged_in = log_in(&site, &code, |number| pending[number].clone()).await;
    assert_eq!(logged_in, 1);
}

/// A code that was sent completes the one login that it was sent for, once.
pub(super) async fn one_code_that_was_sent_logs_in_once(storage: &Storage) {
    let site = Site::new(storage);
    site.bob().await;
    site.enrol_sent("email").await;
    let pending = site.pending().await;
    let code = otp(&site.sent("otp").await);
    assert_eq!(log_in(&site, &code, |_| pending.clone()).await, 1);
}

/// The same for a text message.
pub(super) async fn one_code_in_a_text_message_logs_in_once(storage: &Storage) {
    let site = Site::new(storage);
    site.bob().await;
    site.enrol_sent("sms").await;
    let pending = site.pending().await;
    let code = otp(&site.sent("otp").await);
    assert_eq!(log_in(&site, &code, |_| pending.clone()).await, 1);
}

/// Of as many logins with one recovery code, one begins a session.
pub(super) async fn one_recovery_code_logs_in_once(storage: &Storage) {
    let site = Site::new(storage);
    site.bob().await;
    let bob = site.enrol_app().await;
    let code = fields([(RECOVERY_CODE, bob.recovery_codes[0].as_str().into())]);
    let pending = site.many_pending().await;
    let logged_in = log_in(&site, &code, |number| pending[number].clone()).await;
    assert_eq!(logged_in, 1);
}

/// One waiting login begins one session, although each recovery code would do.
pub(super) async fn one_waiting_login_begins_one_session(storage: &Storage) {
    let site = Site::new(storage);
    site.bob().await;
    let bob = site.enrol_app().await;
    let pending = site.pending().await;
    let results = race(RACERS, |number| {
        let (site, pending) = (site.clone(), pending.clone());
        let code = bob.recovery_codes[number % bob.recovery_codes.len()].as_str();
        let code = fields([(RECOVERY_CODE, code.into())]);
        async move { complete(&site, &pending, &code).await }
    })
    .await;
    assert_eq!(results.into_iter().filter(|is_logged_in| *is_logged_in).count(), 1);
    assert_eq!(site.auth.recovery.count(&bob.session.user.unwrap().id).await.unwrap(), 9);
}

/// A request that waits for the factor is executed once.
pub(super) async fn one_waiting_request_is_executed_once(storage: &Storage) {
    let site = Site::new(storage);
    site.bob().await;
    let bob = site.enrol_app().await;
    let request = || StoredRequest {
        method: "POST".into(),
        url: "/changepassword".into(),
        content_type: Some("application/json".into()),
        body: b"{}".to_vec().into(),
    };
    let protection = &site.auth.protection;
    let asked = protection.judge(&bob.session, request(), &Map::new()).await.unwrap();
    assert!(matches!(asked, Protected::Challenged { .. }), "{asked:?}");
    let session = site.auth.sessions.find(bob.session.id).await.unwrap();
    let code = otp(&bob.app.code(site.clock.now()));
    let results = race(RACERS, |_| {
        let (site, session, code) = (site.clone(), session.clone(), code.clone());
        async move { site.auth.protection.judge(&session, request(), &code).await.unwrap() }
    })
    .await;
    let confirmed = |protected: &&Protected| matches!(protected, Protected::Confirmed { .. });
    assert_eq!(results.iter().filter(confirmed).count(), 1);
    for other in results.iter().filter(|protected| !confirmed(protected)) {
        assert!(matches!(other, Protected::Rejected(_)), "{other:?}");
    }
}

/// A factor that waits comes into force once, with one set of recovery codes.
pub(super) async fn one_waiting_factor_is_set_up_once(storage: &Storage) {
    let site = Site::new(storage);
    let bob = site.bob().await;
    let (session, _) = site.begin("email").await;
    let code = otp(&site.sent("otp").await);
    let results = race(RACERS, |_| {
        let (site, session, code) = (site.clone(), session.clone(), code.clone());
        async move {
            let attempt = SetUpAttempt::new(&session, &code);
            match site.auth.enrolment.complete(attempt).await.unwrap() {
                Completed::Done { .. } => true,
                Completed::VerifyEmail { .. } => panic!("this is no sign-up"),
                Completed::Rejected(_) => false,
                Completed::Refused(refusal) => panic!("{refusal}"),
            }
        }
    })
    .await;
    assert_eq!(results.into_iter().filter(|is_done| *is_done).count(), 1);
    assert_eq!(site.auth.recovery.count(&bob.id).await.unwrap(), 10);
}

/// How many of the racing second steps log in.
async fn log_in(
    site: &Site,
    code: &Map<String, Value>,
    pending: impl Fn(usize) -> Session,
) -> usize {
    let results = race(RACERS, |number| {
        let (site, pending, code) = (site.clone(), pending(number), code.clone());
        async move { complete(&site, &pending, &code).await }
    })
    .await;
    results.into_iter().filter(|is_logged_in| *is_logged_in).count()
}

async fn complete(site: &Site, pending: &Session, code: &Map<String, Value>) -> bool {
    let attempt = SecondFactorAttempt::new(pending, code);
    match site.auth.login.complete(attempt).await.unwrap() {
        SecondFactorOutcome::LoggedIn { .. } => true,
        SecondFactorOutcome::Rejected(
            Rejection::Wrong | Rejection::Gone | Rejection::TooMany { .. },
        ) => false,
        SecondFactorOutcome::Rejected(Rejection::Expired) => panic!("the code has expired"),
        SecondFactorOutcome::Refused(refusal) => panic!("{refusal}"),
    }
}
