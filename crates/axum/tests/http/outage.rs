//! Failing dependencies and lack of capacity.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;

use crossauth_axum::Builder;
use crossauth_core::account::Role;
use crossauth_core::limit::LimitConfig;
use crossauth_core::password::HasherConfig;
use crossauth_core::random::Random;
use crossauth_core::user::{FactorName, Patch, UserUpdate};
use crossauth_testkit::random::SeededRandom;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::browser::TestResponse;
use crate::site::{PASSWORD, Site, quick_hashes, test_storage};

#[tokio::test]
async fn storage_outage_neither_begins_nor_ends_sessions() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site);
    let mut inside = site.logged_in("bob").await;
    let mut outside = site.browser();
    let token = outside.csrf_token().await;
    let (inner_token, cookies) = (inside.csrf_token().await, inside.cookies.clone());
    storage.fail();
    for path in ["/api/userforsessionkey", "/api/getcsrftoken"] {
        assert_unavailable(&inside.get_json(path).await);
    }
    for path in ["/", "/login", "/signup", "/nowhere"] {
        let page = inside.get(path).await;
        page.assert_page(503, "We are busy");
        assert_eq!(page.header("retry-after"), Some("2"));
        assert!(!page.body.contains("db-7"));
    }
    assert_unavailable(&inside.post_with_token("/api/logout", json!({}), &inner_token).await);
    assert_eq!(inside.cookies, cookies);
    let body = json!({"username": "bob", "password": PASSWORD});
    for path in ["/api/login", "/api/signup"] {
        let response = outside.post_with_token(path, body.clone(), &token).await;
        assert_unavailable(&response);
        response.assert_no_session();
    }
    let form = [("username", "bob"), ("password", PASSWORD)];
    let page = outside.submit("/login", &form).await;
    page.assert_page(503, "value=\"bob\"");
    assert_eq!(page.header("retry-after"), Some("2"));
    outside.get("/setup?token=x").await.assert_page(503, "We are busy");
    assert_eq!(outside.get("/login").await.status, 200);
}

#[tokio::test]
async fn storage_outage_response_has_a_request_id() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site);
    let mut browser = site.logged_in("bob").await;
    storage.fail();
    let page = browser.get("/").await;
    assert!(page.body.contains(page.header("x-request-id").unwrap()), "{}", page.body);
}

#[tokio::test]
async fn concurrent_logins_beyond_capacity_are_rejected() {
    let (gate, mut entered, open) = Gate::new();
    // All are charged before the first is refunded, so they would reach a limit.
    let unlimited = LimitConfig {
        logins_per_account: None,
        logins_per_account_and_address: None,
        logins_per_address: None,
        ..LimitConfig::default()
    };
    let site =
        Site::with(|site| single_thread_with_queue_of_one(site).random(gate).limits(unlimited));
    let mut logins = JoinSet::new();
    let mut browser = site.browser();
    logins.spawn(async move { browser.log_in("unknown", PASSWORD).await });
    // A dummy hash for an unknown user occupies the only thread.
    entered.recv().await.unwrap();
    for _ in 1..500 {
        let mut browser = site.browser();
        logins.spawn(async move { browser.log_in("unknown", PASSWORD).await });
    }
    for _ in 0..498 {
        let response = logins.join_next().await.unwrap().unwrap();
        assert_unavailable(&response);
        response.assert_no_session();
    }
    assert_eq!(site.browser().get("/login").await.status, 200);
    let form = json!({"username": "al", "password": PASSWORD});
    assert_unavailable(&site.browser().post("/api/signup", form).await);
    assert!(site.found("al").await.is_none());
    drop(open);
    for _ in 0..2 {
        let response = logins.join_next().await.unwrap().unwrap();
        response.assert_failure(401, "UsernameOrPasswordInvalid");
    }
    assert!(logins.is_empty());
    site.account("bob", Role::User).await;
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
}

fn single_thread_with_queue_of_one(site: Builder) -> Builder {
    let one = NonZeroUsize::MIN;
    site.hasher(HasherConfig { threads: Some(one), queue: one, ..quick_hashes() })
}

/// Randomness that blocks the hashing threads, which need a salt for each new hash.
struct Gate {
    random: SeededRandom,
    entered: mpsc::UnboundedSender<()>,
    open: Mutex<std_mpsc::Receiver<()>>,
}

impl Gate {
    /// The gate, the receiver that reports a blocked thread, and the sender that opens it when
    /// dropped.
    fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<()>, std_mpsc::Sender<()>) {
        let (entered, entries) = mpsc::unbounded_channel();
        let (opener, open) = std_mpsc::channel();
        let gate = Self { random: SeededRandom::default(), entered, open: Mutex::new(open) };
        (Arc::new(gate), entries, opener)
    }
}

impl Random for Gate {
    fn fill(&self, bytes: &mut [u8]) {
        if std::thread::current().name().is_some_and(|name| name.starts_with("password-")) {
            // The test may have ended and dropped both other ends.
            let _ = self.entered.send(());
            let _ = self.open.lock().recv();
        }
        self.random.fill(bytes);
    }
}

#[track_caller]
fn assert_unavailable(response: &TestResponse) {
    response.assert_failure(503, "Connection");
    assert_eq!(response.header("retry-after"), Some("2"));
    assert!(!response.body.contains("db-7"), "{}", response.body);
}

#[tokio::test]
async fn storage_round_trips_are_bounded_per_kind_of_request() {
    let storage = test_storage();
    let site = Site::over(storage.storage(), |site| site);
    let bob = site.account("bob", Role::User).await;
    storage.take_calls();
    let mut browser = site.browser();
    for path in ["/login", "/signup", "/nowhere", "/api/getcsrftoken"] {
        browser.get(path).await;
        assert_eq!(storage.take_calls(), [""; 0], "{path}");
    }
    assert_eq!(browser.log_in("bob", PASSWORD).await.status, 200);
    assert_eq!(
        storage.take_calls(),
        ["users.find_by_username", "attempts.charge", "sessions.start", "attempts.refund",]
    );
    for path in ["/account", "/nowhere", "/api/getcsrftoken", "/api/userforsessionkey"] {
        browser.get(path).await;
        assert_eq!(storage.take_calls(), ["sessions.find"], "{path}");
    }
    for path in ["/", "/api/sessions"] {
        browser.get(path).await;
        assert_eq!(storage.take_calls(), ["sessions.find", "keys.list_for_user"], "{path}");
    }
    // The session of a user with a second factor costs the same, also on pages that demand it.
    let factor2 = Patch::Set(FactorName::TOTP);
    site.change(&bob, UserUpdate { factor2, ..UserUpdate::default() }).await;
    storage.take_calls();
    for path in ["/nowhere", "/api/userforsessionkey", "/changepassword", "/updateuser"] {
        browser.get(path).await;
        assert_eq!(storage.take_calls(), ["sessions.find"], "{path}");
    }
}
