//! The pages and endpoints about one account.

use crossauth_core::account::Role;
use crossauth_core::message::MessageKind;
use crossauth_core::user::{User, UserState};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::site::{PASSWORD, Site};

const NEW_PASSWORD: &str = "Another-Horse-8";

pub(super) fn of(name: &str, user: &User) -> String {
    format!("/admin/{name}/{}", user.id)
}

/// A site with the administrator ada, and the account bob.
pub(super) async fn site() -> (Site, Browser, User) {
    let site = Site::administered();
    let ada = site.administrator("ada").await;
    let bob = site.account_with("bob", "bob@x.org").await;
    (site, ada, bob)
}

impl Site {
    async fn state_of(&self, username: &str) -> UserState {
        self.found(username).await.unwrap().0.state
    }
}

#[tokio::test]
async fn page_and_json_of_a_user_have_everything_about_the_account() {
    let (site, mut ada, bob) = site().await;
    let mut browser = site.logged_in("bob").await;
    let page = ada.get(&of("user", &bob)).await;
    for text in ["bob@x.org", "Active", "Member since", "Log out", "Set a new password"] {
        page.assert_page(200, text);
    }
    let json = ada.get_json(&of("api/user", &bob)).await.json();
    assert_eq!(json["user"]["username"], json!("bob"));
    assert_eq!(json["user"]["id"], json!(bob.id));
    assert_eq!(json["hasPassword"], json!(true));
    assert_eq!(json["sessions"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(json["sessions"][0]["current"], json!(false));
    assert_eq!(json["states"][0], json!("active"));
    let (own, _) = site.found("ada").await.unwrap();
    let json = ada.get_json(&of("api/user", &own)).await.json();
    assert_eq!(json["sessions"][0]["current"], json!(true));
    ada.get(&of("user", &own)).await.assert_page(200, "This is your own account");
    assert!(browser.whoami().await.is_some());
}

#[tokio::test]
async fn x11_no_page_and_no_json_of_administration_has_a_secret() {
    let (site, mut ada, _) = site().await;
    let eve = site.enrolled_browser("eve").await;
    let (user, secrets) = site.found("eve").await.unwrap();
    let session = eve.browser.cookies["SESSIONID"].split('.').next().unwrap().to_owned();
    let hash = secrets.password.unwrap();
    let mut bodies = vec![ada.get_json("/admin/api/selectuser").await.body];
    for path in ["user", "api/user", "updateuser", "changepassword", "resetfactor2", "deleteuser"] {
        bodies.push(ada.get(&of(path, &user)).await.body);
    }
    bodies.push(ada.get("/admin/selectuser").await.body);
    for body in bodies {
        assert!(body.contains("eve"), "{body}");
        for secret in [&hash, &eve.secret, &session, &eve.recovery_codes[0], &"argon2".to_owned()] {
            assert!(!body.contains(secret.as_str()), "{secret} in {body}");
        }
    }
}

#[tokio::test]
async fn fields_name_address_and_role_are_changed() {
    let (site, mut ada, bob) = site().await;
    let path = of("api/updateuser", &bob);
    let body = json!({"username": "bobby", "user_email": "new@x.org", "user_phone": "+33612345678",
        "user_admin": "true"});
    let changed = ada.post(&path, body).await;
    assert_eq!(
        changed.json(),
        json!({"ok": true, "emailVerificationRequired": false, "passwordResetSent": false})
    );
    let (user, _) = site.found("bobby").await.unwrap();
    assert_eq!(
        (user.email.as_deref(), user.admin, &user.extra["phone"]),
        (Some("new@x.org"), true, &json!("+33612345678"))
    );
    // What is absent stays; empty text deletes.
    ada.post(&path, json!({"user_phone": ""})).await;
    let (user, _) = site.found("bobby").await.unwrap();
    assert_eq!((user.email.as_deref(), user.admin), (Some("new@x.org"), true));
    assert!(!user.extra.contains_key("phone"));
    let refused = ada.post(&path, json!({"user_email": "nowhere"})).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let refused = ada.post(&path, json!({"user_id": 1})).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let page = ada.submit(&of("updateuser", &bob), &[("username", "ada")]).await;
    page.assert_page(400, "taken");
    let page = ada.submit(&of("updateuser", &bob), &[("username", "bobby2")]).await;
    page.assert_page(200, "User updated");
    assert!(site.found("bobby2").await.is_some());
    assert!(site.mail().await.is_empty());
}

#[tokio::test]
async fn saving_the_form_unchanged_changes_nothing() {
    let (site, mut ada, bob) = site().await;
    let mut browser = site.logged_in("bob").await;
    let before = site.found("bob").await;
    ada.get(&of("updateuser", &bob)).await.assert_page(200, "bob@x.org");
    let fields = [
        ("username", "bob"),
        ("user_email", "bob@x.org"),
        ("user_phone", ""),
        ("state", "active"),
        ("user_admin", "false"),
        ("user_factor2", "none"),
    ];
    ada.submit(&of("updateuser", &bob), &fields).await.assert_page(200, "User updated");
    assert_eq!(site.found("bob").await, before);
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn state_is_changed_by_the_table_of_transitions() {
    let (site, mut ada, bob) = site().await;
    let path = of("api/updateuser", &bob);
    let mut browser = site.logged_in("bob").await;
    assert_eq!(ada.post(&path, json!({"state": "disabled"})).await.status, 200);
    assert_eq!(site.state_of("bob").await, UserState::Disabled);
    assert_eq!(browser.whoami().await, None);
    let refused = ada.post(&path, json!({"state": "passwordresetneeded"})).await;
    assert!(refused.status.is_client_error(), "{}", refused.body);
    assert_eq!(site.state_of("bob").await, UserState::Disabled);
    ada.submit(&of("updateuser", &bob), &[("state", "active")])
        .await
        .assert_page(200, "User updated");
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
    let reset = ada.post(&path, json!({"state": "passwordresetneeded"})).await;
    assert_eq!(reset.json()["passwordResetSent"], json!(true), "{}", reset.body);
    site.one_mail(MessageKind::PasswordReset, "bob@x.org").await;
    let both = json!({"state": "active", "user_factor2": "totp"});
    ada.post(&path, both).await.assert_failure(400, "BadRequest");
    let unknown = ada.post(&path, json!({"state": "onholiday"})).await;
    assert!(unknown.status.is_client_error(), "{}", unknown.body);
}

#[tokio::test]
async fn password_is_set_and_the_user_notified() {
    let (site, mut ada, bob) = site().await;
    let mut browser = site.logged_in("bob").await;
    let path = of("changepassword", &bob);
    ada.get(&path).await.assert_page(200, "New password");
    let weak = ada.submit(&path, &[("new_password", "short")]).await;
    weak.assert_page(401, "at least");
    assert!(weak.text().contains(r#"id="new_password-error""#), "{}", weak.body);
    let differs = [("new_password", NEW_PASSWORD), ("repeat_password", "else")];
    assert_eq!(ada.submit(&path, &differs).await.status, 401);
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    let fields = [("new_password", NEW_PASSWORD), ("repeat_password", NEW_PASSWORD)];
    let set = ada.submit(&path, &fields).await;
    assert_eq!(set.location(), Some(&*format!("{}?done=password", of("user", &bob))));
    assert_eq!(browser.whoami().await, None);
    assert_eq!(site.browser().log_in("bob", NEW_PASSWORD).await.status, 200);
    site.one_mail(MessageKind::PasswordChanged, "bob@x.org").await;
    let api = of("api/changepassword", &bob);
    let set = ada.post(&api, json!({"new_password": PASSWORD})).await;
    assert_eq!(set.json(), json!({"ok": true}));
    let refused = ada.post(&api, json!({"new_password": "short"})).await;
    refused.assert_failure(401, "PasswordFormat");
}

#[tokio::test]
async fn link_to_choose_a_password_is_sent() {
    let (site, mut ada, bob) = site().await;
    let sent = ada.post(&of("api/sendreset", &bob), json!({})).await;
    assert_eq!(sent.json(), json!({"ok": true}));
    site.one_mail(MessageKind::PasswordReset, "bob@x.org").await;
    let sent = ada.submit(&of("sendreset", &bob), &[]).await;
    assert_eq!(sent.location(), Some(&*format!("{}?done=reset", of("user", &bob))));
    let carol = site.account("carol", Role::User).await;
    assert_eq!(ada.post(&of("api/sendreset", &carol), json!({})).await.status, 400);
    let form = |user| format!("action=\"{}\"", of("sendreset", user));
    ada.get(&of("user", &bob)).await.assert_page(200, &form(&bob));
    let page = ada.get(&of("user", &carol)).await;
    assert!(!page.text().contains(&form(&carol)), "no address: {}", page.body);
    for _ in 2..5 {
        assert_eq!(ada.post(&of("api/sendreset", &bob), json!({})).await.status, 200);
    }
    let refused = ada.post(&of("api/sendreset", &bob), json!({})).await;
    refused.assert_failure(429, "SlowDown");
    assert!(refused.header("retry-after").is_some(), "{}", refused.body);
}

#[tokio::test]
async fn second_factor_is_reset_after_a_confirmation() {
    let (site, mut ada, _) = site().await;
    let mut eve = site.enrolled_browser("eve").await;
    let (user, _) = site.found("eve").await.unwrap();
    let path = of("resetfactor2", &user);
    ada.get(&of("user", &user)).await.assert_page(200, "Reset the second step");
    ada.get("/admin/selectuser?search=eve").await.assert_page(200, "Authenticator app");
    ada.get(&path).await.assert_page(200, "This cannot be undone");
    assert_eq!(ada.post(&of("api/resetfactor2", &user), json!({})).await.status, 200);
    assert_eq!(eve.browser.whoami().await, None);
    let refused = site.browser().log_in("eve", PASSWORD).await;
    refused.assert_failure(403, "Factor2ResetNeeded");
    let removed = ada.submit(&path, &[("remove", "true")]).await;
    assert_eq!(removed.location(), Some(&*format!("{}?done=factor", of("user", &user))));
    assert_eq!(site.browser().log_in("eve", PASSWORD).await.json()["ok"], json!(true));
    assert_eq!(site.state_of("eve").await, UserState::Active);
}

#[tokio::test]
async fn r18_reset_of_a_factor_shows_no_secret() {
    let (site, mut ada, _) = site().await;
    site.enrolled_browser("eve").await;
    let (user, _) = site.found("eve").await.unwrap();
    let answer = ada.post(&of("api/updateuser", &user), json!({"user_factor2": "email"})).await;
    let expected =
        json!({"ok": true, "emailVerificationRequired": false, "passwordResetSent": false});
    assert_eq!(answer.json(), expected);
    assert_eq!(site.state_of("eve").await, UserState::Factor2ResetNeeded);
    let (_, secrets) = site.found("eve").await.unwrap();
    assert_eq!(secrets.totpsecret, None);
}

#[tokio::test]
async fn sessions_of_a_user_are_ended_one_by_one_and_together() {
    let (site, mut ada, bob) = site().await;
    let (mut first, mut second) = (site.logged_in("bob").await, site.logged_in("bob").await);
    let listed = ada.get_json(&of("api/user", &bob)).await.json()["sessions"].clone();
    let id = listed[0]["id"].as_str().unwrap();
    let ended = ada.post(&of("api/endsession", &bob), json!({"session": id})).await;
    assert_eq!(ended.json(), json!({"ok": true}));
    let live = [first.whoami().await.is_some(), second.whoami().await.is_some()];
    assert_eq!(live.iter().filter(|is_live| **is_live).count(), 1, "{live:?}");
    // The session of another user is not found under this one, nor one that has ended.
    let (own, _) = site.found("ada").await.unwrap();
    let others = ada.get_json(&of("api/user", &own)).await.json()["sessions"][0]["id"].clone();
    for id in [others, json!(id), json!("x")] {
        let refused = ada.post(&of("api/endsession", &bob), json!({ "session": id })).await;
        assert_eq!(refused.status, 404, "{}", refused.body);
    }
    let page = ada.submit(&of("endsessions", &bob), &[]).await;
    assert_eq!(page.location(), Some(&*format!("{}?done=sessions", of("user", &bob))));
    assert_eq!((first.whoami().await, second.whoami().await), (None, None));
    let mut other = site.administrator("ada").await;
    ada.post(&of("api/endsessions", &own), json!({})).await;
    assert_eq!(ada.whoami().await.as_deref(), Some("ada"), "the session of the request goes on");
    assert_eq!(other.whoami().await, None);
}

#[tokio::test]
async fn devices_of_a_user_are_forgotten() {
    let (_site, mut ada, bob) = site().await;
    let path = of("api/forgetdevice", &bob);
    assert_eq!(ada.post(&path, json!({"all": true})).await.json(), json!({"ok": true}));
    assert_eq!(ada.post(&path, json!({"device": "x"})).await.status, 404);
    assert_eq!(ada.post(&path, json!({})).await.status, 400);
    assert_eq!(ada.post(&path, json!({"device": "x", "all": true})).await.status, 400);
    let page = ada.submit(&of("forgetdevice", &bob), &[("all", "on")]).await;
    assert_eq!(page.location(), Some(&*format!("{}?done=devices", of("user", &bob))));
}

#[tokio::test]
async fn account_is_deleted_after_a_confirmation() {
    let (site, mut ada, bob) = site().await;
    let path = of("deleteuser", &bob);
    ada.get(&path).await.assert_page(200, "This cannot be undone");
    assert!(site.found("bob").await.is_some());
    ada.submit(&path, &[]).await.assert_page(200, "User deleted");
    assert!(site.found("bob").await.is_none());
    assert_eq!(ada.get(&path).await.status, 404);
    let carol = site.account("carol", Role::User).await;
    let deleted = ada.post(&of("api/deleteuser", &carol), json!({})).await;
    assert_eq!(deleted.json(), json!({"ok": true, "userid": carol.id}));
}

#[tokio::test]
async fn x6_last_administrator_can_neither_be_disabled_nor_demoted_nor_deleted() {
    let site = Site::administered();
    let mut ada = site.administrator("ada").await;
    let (own, _) = site.found("ada").await.unwrap();
    let off = site.account("alan", Role::Administrator).await;
    site.set_state(&off, "disabled").await;
    for (name, body) in [
        ("api/updateuser", json!({"state": "disabled"})),
        ("api/updateuser", json!({"user_admin": false})),
        ("api/updateuser", json!({"state": "passwordresetneeded"})),
        ("api/deleteuser", json!({})),
    ] {
        let refused = ada.post(&of(name, &own), body.clone()).await;
        assert!(refused.status.is_client_error(), "{name} {body}: {}", refused.body);
        assert_eq!(site.found("ada").await.unwrap().0, own, "{name} {body}");
    }
    let page = ada.submit(&of("deleteuser", &own), &[]).await;
    page.assert_page(403, "last administrator");
    let enabled = ada.post(&of("api/updateuser", &off), json!({"state": "active"})).await;
    assert_eq!(enabled.status, 200, "{}", enabled.body);
    assert_eq!(ada.post(&of("api/deleteuser", &own), json!({})).await.status, 200);
    assert_eq!(ada.whoami().await, None);
}

#[tokio::test]
async fn b50_users_in_every_state_can_be_seen_and_changed() {
    let (site, mut ada, bob) = site().await;
    for state in UserState::KNOWN {
        site.set_state(&bob, state.as_str()).await;
        let json = ada.get_json(&of("api/user", &bob)).await;
        assert_eq!(json.json()["user"]["state"], json!(state), "{}", json.body);
        ada.get(&of("updateuser", &bob)).await.assert_page(200, "bob");
        let phone = json!({"user_phone": "+33612345678"});
        let changed = ada.post(&of("api/updateuser", &bob), phone).await;
        assert_eq!(changed.status, 200, "{state:?}: {}", changed.body);
        assert_eq!(site.state_of("bob").await, state);
    }
}

#[tokio::test]
async fn unknown_user_is_not_found_on_every_route() {
    let (site, mut ada, _) = site().await;
    let endpoints = site.crossauth.endpoints().into_iter();
    for endpoint in endpoints.filter(|it| it.path.starts_with("/admin/") && it.path.contains('{')) {
        for id in ["999", "-1", "no-one", "%2e%2e", "99999999999999999999", "%00", "a%27b"] {
            let path = endpoint.path.replace("{id}", id);
            let answer = if endpoint.method == http::Method::GET {
                ada.get(&path).await
            } else {
                let body = json!({"session": "x", "all": true, "new_password": PASSWORD});
                ada.post(&path, body).await
            };
            assert_eq!(answer.status, 404, "{} {path}: {}", endpoint.method, answer.body);
        }
    }
}

#[tokio::test]
async fn x9_only_the_path_says_which_account_is_meant() {
    let (site, mut ada, bob) = site().await;
    let carol = site.account("carol", Role::User).await;
    let other: Value = json!({"id": carol.id, "userid": carol.id, "state": "disabled"});
    assert_eq!(ada.post(&of("api/updateuser", &bob), other.clone()).await.status, 200);
    assert_eq!(site.state_of("carol").await, UserState::Active);
    assert_eq!(site.state_of("bob").await, UserState::Disabled);
    ada.post(&of("api/deleteuser", &bob), other).await;
    assert!(site.found("carol").await.is_some() && site.found("bob").await.is_none());
}
