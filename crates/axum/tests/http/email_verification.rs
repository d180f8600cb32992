//! `verifyemail`, `resendverification` and sign-up where addresses must be verified.

use std::time::Duration;

use crossauth_axum::Builder;
use crossauth_core::email_link::Activation;
use crossauth_core::email_verification::EmailVerificationConfig;
use crossauth_core::key::KeyPrefix;
use crossauth_core::message::MessageKind;
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::browser::{Browser, TestResponse, request};
use crate::factor::factors;
use crate::site::{PASSWORD, Site};

const EMAIL: &str = "bob@example.com";
const CHECK: &str = "Please check your email to finish signing up.";
const GONE: &str = "This link is not valid";

fn form<'a>(username: &'a str, email: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("username", username),
        ("password", PASSWORD),
        ("repeat_password", PASSWORD),
        ("user_email", email),
    ]
}

async fn sign_up(browser: &mut Browser, username: &str, email: &str) -> TestResponse {
    let body = json!({ "username": username, "password": PASSWORD, "user_email": email });
    browser.post("/api/signup", body).await
}

/// Signs bob up; the token of his link.
async fn signed_up(site: &Site) -> String {
    let answer = sign_up(&mut site.browser(), "bob", EMAIL).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    site.one_mail(MessageKind::EmailVerification, EMAIL).await.token().to_owned()
}

async fn verify(site: &Site, token: &str) -> TestResponse {
    site.browser().post("/api/verifyemail", json!({ "token": token })).await
}

#[tokio::test]
async fn address_is_verified_on_pages() {
    let site = Site::with_mail();
    let mut browser = site.browser();
    let page = browser.get("/signup").await;
    page.assert_page(200, "name=\"user_email\"");
    assert!(page.body.contains("autocomplete=\"email\""));
    let answer = browser.submit("/signup", &form("bob", EMAIL)).await;
    answer.assert_page(200, CHECK);
    answer.assert_no_session();
    assert_eq!(site.found("bob").await.unwrap().0.state.as_str(), "awaitingemailverification");
    let credentials = [("username", "bob"), ("password", PASSWORD)];
    let refused = browser.submit("/login", &credentials).await;
    refused.assert_page(403, "/resendverification");
    let mail = site.one_mail(MessageKind::EmailVerification, EMAIL).await;
    let page = site.browser().get(&format!("/verifyemail/{}", mail.token())).await;
    page.assert_page(200, EMAIL);
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert!(page.body.contains("method=\"post\""));
    let done = browser.submit("/verifyemail", &[("token", mail.token())]).await;
    done.assert_page(200, "Your email address is verified");
    done.assert_no_session();
    assert_eq!(site.found("bob").await.unwrap().0.state.as_str(), "active");
    assert_eq!(browser.submit("/login", &credentials).await.status, 302);
}

#[tokio::test]
async fn link_of_a_sign_up_is_valid_before_and_after_the_second_factor_is_set_up() {
    for verifies_first in [true, false] {
        let site = Site::with(|site| site.preview_messages().factors(factors(&[])));
        let mut browser = site.browser();
        let body = json!({
            "username": "bob", "password": PASSWORD, "user_email": EMAIL, "factor2": "totp",
        });
        let shown = browser.post("/api/signup", body).await.json();
        let token = site.one_mail(MessageKind::EmailVerification, EMAIL).await.token().to_owned();
        if verifies_first {
            assert_eq!(verify(&site, &token).await.status, 200);
        }
        let done = browser.confirm(&site.code_for(&shown).await).await;
        assert_eq!(done.status, 200, "{}", done.body);
        assert_eq!(done.json()["emailVerificationNeeded"], json!(!verifies_first));
        if !verifies_first {
            site.browser().get(&format!("/verifyemail/{token}")).await.assert_page(200, EMAIL);
            assert_eq!(verify(&site, &token).await.status, 200);
        }
        assert_eq!(site.found("bob").await.unwrap().0.state.as_str(), "active");
        verify(&site, &token).await.assert_failure(401, "InvalidKey");
    }
}

#[tokio::test]
async fn address_is_verified_by_json() {
    let site = Site::with_mail();
    let answer = sign_up(&mut site.browser(), "bob", EMAIL).await;
    answer.assert_no_session();
    let expected = json!({ "ok": true, "user": null, "emailVerificationNeeded": true });
    assert_eq!((answer.status.as_u16(), answer.json()), (200, expected));
    let token = site.one_mail(MessageKind::EmailVerification, EMAIL).await.token().to_owned();
    let answer = verify(&site, &token).await;
    assert_eq!(
        (&answer.json()["ok"], &answer.json()["user"]["email"]),
        (&json!(true), &json!(EMAIL))
    );
    answer.assert_no_session();
    verify(&site, &token).await.assert_failure(401, "InvalidKey");
}

#[tokio::test]
async fn the_link_of_the_api_is_followed_by_get_but_not_by_head() {
    let site = Site::with_mail();
    let token = signed_up(&site).await;
    let path = format!("/api/verifyemail/{token}");
    let head = site.browser().send(request(Method::HEAD, &path), "").await;
    assert_eq!(head.status, 405);
    let answer = site.browser().get_json(&path).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["ok"]), (200, &json!(true)));
    answer.assert_no_session();
    site.browser().get_json(&path).await.assert_failure(401, "InvalidKey");
    assert_eq!(site.found("bob").await.unwrap().0.state.as_str(), "active");
}

#[tokio::test]
async fn r11_looking_at_a_link_verifies_nothing() {
    let site = Site::with_mail();
    let token = signed_up(&site).await;
    let path = format!("/verifyemail/{token}");
    for _ in 0..10 {
        site.browser().get(&path).await.assert_page(200, &token);
        let head = site.browser().send(request(Method::HEAD, &path), "").await;
        assert_eq!(head.status, 200);
    }
    assert_eq!(site.found("bob").await.unwrap().0.state.as_str(), "awaitingemailverification");
    assert_eq!(verify(&site, &token).await.status, 200);
}

#[tokio::test]
async fn l3_sign_up_with_a_taken_address_answers_as_any_other_and_mails_its_owner() {
    let site = Site::with_mail();
    site.account_with("bob", EMAIL).await;
    for (name, email) in [("eve", EMAIL), ("eve", "BOB@example.com"), (EMAIL, EMAIL)] {
        let taken = sign_up(&mut site.browser(), name, email).await;
        let mails = site.mail().await;
        assert_eq!(mails.len(), 1);
        assert_eq!((&mails[0].kind, &*mails[0].to), (&MessageKind::AccountExists, EMAIL));
        assert_eq!(mails[0].variable("username"), "bob");
        let other = format!("other{}", email.len() + name.len());
        let free = sign_up(&mut site.browser(), &other, &format!("{other}@x.example")).await;
        site.mail().await;
        assert_eq!(taken.shape(), free.shape());
        taken.assert_no_session();
        if let Some((user, _)) = site.found(&other).await {
            site.crossauth.auth().accounts.delete(&user).await.unwrap();
        }
        let page = site.browser().submit("/signup", &form(name, email)).await;
        page.assert_page(200, CHECK);
        site.mail().await;
        if let Some((eve, _)) = site.found("eve").await {
            assert_eq!((eve.email, eve.state.as_str()), (None, "awaitingemailverification"));
            site.crossauth.auth().accounts.delete(&eve.id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn r14_the_owner_of_an_address_is_told_five_times_an_hour() {
    let site = Site::with_mail();
    site.account_with("bob", EMAIL).await;
    for index in 0..9 {
        let name = format!("eve{index}");
        assert_eq!(sign_up(&mut site.browser(), &name, EMAIL).await.status, 200);
    }
    assert_eq!(site.mail().await.len(), 5);
}

#[tokio::test]
async fn names_that_are_no_addresses_are_said_to_be_taken() {
    let site = Site::with_mail();
    site.account_with("bob", EMAIL).await;
    let answer = sign_up(&mut site.browser(), "bob", "new@example.com").await;
    answer.assert_failure(400, "UserExists");
    assert!(site.mail().await.is_empty());
}

#[tokio::test]
async fn sign_up_asks_for_an_address_that_can_be_one() {
    let site = Site::with_mail();
    let mut browser = site.browser();
    for (email, code) in
        [("", "FormEntry"), ("bob", "InvalidEmail"), ("a@x.com,b@y.com", "InvalidEmail")]
    {
        let answer = sign_up(&mut browser, "bob", email).await;
        answer.assert_failure(400, code);
        assert!(answer.json()["fieldErrors"]["user_email"].is_array(), "{}", answer.body);
    }
    assert!(site.found("bob").await.is_none());
}

#[tokio::test]
async fn signing_up_again_sends_the_link_again() {
    let site = Site::with_mail();
    let older = signed_up(&site).await;
    let again = sign_up(&mut site.browser(), "bob", EMAIL).await;
    assert_eq!(again.json()["emailVerificationNeeded"], json!(true));
    let newer = site.one_mail(MessageKind::EmailVerification, EMAIL).await.token().to_owned();
    verify(&site, &older).await.assert_failure(401, "InvalidKey");
    assert_eq!(verify(&site, &newer).await.status, 200);
    assert_eq!(sign_up(&mut site.browser(), "bob", EMAIL).await.json()["user"]["username"], "bob");
}

#[tokio::test]
async fn l4_r4_new_link_is_sent_and_the_answer_is_the_same_for_all() {
    let site = Site::with_mail();
    let older = signed_up(&site).await;
    site.account_with("carol", "carol@example.com").await;
    let mut answers = Vec::new();
    for email in [EMAIL, "carol@example.com", "unknown@example.com"] {
        let answer =
            site.browser().post("/api/resendverification", json!({ "email": email })).await;
        answers.push(answer.shape());
        let page = site.browser().submit("/resendverification", &[("email", email)]).await;
        page.assert_page(200, "If there is an account");
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    let mail = site.mail().await;
    assert_eq!(mail.len(), 2);
    assert!(mail.iter().all(|mail| mail.to == EMAIL));
    verify(&site, &older).await.assert_failure(401, "InvalidKey");
    let works = [verify(&site, mail[0].token()).await, verify(&site, mail[1].token()).await];
    assert_eq!(works.iter().filter(|answer| answer.status == 200).count(), 1);
    let mut browser = site.browser();
    browser.post("/api/resendverification", json!({})).await.assert_failure(400, "BadRequest");
    let bad = json!({ "email": "x" });
    browser.post("/api/resendverification", bad).await.assert_failure(400, "InvalidEmail");
}

#[tokio::test]
async fn r2_of_fifty_who_use_one_link_at_once_one_verifies() {
    let site = Site::with_mail();
    let token = signed_up(&site).await;
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let (mut browser, token) = (site.browser(), token.clone());
        all.spawn(async move { browser.post("/api/verifyemail", json!({ "token": token })).await });
    }
    let answers = all.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.assert_failure(401, "InvalidKey");
    }
}

#[tokio::test]
async fn r3_link_expires_after_a_day() {
    for (age, status) in [
        (Duration::from_hours(24) - Duration::from_millis(1), 200),
        (Duration::from_hours(24), 401),
    ] {
        let site = Site::with_mail();
        let token = signed_up(&site).await;
        site.clock.advance(age);
        let answer = verify(&site, &token).await;
        assert_eq!(answer.status.as_u16(), status);
        if status == 401 {
            answer.assert_failure(401, "Expired");
            let page = site.browser().get(&format!("/verifyemail/{token}")).await;
            page.assert_page(401, "This link is too old");
            page.assert_page(401, "href=\"/resendverification\"");
        }
    }
}

#[tokio::test]
async fn link_is_invalid_after_the_account_was_disabled_or_its_address_changed() {
    let site = Site::with_mail();
    let token = signed_up(&site).await;
    let (bob, _) = site.found("bob").await.unwrap();
    site.set_state(&bob, "disabled").await;
    verify(&site, &token).await.assert_failure(403, "UserNotActive");
    site.set_state(&bob, "awaitingemailverification").await;
    site.crossauth.auth().accounts.disable(&bob).await.unwrap();
    verify(&site, &token).await.assert_failure(401, "InvalidKey");

    let site = Site::with_mail();
    let token = signed_up(&site).await;
    let email = crossauth_core::user::Patch::Set("bob@new.example".to_owned());
    let update = crossauth_core::account::AccountUpdate { email, ..Default::default() };
    site.crossauth.auth().accounts.update("bob", update).await.unwrap();
    verify(&site, &token).await.assert_failure(401, "InvalidKey");
}

#[tokio::test]
async fn a_state_of_two_steps_goes_on_to_the_second_factor() {
    let site = Site::with_mail();
    let token = signed_up(&site).await;
    let (bob, _) = site.found("bob").await.unwrap();
    site.set_state(&bob, "awaitingtwofactorsetupandemailverification").await;
    assert_eq!(verify(&site, &token).await.json()["user"]["state"], "awaitingtwofactorsetup");
}

#[tokio::test]
async fn links_that_do_not_exist_are_refused_on_page_and_json() {
    let site = Site::with_mail();
    let good = signed_up(&site).await;
    for token in ["x", &good[1..], &format!("{good}=")] {
        site.browser().get(&format!("/verifyemail/{token}")).await.assert_page(401, GONE);
        site.browser().submit("/verifyemail", &[("token", token)]).await.assert_page(401, GONE);
        verify(&site, token).await.assert_failure(401, "InvalidKey");
        let path = format!("/api/verifyemail/{token}");
        site.browser().get_json(&path).await.assert_failure(401, "InvalidKey");
    }
    let missing = site.browser().post("/api/verifyemail", json!({})).await;
    missing.assert_failure(400, "BadRequest");
    let bare = site.browser().submit_bare("/verifyemail", &[("token", &good)]).await;
    assert_eq!(bare.status, 401);
    assert_eq!(verify(&site, &good).await.status, 200);
}

#[tokio::test]
async fn account_and_message_are_stored_together_or_not_at_all() {
    let storage = crate::site::test_storage();
    let site = Site::over(storage.storage(), Builder::preview_messages);
    storage.fail_call("users.create");
    let answer = sign_up(&mut site.browser(), "bob", EMAIL).await;
    answer.assert_failure(503, "Connection");
    storage.recover();
    assert!(site.found("bob").await.is_none() && site.mail().await.is_empty());
    signed_up(&site).await;
    let (bob, _) = site.found("bob").await.unwrap();
    let keys =
        site.storage.keys.list_for_user(Some(&bob.id), KeyPrefix::EmailVerification, None, 9);
    assert_eq!(keys.await.unwrap().len(), 1);
}

#[tokio::test]
async fn verification_can_be_switched_off() {
    let off = EmailVerificationConfig { activation: Activation::Off, ..Default::default() };
    let site = Site::with(|site| site.preview_messages().email_verification(off));
    let answer = sign_up(&mut site.browser(), "bob", EMAIL).await;
    assert_eq!(answer.json()["emailVerificationNeeded"], json!(false));
    assert_ne!(answer.json()["user"], Value::Null);
    assert_eq!(site.browser().get("/verifyemail/x").await.status, 404);
    assert_eq!(site.browser().get("/resendverification").await.status, 404);
    assert_eq!(site.browser().get("/requestpasswordreset").await.status, 200);
}
