//! Sessions: begin, lifetime, and end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::account::Role;
use crossauth_core::clock::Clock;
use crossauth_core::key::KeyPrefix;
use crossauth_core::random::SystemRandom;
use crossauth_core::secret::Password;
use crossauth_core::session::SessionConfig;
use crossauth_core::user::UserUpdate;
use serde_json::{Map, json};

use crate::browser::TestResponse;
use crate::cookie::with_cookies;
use crate::site::{PASSWORD, Site, test_storage};

const HOUR: Duration = Duration::from_hours(1);
const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test]
async fn fixated_session_ends_at_login() {
    let site = Site::new();
    site.account("bob", Role::User).await;
    let fixated = site.crossauth.auth().sessions.begin_anonymous(&Map::new()).await.unwrap();
    let mut victim = site.browser();
    victim.cookies.insert("SESSIONID".into(), fixated.cookie.clone());
    assert!(site.crossauth.auth().sessions.check(&fixated.cookie).await.is_ok());
    assert_eq!(victim.log_in("bob", PASSWORD).await.status, 200);
    assert_ne!(victim.cookies["SESSIONID"], fixated.cookie);
    assert!(site.crossauth.auth().sessions.check(&fixated.cookie).await.is_err());
    assert_eq!(victim.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn session_cookie_is_invalid_after_logout() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    let mut stolen = browser.copy();
    assert_eq!(stolen.whoami().await.as_deref(), Some("bob"));
    assert_eq!(browser.post("/api/logout", json!({})).await.status, 200);
    stolen.get_json("/api/userforsessionkey").await.assert_failure(401, "Unauthorized");
}

#[tokio::test]
async fn new_password_ends_all_sessions() {
    let site = Site::new();
    let mut browsers = [site.logged_in("bob").await, site.logged_in("bob").await];
    let mut alice = site.logged_in("alice").await;
    let accounts = &site.crossauth.auth().accounts;
    accounts.set_password("bob", Password::new("Another-Horse-8")).await.unwrap();
    for browser in &mut browsers {
        assert_eq!(browser.whoami().await, None);
    }
    assert_eq!(alice.whoami().await.as_deref(), Some("alice"));
    assert_eq!(site.browser().log_in("bob", "Another-Horse-8").await.status, 200);
    site.browser().log_in("bob", PASSWORD).await.assert_failure(401, "UsernameOrPasswordInvalid");
}

#[tokio::test]
async fn sessions_of_disabled_and_deleted_users_are_refused_at_the_next_request() {
    let site = Site::new();
    for state in
        ["disabled", "passwordchangeneeded", "awaitingemailverification", "factor2resetneeded"]
    {
        let mut browser = site.logged_in("bob").await;
        assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
        let (bob, _) = site.found("bob").await.unwrap();
        site.set_state(&bob, state).await;
        let response = browser.get_json("/api/userforsessionkey").await;
        response.assert_failure(401, "Unauthorized");
        assert!(response.set_cookie("SESSIONID").unwrap().contains("1970"), "{state}");
        site.set_state(&bob, "active").await;
    }
    let mut disabled = site.logged_in("bob").await;
    site.crossauth.auth().accounts.disable("bob").await.unwrap();
    site.crossauth.auth().accounts.enable("bob").await.unwrap();
    assert_eq!(disabled.whoami().await, None);
    let mut deleted = site.logged_in("bob").await;
    let (bob, _) = site.found("bob").await.unwrap();
    site.crossauth.auth().accounts.delete(&bob).await.unwrap();
    assert_eq!(deleted.whoami().await, None);
}

#[tokio::test]
async fn idle_session_expires() {
    for (pause, is_valid) in [(HOUR.saturating_sub(MILLISECOND), true), (HOUR, false)] {
        let site = Site::with(|site| site.idle_timeout(HOUR));
        let mut browser = site.logged_in("bob").await;
        site.clock.advance(pause);
        assert_eq!(browser.whoami().await.is_some(), is_valid);
        assert_eq!(browser.cookies.contains_key("SESSIONID"), is_valid);
    }
}

#[tokio::test]
async fn use_is_recorded_at_most_once_per_tenth_of_the_idle_timeout() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site.idle_timeout(10 * HOUR));
    let tasks = tokio::spawn(site.crossauth.tasks());
    let mut browser = site.logged_in("bob").await;
    let begun = site.clock.now();
    site.clock.advance(HOUR.saturating_sub(MILLISECOND));
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    site.clock.advance(MILLISECOND);
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    assert_eq!(storage.next_touch().await, Some(begun + HOUR));
    for _ in 0..11 {
        site.clock.advance(HOUR / 12);
        assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    }
    // None of these eleven uses was recorded. The next one is, and extends the session.
    for hour in 2..=20 {
        site.clock.set(begun + hour * HOUR);
        assert_eq!(browser.whoami().await.as_deref(), Some("bob"), "{hour}");
        assert_eq!(storage.next_touch().await, Some(begun + hour * HOUR));
    }
    let touches = storage.take_calls().into_iter().filter(|call| *call == "keys.touch").count();
    assert_eq!(touches, 20);
    tasks.abort();
}

#[tokio::test]
async fn use_does_not_extend_a_session_past_its_maximum_age() {
    let day = 24 * HOUR;
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| {
        site.session(SessionConfig { max_age: Some(3 * day), ..SessionConfig::default() })
            .idle_timeout(2 * day)
    });
    let tasks = tokio::spawn(site.crossauth.tasks());
    let mut browser = site.logged_in("bob").await;
    for _ in 0..2 {
        site.clock.advance(day);
        assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
        storage.next_touch().await.unwrap();
    }
    site.clock.advance(day.saturating_sub(MILLISECOND));
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    site.clock.advance(MILLISECOND);
    assert_eq!(browser.whoami().await, None);
    tasks.abort();
}

#[tokio::test]
async fn setting_the_clock_back_does_not_restore_an_expired_session() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    let mut copy = browser.copy();
    browser.post("/api/logout", json!({})).await;
    site.clock.set(site.clock.now() - HOUR);
    assert_eq!(copy.whoami().await, None);
}

#[tokio::test]
async fn session_ids_are_long_and_unique() {
    let site = Site::with(|site| site.random(Arc::new(SystemRandom)));
    let sessions = &site.crossauth.auth().sessions;
    let (mut ids, mut firsts) = (HashSet::new(), HashSet::new());
    for _ in 0..10_000 {
        let session = sessions.begin_anonymous(&Map::new()).await.unwrap();
        let id = session.id.expose().to_owned();
        assert!(id.len() >= 22, "{id}");
        firsts.insert(id[..2].to_owned());
        ids.insert(id);
    }
    assert_eq!(ids.len(), 10_000);
    // Of 4096 beginnings of two characters, most are there.
    assert!(firsts.len() > 3000, "{}", firsts.len());
}

#[tokio::test]
async fn stored_session_value_is_not_a_valid_cookie() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    browser.csrf_token().await;
    let (bob, _) = site.found("bob").await.unwrap();
    let keys =
        site.storage.keys.list_for_user(Some(&bob.id), KeyPrefix::Session, None, 10).await.unwrap();
    assert_eq!(keys.len(), 1);
    let cookie = &browser.cookies["SESSIONID"];
    let (id, signature) = cookie.split_once('.').unwrap();
    let stored = &keys[0].value;
    let dump = format!("{keys:?}");
    assert!(!dump.contains(id) && !dump.contains(signature), "{dump}");
    let bare = stored.strip_prefix("s:").unwrap();
    for forged in [
        stored.clone(),
        bare.to_owned(),
        format!("{bare}.{signature}"),
        format!("{stored}.{signature}"),
    ] {
        let response = with_cookies(&site, &format!("SESSIONID={forged}")).await;
        response.assert_failure(401, "Unauthorized");
    }
}

#[tokio::test]
async fn restart_keeps_live_sessions_and_does_not_restore_ended_ones() {
    let site = Site::new();
    let mut living = site.logged_in("bob").await;
    let mut ended = site.logged_in("bob").await;
    let cookie = ended.cookies["SESSIONID"].clone();
    ended.post("/api/logout", json!({})).await;
    let restarted = site.restarted();
    let response =
        with_cookies(&restarted, &format!("SESSIONID={}", living.cookies["SESSIONID"])).await;
    assert_eq!(response.json()["user"]["username"], json!("bob"));
    with_cookies(&restarted, &format!("SESSIONID={cookie}"))
        .await
        .assert_failure(401, "Unauthorized");
    // Tokens of open forms stay valid, too.
    let token = living.csrf_token().await;
    let mut after = restarted.browser();
    after.cookies = living.cookies.clone();
    assert_eq!(after.post_with_token("/api/logout", json!({}), &token).await.status, 200);
    assert_eq!(living.whoami().await, None);
}

#[tokio::test]
async fn session_filter_rejects_sessions() {
    let site = Site::with(|site| site.session_filter(Arc::new(|key| key.userid.is_none())));
    let mut browser = site.logged_in("bob").await;
    assert_eq!(browser.whoami().await, None);
    assert!(!browser.cookies.contains_key("SESSIONID"));
}

#[tokio::test]
async fn role_is_read_for_each_request() {
    let site = Site::new();
    let admin = site.account("root", Role::Administrator).await;
    let mut browser = site.logged_in("root").await;
    let is_admin = |response: TestResponse| response.json()["user"]["admin"].clone();
    assert_eq!(is_admin(browser.get_json("/api/userforsessionkey").await), json!(true));
    site.change(&admin, UserUpdate { admin: Some(false), ..UserUpdate::default() }).await;
    assert_eq!(is_admin(browser.get_json("/api/userforsessionkey").await), json!(false));
}
