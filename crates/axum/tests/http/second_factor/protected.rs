//! Requests that need the factor.

use std::time::Duration;

use axum::Router;
use axum::extract::RawQuery;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use crossauth_axum::{CsrfForm, CurrentUser, ProtectedEndpoints, require_factor};
use crossauth_core::user::FactorName;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{DUMMY, Enrolled, STEP, all_factors};
use crate::browser::{Browser, TestResponse, request};
use crate::site::Site;

#[derive(Deserialize)]
struct Payment {
    to: String,
    otp: Option<String>,
}

async fn pay(
    user: CurrentUser,
    RawQuery(query): RawQuery,
    CsrfForm(payment): CsrfForm<Payment>,
) -> String {
    let Payment { to, otp } = payment;
    format!("{} pays {to} {query:?} {otp:?}", user.username)
}

/// A site whose routes `/pay` and `logout` demand the factor.
fn site_at(prefix: &'static str) -> Site {
    let site = Site::with(|site| {
        all_factors(site).prefix(prefix).protected_endpoints(ProtectedEndpoints {
            pages: vec!["/logout".into()],
            apis: vec!["/api/logout".into()],
        })
    });
    let payments = Router::new()
        .route("/pay", post(pay).get(async || "the form"))
        .route("/other", post(pay))
        .route_layer(from_fn(require_factor));
    let router = site.crossauth.mount(payments.route("/free", get(async || "free")));
    Site { router, ..site }
}

async fn logged_in() -> (Site, Enrolled, Browser) {
    let site = site_at("/");
    let bob = site.enrolled("bob").await;
    let browser = site.through(&bob).await;
    (site, bob, browser)
}

/// Sends a body of any type with the token in a field or the header.
async fn send(browser: &mut Browser, url: &str, media_type: &str, body: String) -> TestResponse {
    let token = browser.csrf_token().await;
    let request = request(Method::POST, url)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, media_type)
        .header("X-CROSSAUTH-CSRF", token);
    browser.send(request, body).await
}

#[tokio::test]
async fn a_page_asks_for_the_code_and_executes_the_first_request() {
    for prefix in ["/", "/auth/", "/a/b/"] {
        let site = site_at(prefix);
        let bob = site.enrolled_at(prefix, "bob").await;
        let mut browser = site.browser();
        browser.prefix = prefix;
        browser.log_in("bob", crate::site::PASSWORD).await;
        let done = browser.api("loginfactor2", &site.code(&bob.phone)).await;
        assert_eq!(done.status, 200, "{}", done.body);
        site.clock.advance(STEP);
        let asked = browser.submit("/pay?a=b&c=%2F", &[("to", "amy")]).await;
        let factor2 = format!("{prefix}factor2");
        assert_eq!((asked.status.as_u16(), asked.location()), (302, Some(&*factor2)));
        let page = browser.get(&factor2).await;
        page.assert_page(200, "Enter your code");
        let action = "action=\"/pay?a=b&amp;c=%2F\"";
        assert!(page.body.replace("&#x2f;", "/").contains(action), "{}", page.body);
        assert!(!page.body.contains("remember_device"));
        let wrong = site.wrong_code(&bob.phone);
        let fields = [("otp", &*wrong), ("to", "eve")];
        let refused = browser.submit("/pay?a=b&c=%2F", &fields).await;
        let again = format!("{prefix}factor2?error=InvalidToken");
        assert_eq!((refused.status.as_u16(), refused.location()), (302, Some(&*again)));
        browser.get(&again).await.assert_page(200, "This code is not valid");
        let code = site.code(&bob.phone);
        let done = browser.submit("/pay?a=x", &[("otp", &*code), ("to", "eve")]).await;
        assert_eq!(done.body, "bob pays amy Some(\"a=b&c=%2F\") None");
        let page = browser.get(&factor2).await;
        page.assert_page(401, "No code is expected here");
    }
}

impl Site {
    async fn enrolled_at(&self, prefix: &'static str, username: &str) -> Enrolled {
        let plain = Site::over(self.storage.clone(), all_factors);
        let plain = Site { clock: self.clock.clone(), ..plain };
        assert!(prefix.ends_with('/'));
        plain.enrolled(username).await
    }
}

#[tokio::test]
async fn programs_ask_with_json_forms_and_multipart() {
    let (site, bob, mut browser) = logged_in().await;
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\namy\r\n--x--\r\n";
    for (media_type, body) in [
        ("application/json; charset=utf-8", json!({ "to": "amy" }).to_string()),
        ("application/x-www-form-urlencoded", "to=amy".to_owned()),
        ("multipart/form-data; boundary=x", multipart.to_owned()),
    ] {
        let asked = send(&mut browser, "/pay", media_type, body).await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        let asked = asked.json();
        assert_eq!((&asked["ok"], &asked["factor2Required"]), (&json!(true), &json!(true)));
        assert_eq!(asked["factor2"], json!("totp"));
        let code = json!({ "otp": site.code(&bob.phone), "to": "eve" });
        let done = send(&mut browser, "/pay", "application/json", code.to_string()).await;
        assert_eq!(done.body, "bob pays amy None None");
        site.clock.advance(STEP);
    }
}

#[tokio::test]
async fn our_endpoints_demand_the_factor_where_they_are_listed() {
    let (site, bob, mut browser) = logged_in().await;
    let asked = browser.post_json("logout", json!({})).await;
    assert_eq!(asked.json()["factor2Required"], json!(true), "{}", asked.body);
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    let wrong = browser.api("logout", &site.wrong_code(&bob.phone)).await;
    wrong.assert_failure(401, "InvalidToken");
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    assert_eq!(browser.api("logout", &site.code(&bob.phone)).await.json(), json!({ "ok": true }));
    assert_eq!(browser.whoami().await, None);
    // Users without a factor are not asked.
    let mut amy = site.logged_in("amy").await;
    assert_eq!(amy.post_json("logout", json!({})).await.json(), json!({ "ok": true }));
}

#[tokio::test]
async fn a_code_is_bound_to_the_path_of_the_waiting_request() {
    let (site, bob, mut browser) = logged_in().await;
    let code = site.code(&bob.phone);
    let with_code = json!({ "to": "eve", "otp": code }).to_string();
    let early = send(&mut browser, "/pay", "application/json", with_code.clone()).await;
    early.assert_failure(401, "Unauthorized");
    send(&mut browser, "/pay", "application/json", json!({ "to": "amy" }).to_string()).await;
    let other = send(&mut browser, "/other", "application/json", with_code.clone()).await;
    other.assert_failure(401, "Unauthorized");
    let done = send(&mut browser, "/pay", "application/json", with_code).await;
    assert_eq!(done.body, "bob pays amy None None");
}

#[tokio::test]
async fn c1_both_requests_need_the_csrf_token() {
    let (site, bob, mut browser) = logged_in().await;
    let bare = |browser: &Browser, body: Value| {
        let mut browser = browser.copy();
        async move {
            let request = crate::browser::json_request("/pay");
            browser.send(request, body.to_string()).await
        }
    };
    let first = bare(&browser, json!({ "to": "amy" })).await;
    first.assert_failure(401, "InvalidCsrf");
    browser.get("/factor2").await.assert_page(401, "No code is expected here");
    send(&mut browser, "/pay", "application/json", json!({ "to": "amy" }).to_string()).await;
    let code = site.code(&bob.phone);
    let second = bare(&browser, json!({ "otp": code })).await;
    second.assert_failure(401, "InvalidCsrf");
    let foreign = site.browser().csrf_token().await;
    let second = bare(&browser, json!({ "otp": code, "csrfToken": foreign })).await;
    second.assert_failure(401, "InvalidCsrf");
    let second = browser.post("/pay", json!({ "otp": code })).await;
    assert_eq!(second.body, "bob pays amy None None");
}

#[tokio::test]
async fn a_get_of_a_protected_page_and_cancelling_give_the_request_up() {
    let (site, bob, mut browser) = logged_in().await;
    let code = site.code(&bob.phone);
    let ask = json!({ "to": "amy" }).to_string();
    send(&mut browser, "/pay", "application/json", ask.clone()).await;
    assert_eq!(browser.get("/pay").await.body, "the form");
    browser.post("/pay", json!({ "otp": code })).await.assert_failure(401, "Unauthorized");
    send(&mut browser, "/pay", "application/json", ask.clone()).await;
    assert_eq!(browser.post_json("cancelfactor2", json!({})).await.status, 200);
    browser.post("/pay", json!({ "otp": code })).await.assert_failure(401, "Unauthorized");
    send(&mut browser, "/pay", "application/json", ask.clone()).await;
    site.clock.advance(Duration::from_mins(16));
    browser.post("/pay", json!({ "otp": code })).await.assert_failure(401, "Unauthorized");
    let asked = browser.submit("/logout", &[]).await;
    assert_eq!(asked.location(), Some("/factor2"));
    assert_eq!(browser.submit("/cancelfactor2", &[]).await.location(), Some("/logout"));
}

#[tokio::test]
async fn visitors_must_log_in_and_large_requests_are_refused() {
    let (site, _, mut browser) = logged_in().await;
    let refused = site.browser().post("/pay", json!({ "to": "amy" })).await;
    refused.assert_failure(401, "Unauthorized");
    let large = json!({ "to": "a".repeat(40_000) }).to_string();
    let refused = send(&mut browser, "/pay", "application/json", large).await;
    refused.assert_failure(413, "BadRequest");
    assert_eq!(browser.get("/free").await.body, "free");
}

#[tokio::test]
async fn too_many_codes_for_a_request_are_refused() {
    let (site, bob, mut browser) = logged_in().await;
    let wrong = site.wrong_code(&bob.phone);
    browser.submit("/pay", &[("to", "amy")]).await;
    for _ in 0..5 {
        let refused = browser.submit("/pay", &[("otp", &wrong)]).await;
        assert_eq!(refused.location(), Some("/factor2?error=InvalidToken"));
    }
    let refused = browser.submit("/pay", &[("otp", &site.code(&bob.phone))]).await;
    refused.assert_page(429, "too many attempts");
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn another_code_is_sent_for_a_request_that_waits_at_most_three_times() {
    let site = site_at("/");
    site.with_factor("eve", FactorName::EMAIL).await;
    let mut browser = site.pending("eve").await;
    assert_eq!(browser.api("loginfactor2", &site.sent_code().await).await.status, 200);
    browser.post_json("resendfactor2", json!({})).await.assert_failure(401, "Unauthorized");
    assert_eq!(browser.submit("/pay", &[("to", "amy")]).await.location(), Some("/factor2"));
    browser.get("/factor2").await.assert_page(200, "Send another code");
    let first = site.sent_code().await;
    site.clock.advance(Duration::from_secs(1));
    let page = browser.submit("/resendfactor2", &[]).await;
    page.assert_page(200, "We have sent another code");
    assert!(page.text().contains("action=\"/pay\"") && page.text().contains("e…@example.com"));
    browser.post("/pay", json!({ "otp": first })).await.assert_failure(401, "InvalidToken");
    for _ in 0..2 {
        site.clock.advance(Duration::from_secs(1));
        let asked = browser.post_json("resendfactor2", json!({})).await;
        let body = json!({
            "ok": true, "factor2Required": true, "factor2": "email", "username": "eve",
            "sentTo": "e…@example.com",
        });
        assert_eq!(asked.json(), body);
    }
    let latest = site.sent_code().await;
    let refused = browser.post_json("resendfactor2", json!({})).await;
    refused.assert_failure(429, "SlowDown");
    assert!(refused.header("retry-after").is_some());
    browser.submit("/resendfactor2", &[]).await.assert_page(429, "too many");
    let done = browser.post("/pay", json!({ "otp": latest })).await;
    assert_eq!(done.body, "eve pays amy None None");
    // The request was executed, and does not wait any more.
    browser.post_json("resendfactor2", json!({})).await.assert_failure(401, "Unauthorized");
}

#[tokio::test]
async fn wrong_codes_for_a_request_are_counted_over_codes_that_were_sent_again() {
    let site = site_at("/");
    site.with_factor("dan", FactorName::DUMMY).await;
    let mut browser = site.pending("dan").await;
    assert_eq!(browser.api("loginfactor2", DUMMY).await.status, 200);
    browser.post("/pay", json!({ "to": "amy" })).await;
    for attempt in 0..5 {
        if attempt == 2 {
            let asked = browser.post_json("resendfactor2", json!({})).await;
            assert_eq!(asked.json()["factor2Required"], json!(true), "{}", asked.body);
        }
        let wrong = browser.post("/pay", json!({ "otp": "no" })).await;
        wrong.assert_failure(401, "InvalidToken");
    }
    browser.post("/pay", json!({ "otp": DUMMY })).await.assert_failure(429, "SlowDown");
}

#[tokio::test]
async fn another_code_is_for_what_began_last() {
    let site = site_at("/");
    site.with_factor("eve", FactorName::EMAIL).await;
    site.with_factor("dan", FactorName::DUMMY).await;
    let mut browser = site.pending("eve").await;
    assert_eq!(browser.api("loginfactor2", &site.sent_code().await).await.status, 200);
    let resent = async |browser: &mut Browser| {
        site.clock.advance(Duration::from_secs(1));
        browser.post_json("resendfactor2", json!({})).await.json()["factor2"].clone()
    };
    browser.submit("/pay", &[("to", "amy")]).await;
    assert_eq!(resent(&mut browser).await, json!("email"));
    browser.log_in("dan", crate::site::PASSWORD).await;
    assert_eq!(resent(&mut browser).await, json!("dummyFactor2"));
    site.clock.advance(Duration::from_secs(1));
    browser.submit("/pay", &[("to", "amy")]).await;
    assert_eq!(resent(&mut browser).await, json!("email"));
}
