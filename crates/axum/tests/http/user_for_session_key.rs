//! `api/userforsessionkey`

use crossauth_core::user::{NewUser, UserUpdate};
use serde_json::{Map, json};

use crate::browser::json_request;
use crate::site::Site;

#[tokio::test]
async fn user_is_returned_without_secrets() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    let (bob, _) = site.found("bob").await.unwrap();
    let email = crossauth_core::user::Patch::Set("bob@example.com".to_owned());
    let extra = json!({"phone": "+441234567890"}).as_object().unwrap().clone();
    site.change(&bob, UserUpdate { email, extra, ..UserUpdate::default() }).await;
    let response = browser.get_json("/api/userforsessionkey").await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.json(),
        json!({"ok": true, "user": {
            "id": 1,
            "username": "bob",
            "email": "bob@example.com",
            "state": "active",
            "factor1": "localpassword",
            "factor2": "",
            "admin": false,
            "phone": "+441234567890",
        }})
    );
}

#[tokio::test]
async fn anonymous_requests_and_sessions_are_unauthorized() {
    let site = Site::new();
    site.stored(NewUser::named("bob"), None).await;
    let mut visitor = site.browser();
    let response = visitor.get_json("/api/userforsessionkey").await;
    response.assert_failure(401, "Unauthorized");
    assert_eq!(response.json()["errorCode"], json!(14));
    let session = site.crossauth.auth().sessions.begin_anonymous(&Map::new()).await.unwrap();
    visitor.cookies.insert("SESSIONID".into(), session.cookie);
    let response = visitor.get_json("/api/userforsessionkey").await;
    response.assert_failure(401, "Unauthorized");
    assert!(response.set_cookie("SESSIONID").is_none(), "the session is kept");
}

#[tokio::test]
async fn upstream_post_requires_the_csrf_token_of_the_session() {
    let site = Site::new();
    let foreign = site.logged_in("mallory").await.csrf_token().await;
    let mut bob = site.logged_in("bob").await;
    let path = "/api/userforsessionkey";
    bob.send(json_request(path), "{}").await.assert_failure(401, "InvalidCsrf");
    let response = bob.post_with_token(path, json!({}), &foreign).await;
    response.assert_failure(401, "InvalidCsrf");
    let response = bob.post(path, json!({})).await;
    assert_eq!(response.json()["user"]["username"], json!("bob"), "{}", response.body);
}
