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
    let answer = browser.post("/api/logout", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"ok": true})));
    for name in ["SESSIONID", "CSRFTOKEN"] {
        let cookie = answer.set_cookie(name).unwrap();
        assert!(cookie.starts_with(&format!("{name}=; ")), "{cookie}");
        assert!(cookie.contains("Expires=Thu, 01 Jan 1970 00:00:00 GMT"), "{cookie}");
        assert!(cookie.contains("; Path=/"), "{cookie}");
    }
    assert_eq!(answer.header("clear-site-data"), Some("\"cache\""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(site.count_sessions(&bob).await, 0);
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn the_page_leads_to_next_or_to_the_configured_place() {
    let site = Site::with(|site| site.logout_redirect("/goodbye"));
    for (next, target) in
        [("/reports", "/reports"), ("https://evil.example", "/goodbye"), ("", "/goodbye")]
    {
        let mut browser = site.logged_in("bob").await;
        let answer = browser.submit("/logout", &[("next", next)]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (302, Some(target)));
        assert_eq!(answer.header("clear-site-data"), Some("\"cache\""));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(browser.whoami().await, None);
    }
}

#[tokio::test]
async fn logging_out_ends_this_session_and_no_other() {
    let site = Site::new();
    let mut here = site.logged_in("bob").await;
    let mut elsewhere = site.logged_in("bob").await;
    here.post("/api/logout", json!({})).await;
    assert_eq!(here.whoami().await, None);
    assert_eq!(elsewhere.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn logging_out_twice_or_without_a_session_does_no_harm() {
    let site = Site::new();
    let mut stranger = site.browser();
    assert_eq!(stranger.post("/api/logout", json!({})).await.status, 200);
    assert_eq!(stranger.submit("/logout", &[]).await.status, 302);
}

#[tokio::test]
async fn a_link_to_the_logout_page_ends_no_session() {
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
async fn without_a_token_the_error_page_says_so_and_nothing_happens() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    browser.submit_bare("/logout", &[]).await.assert_page(401, "This form was not accepted");
    let answer = browser.post_with_token("/api/logout", json!({}), "x.y").await;
    answer.assert_failure(401, "InvalidCsrf");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn logging_out_does_not_claim_to_have_ended_a_session_that_lives_on() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    let mut tossed = site.browser();
    let token = tossed.csrf_token().await;
    let good = &browser.cookies["SESSIONID"];
    tossed.cookies.insert("SESSIONID".into(), format!("{good}; SESSIONID=x"));
    let answer = tossed.post_with_token("/api/logout", json!({}), &token).await;
    answer.assert_failure(401, "InvalidSession");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn a_link_to_the_logout_page_offers_a_button() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let page = bob.get("/logout?next=/bye").await;
    page.assert_page(200, "You are logged in as");
    assert!(page.text().contains("action=\"/logout\"") && page.text().contains("value=\"/bye\""));
    let out = site.browser().get("/logout?next=/bye").await;
    assert_eq!((out.status.as_u16(), out.location()), (302, Some("/bye")));
}

#[tokio::test]
async fn logging_out_twice_is_logging_out() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let token = bob.csrf_token().await;
    let form = [("csrfToken", token.as_str())];
    for _ in 0..2 {
        let answer = bob.submit_bare("/logout", &form).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (302, Some("/")));
    }
    assert_eq!(bob.post_with_token("/api/logout", json!({}), &token).await.status, 200);
    // An expired session is no session.
    let mut alice = site.logged_in("alice").await;
    let token = alice.csrf_token().await;
    site.clock.advance(std::time::Duration::from_hours(24 * 365));
    let answer = alice.submit_bare("/logout", &[("csrfToken", &token)]).await;
    assert_eq!(answer.status, 302);
    assert!(!alice.cookies.contains_key("SESSIONID"));
}

#[tokio::test]
async fn a_form_of_another_site_removes_no_cookie_that_the_browser_kept_back() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    // With SameSite=Lax the request comes without cookies, but its answer may set some.
    for (name, value) in [("origin", "null"), ("accept", "*/*")] {
        let forged = request(Method::POST, "/logout")
            .header(name, value)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = site.browser().send(forged, "next=/").await;
        assert_eq!(answer.status, 302);
        assert_eq!(answer.set_cookies(), Vec::<&str>::new(), "{name}");
    }
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}
