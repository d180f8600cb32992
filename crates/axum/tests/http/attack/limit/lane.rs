//! The owner of an account that is attacked is not kept out.

use serde_json::json;

use super::{MINUTE, assert_refused, exhaust, guess, judged, site_with, stranger};
use crate::site::{PASSWORD, Site};

#[tokio::test]
async fn b10_the_owner_gets_in_on_a_known_browser_and_keeps_the_session() {
    let site = site_with(&["bob"]).await;
    let mut bob = site.logged_in("bob").await.at("198.51.100.1");
    exhaust(&site, "bob").await;
    let many = (0..60).map(|index| (format!("user{index}"), "198.51.100.1".to_owned()));
    judged(&site, many).await;
    assert_refused(&stranger(&site).log_in("bob", PASSWORD).await);
    // The session works, also where the password must be typed once more.
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
    let new = "Another-Horse-8";
    let change = json!({ "old_password": PASSWORD, "new_password": new, "repeat_password": new });
    let changed = bob.post("/api/changepassword", change).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    // So does a login on this browser, although account and address are attacked.
    assert_eq!(bob.post("/api/logout", json!({})).await.status, 200);
    assert_eq!(bob.log_in("bob", new).await.status, 200);
    assert_refused(&stranger(&site).log_in("bob", new).await);
}

#[tokio::test]
async fn b10_the_lock_ends_by_itself() {
    let site = site_with(&["bob"]).await;
    exhaust(&site, "bob").await;
    let refused = stranger(&site).log_in("bob", PASSWORD).await;
    assert_refused(&refused);
    site.clock.advance(3 * MINUTE);
    assert_eq!(stranger(&site).log_in("bob", PASSWORD).await.status, 200);
}

/// The limit of one address is half of that of the account, so its attacker leaves every second
/// attempt to others.
#[tokio::test]
async fn b10_an_attacker_at_one_address_does_not_refuse_the_owner_elsewhere() {
    let site = site_with(&["bob"]).await;
    for _ in 0..24 * 60 {
        guess(&site, "bob", "198.51.100.1").await;
        site.clock.advance(MINUTE);
    }
    assert_eq!(stranger(&site).log_in("bob", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn b10_a_reset_of_the_password_logs_the_owner_in() {
    let site = Site::with_mail();
    site.account_with("bob", "bob@example.com").await;
    exhaust(&site, "bob").await;
    let mut bob = stranger(&site);
    bob.post("/api/requestpasswordreset", json!({ "email": "bob@example.com" })).await;
    let token = site.mail().await.remove(0).token().to_owned();
    let reset = json!({ "token": token, "new_password": "Another-Horse-8" });
    let answer = bob.post("/api/resetpassword", reset).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn known_browsers_are_limited_too_and_known_for_their_users_only() {
    let site = site_with(&["bob", "alice"]).await;
    let mut browser = site.logged_in("bob").await.at("192.0.2.1");
    browser.post("/api/logout", json!({})).await;
    for _ in 0..10 {
        let wrong = browser.copy().log_in("bob", super::WRONG).await;
        wrong.assert_failure(401, "UsernameOrPasswordInvalid");
    }
    assert_refused(&browser.copy().log_in("bob", PASSWORD).await);
    assert_eq!(stranger(&site).log_in("bob", PASSWORD).await.status, 200, "its own limit");
    // Its cookie is of no use for another account, and of none if it is altered.
    exhaust(&site, "alice").await;
    assert_refused(&browser.copy().log_in("alice", PASSWORD).await);
    let mut altered = browser.copy();
    let cookie = altered.cookies.get_mut("KNOWNBROWSER").unwrap();
    let last = if cookie.ends_with('A') { "B" } else { "A" };
    cookie.replace_range(cookie.len() - 1.., last);
    exhaust(&site, "bob").await;
    assert_refused(&altered.log_in("bob", PASSWORD).await);
}

#[tokio::test]
async fn the_cookie_of_a_known_browser_is_bound_to_the_host_and_names_no_user() {
    let site = Site::with(|site| site.base_url("https://id.example.com"));
    let mut browser = site.browser();
    site.account("bob", crossauth_core::account::Role::User).await;
    let answer = browser.log_in("bob", PASSWORD).await;
    let cookie = answer.set_cookie("__Host-KNOWNBROWSER").unwrap();
    for attribute in ["; Secure", "; HttpOnly", "; Path=/", "; SameSite=", "; Expires="] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain") && !cookie.contains("bob"), "{cookie}");
    // A login that fails, or waits, sets none.
    let failed = site.browser().log_in("bob", super::WRONG).await;
    assert_eq!(failed.set_cookie("__Host-KNOWNBROWSER"), None);
}

#[tokio::test]
async fn two_people_on_one_browser_are_both_known() {
    let site = site_with(&["bob", "alice"]).await;
    let mut browser = site.browser();
    for name in ["bob", "alice"] {
        assert_eq!(browser.log_in(name, PASSWORD).await.status, 200);
        browser.post("/api/logout", json!({})).await;
    }
    for name in ["bob", "alice"] {
        exhaust(&site, name).await;
        site.clock.advance(60 * MINUTE);
        exhaust(&site, name).await;
        assert_eq!(browser.copy().log_in(name, PASSWORD).await.status, 200, "{name}");
        site.clock.advance(60 * MINUTE);
    }
}
