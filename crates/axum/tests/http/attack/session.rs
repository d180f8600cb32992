//! Sessions and cookies.

use axum::Router;
use axum::routing::any;
use crossauth_axum::CurrentUser;
use crossauth_core::account::Role;
use http::Method;
use serde_json::json;

use crate::browser::{Browser, request};
use crate::cookie::with_cookies;
use crate::engine::empty_storage;
use crate::factor::STEP;
use crate::site::{PASSWORD, Site};

/// A browser after password and code.
async fn second_browser(site: &Site, secret: &str) -> Browser {
    let mut browser = site.browser();
    browser.log_in("bob", PASSWORD).await;
    browser.post("/api/loginfactor2", json!({ "otp": site.totp_code(secret) })).await;
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    site.clock.advance(STEP);
    browser
}

#[tokio::test]
async fn s4_every_change_of_the_factor_ends_all_other_sessions() {
    let site = Site::with_factors(&[]);
    let mut other = site.logged_in("bob").await;
    let mut bob = site.enrolled_browser("bob").await;
    assert_eq!(other.whoami().await, None, "set up");
    assert_eq!(bob.browser.whoami().await.as_deref(), Some("bob"));

    let mut other = second_browser(&site, &bob.secret).await;
    let code = site.totp_code(&bob.secret);
    let shown = bob.browser.post_with_code("/api/configurefactor2", json!({}), &code).await.json();
    assert_eq!(other.whoami().await.as_deref(), Some("bob"), "not before it is confirmed");
    let secret = shown["totpsecret"].as_str().unwrap();
    assert_eq!(bob.browser.confirm(&site.totp_code(secret)).await.status, 200);
    assert_eq!(other.whoami().await, None, "replaced");
    site.clock.advance(STEP);

    let mut other = second_browser(&site, secret).await;
    let none = json!({ "factor2": "none" });
    let off = bob.browser.post_with_code("/api/changefactor2", none, &site.totp_code(secret)).await;
    assert_eq!(off.json()["user"]["factor2"], "", "{}", off.body);
    assert_eq!(other.whoami().await, None, "turned off");
    assert_eq!(bob.browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn s17_a_session_of_another_site_with_the_same_secret_is_unknown() {
    let site = Site::new();
    let other = Site::over(empty_storage(), |site| site);
    site.account("bob", Role::Administrator).await;
    other.account("bob", Role::User).await;
    let cookie = other.logged_in("bob").await.cookies["SESSIONID"].clone();
    let cookies = format!("SESSIONID={cookie}");
    assert_eq!(with_cookies(&other, &cookies).await.status, 200);
    with_cookies(&site, &cookies).await.assert_failure(401, "Unauthorized");
}

#[tokio::test]
async fn s18_a_waiting_session_is_anonymous_in_applications() {
    let site = Site::with_factors(&[]);
    let secret = site.enrolled_browser("bob").await.secret;
    let amy = site.account("amy", Role::User).await;
    site.set_state(&amy, "passwordchangeneeded").await;
    let eve = site.account("eve", Role::User).await;
    site.set_state(&eve, "factor2resetneeded").await;
    let who = |user: Option<CurrentUser>| async move {
        user.map_or("anonymous".to_owned(), |user| user.username.clone())
    };
    let must = |user: CurrentUser| async move { user.username.clone() };
    let application = Router::new().route("/who", any(who)).route("/must", any(must));
    let router = site.crossauth.mount(application);
    for name in ["bob", "amy", "eve"] {
        let mut browser = Browser::new(router.clone());
        browser.log_in(name, PASSWORD).await;
        assert!(browser.cookies.contains_key("SESSIONID"), "{name} has a session that waits");
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let who = browser.send(request(method.clone(), "/who"), "").await;
            assert_eq!(who.body, "anonymous", "{name} {method}");
            let must = browser.send(request(method.clone(), "/must"), "").await;
            assert!([302, 401].contains(&must.status.as_u16()), "{name} {method}: {}", must.body);
        }
    }
    // The control.
    let mut browser = Browser::new(router);
    browser.log_in("bob", PASSWORD).await;
    browser.post("/api/loginfactor2", json!({ "otp": site.totp_code(&secret) })).await;
    assert_eq!(browser.get("/must").await.body, "bob");
}
