use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{Request, request};
use crossauth::domain::account::Role;
use crossauth::testkit::{self, LoggedIn};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{application, with_fields};

/// The application, a user of the red team, a user without a team and an administrator.
async fn example() -> (Router, [LoggedIn; 3]) {
    let crossauth = with_fields(testkit::builder()).build().unwrap();
    let fields = json!({"team": "red"}).as_object().unwrap().clone();
    let ada = testkit::user(&crossauth, "ada", Role::User, fields).await;
    let bob = testkit::logged_in(&crossauth, "bob").await;
    let carol = testkit::admin(&crossauth, "carol").await;
    (application(&crossauth), [ada, bob, carol])
}

async fn send(app: &Router, request: request::Builder, body: &str) -> (u16, String) {
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn extractors_restrict_each_route() {
    let (app, [ada, bob, carol]) = example().await;
    for (path, anonymous, as_ada, as_bob, as_carol) in [
        ("/", 200, 200, 200, 200),
        ("/signup", 200, 302, 302, 302),
        ("/account", 302, 200, 200, 200),
        ("/notes", 302, 200, 200, 200),
        ("/plans", 302, 200, 403, 403),
        ("/reports", 302, 401, 401, 200),
        ("/nowhere", 404, 404, 404, 404),
    ] {
        let get = || Request::get(path).header(ACCEPT, "text/html");
        assert_eq!(send(&app, get(), "").await.0, anonymous, "{path}");
        for (user, status) in [(&ada, as_ada), (&bob, as_bob), (&carol, as_carol)] {
            let response = send(&app, user.authorize(get()), "").await;
            assert_eq!(response.0, status, "{path}: {}", response.1);
        }
    }
}

#[tokio::test]
async fn form_and_script_require_a_csrf_token() {
    let (app, [ada, ..]) = example().await;
    let form = || Request::post("/notes").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let response = send(&app, ada.authorize(form()), "text=hello").await;
    assert_eq!(response, (200, "ada notes: hello".to_owned()));
    let script = || Request::post("/api/notes").header(CONTENT_TYPE, "application/json");
    let (status, body) = send(&app, ada.authorize(script()), r#"{"text":"hello"}"#).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({"text": "hello"}));
    assert_eq!(send(&app, form(), "text=hello").await.0, 401);
    assert_eq!(send(&app, script(), r#"{"text":"hello"}"#).await.0, 401);
}

#[tokio::test]
async fn sign_up_form_asks_for_the_fields() {
    let (app, _) = example().await;
    let (_, page) = send(&app, Request::get("/signup"), "").await;
    assert!(page.contains("name=\"user_email\"") && page.contains("Red team"), "{page}");
}
