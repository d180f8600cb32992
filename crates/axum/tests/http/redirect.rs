//! Redirects after forms: only to paths of this site.

use std::time::Duration;

use crossauth_core::account::Role;
use http::Method;
use http::header::HOST;
use serde_json::json;

use crate::browser::request;
use crate::site::{PASSWORD, Site};

/// Targets that would redirect some browser to another site, or run a script.
pub(crate) const FOREIGN: [&str; 24] = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/%09/evil.example",
    "/%2F/evil.example",
    "/%5Cevil.example",
    "/%252Fevil.example",
    "https:evil.example",
    "https://evil.example/",
    "https://localhost:3000@evil.example/",
    "http://localhost:3000/",
    "HTTPS://evil.example",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "good@evil.example",
    ".evil.example",
    "evil.example",
    "/x\r\nLocation: https://evil.example",
    "/%0d%0aSet-Cookie:SESSIONID=x",
    "\u{FF0F}\u{FF0F}evil.example",
    "/\u{2028}/evil.example",
    "/.//evil.example",
];

#[tokio::test]
async fn login_never_redirects_to_another_site() {
    let site = Site::with(|site| site.login_redirect("/home"));
    site.account("bob", Role::User).await;
    for next in FOREIGN {
        // One more wrong login is allowed.
        site.clock.advance(Duration::from_mins(3));
        let form = [("username", "bob"), ("password", PASSWORD), ("next", next)];
        let response = site.browser().submit("/login", &form).await;
        assert_eq!(
            (response.status.as_u16(), response.location()),
            (302, Some("/home")),
            "{next:?}"
        );
        assert_eq!(response.headers.get_all("location").iter().count(), 1);
        let form = [("username", "bob"), ("password", "wrong"), ("next", next)];
        let page = site.browser().submit("/login", &form).await;
        assert!(!page.text().contains("name=\"next\""), "{next:?}: {}", page.body);
    }
    let form = [("username", "bob"), ("password", PASSWORD), ("next", "/a?b=c#d")];
    assert_eq!(site.browser().submit("/login", &form).await.location(), Some("/a?b=c#d"));
}

#[tokio::test]
async fn signup_logout_and_repeated_login_never_redirect_to_another_site() {
    let site = Site::new();
    for (index, next) in FOREIGN.into_iter().enumerate() {
        let name = format!("user{index}");
        let form = [("username", name.as_str()), ("password", PASSWORD), ("next", next)];
        let mut browser = site.browser();
        let response = browser.submit("/signup", &form).await;
        assert_eq!((response.status.as_u16(), response.location()), (302, Some("/")), "{next:?}");
        let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        for page in ["login", "signup"] {
            let response = browser.get(&format!("/{page}?next={query}")).await;
            assert_eq!(
                (response.status.as_u16(), response.location()),
                (302, Some("/")),
                "{next:?}"
            );
        }
        let response = browser.submit("/logout", &[("next", next)]).await;
        assert_eq!((response.status.as_u16(), response.location()), (302, Some("/")), "{next:?}");
        let page = browser.get(&format!("/login?next={query}")).await;
        assert_eq!(page.status, 200);
        assert!(!page.text().contains("evil.example"), "{next:?}: {}", page.body);
    }
}

#[tokio::test]
async fn redirect_to_login_keeps_local_paths_only() {
    let site = Site::new();
    for (wanted, location) in
        [("/?a=b&c=d", "/login?next=%2F%3Fa%3Db%26c%3Dd"), ("/", "/login?next=%2F")]
    {
        assert_eq!(site.browser().get(wanted).await.location(), Some(location));
    }
}

#[tokio::test]
async fn host_and_forwarding_headers_do_not_affect_redirects() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let control = site.browser().get("/login").await;
    for header in ["host", "x-forwarded-host", "forwarded", "x-original-url", "x-rewrite-url"] {
        let value = if header == "forwarded" { "host=evil.example" } else { "evil.example" };
        let asked = request(Method::GET, "/login").header("accept", "text/html");
        let page = site.browser().send(asked.header(header, value), "").await;
        assert_eq!(page.status, control.status);
        assert!(!page.body.contains("evil.example"));
        let asked = request(Method::GET, "/").header("accept", "text/html");
        let response = site.browser().send(asked.header(header, value), "").await;
        assert_eq!(response.location(), Some("/login?next=%2F"));
    }
    // An origin that equals the Host header is still cross-origin.
    let mut bob = site.logged_in("bob").await;
    let token = bob.csrf_token().await;
    let request = crate::browser::json_request("/api/logout")
        .header("X-CROSSAUTH-CSRF", &token)
        .header(HOST, "evil.example")
        .header("origin", "http://evil.example");
    bob.send(request, json!({}).to_string()).await.assert_failure(401, "InvalidCsrf");
}
