//! `api/userforsessionkey`

use crossauth_core::user::{NewUser, UserUpdate};
use serde_json::{Map, json};

use crate::site::Site;

#[tokio::test]
async fn user_is_returned_without_secrets() {
    let site = Site::new();
    let mut browser = site.logged_in("bob").await;
    let (bob, _) = site.found("bob").await.unwrap();
    let email = crossauth_core::user::Patch::Set("bob@example.com".to_owned());
    let extra = json!({"phone": "+441234567890"}).as_object().unwrap().clone();
    site.change(&bob, UserUpdate { email, extra, ..UserUpdate::default() }).await;
    let answer = browser.get_json("/api/userforsessionkey").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
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
    let answer = visitor.get_json("/api/userforsessionkey").await;
    answer.assert_failure(401, "Unauthorized");
    assert_eq!(answer.json()["errorCode"], json!(14));
    let session = site.crossauth.auth().sessions.begin_anonymous(&Map::new()).await.unwrap();
    visitor.cookies.insert("SESSIONID".into(), session.cookie);
    let answer = visitor.get_json("/api/userforsessionkey").await;
    answer.assert_failure(401, "Unauthorized");
    assert!(answer.set_cookie("SESSIONID").is_none(), "the session is kept");
}
