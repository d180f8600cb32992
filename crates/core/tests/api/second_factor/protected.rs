//! Requests that need the second factor.

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::account::Role;
use crossauth_core::protected::{MAX_BODY, Protected, StoredRequest};
use crossauth_core::secret::Password;
use crossauth_core::user::{FactorName, Patch, UserUpdate};
use crossauth_core::{RECOVERY_CODE, Rejection};
use serde_json::{Map, json};

use super::{all_factors, fields, otp, post, race, site};
use crate::site::{OTHER, Site};

const BODY: &str = "old_password=one&new_password=two";

fn assert_rejected(protected: &Protected, expected: Rejection) {
    let Protected::Rejected(rejection) = protected else { panic!("{protected:?}") };
    assert_eq!(*rejection, expected);
}

fn assert_challenged(protected: &Protected) {
    assert!(matches!(protected, Protected::Challenged { .. }), "{protected:?}");
}

#[tokio::test]
async fn stored_request_is_executed_once_after_the_code() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    let url = "/base/changepassword?next=%2F";
    assert_challenged(&site.protect(&session, post(url, BODY), &Map::new()).await);
    let waiting = site.auth.sessions.find(session.id.clone()).await.unwrap();
    let waiting = site.auth.protection.waiting(&waiting).unwrap();
    assert_eq!((waiting.factor, waiting.url.as_str()), (FactorName::TOTP, url));
    // Of the second request, only the code is read.
    let mut second = otp(&site.code(&bob.phone));
    second.insert("new_password".into(), json!("evil"));
    let request = StoredRequest {
        content_type: Some("application/json".into()),
        ..post("/base/changepassword?next=https://evil.example", "otp=1&new_password=evil")
    };
    let confirmed = site.protect(&session, request.clone(), &second).await;
    let Protected::Confirmed { request: executed, .. } = confirmed else { panic!("{confirmed:?}") };
    assert_eq!(executed, post(url, BODY));
    site.clock.advance(super::STEP);
    let code = otp(&site.code(&bob.phone));
    assert_rejected(&site.protect(&session, request, &code).await, Rejection::Gone);
}

#[tokio::test]
async fn accounts_without_a_factor_are_not_asked() {
    let site = site();
    site.account("bob", Role::User).await;
    let session = site.session("bob").await;
    let session = site.checked(&session).await;
    let judged = site.protect(&session, post("/updateuser", "x"), &otp("1")).await;
    assert!(matches!(judged, Protected::Unprotected), "{judged:?}");
}

#[tokio::test]
async fn factor_that_is_not_offered_any_more_does_not_open_requests() {
    let site = Site::with(|config| {
        all_factors(config);
        config.factors.allowed = vec!["none".into(), "email".into()];
    });
    let bob = site.account("bob", Role::User).await;
    let session = site.session("bob").await;
    let factor2 = Patch::Set(FactorName::TOTP);
    site.update(&bob, UserUpdate { factor2, ..UserUpdate::default() }).await;
    let session = site.checked(&session).await;
    let judged = site.protect(&session, post("/updateuser", "x"), &Map::new()).await;
    assert!(matches!(judged, Protected::Refused(_)), "{judged:?}");
}

#[tokio::test]
async fn code_does_not_confirm_a_request_to_another_path_or_by_another_method() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    assert_challenged(&site.protect(&session, post("/changepassword", BODY), &Map::new()).await);
    let code = otp(&site.code(&bob.phone));
    let put = StoredRequest { method: "PUT".into(), ..post("/changepassword", "x") };
    for other in [
        post("/deleteuser", "x"),
        post("/api/changepassword", "x"),
        post("/changepassword/", "x"),
        post("//changepassword", "x"),
        post("/CHANGEPASSWORD", "x"),
        put,
    ] {
        assert_rejected(&site.protect(&session, other, &code).await, Rejection::Gone);
    }
    let confirmed = site.protect(&session, post("/changepassword", "x"), &code).await;
    assert!(matches!(confirmed, Protected::Confirmed { .. }), "{confirmed:?}");
}

#[tokio::test]
async fn code_in_the_first_request_confirms_nothing() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    let code = otp(&site.code(&bob.phone));
    let judged = site.protect(&session, post("/deleteuser", "otp"), &code).await;
    assert_rejected(&judged, Rejection::Gone);
}

#[tokio::test]
async fn new_request_without_a_code_replaces_the_waiting_one() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    let nothing = fields([("otp", ""), (RECOVERY_CODE, "")]);
    assert_challenged(&site.protect(&session, post("/updateuser", "one"), &nothing).await);
    assert_challenged(&site.protect(&session, post("/updateuser", "two"), &nothing).await);
    let code = otp(&site.code(&bob.phone));
    let confirmed = site.protect(&session, post("/updateuser", "otp"), &code).await;
    let Protected::Confirmed { request, .. } = confirmed else { panic!("{confirmed:?}") };
    assert_eq!(request.body.as_slice(), b"two");
}

#[tokio::test]
async fn body_is_stored_encrypted_and_bounded() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    assert_challenged(&site.protect(&session, post("/changepassword", BODY), &Map::new()).await);
    let stored = site.auth.sessions.find(session.id.clone()).await.unwrap();
    assert!(!stored.key.data.as_text().contains("old_password"));
    let debug = format!("{:?}", post("/changepassword?token=secret", BODY));
    assert!(!debug.contains("old_password") && !debug.contains("secret"), "{debug}");
    for (length, fits) in [(MAX_BODY, true), (MAX_BODY + 1, false), (10 * MAX_BODY, false)] {
        let large = post("/updateuser", &"x".repeat(length));
        let judged = site.protect(&session, large, &Map::new()).await;
        assert_eq!(matches!(judged, Protected::Challenged { .. }), fits, "{judged:?}");
        assert_eq!(matches!(judged, Protected::TooLarge), !fits, "{judged:?}");
    }
    let url = format!("/updateuser?{}", "x".repeat(5000));
    let judged = site.protect(&session, post(&url, "x"), &Map::new()).await;
    assert!(matches!(judged, Protected::TooLarge), "{judged:?}");
}

#[tokio::test]
async fn body_of_any_bytes_survives() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    let body: Vec<u8> = (0..=255).cycle().take(2000).collect();
    let content_type = Some("multipart/form-data; boundary=\"a b\"".to_owned());
    let request = StoredRequest {
        method: "POST".into(),
        url: "/updateuser".into(),
        content_type,
        body: body.into(),
    };
    assert_challenged(&site.protect(&session, request.clone(), &Map::new()).await);
    let code = otp(&site.code(&bob.phone));
    let confirmed = site.protect(&session, post("/updateuser", ""), &code).await;
    let Protected::Confirmed { request: executed, .. } = confirmed else { panic!("{confirmed:?}") };
    assert_eq!(executed, request);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m2_one_of_fifty_parallel_confirmations_executes_the_request() {
    let site = Arc::new(site());
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    assert_challenged(&site.protect(&session, post("/deleteuser", "x"), &Map::new()).await);
    let session = Arc::new(site.auth.sessions.find(session.id).await.unwrap());
    let code = otp(&site.code(&bob.phone));
    let outcomes = race(|_| {
        let (site, session, code) = (site.clone(), session.clone(), code.clone());
        async move {
            site.auth.protection.judge(&session, post("/deleteuser", ""), &code).await.unwrap()
        }
    })
    .await;
    let confirmed = |outcome: &&Protected| matches!(outcome, Protected::Confirmed { .. });
    assert_eq!(outcomes.iter().filter(confirmed).count(), 1);
}

#[tokio::test]
async fn m2_code_of_a_login_confirms_no_request() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    assert_challenged(&site.protect(&session, post("/deleteuser", "x"), &Map::new()).await);
    let code = otp(&site.code(&bob.phone));
    assert!(site.logs_in("bob", &code).await);
    let judged = site.protect(&session, post("/deleteuser", ""), &code).await;
    assert_rejected(&judged, Rejection::Wrong);
    // The request goes on waiting.
    site.clock.advance(super::STEP);
    let code = otp(&site.code(&bob.phone));
    let judged = site.protect(&session, post("/deleteuser", ""), &code).await;
    assert!(matches!(judged, Protected::Confirmed { .. }), "{judged:?}");
}

#[tokio::test]
async fn m5_wrong_codes_of_requests_are_counted_for_the_account_and_leave_logins_alone() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    for round in 0..3 {
        let judged = site.protect(&session, post("/deleteuser", "x"), &Map::new()).await;
        assert_challenged(&judged);
        for _ in 0..(if round < 2 { 5 } else { 0 }) {
            let wrong = otp(&site.wrong_code(&bob.phone));
            let judged = site.protect(&session, post("/deleteuser", ""), &wrong).await;
            assert_rejected(&judged, Rejection::Wrong);
        }
        let code = otp(&site.code(&bob.phone));
        let judged = site.protect(&session, post("/deleteuser", ""), &code).await;
        let exhausted = matches!(judged, Protected::Rejected(Rejection::TooMany { .. }));
        assert!(exhausted, "{round}: {judged:?}");
    }
    assert!(site.logs_in("bob", &otp(&site.code(&bob.phone))).await);
}

#[tokio::test]
async fn expired_code_gives_the_request_up() {
    let site = site();
    let bob = site.account("bob", Role::User).await;
    site.set_email(&bob, "bob@example.com").await;
    let session = site.session("bob").await;
    let factor2 = Patch::Set(FactorName::EMAIL);
    site.update(&bob, UserUpdate { factor2, ..UserUpdate::default() }).await;
    let session = site.checked(&session).await;
    assert_challenged(&site.protect(&session, post("/deleteuser", "x"), &Map::new()).await);
    let code = otp(&site.sent_code().await);
    site.clock.advance(Duration::from_mins(5));
    let judged = site.protect(&session, post("/deleteuser", ""), &code).await;
    assert_rejected(&judged, Rejection::Expired);
    let session = site.auth.sessions.find(session.id).await.unwrap();
    assert_eq!(site.auth.protection.waiting(&session), None);
}

#[tokio::test]
async fn waiting_request_ends_with_cancelling_time_and_credentials() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    let nothing = Map::new();
    let ask = || site.protect(&session, post("/deleteuser", "x"), &nothing);
    assert_challenged(&ask().await);
    let waiting = site.auth.sessions.find(session.id.clone()).await.unwrap();
    assert!(site.auth.protection.cancel(&waiting).await.unwrap());
    let code = otp(&site.code(&bob.phone));
    let judged = site.protect(&session, post("/deleteuser", ""), &code).await;
    assert_rejected(&judged, Rejection::Gone);
    assert_challenged(&ask().await);
    site.clock.advance(Duration::from_mins(15));
    let code = otp(&site.code(&bob.phone));
    let judged = site.protect(&session, post("/deleteuser", ""), &code).await;
    assert_rejected(&judged, Rejection::Gone);
    assert_challenged(&ask().await);
    let waiting = site.auth.sessions.find(session.id.clone()).await.unwrap();
    site.auth.accounts.set_password("bob", Password::new(OTHER)).await.unwrap();
    let judged = site.auth.protection.judge(&waiting, post("/deleteuser", ""), &code).await;
    assert_rejected(&judged.unwrap(), Rejection::Gone);
}
