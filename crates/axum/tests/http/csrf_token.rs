//! `api/getcsrftoken`

use serde_json::json;

use crate::site::Site;

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
