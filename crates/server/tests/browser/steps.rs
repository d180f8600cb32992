//! Steps that several tests share.

use crossauth_testkit::browser::Browser;
use crossauth_testkit::server::{Program, Server};
use serde_json::json;

pub(crate) const PASSWORD: &str = "Correct-horse-7";

/// The server with nothing configured.
pub(crate) fn server() -> Server {
    Program::new(env!("CARGO_BIN_EXE_crossauth")).start()
}

/// The server in development: addresses are verified, and messages are shown at `dev/outbox`.
pub(crate) fn development_server() -> Server {
    Program::new(env!("CARGO_BIN_EXE_crossauth")).argument("--dev").start()
}

/// Creates an account, beginning at the login page and ending at the account page.
pub(crate) async fn sign_up(browser: &Browser, server: &Server, username: &str) {
    browser.open(&server.url("/login")).await;
    browser.click("Create an account").await;
    browser.fill("Username", username).await;
    fill_password(browser, "Password", PASSWORD).await;
    browser.click("Create account").await;
    browser.expect("Log out").await;
}

/// Fills in a new password, and repeats it if the page asks for that.
pub(crate) async fn fill_password(browser: &Browser, label: &str, password: &str) {
    browser.fill(label, password).await;
    let repeat = format!("Repeat {}", label.to_lowercase());
    if browser.field(&repeat).await.is_displayed().await.unwrap() {
        browser.fill(&repeat, password).await;
    }
}

/// Fills in the login form that is open, and sends it.
pub(crate) async fn log_in(browser: &Browser, username: &str, password: &str) {
    browser.fill("Username", username).await;
    browser.fill("Password", password).await;
    browser.click("Log in").await;
}

/// Logs out at the start page.
pub(crate) async fn log_out(browser: &Browser, server: &Server) {
    browser.open(&server.url("/")).await;
    browser.click("Log out").await;
    browser.expect("Log in").await;
}

/// Whether the start page shows an account rather than the login page.
pub(crate) async fn is_logged_in(browser: &Browser, server: &Server) -> bool {
    browser.open(&server.url("/")).await;
    browser.text().await.contains("Log out")
}

/// Chooses an option of a radio group.
pub(crate) async fn choose(browser: &Browser, label: &str) {
    browser.field(label).await.click().await.unwrap();
}

/// The secret of the authenticator application, as a person reads it on the page.
pub(crate) async fn secret(browser: &Browser) -> String {
    browser.expect("type this secret into the app:").await;
    let text = browser.text().await;
    let (_, rest) = text.split_once("type this secret into the app:").unwrap();
    let is_secret = |c: &char| matches!(c, 'A'..='Z' | '2'..='7');
    rest.chars().filter(|c| !c.is_whitespace()).take_while(is_secret).take(32).collect()
}

/// The recovery codes as a person copies them.
pub(crate) async fn recovery_codes(browser: &Browser) -> Vec<String> {
    let codes = browser.value("Your recovery codes").await;
    codes.lines().map(str::to_owned).collect()
}

/// Answers the page that asks for a code with a recovery code.
pub(crate) async fn use_recovery_code(browser: &Browser, code: &str) {
    browser.open_details("Use a recovery code").await;
    browser.fill("Recovery code", code).await;
    browser.click("Continue with a recovery code").await;
}

/// The page at `dev/outbox`, as a mailbox.
pub(crate) struct Mailbox<'a> {
    browser: &'a Browser,
    server: &'a Server,
    opened: Vec<String>,
}

impl<'a> Mailbox<'a> {
    pub(crate) fn new(browser: &'a Browser, server: &'a Server) -> Self {
        Self { browser, server, opened: Vec::new() }
    }

    /// Waits for a message with this subject to this address whose link was not opened before, and
    /// opens the link.
    pub(crate) async fn open_link(&mut self, subject: &str, to: &str) -> String {
        self.open_last_link(1, subject, to).await
    }

    /// Waits for as many messages with this subject to this address whose link was not opened before,
    /// and opens the link of the last.
    pub(crate) async fn open_last_link(&mut self, count: usize, subject: &str, to: &str) -> String {
        let script = format!(
            "{{ const links = [...document.querySelectorAll('article')].filter(message => \
             message.querySelector('h2').innerText === {} && message.innerText.includes({}))\
             .map(message => message.querySelector('a').innerText)\
             .filter(link => !{}.includes(link)); links.length >= {count} ? links[0] : null }}",
            json!(subject),
            json!(format!("to {to} ")),
            json!(self.opened),
        );
        self.browser.open(&self.server.url("/dev/outbox")).await;
        let link = self.browser.evaluate_until_true(&script).await;
        let link = link.as_str().unwrap();
        self.browser.click(link).await;
        self.opened.push(link.to_owned());
        link.to_owned()
    }
}

/// Sends the form of a button over another connection, as the first request of a double click does
/// whose response the browser ignores. The page stays as it is.
pub(crate) async fn send_elsewhere(browser: &Browser, button: &str) {
    let script = format!(
        "{{ const form = [...document.querySelectorAll('button')].find(button => \
         button.innerText.trim() === {}).form; const fields = new URLSearchParams(new \
         FormData(form)).toString(); [form.action, fields] }}",
        json!(button)
    );
    let form = browser.evaluate(&script).await;
    let [action, fields] = [&form[0], &form[1]].map(|text| text.as_str().unwrap().to_owned());
    let cookies = browser.command("Network.getCookies", json!({ "urls": [action] })).await;
    let cookies = cookies["cookies"].as_array().unwrap().iter().map(|cookie| {
        format!("{}={}", cookie["name"].as_str().unwrap(), cookie["value"].as_str().unwrap())
    });
    let response = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
        .post(action)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Cookie", cookies.collect::<Vec<_>>().join("; "))
        .header("Sec-Fetch-Site", "same-origin")
        .body(fields)
        .send()
        .await
        .unwrap();
    assert!(response.status().is_success() || response.status().is_redirection(), "{response:?}");
}

/// Checks that no script failed, nothing violated the security policy and nothing failed to load,
/// except pages with an error status.
pub(crate) async fn assert_no_errors(browser: &Browser, server: &Server, what: &str) {
    let is_expected = |message: &String| {
        let statuses = ["status of 4", "status of 503"];
        message.starts_with(&server.url("")) && statuses.iter().any(|it| message.contains(it))
    };
    let errors = browser.take_errors().await;
    let others: Vec<_> = errors.into_iter().filter(|message| !is_expected(message)).collect();
    assert_eq!(others, Vec::<String>::new(), "{what}");
}
