//! Steps that several tests share.

use crossauth_testkit::browser::Browser;
use crossauth_testkit::server::{Program, Server};

pub(crate) const PASSWORD: &str = "Correct-horse-7";

/// The server with nothing configured.
pub(crate) fn server() -> Server {
    Program::new(env!("CARGO_BIN_EXE_crossauth")).start()
}

/// Creates an account, beginning at the login page and ending at the account page.
pub(crate) async fn sign_up(browser: &Browser, server: &Server, username: &str) {
    browser.open(&server.url("/login")).await;
    browser.click("Create an account").await;
    browser.fill("Username", username).await;
    browser.fill("Password", PASSWORD).await;
    browser.click("Create account").await;
    browser.expect("Log out").await;
}

/// Fills in the login form that is open, and sends it.
pub(crate) async fn log_in(browser: &Browser, username: &str, password: &str) {
    browser.fill("Username", username).await;
    browser.fill("Password", password).await;
    browser.click("Log in").await;
}

/// Whether the start page shows an account rather than the login page.
pub(crate) async fn is_logged_in(browser: &Browser, server: &Server) -> bool {
    browser.open(&server.url("/")).await;
    browser.text().await.contains("Log out")
}
