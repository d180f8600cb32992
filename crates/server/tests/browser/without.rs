//! Without a mouse, and without scripts.

use crossauth_testkit::browser::{Browser, Scripting};

use crate::person::{PASSWORD, log_in, server, sign_up};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const SPACE: &str = " ";

#[tokio::test]
async fn keyboard_alone_logs_in_and_out() {
    let server = server();
    let browser = Browser::start().await;
    sign_up(&browser, &server, "alice").await;
    browser.click("Log out").await;
    browser.open(&server.url("/login")).await;
    browser.press("alice").await;
    browser.press(TAB).await;
    browser.press(PASSWORD).await;
    browser.press(TAB).await;
    browser.press(SPACE).await;
    assert!(browser.field("Keep me logged in").await.is_selected().await.unwrap());
    browser.press(TAB).await;
    assert_eq!(browser.focused().await.text().await.unwrap(), "Log in");
    browser.press(ENTER).await;
    browser.expect("Log out").await;
    // The first stop of the page leads past its head.
    browser.press(TAB).await;
    assert_eq!(browser.focused().await.text().await.unwrap(), "Skip to content");
    browser.press(TAB).await;
    assert_eq!(browser.focused().await.text().await.unwrap(), "Log out");
    browser.press(ENTER).await;
    browser.expect("Create an account").await;
}

#[tokio::test]
async fn pages_work_without_scripts() {
    let server = server();
    let browser = Browser::start().await;
    browser.scripting(Scripting::Blocked).await;
    sign_up(&browser, &server, "alice").await;
    browser.click("Log out").await;
    browser.open(&server.url("/login")).await;
    log_in(&browser, "alice", PASSWORD).await;
    browser.expect("Log out").await;
}
