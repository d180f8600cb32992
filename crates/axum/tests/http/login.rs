//! `login`, `api/login`

use crossauth_core::account::Role;
use serde_json::json;

use crate::site::{PASSWORD, Site};

#[tokio::test]
async fn the_right_password_begins_a_session() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let mut browser = site.browser();
    let answer = browser.log_in("bob", PASSWORD).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["ok"], json!(true));
    assert_eq!(body["user"]["username"], json!("bob"));
    assert_eq!(body["user"]["state"], json!("active"));
    assert!(body["user"].get("password").is_none());
    let cookie = answer.set_cookie("SESSIONID").unwrap();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
    assert!(cookie.contains("; Path=/") && cookie.contains("; Expires="), "{cookie}");
    assert!(!cookie.contains("; Secure") && !cookie.contains("; Domain"), "{cookie}");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn cookies_are_secure_off_localhost() {
    let site = Site::with(|builder| builder.base_url("https://id.example.com"));
    site.account("bob", Role::User).await;
    let answer = site.browser().log_in("bob", PASSWORD).await;
    assert!(answer.set_cookie("SESSIONID").unwrap().contains("; Secure"));
    assert!(answer.set_cookie("CSRFTOKEN").unwrap().contains("; Secure"));
}

#[tokio::test]
async fn unknown_users_and_wrong_passwords_look_alike() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let wrong = site.browser().log_in("bob", "Wrong-Horse-7").await;
    wrong.assert_failure(401, "UsernameOrPasswordInvalid");
    assert_eq!(wrong.json()["errorCode"], json!(4));
    assert!(wrong.set_cookie("SESSIONID").is_none());
    for (username, password) in [
        ("nobody", PASSWORD),
        ("bob", ""),
        ("", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("bob", "' OR '1'='1"),
        ("*)(uid=*", PASSWORD),
    ] {
        let answer = site.browser().log_in(username, password).await;
        assert_eq!((answer.status, &answer.body), (wrong.status, &wrong.body), "{username:?}");
        assert!(answer.set_cookie("SESSIONID").is_none());
    }
}

#[tokio::test]
async fn the_state_of_an_account_is_told_only_to_those_who_know_its_password() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    site.crossauth.auth().accounts.disable("bob").await.unwrap();
    site.browser()
        .log_in("bob", "Wrong-Horse-7")
        .await
        .assert_failure(401, "UsernameOrPasswordInvalid");
    let answer = site.browser().log_in("bob", PASSWORD).await;
    answer.assert_failure(403, "UserNotActive");
    assert!(answer.set_cookie("SESSIONID").is_none());
}

#[tokio::test]
async fn the_page_leads_to_next_and_remembers_what_was_typed() {
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
    let answer = browser.submit("/login", &form).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (302, Some("/reports?year=2026")));
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}
