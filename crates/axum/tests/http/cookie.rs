//! Session cookies: content and rejection.

use crossauth_axum::HostPrefix;
use crossauth_core::account::Role;
use http::header::COOKIE;
use http::{HeaderValue, Method};
use serde_json::json;

use crate::browser::{TestResponse, request, send_bare};
use crate::site::{PASSWORD, Site, test_storage};

#[tokio::test]
async fn only_signed_session_cookies_cause_a_lookup() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site);
    let mut bob = site.logged_in("bob").await;
    storage.take_calls();
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
    assert_eq!(storage.take_calls(), ["sessions.find"]);
    for forged in [None, Some("forged"), Some("id.forged")] {
        let mut browser = site.browser();
        if let Some(value) = forged {
            browser.cookies.insert("SESSIONID".into(), value.into());
        }
        assert_eq!(browser.whoami().await, None);
        assert_eq!(browser.get("/login").await.status, 200);
        assert_eq!(storage.take_calls(), [""; 0], "{forged:?}");
    }
}

#[tokio::test]
async fn host_prefixed_cookies_have_the_required_attributes_and_plain_names_are_ignored() {
    let site =
        Site::with(|site| site.base_url("https://id.example.com").host_prefix(HostPrefix::Always));
    site.account("bob", Role::User).await;
    let mut browser = site.browser();
    let response = browser.log_in("bob", PASSWORD).await;
    for name in ["__Host-SESSIONID", "__Host-CSRFTOKEN"] {
        let cookie = response.set_cookie(name).unwrap();
        for attribute in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/;"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain") && cookie.len() <= 4096, "{cookie}");
    }
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    let cookie = browser.cookies.remove("__Host-SESSIONID").unwrap();
    for name in ["SESSIONID", "__host-sessionid", "__Host-SESSIONID2", "__Secure-SESSIONID"] {
        let response = with_cookies(&site, &format!("{name}={cookie}")).await;
        response.assert_failure(401, "Unauthorized");
    }
    assert_eq!(with_cookies(&site, &format!("__Host-SESSIONID={cookie}")).await.status, 200);
}

#[tokio::test]
async fn duplicate_session_cookies_are_ignored() {
    let site = Site::new();
    let bob = site.logged_in("bob").await.cookies["SESSIONID"].clone();
    let mallory = site.logged_in("mallory").await.cookies["SESSIONID"].clone();
    assert_eq!(with_cookies(&site, &format!("SESSIONID={bob}")).await.status, 200);
    for (one, two) in [(&bob, &mallory), (&mallory, &bob), (&bob, &bob)] {
        let response = with_cookies(&site, &format!("SESSIONID={one}; SESSIONID={two}")).await;
        response.assert_failure(401, "Unauthorized");
        assert!(response.set_cookie("SESSIONID").unwrap().contains("1970"));
        let apart = request(Method::GET, "/api/userforsessionkey")
            .header(COOKIE, format!("SESSIONID={one}"))
            .header(COOKIE, format!("SESSIONID={two}"));
        let response = send_bare(&site.router, apart.body("".into()).unwrap()).await;
        response.assert_failure(401, "Unauthorized");
    }
}

#[tokio::test]
async fn malformed_session_cookies_do_not_authenticate() {
    let site = Site::new();
    let good = site.logged_in("bob").await.cookies["SESSIONID"].clone();
    assert_eq!(with_cookies(&site, &format!("SESSIONID={good}")).await.status, 200);
    let (id, signature) = good.split_once('.').unwrap();
    let mut broken: Vec<Vec<u8>> = (0..good.len())
        .map(|at| {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= 1;
            bytes
        })
        .collect();
    broken.extend((0..good.len()).map(|len| good.as_bytes()[..len].to_vec()));
    for text in [
        String::new(),
        id.to_owned(),
        format!("{id}."),
        format!(".{signature}"),
        format!("{good}x"),
        format!("{good}.x"),
        format!("{good}="),
        format!("\"{good}\""),
        format!("{id}.{}", signature.to_uppercase()),
        "a".repeat(10_000),
        "!!!.???".to_owned(),
        "%00".to_owned(),
        "\u{fc}\u{1F40E}".to_owned(),
    ] {
        broken.push(text.into_bytes());
    }
    broken.push(b"\xFF\xFE".to_vec());
    for value in broken {
        let Ok(header) = HeaderValue::from_bytes(&[b"SESSIONID=", &value[..]].concat()) else {
            continue;
        };
        let request = request(Method::GET, "/api/userforsessionkey").header(COOKIE, header);
        let response = send_bare(&site.router, request.body("".into()).unwrap()).await;
        response.assert_failure(401, "Unauthorized");
        // Another application may use the name, so what cannot be one of ours stays. What cannot be
        // told from a duplicate is removed.
        let removed =
            response.set_cookie("SESSIONID").is_some_and(|cookie| cookie.contains("1970"));
        assert_eq!(removed, value.len() > 512 || std::str::from_utf8(&value).is_err(), "{value:?}");
    }
}

#[tokio::test]
async fn cookies_of_other_applications_are_ignored() {
    let site = Site::new();
    let good = site.logged_in("bob").await.cookies["SESSIONID"].clone();
    for other in ["theme=d\u{fc}ster", "a", "=", "x=\"SESSIONID=1\"", "SESSIONID2=x", ""] {
        let response = with_cookies(&site, &format!("{other}; SESSIONID={good}")).await;
        assert_eq!(response.status, 200, "{other:?}: {}", response.body);
    }
}

#[tokio::test]
async fn session_id_in_url_body_or_another_header_is_ignored() {
    let site = Site::new();
    let cookie = site.logged_in("bob").await.cookies["SESSIONID"].clone();
    let query = format!("/api/userforsessionkey?SESSIONID={cookie}&sessionid={cookie}");
    for (path, header) in [
        (query.as_str(), "x-nothing"),
        ("/api/userforsessionkey", "SESSIONID"),
        ("/api/userforsessionkey", "X-Session-Id"),
        ("/api/userforsessionkey", "Authorization"),
    ] {
        let request = request(Method::GET, path).header(header, &cookie);
        let response = send_bare(&site.router, request.body("".into()).unwrap()).await;
        response.assert_failure(401, "Unauthorized");
    }
    let mut visitor = site.browser();
    visitor.submit("/logout", &[("SESSIONID", &cookie)]).await;
    assert_eq!(with_cookies(&site, &format!("SESSIONID={cookie}")).await.status, 200);
}

#[tokio::test]
async fn cookie_signed_with_another_secret_is_ignored() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let other =
        Site::over(site.storage.clone(), |other| other.secret("quite another secret of tests"));
    let cookie = other.logged_in("bob").await.cookies["SESSIONID"].clone();
    let response = with_cookies(&site, &format!("SESSIONID={cookie}")).await;
    response.assert_failure(401, "Unauthorized");
    assert_eq!(
        response.set_cookie("SESSIONID"),
        None,
        "it may belong to an application beside this"
    );
    let mut browser = site.browser();
    browser.cookies.insert("SESSIONID".into(), cookie.clone());
    assert_eq!(browser.get("/login").await.status, 200);
    assert_eq!(browser.cookies["SESSIONID"], cookie);
    // A login here takes the name over.
    assert_eq!(browser.log_in("bob", PASSWORD).await.status, 200);
    assert_ne!(browser.cookies["SESSIONID"], cookie);
    assert_eq!(with_cookies(&other, &format!("SESSIONID={cookie}")).await.status, 200);
}

#[tokio::test]
async fn session_and_csrf_cookies_are_not_interchangeable() {
    let site = Site::new();
    let mut visitor = site.browser();
    visitor.csrf_token().await;
    let mut bob = site.logged_in("bob").await;
    for cookie in [visitor.cookies["CSRFTOKEN"].clone(), bob.cookies["CSRFTOKEN"].clone()] {
        let response = with_cookies(&site, &format!("SESSIONID={cookie}")).await;
        response.assert_failure(401, "Unauthorized");
    }
    let session = bob.cookies["SESSIONID"].clone();
    let good = bob.csrf_token().await;
    visitor.cookies.insert("CSRFTOKEN".into(), session);
    let body = json!({"username": "bob", "password": PASSWORD});
    visitor.post_with_token("/api/login", body, &good).await.assert_failure(401, "InvalidCsrf");
    assert_eq!(bob.post("/api/logout", json!({})).await.status, 200);
}

/// The response to who is logged in, for a request with this `Cookie` header.
pub(crate) async fn with_cookies(site: &Site, cookies: &str) -> TestResponse {
    let cookies = HeaderValue::from_bytes(cookies.as_bytes()).unwrap();
    let request = request(Method::GET, "/api/userforsessionkey").header(COOKIE, cookies);
    send_bare(&site.router, request.body("".into()).unwrap()).await
}
