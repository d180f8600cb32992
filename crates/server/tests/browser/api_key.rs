//! API keys in the browser, and used by a program.

use crossauth_testkit::browser::Browser;
use crossauth_testkit::server::{Program, Server};
use serde_json::json;

use crate::page::look;
use crate::steps::{assert_no_errors, choose, sign_up};

/// The server with API keys that may have scopes.
fn server() -> Server {
    let program = Program::new(env!("CARGO_BIN_EXE_crossauth"));
    let program = program.variable("CROSSAUTH_API_KEYS_ENABLED", "true");
    let program = program.variable("CROSSAUTH_EDIT_USER_SCOPE", "profile");
    program.variable("CROSSAUTH_API_KEYS_SCOPES", "[\"read\", \"write\"]").start()
}

/// The status of a request with a key, as a program sends it: it changes no field of its user.
async fn status_with(server: &Server, token: &str) -> u16 {
    let request = reqwest::Client::new().post(server.url("/api/updateuser"));
    let request = request.header("Authorization", format!("ApiKey {token}"));
    request.json(&json!({})).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn key_is_created_shown_once_used_and_deleted() {
    let server = server();
    let browser = Browser::start().await;
    sign_up(&browser, &server, "alice").await;
    browser.click("API keys").await;
    browser.expect("You have no keys").await;
    look(&browser, &server, "keys-none").await;
    browser.click("Create a key").await;
    look(&browser, &server, "key-create").await;
    browser.fill("Name", "Nightly backup").await;
    choose(&browser, "profile").await;
    choose(&browser, "90 days").await;
    browser.click("Create key").await;
    browser.expect("it is not shown again").await;
    look(&browser, &server, "key-created").await;
    let text = browser.text().await;
    assert!(text.contains("May: profile") && !text.contains("write"), "{text}");
    assert!(text.contains(", until ") && text.contains("No use recorded"), "{text}");
    let token = browser.value("The new key").await;
    let is_cut = "{ const field = document.querySelector('#token'); \
                  field.scrollHeight > field.clientHeight + 1 }";
    assert_eq!(browser.evaluate(is_cut).await, false, "the whole key is visible");

    // Neither Back nor a reload nor the list shows it once more.
    browser.back().await;
    browser.expect("Create an API key").await;
    assert!(!browser.text().await.contains(&token));
    browser.evaluate("history.forward()").await;
    browser.open(&server.url("/apikeys")).await;
    browser.expect("Nightly backup").await;
    browser.reload().await;
    browser.expect("Nightly backup").await;
    let html = browser.evaluate("document.documentElement.outerHTML").await.to_string();
    assert!(!html.contains(&token), "{html}");
    browser.click("Create a key").await;
    browser.fill("Name", "Nightly backup").await;
    browser.click("Create key").await;
    browser.expect("Name is that of another key").await;
    look(&browser, &server, "key-refused").await;
    browser.click("Cancel").await;

    assert_eq!(status_with(&server, &token).await, 200);
    // The use is recorded in the background.
    browser.evaluate_until_true("document.body.innerText.includes('Last used')").await;
    look(&browser, &server, "keys").await;
    browser.click("Delete").await;
    browser.expect("This cannot be undone").await;
    look(&browser, &server, "key-delete").await;
    assert_eq!(status_with(&server, &token).await, 200, "nothing was confirmed yet");
    browser.click("Delete key").await;
    browser.expect("The key was deleted").await;
    assert!(browser.text().await.contains("You have no keys"));
    assert_eq!(status_with(&server, &token).await, 401);
    assert_no_errors(&browser, &server, "at the end").await;
}
