//! `api/getcsrftoken`

use serde_json::json;

use crate::browser::json_request;
use crate::csrf::{assert_refused, needs_token};
use crate::site::{PASSWORD, Site, UNSAFE_OF_USERS};

#[tokio::test]
async fn token_is_in_cookie_body_and_header() {
    let site = Site::new();
    let mut browser = site.browser();
    let response = browser.get_json("/api/getcsrftoken").await;
    assert_eq!(response.status, 200);
    assert_eq!(response.json()["ok"], json!(true));
    let cookie = response.set_cookie("CSRFTOKEN").unwrap();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains("Expires"), "{cookie}");
    assert!(response.set_cookie("SESSIONID").is_none());
    let in_body = response.json()["csrfToken"].as_str().unwrap().to_owned();
    let in_header = response.header("x-crossauth-csrf").unwrap().to_owned();
    for token in [in_body, in_header] {
        let body = json!({"username": "unknown", "password": "x"});
        let response = browser.post_with_token("/api/login", body, &token).await;
        response.assert_failure(401, "UsernameOrPasswordInvalid");
    }
}

#[tokio::test]
async fn valid_csrf_cookie_is_kept() {
    let site = Site::new();
    let mut browser = site.browser();
    browser.csrf_token().await;
    let again = browser.get_json("/api/getcsrftoken").await;
    assert!(again.set_cookie("CSRFTOKEN").is_none());
}

#[tokio::test]
async fn invalid_csrf_cookie_is_replaced() {
    let site = Site::new();
    let mut browser = site.browser();
    for forged in ["x", "AAECAwQFBgcICQoLDA0ODw.x", "a.b.c", ""] {
        browser.cookies.insert("CSRFTOKEN".into(), forged.into());
        let response = browser.get_json("/api/getcsrftoken").await;
        assert_eq!(response.status, 200);
        assert!(!response.set_cookie("CSRFTOKEN").unwrap().contains("1970"), "{forged:?}");
        assert_ne!(browser.cookies["CSRFTOKEN"], forged);
    }
}

#[tokio::test]
async fn unsafe_routes_of_users_require_a_csrf_token() {
    let site = Site::new();
    let mut other = site.logged_in("bob").await;
    let mut browser = site.logged_in("bob").await;
    let body = json!({"password": PASSWORD, "old_password": PASSWORD,
        "new_password": "Another-Horse-8", "user_phone": "1"});
    for path in UNSAFE_OF_USERS {
        let response = browser.submit_bare(path, &[("password", PASSWORD)]).await;
        let foreign = other.csrf_token().await;
        for response in [
            response,
            browser.send(json_request(path), body.to_string()).await,
            browser.post_with_token(path, body.clone(), &foreign).await,
        ] {
            assert_eq!(response.status, 401, "{path}: {}", response.body);
            response.assert_no_session();
        }
    }
    for browser in [&mut browser, &mut other] {
        assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    }
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
    assert!(!site.found("bob").await.unwrap().0.extra.contains_key("phone"));
}

#[tokio::test]
async fn every_unsafe_endpoint_of_the_table_requires_a_csrf_token() {
    // With mail, all features are enabled.
    let site = Site::with_mail();
    let endpoints = site.crossauth.endpoints();
    let endpoints: Vec<_> = endpoints.iter().filter(|it| needs_token(it.access)).collect();
    assert!(endpoints.iter().any(|it| it.path == "/api/resetpassword"), "{endpoints:?}");
    for endpoint in endpoints {
        let path = endpoint.path.as_str();
        let mut browser = site.logged_in("bob").await;
        assert_refused(path, &browser.send(json_request(path), "{}").await);
        assert_refused(path, &browser.submit_bare(path, &[("token", "x")]).await);
        assert_eq!(browser.whoami().await.as_deref(), Some("bob"), "{path}");
    }
}
