//! A second factor, from sign-up to a lost phone. Codes come from `oathtool`.

use std::process::Command;

use crossauth_testkit::browser::{Browser, Scripting};
use crossauth_testkit::server::Server;

use crate::page::look;
use crate::steps::{PASSWORD, log_in, server};

/// A code of an authenticator application: the present one, or that of another moment.
fn code(secret: &str, moment: &str) -> String {
    let oathtool = Command::new("oathtool")
        .args(["--totp", "--base32", "--now", moment, secret])
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert!(oathtool.status.success(), "{}", String::from_utf8_lossy(&oathtool.stderr));
    String::from_utf8(oathtool.stdout).unwrap().trim().to_owned()
}

/// The secret as a person reads it.
async fn secret(browser: &Browser) -> String {
    let text = browser.text().await;
    let (_, rest) = text.split_once("type this secret into the app:").unwrap();
    let is_secret = |c: &char| matches!(c, 'A'..='Z' | '2'..='7');
    rest.chars().filter(|c| !c.is_whitespace()).take_while(is_secret).take(32).collect()
}

/// The recovery codes as a person copies them.
async fn recovery_codes(browser: &Browser) -> Vec<String> {
    let codes = browser.value("Your recovery codes").await;
    codes.lines().map(str::to_owned).collect()
}

/// Signs up with an authenticator application; returns its secret and the recovery codes.
async fn sign_up_with_app(browser: &Browser, server: &Server) -> (String, Vec<String>) {
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", PASSWORD).await;
    if browser.field("Repeat password").await.is_displayed().await.unwrap() {
        browser.fill("Repeat password", PASSWORD).await;
    }
    browser.field("Authenticator app").await.click().await.unwrap();
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
    browser.open(&server.url("/")).await;
    browser.click("Log out").await;
    browser.open(&server.url("/login")).await;
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
    browser.open_details("Use a recovery code").await;
    browser.fill("Recovery code", &codes[0].to_lowercase()).await;
    browser.click("Continue with a recovery code").await;
    browser.expect("9 recovery codes left").await;
    // Now the user has a new phone.
    browser.click("Change or turn off").await;
    browser.field("None").await.click().await.unwrap();
    browser.click("Continue").await;
    browser.open_details("Use a recovery code").await;
    browser.fill("Recovery code", &codes[1]).await;
    browser.click("Continue with a recovery code").await;
    browser.expect("Two factor authentication has been updated").await;
    log_out_and_in(&browser, &server).await;
    browser.expect("Your password alone lets you in").await;
}

#[tokio::test]
async fn pages_of_second_factors_fit_every_window() {
    let server = server();
    let browser = Browser::start().await;
    browser.open(&server.url("/signup")).await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", PASSWORD).await;
    look(&browser, &server, "signup-factor").await;
    browser.field("Authenticator app").await.click().await.unwrap();
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
    browser.field("None").await.click().await.unwrap();
    browser.click("Continue").await;
    browser.expect("Enter your code").await;
    look(&browser, &server, "factor2-request").await;
}
