//! `reauthenticate`, `api/reauthenticate`, and the extractor of fresh logins.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use crossauth_axum::{CsrfForm, FreshUser, ProtectedEndpoints};
use crossauth_core::account::Role;
use crossauth_core::session::SessionConfig;
use crossauth_core::user::{FactorName, Patch, UserUpdate};
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, REFERER};
use serde_json::{Map, Value, json};

use crate::browser::{Browser, request};
use crate::factor::{DUMMY_CODE, Enrolled, STEP, factors};
use crate::site::{PASSWORD, Site};

/// Longer than a login is fresh.
const LATER: Duration = Duration::from_mins(16);

async fn pay(user: FreshUser, CsrfForm(_): CsrfForm<Map<String, Value>>) -> String {
    format!("{} paid", user.username)
}

async fn balance(user: FreshUser) -> String {
    format!("balance of {}", user.username)
}

/// A site whose application has routes for fresh logins.
fn shop() -> Site {
    let mut site = Site::with_factors(&[]);
    let routes = Router::new().route("/pay", post(pay)).route("/balance", get(balance));
    site.router = site.crossauth.mount(routes);
    site
}

/// A browser whose login is not fresh.
async fn stale(site: &Site, username: &str) -> Browser {
    let browser = site.logged_in(username).await;
    site.clock.advance(LATER);
    browser
}

#[tokio::test]
async fn fresh_login_passes_and_an_older_one_leads_to_the_page_and_back() {
    let site = shop();
    let mut bob = site.logged_in("bob").await;
    assert_eq!(bob.get("/balance?of=may").await.body, "balance of bob");
    assert_eq!(bob.post("/pay", json!({})).await.body, "bob paid");
    site.clock.advance(LATER);
    let refused = bob.get("/balance?of=may").await;
    assert_eq!(refused.status, 302);
    let page = refused.location().unwrap().to_owned();
    assert_eq!(page, "/reauthenticate?next=%2Fbalance%3Fof%3Dmay");
    bob.get(&page).await.assert_page(200, "Confirm that it is you");
    let fields = [("password", PASSWORD), ("next", "/balance?of=may")];
    let renewed = bob.submit("/reauthenticate", &fields).await;
    assert_eq!((renewed.status.as_u16(), renewed.location()), (302, Some("/balance?of=may")));
    assert_eq!(bob.get("/balance?of=may").await.body, "balance of bob");
    assert_eq!(bob.get(&page).await.location(), Some("/balance?of=may"), "it is fresh already");
}

#[tokio::test]
async fn setting_decides_how_long_a_login_is_fresh_for_all_that_needs_a_fresh_one() {
    let fresh_for = Duration::from_mins(5);
    let site = Site::with(|site| {
        let config = SessionConfig { fresh_for, ..SessionConfig::default() };
        site.session(config).factors(factors(&[])).admin_endpoints()
    });
    site.account("ada", Role::Administrator).await;
    let mut ada = site.logged_in("ada").await;
    let factor = json!({ "factor2": "totp" });
    site.clock.advance(Duration::from_secs(299));
    assert_eq!(ada.get_json("/admin/api/selectuser").await.status, 200);
    assert_eq!(ada.post("/api/changefactor2", factor.clone()).await.status, 200);
    site.clock.advance(Duration::from_secs(1));
    ada.get_json("/admin/api/selectuser").await.assert_failure(401, "Expired");
    let refused = ada.post("/api/changefactor2", factor).await;
    refused.assert_failure(401, "UsernameOrPasswordInvalid");
}

#[tokio::test]
async fn form_of_an_older_login_is_not_executed_and_leads_back_to_its_page() {
    let site = shop();
    let mut bob = stale(&site, "bob").await;
    let token = bob.csrf_token().await;
    for (referer, next) in [
        ("http://localhost:3000/cart?x=1", "&next=%2Fcart%3Fx%3D1"),
        ("https://evil.example/cart", ""),
        ("not a url", ""),
    ] {
        let request = request(Method::POST, "/pay")
            .header(ACCEPT, "text/html")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(REFERER, referer);
        let refused = bob.send(request, format!("csrfToken={token}")).await;
        let expected = format!("/reauthenticate?unsent=true{next}");
        assert_eq!(refused.location(), Some(&*expected), "{}", refused.body);
        bob.get(&expected).await.assert_page(200, "Nothing was changed yet");
    }
    bob.post("/pay", json!({})).await.assert_failure(401, "Expired");
}

#[tokio::test]
async fn renewed_login_has_a_new_id_and_the_data_of_the_old_one() {
    let site = shop();
    let mut bob = stale(&site, "bob").await;
    let mut thief = bob.copy();
    let user = site.found("bob").await.unwrap().0;
    let renewed = bob.post("/api/reauthenticate", json!({ "password": PASSWORD })).await;
    assert_eq!(renewed.json()["user"]["username"], json!("bob"), "{}", renewed.body);
    assert_eq!(site.count_sessions(&user).await, 1);
    assert_eq!(bob.post("/pay", json!({})).await.body, "bob paid");
    assert_eq!(thief.whoami().await, None);
}

#[tokio::test]
async fn wrong_password_is_refused_and_counted() {
    let site = shop();
    let mut bob = stale(&site, "bob").await;
    for _ in 0..10 {
        let refused = bob.post("/api/reauthenticate", json!({ "password": "wrong" })).await;
        refused.assert_failure(401, "UsernameOrPasswordInvalid");
    }
    let refused = bob.post("/api/reauthenticate", json!({ "password": PASSWORD })).await;
    refused.assert_failure(429, "SlowDown");
    assert!(refused.header("retry-after").is_some());
    bob.post("/pay", json!({})).await.assert_failure(401, "Expired");
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"), "the session stays");
    let mut ann = stale(&site, "ann").await;
    let page = ann.submit("/reauthenticate", &[("password", "wrong"), ("next", "/cart")]).await;
    page.assert_page(401, "Password is wrong");
    assert!(page.text().contains(r#"name="next" value="/cart""#), "{}", page.body);
    for body in [json!({}), json!({ "password": "" })] {
        let refused = ann.post("/api/reauthenticate", body).await;
        refused.assert_failure(401, "UsernameOrPasswordInvalid");
    }
}

#[tokio::test]
async fn account_with_a_second_factor_needs_both() {
    let site = shop();
    let mut eve = site.logged_in("eve").await;
    let (user, _) = site.found("eve").await.unwrap();
    let factor2 = Patch::Set(FactorName::DUMMY);
    site.change(&user, UserUpdate { factor2, ..UserUpdate::default() }).await;
    site.clock.advance(LATER);
    let path = "/api/reauthenticate";
    for (password, code, status) in
        [("wrong", DUMMY_CODE, 401), (PASSWORD, "000000", 401), (PASSWORD, DUMMY_CODE, 200)]
    {
        eve.post("/pay", json!({})).await.assert_failure(401, "Expired");
        let answer = eve.post_with_code(path, json!({ "password": password }), code).await;
        assert_eq!(answer.status, status, "{password} {code}: {}", answer.body);
    }
    assert_eq!(eve.post("/pay", json!({})).await.body, "eve paid");
}

#[tokio::test]
async fn login_on_a_known_device_is_not_fresh_without_the_second_factor() {
    let site = shop();
    let mut eve = site.logged_in("eve").await;
    let (user, _) = site.found("eve").await.unwrap();
    let factor2 = Patch::Set(FactorName::DUMMY);
    site.change(&user, UserUpdate { factor2, ..UserUpdate::default() }).await;
    eve.post("/api/logout", json!({})).await;
    eve.log_in("eve", PASSWORD).await;
    let body = json!({ "otp": DUMMY_CODE, "remember_device": true });
    assert_eq!(eve.post("/api/loginfactor2", body).await.status, 200);
    assert_eq!(eve.post("/pay", json!({})).await.body, "eve paid");
    eve.post("/api/logout", json!({})).await;
    let known = eve.log_in("eve", PASSWORD).await;
    assert_eq!(known.json()["user"]["username"], json!("eve"), "{}", known.body);
    eve.post("/pay", json!({})).await.assert_failure(401, "Expired");
    let renewal = json!({ "password": PASSWORD });
    let renewed = eve.post_with_code("/api/reauthenticate", renewal, DUMMY_CODE).await;
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    assert_eq!(eve.post("/pay", json!({})).await.body, "eve paid");
}

#[tokio::test]
async fn anonymous_visitor_and_other_site_cannot_renew_a_login() {
    let site = shop();
    let refused = site.browser().post("/api/reauthenticate", json!({ "password": PASSWORD })).await;
    refused.assert_failure(401, "Unauthorized");
    let page = site.browser().get("/balance").await;
    assert_eq!(page.location(), Some("/login?next=%2Fbalance"));
    let mut bob = stale(&site, "bob").await;
    for next in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let fields = [("password", PASSWORD), ("next", next)];
        let renewed = bob.submit("/reauthenticate", &fields).await;
        assert_eq!((renewed.status.as_u16(), renewed.location()), (302, Some("/")));
        site.clock.advance(LATER);
    }
}

#[tokio::test]
async fn request_that_waits_for_the_factor_ends_with_the_session_that_is_replaced() {
    let site = Site::with(|site| {
        let none = ProtectedEndpoints { pages: Vec::new(), apis: Vec::new() };
        site.factors(crate::factor::factors(&[])).protected_endpoints(none)
    });
    let mut eve = site.enrolled_browser("eve").await;
    let path = "/api/reauthenticate";
    let code = site.totp_code(&eve.secret);
    let renewed = eve.browser.post_with_code(path, json!({ "password": PASSWORD }), &code).await;
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    assert_nothing_waits(&site, &mut eve).await;
    // The request waits in the session while a change of the password replaces that session.
    let asked = eve.browser.post(path, json!({ "password": PASSWORD })).await;
    assert_eq!(asked.json()["factor2Required"], json!(true), "{}", asked.body);
    assert_eq!(eve.browser.get("/factor2").await.status, 200);
    let passwords = json!({ "old_password": PASSWORD, "new_password": "Another-Horse-8" });
    let changed = eve.browser.post("/api/changepassword", passwords).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_nothing_waits(&site, &mut eve).await;
}

/// The next code of the factor alone confirms nothing.
async fn assert_nothing_waits(site: &Site, user: &mut Enrolled) {
    assert_eq!(user.browser.whoami().await.as_deref(), Some("eve"));
    user.browser.get("/factor2").await.assert_page(401, "No code is expected here");
    site.clock.advance(STEP);
    let code = json!({ "otp": site.totp_code(&user.secret) });
    let refused = user.browser.post("/api/reauthenticate", code).await;
    assert_eq!(refused.status, 401, "{}", refused.body);
}
