//! `updateuser`, `deleteuser` and their JSON twins.

use crossauth_axum::SignupField;
use crossauth_core::account::Role;
use serde_json::{Value, json};

use crate::site::{PASSWORD, Site};

fn site() -> Site {
    Site::with(|site| {
        site.signup_fields([
            SignupField::new("email"),
            SignupField::new("phone"),
            SignupField::new("team").required().choices([("red", "Red"), ("blue", "Blue")]),
        ])
    })
}

async fn extra(site: &Site, username: &str) -> Value {
    Value::Object(site.found(username).await.unwrap().0.extra)
}

#[tokio::test]
async fn user_changes_editable_fields() {
    let site = site();
    let mut bob = site.logged_in("bob").await;
    let body = json!({"user_phone": "555-0100", "user_team": "red"});
    let response = bob.post("/api/updateuser", body).await;
    let answer = json!({"ok": true, "emailVerificationRequired": false});
    assert_eq!((response.status.as_u16(), response.json()), (200, answer));
    assert_eq!(extra(&site, "bob").await, json!({"phone": "555-0100", "team": "red"}));
    // Absent fields stay, an empty one goes.
    let response = bob.post("/api/updateuser", json!({"user_team": "blue"})).await;
    assert_eq!(response.status, 200);
    assert_eq!(extra(&site, "bob").await, json!({"phone": "555-0100", "team": "blue"}));
    assert_eq!(bob.post("/api/updateuser", json!({"user_phone": ""})).await.status, 200);
    assert_eq!(extra(&site, "bob").await, json!({"team": "blue"}));
}

#[tokio::test]
async fn l22_fields_that_are_not_editable_are_ignored() {
    let site = site();
    let mut bob = site.logged_in("bob").await;
    let alice = site.account("alice", Role::User).await;
    let before = site.found("bob").await.unwrap();
    let body = json!({
        "user_admin": true, "admin": true, "user_state": "disabled", "user_id": alice.id,
        "id": alice.id, "userid": alice.id, "user_username": "mallory", "username": "alice",
        "user_factor1": "none", "user_factor2": "totp", "user_password": "x", "password": "x",
        "user_role": "editor", "user_credential_epoch": 0, "user_username_normalized": "alice",
    });
    let response = bob.post("/api/updateuser", body).await;
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(site.found("bob").await.unwrap(), before);
    assert_eq!(site.found("alice").await.unwrap().0, alice);
}

#[tokio::test]
async fn invalid_fields_are_reported_and_nothing_is_written() {
    let site = site();
    let mut bob = site.logged_in("bob").await;
    for (body, status, code, field) in [
        (json!({"user_team": "green"}), 400, "FormEntry", "user_team"),
        (json!({"user_team": ""}), 400, "FormEntry", "user_team"),
        (json!({"user_phone": "1".repeat(1001)}), 400, "FormEntry", "user_phone"),
        (json!({"user_phone": {"a": 1}}), 400, "FormEntry", "user_phone"),
        (json!({"user_email": "bob@"}), 400, "InvalidEmail", "user_email"),
    ] {
        let response = bob.post("/api/updateuser", body.clone()).await;
        response.assert_failure(status, code);
        assert!(response.json()["fieldErrors"][field].is_array(), "{body}: {}", response.body);
    }
    assert_eq!(extra(&site, "bob").await, json!({}));
    assert_eq!(site.found("bob").await.unwrap().0.email, None);
}

#[tokio::test]
async fn address_is_not_changed_where_users_may_not_set_it() {
    let site = Site::with(|site| site.editable_fields(["phone"]));
    let mut bob = site.logged_in("bob").await;
    let answer = bob.post("/api/updateuser", json!({"user_email": "bob@example.com"})).await;
    assert_eq!(answer.json(), json!({"ok": true, "emailVerificationRequired": false}));
    assert_eq!(site.found("bob").await.unwrap().0.email, None);
    let page = bob.get("/updateuser").await;
    assert!(!page.body.contains("user_email"), "{}", page.body);
}

#[tokio::test]
async fn page_shows_values_and_keeps_what_was_typed() {
    let site = site();
    assert_eq!(
        site.browser().get("/updateuser").await.location(),
        Some("/login?next=%2Fupdateuser")
    );
    let mut bob = site.logged_in("bob").await;
    let page = bob.get("/updateuser").await;
    page.assert_page(200, "name=\"user_phone\"");
    let wrong = [("user_phone", "555-0199"), ("user_team", "green")];
    bob.submit("/updateuser", &wrong).await.assert_page(400, "555-0199");
    let right = [("user_phone", "555-0100"), ("user_team", "red")];
    let page = bob.submit("/updateuser", &right).await;
    page.assert_page(200, "Your details have been updated.");
    assert!(page.text().contains("555-0100"));
}

#[tokio::test]
async fn deletion_needs_the_password_and_removes_account_and_sessions() {
    for path in ["/deleteuser", "/api/deleteuser"] {
        let site = Site::new();
        let mut other = site.logged_in("bob").await;
        let mut bob = site.logged_in("bob").await;
        for wrong in ["", "Wrong-Horse-9"] {
            let response = bob.submit(path, &[("password", wrong)]).await;
            assert_eq!(response.status, 401, "{}", response.body);
            assert!(response.body.contains("Password is wrong"), "{}", response.body);
        }
        assert_eq!(bob.submit(path, &[]).await.status, 400);
        assert_eq!(other.whoami().await.as_deref(), Some("bob"));
        let id = site.found("bob").await.unwrap().0.id;
        let response = bob.submit(path, &[("password", PASSWORD)]).await;
        assert_eq!(response.status, 200, "{}", response.body);
        assert_eq!(response.header("clear-site-data"), Some("\"cache\""));
        if path.starts_with("/api") {
            assert_eq!(response.json(), json!({"ok": true, "userid": id}));
        } else {
            response.assert_page(200, "Your account has been deleted.");
        }
        assert!(!bob.cookies.contains_key("SESSIONID"));
        assert_eq!(other.whoami().await, None);
        assert!(site.found("bob").await.is_none());
        let gone = site.browser().log_in("bob", PASSWORD).await;
        gone.assert_failure(401, "UsernameOrPasswordInvalid");
    }
}

#[tokio::test]
async fn an_open_session_does_not_allow_guessing_the_password() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let new = json!("Another-Horse-8");
    let change = |old: &str| json!({"old_password": old, "new_password": new});
    for (path, body) in [
        ("/api/deleteuser", json!({"password": "Wrong-Horse-9"})),
        ("/api/changepassword", change("Wrong-Horse-9")),
    ] {
        for _ in 0..5 {
            let wrong = bob.post(path, body.clone()).await;
            wrong.assert_failure(401, "UsernameOrPasswordInvalid");
        }
    }
    for (path, body) in [
        ("/api/deleteuser", json!({"password": PASSWORD})),
        ("/api/changepassword", change(PASSWORD)),
    ] {
        let response = bob.post(path, body).await;
        response.assert_failure(429, "SlowDown");
        assert!(response.header("retry-after").is_some(), "{path}");
    }
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
    let other = site.logged_in("alice").await.post("/api/changepassword", change(PASSWORD)).await;
    assert_eq!(other.status, 200, "{}", other.body);
}

#[tokio::test]
async fn correct_passwords_are_not_counted() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let mut passwords = [PASSWORD, "Another-Horse-8"];
    for _ in 0..12 {
        let body = json!({"old_password": passwords[0], "new_password": passwords[1]});
        assert_eq!(bob.post("/api/changepassword", body).await.status, 200);
        passwords.reverse();
    }
}

#[tokio::test]
async fn x9_body_cannot_name_another_account_to_delete() {
    let site = Site::new();
    let alice = site.account("alice", Role::User).await;
    let mut bob = site.logged_in("bob").await;
    let body =
        json!({"password": PASSWORD, "id": alice.id, "userid": alice.id, "username": "alice"});
    assert_eq!(bob.post("/api/deleteuser?id=alice", body).await.status, 200);
    assert!(site.found("alice").await.is_some() && site.found("bob").await.is_none());
}

#[tokio::test]
async fn last_administrator_cannot_delete_themselves() {
    let site = Site::new();
    site.account("root", Role::Administrator).await;
    let mut root = site.logged_in("root").await;
    let body = json!({"password": PASSWORD});
    root.post("/api/deleteuser", body.clone()).await.assert_failure(403, "Forbidden");
    assert_eq!(root.whoami().await.as_deref(), Some("root"));
    site.account("second", Role::Administrator).await;
    assert_eq!(root.post("/api/deleteuser", body).await.status, 200);
}
