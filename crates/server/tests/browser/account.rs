//! From the first visit to the next login.

use crossauth_testkit::browser::Browser;

use crate::steps::{PASSWORD, log_in, server};

#[tokio::test]
async fn new_user_signs_up_logs_out_and_logs_in() {
    let mut server = server();
    let browser = Browser::start().await;
    browser.open(&server.url("/")).await;
    assert!(browser.url().await.starts_with(&server.url("/login")));
    browser.click("Create an account").await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", PASSWORD).await;
    browser.click("Create account").await;
    browser.expect("alice").await;
    assert_eq!(browser.url().await, server.url("/"));

    browser.click("Log out").await;
    browser.expect("Log in").await;
    browser.back().await;
    browser.expect("Log in").await;
    assert!(!browser.text().await.contains("alice"), "{}", browser.text().await);

    browser.open(&server.url("/login")).await;
    log_in(&browser, "alice", "Wrong-horse-7").await;
    browser.expect("Invalid username or password").await;
    assert_eq!(browser.value("Username").await, "alice");
    assert_eq!(browser.value("Password").await, "");
    log_in(&browser, "alice", PASSWORD).await;
    browser.expect("Log out").await;

    server.restart();
    browser.reload().await;
    browser.expect("Log out").await;
    browser.expect("alice").await;
}

#[tokio::test]
async fn field_errors_are_shown_beside_fields_and_can_be_corrected() {
    let server = server();
    let browser = Browser::start().await;
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", "short").await;
    browser.click("Create account").await;
    browser.expect("Please check the marked fields.").await;
    let password = browser.field("Password").await;
    assert_eq!(password.attr("aria-invalid").await.unwrap().as_deref(), Some("true"));
    assert_eq!(browser.focused().await.attr("name").await.unwrap().as_deref(), Some("password"));
    assert_eq!(browser.value("Username").await, "alice");
    assert_eq!(browser.value("Password").await, "");
    browser.fill("Password", PASSWORD).await;
    browser.click("Create account").await;
    browser.expect("Log out").await;
}

#[tokio::test]
async fn password_can_be_shown_and_is_hidden_again_when_it_is_sent() {
    let server = server();
    let browser = Browser::start().await;
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", PASSWORD).await;
    let password = browser.field("Password").await;
    let kind = async || password.attr("type").await.unwrap().unwrap();
    assert_eq!(kind().await, "password");
    let button = browser.button("Show password").await;
    for (pressed, expected) in [("true", "text"), ("false", "password"), ("true", "text")] {
        button.click().await.unwrap();
        assert_eq!(kind().await, expected);
        assert_eq!(button.attr("aria-pressed").await.unwrap().as_deref(), Some(pressed));
    }
    let at_submit = "{ globalThis.sent = []; document.forms[0].addEventListener('submit', (event) => \
                     { event.preventDefault(); sent.push(document.forms[0].password.type, \
                     document.forms[0].repeat_password.value) }) }";
    browser.evaluate(at_submit).await;
    browser.click("Create account").await;
    let sent = browser.evaluate("sent").await;
    assert_eq!(sent, serde_json::json!(["password", PASSWORD]));
}
