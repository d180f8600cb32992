//! `restoreemail`: the owner of the old address takes a change back.

use std::time::Duration;

use crossauth_core::email_link::Activation;
use crossauth_core::key::KeyPrefix;
use crossauth_core::message::MessageKind;
use crossauth_core::password_reset::PasswordResetConfig;
use crossauth_core::visitor::Visitor;
use serde_json::json;
use tokio::task::JoinSet;

use super::{NEW, OLD, bob, changed, restore, site_with_bob};
use crate::site::PASSWORD;

#[tokio::test]
async fn a_change_is_taken_back_on_pages_and_the_password_is_reset() {
    let site = site_with_bob(|site| site).await;
    let mut attacker = site.logged_in("bob").await;
    let token = changed(&site, NEW).await;
    let mut browser = site.browser();
    let page = browser.get(&format!("/restoreemail/{token}")).await;
    page.assert_page(200, OLD);
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(bob(&site).await.email.as_deref(), Some(NEW));
    let done = browser.submit("/restoreemail", &[("token", &token)]).await;
    done.assert_page(200, "Your email address was restored");
    done.assert_no_session();
    assert_eq!(bob(&site).await.email.as_deref(), Some(OLD));
    assert_eq!(attacker.whoami().await, None);
    let refused = site.browser().log_in("bob", PASSWORD).await;
    refused.assert_failure(403, "PasswordResetNeeded");
    let link = site.one_mail(MessageKind::PasswordReset, OLD).await;
    let body = json!({
        "token": link.token(), "new_password": "Another-Horse-8", "repeat_password": "Another-Horse-8",
    });
    assert_eq!(site.browser().post("/api/resetpassword", body).await.status, 200);
    assert_eq!(site.browser().log_in("bob", "Another-Horse-8").await.status, 200);
    restore(&site, &token).await.assert_failure(401, "InvalidKey");
}

#[tokio::test]
async fn where_passwords_are_not_reset_a_restored_account_can_log_in() {
    let off = PasswordResetConfig { activation: Activation::Off, ..Default::default() };
    let site = site_with_bob(|site| site.password_reset(off)).await;
    let token = changed(&site, NEW).await;
    let answer = restore(&site, &token).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["email"]), (200, &json!(OLD)));
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
    assert!(site.mail().await.is_empty());
}

#[tokio::test]
async fn second_change_within_72_hours_sends_no_link_to_restore() {
    let site = site_with_bob(|site| site).await;
    let token = changed(&site, NEW).await;
    assert_eq!(changed(&site, "attacker@third.example").await, "");
    assert_eq!(restore(&site, &token).await.status, 200);
    assert_eq!(bob(&site).await.email.as_deref(), Some(OLD));
}

#[tokio::test]
async fn a_change_can_be_taken_back_for_72_hours() {
    for (age, status) in [
        (Duration::from_hours(72) - Duration::from_millis(1), 200),
        (Duration::from_hours(72), 401),
    ] {
        let site = site_with_bob(|site| site).await;
        let token = changed(&site, NEW).await;
        site.clock.advance(age);
        let answer = restore(&site, &token).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
        let page = site.browser().get(&format!("/restoreemail/{token}")).await;
        for answer in [answer, page].iter().filter(|_| status == 401) {
            // No other link can be had.
            assert!(answer.body.contains("tell the people who run this site"), "{}", answer.body);
            assert!(!answer.body.contains("new one"), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn link_to_restore_is_valid_after_a_new_password_but_not_after_disabling() {
    let site = site_with_bob(|site| site).await;
    let token = changed(&site, NEW).await;
    let accounts = &site.crossauth.auth().accounts;
    let password = crossauth_core::secret::Password::new("Attacker-Horse-9");
    accounts.set_password("bob", password).await.unwrap();
    site.browser().get(&format!("/restoreemail/{token}")).await.assert_page(200, OLD);
    accounts.disable("bob").await.unwrap();
    restore(&site, &token).await.assert_failure(401, "InvalidKey");
}

#[tokio::test]
async fn of_fifty_who_take_a_change_back_at_once_one_does() {
    let site = site_with_bob(|site| site).await;
    let token = changed(&site, NEW).await;
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let (mut browser, token) = (site.browser(), token.clone());
        all.spawn(
            async move { browser.post("/api/restoreemail", json!({ "token": token })).await },
        );
    }
    let answers = all.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let left = KeyPrefix::AddressRestore;
    let id = bob(&site).await.id;
    let left = site.storage.keys.list_for_user(Some(&id), left, None, 9).await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn a_change_is_taken_back_also_if_no_more_mail_can_be_requested() {
    let site = site_with_bob(|site| site).await;
    let token = changed(&site, NEW).await;
    while site.crossauth.auth().password_reset.request(NEW, Visitor::default()).await.is_ok() {}
    assert_eq!(restore(&site, &token).await.status, 200);
}
