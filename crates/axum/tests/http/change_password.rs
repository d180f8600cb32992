//! `changepassword`, `api/changepassword`

use crossauth_core::account::Role;
use crossauth_core::key::Key;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::browser::{Browser, TestResponse};
use crate::site::{PASSWORD, Site, unverified};

const NEW: &str = "Another-Horse-8";

async fn change(browser: &mut Browser, fields: Value) -> TestResponse {
    let mut body = json!({"old_password": PASSWORD, "new_password": NEW});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    browser.post("/api/changepassword", body).await
}

#[tokio::test]
async fn s4_new_password_ends_all_other_sessions_and_the_old_id() {
    let site = Site::new();
    let mut device = site.logged_in("bob").await;
    let mut alice = site.logged_in("alice").await;
    let mut bob = site.logged_in("bob").await;
    let mut old = bob.copy();
    let response = change(&mut bob, json!({"repeat_password": NEW})).await;
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(response.json()["ok"], json!(true));
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
    assert_eq!(alice.whoami().await.as_deref(), Some("alice"));
    for ended in [&mut device, &mut old] {
        assert_eq!(ended.whoami().await, None);
    }
    let user = site.found("bob").await.unwrap().0;
    assert_eq!(site.count_sessions(&user).await, 1);
    site.browser().log_in("bob", PASSWORD).await.assert_failure(401, "UsernameOrPasswordInvalid");
    assert_eq!(site.browser().log_in("bob", NEW).await.status, 200);
}

#[tokio::test]
async fn pending_reset_links_and_known_devices_end_with_the_password() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let user = site.found("bob").await.unwrap().0;
    let keys = &site.storage.keys;
    for value in ["p:link", "kd:device", "api:key"] {
        let key =
            Key::new(value, Some(user.id.clone()), crossauth_core::clock::Timestamp::from_secs(0));
        keys.insert(&key).await.unwrap();
    }
    assert_eq!(change(&mut bob, json!({})).await.status, 200);
    assert_eq!(keys.find("p:link").await.unwrap(), None);
    assert_eq!(keys.find("kd:device").await.unwrap(), None);
    assert!(keys.find("api:key").await.unwrap().is_some());
}

#[tokio::test]
async fn l21_current_password_is_required() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    for (fields, status, code) in [
        (json!({"old_password": "Wrong-Horse-9"}), 401, "UsernameOrPasswordInvalid"),
        (json!({"old_password": ""}), 401, "UsernameOrPasswordInvalid"),
        (json!({"old_password": null}), 400, "BadRequest"),
        (json!({"old_password": [PASSWORD]}), 400, "BadRequest"),
        (json!({"new_password": null}), 400, "BadRequest"),
        (json!({"repeat_password": "Different-9"}), 401, "PasswordMatch"),
        (json!({"new_password": "short"}), 401, "PasswordFormat"),
        (json!({"new_password": PASSWORD}), 401, "PasswordFormat"),
        (json!({"new_password": "A1".repeat(513)}), 401, "PasswordFormat"),
    ] {
        let response = change(&mut bob, fields.clone()).await;
        response.assert_failure(status, code);
        response.assert_no_session();
        assert!(!response.body.contains("Wrong-Horse"), "{}", response.body);
    }
    let wrong = change(&mut bob, json!({"old_password": "Wrong-Horse-9"})).await;
    assert_eq!(wrong.json()["fieldErrors"], json!({"old_password": ["Current password is wrong"]}));
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
    // The control.
    assert_eq!(change(&mut bob, json!({})).await.status, 200);
}

#[tokio::test]
async fn l11_common_passwords_and_names_are_refused_at_every_door() {
    let site = Site::with(|site| site.site_name("Harbour Bank"));
    let setup = site.crossauth.auth().setup.issue_token().await.unwrap().unwrap();
    let mut bob = site.logged_in("bobby-tables").await;
    for predictable in
        ["password123", "Qwertyuiop1", "my-bobby-tables-9", "harbourbank-77", "x-Harbour Bank-x"]
    {
        let names = json!({"username": "bobby-tables", "password": predictable});
        let response = site.browser().post("/api/signup", names.clone()).await;
        response.assert_failure(400, "FormEntry");
        assert!(response.json()["fieldErrors"]["password"].is_array(), "{predictable}");
        let response = change(&mut bob, json!({"new_password": predictable})).await;
        response.assert_failure(401, "PasswordFormat");
        assert!(response.json()["fieldErrors"]["new_password"].is_array(), "{predictable}");
        let form = [
            ("token", setup.as_str()),
            ("username", "bobby-tables"),
            ("password", predictable),
            ("repeat_password", predictable),
        ];
        site.browser().submit("/setup", &form).await.assert_page(400, "password-error");
        let accounts = &site.crossauth.auth().accounts;
        let password = || crossauth_core::secret::Password::new(predictable);
        assert!(accounts.set_password("bobby-tables", password()).await.is_err());
        let form = crossauth_core::account::AccountForm::new("bobby-tables", password());
        assert!(accounts.create(form, crossauth_core::account::Role::User).await.is_err());
    }
    assert_eq!(change(&mut bob, json!({})).await.status, 200);
}

#[tokio::test]
async fn page_changes_the_password_and_confirms_it() {
    let site = Site::new();
    let anonymous = site.browser().get("/changepassword").await;
    assert_eq!(anonymous.location(), Some("/login?next=%2Fchangepassword"));
    let mut bob = site.logged_in("bob").await;
    let page = bob.get("/changepassword?next=/reports").await;
    page.assert_page(200, "name=\"old_password\"");
    assert!(page.text().contains("/reports"));
    let wrong =
        [("old_password", "Wrong-Horse-9"), ("new_password", NEW), ("repeat_password", NEW)];
    let response = bob.submit("/changepassword", &wrong).await;
    response.assert_page(401, "Current password is wrong");
    assert!(!response.body.contains(NEW) && !response.body.contains("Wrong-Horse"));
    let right = [("old_password", PASSWORD), ("new_password", NEW), ("repeat_password", NEW)];
    let response = bob.submit("/changepassword", &right).await;
    response.assert_page(200, "Your password has been changed.");
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
    let back = [
        ("old_password", NEW),
        ("new_password", PASSWORD),
        ("repeat_password", PASSWORD),
        ("next", "/reports"),
    ];
    let response = bob.submit("/changepassword", &back).await;
    assert_eq!((response.status.as_u16(), response.location()), (302, Some("/reports")));
}

#[tokio::test]
async fn of_concurrent_changes_exactly_one_succeeds() {
    let site = Site::new();
    let mut bob = site.logged_in("bob").await;
    let token = bob.csrf_token().await;
    let mut tasks = JoinSet::new();
    for index in 0..50 {
        let (mut browser, token) = (bob.copy(), token.clone());
        let body = json!({"old_password": PASSWORD, "new_password": format!("{NEW}-{index}")});
        tasks.spawn(async move {
            browser.post_with_token("/api/changepassword", body, &token).await.status
        });
    }
    let done = tasks.join_all().await.into_iter().filter(|status| *status == 200).count();
    assert_eq!(done, 1);
    let user = site.found("bob").await.unwrap().0;
    assert_eq!(site.count_sessions(&user).await, 1);
}

#[tokio::test]
async fn l23_owner_is_notified_by_mail() {
    let site = Site::with(|site| site.preview_messages().email_verification(unverified()));
    let form = json!({"username": "bob", "password": PASSWORD, "user_email": "bob@example.com"});
    let mut bob = site.browser();
    assert_eq!(bob.post("/api/signup", form).await.status, 200);
    let outbox = async || {
        site.crossauth.auth().outbox.send_now().await.unwrap();
        site.browser().get("/dev/outbox").await.text()
    };
    let wrong = change(&mut bob, json!({"old_password": "Wrong-Horse-9"})).await;
    assert_eq!(wrong.status, 401);
    assert!(!outbox().await.contains("bob@example.com"));
    assert_eq!(change(&mut bob, json!({})).await.status, 200);
    let page = outbox().await;
    assert!(page.contains("bob@example.com") && page.contains("password"), "{page}");
    assert!(!page.contains("deleted"), "{page}");
    assert_eq!(bob.post("/api/deleteuser", json!({"password": NEW})).await.status, 200);
    assert!(outbox().await.contains("delete"));
}

#[tokio::test]
async fn required_change_comes_before_the_login_is_complete() {
    let site = Site::new();
    let user = site.account("bob", Role::User).await;
    site.set_state(&user, "passwordchangeneeded").await;
    let mut bob = site.browser();
    let response = bob.submit("/login", &[("username", "bob"), ("password", PASSWORD)]).await;
    let page = response.location().unwrap().to_owned();
    assert!(page.starts_with("/changepassword?required=true&next="), "{page}");
    assert_eq!(bob.whoami().await, None);
    bob.get(&page).await.assert_page(200, "You must choose a new password");
    let same = [("old_password", PASSWORD), ("new_password", PASSWORD)];
    bob.submit("/changepassword", &same).await.assert_page(401, "must differ");
    let wrong = [("old_password", "Wrong-Horse-9"), ("new_password", NEW)];
    bob.submit("/changepassword", &wrong).await.assert_page(401, "Current password is wrong");
    assert_eq!(bob.whoami().await, None);
    let right = [("old_password", PASSWORD), ("new_password", NEW), ("next", "/reports")];
    let response = bob.submit("/changepassword", &right).await;
    assert_eq!((response.status.as_u16(), response.location()), (302, Some("/reports")));
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
    assert_eq!(site.found("bob").await.unwrap().0.state.as_str(), "active");
}

#[tokio::test]
async fn required_change_as_json() {
    let site = Site::new();
    let user = site.account("bob", Role::User).await;
    site.set_state(&user, "passwordchangeneeded").await;
    let mut bob = site.browser();
    bob.log_in("bob", PASSWORD).await.assert_failure(403, "PasswordChangeNeeded");
    assert_eq!(bob.whoami().await, None);
    assert_eq!(change(&mut bob, json!({})).await.status, 200);
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
    // The session permitted one change, of this account, and ends with it.
    let anonymous = change(&mut site.browser(), json!({})).await;
    anonymous.assert_failure(401, "Unauthorized");
}

#[tokio::test]
async fn forms_of_an_account_lead_to_the_login_once_the_session_has_ended() {
    let site = Site::new();
    let forms: [(&str, &[(&str, &str)]); 3] = [
        ("/changepassword", &[("old_password", PASSWORD), ("new_password", NEW)]),
        ("/updateuser", &[("user_email", "bob@example.org")]),
        ("/deleteuser", &[("password", PASSWORD)]),
    ];
    for (path, fields) in forms {
        let response = site.browser().submit(path, fields).await;
        response.assert_page(401, "Please log in");
        response.assert_page(401, "href=\"/login\"");
        assert!(!response.body.contains("<form"), "{path}: {}", response.body);
    }
}
