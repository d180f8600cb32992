//! `logout`, `api/logout`

use http::Method;
use serde_json::json;

use crate::browser::request;
use crate::site::Site;

#[tokio::test]
async fn logging_out_ends_the_session_and_clears_cookies_and_cache() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    let (bob, _) = site.found("bob").await.unwrap();
    assert_eq!(site.count_sessions(&bob).await, 1);
    let response = browser.post("/api/logout", json!({})).await;
    assert_eq!((response.status.as_u16(), response.json()), (200, json!({"ok": true})));
    for name in ["SESSIONID", "CSRFTOKEN"] {
        let cookie = response.set_cookie(name).unwrap();
        assert!(cookie.starts_with(&format!("{name}=; ")), "{cookie}");
        assert!(cookie.contains("Expires=Thu, 01 Jan 1970 00:00:00 GMT"), "{cookie}");
        assert!(cookie.contains("; Path=/"), "{cookie}");
    }
    assert_eq!(response.header("clear-site-data"), Some("\"cache\""));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(site.count_sessions(&bob).await, 0);
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["KNOWNBROWSER"]);
}

#[tokio::test]
async fn logout_redirects_to_next_or_the_configured_target() {
    let site = Site::with(|site| site.logout_redirect("/logged_out"));
    for (next, target) in
        [("/reports", "/reports"), ("https://evil.example", "/logged_out"), ("", "/logged_out")]
    {
        let mut browser = site.logged_in("bob").await;
        let response = browser.submit("/logout", &[("next", next)]).await;
        assert_eq!((response.status.as_u16(), response.location()), (302, Some(target)));
        assert_eq!(response.header("clear-site-data"), Some("\"cache\""));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(browser.whoami().await, None);
    }
}

#[tokio::test]
async fn logout_ends_only_the_current_session() {
    let site = Site::new();
    let mut here = site.logged_in("bob").await;
    let mut elsewhere = site.logged_in("bob").await;
    here.post("/api/logout", json!({})).await;
    assert_eq!(here.whoami().await, None);
    assert_eq!(elsewhere.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn repeated_logout_and_logout_without_session_succeed() {
    let site = Site::new();
    let mut visitor = site.browser();
    assert_eq!(visitor.post("/api/logout", json!({})).await.status, 200);
    assert_eq!(visitor.submit("/logout", &[]).await.status, 302);
}

#[tokio::test]
async fn link_to_the_logout_page_ends_no_session() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    for path in ["/logout", "/api/logout", "/logout?next=/"] {
        let request = request(Method::GET, path)
            .header("accept", "text/html")
            .header("sec-fetch-site", "cross-site");
        let status = if path.starts_with("/api") { 405 } else { 200 };
        assert_eq!(browser.send(request, "").await.status, status);
        assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    }
}

#[tokio::test]
async fn logout_without_a_token_shows_an_error_and_keeps_the_session() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    browser.submit_bare("/logout", &[]).await.assert_page(401, "This form was not accepted");
    let response = browser.post_with_token("/api/logout", json!({}), "x.y").await;
    response.assert_failure(401, "InvalidCsrf");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn logout_with_an_ambiguous_cookie_reports_an_error() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    let mut duplicate = site.browser();
    let token = duplicate.csrf_token().await;
    let good = &browser.cookies["SESSIONID"];
    duplicate.cookies.insert("SESSIONID".into(), format!("{good}; SESSIONID=x"));
    let response = duplicate.post_with_token("/api/logout", json!({}), &token).await;
    response.assert_failure(401, "InvalidSession");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn logout_page_has_a_button() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let page = bob.get("/logout?next=/bye").await;
    page.assert_page(200, "You are logged in as");
    assert!(page.text().contains("action=\"/logout\"") && page.text().contains("value=\"/bye\""));
    let out = site.browser().get("/logout?next=/bye").await;
    assert_eq!((out.status.as_u16(), out.location()), (302, Some("/bye")));
}

#[tokio::test]
async fn second_logout_form_succeeds() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let token = bob.csrf_token().await;
    let form = [("csrfToken", token.as_str())];
    for _ in 0..2 {
        let response = bob.submit_bare("/logout", &form).await;
        assert_eq!((response.status.as_u16(), response.location()), (302, Some("/")));
    }
    assert_eq!(bob.post_with_token("/api/logout", json!({}), &token).await.status, 200);
    // An expired session is absent.
    let mut alice = site.logged_in("alice").await;
    let token = alice.csrf_token().await;
    site.clock.advance(std::time::Duration::from_hours(24 * 365));
    let response = alice.submit_bare("/logout", &[("csrfToken", &token)]).await;
    assert_eq!(response.status, 302);
    assert!(!alice.cookies.contains_key("SESSIONID"));
}

#[tokio::test]
async fn cross_site_logout_removes_no_cookies() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    // With SameSite=Lax the request comes without cookies, but its response may set some.
    for (name, value) in [("origin", "null"), ("accept", "*/*")] {
        let forged = request(Method::POST, "/logout")
            .header(name, value)
            .header("content-type", "application/x-www-form-urlencoded");
        let response = site.browser().send(forged, "next=/").await;
        assert_eq!(response.status, 302);
        assert_eq!(response.set_cookies(), Vec::<&str>::new(), "{name}");
    }
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}
