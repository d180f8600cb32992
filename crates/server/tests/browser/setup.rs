//! The link that creates the first administrator.

use crossauth_testkit::browser::Browser;

use crate::steps::{PASSWORD, is_logged_in, server, sign_up};

#[tokio::test]
async fn setup_link_creates_one_administrator_in_the_browser() {
    let server = server();
    let link = server.setup_link();
    let browser = Browser::start().await;
    browser.open(&link).await;
    browser.fill("Username", "root").await;
    browser.fill("Email", "root@example.com").await;
    browser.fill("Password", PASSWORD).await;
    browser.click("Create administrator").await;
    browser.expect("Administrator").await;
    browser.expect("root@example.com").await;

    browser.open(&link).await;
    browser.expect("This link has been used or is too old").await;
    browser.forget_cookies().await;
    browser.open(&link).await;
    browser.expect("This link has been used or is too old").await;
    assert!(!is_logged_in(&browser, &server).await);
}

#[tokio::test]
async fn users_who_sign_up_are_not_administrators() {
    let server = server();
    let browser = Browser::start().await;
    sign_up(&browser, &server, "alice").await;
    assert!(!browser.text().await.contains("Administrator"));
}
