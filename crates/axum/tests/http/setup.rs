//! `setup`: the link that creates the first administrator.

use crossauth_core::storage::UserQuery;
use std::time::Duration;

use crossauth_core::account::Role;
use crossauth_core::key::KeyPrefix;
use tokio::task::JoinSet;

use crate::browser::{Browser, TestResponse};
use crate::site::{PASSWORD, Site, test_storage};

const GONE: &str = "This link has been used or is too old";

#[tokio::test]
async fn setup_link_creates_one_administrator_and_logs_in() {
    let site = Site::new();
    let token = issue(&site).await;
    let mut browser = site.browser();
    let page = browser.get(&format!("/setup?token={token}")).await;
    page.assert_page(200, "Create the first administrator");
    let response = send(&mut browser, &token, "root", PASSWORD).await;
    assert_eq!(
        (response.status.as_u16(), response.location()),
        (302, Some("/")),
        "{}",
        response.body
    );
    assert_eq!(browser.whoami().await.as_deref(), Some("root"));
    let (root, _) = site.found("root").await.unwrap();
    assert!(root.admin);
    let again = send(&mut site.browser(), &token, "eve", PASSWORD).await;
    again.assert_page(401, GONE);
    again.assert_no_session();
    assert!(site.found("eve").await.is_none());
}

#[tokio::test]
async fn m16_first_administrator_sets_a_mandatory_second_factor_up_before_being_logged_in() {
    let site = Site::with_factors(&["totp"]);
    let token = issue(&site).await;
    let mut browser = site.browser();
    let created = send(&mut browser, &token, "root", PASSWORD).await;
    let next = "/changefactor2?required=true&next=%2Flogin";
    assert_eq!((created.status.as_u16(), created.location()), (302, Some(next)));
    assert!(site.found("root").await.unwrap().0.admin);
    for path in ["/account", "/setup"] {
        assert_ne!(browser.get(path).await.status, 200, "{path}");
    }
    assert_eq!(browser.whoami().await, None);
    send(&mut site.browser(), &token, "eve", PASSWORD).await.assert_page(401, GONE);
    browser.submit("/changefactor2", &[("factor2", "totp")]).await.assert_page(200, "otpauth:");
    let shown = browser.get_json("/api/configurefactor2").await.json();
    let done = browser.confirm(&site.code_for(&shown).await).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(browser.whoami().await.as_deref(), Some("root"));
}

#[tokio::test]
async fn setup_with_stay_logged_in_sets_a_persistent_cookie() {
    for (persist, expected) in [(Some("on"), true), (None, false)] {
        let site = Site::new();
        let token = issue(&site).await;
        let mut fields = form(&token, "root", PASSWORD).to_vec();
        fields.extend(persist.map(|value| ("persist", value)));
        let response = site.browser().submit("/setup", &fields).await;
        let cookie = response.set_cookie("SESSIONID").unwrap();
        assert_eq!(cookie.contains("; Expires="), expected, "{cookie}");
    }
}

#[tokio::test]
async fn no_account_exists_before_setup() {
    let site = Site::new();
    assert!(!site.storage.users.has_admin().await.unwrap());
    assert!(site.storage.users.list(&UserQuery::first(10)).await.unwrap().users.is_empty());
    for (username, password) in
        [("admin", "admin"), ("root", "root"), ("admin", "password"), ("", "")]
    {
        let response = site.browser().log_in(username, password).await;
        response.assert_failure(401, "UsernameOrPasswordInvalid");
    }
}

#[tokio::test]
async fn viewing_the_setup_page_does_not_consume_the_link() {
    let site = Site::new();
    let token = issue(&site).await;
    for _ in 0..3 {
        let page = site.browser().get(&format!("/setup?token={token}")).await;
        page.assert_page(200, &token);
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    }
    assert_eq!(send(&mut site.browser(), &token, "root", PASSWORD).await.status, 302);
}

#[tokio::test]
async fn unknown_setup_links_are_rejected() {
    let site = Site::new();
    let good = issue(&site).await;
    let other_purpose = site.browser().csrf_token().await;
    let stored = site.storage.keys.list_for_user(None, KeyPrefix::Setup, None, 1).await.unwrap()[0]
        .value
        .clone();
    assert!(stored.starts_with("setup:") && !stored.contains(&good));
    for token in [
        "",
        "x",
        &good[1..],
        &good[..good.len() - 1],
        &format!("{good}="),
        &format!(" {good}"),
        &good.to_uppercase(),
        &stored,
        stored.trim_start_matches("setup:"),
        &other_purpose,
        &"a".repeat(5000),
        "' OR 1=1 --",
        "%",
        "\u{fc}",
    ] {
        let query: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        site.browser().get(&format!("/setup?token={query}")).await.assert_page(401, GONE);
        send(&mut site.browser(), token, "eve", PASSWORD).await.assert_page(401, GONE);
    }
    site.browser().get("/setup").await.assert_page(401, GONE);
    assert!(site.storage.users.list(&UserQuery::first(10)).await.unwrap().users.is_empty());
    assert_eq!(send(&mut site.browser(), &good, "root", PASSWORD).await.status, 302);
}

#[tokio::test]
async fn concurrent_uses_of_a_setup_link_create_one_administrator() {
    let site = Site::new();
    let token = issue(&site).await;
    let mut all = JoinSet::new();
    for index in 0..50 {
        let (mut browser, token) = (site.browser(), token.clone());
        all.spawn(
            async move { send(&mut browser, &token, &format!("user{index}"), PASSWORD).await },
        );
    }
    let responses = all.join_all().await;
    let (made, refused): (Vec<_>, Vec<_>) =
        responses.iter().partition(|response| response.status == 302);
    assert_eq!((made.len(), refused.len()), (1, 49));
    for response in refused {
        response.assert_page(401, GONE);
        response.assert_no_session();
    }
    assert_eq!(site.storage.users.list(&UserQuery::first(100)).await.unwrap().users.len(), 1);
}

#[tokio::test]
async fn setup_link_expires_after_a_day() {
    for (age, status) in [
        (Duration::from_hours(24) - Duration::from_millis(1), 302),
        (Duration::from_hours(24), 401),
    ] {
        let site = Site::new();
        let token = issue(&site).await;
        site.clock.advance(age);
        let response = send(&mut site.browser(), &token, "root", PASSWORD).await;
        assert_eq!(response.status.as_u16(), status);
        assert_eq!(site.found("root").await.is_some(), status == 302);
    }
}

#[tokio::test]
async fn links_of_several_servers_stay_valid_until_one_is_used() {
    let site = Site::new();
    let (older, newer) = (issue(&site).await, issue(&site).await);
    assert_eq!(site.browser().get(&format!("/setup?token={newer}")).await.status, 200);
    assert_eq!(send(&mut site.browser(), &older, "root", PASSWORD).await.status, 302);
    send(&mut site.browser(), &newer, "eve", PASSWORD).await.assert_page(401, GONE);
    let left = site.storage.keys.list_for_user(None, KeyPrefix::Setup, None, 10).await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn setup_links_are_invalid_once_there_is_an_administrator() {
    let site = Site::new();
    let token = issue(&site).await;
    site.account("root", Role::Administrator).await;
    send(&mut site.browser(), &token, "eve", PASSWORD).await.assert_page(401, GONE);
    site.browser().get(&format!("/setup?token={token}")).await.assert_page(401, GONE);
    assert_eq!(site.crossauth.auth().setup.issue_token().await.unwrap(), None);
    assert!(site.found("eve").await.is_none());
}

#[tokio::test]
async fn invalid_setup_form_does_not_consume_the_link() {
    let site = Site::new();
    site.account("taken", Role::User).await;
    let token = issue(&site).await;
    let mut browser = site.browser();
    for (username, password, text) in [
        ("r", PASSWORD, "Username must be"),
        ("root", "short", "Password must"),
        ("taken", PASSWORD, "Username is already taken"),
    ] {
        let page = send(&mut browser, &token, username, password).await;
        page.assert_page(400, text);
        assert!(page.text().contains(&token) && !page.body.contains(password));
        page.assert_no_session();
    }
    let mut form = form(&token, "root", PASSWORD);
    form[3].1 = "Correct-Horse-8";
    browser.submit("/setup", &form).await.assert_page(401, "Passwords do not match");
    let mut form = form.to_vec();
    form[3].1 = PASSWORD;
    form.push(("user_email", "nonsense"));
    browser.submit("/setup", &form).await.assert_page(400, "Email is not in an allowed format");
    assert!(!site.storage.users.has_admin().await.unwrap());
    assert_eq!(send(&mut browser, &token, "root", PASSWORD).await.status, 302);
}

#[tokio::test]
async fn setup_form_without_fields_is_a_bad_request() {
    let site = Site::new();
    let token = issue(&site).await;
    let fields = [("token", token.as_str()), ("username", "root")];
    site.browser().submit("/setup", &fields).await.assert_page(400, "Password is required");
    assert!(!site.storage.users.has_admin().await.unwrap());
}

async fn issue(site: &Site) -> String {
    site.crossauth.auth().setup.issue_token().await.unwrap().unwrap()
}

async fn send(browser: &mut Browser, token: &str, username: &str, password: &str) -> TestResponse {
    browser.submit("/setup", &form(token, username, password)).await
}

fn form<'a>(token: &'a str, username: &'a str, password: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("token", token),
        ("username", username),
        ("password", password),
        ("repeat_password", password),
    ]
}

#[tokio::test]
async fn cancelled_setup_request_completes_or_leaves_the_link_valid() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site);
    let token = issue(&site).await;
    let (reached, gone) = tokio::sync::oneshot::channel();
    storage.interrupt_after("users.create", |_| async {
        reached.send(()).unwrap();
        std::future::pending::<()>().await;
    });
    let mut browser = site.browser();
    tokio::select! {
        _ = send(&mut browser, &token, "root", PASSWORD) => panic!("the response should wait"),
        _ = gone => {}
    }
    assert!(site.storage.users.has_admin().await.unwrap());
    send(&mut site.browser(), &token, "second", PASSWORD).await.assert_page(401, GONE);
}

#[tokio::test]
async fn failed_creation_does_not_consume_the_setup_link() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site);
    let token = issue(&site).await;
    storage.fail_call("users.create");
    assert_eq!(send(&mut site.browser(), &token, "root", PASSWORD).await.status, 503);
    storage.recover();
    assert!(!site.storage.users.has_admin().await.unwrap());
    assert_eq!(send(&mut site.browser(), &token, "root", PASSWORD).await.status, 302);
}
