//! A second factor, from sign-up to a lost phone. Codes come from `oathtool`.

use crossauth_testkit::browser::{Browser, Scripting};
use crossauth_testkit::oathtool::code;
use crossauth_testkit::server::Server;

use crate::page::look;
use crate::steps::{
    PASSWORD, assert_no_errors, choose, fill_password, log_in, log_out, recovery_codes, secret,
    server, use_recovery_code,
};

/// Signs up with an authenticator application; returns its secret and the recovery codes.
async fn sign_up_with_app(browser: &Browser, server: &Server) -> (String, Vec<String>) {
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    fill_password(browser, "Password", PASSWORD).await;
    choose(browser, "Authenticator app").await;
    browser.click("Create account").await;
    let secret = secret(browser).await;
    assert_eq!(secret.len(), 32);
    browser.fill("Code", &code(&secret, "now")).await;
    browser.click("Confirm").await;
    let codes = recovery_codes(browser).await;
    assert_eq!(codes.len(), 10);
    browser.click("I have kept them, continue").await;
    browser.expect("Authenticator app").await;
    (secret, codes)
}

async fn log_out_and_in(browser: &Browser, server: &Server) {
    log_out(browser, server).await;
    log_in(browser, "alice", PASSWORD).await;
}

#[tokio::test]
async fn authenticator_app_remembered_device_and_lost_phone_without_scripts() {
    let server = server();
    let browser = Browser::start().await;
    browser.scripting(Scripting::Blocked).await;
    let (secret, codes) = sign_up_with_app(&browser, &server).await;
    browser.expect("10 recovery codes left").await;

    // Each code works once, so the next login needs the next one.
    log_out_and_in(&browser, &server).await;
    browser.fill("Code", "000000").await;
    browser.click("Continue").await;
    browser.expect("This code is not valid").await;
    browser.fill("Code", &code(&secret, "now + 30 seconds")).await;
    browser.field("Do not ask for a code").await.click().await.unwrap();
    browser.click("Continue").await;
    browser.expect("Remembered devices").await;
    browser.expect("Chrome on Linux").await;

    log_out_and_in(&browser, &server).await;
    browser.expect("Remembered devices").await;

    browser.click("Forget").await;
    browser.expect("10 recovery codes left").await;
    assert!(!browser.text().await.contains("Remembered devices"));
    log_out_and_in(&browser, &server).await;
    browser.expect("Enter your code").await;
    use_recovery_code(&browser, &codes[0].to_lowercase()).await;
    browser.expect("9 recovery codes left").await;
    // Now the user has a new phone.
    browser.click("Set up a new phone").await;
    browser.expect("Enter your code").await;
    use_recovery_code(&browser, &codes[1]).await;
    let new_secret = self::secret(&browser).await;
    assert_ne!(new_secret, secret);
    browser.fill("Code", &code(&new_secret, "now")).await;
    browser.click("Confirm").await;
    browser.expect("are not shown again").await;
    browser.click("I have kept them, continue").await;
    log_out_and_in(&browser, &server).await;
    browser.fill("Code", &code(&secret, "now + 30 seconds")).await;
    browser.click("Continue").await;
    browser.expect("This code is not valid").await;
    browser.fill("Code", &code(&new_secret, "now + 30 seconds")).await;
    browser.click("Continue").await;
    browser.expect("10 recovery codes left").await;
    assert_no_errors(&browser, &server, "at the end").await;
}

#[tokio::test]
async fn second_factor_is_turned_off_with_a_recovery_code() {
    let server = server();
    let browser = Browser::start().await;
    let (_, codes) = sign_up_with_app(&browser, &server).await;
    browser.click("Change or turn off").await;
    choose(&browser, "None").await;
    browser.click("Continue").await;
    use_recovery_code(&browser, &codes[0]).await;
    browser.expect("Two factor authentication has been updated").await;
    browser.click("Continue").await;
    browser.expect("Your password alone lets you in").await;
    log_out_and_in(&browser, &server).await;
    browser.expect("Your password alone lets you in").await;
    assert_no_errors(&browser, &server, "at the end").await;
}

#[tokio::test]
async fn pages_of_second_factors_fit_every_window() {
    let server = server();
    let browser = Browser::start().await;
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", PASSWORD).await;
    look(&browser, &server, "signup-factor").await;
    choose(&browser, "Authenticator app").await;
    browser.click("Create account").await;
    look(&browser, &server, "configurefactor2").await;
    let secret = secret(&browser).await;
    browser.fill("Code", "000000").await;
    browser.click("Confirm").await;
    browser.expect("This code is not valid").await;
    look(&browser, &server, "configurefactor2-refused").await;
    browser.fill("Code", &code(&secret, "now")).await;
    browser.click("Confirm").await;
    browser.expect("are not shown again").await;
    look(&browser, &server, "recoverycodes-new").await;
    browser.click("I have kept them, continue").await;
    browser.click("Recovery codes").await;
    look(&browser, &server, "recoverycodes").await;
    log_out_and_in(&browser, &server).await;
    look(&browser, &server, "factor2").await;
    browser.fill("Code", &code(&secret, "now + 30 seconds")).await;
    browser.field("Do not ask for a code").await.click().await.unwrap();
    browser.click("Continue").await;
    browser.expect("Remembered devices").await;
    look(&browser, &server, "account-factor").await;
    browser.click("Change or turn off").await;
    look(&browser, &server, "changefactor2").await;
    choose(&browser, "None").await;
    browser.click("Continue").await;
    browser.expect("Enter your code").await;
    look(&browser, &server, "factor2-request").await;
}
