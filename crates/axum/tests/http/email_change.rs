//! A change of the address of an account with `updateuser`, and `restoreemail`, which takes it back.

mod restore;

use std::time::Duration;

use crossauth_axum::Builder;
use crossauth_core::email_link::Activation;
use crossauth_core::email_verification::EmailVerificationConfig;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::message::MessageKind;
use crossauth_core::user::User;
use serde_json::json;
use tokio::task::JoinSet;

use crate::browser::TestResponse;
use crate::site::{PASSWORD, Site};

const OLD: &str = "bob@example.com";
const NEW: &str = "bob@new.example";

async fn bob(site: &Site) -> User {
    site.found("bob").await.unwrap().0
}

/// Asks for another address in a session of bob.
async fn change(site: &Site, address: &str) -> TestResponse {
    let mut bob = site.logged_in("bob").await;
    bob.post("/api/updateuser", json!({ "user_email": address })).await
}

/// Asks for another address, which must be verified.
async fn ask(site: &Site, address: &str) {
    let answer = change(site, address).await;
    assert_eq!(answer.json(), json!({ "ok": true, "emailVerificationRequired": true }));
}

/// Changes the address of bob; the token that takes it back.
async fn changed(site: &Site, to: &str) -> String {
    let old = bob(site).await.email.unwrap();
    ask(site, to).await;
    let token = site.one_mail(MessageKind::EmailVerification, to).await.token().to_owned();
    assert_eq!(verify(site, &token).await.status, 200);
    assert_eq!(bob(site).await.email.as_deref(), Some(to));
    site.one_mail(MessageKind::AddressChanged, &old).await.token().to_owned()
}

async fn verify(site: &Site, token: &str) -> TestResponse {
    site.browser().post("/api/verifyemail", json!({ "token": token })).await
}

async fn restore(site: &Site, token: &str) -> TestResponse {
    site.browser().post("/api/restoreemail", json!({ "token": token })).await
}

async fn site_with_bob(change: impl FnOnce(Builder) -> Builder) -> Site {
    let site = Site::with(|site| change(site.preview_messages()));
    site.account_with("bob", OLD).await;
    site
}

#[tokio::test]
async fn r12_a_new_address_counts_once_it_is_verified_and_the_old_one_is_told() {
    let site = site_with_bob(|site| site).await;
    ask(&site, NEW).await;
    let mail = site.one_mail(MessageKind::EmailVerification, NEW).await;
    assert_eq!(bob(&site).await.email.as_deref(), Some(OLD));
    let body = json!({ "email": NEW });
    site.browser().post("/api/requestpasswordreset", body).await;
    assert!(site.mail().await.is_empty(), "an unverified address resets a password");
    let page = site.browser().get(&format!("/verifyemail/{}", mail.token())).await;
    page.assert_page(200, NEW);
    let done = site.browser().submit("/verifyemail", &[("token", mail.token())]).await;
    done.assert_page(200, &format!("Your email address is now {NEW}"));
    assert!(done.body.contains(OLD));
    let notice = site.one_mail(MessageKind::AddressChanged, OLD).await;
    assert_eq!((notice.variable("username"), notice.variable("newEmail")), ("bob", NEW));
    assert_eq!(site.browser().log_in(NEW, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn json_of_a_change_has_the_address_before() {
    let site = site_with_bob(|site| site).await;
    ask(&site, NEW).await;
    let token = site.one_mail(MessageKind::EmailVerification, NEW).await.token().to_owned();
    let user = verify(&site, &token).await.json()["user"].clone();
    assert_eq!((&user["email"], &user["oldEmail"]), (&json!(NEW), &json!(OLD)));
}

#[tokio::test]
async fn r12_of_two_changes_the_newer_counts() {
    let site = site_with_bob(|site| site).await;
    ask(&site, "one@new.example").await;
    let one = site.mail().await.remove(0);
    ask(&site, "two@new.example").await;
    let two = site.mail().await.remove(0);
    verify(&site, one.token()).await.assert_failure(401, "InvalidKey");
    assert_eq!(verify(&site, two.token()).await.status, 200);
    assert_eq!(bob(&site).await.email.as_deref(), Some("two@new.example"));
}

#[tokio::test]
async fn change_of_address_invalidates_links_and_known_devices() {
    let site = site_with_bob(|site| site).await;
    let body = json!({ "email": OLD });
    site.browser().post("/api/requestpasswordreset", body).await;
    let reset = site.one_mail(MessageKind::PasswordReset, OLD).await;
    let key = Key::new("kd:device", Some(bob(&site).await.id), site.now());
    site.storage.keys.insert(&key).await.unwrap();
    changed(&site, NEW).await;
    let page = site.browser().get(&format!("/resetpassword/{}", reset.token())).await;
    assert_eq!(page.status, 401);
    assert!(site.storage.keys.find("kd:device").await.unwrap().is_none());
}

#[tokio::test]
async fn l3_l4_a_taken_address_is_not_told_but_its_owner_is() {
    let site = site_with_bob(|site| site).await;
    site.account_with("carol", "carol@example.com").await;
    ask(&site, "carol@example.com").await;
    site.one_mail(MessageKind::AccountExists, "carol@example.com").await;
    assert_eq!(bob(&site).await.email.as_deref(), Some(OLD));
}

#[tokio::test]
async fn address_that_another_account_has_by_then_is_refused() {
    let site = site_with_bob(|site| site).await;
    ask(&site, NEW).await;
    let token = site.one_mail(MessageKind::EmailVerification, NEW).await.token().to_owned();
    site.account_with("carol", NEW).await;
    verify(&site, &token).await.assert_failure(400, "UserExists");
    let page = site.browser().submit("/verifyemail", &[("token", &token)]).await;
    page.assert_page(400, "Another account has this email address");
    assert_eq!(bob(&site).await.email.as_deref(), Some(OLD));
}

#[tokio::test]
async fn ending_all_sessions_invalidates_a_pending_change() {
    let site = site_with_bob(|site| site).await;
    ask(&site, NEW).await;
    let token = site.one_mail(MessageKind::EmailVerification, NEW).await.token().to_owned();
    site.crossauth.auth().accounts.end_sessions("bob", None).await.unwrap();
    verify(&site, &token).await.assert_failure(401, "InvalidKey");
}

#[tokio::test]
async fn changes_are_limited_and_checked() {
    let site = site_with_bob(|site| site).await;
    for unchanged in [OLD, " bob@example.com "] {
        let answer = change(&site, unchanged).await.json();
        assert_eq!(answer, json!({ "ok": true, "emailVerificationRequired": false }));
    }
    for (invalid, code) in [
        (json!("none"), "InvalidEmail"),
        (json!(""), "FormEntry"),
        (json!(null), "FormEntry"),
        (json!(7), "InvalidEmail"),
        (json!(["a@b.example"]), "InvalidEmail"),
    ] {
        let mut bob = site.logged_in("bob").await;
        let refused = bob.post("/api/updateuser", json!({ "user_email": invalid })).await;
        refused.assert_failure(400, code);
        assert!(refused.json()["fieldErrors"]["user_email"].is_array(), "{}", refused.body);
    }
    for index in 0..5 {
        ask(&site, &format!("bob{index}@new.example")).await;
    }
    let refused = change(&site, NEW).await;
    refused.assert_failure(429, "SlowDown");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(site.mail().await.len(), 5);
    assert_eq!(bob(&site).await.email.as_deref(), Some(OLD));
}

#[tokio::test]
async fn page_says_that_the_link_must_be_used_and_shows_the_present_address() {
    let site = site_with_bob(|site| site).await;
    let mut bob = site.logged_in("bob").await;
    let page = bob.get("/updateuser").await;
    page.assert_page(200, &format!("name=\"user_email\" type=\"email\" value=\"{OLD}\""));
    let page = bob.submit("/updateuser", &[("user_email", NEW)]).await;
    page.assert_page(200, "Please click on the link in your email to verify your email address.");
    assert!(page.body.contains(OLD) && !page.body.contains(NEW), "{}", page.body);
    let page = bob.submit("/updateuser", &[("user_email", "none")]).await;
    page.assert_page(400, "value=\"none\"");
    site.one_mail(MessageKind::EmailVerification, NEW).await;
}

#[tokio::test]
async fn r12_fields_and_address_are_changed_together_or_not_at_all() {
    let site = site_with_bob(|site| site).await;
    let mut browser = site.logged_in("bob").await;
    let body = |phone: &str| json!({ "user_email": NEW, "user_phone": phone });
    let refused = browser.post("/api/updateuser", body(&"1".repeat(1001))).await;
    refused.assert_failure(400, "FormEntry");
    assert!(site.mail().await.is_empty());
    assert_eq!(browser.post("/api/updateuser", body("555-0100")).await.status, 200);
    assert_eq!(bob(&site).await.extra["phone"], "555-0100");
    site.one_mail(MessageKind::EmailVerification, NEW).await;
}

#[tokio::test]
async fn r12_two_changes_that_race_leave_one_valid_link() {
    let site = site_with_bob(|site| site).await;
    let mut all = JoinSet::new();
    for index in 0..5 {
        let mut browser = site.logged_in("bob").await;
        all.spawn(async move {
            let body = json!({ "user_email": format!("bob{index}@new.example") });
            browser.post("/api/updateuser", body).await
        });
    }
    assert!(all.join_all().await.iter().all(|answer| answer.status == 200));
    let links = site.mail().await;
    assert_eq!(links.len(), 5);
    let mut all = JoinSet::new();
    for mail in links {
        let mut browser = site.browser();
        all.spawn(async move {
            let body = json!({ "token": mail.token() });
            (browser.post("/api/verifyemail", body).await.status == 200).then_some(mail.to)
        });
    }
    let verified: Vec<String> = all.join_all().await.into_iter().flatten().collect();
    assert_eq!(verified.len(), 1);
    assert_eq!(bob(&site).await.email, verified.first().cloned());
}

#[tokio::test]
async fn r14_many_accounts_send_few_links_to_one_address() {
    let site = site_with_bob(|site| site).await;
    for index in 0..8 {
        let mut browser = site.logged_in(&format!("mallory{index}")).await;
        let body = json!({ "user_email": "Victim@new.example" });
        let answer = browser.post("/api/updateuser", body).await;
        assert_eq!(answer.status.as_u16(), if index < 5 { 200 } else { 429 }, "{}", answer.body);
    }
    assert_eq!(site.mail().await.len(), 5);
}

#[tokio::test]
async fn l21_new_address_needs_a_fresh_login_or_the_password() {
    let site = site_with_bob(|site| site).await;
    let mut browser = site.logged_in("bob").await;
    let page = browser.get("/updateuser").await;
    assert!(!page.body.contains("name=\"password\""), "{}", page.body);
    site.clock.advance(Duration::from_mins(15));
    browser.get("/updateuser").await.assert_page(200, "name=\"password\"");
    let body = |password: &str| json!({ "user_email": NEW, "password": password });
    for password in ["", "Wrong-Horse-9"] {
        let refused = browser.post("/api/updateuser", body(password)).await;
        refused.assert_failure(401, "UsernameOrPasswordInvalid");
        assert!(refused.json()["fieldErrors"]["password"].is_array(), "{}", refused.body);
    }
    let page = browser.submit("/updateuser", &[("user_email", NEW)]).await;
    page.assert_page(401, "Please enter your password to change the email address");
    assert!(page.body.contains(NEW));
    assert!(site.mail().await.is_empty());
    // Other fields do not need it.
    assert_eq!(browser.post("/api/updateuser", json!({ "user_phone": "1" })).await.status, 200);
    let done = browser.post("/api/updateuser", body(PASSWORD)).await;
    assert_eq!(done.json()["emailVerificationRequired"], true, "{}", done.body);
    site.one_mail(MessageKind::EmailVerification, NEW).await;
    for _ in 0..9 {
        browser.post("/api/updateuser", body("Wrong-Horse-9")).await;
    }
    browser.post("/api/updateuser", body(PASSWORD)).await.assert_failure(429, "SlowDown");
}

#[tokio::test]
async fn without_verification_an_address_is_changed_at_once_and_the_old_one_is_told() {
    let off = EmailVerificationConfig { activation: Activation::Off, ..Default::default() };
    let site = site_with_bob(|site| site.email_verification(off)).await;
    site.account_with("carol", "carol@example.com").await;
    let answer = change(&site, NEW).await;
    assert_eq!(answer.json(), json!({ "ok": true, "emailVerificationRequired": false }));
    assert_eq!(bob(&site).await.email.as_deref(), Some(NEW));
    let taken = change(&site, "carol@example.com").await;
    taken.assert_failure(400, "UserExists");
    assert!(taken.json()["fieldErrors"]["user_email"].is_array(), "{}", taken.body);
    let notice = site.one_mail(MessageKind::AddressChanged, OLD).await;
    assert_eq!(restore(&site, notice.token()).await.status, 200);
    assert_eq!(bob(&site).await.email.as_deref(), Some(OLD));
}

#[tokio::test]
async fn an_address_never_verified_is_not_told() {
    let site = Site::with_mail();
    let form = json!({ "username": "bob", "password": PASSWORD, "user_email": OLD });
    site.browser().post("/api/signup", form).await;
    site.mail().await;
    // The link for a new address of an account that still waits, as upstream can send it.
    let value = crossauth_core::crypto::stored_value(KeyPrefix::EmailVerification, "token");
    let mut key = Key::new(&*value, Some(bob(&site).await.id), site.now());
    key.expires = Some(site.now() + Duration::from_hours(1));
    key.data = crossauth_core::key::KeyData::from_text(NEW);
    site.storage.keys.insert(&key).await.unwrap();
    let answer = verify(&site, "token").await;
    assert_eq!(answer.json()["user"]["state"], "active", "{}", answer.body);
    assert_eq!(bob(&site).await.email.as_deref(), Some(NEW));
    assert!(site.mail().await.is_empty());
}
