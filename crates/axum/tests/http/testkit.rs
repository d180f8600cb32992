//! The test support for applications.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use crossauth_axum::testkit::{self, Site};
use crossauth_axum::{Admin, Crossauth, CsrfForm, CurrentUser};
use crossauth_core::account::Role;
use crossauth_core::factor::{Configured, FactorConfig};
use crossauth_core::message::MessageKind;
use serde_json::{Map, json};

const GREETING: &[(&str, &str)] = &[("word", "Hello")];

#[derive(serde::Deserialize)]
struct Greeting {
    word: String,
}

async fn greet(user: CurrentUser, CsrfForm(greeting): CsrfForm<Greeting>) -> String {
    format!("{}, {}", greeting.word, user.username)
}

fn application(crossauth: &Crossauth) -> Router {
    let greet = post(greet);
    let office = get(async |_: Admin| "office");
    crossauth.mount(Router::new().route("/greet", greet).route("/office", office))
}

#[tokio::test]
async fn users_of_a_site_are_logged_in_until_their_sessions_expire() {
    let site = Site::new(application);
    let mut bob = site.logged_in("bob").await;
    assert_eq!(bob.submit("/greet", GREETING).await.text(), "Hello, bob");
    assert_eq!(bob.post("/greet", json!({"word": "Hello"})).await.text(), "Hello, bob");
    assert_eq!(bob.get("/office").await.status, 401);
    // The same account once more, in another browser.
    assert_eq!(site.logged_in("bob").await.submit("/greet", GREETING).await.status, 200);
    assert_eq!(site.admin("ada").await.get("/office").await.text(), "office");
    assert_eq!(site.browser().post("/greet", json!({"word": "Hello"})).await.status, 401);

    site.clock.advance(Duration::from_hours(31 * 24));
    let late = bob.get("/office").await;
    assert_eq!((late.status.as_u16(), late.location()), (302, Some("/login?next=%2Foffice")));
    assert!(format!("{late:?}").contains("302"), "{late:?}");
}

#[tokio::test]
async fn browser_logs_in_and_out_with_forms_and_json() {
    let site = Site::new(application);
    site.logged_in("bob").await;
    let mut browser = site.browser();
    let form = [("username", "bob"), ("password", testkit::PASSWORD)];
    assert_eq!(browser.submit("/login", &form).await.location(), Some("/"));
    assert_eq!(browser.submit("/greet", GREETING).await.status, 200);
    assert_eq!(browser.submit("/logout", &[]).await.status, 302);
    assert_eq!(browser.post("/greet", json!({"word": "Hello"})).await.status, 401);
    assert_eq!(browser.log_in("bob").await.json()["user"]["username"], "bob");
    let user = browser.get_json("/api/userforsessionkey").await;
    assert_eq!(user.json()["user"]["username"], "bob");
}

#[tokio::test]
async fn links_and_codes_of_messages_work() {
    let codes = FactorConfig { second: vec![Configured::Email], ..FactorConfig::default() };
    let builder = testkit::builder().editable_fields(["email"]).factors(codes);
    let site = Site::with(builder, application);
    let mut carol = site.browser();
    let fields = json!({
        "username": "carol", "password": testkit::PASSWORD, "user_email": "carol@example.com"
    });
    let signup = carol.post("/api/signup", fields).await;
    assert_eq!(signup.json()["emailVerificationNeeded"], true, "{}", signup.text());
    let messages = site.messages().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    let link = &messages[0];
    let seen = (&link.kind, &*link.to, &*link.subject);
    assert_eq!(seen, (&MessageKind::EmailVerification, "carol@example.com", "email verification"));
    let path = link.link().unwrap();
    assert_eq!(carol.get(path).await.status, 200);
    let token = path.rsplit('/').next().unwrap();
    assert_eq!(carol.submit("/verifyemail", &[("token", token)]).await.status, 200);
    assert_eq!(carol.log_in("carol").await.status, 200);
    assert!(site.messages().await.iter().all(|it| it.kind != MessageKind::EmailVerification));

    // A code by e-mail.
    let chosen = json!({"factor2": "email", "password": testkit::PASSWORD});
    assert_eq!(carol.post("/api/changefactor2", chosen).await.status, 200);
    let code = site.messages().await.pop().unwrap();
    let otp = code.code().unwrap();
    let confirmed = carol.post("/api/configurefactor2", json!({ "otp": otp })).await;
    assert_eq!(confirmed.json()["ok"], true, "{}", confirmed.text());
}

#[tokio::test]
async fn users_with_fields_of_the_application_have_browsers() {
    let site = Site::with(testkit::builder().prefix("/auth"), |crossauth| {
        let team = get(async |user: CurrentUser| user.extra["team"].to_string());
        crossauth.mount(Router::new().route("/team", team))
    });
    let fields = Map::from_iter([("team".to_owned(), json!("red"))]);
    let ada = testkit::user(&site.crossauth, "ada", Role::User, fields).await;
    assert_eq!(site.browser_of(&ada).get("/team").await.json(), "red");
    assert_eq!(site.browser().log_in("ada").await.status, 200);
}
