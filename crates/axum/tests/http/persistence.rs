//! Whether the session cookie outlives the browser: what the user chose holds for every session
//! that the login leads to.

use crossauth_core::account::Role;
use crossauth_core::session::{Persistence, SessionConfig};
use crossauth_core::user::{FactorName, Patch, User, UserUpdate};
use serde_json::{Value, json};

use crate::browser::{Browser, TestResponse};
use crate::factor::{DUMMY_CODE, factors};
use crate::site::{PASSWORD, Site};

const NEW: &str = "Another-Horse-8";

/// Sites with each configured persistence, and what is chosen there: never the configured one.
fn sites() -> [(Site, bool); 2] {
    [(Persistence::Persistent, false), (Persistence::UntilBrowserCloses, true)].map(
        |(persist, chosen)| {
            let session = SessionConfig { persist, ..SessionConfig::default() };
            (Site::with(|site| site.factors(factors(&[])).session(session)), chosen)
        },
    )
}

async fn log_in(browser: &mut Browser, persist: bool) -> TestResponse {
    let body = json!({ "username": "bob", "password": PASSWORD, "persist": persist });
    browser.post("/api/login", body).await
}

async fn change_password(browser: &mut Browser, old: &str, new: &str) -> TestResponse {
    browser.post("/api/changepassword", json!({ "old_password": old, "new_password": new })).await
}

async fn set_factor(site: &Site, user: &User, name: FactorName) {
    let factor2 = Patch::Set(name);
    site.change(user, UserUpdate { factor2, ..UserUpdate::default() }).await;
}

/// The session begins as chosen, and stays so when its id changes.
#[track_caller]
fn assert_persists(response: &TestResponse, persists: bool) {
    assert_eq!(response.status, 200, "{}", response.body);
    let cookie = response.set_cookie("SESSIONID").unwrap();
    assert_eq!(cookie.contains("Expires="), persists, "{cookie}");
}

#[tokio::test]
async fn cookie_keeps_the_persistence_of_the_login_when_password_and_factor_change() {
    for (site, chosen) in sites() {
        site.account("bob", Role::User).await;
        let mut bob = site.browser();
        assert_persists(&log_in(&mut bob, chosen).await, chosen);
        assert_persists(&change_password(&mut bob, PASSWORD, NEW).await, chosen);
        bob.post("/api/changefactor2", json!({ "factor2": "dummyFactor2" })).await;
        assert_persists(&bob.confirm(DUMMY_CODE).await, chosen);
        let off = bob.post_with_code("/api/changefactor2", json!({ "factor2": "" }), DUMMY_CODE);
        assert_persists(&off.await, chosen);
        assert_persists(&change_password(&mut bob, NEW, PASSWORD).await, chosen);
    }
}

#[tokio::test]
async fn cookie_has_the_persistence_of_the_login_after_the_second_factor() {
    for (site, chosen) in sites() {
        let user = site.account("bob", Role::User).await;
        set_factor(&site, &user, FactorName::DUMMY).await;
        let code = json!({ "otp": DUMMY_CODE });
        let mut bob = site.browser();
        log_in(&mut bob, chosen).await;
        bob.post("/api/resendfactor2", json!({})).await;
        assert_persists(&bob.post("/api/loginfactor2", code.clone()).await, chosen);
        let mut bob = site.logged_in("amy").await;
        log_in(&mut bob, chosen).await;
        assert_persists(&bob.post("/api/loginfactor2", code.clone()).await, chosen);
        // The second step may say otherwise.
        log_in(&mut bob, chosen).await;
        let body = json!({ "otp": DUMMY_CODE, "persist": !chosen });
        assert_persists(&bob.post("/api/loginfactor2", body).await, !chosen);
    }
}

#[tokio::test]
async fn cookie_has_the_persistence_of_the_login_after_required_changes() {
    for (site, chosen) in sites() {
        let user = site.account("bob", Role::User).await;
        site.set_state(&user, "passwordchangeneeded").await;
        let mut bob = site.browser();
        log_in(&mut bob, chosen).await.assert_failure(403, "PasswordChangeNeeded");
        assert_persists(&change_password(&mut bob, PASSWORD, NEW).await, chosen);
        // With a second factor, which is asked for afterwards.
        site.set_state(&user, "passwordchangeneeded").await;
        set_factor(&site, &user, FactorName::DUMMY).await;
        let body = json!({ "username": "bob", "password": NEW, "persist": chosen });
        bob.post("/api/login", body).await.assert_failure(403, "PasswordChangeNeeded");
        let asked = change_password(&mut bob, NEW, PASSWORD).await;
        assert_eq!(asked.json()["twoFactorRequired"], json!(true), "{}", asked.body);
        let body = json!({ "otp": DUMMY_CODE });
        assert_persists(&bob.post("/api/loginfactor2", body).await, chosen);
        // With a factor that must be set up again, or may be turned off.
        for factor2 in ["dummyFactor2", "none"] {
            site.set_state(&user, "factor2resetneeded").await;
            log_in(&mut bob, chosen).await.assert_failure(403, "Factor2ResetNeeded");
            let body = json!({ "factor2": factor2 });
            let mut done = bob.post("/api/changefactor2", body).await;
            if factor2 != "none" {
                done = bob.confirm(DUMMY_CODE).await;
            }
            assert_persists(&done, chosen);
        }
    }
}

#[tokio::test]
async fn cookie_has_the_persistence_of_the_sign_up_after_its_factor_is_set_up() {
    for (site, chosen) in sites() {
        let mut bob = site.browser();
        let body = json!({
            "username": "bob",
            "password": PASSWORD,
            "factor2": "dummyFactor2",
            "persist": chosen,
        });
        let shown = bob.post("/api/signup", body).await;
        assert_eq!(shown.json()["user"], Value::Null, "{}", shown.body);
        bob.post("/api/configurefactor2", json!({ "resend": true })).await;
        assert_persists(&bob.confirm(DUMMY_CODE).await, chosen);
        let body = json!({ "old_password": PASSWORD, "new_password": NEW });
        let changed = bob.post_with_code("/api/changepassword", body, DUMMY_CODE).await;
        assert_persists(&changed, chosen);
    }
}
