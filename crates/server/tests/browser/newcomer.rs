//! From the first visit to the next login.

use crossauth_testkit::browser::Browser;

use crate::person::{PASSWORD, log_in, server};

#[tokio::test]
async fn newcomer_signs_up_leaves_and_comes_back() {
    let mut server = server();
    let browser = Browser::start().await;
    browser.open(&server.url("/")).await;
    assert!(browser.url().await.starts_with(&server.url("/login")));
    browser.click("Create an account").await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", PASSWORD).await;
    browser.fill("Repeat password", PASSWORD).await;
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
async fn mistakes_are_shown_beside_their_fields_and_can_be_corrected() {
    let server = server();
    let browser = Browser::start().await;
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", PASSWORD).await;
    browser.fill("Repeat password", "Another-horse-7").await;
    browser.click("Create account").await;
    let repeat = browser.field("Repeat password").await;
    assert_eq!(repeat.attr("aria-invalid").await.unwrap().as_deref(), Some("true"));
    assert_eq!(browser.value("Username").await, "alice");
    assert_eq!(browser.value("Password").await, "");
    browser.fill("Password", PASSWORD).await;
    browser.fill("Repeat password", PASSWORD).await;
    browser.click("Create account").await;
    browser.expect("Log out").await;
}
