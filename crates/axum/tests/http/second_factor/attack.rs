//! Attacks on the second step of a login, by their number in the list of attacks.

use std::collections::BTreeSet;
use std::time::Duration;

use crossauth_axum::Access;
use crossauth_core::account::Role;
use crossauth_core::clock::Clock;
use crossauth_core::user::FactorName;
use serde_json::json;
use tokio::task::JoinSet;

use super::{DUMMY, STEP, log_in_on_page, site};
use crate::site::PASSWORD;

#[tokio::test]
async fn s2_the_session_id_changes_at_both_steps() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let mut browser = site.pending("bob").await;
    let pending = browser.cookies["SESSIONID"].clone();
    let token = browser.csrf_token().await;
    let mut thief = browser.copy();
    browser.api("loginfactor2", &site.code(&bob.phone)).await;
    assert_ne!(browser.cookies["SESSIONID"], pending);
    assert_eq!(thief.whoami().await, None, "the session before is dead");
    let body = json!({ "otp": site.code(&bob.phone) });
    let response = browser.post_with_token("/api/loginfactor2", body, &token).await;
    response.assert_failure(401, "InvalidCsrf");
}

#[tokio::test]
async fn c1_and_c2_the_second_step_needs_the_token_of_the_waiting_session() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let code = site.code(&bob.phone);
    let mut browser = site.pending("bob").await;
    let page = browser.submit_bare("/loginfactor2", &[("otp", &code)]).await;
    page.assert_page(401, "Enter your code");
    for token in ["", "x", &site.pending("bob").await.csrf_token().await] {
        for name in ["loginfactor2", "resendfactor2", "cancelfactor2"] {
            let body = json!({ "otp": code });
            let response = browser.post_with_token(&format!("/api/{name}"), body, token).await;
            response.assert_failure(401, "InvalidCsrf");
        }
        let query = format!("/api/loginfactor2?csrfToken={token}");
        let response = browser.send(crate::browser::json_request(&query), "{}").await;
        response.assert_failure(401, "InvalidCsrf");
    }
    assert_eq!(browser.api("loginfactor2", &code).await.status, 200);
}

#[tokio::test]
async fn s18_a_session_that_waits_for_the_factor_is_anonymous_on_every_route() {
    let site = site();
    site.enrolled("bob").await;
    let browser = site.pending("bob").await;
    for endpoint in site.crossauth.endpoints() {
        if !matches!(endpoint.access, Access::LoggedIn | Access::LoggedInWithCsrfToken) {
            continue;
        }
        let mut browser = browser.copy();
        let path = endpoint.path.replace("{id}", "x");
        let response = match endpoint.method.as_str() {
            "GET" => browser.get_json(&path).await,
            _ => browser.post(&path, json!({})).await,
        };
        let refused = response.status == 401 || response.location().is_some();
        assert!(refused, "{endpoint:?}: {} {}", response.status, response.body);
    }
    assert_eq!(browser.copy().whoami().await, None);
}

#[tokio::test]
async fn m1_nothing_but_the_code_completes_a_login() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let code = site.code(&bob.phone);
    site.browser().api("loginfactor2", &code).await.assert_failure(401, "Unauthorized");
    let mut browser = site.pending("bob").await;
    for body in [
        json!({}),
        json!({ "otp": "" }),
        json!({ "otp": null }),
        json!({ "otp": true }),
        json!({ "otp": [code] }),
        json!({ "code": code }),
        json!({ "recovery_code": "" }),
        json!({ "username": "bob", "password": PASSWORD }),
    ] {
        let response = browser.post_json("loginfactor2", body.clone()).await;
        assert_eq!(response.status, 401, "{body}: {}", response.body);
        response.assert_no_session();
    }
    assert_eq!(browser.whoami().await, None);
}

#[tokio::test]
async fn m2_one_of_many_parallel_uses_of_a_code_logs_in() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let code = site.code(&bob.phone);
    let mut browsers = Vec::new();
    for _ in 0..10 {
        browsers.push(site.pending("bob").await);
    }
    let mut all = JoinSet::new();
    for mut browser in browsers {
        let code = code.clone();
        all.spawn(async move { browser.api("loginfactor2", &code).await.status });
    }
    let statuses = all.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    // The code is used up (field reports 1 and 2); that of the next step is not.
    let mut browser = site.pending("bob").await;
    let again = browser.api("loginfactor2", &code).await;
    assert!([401, 429].contains(&again.status.as_u16()), "{}", again.body);
    site.clock.advance(Duration::from_hours(1));
    assert_eq!(site.through(&bob).await.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn m3_codes_of_earlier_steps_are_refused_after_a_later_one() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.clock.advance(STEP * 3);
    let before = site.code(&bob.phone);
    site.clock.advance(STEP);
    // Field report 3: the code of the step before, once; then the present one.
    for (code, status) in
        [(before.clone(), 200), (before.clone(), 401), (site.code(&bob.phone), 200), (before, 401)]
    {
        let mut browser = site.pending("bob").await;
        assert_eq!(browser.api("loginfactor2", &code).await.status, status);
    }
}

#[tokio::test]
async fn m4_only_adjacent_steps_are_accepted() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.clock.advance(STEP * 10);
    let old = site.code(&bob.phone);
    site.clock.advance(STEP * 2);
    let mut browser = site.pending("bob").await;
    browser.api("loginfactor2", &old).await.assert_failure(401, "InvalidToken");
    assert_eq!(browser.api("loginfactor2", &site.code(&bob.phone)).await.status, 200);
}

#[tokio::test]
async fn m5_attempts_are_limited_also_across_logins() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let wrong = site.wrong_code(&bob.phone);
    let mut browser = site.pending("bob").await;
    for _ in 0..5 {
        browser.api("loginfactor2", &wrong).await.assert_failure(401, "InvalidToken");
    }
    let right = site.code(&bob.phone);
    let refused = browser.api("loginfactor2", &right).await;
    refused.assert_failure(429, "SlowDown");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3601).contains(&wait), "{wait}");
    let page = browser.submit("/loginfactor2", &[("otp", &right)]).await;
    page.assert_page(429, "too many attempts");
    assert!(page.header("retry-after").is_some());
    let mut other = site.pending("bob").await;
    for _ in 0..5 {
        other.api("loginfactor2", &wrong).await.assert_failure(401, "InvalidToken");
    }
    let mut third = site.pending("bob").await;
    third.api("loginfactor2", &right).await.assert_failure(429, "SlowDown");
}

#[tokio::test]
async fn m6_and_m7_a_code_is_bound_to_account_and_browser() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.enrolled("amy").await;
    let mut amy = site.pending("amy").await;
    let code = site.code(&bob.phone);
    amy.api("loginfactor2", &code).await.assert_failure(401, "InvalidToken");
    site.with_factor("eve", FactorName::EMAIL).await;
    let mut first = site.pending("eve").await;
    let code = site.sent_code().await;
    let mut second = site.pending("eve").await;
    second.api("loginfactor2", &code).await.assert_failure(401, "InvalidToken");
    assert_eq!(first.api("loginfactor2", &code).await.status, 200);
    first.api("loginfactor2", &code).await.assert_failure(401, "Unauthorized");
}

#[tokio::test]
async fn m8_a_code_is_never_in_a_response() {
    let site = site();
    site.with_factor("eve", FactorName::EMAIL).await;
    let mut browser = site.browser();
    let page = log_in_on_page(&mut browser, "eve").await;
    page.assert_page(200, "e…@example.com");
    let mut responses = vec![page.body];
    responses.push(browser.get("/loginfactor2").await.body);
    responses.push(browser.post_json("resendfactor2", json!({})).await.body);
    responses.push(browser.submit("/resendfactor2", &[]).await.body);
    responses.push(browser.log_in("eve", PASSWORD).await.body);
    let now = site.clock.now();
    let queued = site.storage.outbox.claim(now, now, 100).await.unwrap();
    assert_eq!(queued.len(), 4);
    for message in queued {
        let content = site.crossauth.auth().messages.open(&message.message).unwrap();
        let code = content.variables["otp"].as_str().unwrap().to_owned();
        assert!(responses.iter().all(|body| !body.contains(&code)), "{code}");
    }
}

#[tokio::test]
async fn m10_the_request_does_not_choose_the_factor() {
    let site = site();
    site.enrolled("bob").await;
    let body = json!({
        "username": "bob", "password": PASSWORD, "factor2": "dummyFactor2", "factor1": "none",
    });
    let mut browser = site.browser();
    let asked = browser.post("/api/login", body).await;
    assert_eq!(asked.json()["factor2"], json!("totp"));
    let body = json!({ "otp": DUMMY, "factor2": "dummyFactor2" });
    browser.post_json("loginfactor2", body).await.assert_failure(401, "InvalidToken");
}

#[tokio::test]
async fn m14_a_recovery_code_logs_in_once() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let code = bob.recovery_codes[0].clone();
    let body = json!({ "otp": "", "recovery_code": code });
    let mut browser = site.pending("bob").await;
    assert_eq!(browser.post_json("loginfactor2", body.clone()).await.status, 200);
    let mut again = site.pending("bob").await;
    again.post_json("loginfactor2", body).await.assert_failure(401, "InvalidToken");
    let page = again.submit("/loginfactor2", &[("recovery_code", &bob.recovery_codes[1])]).await;
    assert_eq!(page.status, 302, "{}", page.body);
}

#[tokio::test]
async fn m19_malformed_codes_are_refused() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let code = site.code(&bob.phone);
    let arabic: String = code
        .chars()
        .map(|digit| char::from_u32(0x660 + digit.to_digit(10).unwrap()).unwrap())
        .collect();
    for wrong in [arabic, format!("{code}0"), code[1..].into(), "9".repeat(50_000)] {
        let mut browser = site.pending("bob").await;
        let response = browser.api("loginfactor2", &wrong).await;
        response.assert_failure(401, "InvalidToken");
    }
    let mut browser = site.pending("bob").await;
    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    assert_eq!(browser.api("loginfactor2", &spaced).await.status, 200);
}

#[tokio::test]
async fn l5_the_factor_is_not_shown_before_the_right_password() {
    let site = site();
    site.enrolled("bob").await;
    site.account("amy", Role::User).await;
    let mut shapes = BTreeSet::new();
    for name in ["bob", "amy", "unknown"] {
        let response = site.browser().log_in(name, "Wrong-Horse-7").await;
        let (status, headers, body) = response.shape();
        shapes.insert((status.as_u16(), format!("{headers:?}"), body));
    }
    assert_eq!(shapes.len(), 1, "{shapes:?}");
}
