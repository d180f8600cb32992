//! Forms that are sent twice, and pages that are visited again.

use crossauth_testkit::browser::{Browser, Scripting};
use crossauth_testkit::oathtool::code;

use crate::steps::{
    Mailbox, PASSWORD, assert_no_errors, choose, development_server, fill_password, log_in,
    log_out, recovery_codes, secret, send_elsewhere, server, sign_up, use_recovery_code,
};

const ADDRESS: &str = "alice@example.com";

/// Sends a form twice; the browser shows the second response.
async fn send_twice(browser: &Browser, button: &str, response: &str) {
    send_elsewhere(browser, button).await;
    browser.click(button).await;
    browser.expect(response).await;
}

#[tokio::test]
async fn forms_behind_mailed_links_can_be_sent_twice() {
    let server = development_server();
    let browser = Browser::start().await;
    // A script would fill in the repeated password when the form is sent.
    browser.scripting(Scripting::Blocked).await;
    let mut mailbox = Mailbox::new(&browser, &server);
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    browser.fill("Email", ADDRESS).await;
    fill_password(&browser, "Password", PASSWORD).await;
    send_twice(&browser, "Create account", "Check your email").await;
    mailbox.open_link("Verify your email address", ADDRESS).await;
    send_twice(&browser, "Verify address", "This link no longer works").await;

    browser.open(&server.url("/requestpasswordreset")).await;
    browser.fill("Email", ADDRESS).await;
    send_twice(&browser, "Send link", "Earlier links no longer work.").await;
    mailbox.open_last_link(2, "Reset your password", ADDRESS).await;
    fill_password(&browser, "New password", "Another-horse-8").await;
    send_twice(&browser, "Set password", "This link no longer works").await;
    browser.open(&server.url("/login")).await;
    log_in(&browser, "alice", "Another-horse-8").await;
    browser.expect(ADDRESS).await;
    assert_no_errors(&browser, &server, "at the end").await;
}

#[tokio::test]
async fn forms_of_a_second_factor_and_an_account_can_be_sent_twice() {
    let server = server();
    let browser = Browser::start().await;
    browser.scripting(Scripting::Blocked).await;
    sign_up(&browser, &server, "alice").await;
    browser.click("Turn on").await;
    choose(&browser, "Authenticator app").await;
    send_twice(&browser, "Continue", "type this secret").await;
    let secret = secret(&browser).await;
    browser.fill("Code", &code(&secret, "now")).await;
    // The first response had the new session and the recovery codes.
    send_twice(&browser, "Confirm", "Please log in").await;
    browser.click("Log in").await;
    log_in(&browser, "alice", PASSWORD).await;
    browser.fill("Code", &code(&secret, "now + 30 seconds")).await;
    send_twice(&browser, "Continue", "Please begin again").await;

    browser.forget_cookies().await;
    sign_up(&browser, &server, "bob").await;
    browser.click("Change your password").await;
    browser.fill("Current password", PASSWORD).await;
    fill_password(&browser, "New password", "Another-horse-8").await;
    send_twice(&browser, "Change password", "Please log in").await;
    browser.click("Log in").await;
    log_in(&browser, "bob", "Another-horse-8").await;
    browser.click("Delete your account").await;
    browser.fill("Password", "Another-horse-8").await;
    send_twice(&browser, "Delete account", "Please log in").await;
    browser.click("Log in").await;
    log_in(&browser, "bob", "Another-horse-8").await;
    browser.expect("Invalid username or password").await;
    assert_no_errors(&browser, &server, "at the end").await;
}

#[tokio::test]
async fn double_click_sends_a_form_once() {
    let server = server();
    let browser = Browser::start().await;
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", PASSWORD).await;
    browser.double_click("Create account").await;
    browser.expect("Log out").await;
    assert_no_errors(&browser, &server, "at the end").await;
}

#[tokio::test]
async fn pages_of_an_account_are_not_shown_after_logout() {
    let server = server();
    let browser = Browser::start().await;
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", PASSWORD).await;
    choose(&browser, "Authenticator app").await;
    browser.click("Create account").await;
    let secret = secret(&browser).await;
    browser.fill("Code", &code(&secret, "now")).await;
    browser.click("Confirm").await;
    browser.expect("are not shown again").await;
    let codes = recovery_codes(&browser).await;
    browser.click("I have kept them, continue").await;
    browser.click("Recovery codes").await;
    browser.click("Make new codes").await;
    use_recovery_code(&browser, &codes[0]).await;
    browser.expect("You have new recovery codes").await;
    let new_codes = recovery_codes(&browser).await;
    browser.click("I have kept them, continue").await;
    log_out(&browser, &server).await;
    for _ in 0..8 {
        browser.back().await;
        let html = browser.evaluate("document.documentElement.outerHTML").await.to_string();
        for private in codes.iter().chain(&new_codes).chain([&secret]) {
            assert!(!html.contains(private.as_str()), "{private} in {html}");
        }
        assert!(!html.contains("alice"), "{html}");
    }
}
