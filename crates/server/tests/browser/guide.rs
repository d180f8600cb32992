//! The browser client of the cookbook.

use crossauth_testkit::browser::Browser;
use serde_json::json;

use crate::steps::{PASSWORD, server, sign_up};

#[tokio::test]
async fn script_of_the_cookbook_logs_in_and_out() {
    let cookbook = include_str!("../../../../docs/how-to/cookbook.md");
    let script = cookbook.split("```js\n").nth(1).unwrap().split("```").next().unwrap();
    let server = server();
    let browser = Browser::start().await;
    sign_up(&browser, &server, "alice").await;
    browser.click("Log out").await;
    browser.expect("Log in").await;
    // The content security policy of our own pages forbids requests of scripts.
    browser.open(&server.url("/live")).await;
    for (password, response) in [
        ("Wrong-horse-7", "Invalid username or password"),
        (PASSWORD, "alice true"),
        (PASSWORD, "alice true"),
    ] {
        let call = format!("{script} visit('alice', '{password}')");
        let parameters = json!({ "expression": call, "awaitPromise": true, "returnByValue": true });
        let result = browser.command("Runtime.evaluate", parameters).await;
        assert_eq!(result["result"]["value"], response, "{result}");
    }
}
