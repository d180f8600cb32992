//! What must not be found in logs, in error pages, or where a value is printed for debugging.

use std::io;
use std::sync::Arc;

use crossauth_axum::Crossauth;
use crossauth_core::account::{AccountForm, Role};
use crossauth_core::login::LoginAttempt;
use crossauth_core::password::HasherConfig;
use crossauth_core::password::pbkdf2::Pepper;
use crossauth_core::secret::Password;
use crossauth_core::session::{Beginning, Persistence};
use crossauth_core::signup::SignupRequest;
use crossauth_testkit::random::SeededRandom;
use parking_lot::Mutex;
use serde_json::{Map, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::browser::{Answer, json_request};
use crate::site::{PASSWORD, Site, quick_hashes};
use crate::store::Wire;

const SECRET: &str = "canary-secret-of-the-server";
const RIGHT: &str = "Canary-Right-7";
const WRONG: &str = "Canary-Wrong-8";
const TYPED_AS_NAME: &str = "Canary-Typed-As-Name-9";

#[tokio::test]
async fn neither_log_nor_answers_repeat_a_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // For the whole process: passwords are hashed on threads of their own.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    tracing::trace!("the log is kept from the finest level on");

    let (wire, _) = Wire::new();
    let random = Arc::new(SeededRandom::new(0xCA7A_57E0));
    let site = Site::over(wire.storage(), |site| site.secret(SECRET).random(random));
    let setup = site.crossauth.auth().setup.issue_token().await.unwrap().unwrap();
    let mut browser = site.browser();
    let mut answers = vec![
        browser.get(&format!("/setup?token={setup}x")).await,
        browser.post("/api/signup", json!({"username": "bob", "password": RIGHT})).await,
    ];
    let mut secrets: Vec<String> = [SECRET, RIGHT, WRONG, TYPED_AS_NAME].map(Into::into).into();
    secrets.extend(browser.cookies.values().flat_map(|cookie| halves(cookie)));
    answers.push(browser.get("/").await);
    let token = browser.csrf_token().await;
    answers.push(browser.post_with_token("/api/logout", json!({}), "canary.token").await);
    answers.push(browser.post_with_token("/api/logout", json!({}), &token).await);
    answers.push(browser.log_in("bob", WRONG).await);
    answers.push(browser.log_in(TYPED_AS_NAME, WRONG).await);
    answers.push(browser.log_in("eve\r\n\u{1b}[31mforged line", WRONG).await);
    answers.push(browser.submit("/login", &[("username", "bob"), ("password", WRONG)]).await);
    answers.push(
        browser.post("/api/login", json!({"username": [WRONG], "password": {WRONG: 1}})).await,
    );
    answers.push(
        browser.send(json_request("/api/login"), format!("{{\"password\":\"{WRONG}\"")).await,
    );
    let taken = [("username", "bob"), ("password", WRONG), ("repeat_password", WRONG)];
    answers.push(browser.submit("/signup", &taken).await);
    answers.push(browser.log_in("bob", RIGHT).await);
    secrets.extend(browser.cookies.values().flat_map(|cookie| halves(cookie)));
    site.crossauth.auth().accounts.disable("bob").await.unwrap();
    answers.push(browser.get("/api/userforsessionkey").await);
    let (_, stored) = site.found("bob").await.unwrap();
    secrets.push(stored.password.unwrap());
    let root = [
        ("token", setup.as_str()),
        ("username", "root"),
        ("password", RIGHT),
        ("repeat_password", RIGHT),
    ];
    answers.push(browser.submit("/setup", &root).await);
    secrets.extend(browser.cookies.values().flat_map(|cookie| halves(cookie)));
    secrets.push(token);
    wire.cut();
    answers.push(browser.get("/").await);

    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 4);
    let log = log.text();
    for expected in
        ["finest level", "signed up", "login failed", "logged in", "logged out", "storage failed"]
    {
        assert!(log.contains(expected), "{expected} is not in the log");
    }
    assert!(!log.contains("forged line"));
    for secret in secrets.iter().chain([&setup]) {
        assert!(!log.contains(secret.as_str()), "{secret} is in the log");
    }
    for answer in &answers {
        assert_tells_none(answer, &[SECRET, RIGHT, WRONG]);
        assert!(!answer.body.contains("db-7") && !answer.body.contains("crates/"));
    }
}

#[tokio::test]
async fn printing_a_value_for_debugging_shows_no_secret() {
    let pepper = Some(Pepper::new("canary-pepper"));
    let hasher = HasherConfig { pepper, ..quick_hashes() };
    let builder = Crossauth::builder().secret(SECRET).hasher(hasher.clone());
    let mut shown = format!("{builder:?} {hasher:?}");
    let site = Site::with(|site| site.secret(SECRET).hasher(hasher));
    site.account("bob", Role::User).await;
    let auth = site.crossauth.auth();
    let replaces = auth.sessions.begin_anonymous(&Map::new()).await.unwrap();
    let attempt = || LoginAttempt {
        username: "bob",
        password: Password::new(PASSWORD),
        persist: Some(Persistence::Persistent),
        replaces: Some(&replaces.id),
    };
    let form = AccountForm {
        username: "alice".into(),
        password: Password::new(WRONG),
        repeat: Some(Password::new(RIGHT)),
        fields: Map::new(),
    };
    let outcome = auth.login.attempt(attempt()).await.unwrap();
    let anonymous = site.crossauth.begin_anonymous_session(&Map::new()).await.unwrap();
    let begun = auth.sessions.begin_anonymous(&Map::new()).await.unwrap();
    let checked = auth.sessions.check(&begun.cookie).await.unwrap();
    let token = auth.csrf.token(Some(&begun.id));
    let found = site.storage.users.find_by_username("bob").await.unwrap().unwrap();
    let (_, secrets) = found.clone().regardless_of_state();
    let hash = secrets.password.clone().unwrap();
    let beginning = Beginning { password: Some(&hash), ..Beginning::default() };
    shown += &format!("{:?} {:?} {outcome:?} {anonymous:?}", site.crossauth, attempt());
    shown += &format!("{begun:?} {checked:?} {token:?} {found:?} {secrets:?} {beginning:?}");
    let request = SignupRequest { form, persist: None, replaces: Some(&replaces.id) };
    shown += &format!("{request:?}");
    let mut hidden: Vec<String> =
        [SECRET, "canary-pepper", PASSWORD, RIGHT, WRONG].map(Into::into).into();
    hidden.push(hash.clone());
    hidden.extend(halves(&begun.cookie));
    hidden.extend(halves(&auth.csrf.cookie(&token)));
    hidden.push(replaces.id.expose().to_owned());
    assert!(shown.contains("Builder") && shown.contains("LoggedIn") && shown.contains("bob"));
    for secret in hidden {
        assert!(!shown.contains(&secret), "{secret} is in {shown}");
    }
    for cookie in ["SESSIONID=", "CSRFTOKEN="] {
        assert!(!shown.contains(cookie));
    }
    let ids = [&outcome_id(&outcome), &format!("{:?}", begun.id)].map(String::from);
    assert!(ids.iter().all(|id| id == "SessionId(…)"), "{ids:?}");
}

fn outcome_id(outcome: &crossauth_core::login::LoginOutcome) -> String {
    match outcome {
        crossauth_core::login::LoginOutcome::LoggedIn(session) => format!("{:?}", session.id),
        other => panic!("{other:?}"),
    }
}

/// A cookie's id and signature: each is as secret as the whole.
fn halves(cookie: &str) -> Vec<String> {
    cookie.split('.').map(str::to_owned).collect()
}

#[track_caller]
fn assert_tells_none(answer: &Answer, secrets: &[&str]) {
    let headers = format!("{:?}", answer.headers);
    for secret in secrets {
        assert!(!answer.body.contains(secret) && !headers.contains(secret), "{secret}");
    }
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
