//! Hooks: they run at every interface, and cannot accept what Crossauth refuses.

use crossauth_core::storage::UserQuery;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossauth_axum::SignupField;
use crossauth_core::account::{AccountError, AccountForm, AccountUpdate, Role};
use crossauth_core::form::{Field, FieldError, Rule};
use crossauth_core::hooks::{Hooks, SessionVerdict};
use crossauth_core::secret::Password;
use crossauth_core::user::{NewUser, Patch, UserState};
use http::Method;
use http::header::{ACCEPT, USER_AGENT};
use serde_json::{Value, json};

use crate::browser::request;
use crate::site::{PASSWORD, Site};

fn custom(field: Field, text: &str) -> Vec<FieldError> {
    vec![FieldError::new(field, Rule::Custom(text.into()))]
}

fn with(hooks: Hooks) -> Site {
    let fields = || [SignupField::new("email"), SignupField::new("phone")];
    Site::with(|site| site.signup_fields(fields()).hooks(hooks))
}

fn form(username: &str, fields: &Value) -> Value {
    let mut body = json!({"username": username, "password": PASSWORD});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn validate_user_refuses_accounts_and_changes_at_every_interface() {
    let validate = |user: &NewUser| match user.extra.get("phone").and_then(Value::as_str) {
        Some(phone) if !phone.starts_with('+') => {
            custom(Field::Extra("phone".into()), "must begin with +")
        }
        _ => Vec::new(),
    };
    let site = with(Hooks { validate_user: Some(Arc::new(validate)), ..Hooks::default() });
    let wrong = form("bob", &json!({"user_phone": "555"}));
    let response = site.browser().post("/api/signup", wrong).await;
    response.assert_failure(400, "FormEntry");
    let errors = json!({"user_phone": ["Phone must begin with +"]});
    assert_eq!(response.json()["fieldErrors"], errors);
    assert!(site.found("bob").await.is_none());
    let mut bob = site.browser();
    let right = form("bob", &json!({"user_phone": "+555"}));
    assert_eq!(bob.post("/api/signup", right).await.status, 200);
    let response = bob.post("/api/updateuser", json!({"user_phone": "556"})).await;
    response.assert_failure(400, "FormEntry");
    let page = bob.submit("/updateuser", &[("user_phone", "556")]).await;
    page.assert_page(400, "Phone must begin with +");
    // The interface of the command line and of applications.
    let accounts = &site.crossauth.auth().accounts;
    let fields = json!({"phone": "557"}).as_object().unwrap().clone();
    let update = AccountUpdate { fields: fields.clone(), ..AccountUpdate::default() };
    assert!(matches!(accounts.update("bob", update).await, Err(AccountError::Form(_))));
    let form = AccountForm { fields, ..AccountForm::new("carol", Password::new(PASSWORD)) };
    assert!(matches!(accounts.create(form, Role::User).await, Err(AccountError::Form(_))));
    assert_eq!(site.found("bob").await.unwrap().0.extra["phone"], json!("+555"));
    assert_eq!(bob.post("/api/updateuser", json!({"user_phone": "+556"})).await.status, 200);
}

#[tokio::test]
async fn create_user_completes_accounts_from_the_request() {
    let create = |mut user: NewUser, request: &crossauth_core::hooks::Submission| {
        if request.fields.get("invitation").and_then(Value::as_str) != Some("summer") {
            return Err(custom(Field::Extra("invitation".into()), "is not valid"));
        }
        assert!(!request.fields.contains_key("password"), "secrets are not passed");
        assert!(!request.fields.contains_key("csrfToken"));
        user.extra.insert("agent".into(), json!(request.user_agent));
        user.extra.insert("role".into(), json!("guest"));
        Ok(user)
    };
    let site = with(Hooks { create_user: Some(Arc::new(create)), ..Hooks::default() });
    let response = site.browser().post("/api/signup", form("bob", &json!({}))).await;
    response.assert_failure(400, "FormEntry");
    assert_eq!(
        response.json()["fieldErrors"]["user_invitation"],
        json!(["Invitation is not valid"])
    );
    let mut bob = site.browser();
    let token = bob.csrf_token().await;
    let body = form("bob", &json!({"invitation": "summer", "role": "editor"})).to_string();
    let request = crate::browser::json_request("/api/signup")
        .header("X-CROSSAUTH-CSRF", token)
        .header(USER_AGENT, "test/1");
    assert_eq!(bob.send(request, body).await.status, 200);
    let user = site.found("bob").await.unwrap().0;
    assert_eq!(Value::Object(user.extra), json!({"agent": "test/1", "role": "guest"}));
}

#[tokio::test]
async fn create_user_cannot_accept_what_is_refused() {
    let create = |mut user: NewUser, request: &crossauth_core::hooks::Submission| {
        user.admin = true;
        user.state = UserState::Disabled;
        user.factor2 = Some("totp".into());
        match request.fields.get("make").and_then(Value::as_str) {
            Some("name") => user.username = "a b".into(),
            Some("reserved") => user.username = "admin".into(),
            Some("email") => user.email = Some("nonsense".into()),
            Some("field") => drop(user.extra.insert("password".into(), json!("x"))),
            _ => {}
        }
        Ok(user)
    };
    let site = with(Hooks { create_user: Some(Arc::new(create)), ..Hooks::default() });
    for make in ["name", "reserved", "email", "field"] {
        let response =
            site.browser().post("/api/signup", form("bob", &json!({"make": make}))).await;
        assert_eq!(response.status, 400, "{make}: {}", response.body);
    }
    assert!(site.storage.users.list(&UserQuery::first(9)).await.unwrap().users.is_empty());
    let short = json!({"username": "bob", "password": "short"});
    assert_eq!(site.browser().post("/api/signup", short).await.status, 400);
    assert_eq!(site.browser().post("/api/signup", form("bob", &json!({}))).await.status, 200);
    let user = site.found("bob").await.unwrap().0;
    assert_eq!((user.admin, user.state, user.factor2), (false, UserState::Active, None));
}

#[tokio::test]
async fn update_user_completes_updates_and_cannot_make_administrators() {
    let update = |user: &crossauth_core::user::User,
                  mut update: AccountUpdate,
                  request: &crossauth_core::hooks::Submission| {
        if request.fields.get("user_phone").and_then(Value::as_str) == Some("0") {
            return Err(custom(Field::Extra("phone".into()), "is not in service"));
        }
        update.fields.insert("seen".into(), json!(user.username));
        update.role = Some(Role::Administrator);
        update.email = Patch::Set("bob@example.com".into());
        Ok(update)
    };
    let site = with(Hooks { update_user: Some(Arc::new(update)), ..Hooks::default() });
    let mut bob = site.logged_in("bob").await;
    bob.post("/api/updateuser", json!({"user_phone": "0"})).await.assert_failure(400, "FormEntry");
    assert_eq!(bob.post("/api/updateuser", json!({"user_phone": "1"})).await.status, 200);
    let user = site.found("bob").await.unwrap().0;
    assert_eq!(Value::Object(user.extra), json!({"phone": "1", "seen": "bob"}));
    assert_eq!((user.admin, user.email), (false, None));
    // For an administrator it can.
    let accounts = &site.crossauth.auth().accounts;
    let user = accounts.update("bob", AccountUpdate::default()).await.unwrap();
    assert_eq!((user.admin, user.email.as_deref()), (true, Some("bob@example.com")));
}

#[tokio::test]
async fn validate_password_refuses_passwords_at_every_interface() {
    let site = with(Hooks {
        validate_password: Some(Arc::new(|password, owner| {
            assert!(!owner.username.is_empty());
            let is_banned = password.expose().contains("Banned");
            if is_banned { vec!["was found in a leak".into()] } else { Vec::new() }
        })),
        ..Hooks::default()
    });
    let mut bob = site.logged_in("bob").await;
    let banned = "Banned-Horse-7";
    let body = json!({"username": "carol", "password": banned});
    let response = site.browser().post("/api/signup", body).await;
    response.assert_failure(400, "FormEntry");
    assert_eq!(response.json()["fieldErrors"]["password"], json!(["Password was found in a leak"]));
    let body = json!({"old_password": PASSWORD, "new_password": banned});
    let response = bob.post("/api/changepassword", body).await;
    let errors = json!({"new_password": ["New password was found in a leak"]});
    assert_eq!(response.json()["fieldErrors"], errors);
    let setup = site.crossauth.auth().setup.issue_token().await.unwrap().unwrap();
    let form = [
        ("token", setup.as_str()),
        ("username", "root"),
        ("password", banned),
        ("repeat_password", banned),
    ];
    site.browser().submit("/setup", &form).await.assert_page(400, "was found in a leak");
    let accounts = &site.crossauth.auth().accounts;
    let set = accounts.set_password("bob", Password::new(banned)).await;
    assert!(matches!(set, Err(AccountError::Form(_))));
    let form = AccountForm::new("dave", Password::new(banned));
    assert!(matches!(accounts.create(form, Role::User).await, Err(AccountError::Form(_))));
    // It cannot accept what the policy refuses.
    let short = json!({"old_password": PASSWORD, "new_password": "short"});
    bob.post("/api/changepassword", short).await.assert_failure(401, "PasswordFormat");
}

#[tokio::test]
async fn validate_session_judges_each_request_by_user_and_visitor() {
    let site = with(Hooks {
        validate_session: Some(Arc::new(|key, user, visitor| {
            assert_eq!(key.userid.as_ref(), user.map(|user| &user.id));
            match visitor.user_agent {
                Some("banned") => SessionVerdict::Refused,
                _ => SessionVerdict::Accepted,
            }
        })),
        ..Hooks::default()
    });
    let mut bob = site.logged_in("bob").await;
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
    let banned = request(Method::GET, "/api/userforsessionkey")
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, "banned");
    bob.copy().send(banned, "").await.assert_failure(401, "Unauthorized");
    assert_eq!(bob.whoami().await.as_deref(), Some("bob"));
    // An expired session is refused whatever the hook says.
    site.clock.advance(std::time::Duration::from_hours(24 * 31));
    assert_eq!(bob.whoami().await, None);
}

#[tokio::test]
async fn add_to_session_knows_the_visitor() {
    let site = with(Hooks {
        add_to_session: Some(Arc::new(|_, visitor| {
            json!({"agent": visitor.user_agent}).as_object().unwrap().clone()
        })),
        ..Hooks::default()
    });
    site.account("bob", Role::User).await;
    let mut bob = site.browser();
    let token = bob.csrf_token().await;
    let login = crate::browser::json_request("/api/login")
        .header("X-CROSSAUTH-CSRF", token)
        .header(USER_AGENT, "test/1");
    let body = json!({"username": "bob", "password": PASSWORD}).to_string();
    assert_eq!(bob.send(login, body).await.status, 200);
    let session = site.crossauth.auth().sessions.check(&bob.cookies["SESSIONID"]).await.unwrap();
    assert_eq!(session.key.extra["agent"], json!("test/1"));
}

#[tokio::test]
async fn hook_that_panics_fails_the_request_and_nothing_is_stored() {
    let panics = Arc::new(AtomicBool::new(true));
    let (a, b, c) = (panics.clone(), panics.clone(), panics.clone());
    let fail =
        |flag: &AtomicBool| assert!(!flag.load(Ordering::Relaxed), "a fault of the application");
    let site = with(Hooks {
        validate_user: Some(Arc::new(move |_| {
            fail(&a);
            Vec::new()
        })),
        validate_password: Some(Arc::new(move |_, _| {
            fail(&b);
            Vec::new()
        })),
        validate_session: Some(Arc::new(move |_, _, _| {
            fail(&c);
            SessionVerdict::Accepted
        })),
        ..Hooks::default()
    });
    let mut browser = site.browser();
    let token = browser.csrf_token().await;
    let body = form("bob", &json!({}));
    let request = {
        let (mut browser, body, token) = (browser.copy(), body.clone(), token.clone());
        tokio::spawn(
            async move { browser.post_with_token("/api/signup", body, &token).await.status },
        )
    };
    assert!(request.await.unwrap_err().is_panic());
    assert!(site.found("bob").await.is_none());
    panics.store(false, Ordering::Relaxed);
    assert_eq!(browser.post_with_token("/api/signup", body, &token).await.status, 200);
    panics.store(true, Ordering::Relaxed);
    let request = tokio::spawn(async move { browser.whoami().await });
    assert!(request.await.unwrap_err().is_panic());
}
