//! `recoverycodes`, `api/recoverycodes`, and the known devices on the account page.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::factor::STEP;
use crate::site::{PASSWORD, Site};

const API: &str = "/api/recoverycodes";

#[tokio::test]
async fn new_codes_replace_the_old_ones_and_are_shown_once() {
    let site = Site::with_factors(&[]);
    let mut bob = site.enrolled_browser("bob").await;
    assert!(site.logs_in_with("bob", "recovery_code", &bob.recovery_codes[0]).await);
    bob.browser.get("/recoverycodes?next=/a").await.assert_page(200, "9 recovery codes left");
    let made = bob.browser.post_with_code(API, json!({}), &site.totp_code(&bob.secret)).await;
    let codes = made.json()["recoveryCodes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10, "{}", made.body);
    assert!(!site.logs_in_with("bob", "recovery_code", &bob.recovery_codes[1]).await);
    let new = codes[0].as_str().unwrap();
    assert!(site.logs_in_with("bob", "recovery_code", new).await);
    assert!(!site.logs_in_with("bob", "recovery_code", new).await, "each works once");
}

#[tokio::test]
async fn page_makes_new_codes_after_the_factor_was_confirmed() {
    let site = Site::with_factors(&[]);
    let mut bob = site.enrolled_browser("bob").await;
    let asked = bob.browser.submit("/recoverycodes", &[("next", "/a")]).await;
    assert_eq!((asked.status.as_u16(), asked.location()), (302, Some("/factor2")));
    let page =
        bob.browser.submit("/recoverycodes", &[("otp", &*site.totp_code(&bob.secret))]).await;
    page.assert_page(200, "<textarea");
    assert!(page.text().contains("href=\"/a\""), "{}", page.body);
    assert!(page.body.contains("You have new recovery codes"));
}

#[tokio::test]
async fn user_without_a_factor_has_no_codes() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    bob.get("/recoverycodes").await.assert_page(200, "Set up a second step");
    bob.post(API, json!({})).await.assert_failure(400, "BadRequest");
    bob.submit("/recoverycodes", &[]).await.assert_page(400, "you have none");
    site.browser().post(API, json!({})).await.assert_failure(401, "Unauthorized");
}

#[tokio::test]
async fn account_page_tells_about_the_factor() {
    let site = Site::with_factors(&[]);
    let mut bob = site.logged_in("bob").await;
    bob.get("/").await.assert_page(200, "Your password alone lets you in");
    let page = site.enrolled_browser("alice").await.browser.get("/").await;
    page.assert_page(200, "Authenticator app");
    assert!(page.text().contains("10 recovery codes left"), "{}", page.body);
    assert!(!page.text().contains("Remembered devices"));
}

/// A browser that is remembered.
async fn remembered(site: &Site, username: &str, secret: &str) -> Browser {
    let mut browser = site.browser();
    browser.log_in(username, PASSWORD).await;
    let body = json!({"otp": site.totp_code(secret), "remember_device": true});
    let response = browser.post("/api/loginfactor2", body).await;
    assert_eq!(response.status, 200, "{}", response.body);
    site.clock.advance(STEP);
    browser
}

async fn devices(browser: &mut Browser) -> Vec<Value> {
    browser.get_json("/api/devices").await.json()["devices"].as_array().unwrap().clone()
}

#[tokio::test]
async fn remembered_devices_are_listed_and_forgotten_one_by_one_and_all_at_once() {
    let site = Site::with_factors(&[]);
    let secret = site.enrolled_browser("bob").await.secret;
    let mut first = remembered(&site, "bob", &secret).await;
    remembered(&site, "bob", &secret).await;
    remembered(&site, "bob", &secret).await;
    let listed = devices(&mut first).await;
    assert_eq!(listed.len(), 3);
    assert!(listed[0]["created"].is_string() && listed[0]["expires"].is_string(), "{listed:?}");
    first.get("/").await.assert_page(200, "Remembered devices");
    let id = &listed[0]["id"];
    let forgotten = first.post("/api/forgetdevice", json!({ "id": id })).await;
    assert_eq!(forgotten.json()["forgotten"], json!(1));
    assert_eq!(devices(&mut first).await.len(), 2);
    first.post("/api/forgetdevice", json!({ "id": id })).await.assert_failure(404, "BadRequest");
    first.post("/api/forgetdevice", json!({})).await.assert_failure(400, "BadRequest");
    let form = [("all", "on"), ("next", "/a")];
    assert_eq!(first.submit("/forgetdevice", &form).await.location(), Some("/a"));
    assert!(devices(&mut first).await.is_empty());
    // The cookie of a forgotten device is worth nothing.
    let login = first.log_in("bob", PASSWORD).await;
    assert_eq!(login.json()["twoFactorRequired"], json!(true), "{}", login.body);
}

#[tokio::test]
async fn device_of_another_user_cannot_be_forgotten() {
    let site = Site::with_factors(&[]);
    let secret = site.enrolled_browser("bob").await.secret;
    let mut bob = remembered(&site, "bob", &secret).await;
    let id = devices(&mut bob).await[0]["id"].clone();
    let mut eve = site.logged_in("eve").await;
    eve.post("/api/forgetdevice", json!({ "id": id })).await.assert_failure(404, "BadRequest");
    assert_eq!(devices(&mut bob).await.len(), 1);
    let visitor = &mut site.browser();
    visitor.get_json("/api/devices").await.assert_failure(401, "Unauthorized");
    visitor
        .post("/api/forgetdevice", json!({"all": true}))
        .await
        .assert_failure(401, "Unauthorized");
}
