//! Cross-site request forgery: CSRF tokens.

use crossauth_axum::{Access, Endpoint};
use crossauth_core::account::Role;
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, ORIGIN};
use serde_json::json;

use crate::browser::{json_request, request, send_bare};
use crate::site::{PASSWORD, Site};

#[tokio::test]
async fn endpoints_for_logged_in_users_refuse_anonymous_visitors() {
    let site = Site::new();
    let is_for_users = |access| matches!(access, Access::LoggedIn | Access::LoggedInWithCsrfToken);
    let endpoints = site.crossauth.endpoints();
    let endpoints: Vec<_> = endpoints.iter().filter(|it| is_for_users(it.access)).collect();
    assert!(endpoints.len() >= 2, "{endpoints:?}");
    for Endpoint { method, path, .. } in endpoints {
        let mut browser = site.browser();
        let token = browser.csrf_token().await;
        let request = request(method.clone(), path).header(ACCEPT, "text/html");
        let answer = browser.send(request.header("X-CROSSAUTH-CSRF", token), "").await;
        let expected = if path.contains("/api/") || method != Method::GET { 401 } else { 302 };
        assert_eq!(answer.status, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn forms_of_visitors_require_a_csrf_token() {
    let site = Site::new();
    let setup = site.crossauth.auth().setup.issue_token().await.unwrap().unwrap();
    let paths = ["/login", "/api/login", "/signup", "/api/signup", "/setup"];
    for path in paths {
        let fields = fields("mallory", &setup);
        let bare = site.browser().submit_bare(path, &fields).await;
        let json: serde_json::Map<_, _> =
            fields.iter().map(|(n, v)| ((*n).to_owned(), json!(v))).collect();
        let json = site.browser().send(json_request(path), json!(json).to_string()).await;
        for response in [bare, json] {
            assert_eq!(response.status, 401, "{path}: {}", response.body);
            response.assert_no_session();
        }
    }
    assert!(site.found("mallory").await.is_none());
    // The control: with a token, each of them begins a session.
    for path in paths {
        let name = format!("carol{}", path.replace('/', "-"));
        if path.ends_with("login") {
            site.account(&name, Role::User).await;
        }
        let response = site.browser().submit(path, &fields(&name, &setup)).await;
        assert!(matches!(response.status.as_u16(), 200 | 302), "{path}: {}", response.body);
        assert!(response.set_cookie("SESSIONID").is_some(), "{path}");
    }
}

#[tokio::test]
async fn token_of_another_session_is_rejected() {
    let site = Site::new();
    let mut mallory = site.logged_in("mallory").await;
    let other = mallory.csrf_token().await;
    let mut visitor = site.browser();
    let anonymous = visitor.csrf_token().await;
    let mut bob = site.logged_in("bob").await;
    let good = bob.csrf_token().await;
    let (mask, masked) = good.split_once('.').unwrap();
    let cookie = bob.cookies["CSRFTOKEN"].clone();
    let (cookie_token, _) = cookie.split_once('.').unwrap();
    for token in [
        "",
        ".",
        "AA.AA",
        "x",
        &other,
        &anonymous,
        mask,
        masked,
        cookie_token,
        &cookie,
        &good[..good.len() - 1],
        &format!("{good}."),
        &format!("{mask}.{mask}"),
        &format!(".{cookie_token}"),
        &format!("AA.{masked}"),
        &format!("{good}, {good}"),
    ] {
        let response = bob.post_with_token("/api/logout", json!({}), token).await;
        response.assert_failure(401, "InvalidCsrf");
        let response = bob.submit_bare("/logout", &[("csrfToken", token)]).await;
        assert_eq!(response.status, 401, "{token:?}");
        assert_eq!(bob.whoami().await.as_deref(), Some("bob"), "{token:?}");
    }
    assert_eq!(bob.post_with_token("/api/logout", json!({}), &good).await.status, 200);
}

#[tokio::test]
async fn token_is_rejected_in_the_query_and_if_duplicated() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let token = bob.csrf_token().await;
    let query = format!("/api/logout?csrfToken={token}");
    bob.send(json_request(&query), "{}").await.assert_failure(401, "InvalidCsrf");
    let twice = json_request("/api/logout")
        .header("X-CROSSAUTH-CSRF", &token)
        .header("X-CROSSAUTH-CSRF", &token);
    bob.send(twice, "{}").await.assert_failure(401, "InvalidCsrf");
    let fields = [("csrfToken", token.as_str()), ("csrfToken", token.as_str())];
    assert_eq!(bob.submit_bare("/api/logout", &fields).await.status, 400);
    // An invalid header is not compensated by a valid field.
    let mixed = json_request("/api/logout").header("X-CROSSAUTH-CSRF", "x");
    let body = json!({ "csrfToken": token }).to_string();
    bob.send(mixed, body).await.assert_failure(401, "InvalidCsrf");
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
    assert_eq!(bob.submit_bare("/api/logout", &[("csrf_token", &token)]).await.status, 200);
}

#[tokio::test]
async fn injected_csrf_cookie_does_not_validate_against_a_session() {
    let site = Site::new();
    let mut mallory = site.browser();
    let token = mallory.csrf_token().await;
    let injected = mallory.cookies["CSRFTOKEN"].clone();
    let mut bob = site.logged_in("bob").await;
    let own = bob.cookies.insert("CSRFTOKEN".into(), injected.clone()).unwrap();
    let response = bob.post_with_token("/api/logout", json!({}), &token).await;
    response.assert_failure(401, "InvalidCsrf");
    // Nor together with the cookie of the site. The token of the session is accepted.
    bob.cookies.insert("CSRFTOKEN".into(), own.clone());
    let good = bob.csrf_token().await;
    let session = bob.cookies["SESSIONID"].clone();
    let send = async |token: &str| {
        let both = format!("SESSIONID={session}; CSRFTOKEN={injected}; CSRFTOKEN={own}");
        let request = json_request("/api/logout").header(COOKIE, both);
        let request = request.header("X-CROSSAUTH-CSRF", token).body("{}".into()).unwrap();
        send_bare(&site.router, request).await
    };
    send(&token).await.assert_failure(401, "InvalidCsrf");
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
    assert_eq!(send(&good).await.status, 200);
}

#[tokio::test]
async fn login_requires_an_anonymous_csrf_token() {
    let site = Site::new();
    site.account("mallory", Role::User).await;
    let token = site.browser().csrf_token().await;
    let mut victim = site.browser();
    let body = json!({"username": "mallory", "password": PASSWORD});
    let response = victim.post_with_token("/api/login", body, &token).await;
    response.assert_failure(401, "InvalidCsrf");
    response.assert_no_session();
    assert_eq!(victim.log_in("mallory", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn cross_site_request_with_a_valid_token_is_rejected() {
    let site = Site::with(|site| site.base_url("https://good.example"));
    let mut bob = site.logged_in("bob").await;
    let token = bob.csrf_token().await;
    let tries = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://good.example.evil.example"),
        ("origin", "https://evilgood.example"),
        ("origin", "https://good.example:8443"),
        ("origin", "http://good.example"),
        ("origin", "https://sub.good.example"),
    ];
    for (name, value) in tries {
        let request = json_request("/api/logout").header("X-CROSSAUTH-CSRF", &token);
        let response = bob.send(request.header(name, value), "{}").await;
        response.assert_failure(401, "InvalidCsrf");
        assert_eq!(bob.whoami().await.as_deref(), Some("bob"), "{name}: {value}");
    }
    let request = json_request("/api/logout").header("X-CROSSAUTH-CSRF", &token);
    let request = request.header(ORIGIN, "https://good.example");
    assert_eq!(bob.send(request.header("sec-fetch-site", "same-origin"), "{}").await.status, 200);
}

#[tokio::test]
async fn json_with_another_content_type_is_rejected() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let token = bob.csrf_token().await;
    let body = json!({ "csrfToken": token }).to_string();
    for (media_type, status) in [
        ("text/plain", 415),
        ("text/plain; application/json", 415),
        ("", 415),
        ("application/xml", 415),
        ("application/x-www-form-urlencoded", 401),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=x", 400),
    ] {
        let request = request(Method::POST, "/api/logout").header(CONTENT_TYPE, media_type);
        let response = bob.send(request, body.clone()).await;
        assert_eq!(response.status.as_u16(), status, "{media_type:?}: {}", response.body);
        assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
    }
    let none = request(Method::POST, "/api/logout");
    assert_eq!(bob.send(none, body.clone()).await.status, 415);
    let json = request(Method::POST, "/api/logout")
        .header(CONTENT_TYPE, "Application/JSON ; charset=utf-8");
    assert_eq!(bob.send(json, body).await.status, 200);
}

#[tokio::test]
async fn method_override_is_ignored() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let token = bob.csrf_token().await;
    for path in ["/logout", "/api/logout", "/api/login", "/api/signup"] {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE] {
            let request = request(method.clone(), &format!("{path}?_method=POST"))
                .header("X-HTTP-Method-Override", "POST")
                .header("X-Method-Override", "POST")
                .header("X-CROSSAUTH-CSRF", &token);
            let response = bob.send(request, "").await;
            let shows = path == "/logout" && matches!(method, Method::GET | Method::HEAD);
            assert_eq!(response.status, if shows { 200 } else { 405 }, "{method} {path}");
            let allowed = response.header("allow").unwrap_or_default();
            let expected =
                if path == "/logout" { allowed.contains("POST") } else { allowed == "POST" };
            assert!(shows || expected, "{method} {path}: {allowed}");
        }
    }
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn responses_have_no_cors_headers() {
    let site = Site::complete();
    let mut bob = site.logged_in("bob").await;
    for origin in ["https://evil.example", "null", "http://localhost:3000"] {
        for Endpoint { method, path, .. } in site.crossauth.endpoints() {
            let method = if method == Method::GET { method } else { Method::OPTIONS };
            let request = request(method, &path)
                .header(ORIGIN, origin)
                .header("Access-Control-Request-Method", "POST");
            let response = bob.send(request, "").await;
            let cors = |name: &&http::HeaderName| name.as_str().starts_with("access-control-");
            assert_eq!(response.headers.keys().find(cors), None, "{path}");
        }
    }
}

#[tokio::test]
async fn token_changes_at_login_and_is_never_in_a_url() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let mut browser = site.browser();
    let before = browser.csrf_token().await;
    let cookie_before = browser.cookies["CSRFTOKEN"].clone();
    let form = [("username", "bob"), ("password", PASSWORD)];
    let response = browser.submit("/login", &form).await;
    assert_eq!(response.location(), Some("/"));
    assert_ne!(browser.cookies["CSRFTOKEN"], cookie_before);
    let refused = browser.post_with_token("/api/logout", json!({}), &before).await;
    refused.assert_failure(401, "InvalidCsrf");
    let page = browser.get("/").await;
    assert!(page.body.contains("<form method=\"post\""));
    assert!(!page.body.contains("method=\"get\"") && !page.body.contains("?csrf"));
    // Nor is the old token accepted with its own cookie.
    let after = browser.cookies.insert("CSRFTOKEN".into(), cookie_before).unwrap();
    let refused = browser.post_with_token("/api/logout", json!({}), &before).await;
    refused.assert_failure(401, "InvalidCsrf");
    browser.cookies.insert("CSRFTOKEN".into(), after);
    assert_eq!(browser.post("/api/logout", json!({})).await.status, 200);
}

#[tokio::test]
async fn authorization_header_does_not_bypass_the_csrf_check() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    for value in ["Bearer x", "Basic Ym9iOng=", "ApiKey x", "", "Digest"] {
        let request = json_request("/api/logout").header(AUTHORIZATION, value);
        bob.send(request, "{}").await.assert_failure(401, "InvalidCsrf");
    }
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn every_response_has_a_fresh_mask() {
    let site = Site::new();
    let mut browser = site.browser();
    let first = browser.csrf_token().await;
    let cookie = browser.cookies["CSRFTOKEN"].clone();
    let second = browser.csrf_token().await;
    assert_ne!(first, second);
    assert_eq!(browser.cookies["CSRFTOKEN"], cookie);
    for token in [first, second] {
        let body = json!({"username": "unknown", "password": "x"});
        let response = browser.post_with_token("/api/login", body, &token).await;
        response.assert_failure(401, "UsernameOrPasswordInvalid");
    }
}

fn fields<'a>(username: &'a str, setup: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("username", username),
        ("password", PASSWORD),
        ("repeat_password", PASSWORD),
        ("token", setup),
    ]
}

#[tokio::test]
async fn fields_of_a_cross_site_form_are_not_echoed() {
    let site = Site::new();
    let mut browser = site.browser();
    let own = [("username", "x"), ("user_email", "me@own.example"), ("next", "/own")];
    let page = browser.submit("/signup", &own).await;
    assert!(page.text().contains("me@own.example") && page.text().contains("/own"));
    let forged = request(Method::POST, "/signup")
        .header("accept", "text/html")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site");
    let body = "username=mallory&user_email=mallory%40evil.example&next=%2Fevil";
    let page = browser.send(forged, body).await;
    assert_eq!(page.status, 401);
    assert!(!page.text().contains("mallory") && !page.text().contains("/evil"), "{}", page.body);
}
