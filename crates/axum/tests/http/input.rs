//! Requests that are too large, malformed, or contain invalid characters.

use crossauth_core::storage::UserQuery;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use crossauth_axum::BodyLimits;
use crossauth_core::account::Role;
use http::Method;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body::Frame;
use serde_json::json;

use crate::browser::{Browser, TestResponse, json_request, request};
use crate::site::{PASSWORD, Site};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn body_over_the_limit_is_too_large_with_and_without_content_length() {
    let site = Site::complete();
    let limit = 64 * 1024;
    let [bob, _] = site.users().await;
    for path in site.unsafe_paths() {
        for media_type in ["application/json", FORM, "multipart/form-data; boundary=b", "x/y"] {
            let mut browser = bob.copy();
            let typed = || request(Method::POST, &path).header(CONTENT_TYPE, media_type);
            let whole = browser.send(typed(), "a".repeat(limit + 1)).await;
            assert_eq!(whole.status, 413, "{path} {media_type}: {}", whole.body);
            let announced = typed().header(CONTENT_LENGTH, limit + 1);
            assert_eq!(browser.send(announced, Body::empty()).await.status, 413, "{path}");
            let drawn = Arc::new(AtomicUsize::new(0));
            let endless = Body::new(Endless(drawn.clone()));
            assert_eq!(browser.send(typed(), endless).await.status, 413, "{path}");
            assert!(drawn.load(Ordering::Relaxed) <= limit + 2 * Endless::CHUNK);
        }
    }
    let mut bob = site.logged_in("bob").await;
    let mut padded = json!({}).to_string();
    padded.push_str(&" ".repeat(limit - padded.len()));
    let token = bob.csrf_token().await;
    let request = json_request("/api/logout").header("X-CROSSAUTH-CSRF", token);
    assert_eq!(bob.send(request, padded).await.status, 200);
}

#[tokio::test]
async fn large_password_is_refused_before_it_is_hashed() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let password = "a".repeat(1024 * 1024);
    let response = site.browser().log_in("bob", &password).await;
    response.assert_failure(413, "BadRequest");
    let page =
        site.browser().submit("/login", &[("username", "bob"), ("password", &password)]).await;
    page.assert_page(413, "The body is too large");
}

#[tokio::test]
async fn incomplete_body_times_out() {
    let limits = BodyLimits { time: Duration::from_millis(1), ..BodyLimits::default() };
    let site = Site::with(|site| site.body_limits(limits));
    let response = site.browser().send(json_request("/api/login"), Body::new(Stalled)).await;
    response.assert_failure(408, "BadRequest");
}

#[tokio::test]
async fn compressed_bodies_are_refused() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let token = bob.csrf_token().await;
    for encoding in ["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip"] {
        let request = json_request("/api/logout")
            .header("X-CROSSAUTH-CSRF", &token)
            .header(CONTENT_ENCODING, encoding);
        bob.send(request, "{}").await.assert_failure(415, "BadRequest");
    }
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn json_other_than_a_flat_object_is_a_bad_request() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for body in [
        "[]".to_owned(),
        "null".into(),
        "\"username\"".into(),
        "{".into(),
        "{}{}".into(),
        r#"{"username":"bob","username":"bob","password":"x"}"#.into(),
        r#"{"username":"bob","password":NaN}"#.into(),
        r#"{"username":"bob","password":1e999}"#.into(),
        r#"{"username":"\ud800","password":"x"}"#.into(),
        "\u{FEFF}{\"username\":\"bob\",\"password\":\"x\"}".into(),
        format!(r#"{{"username":"bob","password":{deep}}}"#),
        format!(r#"{{"username":[{}0],"password":"x"}}"#, "0,".repeat(30_000)),
        serde_json::to_string(&(0..300).map(|n| (n, 0)).collect::<BTreeMap<u16, u8>>()).unwrap(),
    ] {
        let mut browser = site.browser();
        let token = browser.csrf_token().await;
        let request = json_request("/api/login").header("X-CROSSAUTH-CSRF", token);
        let response = browser.send(request, body.clone()).await;
        assert_eq!(response.status, 400, "{}: {}", &body[..body.len().min(60)], response.body);
        response.assert_failure(400, "BadRequest");
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_or_has_a_nul_is_a_bad_request_in_every_field() {
    let site = Site::new();
    let names =
        ["username", "password", "repeat_password", "user_email", "next", "token", "persist", "x"];
    for path in ["/login", "/signup", "/setup", "/logout", "/api/login", "/api/signup"] {
        for name in names {
            for value in ["%FF", "%C3", "a%00b", "%ED%A0%80"] {
                let response = send_form(&site, path, &format!("{name}={value}")).await;
                assert_eq!(response.status, 400, "{path} {name}={value}: {}", response.body);
            }
            let odd_name = send_form(&site, path, &format!("{name}%00=x&{name}%FF=y")).await;
            assert_eq!(odd_name.status, 400);
            for json in [json!({ name: "a\0b" }), json!({ name: [{ "a\0b": 1 }] })] {
                let response = site.browser().send(json_request(path), json.to_string()).await;
                assert_eq!(response.status, 400, "{path} {json}: {}", response.body);
            }
        }
    }
}

#[tokio::test]
async fn invalid_characters_in_a_name_are_rejected_at_signup_and_match_no_user_at_login() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    for name in [
        "\u{FEFF}bob",
        "bob\u{202E}",
        "bob\u{200D}",
        "bo\rb",
        "bo\nb",
        "bob\u{1b}[31m",
        "bob\u{7f}",
        "\u{2066}bob",
        "bob\u{E000}",
        "\u{FFFD}bob",
    ] {
        let form = json!({"username": name, "password": PASSWORD});
        let response = site.browser().post("/api/signup", form).await;
        response.assert_failure(400, "FormEntry");
        let response = site.browser().log_in(name, PASSWORD).await;
        response.assert_failure(401, "UsernameOrPasswordInvalid");
        assert!(response.headers.values().all(|value| !value.as_bytes().contains(&b'\n')));
    }
    assert_eq!(site.storage.users.list(&UserQuery::first(10)).await.unwrap().users.len(), 1);
}

#[tokio::test]
async fn form_with_too_many_fields_is_a_bad_request() {
    let site = Site::new();
    let many = (0..10_000).map(|n| n.to_string()).collect::<Vec<_>>().join("&");
    assert_eq!(send_form(&site, "/login", &many).await.status, 400);
    let huge = "a&".repeat(100_000);
    assert_eq!(send_form(&site, "/login", &huge).await.status, 413);
    assert_eq!(send_form(&site, "/login", "a=1&a=1").await.status, 400);
}

#[tokio::test]
async fn numbers_are_rejected_as_text_and_accepted_as_flags() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    for number in ["-1", "2147483648", "9223372036854775808", "1e308", "-0.0"] {
        let number: serde_json::Value = serde_json::from_str(number).unwrap();
        for name in ["username", "password", "next"] {
            let mut body = json!({"username": "bob", "password": PASSWORD});
            body[name] = number.clone();
            site.browser().post("/api/login", body).await.assert_failure(400, "BadRequest");
        }
        let body = json!({"username": "bob", "password": PASSWORD, "persist": number});
        assert_eq!(site.browser().post("/api/login", body).await.status, 200);
    }
    let long_ago = "SESSIONID=x; Expires=Fri, 31 Dec 9999 23:59:59 GMT";
    let request = request(Method::GET, "/login").header("cookie", long_ago);
    assert_eq!(site.browser().send(request, "").await.status, 200);
}

#[tokio::test]
async fn multipart_forms_are_equivalent_to_urlencoded_forms() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let mut browser = site.browser();
    let token = browser.csrf_token().await;
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let good = part("username", "bob") + &*part("password", PASSWORD) + &*part("csrfToken", &token);
    for (body, status) in [
        (good.clone() + &*part("password", "x") + "--b--\r\n", 400),
        (good.clone(), 400),
        (good.clone() + "--b\r\n\r\nnameless\r\n--b--\r\n", 400),
        (good.clone() + &*part("x", "a\0b") + "--b--\r\n", 400),
        (good + "--b--\r\n", 302),
    ] {
        let response = send_multipart(&mut browser, &body).await;
        assert_eq!(response.status.as_u16(), status, "{body:?}: {}", response.body);
    }
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

async fn send_multipart(browser: &mut Browser, body: &str) -> TestResponse {
    let request = request(Method::POST, "/login")
        .header(ACCEPT, "text/html")
        .header(CONTENT_TYPE, "multipart/form-data; boundary=b");
    browser.send(request, body.to_owned()).await
}

async fn send_form(site: &Site, path: &str, body: &str) -> TestResponse {
    let mut browser = site.browser();
    let token = browser.csrf_token().await;
    let request =
        request(Method::POST, path).header(CONTENT_TYPE, FORM).header("X-CROSSAUTH-CSRF", token);
    browser.send(request, body.to_owned()).await
}

/// An endless body, which counts the bytes that are read.
struct Endless(Arc<AtomicUsize>);

impl Endless {
    const CHUNK: usize = 1024;
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.fetch_add(Self::CHUNK, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'a'; Self::CHUNK])))))
    }
}

/// A body that never arrives.
struct Stalled;

impl http_body::Body for Stalled {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }
}
