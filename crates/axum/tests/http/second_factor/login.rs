//! The second step of a login.

use std::time::Duration;

use crossauth_core::user::{FactorName, Patch, UserUpdate};
use serde_json::json;

use super::{DUMMY, log_in_on_page, site};
use crate::site::{PASSWORD, Site};

#[tokio::test]
async fn pages_ask_for_the_code_and_then_lead_on() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let mut browser = site.browser();
    let page = log_in_on_page(&mut browser, "bob").await;
    page.assert_page(200, "Enter your code");
    for part in [
        "action=\"loginfactor2\"",
        "name=\"otp\"",
        "inputmode=\"numeric\"",
        "autocomplete=\"one-time-code\"",
        "name=\"remember_device\"",
        "name=\"recovery_code\"",
        "action=\"/cancelfactor2\"",
        "value=\"/after?a=b\"",
    ] {
        assert!(page.text().contains(part), "{part} is not in {}", page.body);
    }
    assert!(!page.body.contains("resendfactor2"), "an app sends no codes");
    assert_eq!(browser.whoami().await, None);
    browser.get("/loginfactor2").await.assert_page(200, "Enter your code");
    let fields = [("otp", &*site.code(&bob.phone)), ("next", "/after?a=b")];
    let response = browser.submit("/loginfactor2", &fields).await;
    assert_eq!((response.status.as_u16(), response.location()), (302, Some("/after?a=b")));
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    assert_eq!(browser.get("/loginfactor2").await.location(), Some("/login"));
}

#[tokio::test]
async fn programs_log_in_with_every_factor() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.with_factor("eve", FactorName::EMAIL).await;
    site.with_factor("dan", FactorName::DUMMY).await;
    for (name, factor) in [("bob", "totp"), ("eve", "email"), ("dan", "dummyFactor2")] {
        let mut browser = site.browser();
        let asked = browser.log_in(name, PASSWORD).await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        let body = asked.json();
        assert_eq!((&body["ok"], &body["twoFactorRequired"]), (&json!(true), &json!(true)));
        assert_eq!(body["factor2"], json!(factor));
        assert!(body.get("user").is_none());
        assert_eq!(browser.whoami().await, None);
        let code = match name {
            "bob" => site.code(&bob.phone),
            "eve" => site.sent_code().await,
            _ => DUMMY.to_owned(),
        };
        let response = browser.api("loginfactor2", &code).await;
        assert_eq!(response.json()["user"]["username"], json!(name), "{}", response.body);
        assert_eq!(browser.whoami().await.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn wrong_and_expired_codes_show_the_page_again() {
    let site = site();
    site.with_factor("dan", FactorName::DUMMY).await;
    let mut browser = site.browser();
    log_in_on_page(&mut browser, "dan").await.assert_page(200, "Send another code");
    let fields = [("otp", "1234"), ("next", "/after")];
    let page = browser.submit("/loginfactor2", &fields).await;
    page.assert_page(401, "This code is not valid");
    assert!(page.text().contains("value=\"/after\""));
    assert!(!page.body.contains("1234"));
    site.clock.advance(Duration::from_secs(61));
    let page = browser.submit("/loginfactor2", &[("otp", DUMMY)]).await;
    page.assert_page(401, "This code has expired");
    browser.api("loginfactor2", DUMMY).await.assert_failure(401, "Expired");
    browser.submit("/resendfactor2", &[]).await.assert_page(200, "We have sent another code");
    assert_eq!(browser.submit("/loginfactor2", &[("otp", DUMMY)]).await.status, 302);
    let mut late = site.pending("dan").await;
    site.clock.advance(Duration::from_mins(16));
    late.api("loginfactor2", DUMMY).await.assert_failure(401, "Unauthorized");
    late.submit("/loginfactor2", &[("otp", DUMMY)]).await.assert_page(401, "Log in to");
}

#[tokio::test]
async fn codes_are_sent_again_three_times_and_only_for_a_waiting_login() {
    let site = site();
    site.with_factor("eve", FactorName::EMAIL).await;
    let mut browser = site.pending("eve").await;
    let first = site.sent_code().await;
    for _ in 0..3 {
        site.clock.advance(Duration::from_secs(1));
        let response = browser.post_json("resendfactor2", json!({})).await;
        assert_eq!(response.json()["sentTo"], json!("e…@example.com"));
    }
    let refused = browser.post_json("resendfactor2", json!({})).await;
    refused.assert_failure(429, "SlowDown");
    assert!(refused.header("retry-after").is_some());
    browser.api("loginfactor2", &first).await.assert_failure(401, "InvalidToken");
    assert_eq!(browser.api("loginfactor2", &site.sent_code().await).await.status, 200);
    browser.post_json("resendfactor2", json!({})).await.assert_failure(401, "Unauthorized");
    site.enrolled("bob").await;
    let mut bob = site.pending("bob").await;
    bob.post_json("resendfactor2", json!({})).await.assert_failure(400, "BadRequest");
}

#[tokio::test]
async fn codes_that_were_used_do_not_count_against_the_limit_of_sent_ones() {
    let site = site();
    site.with_factor("eve", FactorName::EMAIL).await;
    for number in 0..15 {
        let mut browser = site.pending("eve").await;
        let done = browser.api("loginfactor2", &site.sent_code().await).await;
        assert_eq!(done.status, 200, "{number}: {}", done.body);
        site.clock.advance(Duration::from_secs(1));
    }
    for _ in 0..10 {
        site.pending("eve").await;
    }
    site.browser().log_in("eve", PASSWORD).await.assert_failure(429, "SlowDown");
}

#[tokio::test]
async fn a_waiting_login_can_be_cancelled() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let mut browser = site.pending("bob").await;
    let old = browser.get_json("/api/cancelfactor2").await;
    old.assert_failure(405, "BadRequest");
    assert_eq!(old.header("allow"), Some("POST"));
    assert!(old.body.contains("POST api/cancelfactor2"), "{}", old.body);
    let response = browser.post_json("cancelfactor2", json!({})).await;
    assert_eq!(response.json(), json!({ "ok": true }));
    let code = site.code(&bob.phone);
    browser.api("loginfactor2", &code).await.assert_failure(401, "Unauthorized");
    let mut browser = site.pending("bob").await;
    let response = browser.submit("/cancelfactor2", &[("next", "/after")]).await;
    assert_eq!(response.location(), Some("/login?next=%2Fafter"));
    browser.api("loginfactor2", &code).await.assert_failure(401, "Unauthorized");
    site.browser().post("/api/cancelfactor2", json!({})).await.assert_failure(401, "Unauthorized");
}

/// Field report 7.
#[tokio::test]
async fn a_login_as_another_user_with_a_factor_leaves_the_first_until_it_is_complete() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let mut browser = site.logged_in("alice").await;
    log_in_on_page(&mut browser, "bob").await.assert_page(200, "still logged in as alice");
    assert_eq!(browser.whoami().await.as_deref(), Some("alice"));
    let wrong = site.wrong_code(&bob.phone);
    let page = browser.submit("/loginfactor2", &[("otp", &wrong)]).await;
    page.assert_page(401, "still logged in as alice");
    assert_eq!(browser.whoami().await.as_deref(), Some("alice"));
    let right = site.code(&bob.phone);
    assert_eq!(browser.submit("/loginfactor2", &[("otp", &right)]).await.status, 302);
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    let page = browser.submit("/loginfactor2", &[("otp", &right)]).await;
    page.assert_page(401, "bob");
}

#[tokio::test]
async fn a_store_that_fails_is_not_a_wrong_code() {
    let storage = crate::site::test_storage();
    let site = Site::with(|site| super::all_factors(site).storage(storage.storage()));
    // Accounts are made through the storage of the test, which the site was built over.
    let site = Site { storage: storage.storage(), ..site };
    site.with_factor("dan", FactorName::DUMMY).await;
    let mut browser = site.pending("dan").await;
    let token = browser.csrf_token().await;
    storage.fail_call("attempts.charge");
    let body = json!({ "otp": DUMMY });
    let response = browser.post_with_token("/api/loginfactor2", body, &token).await;
    response.assert_failure(503, "Connection");
}

#[tokio::test]
async fn accounts_that_must_set_a_factor_up_are_refused_where_there_is_no_page_for_it() {
    let site = site();
    let user = site.with_factor("bob", FactorName::from("gone")).await;
    let response = site.browser().log_in("bob", PASSWORD).await;
    if site.crossauth.endpoints().iter().all(|endpoint| endpoint.path != "/changefactor2") {
        response.assert_no_session();
    }
    response.assert_failure(403, "Factor2ResetNeeded");
    site.change(&user, UserUpdate { factor2: Patch::Clear, ..UserUpdate::default() }).await;
    site.set_state(&user, "passwordchangeneeded").await;
    let response = site.browser().log_in("bob", PASSWORD).await;
    response.assert_failure(403, "PasswordChangeNeeded");
}

#[tokio::test]
async fn users_who_must_change_something_first_are_sent_to_the_page_for_it() {
    let site = Site::with(|site| super::all_factors(site).prefix("/auth/"));
    let user = site.with_factor("bob", FactorName::from("gone")).await;
    let fields = [("username", "bob"), ("password", PASSWORD), ("next", "/after")];
    let next = "next=%2Fauth%2Flogin%3Fnext%3D%252Fafter";
    let mut browser = site.browser();
    browser.prefix = "/auth/";
    let response = browser.submit("/auth/login", &fields).await;
    let expected = format!("/auth/changefactor2?required=true&{next}");
    assert_eq!((response.status.as_u16(), response.location()), (302, Some(&*expected)));
    assert_eq!(browser.get(&expected).await.status, 200);
    site.change(&user, UserUpdate { factor2: Patch::Clear, ..UserUpdate::default() }).await;
    site.set_state(&user, "passwordchangeneeded").await;
    let response = browser.submit("/auth/login", &fields).await;
    let expected = format!("/auth/changepassword?required=true&{next}");
    assert_eq!((response.status.as_u16(), response.location()), (302, Some(&*expected)));
    assert_eq!(browser.whoami().await, None);
    assert_eq!(browser.get(&expected).await.status, 200);
}
