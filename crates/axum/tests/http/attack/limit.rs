//! Guessing passwords, and what limits do to owners of accounts and to attackers.

mod client;
mod lane;
mod load;

use std::time::Duration;

use crossauth_core::account::Role;
use crossauth_core::limit::{LimitConfig, Rate};
use serde_json::json;

use crate::browser::{Browser, TestResponse};
use crate::site::{PASSWORD, Site, test_storage};

const WRONG: &str = "Wrong-Horse-7";
const MINUTE: Duration = Duration::from_mins(1);

/// Sends a wrong password for a name from an address, in a new browser.
async fn guess(site: &Site, name: &str, address: &str) -> TestResponse {
    site.browser().at(address).log_in(name, WRONG).await
}

/// How many of the guesses are judged.
async fn judged(site: &Site, guesses: impl IntoIterator<Item = (String, String)>) -> usize {
    let mut judged = 0;
    for (name, address) in guesses {
        let answer = guess(site, &name, &address).await;
        if answer.status == 401 {
            answer.assert_failure(401, "UsernameOrPasswordInvalid");
            judged += 1;
        } else {
            assert_refused(&answer);
        }
    }
    judged
}

#[track_caller]
fn assert_refused(answer: &TestResponse) {
    answer.assert_failure(429, "SlowDown");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
}

/// Reaches the limit of an account, each time from another address.
async fn exhaust(site: &Site, name: &str) {
    let guesses = (0..30).map(|index| (name.to_owned(), format!("198.51.100.{index}")));
    assert_eq!(judged(site, guesses).await, 20);
}

async fn site_with(names: &[&str]) -> Site {
    let site = Site::new();
    for name in names {
        site.account(name, Role::User).await;
    }
    site
}

#[tokio::test]
async fn b1_b13_after_the_limit_the_right_password_is_refused_for_a_time_that_is_told() {
    let site = site_with(&["bob"]).await;
    for _ in 0..10 {
        guess(&site, "bob", "192.0.2.1").await.assert_failure(401, "UsernameOrPasswordInvalid");
    }
    let mut browser = site.browser().at("192.0.2.1");
    let refused = browser.log_in("bob", PASSWORD).await;
    assert_refused(&refused);
    assert_eq!(refused.header("retry-after"), Some("361"));
    refused.assert_no_session();
    let page = browser.submit("/login", &[("username", "bob"), ("password", PASSWORD)]).await;
    page.assert_page(429, "Please try again in 7 minutes");
    assert_eq!(page.header("retry-after"), Some("361"));
    assert!(page.text().contains("name=\"password\""), "the form is shown again");
    site.clock.advance(6 * MINUTE);
    assert_eq!(browser.log_in("bob", PASSWORD).await.status, 200);
    // What was right costs nothing.
    for _ in 0..30 {
        assert_eq!(browser.copy().log_in("bob", PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn b1_field_report_13_the_limit_of_an_account_holds_across_addresses_and_leaves_others_alone()
{
    let site = site_with(&["bob", "alice"]).await;
    let guesses = (0..100).map(|_| ("bob".to_owned(), "192.0.2.1".to_owned()));
    assert_eq!(judged(&site, guesses).await, 10, "from one address");
    assert_eq!(site.browser().at("192.0.2.1").log_in("alice", PASSWORD).await.status, 200);
    assert_eq!(site.browser().at("192.0.2.2").log_in("bob", PASSWORD).await.status, 200);
    let guesses = (0..100).map(|index| ("bob".to_owned(), format!("198.51.100.{index}")));
    assert_eq!(judged(&site, guesses).await, 10, "20 less the 10 before");
    assert_refused(&site.browser().at("192.0.2.2").log_in("bob", PASSWORD).await);
}

#[tokio::test]
async fn b3_spellings_and_the_address_share_one_count() {
    let site = Site::new();
    site.account_with("bob", "bob@example.com").await;
    let names = ["bob", "BOB", " bob ", "\u{ff42}ob", "bob@example.com", "Bob@EXAMPLE.com"];
    let names = names.iter().cycle().take(30);
    let guesses = names.map(|name| ((*name).to_owned(), "192.0.2.1".to_owned()));
    assert_eq!(judged(&site, guesses).await, 10);
    // The same for names without an account.
    let names = ["eve", "EVE", " eve ", "\u{ff45}ve"].iter().cycle().take(30);
    let guesses = names.map(|name| ((*name).to_owned(), "192.0.2.2".to_owned()));
    assert_eq!(judged(&site, guesses).await, 10);
}

#[tokio::test]
async fn b6_spellings_of_the_path_are_no_other_door() {
    let site = site_with(&["bob"]).await;
    let guesses = (0..10).map(|_| ("bob".to_owned(), "192.0.2.1".to_owned()));
    assert_eq!(judged(&site, guesses).await, 10);
    let body = json!({ "username": "bob", "password": PASSWORD });
    for path in [
        "/api/login",
        "//api/login",
        "/api//login",
        "/api/login/",
        "/api/%6cogin",
        "/api/login;x",
        "/API/login",
        "/api/./login",
        "/api/login?x",
        "/login",
        "/login/",
        "//login",
    ] {
        let answer = site.browser().at("192.0.2.1").post(path, body.clone()).await;
        assert!(answer.status.is_client_error() || answer.status.is_redirection(), "{path}");
        answer.assert_no_session();
    }
}

#[tokio::test]
async fn b7_doors_that_test_a_password_without_a_session_share_a_count() {
    let site = Site::new();
    site.account_with("bob", "bob@example.com").await;
    let form = [("username", "bob"), ("password", WRONG)];
    let signup = json!({
        "username": "bob",
        "password": WRONG,
        "repeat_password": WRONG,
        "user_email": "bob@example.com",
    });
    let mut judged = 0;
    for round in 0..8 {
        let browser = || site.browser().at("192.0.2.1");
        let page = browser().submit("/login", &form).await;
        let json = guess(&site, "bob", "192.0.2.1").await;
        let repeated = browser().post("/api/signup", signup.clone()).await;
        for answer in [page, json, repeated] {
            judged += usize::from(answer.status != 429);
            assert!(answer.status.is_client_error(), "{round}: {}", answer.body);
        }
    }
    assert_eq!(judged, 10);
}

#[tokio::test]
async fn b8_the_count_is_stored_before_the_password_is_judged_and_survives_a_restart() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site);
    site.account("bob", Role::User).await;
    for _ in 0..9 {
        guess(&site, "bob", "192.0.2.1").await;
    }
    // The right password, but the session cannot be stored.
    storage.fail_call("sessions.start");
    let failed = site.browser().at("192.0.2.1").log_in("bob", PASSWORD).await;
    failed.assert_failure(503, "Connection");
    storage.recover();
    let site = site.restarted();
    guess(&site, "bob", "192.0.2.1").await.assert_failure(401, "UsernameOrPasswordInvalid");
    assert_refused(&guess(&site, "bob", "192.0.2.1").await);
}

#[tokio::test]
async fn b9_one_password_for_many_users_is_limited_by_address() {
    let site = site_with(&["bob"]).await;
    let guesses = (0..100).map(|index| (format!("user{index}"), "192.0.2.1".to_owned()));
    assert_eq!(judged(&site, guesses).await, 50);
    assert_refused(&site.browser().at("192.0.2.1").log_in("bob", PASSWORD).await);
    assert_eq!(site.browser().at("192.0.2.2").log_in("bob", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn b11_own_logins_do_not_reset_the_count_of_an_address() {
    let site = site_with(&["eve"]).await;
    let mut judged = 0;
    for index in 0..100 {
        let answer = guess(&site, &format!("user{index}"), "192.0.2.1").await;
        if answer.status == 429 {
            break;
        }
        judged += 1;
        if index < 49 {
            let own = site.browser().at("192.0.2.1").log_in("eve", PASSWORD).await;
            assert_eq!(own.status, 200, "{}", own.body);
        }
    }
    assert_eq!(judged, 50);
}

#[tokio::test]
async fn b12_purposes_have_limits_of_their_own() {
    let site = Site::with_mail();
    site.account_with("bob", "bob@example.com").await;
    let guesses = (0..60).map(|index| (format!("user{index}"), "192.0.2.1".to_owned()));
    assert_eq!(judged(&site, guesses).await, 50);
    let browser = || site.browser().at("192.0.2.1");
    let bob = json!({ "email": "bob@example.com" });
    assert_eq!(browser().post("/api/requestpasswordreset", bob).await.status, 200);
    let token = site.mail().await.remove(0).token().to_owned();
    for index in 0..60 {
        let token = format!("guess{index}");
        browser().post("/api/verifyemail", json!({ "token": token })).await;
    }
    assert_refused(&browser().post("/api/verifyemail", json!({ "token": "guess" })).await);
    let signup = json!({
        "username": "carol",
        "password": PASSWORD,
        "repeat_password": PASSWORD,
        "user_email": "carol@example.com",
    });
    assert_eq!(browser().post("/api/signup", signup).await.status, 200);
    assert_eq!(site.mail().await.len(), 1);
    let reset = json!({ "token": token, "new_password": "Another-Horse-8" });
    assert_refused(&browser().post("/api/resetpassword", reset.clone()).await);
    let reset = site.browser().at("192.0.2.2").post("/api/resetpassword", reset).await;
    assert_eq!(reset.status, 200, "{}", reset.body);
}

#[tokio::test]
async fn b13_l1_a_refusal_does_not_tell_whether_there_is_an_account() {
    let site = site_with(&["active", "disabled"]).await;
    let (disabled, _) = site.found("disabled").await.unwrap();
    site.set_state(&disabled, "disabled").await;
    let mut shapes = Vec::new();
    for (index, name) in ["active", "disabled", "unknown"].into_iter().enumerate() {
        let address = format!("192.0.2.{index}");
        let guesses = (0..10).map(|_| (name.to_owned(), address.clone()));
        assert_eq!(judged(&site, guesses).await, 10, "{name}");
        for password in [WRONG, PASSWORD] {
            let refused = site.browser().at(&address).log_in(name, password).await;
            assert_refused(&refused);
            shapes.push(refused.shape());
        }
    }
    assert!(shapes.windows(2).all(|pair| pair[0] == pair[1]), "{shapes:#?}");
}

#[tokio::test]
async fn b15_without_the_counters_no_password_is_judged() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site);
    site.account("bob", Role::User).await;
    let mut known = site.logged_in("bob").await;
    storage.fail_call("attempts.charge");
    for browser in [&mut site.browser().at("192.0.2.1"), &mut known] {
        let answer = browser.log_in("bob", PASSWORD).await;
        answer.assert_failure(503, "Connection");
        answer.assert_no_session();
    }
    assert_eq!(known.whoami().await.as_deref(), Some("bob"), "sessions do not need them");
    storage.recover();
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn sign_ups_and_requests_for_mail_are_limited_by_address_and_tell_nothing() {
    let site = Site::with_mail();
    site.account_with("bob", "bob@example.com").await;
    let mut shapes = Vec::new();
    for (index, email) in ["bob@example.com", "unknown@example.com"].into_iter().enumerate() {
        let address = format!("192.0.2.{index}");
        for path in ["/api/requestpasswordreset", "/api/resendverification"] {
            for _ in 0..10 {
                let mut browser = site.browser().at(&address);
                assert_eq!(browser.post(path, json!({ "email": email })).await.status, 200);
            }
        }
        for path in ["/api/requestpasswordreset", "/api/resendverification"] {
            let mut browser = site.browser().at(&address);
            let refused = browser.post(path, json!({ "email": email })).await;
            assert_refused(&refused);
            shapes.push(refused.shape());
        }
    }
    assert_eq!(shapes[..2], shapes[2..]);
    let mut created = 0;
    for index in 0..60 {
        let name = format!("user{index}");
        let signup = json!({
            "username": name,
            "password": PASSWORD,
            "repeat_password": PASSWORD,
            "user_email": format!("{name}@example.com"),
        });
        let answer = site.browser().at("203.0.113.1").post("/api/signup", signup).await;
        if answer.status == 200 {
            created += 1;
        } else {
            assert_refused(&answer);
            assert!(site.found(&name).await.is_none());
        }
    }
    assert_eq!(created, 50);
}

#[tokio::test]
async fn field_report_17_limits_that_are_off_refuse_nothing_and_others_are_as_set() {
    let off = LimitConfig {
        logins_per_account: None,
        logins_per_account_and_address: None,
        logins_per_address: None,
        ..LimitConfig::default()
    };
    let site = Site::with(|site| site.limits(off));
    site.account("bob", Role::User).await;
    let guesses = (0..100).map(|_| ("bob".to_owned(), "192.0.2.1".to_owned()));
    assert_eq!(judged(&site, guesses).await, 100);
    let rate = Some(Rate { count: 2, window: 4 * MINUTE });
    let set = LimitConfig { logins_per_account: rate, ..LimitConfig::default() };
    let site = Site::with(|site| site.limits(set));
    site.account("bob", Role::User).await;
    let guesses = || (0..9).map(|_| ("bob".to_owned(), "192.0.2.1".to_owned()));
    assert_eq!(judged(&site, guesses()).await, 2);
    site.clock.advance(2 * MINUTE);
    assert_eq!(judged(&site, guesses()).await, 1);
}

/// A browser without cookies.
fn stranger(site: &Site) -> Browser {
    site.browser().at("203.0.113.200")
}
