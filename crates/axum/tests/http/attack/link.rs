//! Mailed links, and origins in the configuration.

use crossauth_axum::Crossauth;
use crossauth_core::message::MessageKind;
use serde_json::json;

use crate::factor::factors;
use crate::site::{PASSWORD, SECRET, Site, test_storage};

const NEW: &str = "Another-Horse-8";

/// The token of a link that resets the password of an address.
async fn link(site: &Site, email: &str) -> String {
    let body = json!({ "email": email });
    let answer = site.browser().post("/api/requestpasswordreset", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    site.one_mail(MessageKind::PasswordReset, email).await.token().to_owned()
}

#[tokio::test]
async fn r5_a_link_serves_its_own_account_whatever_the_request_names() {
    let site = Site::with_mail();
    site.account_with("bob", "bob@example.com").await;
    let amy = site.account_with("amy", "amy@example.com").await;
    let token = link(&site, "bob@example.com").await;
    let body = json!({
        "token": token, "new_password": NEW, "repeat_password": NEW, "email": "amy@example.com",
        "user_email": "amy@example.com", "username": "amy", "user": "amy", "userid": amy.id,
        "id": amy.id,
    });
    // Also in the session of another user.
    let mut thief = site.logged_in("amy").await;
    let answer = thief.post("/api/resetpassword?username=amy&email=amy@example.com", body).await;
    assert_eq!(answer.json()["user"]["username"], "bob", "{}", answer.body);
    assert_eq!(thief.whoami().await.as_deref(), Some("bob"));
    let refused = site.browser().log_in("amy", NEW).await;
    refused.assert_failure(401, "UsernameOrPasswordInvalid");
    assert_eq!(site.browser().log_in("amy", PASSWORD).await.status, 200);
    assert_eq!(site.browser().log_in("bob", NEW).await.status, 200);
}

/// A thief of the password cannot take the link of the owner away without the factor.
#[tokio::test]
async fn a_reset_link_is_valid_until_a_login_is_complete() {
    let site = Site::with(|site| site.preview_messages().factors(factors(&[])));
    site.account_with("bob", "bob@example.com").await;
    let secret = site.enrolled_browser("bob").await.secret;
    site.mail().await;
    let token = link(&site, "bob@example.com").await;
    let mut browser = site.browser();
    let asked = browser.log_in("bob", PASSWORD).await;
    assert_eq!(asked.json()["twoFactorRequired"], json!(true), "{}", asked.body);
    site.browser().get(&format!("/resetpassword/{token}")).await.assert_page(200, &token);
    let code = json!({ "otp": site.totp_code(&secret) });
    assert_eq!(browser.post("/api/loginfactor2", code).await.status, 200);
    let page = site.browser().get(&format!("/resetpassword/{token}")).await;
    page.assert_page(401, "This link is not valid");
}

#[test]
fn o5_origins_with_wildcards_are_refused_at_the_start() {
    let build = |origin: &str| {
        let site = Crossauth::builder().secret(SECRET).storage(test_storage().storage());
        site.form_origins([origin]).build()
    };
    assert!(build("https://app.example.com").is_ok());
    for origin in
        ["*", "https://*", "https://*.example.com", "https:", "null", "'self'", "//a.example"]
    {
        let error = build(origin).unwrap_err().to_string();
        assert!(error.contains("is not an origin"), "{origin}: {error}");
    }
    for url in ["https://*.example.com", "*", "//id.example.com", "ftp://id.example.com"] {
        let site = Crossauth::builder().secret(SECRET).storage(test_storage().storage());
        assert!(site.base_url(url).build().is_err(), "{url}");
    }
}

#[tokio::test]
async fn b36_a_username_that_is_an_address_is_not_verified_with_every_change() {
    let site = Site::with_mail();
    let old = "bob@example.com";
    site.account(old, crossauth_core::account::Role::User).await;
    site.account_with("amy", "amy@example.com").await;
    let mut bob = site.logged_in(old).await;
    let done = bob.post("/api/updateuser", json!({ "user_phone": "555-0100" })).await;
    let expected = json!({ "ok": true, "emailVerificationRequired": false });
    assert_eq!(done.json(), expected, "{}", done.body);
    assert!(site.mail().await.is_empty());
    // An address that another account has is not written; its owner is told.
    let taken = bob.post("/api/updateuser", json!({ "user_email": "amy@example.com" })).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    site.one_mail(MessageKind::AccountExists, "amy@example.com").await;
    assert_eq!(site.found(old).await.unwrap().0.email, None);
    // A free one is written when it is verified.
    bob.post("/api/updateuser", json!({ "user_email": "bob@new.example" })).await;
    let link = site.one_mail(MessageKind::EmailVerification, "bob@new.example").await;
    assert_eq!(site.found(old).await.unwrap().0.email, None);
    let verified = bob.post("/api/verifyemail", json!({ "token": link.token() })).await;
    assert_eq!(verified.status, 200, "{}", verified.body);
    let (user, _) = site.found(old).await.unwrap();
    assert_eq!((&*user.username, user.email.as_deref()), (old, Some("bob@new.example")));
}
