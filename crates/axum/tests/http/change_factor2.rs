//! `changefactor2`, `api/changefactor2`, `configurefactor2`, `api/configurefactor2` of users who have
//! an account.

use std::time::Duration;

use crossauth_axum::SiteConfig;
use crossauth_core::user::{FactorName, UserState};
use http::Method;
use serde_json::json;

use crate::browser::{TestResponse, request};
use crate::factor::{STEP, factors};
use crate::site::{PASSWORD, Site};

const PAGE: &str = "/changefactor2";
const API: &str = "/api/changefactor2";
const CONFIGURE: &str = "/api/configurefactor2";

async fn factor_of(site: &Site, username: &str) -> Option<FactorName> {
    site.found(username).await.unwrap().0.factor2
}

#[tokio::test]
async fn pages_change_the_factor_of_a_logged_in_user_and_turn_it_off() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    bob.get("/changefactor2?next=/a").await.assert_page(200, "value=\"totp\" checked");
    let page = bob.submit(PAGE, &[("factor2", "totp"), ("next", "/a")]).await;
    page.assert_page(200, "data:image/png");
    let secret = secret(&mut bob).await;
    let form = [("otp", &*site.totp_code(&secret)), ("next", "/a")];
    let done = bob.submit("/configurefactor2", &form).await;
    done.assert_page(200, "Two-factor authentication updated");
    assert!(done.text().contains("href=\"/a\""));
    // To turn it off, the factor is asked for.
    site.clock.advance(STEP);
    let asked = bob.submit(PAGE, &[("factor2", "none"), ("next", "/a")]).await;
    assert_eq!((asked.status.as_u16(), asked.location()), (302, Some("/factor2")));
    assert_eq!(factor_of(&site, "bob").await, Some(FactorName::TOTP));
    bob.get("/factor2").await.assert_page(200, "action=\"/changefactor2\"");
    let off = bob.submit(PAGE, &[("otp", &*site.totp_code(&secret))]).await;
    off.assert_page(200, "Two factor authentication has been updated");
    assert!(off.text().contains("href=\"/a\""));
    assert_eq!(factor_of(&site, "bob").await, None);
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}

async fn secret(browser: &mut crate::browser::Browser) -> String {
    let shown = browser.get_json(CONFIGURE).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    shown.json()["totpsecret"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn programs_change_the_factor_and_turn_it_off() {
    let site = Site::with_factors(&[]);
    let mut bob = site.enrolled_browser("bob").await;
    let code = site.totp_code(&bob.secret);
    let shown = bob.browser.post_with_code(API, json!({"factor2": "dummyFactor2"}), &code).await;
    assert_eq!(shown.json()["factor2"], "dummyFactor2", "{}", shown.body);
    assert!(shown.json()["csrfToken"].is_string());
    let done = bob.browser.confirm("123456").await;
    assert_eq!(done.json()["user"]["factor2"], "dummyFactor2", "{}", done.body);
    let off = bob.browser.post_with_code(API, json!({"factor2": ""}), "123456").await;
    assert_eq!(off.json()["user"]["factor2"], "", "{}", off.body);
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.json()["user"]["username"], "bob");
}

#[tokio::test]
async fn every_error_has_its_code_and_its_page() {
    let site = Site::with_factors(&["none", "totp", "email", "sms"]);
    let mut bob = site.logged_in("bob").await;
    for (factor2, status, code, text) in [
        ("dummyFactor2", 403, "Forbidden", "not available"),
        ("nonsense", 403, "Forbidden", "not available"),
        ("email", 400, "InvalidEmail", "no email address"),
        ("sms", 400, "InvalidPhoneNumber", "no phone number"),
    ] {
        bob.post(API, json!({ "factor2": factor2 })).await.assert_failure(status, code);
        let page = bob.submit(PAGE, &[("factor2", factor2), ("next", "/a")]).await;
        page.assert_page(status, text);
        assert!(page.text().contains("value=\"/a\""));
    }
    bob.post(CONFIGURE, json!({})).await.assert_failure(400, "BadRequest");
    let token = bob.csrf_token().await;
    bob.post_with_token(API, json!({"factor2": "totp"}), "x")
        .await
        .assert_failure(401, "InvalidCsrf");
    let visitor = &mut site.browser();
    for path in [API, CONFIGURE] {
        visitor.post(path, json!({"factor2": "totp"})).await.assert_failure(401, "Unauthorized");
    }
    visitor.submit(PAGE, &[("factor2", "totp")]).await.assert_page(401, "<h1>");
    visitor.submit("/configurefactor2", &[("otp", "1")]).await.assert_page(401, "<h1>");
    for path in [PAGE, "/configurefactor2"] {
        let to = visitor.get(path).await;
        assert!(to.location().unwrap().starts_with("/login?next="), "{}", to.body);
    }
    visitor.get_json(CONFIGURE).await.assert_failure(401, "Unauthorized");
    assert!(!token.is_empty());
    let none = Site::with(|site| site.factors(factors(&["none"])));
    none.browser().get(PAGE).await.assert_page(404, "<h1>");
}

#[tokio::test]
async fn get_that_began_a_set_up_names_the_new_way() {
    let site = Site::with_factors(&[]);
    let mut bob = site.enrolled_browser("bob").await.browser;
    let response = bob.get_json(CONFIGURE).await;
    response.assert_failure(405, "BadRequest");
    assert_eq!(response.header("allow"), Some("POST"));
    assert!(response.body.contains("POST to /api/configurefactor2"), "{}", response.body);
    let head = bob.send(request(Method::HEAD, CONFIGURE), "").await;
    assert_eq!(head.status, 405);
}

#[tokio::test]
async fn b10_secret_is_replaced_only_with_the_present_factor() {
    for prefix in ["/", "/auth/"] {
        let config = SiteConfig { prefix: prefix.into(), ..SiteConfig::default() };
        let site = Site::with(|site| {
            site.site(config).base_url("http://localhost:3000").factors(factors(&[]))
        });
        let mut bob = site.browser();
        bob.prefix = if prefix == "/" { "/" } else { "/auth/" };
        site.account("bob", crossauth_core::account::Role::User).await;
        bob.log_in("bob", PASSWORD).await;
        let path = |name: &str| format!("{prefix}{name}");
        let configure = path("api/configurefactor2");
        let shown = bob.post(&path("api/changefactor2"), json!({"factor2": "totp"})).await;
        let first = shown.json()["totpsecret"].as_str().unwrap().to_owned();
        bob.post(&configure, json!({"otp": site.totp_code(&first)})).await;
        site.clock.advance(STEP);
        for path in [configure.clone(), format!("{configure}?x=1"), format!("{configure}?otp=1")] {
            let asked = bob.post(&path, json!({})).await;
            assert_eq!(asked.json()["factor2Required"], json!(true), "{}", asked.body);
            assert!(!asked.body.contains("totpsecret"));
            let wrong = bob.post(&path, json!({"otp": "000000"})).await;
            wrong.assert_failure(401, "InvalidToken");
        }
        let shown = bob.post(&configure, json!({"otp": site.totp_code(&first)})).await;
        let second = shown.json()["totpsecret"].as_str().unwrap().to_owned();
        assert_ne!(first, second);
        let done = bob.post(&configure, json!({"otp": site.totp_code(&second)})).await;
        assert_eq!(done.json()["recoveryCodes"].as_array().unwrap().len(), 10, "{}", done.body);
    }
}

#[tokio::test]
async fn b12_request_without_the_field_does_not_turn_the_factor_off() {
    let site = Site::with_factors(&[]);
    let mut bob = site.enrolled_browser("bob").await;
    for body in [json!({}), json!({"factor2": null}), json!({"factor2": ["none"]})] {
        let code = site.totp_code(&bob.secret);
        let response = bob.browser.post_with_code(API, body, &code).await;
        response.assert_failure(400, "BadRequest");
        assert!(response.json()["fieldErrors"]["factor2"].is_array(), "{}", response.body);
        site.clock.advance(STEP);
    }
    bob.browser.submit(PAGE, &[("next", "/a")]).await;
    let page = bob.browser.submit(PAGE, &[("otp", &*site.totp_code(&bob.secret))]).await;
    page.assert_page(400, "value=\"/a\"");
    site.clock.advance(STEP);
    assert_eq!(factor_of(&site, "bob").await, Some(FactorName::TOTP));
    // The stored request counts, not what comes with the code.
    let asked = bob.browser.post(API, json!({"factor2": "dummyFactor2"})).await;
    assert_eq!(asked.json()["factor2Required"], json!(true));
    let body = json!({"otp": site.totp_code(&bob.secret), "factor2": "none"});
    assert_eq!(bob.browser.post(API, body).await.json()["factor2"], "dummyFactor2");
    assert_eq!(factor_of(&site, "bob").await, Some(FactorName::TOTP));
}

#[tokio::test]
async fn b37_factor_turned_off_in_a_forced_reset_leaves_an_active_account() {
    let site = Site::with_factors(&[]);
    site.enrolled_browser("bob").await;
    let (user, _) = site.found("bob").await.unwrap();
    site.set_state(&user, "factor2resetneeded").await;
    let mut browser = site.browser();
    browser.log_in("bob", PASSWORD).await.assert_failure(403, "Factor2ResetNeeded");
    let off = browser.post(API, json!({"factor2": "none"})).await;
    assert_eq!(off.json()["user"]["username"], "bob", "{}", off.body);
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    let (user, _) = site.found("bob").await.unwrap();
    assert_eq!((user.state, user.factor2), (UserState::Active, None));
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.json()["user"]["username"], "bob");
}

#[tokio::test]
async fn user_without_a_factor_must_set_one_up_where_it_is_mandatory() {
    let site = Site::with_factors(&["totp"]);
    site.account("bob", crossauth_core::account::Role::User).await;
    let mut browser = site.browser();
    let form = [("username", "bob"), ("password", PASSWORD), ("next", "/a")];
    let sent = browser.submit("/login", &form).await;
    let to = sent.location().unwrap().to_owned();
    assert!(to.starts_with("/changefactor2?required=true&next="), "{to}");
    assert_eq!(browser.whoami().await, None);
    browser.get(&to).await.assert_page(200, "needs a second step");
    for factor2 in ["none", ""] {
        browser.post(API, json!({ "factor2": factor2 })).await.assert_failure(403, "Forbidden");
    }
    browser.submit(PAGE, &[("factor2", "totp")]).await.assert_page(200, "data:image/png");
    let secret = secret(&mut browser).await;
    let done = browser.submit("/configurefactor2", &[("otp", &*site.totp_code(&secret))]).await;
    done.assert_page(200, "<textarea");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    site.clock.advance(STEP);
    assert!(site.logs_in_with("bob", "otp", &site.totp_code(&secret)).await);
}

#[tokio::test]
async fn m12_first_factor_needs_a_fresh_login_or_the_password() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    site.clock.advance(Duration::from_mins(16));
    let refused = bob.post(API, json!({"factor2": "totp"})).await;
    refused.assert_failure(401, "UsernameOrPasswordInvalid");
    assert!(refused.json()["fieldErrors"]["password"].is_array());
    bob.get(PAGE).await.assert_page(200, "name=\"password\"");
    let form = [("factor2", "totp"), ("password", "Wrong-Horse-7")];
    let page = bob.submit(PAGE, &form).await;
    page.assert_page(401, "The password is wrong");
    assert!(page.text().contains("value=\"totp\" checked") && !page.body.contains("Wrong-Horse"));
    let begun = bob.post(API, json!({"factor2": "totp", "password": PASSWORD})).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
}

#[tokio::test]
async fn m12_f5_new_secret_is_not_in_force_before_it_is_confirmed() {
    let site = Site::with_factors(&[]);
    let mut bob = site.enrolled_browser("bob").await;
    let code = site.totp_code(&bob.secret);
    let shown = bob.browser.post_with_code(CONFIGURE, json!({}), &code).await.json();
    let new = shown["totpsecret"].as_str().unwrap();
    site.clock.advance(STEP);
    assert!(!site.logs_in_with("bob", "otp", &site.totp_code(new)).await);
    assert!(site.logs_in_with("bob", "otp", &site.totp_code(&bob.secret)).await);
}

#[tokio::test]
async fn m13_without_the_factor_nothing_about_it_changes() {
    let site = Site::with_factors(&[]);
    let mut bob = site.enrolled_browser("bob").await;
    for (path, body) in [
        (API, json!({"factor2": "none"})),
        (API, json!({"factor2": "dummyFactor2"})),
        (CONFIGURE, json!({})),
        ("/api/recoverycodes", json!({})),
    ] {
        let asked = bob.browser.post(path, body).await;
        assert_eq!(asked.json()["factor2Required"], json!(true), "{path}: {}", asked.body);
        bob.browser.post(path, json!({"otp": "000000"})).await.assert_failure(401, "InvalidToken");
    }
    assert!(site.logs_in_with("bob", "recovery_code", &bob.recovery_codes[0]).await);
    assert!(site.logs_in_with("bob", "otp", &site.totp_code(&bob.secret)).await);
}

#[tokio::test]
async fn m17_secret_is_shown_only_while_it_is_set_up_and_never_stored_by_caches() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    let begun = bob.post(API, json!({"factor2": "totp"})).await;
    let secret = begun.json()["totpsecret"].as_str().unwrap().to_owned();
    let waiting = bob.get("/configurefactor2").await;
    let done = bob.confirm(&site.totp_code(&secret)).await;
    for response in [&begun, &waiting, &done] {
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    for path in ["/", PAGE, "/configurefactor2", "/recoverycodes", "/api/userforsessionkey"] {
        let page: TestResponse = bob.get(path).await;
        assert!(!page.body.contains(&secret[..8]), "{path}");
    }
    let (_, stored) = site.found("bob").await.unwrap();
    assert!(!stored.totpsecret.unwrap().contains(&secret));
}

#[tokio::test]
async fn f4_wrong_code_at_set_up_keeps_the_secret() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    let begun = bob.post(API, json!({"factor2": "totp"})).await.json();
    bob.confirm("000000").await.assert_failure(401, "InvalidToken");
    let first = begun["totpsecret"].as_str().unwrap();
    assert_eq!(secret(&mut bob).await, first);
    assert_eq!(bob.confirm(&site.totp_code(first)).await.status, 200);
    site.clock.advance(STEP);
    assert!(site.logs_in_with("bob", "otp", &site.totp_code(first)).await);
}

#[tokio::test]
async fn f6_two_set_up_pages_show_the_same_secret() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    let first = bob.post(API, json!({"factor2": "totp"})).await.json();
    let second = bob.post(API, json!({"factor2": "totp"})).await.json();
    let third = bob.post(CONFIGURE, json!({})).await.json();
    assert_eq!(first["totpsecret"], second["totpsecret"]);
    assert_eq!(first["totpsecret"], third["totpsecret"]);
    assert_eq!(first["totpsecret"].as_str(), Some(&*secret(&mut bob).await));
}
