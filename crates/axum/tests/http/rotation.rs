//! The id of a session is new after every login and change of the second factor, and the one before
//! is invalid.

use serde_json::{Map, json};

use crate::browser::{Browser, TestResponse};
use crate::factor::STEP;
use crate::site::{PASSWORD, Site};

/// A browser in which an attacker has planted a session, and the attacker's own with it.
async fn planted(site: &Site) -> (Browser, Browser) {
    let session = site.crossauth.auth().sessions.begin_anonymous(&Map::new()).await.unwrap();
    let mut victim = site.browser();
    victim.cookies.insert("SESSIONID".into(), session.cookie);
    let attacker = victim.copy();
    (victim, attacker)
}

/// Asserts that a response has replaced the session that `attacker` has, too.
#[track_caller]
fn assert_new_id(response: &TestResponse, browser: &Browser, attacker: &Browser) {
    assert!(response.status.is_success() || response.status == 302, "{}", response.body);
    let (new, old) = (browser.cookies.get("SESSIONID"), attacker.cookies.get("SESSIONID"));
    assert!(new.is_some() && new != old, "{}", response.body);
}

/// Asserts that a session has ended.
async fn assert_ended(site: &Site, attacker: &Browser) {
    let cookie = &attacker.cookies["SESSIONID"];
    assert!(site.crossauth.auth().sessions.check(cookie).await.is_err());
}

#[tokio::test]
async fn s1_planted_session_ends_at_login_and_sign_up() {
    for (path, body) in [
        ("/api/login", json!({"username": "bob", "password": PASSWORD})),
        ("/api/signup", json!({"username": "carol", "password": PASSWORD})),
        ("/api/signup", json!({"username": "dave", "password": PASSWORD, "factor2": "totp"})),
    ] {
        let site = Site::with_factors(&[]);
        site.account("bob", crossauth_core::account::Role::User).await;
        let (mut victim, attacker) = planted(&site).await;
        let response = victim.post(path, body).await;
        assert_new_id(&response, &victim, &attacker);
        assert_ended(&site, &attacker).await;
    }
}

#[tokio::test]
async fn s1_planted_session_ends_when_the_first_administrator_is_created() {
    for allowed in [&[][..], &["totp"]] {
        let site = Site::with_factors(allowed);
        let token = site.crossauth.auth().setup.issue_token().await.unwrap().unwrap();
        let (mut victim, attacker) = planted(&site).await;
        let fields = [
            ("token", &*token),
            ("username", "root"),
            ("password", PASSWORD),
            ("repeat_password", PASSWORD),
        ];
        let response = victim.submit("/setup", &fields).await;
        assert_new_id(&response, &victim, &attacker);
        assert_ended(&site, &attacker).await;
    }
}

#[tokio::test]
async fn s1_planted_waiting_session_does_not_log_in() {
    // The attacker waits for the second factor of an own account, and plants that session.
    let site = Site::with_factors(&[]);
    let eve = site.enrolled_browser("eve").await;
    site.account("bob", crossauth_core::account::Role::User).await;
    let mut attacker = site.browser();
    attacker.log_in("eve", PASSWORD).await;
    let mut victim = attacker.copy();
    let response = victim.log_in("bob", PASSWORD).await;
    assert_new_id(&response, &victim, &attacker);
    assert_ended(&site, &attacker).await;
    let code = site.totp_code(&eve.secret);
    let late = attacker.post("/api/loginfactor2", json!({ "otp": code })).await;
    late.assert_failure(401, "Unauthorized");
    assert_eq!(victim.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn s2_session_id_is_new_after_a_factor_is_set_up_replaced_and_turned_off() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    let shown = bob.post("/api/changefactor2", json!({"factor2": "totp"})).await.json();
    let thief = bob.copy();
    let done = bob.confirm(&site.code_for(&shown).await).await;
    assert_new_id(&done, &bob, &thief);
    assert_ended(&site, &thief).await;
    site.clock.advance(STEP);

    let code = site.code_for(&shown).await;
    let shown = bob.post_with_code("/api/configurefactor2", json!({}), &code).await.json();
    let thief = bob.copy();
    let replaced = bob.confirm(&site.code_for(&shown).await).await;
    assert_new_id(&replaced, &bob, &thief);
    assert_ended(&site, &thief).await;
    site.clock.advance(STEP);

    let thief = bob.copy();
    let code = site.code_for(&shown).await;
    let off = bob.post_with_code("/api/changefactor2", json!({"factor2": "none"}), &code).await;
    assert_new_id(&off, &bob, &thief);
    assert_ended(&site, &thief).await;
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn s2_session_id_is_new_at_each_step_of_a_sign_up_and_of_a_required_set_up() {
    let site = Site::with_factors(&["totp"]);
    site.account("bob", crossauth_core::account::Role::User).await;
    for (username, path) in [("carol", "/signup"), ("bob", "/login")] {
        let (mut browser, planted) = planted(&site).await;
        let fields =
            [("username", username), ("password", PASSWORD), ("repeat_password", PASSWORD)];
        let first = browser.submit(path, &fields).await;
        assert_new_id(&first, &browser, &planted);
        assert_ended(&site, &planted).await;
        if username == "bob" {
            browser.submit("/changefactor2", &[("factor2", "totp")]).await;
        }
        let waiting = browser.copy();
        let shown = browser.get_json("/api/configurefactor2").await.json();
        let done = browser.confirm(&site.code_for(&shown).await).await;
        assert_new_id(&done, &browser, &waiting);
        assert_ended(&site, &waiting).await;
        assert_eq!(browser.whoami().await.as_deref(), Some(username));
        site.clock.advance(STEP);
    }
}
