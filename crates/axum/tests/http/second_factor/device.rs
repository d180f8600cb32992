//! Known devices.

use std::time::Duration;

use crossauth_axum::Builder;
use crossauth_core::account::Role;
use crossauth_core::factor::{Configured, FactorConfig};
use serde_json::json;

use super::{STEP, site};
use crate::browser::Browser;
use crate::site::{PASSWORD, Site};

async fn remembered(site: &Site, bob: &super::Enrolled) -> Browser {
    let mut browser = site.pending("bob").await;
    let body = json!({ "otp": site.code(&bob.phone), "remember_device": true });
    let response = browser.post_json("loginfactor2", body).await;
    let cookie = response.set_cookie("KNOWNDEVICE").unwrap();
    for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Expires="] {
        assert!(cookie.contains(part), "{part} is not in {cookie}");
    }
    site.clock.advance(STEP);
    browser
}

/// Logs out; the cookie of the device stays.
async fn log_out(browser: &mut Browser) {
    browser.post_json("logout", json!({})).await;
    assert!(browser.cookies.contains_key("KNOWNDEVICE"));
}

#[tokio::test]
async fn a_remembered_device_is_not_asked_for_the_code_again() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let mut browser = remembered(&site, &bob).await;
    log_out(&mut browser).await;
    let response = browser.log_in("bob", PASSWORD).await;
    assert_eq!(response.json()["user"]["username"], json!("bob"), "{}", response.body);
    log_out(&mut browser).await;
    let fields = [("username", "bob"), ("password", PASSWORD)];
    assert_eq!(browser.submit("/login", &fields).await.status, 302);
    log_out(&mut browser).await;
    site.clock.advance(Duration::from_hours(31 * 24));
    let response = browser.log_in("bob", PASSWORD).await;
    assert_eq!(response.json()["twoFactorRequired"], json!(true));
}

/// Devices are known for so long.
fn lifetime(builder: Builder, device_lifetime: Option<Duration>) -> Builder {
    let second = vec![Configured::Totp { issuer: "Example".into() }];
    builder.factors(FactorConfig { second, device_lifetime, ..FactorConfig::default() })
}

#[tokio::test]
async fn a_device_is_known_for_the_configured_time() {
    let hours = Duration::from_hours(36);
    let site = Site::with(|builder| lifetime(builder, Some(hours)));
    let bob = site.enrolled("bob").await;
    let page = super::log_in_on_page(&mut site.browser(), "bob").await;
    assert!(page.body.contains("Do not ask for a code on this device for 36 hours"));
    let mut browser = remembered(&site, &bob).await;
    log_out(&mut browser).await;
    site.clock.advance(Duration::from_hours(35));
    let known = browser.log_in("bob", PASSWORD).await;
    assert_eq!(known.json()["user"]["username"], json!("bob"), "{}", known.body);
    log_out(&mut browser).await;
    site.clock.advance(Duration::from_hours(1));
    let asked = browser.log_in("bob", PASSWORD).await;
    assert_eq!(asked.json()["twoFactorRequired"], json!(true));
}

#[tokio::test]
async fn no_device_is_known_or_remembered_where_that_is_disabled() {
    let before = Site::with(|builder| lifetime(builder, Some(Duration::from_hours(24))));
    let bob = before.enrolled("bob").await;
    let mut known = remembered(&before, &bob).await;
    log_out(&mut known).await;
    let device = known.cookies["KNOWNDEVICE"].clone();

    let site = Site::over(before.storage.clone(), |builder| lifetime(builder, None));
    let mut browser = site.browser();
    browser.cookies.insert("KNOWNDEVICE".into(), device);
    let asked = browser.log_in("bob", PASSWORD).await;
    assert_eq!(asked.json()["twoFactorRequired"], json!(true), "{}", asked.body);
    assert!(site.crossauth.auth().devices.list(&bob.user.id).await.unwrap().is_empty());

    let site = Site::with(|builder| lifetime(builder, None));
    let carol = site.enrolled("carol").await;
    let page = super::log_in_on_page(&mut site.browser(), "carol").await;
    page.assert_page(200, "Enter your code");
    assert!(!page.body.contains("remember_device"));
    let mut browser = site.pending("carol").await;
    let body = json!({ "otp": site.code(&carol.phone), "remember_device": true });
    let response = browser.post_json("loginfactor2", body).await;
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(response.set_cookie("KNOWNDEVICE"), None);
}

#[tokio::test]
async fn a_device_is_remembered_only_on_request() {
    let site = site();
    let bob = site.enrolled("bob").await;
    for wanted in [json!(null), json!(false), json!("off")] {
        let mut browser = site.pending("bob").await;
        let body = json!({ "otp": site.code(&bob.phone), "remember_device": wanted });
        let response = browser.post_json("loginfactor2", body).await;
        assert_eq!(response.status, 200, "{}", response.body);
        assert_eq!(response.set_cookie("KNOWNDEVICE"), None);
        site.clock.advance(STEP);
    }
}

#[tokio::test]
async fn m15_a_device_is_known_for_its_user_and_until_the_password_changes() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.enrolled("amy").await;
    let mut browser = remembered(&site, &bob).await;
    log_out(&mut browser).await;
    let response = browser.log_in("amy", PASSWORD).await;
    assert_eq!(response.json()["twoFactorRequired"], json!(true));
    let mut forged = browser.copy();
    forged.cookies.insert("KNOWNDEVICE".into(), "AAAA".into());
    let response = forged.log_in("bob", PASSWORD).await;
    assert_eq!(response.json()["twoFactorRequired"], json!(true));
    let mut wrong = browser.copy();
    let response = wrong.log_in("bob", "Wrong-Horse-7").await;
    response.assert_failure(401, "UsernameOrPasswordInvalid");
    let new = crossauth_core::secret::Password::new("Another-Horse-8");
    site.crossauth.auth().accounts.set_password(&bob.user.id, new).await.unwrap();
    let response = browser.log_in("bob", "Another-Horse-8").await;
    assert_eq!(response.json()["twoFactorRequired"], json!(true), "{}", response.body);
}

#[tokio::test]
async fn the_cookie_of_a_device_is_bound_to_the_host_over_https() {
    let site = Site::with(|site| super::all_factors(site).base_url("https://id.example.com"));
    site.account("bob", Role::User).await;
    let config = site.crossauth.config();
    assert_eq!(config.device_cookie.name, "__Host-KNOWNDEVICE");
    assert!(config.device_cookie.secure);
}
