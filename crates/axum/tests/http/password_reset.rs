//! `requestpasswordreset`, `resetpassword`: a new password by a mailed link.

mod attack;

use std::time::Duration;

use crossauth_axum::{Builder, Crossauth};
use crossauth_core::account::Role;
use crossauth_core::email_link::Activation;
use crossauth_core::message::MessageKind;
use crossauth_core::password_reset::PasswordResetConfig;
use crossauth_core::user::Patch;
use http::header::USER_AGENT;
use serde_json::json;

use crate::browser::{Browser, TestResponse, json_request};
use crate::site::{PASSWORD, Site};

const EMAIL: &str = "bob@example.com";
const NEW: &str = "Another-Horse-8";
const GONE: &str = "This link is not valid";

async fn site_with_bob() -> Site {
    let site = Site::with_mail();
    site.account_with("bob", EMAIL).await;
    site
}

/// Asks for a link; its token.
async fn ask(site: &Site) -> String {
    let answer = site.browser().post("/api/requestpasswordreset", json!({ "email": EMAIL })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    site.one_mail(MessageKind::PasswordReset, EMAIL).await.token().to_owned()
}

async fn reset(browser: &mut Browser, token: &str, password: &str) -> TestResponse {
    let body = json!({
        "token": token, "new_password": password, "repeat_password": password,
    });
    browser.post("/api/resetpassword", body).await
}

#[tokio::test]
async fn forgotten_password_is_reset_on_pages() {
    let site = site_with_bob().await;
    let mut browser = site.browser();
    let login = browser.get("/login?next=/after").await;
    login.assert_page(200, "/requestpasswordreset?next=/after");
    browser.get("/requestpasswordreset?next=/after").await.assert_page(200, "value=\"/after\"");
    let required = browser.get("/requestpasswordreset?required=true").await;
    required.assert_page(200, "must be reset before");
    let form = [("email", EMAIL), ("next", "/after")];
    let sent = browser.submit("/requestpasswordreset", &form).await;
    sent.assert_page(200, "If there is an account with this email address");
    let mail = site.one_mail(MessageKind::PasswordReset, EMAIL).await;
    assert_eq!(mail.variable("username"), "bob");
    let page = browser.get(&format!("/resetpassword/{}", mail.token())).await;
    page.assert_page(200, mail.token());
    assert!(page.body.contains("autocomplete=\"new-password\""));
    let fields = [("token", mail.token()), ("new_password", NEW), ("repeat_password", NEW)];
    let done = browser.submit("/resetpassword", &fields).await;
    done.assert_page(200, "Your password has been changed.");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    site.one_mail(MessageKind::PasswordChanged, EMAIL).await;
    let mut other = site.browser();
    other.log_in("bob", PASSWORD).await.assert_failure(401, "UsernameOrPasswordInvalid");
    assert_eq!(other.log_in("bob", NEW).await.status, 200);
}

#[tokio::test]
async fn forgotten_password_is_reset_by_json() {
    let site = site_with_bob().await;
    let token = ask(&site).await;
    let mut browser = site.browser();
    let answer = reset(&mut browser, &token, NEW).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    assert_eq!((&body["ok"], &body["user"]["username"]), (&json!(true), &json!("bob")));
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn addresses_that_are_none_and_missing_ones_are_refused() {
    let site = site_with_bob().await;
    let mut browser = site.browser();
    let path = "/api/requestpasswordreset";
    browser.post(path, json!({})).await.assert_failure(400, "BadRequest");
    for email in ["", "bob", "bob@example.com\r\nBcc: eve@example.com", "a@x.com,bob@example.com"] {
        browser.post(path, json!({ "email": email })).await.assert_failure(400, "InvalidEmail");
    }
    let page = browser.submit("/requestpasswordreset", &[("email", "bob")]).await;
    page.assert_page(400, "Email is not in an allowed format");
    assert!(page.body.contains("value=\"bob\""));
    assert!(site.mail().await.is_empty());
    let bare = site.browser().submit_bare("/requestpasswordreset", &[("email", EMAIL)]).await;
    assert_eq!(bare.status, 401);
    assert!(site.mail().await.is_empty());
}

#[tokio::test]
async fn link_is_invalid_after_the_account_was_disabled_or_deleted() {
    let site = site_with_bob().await;
    let (bob, _) = site.found("bob").await.unwrap();
    let accounts = &site.crossauth.auth().accounts;
    let token = ask(&site).await;
    accounts.disable(&bob).await.unwrap();
    reset(&mut site.browser(), &token, NEW).await.assert_failure(401, "InvalidKey");
    accounts.enable(&bob).await.unwrap();
    reset(&mut site.browser(), &token, NEW).await.assert_failure(401, "InvalidKey");

    // Disabled by another program, which leaves the link.
    let token = ask(&site).await;
    site.set_state(&bob, "disabled").await;
    reset(&mut site.browser(), &token, NEW).await.assert_failure(403, "UserNotActive");
    let page = site.browser().get(&format!("/resetpassword/{token}")).await;
    page.assert_page(403, "Error 403");

    site.set_state(&bob, "active").await;
    accounts.delete(&bob).await.unwrap();
    reset(&mut site.browser(), &token, NEW).await.assert_failure(401, "InvalidKey");
}

#[tokio::test]
async fn states_that_need_a_reset_are_left_by_it() {
    for (state, after, logs_in) in [
        ("passwordresetneeded", "active", true),
        ("passwordchangeneeded", "active", true),
        ("passwordandfactor2resetneeded", "factor2resetneeded", false),
        ("factor2resetneeded", "factor2resetneeded", false),
        ("awaitingtwofactorsetup", "awaitingtwofactorsetup", false),
        ("awaitingemailverification", "active", true),
        ("awaitingtwofactorsetupandemailverification", "awaitingtwofactorsetup", false),
        ("onholiday", "onholiday", true),
    ] {
        let site = site_with_bob().await;
        let (bob, _) = site.found("bob").await.unwrap();
        site.set_state(&bob, state).await;
        let token = ask(&site).await;
        let answer = reset(&mut site.browser(), &token, NEW).await;
        assert_eq!(answer.status, 200, "{state}: {}", answer.body);
        assert_eq!(answer.json()["user"].is_object(), logs_in, "{state}");
        assert_eq!(site.found("bob").await.unwrap().0.state.as_str(), after, "{state}");
    }
}

#[tokio::test]
async fn made_up_links_do_nothing() {
    let site = site_with_bob().await;
    let good = ask(&site).await;
    for token in [
        "",
        "x",
        &good[1..],
        &format!("{good}="),
        &good.to_uppercase(),
        &"a".repeat(5000),
        "%",
        "ü",
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        let page = site.browser().get(&format!("/resetpassword/{encoded}")).await;
        let expected = if token.is_empty() { 302 } else { 401 };
        assert_eq!(page.status, expected, "{token}");
        reset(&mut site.browser(), token, NEW).await.assert_failure(401, "InvalidKey");
    }
    let below = site.browser().get(&format!("/resetpassword/{good}/x")).await;
    assert_eq!(below.status, 404);
    let slash = site.browser().get(&format!("/resetpassword/{good}/")).await;
    assert_eq!(slash.location(), Some(&*format!("/resetpassword/{good}")));
    assert_eq!(reset(&mut site.browser(), &good, NEW).await.status, 200);
}

#[tokio::test]
async fn a_store_that_is_away_is_an_error_for_all_and_uses_nothing_up() {
    let storage = crate::site::test_storage();
    let site = Site::over(storage.storage(), Builder::preview_messages);
    site.account_with("bob", EMAIL).await;
    let token = ask(&site).await;
    storage.fail_call("users.find_by_email");
    for email in [EMAIL, "unknown@example.com"] {
        let body = json!({ "email": email });
        let answer = site.browser().post("/api/requestpasswordreset", body).await;
        answer.assert_failure(503, "Connection");
    }
    storage.recover();
    storage.fail_call("users.change");
    reset(&mut site.browser(), &token, NEW).await.assert_failure(503, "Connection");
    storage.recover();
    assert_eq!(reset(&mut site.browser(), &token, NEW).await.status, 200);
}

#[tokio::test]
async fn without_mail_there_are_no_routes_and_no_links_to_them() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    assert!(!site.browser().get("/login").await.body.contains("requestpasswordreset"));
    for path in ["/requestpasswordreset", "/resetpassword/x", "/verifyemail/x", "/restoreemail/x"] {
        assert_eq!(site.browser().get(path).await.status, 404, "{path}");
    }
    let off = PasswordResetConfig { activation: Activation::Off, ..Default::default() };
    let site = Site::with(|site| site.preview_messages().password_reset(off));
    assert_eq!(site.browser().get("/requestpasswordreset").await.status, 404);
    assert_eq!(site.browser().get("/resendverification").await.status, 200);
}

#[tokio::test]
async fn reset_that_is_on_without_mail_is_an_error_at_the_start() {
    let on = PasswordResetConfig { activation: Activation::On, ..Default::default() };
    let build = |builder: Builder| builder.password_reset(on.clone()).build();
    let builder = || {
        let site = Site::new();
        Crossauth::builder().secret(crate::site::SECRET).storage(site.storage.clone())
    };
    let error = build(builder()).unwrap_err().to_string();
    assert!(error.contains("password reset is enabled, but no mail can be sent"), "{error}");
    assert!(build(builder().preview_messages()).is_ok());
}

#[tokio::test]
async fn r2_a_link_works_once() {
    let site = site_with_bob().await;
    let token = ask(&site).await;
    assert_eq!(reset(&mut site.browser(), &token, NEW).await.status, 200);
    let again = reset(&mut site.browser(), &token, "Third-Horse-9").await;
    again.assert_failure(401, "InvalidKey");
    site.browser().get(&format!("/resetpassword/{token}")).await.assert_page(401, GONE);
    assert_eq!(site.browser().log_in("bob", NEW).await.status, 200);
}

#[tokio::test]
async fn r3_link_expires_after_a_day_or_the_configured_time() {
    let hour =
        PasswordResetConfig { lifetime: Duration::from_hours(1), ..PasswordResetConfig::default() };
    for (config, lifetime) in
        [(PasswordResetConfig::default(), Duration::from_hours(24)), (hour.clone(), hour.lifetime)]
    {
        for (age, status) in
            [(lifetime.saturating_sub(Duration::from_millis(1)), 200), (lifetime, 401)]
        {
            let site = Site::with(|site| site.preview_messages().password_reset(config.clone()));
            site.account_with("bob", EMAIL).await;
            let token = ask(&site).await;
            site.clock.advance(age);
            let answer = reset(&mut site.browser(), &token, NEW).await;
            assert_eq!(answer.status.as_u16(), status);
            if status == 401 {
                answer.assert_failure(401, "Expired");
                let page = site.browser().get(&format!("/resetpassword/{token}")).await;
                page.assert_page(401, "This link is too old");
                page.assert_page(401, "href=\"/requestpasswordreset\"");
            }
        }
    }
}

#[tokio::test]
async fn r4_field_report_9_newer_link_replaces_older_ones_also_in_an_open_form() {
    let site = site_with_bob().await;
    let older = ask(&site).await;
    let mut browser = site.browser();
    browser.get(&format!("/resetpassword/{older}")).await.assert_page(200, &older);
    let newer = ask(&site).await;
    let fields = [("token", older.as_str()), ("new_password", NEW), ("repeat_password", NEW)];
    browser.submit("/resetpassword", &fields).await.assert_page(401, GONE);
    assert_eq!(reset(&mut browser, &newer, NEW).await.status, 200);
}

#[tokio::test]
async fn s2_the_session_id_is_new_after_a_reset() {
    let site = site_with_bob().await;
    let mut browser = site.logged_in("bob").await;
    let before = browser.cookies["SESSIONID"].clone();
    let token = ask(&site).await;
    assert_eq!(reset(&mut browser, &token, NEW).await.status, 200);
    assert_ne!(browser.cookies["SESSIONID"], before);
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn r20_a_password_that_is_refused_does_not_use_the_link_up() {
    let site = site_with_bob().await;
    let token = ask(&site).await;
    let mut browser = site.browser();
    for password in ["short", "password123", "bob@example.com", &"x".repeat(5000)] {
        let answer = reset(&mut browser, &token, password).await;
        answer.assert_failure(401, "PasswordFormat");
        assert!(!answer.json()["fieldErrors"]["new_password"].is_null(), "{}", answer.body);
    }
    let body = json!({ "token": token, "new_password": NEW, "repeat_password": "else" });
    let answer = browser.post("/api/resetpassword", body).await;
    answer.assert_failure(401, "PasswordMatch");
    let fields = [("token", token.as_str()), ("new_password", "short"), ("repeat_password", "x")];
    let page = browser.submit("/resetpassword", &fields).await;
    page.assert_page(401, "New password must be at least");
    assert!(page.text().contains(&token) && !page.body.contains("value=\"short\""));
    let body = json!({ "token": token });
    browser.post("/api/resetpassword", body).await.assert_failure(400, "BadRequest");
    assert_eq!(reset(&mut browser, &token, NEW).await.status, 200);
}

#[tokio::test]
async fn session_that_begins_with_a_reset_has_its_device() {
    let site = site_with_bob().await;
    let token = ask(&site).await;
    let mut browser = site.browser();
    let csrf = browser.csrf_token().await;
    let request = json_request("/api/resetpassword")
        .header("X-CROSSAUTH-CSRF", csrf)
        .header(USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0");
    let body = json!({ "token": token, "new_password": NEW, "repeat_password": NEW });
    assert_eq!(browser.send(request, body.to_string()).await.status, 200);
    let sessions = browser.get_json("/api/sessions").await.json();
    assert_eq!(sessions["sessions"][0]["device"], json!("Firefox on Linux"), "{sessions}");
}

#[tokio::test]
async fn field_report_10_link_is_invalid_after_the_credentials_changed() {
    let site = site_with_bob().await;
    let (bob, _) = site.found("bob").await.unwrap();
    let accounts = &site.crossauth.auth().accounts;
    let token = ask(&site).await;
    let new = crossauth_core::secret::Password::new("Third-Horse-9");
    accounts.set_password(&bob, new).await.unwrap();
    site.mail().await;
    reset(&mut site.browser(), &token, NEW).await.assert_failure(401, "InvalidKey");

    let token = ask(&site).await;
    accounts.end_sessions(&bob, None).await.unwrap();
    reset(&mut site.browser(), &token, NEW).await.assert_failure(401, "InvalidKey");

    let token = ask(&site).await;
    let email = Patch::Set("bob@new.example".to_owned());
    let update = crossauth_core::account::AccountUpdate { email, ..Default::default() };
    accounts.update(&bob, update).await.unwrap();
    reset(&mut site.browser(), &token, NEW).await.assert_failure(401, "InvalidKey");
    assert_eq!(site.browser().log_in("bob", "Third-Horse-9").await.status, 200);
}
