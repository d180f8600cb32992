//! Secrets must not be in logs, error pages or `Debug` output.

mod directory;
mod event;
mod factor;

use std::io;
use std::sync::{Arc, LazyLock};

use crossauth_axum::Crossauth;
use crossauth_core::account::{AccountForm, Role};
use crossauth_core::login::{LoginAttempt, LoginOutcome};
use crossauth_core::password::HasherConfig;
use crossauth_core::password::pbkdf2::Pepper;
use crossauth_core::secret::Password;
use crossauth_core::session::BeginOptions;
use crossauth_core::signup::SignupRequest;
use crossauth_testkit::random::SeededRandom;
use parking_lot::Mutex;
use serde_json::{Map, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::browser::{Browser, TestResponse, json_request};
use crate::factor::factors;
use crate::site::{PASSWORD, Site, quick_hashes, test_storage, unverified};

const SECRET: &str = "canary-secret-of-the-server";
const RIGHT: &str = "Canary-Right-7";
const WRONG: &str = "Canary-Wrong-8";
const TYPED_AS_NAME: &str = "Canary-Typed-As-Name-9";

#[tokio::test]
async fn secrets_are_neither_logged_nor_returned() {
    let log = Log::for_the_whole_process();
    tracing::trace!("the log is kept from the finest level on");
    let storage = test_storage();
    let random = Arc::new(SeededRandom::new(0xCA7A_57E0));
    let site = Site::over(storage.storage(), |site| {
        let site = site.secret(SECRET).random(random).email_verification(unverified());
        site.factors(factors(&[])).delivery(factor::BusyAtFirst::delivery())
    });
    let mut day = Day::default();
    day.of_mistakes(&site).await;
    day.of_a_user(&site).await;
    day.of_the_first_administrator(&site).await;
    day.of_second_factors(&site).await;
    storage.fail();
    day.responses.push(site.browser().log_in("bob", RIGHT).await);

    let text = log.text();
    for expected in [
        "finest level",
        "signed up",
        "login failed",
        "logged in",
        "logged out",
        "second factor set up",
        "wrong code",
        "message not sent yet",
        "password reset",
        "storage failed",
    ] {
        assert!(text.contains(expected), "{expected} is not in the log");
    }
    assert!(!text.contains("forged line"));
    assert!(day.secrets.len() > 40 && day.responses.len() > 20);
    for secret in &day.secrets {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
    for response in &day.responses {
        assert_tells_none(response, &[SECRET, RIGHT, WRONG, "db-7", "crates/"]);
    }
}

/// Expected text of the log, and secrets that it must not contain.
struct Day {
    responses: Vec<TestResponse>,
    secrets: Vec<String>,
}

impl Default for Day {
    fn default() -> Self {
        let secrets = [SECRET, RIGHT, WRONG, TYPED_AS_NAME].map(Into::into).into();
        Self { responses: Vec::new(), secrets }
    }
}

impl Day {
    async fn of_mistakes(&mut self, site: &Site) {
        let mut browser = site.browser();
        let wrong_types = json!({"username": [WRONG], "password": {WRONG: 1}});
        let torn = format!("{{\"password\":\"{WRONG}\"");
        let differing = [("username", "bob"), ("password", WRONG), ("repeat_password", RIGHT)];
        self.responses.extend([
            browser.log_in(TYPED_AS_NAME, WRONG).await,
            browser.log_in("eve\r\n\u{1b}[31mforged line", WRONG).await,
            browser.submit("/login", &[("username", "bob"), ("password", WRONG)]).await,
            browser.post("/api/login", wrong_types).await,
            browser.send(json_request("/api/login"), torn).await,
            browser.submit("/signup", &differing).await,
            browser.post_with_token("/api/signup", json!({}), "canary.token").await,
            browser.get("/setup?token=canary").await,
        ]);
        assert!(self.responses.iter().all(|response| response.status.is_client_error()));
        self.keep_cookies(&browser);
    }

    async fn of_a_user(&mut self, site: &Site) {
        let mut browser = site.browser();
        let form = json!({"username": "bob", "password": RIGHT});
        self.responses.push(browser.post("/api/signup", form).await);
        self.keep_cookies(&browser);
        self.responses.push(browser.get("/").await);
        self.secrets.push(browser.csrf_token().await);
        self.responses.push(browser.post("/api/logout", json!({})).await);
        self.responses.push(browser.log_in("bob", RIGHT).await);
        self.keep_cookies(&browser);
        assert!(self.responses.iter().rev().take(4).all(|response| response.status == 200));
        let (_, stored) = site.found("bob").await.unwrap();
        self.secrets.push(stored.password.unwrap());
        site.crossauth.auth().accounts.disable("bob").await.unwrap();
        self.responses.push(browser.get("/api/userforsessionkey").await);
    }

    async fn of_the_first_administrator(&mut self, site: &Site) {
        let token = site.crossauth.auth().setup.issue_token().await.unwrap().unwrap();
        let form = [
            ("token", token.as_str()),
            ("username", "root"),
            ("password", RIGHT),
            ("repeat_password", RIGHT),
        ];
        let mut browser = site.browser();
        let response = browser.submit("/setup", &form).await;
        assert_eq!(response.status, 302);
        self.responses.push(response);
        self.keep_cookies(&browser);
        self.secrets.push(token);
    }

    fn keep_cookies(&mut self, browser: &Browser) {
        self.secrets.extend(browser.cookies.values().flat_map(|cookie| halves(cookie)));
    }
}

#[tokio::test]
async fn debug_output_redacts_secrets() {
    let hasher = HasherConfig { pepper: Some(Pepper::new("canary-pepper")), ..quick_hashes() };
    let builder = Crossauth::builder().secret(SECRET).hasher(hasher.clone());
    let site = Site::with(|site| site.secret(SECRET).hasher(hasher.clone()));
    site.account("bob", Role::User).await;
    let auth = site.crossauth.auth();
    let found = site.storage.users.find_by_username("bob").await.unwrap().unwrap();
    let (_, secrets) = found.clone().regardless_of_state();
    let hash = secrets.password.clone().unwrap();
    let old = auth.sessions.begin_anonymous(&Map::new()).await.unwrap();
    let anonymous = site.crossauth.begin_anonymous_session(&Map::new()).await.unwrap();
    let checked = auth.sessions.check(&old.cookie).await.unwrap();
    let token = auth.csrf.token(Some(&old.id));
    let attempt = || LoginAttempt {
        replaces: Some((&old.id).into()),
        ..LoginAttempt::new("bob", Password::new(PASSWORD))
    };
    let outcome = auth.login.attempt(attempt()).await.unwrap();
    let form = AccountForm {
        repeat: Some(Password::new(RIGHT)),
        ..AccountForm::new("alice", Password::new(WRONG))
    };
    let request = SignupRequest { replaces: Some((&old.id).into()), ..SignupRequest::new(form) };
    let credentials = found.credentials();
    let beginning = BeginOptions { credentials: Some(&credentials), ..BeginOptions::default() };
    let attempt = attempt();
    let shown = format!(
        "{builder:?} {hasher:?} {:?} {found:?} {secrets:?} {old:?} {anonymous:?} {checked:?} \
         {token:?} {attempt:?} {outcome:?} {request:?} {beginning:?}",
        site.crossauth
    );
    assert!(shown.contains("Builder") && shown.contains("LoggedIn") && shown.contains("bob"));
    let LoginOutcome::LoggedIn(new) = outcome else { panic!("{outcome:?}") };
    let mut hidden: Vec<String> =
        [SECRET, "canary-pepper", PASSWORD, RIGHT, WRONG, &hash].map(Into::into).into();
    for cookie in [&old.cookie, &new.cookie, &auth.csrf.cookie(&token)] {
        hidden.extend(halves(cookie));
    }
    for secret in hidden {
        assert!(!shown.contains(&secret), "{secret} is in {shown}");
    }
}

/// A cookie's id and signature: each is secret.
fn halves(cookie: &str) -> Vec<String> {
    cookie.split('.').map(str::to_owned).collect()
}

#[track_caller]
fn assert_tells_none(response: &TestResponse, secrets: &[&str]) {
    let headers = format!("{:?}", response.headers);
    for secret in secrets {
        assert!(!response.body.contains(secret) && !headers.contains(secret), "{secret}");
    }
}

/// An in-memory log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// For the whole process, because passwords are hashed on other threads. It has the lines of all
    /// tests that run at the time.
    fn for_the_whole_process() -> Self {
        static LOG: LazyLock<Log> = LazyLock::new(|| {
            let log = Log::default();
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                // Digits of a time could be those of a code.
                .without_time()
                .with_writer(log.clone())
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
            log
        });
        LOG.clone()
    }

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
