//! Links to the login page with a destination on another site.

use crossauth_testkit::browser::Browser;
use crossauth_testkit::server::Server;
use reqwest::Url;
use serde_json::json;

use crate::steps::{PASSWORD, log_in, server, sign_up};

const HOSTILE: [&str; 13] = [
    "//evil.localhost",
    "///evil.localhost",
    "/\\evil.localhost",
    "\\\\evil.localhost",
    "/\t/evil.localhost",
    "/%09/evil.localhost",
    "/%2F/evil.localhost",
    "http:evil.localhost",
    "http://evil.localhost",
    "http://127.0.0.1@evil.localhost",
    "javascript:alert(document.domain)",
    "data:text/html,<script>alert(1)</script>",
    "/\r\nLocation: http://evil.localhost",
];

/// The login page with a destination, as in a link.
fn link(server: &Server, next: &str) -> String {
    Url::parse_with_params(&server.url("/login"), [("next", next)]).unwrap().into()
}

#[tokio::test]
async fn login_redirects_to_this_site_only() {
    let server = server();
    let browser = Browser::start().await;
    sign_up(&browser, &server, "alice").await;
    // The control: a local path is followed.
    browser.forget_cookies().await;
    browser.open(&link(&server, "/?from=link")).await;
    log_in(&browser, "alice", PASSWORD).await;
    browser.expect("Log out").await;
    assert_eq!(browser.url().await, server.url("/?from=link"));
    for next in HOSTILE {
        // The link as it is, while logged in.
        browser.open(&link(&server, next)).await;
        assert_eq!(browser.url().await, server.url("/"), "{next:?}");
    }
    for next in HOSTILE {
        browser.forget_cookies().await;
        browser.open(&link(&server, next)).await;
        // As if the page had kept it.
        let script = format!(
            "{{ const next = document.createElement('input'); next.name = 'next'; \
             next.type = 'hidden'; next.value = {}; document.forms[0].append(next) }}",
            json!(next)
        );
        browser.evaluate(&script).await;
        log_in(&browser, "alice", PASSWORD).await;
        browser.expect("Log out").await;
        assert_eq!(browser.url().await, server.url("/"), "{next:?}");
    }
    assert_eq!(browser.take_errors().await, Vec::<String>::new());
}
