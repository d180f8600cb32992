//! Links in mails: from sign-up to a forgotten password. The mails are those of `dev/outbox`.

use crossauth_testkit::browser::{Browser, Scripting};
use crossauth_testkit::oathtool::code;
use crossauth_testkit::server::Server;

use crate::page::look;
use crate::steps::{
    Mailbox, PASSWORD, assert_no_errors, choose, development_server, fill_password, log_in,
    log_out, recovery_codes, secret, use_recovery_code,
};

const ADDRESS: &str = "alice@example.com";
const VERIFY: &str = "Verify your email address";
const RESET: &str = "Reset your password";
const NEW_PASSWORD: &str = "Another-horse-8";

/// Fills in the sign-up form, and sends it.
async fn sign_up(browser: &Browser, server: &Server, factor: &str) {
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    browser.fill("Email", ADDRESS).await;
    fill_password(browser, "Password", PASSWORD).await;
    choose(browser, factor).await;
    browser.click("Create account").await;
}

/// Sets the authenticator app of a new account up; returns its secret and the recovery codes.
async fn set_up_app(browser: &Browser) -> (String, Vec<String>) {
    let secret = secret(browser).await;
    browser.fill("Code", &code(&secret, "now")).await;
    browser.click("Confirm").await;
    browser.expect("Please check your email").await;
    let codes = recovery_codes(browser).await;
    assert_eq!(codes.len(), 10);
    browser.click("I have kept them, continue").await;
    browser.expect("Log in to").await;
    (secret, codes)
}

#[tokio::test]
async fn sign_up_with_app_verification_and_password_reset_without_scripts() {
    let server = development_server();
    let browser = Browser::start().await;
    browser.scripting(Scripting::Blocked).await;
    let mut mailbox = Mailbox::new(&browser, &server);
    sign_up(&browser, &server, "Authenticator app").await;
    let (secret, codes) = set_up_app(&browser).await;
    mailbox.open_link(VERIFY, ADDRESS).await;
    look(&browser, &server, "verifyemail").await;
    browser.expect(ADDRESS).await;
    browser.click("Verify address").await;
    browser.expect("Your email address is verified").await;
    look(&browser, &server, "emailverified").await;
    browser.click("Continue").await;
    log_in(&browser, "alice", PASSWORD).await;
    browser.expect("Enter your code").await;
    browser.fill("Code", &code(&secret, "now + 30 seconds")).await;
    browser.click("Continue").await;
    browser.expect("10 recovery codes left").await;

    log_out(&browser, &server).await;
    let link = reset_password(&browser, &server, &mut mailbox).await;
    // The reader of the mailbox has no second factor.
    browser.click("Log in").await;
    log_in(&browser, "alice", PASSWORD).await;
    browser.expect("Invalid username or password").await;
    log_in(&browser, "alice", NEW_PASSWORD).await;
    browser.expect("Enter your code").await;
    use_recovery_code(&browser, &codes[0]).await;
    browser.expect("9 recovery codes left").await;

    log_out(&browser, &server).await;
    browser.open(&link).await;
    browser.expect("This link no longer works").await;
    look(&browser, &server, "resetpassword-used").await;
    browser.click("Get a new link").await;
    browser.expect("Reset your password").await;
    assert_no_errors(&browser, &server, "at the end").await;
}

/// Sets [`NEW_PASSWORD`] by a mailed link; the link.
async fn reset_password(browser: &Browser, server: &Server, mailbox: &mut Mailbox<'_>) -> String {
    browser.click("Forgot your password?").await;
    look(browser, server, "requestpasswordreset").await;
    browser.fill("Email", ADDRESS).await;
    browser.click("Send link").await;
    browser.expect("we have sent it a message").await;
    look(browser, server, "requestpasswordreset-sent").await;
    let link = mailbox.open_link(RESET, ADDRESS).await;
    look(browser, server, "resetpassword").await;
    fill_password(browser, "New password", "short").await;
    browser.click("Set password").await;
    browser.expect("Please check the marked fields.").await;
    look(browser, server, "resetpassword-refused").await;
    fill_password(browser, "New password", NEW_PASSWORD).await;
    browser.click("Set password").await;
    browser.expect("Your password has been changed.").await;
    look(browser, server, "resetpassword-done").await;
    link
}

#[tokio::test]
async fn address_is_changed_and_the_change_is_taken_back_without_scripts() {
    const NEW_ADDRESS: &str = "alice@new.example";
    let server = development_server();
    let browser = Browser::start().await;
    browser.scripting(Scripting::Blocked).await;
    let mut mailbox = Mailbox::new(&browser, &server);
    sign_up(&browser, &server, "None").await;
    browser.expect("Please check your email").await;
    mailbox.open_link(VERIFY, ADDRESS).await;
    browser.click("Verify address").await;
    browser.click("Continue").await;
    log_in(&browser, "alice", PASSWORD).await;
    browser.click("Change your details").await;
    look(&browser, &server, "updateuser").await;
    browser.fill("Email", "alice@").await;
    browser.submit_unchecked("Save").await;
    browser.expect("Please check the marked fields.").await;
    look(&browser, &server, "updateuser-refused").await;
    browser.fill("Email", NEW_ADDRESS).await;
    browser.click("Save").await;
    browser.expect("click on the link in your email").await;
    look(&browser, &server, "updateuser-sent").await;
    browser.click("Back to the start").await;
    browser.expect(ADDRESS).await;

    let link = mailbox.open_link(VERIFY, NEW_ADDRESS).await;
    browser.expect(NEW_ADDRESS).await;
    browser.click("Verify address").await;
    browser.expect("Your email address is now alice@new.example.").await;
    browser.expect(ADDRESS).await;
    look(&browser, &server, "emailverified-changed").await;
    browser.click("Continue").await;
    browser.expect(NEW_ADDRESS).await;
    browser.open(&link).await;
    browser.expect("This link no longer works").await;
    browser.click("Get a new link").await;
    browser.expect("Your details").await;

    let link = mailbox.open_link("Your email address was changed", ADDRESS).await;
    look(&browser, &server, "restoreemail").await;
    browser.click("Restore my address").await;
    browser.expect("all devices were logged out").await;
    look(&browser, &server, "restoreemail-done").await;
    browser.click("Log in").await;
    browser.expect("Log in to").await;
    browser.open(&link).await;
    browser.expect("This link no longer works").await;
    mailbox.open_link(RESET, ADDRESS).await;
    fill_password(&browser, "New password", NEW_PASSWORD).await;
    browser.click("Set password").await;
    browser.expect("Your password has been changed.").await;
    browser.click("Continue").await;
    browser.expect(ADDRESS).await;
    assert_no_errors(&browser, &server, "at the end").await;
}

#[tokio::test]
async fn new_verification_link_replaces_the_old_one() {
    let server = development_server();
    let browser = Browser::start().await;
    let mut mailbox = Mailbox::new(&browser, &server);
    sign_up(&browser, &server, "None").await;
    browser.expect("Check your email").await;
    look(&browser, &server, "signup-sent").await;
    let old = mailbox.open_link(VERIFY, ADDRESS).await;

    browser.open(&server.url("/login")).await;
    log_in(&browser, "alice", PASSWORD).await;
    browser.expect("Email address has not been verified").await;
    look(&browser, &server, "login-unverified").await;
    browser.click("Send a new verification link").await;
    look(&browser, &server, "resendverification").await;
    browser.fill("Email", ADDRESS).await;
    browser.click("Send a new link").await;
    browser.expect("we have sent it a new link").await;
    look(&browser, &server, "resendverification-sent").await;
    let new = mailbox.open_link(VERIFY, ADDRESS).await;

    browser.open(&old).await;
    browser.expect("This link no longer works").await;
    browser.click("Get a new link").await;
    browser.expect("Get a new verification link").await;
    browser.open(&new).await;
    browser.click("Verify address").await;
    browser.expect("Your email address is verified").await;
    browser.click("Continue").await;
    log_in(&browser, "alice", PASSWORD).await;
    browser.expect(ADDRESS).await;
    assert_no_errors(&browser, &server, "at the end").await;
}
