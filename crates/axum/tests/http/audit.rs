//! The audit log: each endpoint that changes something leaves its event, with its caller.

mod limit;

use std::collections::BTreeSet;
use std::time::Duration;

use crossauth_axum::Access;
use crossauth_core::account::Role;
use crossauth_core::audit::{Act, AuditEntry};
use crossauth_core::caller::Actor;
use crossauth_core::message::MessageKind;
use crossauth_core::storage::AuditFilter;
use http::Method;
use serde_json::{Value, json};

use crate::browser::{Browser, TestResponse};
use crate::factor::{STEP, factors};
use crate::site::{PASSWORD, Site};

/// Endpoints that change nothing that is recorded.
const UNRECORDED: [&str; 5] = [
    // They show something.
    "getcsrftoken",
    "userforsessionkey",
    // The challenge of a login that is already recorded.
    "resendfactor2",
    "cancelfactor2",
    // Begins a set-up, which is recorded when it is complete.
    "changefactor2",
];

/// Uses the endpoints of a site and remembers which.
struct Walk {
    site: Site,
    used: BTreeSet<String>,
}

/// The name of an endpoint, which its page and its JSON twin share.
fn name(path: &str) -> &str {
    let path = path.trim_start_matches('/');
    let path = path.strip_prefix("api/").unwrap_or(path);
    path.split('/').next().unwrap()
}

impl Walk {
    /// Posts to an endpoint, which must succeed and leave the event.
    async fn post(&mut self, browser: &mut Browser, path: &str, body: Value, act: Act) -> Value {
        // Messages of the same moment are in no order.
        self.site.clock.advance(Duration::from_millis(1));
        let response = browser.post(path, body).await;
        assert_eq!(response.status, 200, "{path}: {}", response.body);
        self.check(path, &response, &act).await;
        response.json()
    }

    async fn check(&mut self, path: &str, response: &TestResponse, act: &Act) {
        let entries = self.events_of(response).await;
        let acts: Vec<_> = entries.iter().map(|entry| &entry.act).collect();
        assert!(acts.contains(&act), "{path}: {acts:?}");
        // The row of the account may be gone when the event is read.
        let is_named = |entry: &AuditEntry| entry.about.get("username").is_some();
        assert!(entries.iter().all(is_named), "{path}: {entries:?}");
        self.used.insert(name(path).to_owned());
    }

    /// The events of the request that was answered.
    async fn events_of(&self, response: &TestResponse) -> Vec<AuditEntry> {
        self.site.crossauth.auth().handle_mail_requests().await;
        let request_id = response.header("x-request-id").map(str::to_owned);
        assert!(request_id.is_some());
        let filter = AuditFilter { request_id, ..AuditFilter::default() };
        self.site.storage.audit.list(&filter, None, 100).await.unwrap()
    }

    /// The token of the newest link of a kind.
    async fn link(&self, kind: &MessageKind) -> String {
        let mail = self.site.mail().await;
        let found = mail.iter().rfind(|mail| mail.kind == *kind);
        found.unwrap_or_else(|| panic!("no {kind}")).token().to_owned()
    }
}

#[tokio::test]
async fn g4_each_endpoint_that_changes_something_leaves_its_event() {
    let site = Site::with(|site| site.preview_messages().factors(factors(&[])));
    let mut walk = Walk { site, used: BTreeSet::new() };
    first_administrator(&mut walk).await;
    sign_up_and_log_in(&mut walk).await;
    sessions_and_password(&mut walk).await;
    addresses(&mut walk).await;
    second_factor(&mut walk).await;
    let endpoints = walk.site.crossauth.endpoints();
    let unsafe_ones = endpoints.iter().filter(|endpoint| endpoint.method == Method::POST);
    let unsafe_ones = unsafe_ones.filter(|endpoint| endpoint.access != Access::Admin);
    let expected: BTreeSet<_> = unsafe_ones.map(|endpoint| name(&endpoint.path)).collect();
    let used = walk.used.iter().map(String::as_str).chain(UNRECORDED);
    assert_eq!(used.collect::<BTreeSet<_>>(), expected);
}

async fn first_administrator(walk: &mut Walk) {
    let token = walk.site.crossauth.auth().setup.issue_token().await.unwrap().unwrap();
    let form = [
        ("token", token.as_str()),
        ("username", "root"),
        ("password", PASSWORD),
        ("repeat_password", PASSWORD),
    ];
    let response = walk.site.browser().submit("/setup", &form).await;
    assert_eq!(response.status, 302, "{}", response.body);
    walk.check("/setup", &response, &Act::FirstAdministrator).await;
}

async fn sign_up_and_log_in(walk: &mut Walk) {
    let mut bob = walk.site.browser();
    let form = json!({ "username": "bob", "password": PASSWORD, "user_email": "bob@x.example" });
    walk.post(&mut bob, "/api/signup", form, Act::AccountCreated).await;
    let email = json!({ "email": "bob@x.example" });
    walk.post(&mut bob, "/api/resendverification", email, Act::EmailLinkSent).await;
    let token = walk.link(&MessageKind::EmailVerification).await;
    let body = json!({ "token": token });
    walk.post(&mut bob, "/api/verifyemail", body, Act::EmailVerified).await;
    let login = json!({ "username": "bob", "password": PASSWORD });
    walk.post(&mut bob, "/api/login", login, Act::LoginSucceeded).await;
    walk.post(&mut bob, "/api/logout", json!({}), Act::LoggedOut).await;
}

async fn sessions_and_password(walk: &mut Walk) {
    let (mut bob, _other) = (walk.site.logged_in("bob").await, walk.site.logged_in("bob").await);
    let listed = bob.get_json("/api/sessions").await.json();
    let sessions = listed["sessions"].as_array().unwrap();
    let other = sessions.iter().find(|session| session["current"] == json!(false)).unwrap();
    let path = format!("/api/endsession/{}", other["id"].as_str().unwrap());
    walk.post(&mut bob, &path, json!({}), Act::SessionEnded).await;
    walk.post(&mut bob, "/api/endothersessions", json!({}), Act::SessionEnded).await;
    let renewal = json!({ "password": PASSWORD });
    walk.post(&mut bob, "/api/reauthenticate", renewal, Act::ReauthenticationSucceeded).await;
    let change = json!({ "old_password": PASSWORD, "new_password": "Other-Horse-7" });
    walk.post(&mut bob, "/api/changepassword", change, Act::PasswordChanged).await;
    let email = json!({ "email": "bob@x.example" });
    let (mut visitor, path) = (walk.site.browser(), "/api/requestpasswordreset");
    walk.post(&mut visitor, path, email, Act::PasswordResetRequested).await;
    let token = walk.link(&MessageKind::PasswordReset).await;
    let reset = json!({ "token": token, "new_password": PASSWORD });
    walk.post(&mut visitor, "/api/resetpassword", reset, Act::PasswordReset).await;
}

async fn addresses(walk: &mut Walk) {
    let mut bob = walk.site.logged_in("bob").await;
    let update = json!({ "user_phone": "1" });
    walk.post(&mut bob, "/api/updateuser", update, Act::AccountChanged).await;
    let update = json!({ "user_email": "new@x.example" });
    walk.post(&mut bob, "/api/updateuser", update, Act::EmailChangeRequested).await;
    let token = walk.link(&MessageKind::EmailVerification).await;
    let body = json!({ "token": token });
    walk.post(&mut bob, "/api/verifyemail", body, Act::EmailChanged).await;
    let token = walk.link(&MessageKind::AddressChanged).await;
    let body = json!({ "token": token });
    walk.post(&mut bob, "/api/restoreemail", body, Act::EmailRestored).await;
}

async fn second_factor(walk: &mut Walk) {
    walk.site.account("carol", Role::User).await;
    let mut carol = walk.site.logged_in("carol").await;
    let shown = carol.post("/api/changefactor2", json!({ "factor2": "totp" })).await.json();
    let secret = shown["totpsecret"].as_str().unwrap().to_owned();
    let code = json!({ "otp": walk.site.totp_code(&secret) });
    walk.post(&mut carol, "/api/configurefactor2", code, Act::FactorChanged).await;
    let mut again = walk.site.browser();
    let login = json!({ "username": "carol", "password": PASSWORD });
    walk.post(&mut again, "/api/login", login, Act::LoginFirstFactor).await;
    walk.site.clock.advance(STEP);
    let code = json!({ "otp": walk.site.totp_code(&secret), "remember_device": true });
    walk.post(&mut again, "/api/loginfactor2", code, Act::LoginSucceeded).await;
    walk.site.clock.advance(STEP);
    let asked = again.post("/api/recoverycodes", json!({})).await;
    assert_eq!(asked.json()["factor2Required"], json!(true), "{}", asked.body);
    let code = json!({ "otp": walk.site.totp_code(&secret) });
    walk.post(&mut again, "/api/recoverycodes", code, Act::RecoveryCodesReplaced).await;
    let id = walk.site.found("carol").await.unwrap().0.id;
    let devices = walk.site.crossauth.auth().devices.list(&id).await.unwrap();
    let device = json!({ "id": devices[0].id });
    walk.post(&mut again, "/api/forgetdevice", device, Act::DeviceForgotten).await;
    walk.site.clock.advance(STEP);
    let asked = again.post("/api/deleteuser", json!({ "password": PASSWORD })).await;
    assert_eq!(asked.json()["factor2Required"], json!(true), "{}", asked.body);
    let code = json!({ "otp": walk.site.totp_code(&secret) });
    walk.post(&mut again, "/api/deleteuser", code, Act::AccountDeleted).await;
}

#[tokio::test]
async fn g4_refused_logins_are_recorded_with_the_account_that_exists() {
    let site = Site::with(|site| site.factors(factors(&[])));
    let bob = site.account("bob", Role::User).await;
    let walk = Walk { site, used: BTreeSet::new() };
    for (username, expected) in [("bob", Some(&bob.id)), ("hunter2", None)] {
        let response = walk.site.browser().log_in(username, "Wrong-Horse-7").await;
        let [entry] = walk.events_of(&response).await.try_into().unwrap();
        assert_eq!((entry.act, entry.userid.as_ref()), (Act::LoginFailed, expected));
        assert_eq!(entry.actor, Actor::Anonymous);
        // People type passwords there.
        let text = format!("{:?} {:?} {:?}", entry.detail, entry.origin, entry.about);
        assert!(!text.contains("hunter2"), "{text}");
    }
    walk.site.set_state(&bob, "disabled").await;
    let response = walk.site.browser().log_in("bob", PASSWORD).await;
    let [entry] = walk.events_of(&response).await.try_into().unwrap();
    assert_eq!((entry.act, entry.userid.as_ref()), (Act::LoginRefused, Some(&bob.id)));
    let carol = walk.site.enrolled_browser("carol").await;
    let mut thief = walk.site.browser();
    thief.log_in("carol", PASSWORD).await;
    let wrong = thief.post("/api/loginfactor2", json!({ "otp": "000000" })).await;
    let [entry] = walk.events_of(&wrong).await.try_into().unwrap();
    assert_eq!(entry.act, Act::LoginFactorFailed);
    drop(carol);
}

#[tokio::test]
async fn event_names_the_user_of_the_session_and_the_visitor() {
    let walk = Walk { site: Site::new(), used: BTreeSet::new() };
    let mut bob = walk.site.logged_in("bob").await;
    let change = json!({ "old_password": PASSWORD, "new_password": "Other-Horse-7" });
    let response = bob.post("/api/changepassword", change).await;
    let [entry] = walk.events_of(&response).await.try_into().unwrap();
    let id = walk.site.found("bob").await.unwrap().0.id;
    assert_eq!((entry.actor, entry.userid), (Actor::User { id: id.clone() }, Some(id)));
    assert_eq!(entry.origin.get("username").as_deref(), Some("bob"));
    assert_eq!(entry.about.get("username").as_deref(), Some("bob"));
}
