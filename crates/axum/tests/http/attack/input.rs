//! Odd values and methods, and errors of many requests at once.

use std::sync::Arc;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::KeyPrefix;
use http::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::browser::{Browser, TestResponse};
use crate::site::{PASSWORD, Site};

#[tokio::test]
async fn i8_line_breaks_in_any_field_begin_no_header_and_no_cookie() {
    let site = Site::complete();
    let breaks = "x\r\nX-Injected: 1\r\nSet-Cookie: SESSIONID=evil\r\n\r\n<html>";
    let encoded: String = url::form_urlencoded::byte_serialize(breaks.as_bytes()).collect();
    let fields = [
        "username",
        "password",
        "next",
        "token",
        "email",
        "otp",
        "factor2",
        "id",
        "persist",
        "user_email",
        "user_phone",
        "old_password",
        "new_password",
        "csrfToken",
        "resend",
    ];
    let endpoints = site.crossauth.endpoints();
    assert!(endpoints.len() > 40, "{}", endpoints.len());
    for endpoint in endpoints {
        let path = endpoint.path.replace("{id}", &encoded).replace("{token}", &encoded);
        let query = format!("{path}?next={encoded}&error={encoded}&token={encoded}&{encoded}=1");
        for mut browser in [site.browser(), site.logged_in("bob").await] {
            let response = if endpoint.method == Method::GET {
                browser.get(&query).await
            } else {
                let fields: Vec<_> = fields.iter().map(|name| (*name, breaks)).collect();
                // Once with the token, which a field of this name would contradict.
                let with_token: Vec<_> =
                    fields.iter().copied().filter(|(name, _)| *name != "csrfToken").collect();
                assert_clean(&query, &browser.submit_bare(&path, &fields).await);
                browser.submit(&query, &with_token).await
            };
            assert_clean(&query, &response);
        }
    }
}

#[track_caller]
fn assert_clean(what: &str, response: &TestResponse) {
    assert!(response.status.as_u16() < 500, "{what}: {}", response.body);
    assert_eq!(response.header("x-injected"), None, "{what}");
    for (name, value) in &response.headers {
        assert!(!value.as_bytes().contains(&b'\n') && !value.as_bytes().contains(&b'\r'), "{name}");
        assert!(!value.to_str().unwrap().contains("SESSIONID=evil"), "{what}: {value:?}");
    }
}

#[tokio::test]
async fn i15_numbers_at_the_limits_are_refused_and_fail_nothing() {
    let site = Site::complete();
    let mut bob = site.enrolled_browser("bob").await.browser;
    let numbers = ["-1", "0", "2147483648", "9223372036854775808", "18446744073709551616", "1e308"];
    for number in numbers {
        let id = bob.post(&format!("/api/endsession/{number}"), json!({})).await;
        assert_eq!(id.status, 404, "{number}");
        let number: Value = serde_json::from_str(number).unwrap();
        for (path, name) in [
            ("/api/forgetdevice", "id"),
            ("/api/loginfactor2", "otp"),
            ("/api/resetpassword", "token"),
            ("/api/verifyemail", "token"),
            ("/api/requestpasswordreset", "email"),
            ("/api/changefactor2", "factor2"),
            ("/api/signup", "factor2"),
            ("/api/updateuser", "user_email"),
        ] {
            let mut body = json!({ "username": "eve", "password": PASSWORD });
            body[name] = number.clone();
            let answer = bob.copy().post(path, body).await;
            let status = answer.status.as_u16();
            let waits = answer.json()["factor2Required"] == json!(true);
            assert!(waits || (400..500).contains(&status), "{path} {number}: {}", answer.body);
        }
    }
    assert!(site.found("eve").await.is_none());
    // A clock that is far off: nothing overflows, and what has expired is refused.
    for time in [253_402_300_799, 0] {
        site.clock.set(Timestamp::from_secs(time));
        let unknown = format!("unknown{time}");
        let answer = site.browser().log_in(&unknown, PASSWORD).await;
        answer.assert_failure(401, "UsernameOrPasswordInvalid");
        let mut amy = site.logged_in("amy").await;
        assert_eq!(amy.whoami().await.as_deref(), Some("amy"), "{time}");
        let (amy, _) = site.found("amy").await.unwrap();
        let keys = site.storage.keys.list_for_user(Some(&amy.id), KeyPrefix::Session, None, 9);
        assert!(!keys.await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g8_errors_of_concurrent_requests_do_not_mix() {
    let site = Site::complete();
    let mut all = JoinSet::new();
    // As many at once as the queue for hashing holds.
    let places = Arc::new(Semaphore::new(64));
    for index in 0..200 {
        let mut browser = site.browser();
        let places = places.clone();
        all.spawn(async move {
            let _place = places.acquire().await.unwrap();
            (index, failures(&mut browser, index).await)
        });
    }
    let mut ids = std::collections::HashSet::new();
    for (index, responses) in all.join_all().await {
        let own = format!("person-{index}-end");
        for response in responses {
            let id = response.header("x-request-id").unwrap().to_owned();
            assert!(ids.insert(id), "a request id came twice");
            assert!(response.text().contains(&own), "{own} is not in {}", response.body);
            let others = response.text().matches("person-").count();
            assert_eq!(others, response.text().matches(&own).count(), "{}", response.body);
        }
    }
    assert_eq!(ids.len(), 400);
}

/// Two errors whose pages show what this visitor typed.
async fn failures(browser: &mut Browser, index: usize) -> [TestResponse; 2] {
    let name = format!("person-{index}-end");
    let login = browser.submit("/login", &[("username", &name), ("password", "x")]).await;
    login.assert_page(401, "Invalid username or password");
    let form = [("username", name.as_str()), ("password", "short"), ("user_email", "x")];
    let signup = browser.submit("/signup", &form).await;
    assert_eq!(signup.status, 400);
    [login, signup]
}

#[tokio::test]
async fn b58_forms_without_their_fields_are_refused_at_every_endpoint() {
    let site = Site::complete();
    for endpoint in site.crossauth.endpoints() {
        let path = endpoint.path.replace("{id}", "x").replace("{token}", "x");
        for mut browser in [site.browser(), site.logged_in("bob").await] {
            let response = match endpoint.method {
                Method::GET => browser.get(&path).await,
                _ => browser.post(&path, json!({})).await,
            };
            assert!(response.status.as_u16() < 500, "{path}: {}", response.body);
            if ["/api/signup", "/signup", "/api/login", "/login"].contains(&&*path)
                && endpoint.method != Method::GET
            {
                assert_eq!(response.status, 400, "{path}: {}", response.body);
            }
        }
    }
}
