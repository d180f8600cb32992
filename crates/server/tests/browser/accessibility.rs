//! Without a mouse, and without scripts.

use crossauth_testkit::browser::{Browser, Scripting};

use crate::steps::{PASSWORD, log_in, server, sign_up};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const SPACE: &str = " ";

#[tokio::test]
async fn keyboard_alone_logs_in_and_out() {
    let server = server();
    let browser = Browser::start().await;
    sign_up(&browser, &server, "alice").await;
    browser.click("Log out").await;
    browser.expect("Log in").await;
    browser.open(&server.url("/login")).await;
    browser.press("alice").await;
    browser.press(TAB).await;
    browser.press(PASSWORD).await;
    browser.press(TAB).await;
    let button = browser.focused().await.attr("aria-label").await.unwrap();
    assert_eq!(button.as_deref(), Some("Show password"));
    browser.press(TAB).await;
    browser.press(SPACE).await;
    assert!(browser.field("Keep me logged in").await.is_selected().await.unwrap());
    browser.press(TAB).await;
    assert_eq!(browser.focused().await.text().await.unwrap(), "Log in");
    browser.press(ENTER).await;
    browser.expect("Log out").await;
    // The first focusable element is the skip link.
    browser.press(TAB).await;
    assert_eq!(browser.focused().await.text().await.unwrap(), "Skip to content");
    for link in ["Change your password", "Delete your account", "Turn on", "Log out"] {
        browser.press(TAB).await;
        assert_eq!(browser.focused().await.text().await.unwrap(), link);
    }
    browser.press(ENTER).await;
    browser.expect("Create an account").await;
}

#[tokio::test]
async fn pages_work_without_scripts() {
    let server = server();
    let browser = Browser::start().await;
    browser.scripting(Scripting::Blocked).await;
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", PASSWORD).await;
    browser.fill("Repeat password", "Another-horse-7").await;
    assert!(!browser.button("Show password").await.is_displayed().await.unwrap());
    browser.click("Create account").await;
    let repeat = browser.field("Repeat password").await;
    assert_eq!(repeat.attr("aria-invalid").await.unwrap().as_deref(), Some("true"));
    browser.fill("Password", PASSWORD).await;
    browser.fill("Repeat password", PASSWORD).await;
    browser.click("Create account").await;
    browser.click("Log out").await;
    browser.expect("Log in").await;
    browser.open(&server.url("/login")).await;
    log_in(&browser, "alice", PASSWORD).await;
    browser.expect("Log out").await;
}
