//! `api/sessions`, `api/endsession/{id}`, `api/endothersessions`, and the list on the account page.

use std::time::Duration;

use axum::extract::ConnectInfo;
use crossauth_core::account::Role;
use crossauth_core::key::KeyPrefix;
use http::Method;
use http::header::{ACCEPT, USER_AGENT};
use serde_json::{Value, json};

use crate::browser::{Browser, json_request, request};
use crate::site::{PASSWORD, Site};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

async fn sessions(browser: &mut Browser) -> Vec<Value> {
    let response = browser.get_json("/api/sessions").await;
    assert_eq!(response.status, 200, "{}", response.body);
    let body = response.json();
    assert_eq!(body["ok"], json!(true));
    body["sessions"].as_array().unwrap().clone()
}

fn id(session: &Value) -> &str {
    session["id"].as_str().unwrap()
}

/// The id of the session of this browser.
async fn own_id(browser: &mut Browser) -> String {
    let sessions = sessions(browser).await;
    let current: Vec<_> = sessions.iter().filter(|it| it["current"] == json!(true)).collect();
    assert_eq!(current.len(), 1, "{sessions:?}");
    id(current[0]).to_owned()
}

/// A browser in which bob logged in with this address and `User-Agent`.
async fn logged_in_from(site: &Site, address: [u8; 4], user_agent: &str) -> Browser {
    let mut browser = site.browser();
    let token = browser.csrf_token().await;
    let request = json_request("/api/login")
        .header("X-CROSSAUTH-CSRF", token)
        .header(USER_AGENT, user_agent)
        .extension(ConnectInfo(std::net::SocketAddr::from((address, 4711))));
    let body = json!({"username": "bob", "password": PASSWORD}).to_string();
    assert_eq!(browser.send(request, body).await.status, 200);
    browser
}

#[tokio::test]
async fn own_sessions_are_listed_with_device_address_and_times() {
    let site = Site::new();
    let mut first = site.logged_in("bob").await;
    site.logged_in("alice").await;
    site.clock.advance(Duration::from_hours(2));
    let mut second = logged_in_from(&site, [203, 0, 113, 9], FIREFOX).await;
    let listed = sessions(&mut second).await;
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert_eq!(
        listed[0],
        json!({
            "id": id(&listed[0]),
            "current": true,
            "created": "2026-01-01T02:00:00Z",
            "lastActive": "2026-01-01T02:00:00Z",
            "expires": "2026-01-31T02:00:00Z",
            "device": "Firefox on Linux",
            "address": "203.0.113.9",
        })
    );
    assert_eq!(
        (&listed[1]["current"], &listed[1]["created"], &listed[1]["device"]),
        (&json!(false), &json!("2026-01-01T00:00:00Z"), &Value::Null)
    );
    let from_first = sessions(&mut first).await;
    assert_eq!(id(&from_first[0]), id(&listed[0]));
    assert_eq!(
        (&from_first[0]["current"], &from_first[1]["current"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn ids_of_listed_sessions_are_no_credentials() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let mut bob = logged_in_from(&site, [10, 0, 0, 1], "curl/8.5").await;
    let listed = sessions(&mut bob).await;
    let cookie = bob.cookies["SESSIONID"].clone();
    let user = site.found("bob").await.unwrap().0;
    let stored = site.storage.keys.list_for_user(Some(&user.id), KeyPrefix::Session, None, 9).await;
    let stored = &stored.unwrap()[0].value;
    let id = id(&listed[0]);
    assert!(!cookie.contains(id) && !stored.contains(id) && !id.contains(&stored[2..]));
    for forged in [id.to_owned(), stored.clone(), format!("s:{id}")] {
        bob.cookies.insert("SESSIONID".into(), forged);
        assert_eq!(bob.get_json("/api/sessions").await.status, 401);
    }
}

#[tokio::test]
async fn s15_sessions_of_others_are_not_found_like_absent_ones() {
    let site = Site::new();
    let mut alice = site.logged_in("alice").await;
    let of_alice = own_id(&mut alice).await;
    let mut bob = site.logged_in("bob").await;
    let absent = bob.post("/api/endsession/nothing", json!({})).await;
    absent.assert_failure(404, "BadRequest");
    let foreign = bob.post(&format!("/api/endsession/{of_alice}"), json!({})).await;
    assert_eq!(foreign.shape(), absent.shape());
    assert_eq!(alice.whoami().await.as_deref(), Some("alice"));
    let page = bob.submit(&format!("/endsession/{of_alice}"), &[]).await;
    let absent = bob.submit("/endsession/nothing", &[]).await;
    assert_eq!(page.status, 404);
    assert_eq!(page.status, absent.status);
    // The control: alice ends it herself.
    let mut other = site.logged_in("alice").await;
    let ended = other.post(&format!("/api/endsession/{of_alice}"), json!({})).await;
    assert_eq!((ended.status.as_u16(), ended.json()), (200, json!({"ok": true})));
    assert_eq!(alice.whoami().await, None);
    assert_eq!(other.whoami().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn x9_only_the_path_says_which_session_ends() {
    let site = Site::new();
    let mut kept = site.logged_in("bob").await;
    let mut ended = site.logged_in("bob").await;
    let mut bob = site.logged_in("bob").await;
    let (kept_id, ended_id) = (own_id(&mut kept).await, own_id(&mut ended).await);
    let body = json!({"id": kept_id, "sessionId": kept_id});
    let response = bob.post(&format!("/api/endsession/{ended_id}?id={kept_id}"), body).await;
    assert_eq!(response.status, 200);
    assert_eq!(kept.whoami().await.as_deref(), Some("bob"));
    assert_eq!(ended.whoami().await, None);
}

#[tokio::test]
async fn current_session_can_be_ended_and_its_cookie_goes() {
    let site = Site::new();
    for path in ["/endsession/", "/api/endsession/"] {
        let mut bob = site.logged_in("bob").await;
        let old = bob.copy();
        let path = format!("{path}{}", own_id(&mut bob).await);
        let response = bob.submit(&path, &[]).await;
        assert!(matches!(response.status.as_u16(), 200 | 302), "{}", response.body);
        assert_eq!(response.header("clear-site-data"), Some("\"cache\""));
        assert!(!bob.cookies.contains_key("SESSIONID"));
        for mut browser in [bob, old] {
            assert_eq!(browser.whoami().await, None);
        }
    }
}

#[tokio::test]
async fn other_sessions_end_and_the_current_one_stays() {
    let site = Site::new();
    for path in ["/endothersessions", "/api/endothersessions"] {
        let mut others = [site.logged_in("bob").await, site.logged_in("bob").await];
        let mut alice = site.logged_in("alice").await;
        let mut bob = site.logged_in("bob").await;
        let response = bob.submit(path, &[("next", "/account")]).await;
        let expected = if path.starts_with("/api") { 200 } else { 302 };
        assert_eq!(response.status, expected, "{}", response.body);
        if expected == 302 {
            assert_eq!(response.location(), Some("/account"));
        }
        for other in &mut others {
            assert_eq!(other.whoami().await, None);
        }
        assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
        assert_eq!(alice.whoami().await.as_deref(), Some("alice"));
        assert_eq!(sessions(&mut bob).await.len(), 1);
    }
}

#[tokio::test]
async fn expired_and_idle_sessions_are_not_listed() {
    let site = Site::with(|site| site.idle_timeout(Duration::from_hours(1)));
    site.logged_in("bob").await;
    site.clock.advance(Duration::from_mins(59));
    let mut bob = site.logged_in("bob").await;
    assert_eq!(sessions(&mut bob).await.len(), 2);
    site.clock.advance(Duration::from_mins(2));
    assert_eq!(sessions(&mut bob).await.len(), 1);
}

#[tokio::test]
async fn account_page_ends_a_session_without_javascript() {
    let site = Site::new();
    site.logged_in("bob").await;
    let mut other = logged_in_from(&site, [198, 51, 100, 7], FIREFOX).await;
    let mut bob = site.logged_in("bob").await;
    let page = bob.get("/").await;
    page.assert_page(200, "Where you are logged in");
    for shown in ["Firefox on Linux", "198.51.100.7", "This device", "/endothersessions"] {
        assert!(page.text().contains(shown), "{shown}: {}", page.body);
    }
    let path = format!("/endsession/{}", own_id(&mut other).await);
    assert!(page.text().contains(&format!("action=\"{path}\"")), "{}", page.body);
    let response = bob.submit(&path, &[("next", "/")]).await;
    assert_eq!((response.status.as_u16(), response.location()), (302, Some("/")));
    assert_eq!(other.whoami().await, None);
    assert!(!bob.get("/").await.text().contains("198.51.100.7"));
}

#[tokio::test]
async fn applications_cannot_write_the_record_of_the_client() {
    use crossauth_core::key::{DataChange, DataError};
    assert_eq!(DataChange::set("crossauth", 1).check_for_application(), Err(DataError::Reserved));
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let hidden = bob.get_json("/api/userforsessionkey").await;
    assert!(!hidden.body.contains("device"), "{}", hidden.body);
}

#[tokio::test]
async fn unknown_methods_and_paths_below_are_not_routes() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    for path in ["/api/endsession", "/api/endsession/", "/api/endsession/a/b"] {
        assert_eq!(bob.post(path, json!({})).await.status, 404, "{path}");
    }
    let get = request(Method::GET, "/api/endsession/x").header(ACCEPT, "application/json");
    assert_eq!(bob.send(get, "").await.status, 405);
}
