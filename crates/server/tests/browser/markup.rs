//! Names and addresses that contain markup.

use crossauth_testkit::browser::Browser;

use crate::steps::{PASSWORD, log_in, server, sign_up};

const MARKUP: [&str; 4] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "{{7*7}}${7*7}<%= 7*7 %>",
];

#[tokio::test]
async fn markup_in_an_account_is_escaped() {
    let server = server();
    let browser = Browser::start().await;
    sign_up(&browser, &server, "alice").await;
    // Sign-up rejects such names, but another program may have stored them.
    let database = server.directory().join("crossauth-data/crossauth.db");
    let database = rusqlite::Connection::open(database).unwrap();
    for text in MARKUP {
        database.execute("UPDATE crossauth_users SET username = ?1, email = ?1", [text]).unwrap();
        browser.reload().await;
        assert_eq!(browser.text().await.matches(text).count(), 2, "{}", browser.text().await);
        inert(&browser, text).await;
    }
}

#[tokio::test]
async fn markup_in_a_form_is_escaped() {
    let server = server();
    let browser = Browser::start().await;
    for text in MARKUP {
        browser.open(&server.url("/login")).await;
        log_in(&browser, text, PASSWORD).await;
        browser.expect("Invalid username or password").await;
        assert_eq!(browser.value("Username").await, text);
        inert(&browser, text).await;
        browser.open(&server.url("/signup")).await;
        browser.fill("Username", text).await;
        browser.fill("Password", PASSWORD).await;
        browser.click("Create account").await;
        browser.expect("Username may contain").await;
        assert_eq!(browser.value("Username").await, text);
        inert(&browser, text).await;
    }
}

#[tokio::test]
async fn markup_in_a_url_is_escaped() {
    let server = server();
    let browser = Browser::start().await;
    for text in MARKUP {
        for (path, name) in [
            ("/login", "next"),
            ("/login", "error"),
            ("/login", "message"),
            ("/login", "username"),
            ("/signup", "next"),
            ("/setup", "token"),
            ("/nowhere", "q"),
        ] {
            let url = reqwest::Url::parse_with_params(&server.url(path), [(name, text)]).unwrap();
            browser.open(url.as_str()).await;
            inert(&browser, url.as_str()).await;
        }
    }
}

/// The page has no scripts or event handlers except our file, and none was blocked.
async fn inert(browser: &Browser, what: &str) {
    let count = "document.querySelectorAll('script:not([src^=\"/crossauth.js?v=\"]), [onerror], \
                 [onfocus]').length";
    assert_eq!(browser.evaluate(count).await, 0, "{what}");
    let errors = browser.take_errors().await;
    let tried =
        |message: &&String| message.contains("dialog") || message.contains("Content Security");
    assert_eq!(errors.iter().find(tried), None, "{what}");
}
