//! Cross-site request forgery on every route: ours and the application's.

use axum::Router;
use axum::routing::{any, get};
use crossauth_axum::{CurrentUser, HostPrefix};
use http::header::{COOKIE, HOST, ORIGIN, UPGRADE};
use http::{Method, StatusCode};
use serde_json::json;

use crate::browser::{Browser, json_request, request, send_bare};
use crate::site::Site;

const SITE: &str = "sec-fetch-site";

/// An application whose handlers check only the user, and bob, who is logged in.
async fn application(site: &Site) -> Browser {
    let who = |user: Option<CurrentUser>| async move {
        user.map_or("anonymous".to_owned(), |user| user.username.clone())
    };
    let router = site.crossauth.mount(Router::new().route("/raw", any(who)));
    let mut browser = Browser::new(router);
    browser.cookies = site.logged_in("bob").await.cookies;
    browser
}

#[tokio::test]
async fn cross_site_unsafe_requests_do_not_reach_application_handlers() {
    let site = Site::new();
    let mut bob = application(&site).await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for (name, value) in
            [(SITE, "cross-site"), (SITE, "same-site"), ("origin", "https://evil.example")]
        {
            let forged = request(method.clone(), "/raw").header(name, value);
            let response = bob.send(forged, "").await;
            response.assert_failure(401, "InvalidCsrf");
        }
        let own = request(method.clone(), "/raw").header(SITE, "same-origin");
        assert_eq!(bob.send(own, "").await.body, "bob", "{method}");
        let no_browser = request(method.clone(), "/raw");
        assert_eq!(bob.send(no_browser, "").await.body, "bob", "{method}");
    }
    // Cross-site links work, and requests without our cookies reach the application.
    let link = request(Method::GET, "/raw").header(SITE, "cross-site");
    assert_eq!(bob.send(link, "").await.body, "bob");
    bob.cookies.clear();
    let webhook = request(Method::POST, "/raw").header(ORIGIN, "https://other.example");
    assert_eq!(bob.send(webhook, "").await.body, "anonymous");
}

#[tokio::test]
async fn cross_site_websocket_handshakes_are_rejected() {
    let site = Site::new();
    let mut bob = application(&site).await;
    let handshake = || request(Method::GET, "/raw").header(UPGRADE, "websocket");
    for (name, value) in
        [(SITE, "cross-site"), (SITE, "same-site"), ("origin", "https://evil.example")]
    {
        let response = bob.send(handshake().header(name, value), "").await;
        response.assert_failure(401, "InvalidCsrf");
    }
    let own = handshake().header(ORIGIN, "http://localhost:3000");
    assert_eq!(bob.send(own, "").await.body, "bob");
}

#[tokio::test]
async fn cross_site_check_can_be_disabled_for_application_routes_only() {
    let site = Site::with(crossauth_axum::Builder::danger_allow_cross_site_requests);
    let mut bob = application(&site).await;
    let forged = || request(Method::POST, "/raw").header(SITE, "cross-site");
    assert_eq!(bob.send(forged(), "").await.body, "bob");
    let token = bob.csrf_token().await;
    let forged = json_request("/api/logout").header(SITE, "cross-site");
    let response = bob.send(forged.header("X-CROSSAUTH-CSRF", token), "{}").await;
    response.assert_failure(401, "InvalidCsrf");
}

#[tokio::test]
async fn null_origin_requires_a_valid_token() {
    let site = Site::with(|site| site.danger_insecure_base_url("http://auth.test"));
    let mut browser = site.browser();
    let token = browser.csrf_token().await;
    let login = |token: &str| {
        json_request("/api/login").header(ORIGIN, "null").header("X-CROSSAUTH-CSRF", token)
    };
    site.account("bob", crossauth_core::account::Role::User).await;
    let body = json!({"username": "bob", "password": crate::site::PASSWORD}).to_string();
    browser.send(login("x"), body.clone()).await.assert_failure(401, "InvalidCsrf");
    assert_eq!(browser.send(login(&token), body).await.status, 200);
}

#[tokio::test]
async fn dns_rebinding_requests_are_rejected() {
    let site = Site::new();
    let mut browser = site.browser();
    let token = browser.csrf_token().await;
    let body = json!({"username": "eve", "password": crate::site::PASSWORD}).to_string();
    for (host, origin, status) in [
        ("evil.example:3000", "http://evil.example:3000", 401),
        ("evil.example:3000", "null", 401),
        ("127.0.0.1:3000", "http://127.0.0.1:3000", 200),
    ] {
        let signup = json_request("/api/signup")
            .header(HOST, host)
            .header(ORIGIN, origin)
            .header(SITE, "same-origin")
            .header("X-CROSSAUTH-CSRF", &token);
        let response = browser.send(signup, body.clone()).await;
        assert_eq!(response.status.as_u16(), status, "{host} {origin}: {}", response.body);
    }
}

#[tokio::test]
async fn parallel_first_requests_do_not_replace_each_others_token() {
    let site = Site::new();
    site.account("bob", crossauth_core::account::Role::User).await;
    for (first, second) in [
        ("/api/getcsrftoken", "/api/userforsessionkey"),
        ("/api/userforsessionkey", "/api/getcsrftoken"),
        ("/api/getcsrftoken", "/favicon.ico"),
        ("/api/getcsrftoken", "/nowhere.png"),
    ] {
        let mut browser = site.browser();
        let (mut one, mut two) = (browser.copy(), browser.copy());
        let responses = [one.get_json(first).await, two.get_json(second).await];
        // The browser keeps the cookie of the last response.
        browser.cookies.extend(one.cookies);
        browser.cookies.extend(two.cookies);
        let token =
            responses.iter().find(|response| response.body.contains("csrfToken")).unwrap().json();
        let body = json!({"username": "bob", "password": crate::site::PASSWORD});
        let token = token["csrfToken"].as_str().unwrap();
        let response = browser.post_with_token("/api/login", body, token).await;
        assert_eq!(response.status, 200, "{first} {second}: {}", response.body);
    }
}

#[tokio::test]
async fn cross_site_form_does_not_replace_the_csrf_cookie() {
    let site = Site::complete();
    for path in site.unsafe_paths() {
        // The browser withholds its cookies, but stores those of the response.
        let forged = request(Method::POST, &path).header(SITE, "cross-site");
        let response = site.browser().send(forged, "").await;
        assert_eq!(response.status, 401, "{path}");
        assert_eq!(response.set_cookies(), Vec::<&str>::new(), "{path}");
    }
}

#[tokio::test]
async fn csrf_cookie_on_every_get_is_configurable() {
    let site = Site::with(|site| {
        site.cookies(crossauth_axum::CookieConfig {
            csrf_issue: crossauth_axum::CsrfIssue::EveryGet,
            ..crossauth_axum::CookieConfig::default()
        })
    });
    let response = site.browser().get_json("/api/userforsessionkey").await;
    assert!(response.set_cookie("CSRFTOKEN").is_some());
    assert!(response.header("x-crossauth-csrf").is_some());
    let site = Site::new();
    let response = site.browser().get_json("/api/userforsessionkey").await;
    assert!(response.set_cookies().is_empty());
}

#[tokio::test]
async fn session_token_is_accepted_without_the_csrf_cookie() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let token = bob.csrf_token().await;
    bob.cookies.remove("CSRFTOKEN");
    assert_eq!(bob.submit_bare("/logout", &[("csrfToken", &token)]).await.status, 302);
    assert_eq!(bob.whoami().await, None);
}

#[tokio::test]
async fn duplicate_session_cookies_are_removed_for_every_path_and_domain() {
    let site =
        Site::with(|site| site.base_url("https://id.example.com").host_prefix(HostPrefix::Never));
    let duplicate =
        request(Method::GET, "/account/settings").header(COOKIE, "SESSIONID=a; SESSIONID=b");
    let response = send_bare(&site.router, duplicate.body("".into()).unwrap()).await;
    let removed = response.set_cookies();
    for form in [
        "SESSIONID=; Path=/; Expires=Thu, 01 Jan 1970",
        "SESSIONID=; Domain=id.example.com; Path=/; Expires=Thu, 01 Jan 1970",
        "SESSIONID=; Domain=example.com; Path=/; Expires=Thu, 01 Jan 1970",
        "SESSIONID=; Domain=example.com; Path=/account; Expires=Thu, 01 Jan 1970",
        "SESSIONID=; Path=/account/settings; Expires=Thu, 01 Jan 1970",
    ] {
        assert!(removed.iter().any(|cookie| cookie.starts_with(form)), "{form}: {removed:?}");
    }
    assert!(!removed.iter().any(|cookie| cookie.contains("Domain=com;")), "{removed:?}");
}

#[tokio::test]
async fn request_ids_are_unpredictable() {
    let site = Site::new();
    let router = site.crossauth.mount(Router::new().route("/", get(|| async { StatusCode::OK })));
    let mut browser = Browser::new(router);
    let mut ids = Vec::new();
    for _ in 0..50 {
        let response = browser.get("/").await;
        let id = u64::from_str_radix(response.header("x-request-id").unwrap(), 16).unwrap();
        ids.push(id);
    }
    let close = ids.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 1 << 32).count();
    assert_eq!(close, 0, "{ids:x?}");
}
