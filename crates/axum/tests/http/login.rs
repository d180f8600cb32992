//! `login`, `api/login`

use std::collections::HashSet;

use crossauth_axum::HostPrefix;
use crossauth_core::account::Role;
use crossauth_core::storage::{Change, Effects, EndSessions};
use crossauth_core::user::{Patch, SecretsUpdate, UserState, UserUpdate};
use crossauth_testkit::storage::change_user;
use serde_json::json;
use tokio::task::JoinSet;

use crate::browser::{TestResponse, json_request};
use crate::site::{PASSWORD, Site, test_storage};

#[tokio::test]
async fn correct_password_begins_a_session() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let mut browser = site.browser();
    let response = browser.log_in("bob", PASSWORD).await;
    assert_eq!(response.status, 200);
    let body = response.json();
    assert_eq!(body["ok"], json!(true));
    assert_eq!(body["user"]["username"], json!("bob"));
    assert_eq!(body["user"]["state"], json!("active"));
    assert!(body["user"].get("password").is_none());
    let cookie = response.set_cookie("SESSIONID").unwrap();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
    assert!(cookie.contains("; Path=/") && cookie.contains("; Expires="), "{cookie}");
    assert!(!cookie.contains("; Secure") && !cookie.contains("; Domain"), "{cookie}");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn cookies_are_secure_except_on_localhost() {
    let site = Site::with(|builder| builder.base_url("https://id.example.com"));
    site.account("bob", Role::User).await;
    let response = site.browser().log_in("bob", PASSWORD).await;
    // With `__Host-`, no other host of the domain can set them.
    assert!(response.set_cookie("__Host-SESSIONID").unwrap().contains("; Secure"));
    assert!(response.set_cookie("__Host-CSRFTOKEN").unwrap().contains("; Secure"));
    let site = Site::with(|builder| {
        builder.base_url("https://id.example.com").host_prefix(HostPrefix::Never)
    });
    site.account("bob", Role::User).await;
    let response = site.browser().log_in("bob", PASSWORD).await;
    assert!(response.set_cookie("SESSIONID").unwrap().contains("; Secure"));
}

#[tokio::test]
async fn unknown_users_and_wrong_passwords_are_indistinguishable() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let wrong = site.browser().log_in("bob", "Wrong-Horse-7").await;
    wrong.assert_failure(401, "UsernameOrPasswordInvalid");
    assert_eq!(wrong.json()["errorCode"], json!(4));
    assert!(wrong.set_cookie("SESSIONID").is_none());
    for (username, password) in [
        ("unknown", PASSWORD),
        ("bob", ""),
        ("", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("bob", "' OR '1'='1"),
        ("*)(uid=*", PASSWORD),
    ] {
        let response = site.browser().log_in(username, password).await;
        assert_eq!((response.status, &response.body), (wrong.status, &wrong.body), "{username:?}");
        assert!(response.set_cookie("SESSIONID").is_none());
    }
}

#[tokio::test]
async fn account_that_cannot_be_decoded_looks_like_a_wrong_password() {
    let storage = test_storage();
    let site = Site::with(|builder| builder.storage(storage.storage()));
    site.account("bob", Role::User).await;
    let wrong = site.browser().log_in("bob", "Wrong-Horse-7").await;
    storage.fail_call_with_bad_row("users.find_by_username");
    let response = site.browser().log_in("bob", PASSWORD).await;
    assert_eq!(response.shape(), wrong.shape());
}

#[tokio::test]
async fn account_state_is_revealed_only_with_the_correct_password() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    site.crossauth.auth().accounts.disable("bob").await.unwrap();
    site.browser()
        .log_in("bob", "Wrong-Horse-7")
        .await
        .assert_failure(401, "UsernameOrPasswordInvalid");
    let response = site.browser().log_in("bob", PASSWORD).await;
    response.assert_failure(403, "UserNotActive");
    assert!(response.set_cookie("SESSIONID").is_none());
}

#[tokio::test]
async fn login_page_redirects_to_next_and_keeps_the_username() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let mut browser = site.browser();
    let page = browser.get("/login?next=/reports%3Fyear%3D2026").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("/reports?year=2026"), "{}", page.body);
    let form = [("username", "bob"), ("password", "wrong"), ("next", "/reports?year=2026")];
    let again = browser.submit("/login", &form).await;
    assert_eq!(again.status, 401);
    assert!(again.body.contains("Invalid username or password"));
    assert!(again.text().contains("/reports?year=2026") && again.body.contains("value=\"bob\""));
    assert!(!again.body.contains("wrong"));
    let form = [("username", "bob"), ("password", PASSWORD), ("next", "/reports?year=2026")];
    let response = browser.submit("/login", &form).await;
    assert_eq!((response.status.as_u16(), response.location()), (302, Some("/reports?year=2026")));
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn wrong_password_response_does_not_depend_on_the_account_state() {
    let site = Site::new();
    let bob = site.account("bob", Role::User).await;
    let control = site.browser().log_in("bob", "Wrong-Horse-7").await.shape();
    assert_eq!(control, site.browser().log_in("unknown", "Wrong-Horse-7").await.shape());
    for state in UserState::KNOWN {
        site.set_state(&bob, state.as_str()).await;
        let response = site.browser().log_in("bob", "Wrong-Horse-7").await;
        assert_eq!(response.shape(), control, "{state:?}");
    }
}

#[tokio::test]
async fn each_inactive_state_has_an_error_code_and_begins_no_session() {
    let site = Site::new();
    let bob = site.account("bob", Role::User).await;
    for (state, number, code) in [
        ("disabled", 11, "UserNotActive"),
        ("awaitingemailverification", 12, "EmailNotVerified"),
        ("awaitingtwofactorsetup", 13, "TwoFactorIncomplete"),
        ("awaitingtwofactorsetupandemailverification", 13, "TwoFactorIncomplete"),
        ("passwordresetneeded", 29, "PasswordResetNeeded"),
        ("passwordandfactor2resetneeded", 29, "PasswordResetNeeded"),
    ] {
        site.set_state(&bob, state).await;
        let response = site.browser().log_in("bob", PASSWORD).await;
        response.assert_failure(403, code);
        assert_eq!(response.json()["errorCode"], json!(number));
        response.assert_no_session();
        let page = site.browser().submit("/login", &credentials("bob", PASSWORD)).await;
        page.assert_page(403, "<form method=\"post\" action=\"/login\">");
        page.assert_no_session();
    }
    site.set_state(&bob, "onholiday").await;
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn unsupported_second_factor_is_not_skipped() {
    let site = Site::new();
    let bob = site.account("bob", Role::User).await;
    for factor2 in ["totp", "email", "anything"] {
        let factor2 = Patch::Set(factor2.into());
        site.change(&bob, UserUpdate { factor2, ..UserUpdate::default() }).await;
        let mut browser = site.browser();
        let response = browser.log_in("bob", PASSWORD).await;
        response.assert_failure(403, "Factor2ResetNeeded");
        assert_eq!(response.json()["errorCode"], json!(30));
        assert_eq!(browser.whoami().await, None, "the session permits only to set up a factor");
    }
    site.change(&bob, UserUpdate { factor2: Patch::Clear, ..UserUpdate::default() }).await;
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn password_does_not_authenticate_with_another_first_factor() {
    let site = Site::new();
    let bob = site.account("bob", Role::User).await;
    for (factor1, status) in
        [("localpassword", 200), ("password", 200), ("oidc", 401), ("ldap", 401)]
    {
        let factor1 = Some(factor1.into());
        site.change(&bob, UserUpdate { factor1, ..UserUpdate::default() }).await;
        assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, status);
    }
}

#[tokio::test]
async fn login_replaces_the_session_of_another_user() {
    let site = Site::new();
    site.account("alice", Role::User).await;
    let mut browser = site.logged_in("bob").await;
    let mut old = browser.copy();
    let shown = browser.get("/login?next=/reports").await;
    assert_eq!((shown.status.as_u16(), shown.location()), (302, Some("/reports")));
    let wrong = browser.submit("/login", &credentials("alice", "wrong")).await;
    wrong.assert_page(401, "Invalid username or password");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    let page = browser.submit("/login", &credentials("alice", PASSWORD)).await;
    assert_eq!((page.status.as_u16(), page.location()), (302, Some("/")));
    assert_eq!(browser.whoami().await.as_deref(), Some("alice"));
    assert_eq!(old.whoami().await, None);
}

#[tokio::test]
async fn an_api_login_while_logged_in_replaces_the_session_and_a_failed_one_keeps_it() {
    let site = Site::new();
    site.account("alice", Role::User).await;
    let mut browser = site.logged_in("bob").await;
    let mut old = browser.copy();
    let wrong = browser.log_in("alice", "Wrong-Horse-7").await;
    wrong.assert_failure(401, "UsernameOrPasswordInvalid");
    wrong.assert_no_session();
    assert_eq!(old.whoami().await.as_deref(), Some("bob"));
    for name in ["bob", "alice"] {
        let before = browser.cookies["SESSIONID"].clone();
        let response = browser.log_in(name, PASSWORD).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.json()["ok"], json!(true));
        assert_eq!(response.json()["user"]["username"], json!(name));
        assert_ne!(browser.cookies["SESSIONID"], before);
        assert_eq!(browser.whoami().await.as_deref(), Some(name));
        assert_eq!(old.whoami().await, None, "the session before has ended");
        old = browser.copy();
    }
}

#[tokio::test]
async fn stale_login_form_after_login_in_another_tab_explains_itself() {
    let site = Site::new();
    site.account("alice", Role::User).await;
    site.account("bob", Role::User).await;
    let mut browser = site.browser();
    let (first, second) = (browser.csrf_token().await, browser.csrf_token().await);
    let form = |name, password, token| {
        let mut fields = credentials(name, password).to_vec();
        fields.extend([("csrfToken", token), ("next", "/reports")]);
        fields
    };
    let done = browser.submit_bare("/login", &form("alice", PASSWORD, &first)).await;
    assert_eq!(done.location(), Some("/reports"));
    // The same user: redirects.
    let again = browser.submit_bare("/login", &form("Alice ", PASSWORD, &second)).await;
    assert_eq!((again.status.as_u16(), again.location()), (302, Some("/reports")));
    // Another user: an error.
    let other = browser.submit_bare("/login", &form("bob", PASSWORD, &second)).await;
    other.assert_page(401, "You are logged in already");
    assert!(other.text().contains("alice"), "{}", other.body);
    assert_eq!(browser.whoami().await.as_deref(), Some("alice"));
    let token = other.text().split("name=\"csrfToken\" value=\"").nth(1).unwrap().to_owned();
    let token = token.split('"').next().unwrap();
    // The button of that page logs out and redirects to the login page.
    let fields = [("csrfToken", token), ("next", "/login?next=%2Freports")];
    let out = browser.submit_bare("/logout", &fields).await;
    assert_eq!(out.location(), Some("/login?next=%2Freports"));
    assert!(other.text().contains("value=\"/login?next=%2Freports\""), "{}", other.body);
}

#[tokio::test]
async fn stale_form_reports_that_it_has_expired() {
    let site = Site::new();
    let token = site.browser().csrf_token().await;
    let mut browser = site.browser();
    browser.csrf_token().await;
    let mut fields = credentials("bob", PASSWORD).to_vec();
    fields.push(("csrfToken", &token));
    let page = browser.submit_bare("/login", &fields).await;
    page.assert_page(401, "open for too long");
}

#[tokio::test]
async fn stay_logged_in_checkbox_makes_the_cookie_persistent() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let lasts =
        |response: &TestResponse| response.set_cookie("SESSIONID").unwrap().contains("; Expires=");
    for (persist, wanted) in
        [("on", true), ("true", true), ("1", true), ("false", false), ("", false)]
    {
        let mut form = credentials("bob", PASSWORD).to_vec();
        form.push(("persist", persist));
        let response = site.browser().submit("/login", &form).await;
        assert_eq!(lasts(&response), wanted, "{persist:?}");
    }
    assert!(!lasts(&site.browser().submit("/login", &credentials("bob", PASSWORD)).await));
    for (persist, wanted) in [(json!(true), true), (json!(false), false), (json!(null), true)] {
        let body = json!({"username": "bob", "password": PASSWORD, "persist": persist});
        assert_eq!(lasts(&site.browser().post("/api/login", body).await), wanted);
    }
}

#[tokio::test]
async fn csrf_is_checked_before_the_password() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let mut browser = site.browser();
    let bare = browser.submit_bare("/login", &credentials("bob", PASSWORD)).await;
    bare.assert_page(401, "your browser does not accept cookies");
    assert!(bare.text().contains("value=\"bob\""), "{}", bare.body);
    bare.assert_no_session();
    let body = json!({"username": "bob", "password": PASSWORD}).to_string();
    let api = site.browser().send(json_request("/api/login"), body).await;
    api.assert_failure(401, "InvalidCsrf");
    assert_eq!(api.json()["errorCode"], json!(21));
    api.assert_no_session();
    // The form with errors has a valid token.
    let token = bare.body.split("name=\"csrfToken\" value=\"").nth(1).unwrap();
    let token = token.split('"').next().unwrap().to_owned();
    let mut form = credentials("bob", PASSWORD).to_vec();
    form.push(("csrfToken", &token));
    assert_eq!(browser.submit_bare("/login", &form).await.status, 302);
}

#[tokio::test]
async fn missing_duplicate_and_non_text_fields_are_bad_requests() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    for body in [
        json!({}),
        json!({"username": "bob"}),
        json!({"password": PASSWORD}),
        json!({"username": "bob", "password": [PASSWORD]}),
        json!({"username": "bob", "password": {"$ne": ""}}),
        json!({"username": {"$gt": ""}, "password": PASSWORD}),
        json!({"username": ["bob"], "password": PASSWORD}),
        json!({"username": "bob", "password": null}),
        json!({"username": "bob", "password": true}),
        json!({"username": 0, "password": PASSWORD}),
    ] {
        let response = site.browser().post("/api/login", body.clone()).await;
        response.assert_failure(400, "BadRequest");
        response.assert_no_session();
        assert!(!response.body.contains(PASSWORD), "{body}");
    }
    let twice = [("username", "bob"), ("password", "x"), ("password", PASSWORD)];
    let response = site.browser().submit("/login", &twice).await;
    response.assert_page(400, "Password is given more than once");
    response.assert_no_session();
}

#[tokio::test]
async fn every_spelling_of_a_name_finds_the_same_account() {
    let site = Site::new();
    site.account("bob@example.com", Role::User).await;
    for name in [
        "bob@example.com",
        "BOB@Example.COM",
        "bob\u{FF20}example.com",
        "ｂｏｂ@example.com",
        " bob@example.com",
        "bob@example.com ",
    ] {
        let response = site.browser().log_in(name, PASSWORD).await;
        assert_eq!(response.json()["user"]["username"], json!("bob@example.com"), "{name:?}");
    }
    for name in ["bob@example.com.", "bob @example.com", "b\u{200B}ob@example.com"] {
        let response = site.browser().log_in(name, PASSWORD).await;
        response.assert_failure(401, "UsernameOrPasswordInvalid");
    }
}

#[tokio::test]
async fn logging_in_from_two_browsers_makes_two_sessions() {
    let site = Site::new();
    let bob = site.account("bob", Role::User).await;
    let mut logins = JoinSet::new();
    for _ in 0..20 {
        let mut browser = site.browser();
        logins.spawn(async move {
            assert_eq!(browser.log_in("bob", PASSWORD).await.status, 200);
            browser.cookies["SESSIONID"].clone()
        });
    }
    let cookies = logins.join_all().await.into_iter().collect::<HashSet<_>>();
    assert_eq!(cookies.len(), 20);
    assert_eq!(site.count_sessions(&bob).await, 20);
}

#[tokio::test]
async fn password_changed_during_login_begins_no_session() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site);
    let bob = site.account("bob", Role::User).await;
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
    let id = bob.id.clone();
    storage.interrupt_after("users.find_by_username", |inner| async move {
        let secrets = SecretsUpdate { password: Patch::Set("*".into()), ..Default::default() };
        let effects = Effects { sessions: EndSessions::All, ..Effects::default() };
        let change = Change { secrets, effects, ..Change::default() };
        change_user(&inner, &id, &change).await;
    });
    let response = site.browser().log_in("bob", PASSWORD).await;
    response.assert_failure(401, "UsernameOrPasswordInvalid");
    response.assert_no_session();
    assert_eq!(site.count_sessions(&bob).await, 0);
}

fn credentials<'a>(username: &'a str, password: &'a str) -> [(&'a str, &'a str); 2] {
    [("username", username), ("password", password)]
}
