//! Accounts of a directory, at every endpoint that asks for a password.

mod page;

use std::sync::Arc;
use std::time::Duration;

use crossauth_axum::Builder;
use crossauth_core::account::Role;
use crossauth_core::api_key::ApiKeyConfig;
use crossauth_core::directory::{
    DirectoryConfig, DirectoryErrorKind, EntryRefusal, FirstLogin, PasswordSet, Standing, SyncMode,
};
use crossauth_core::user::UserState;
use crossauth_testkit::directory::{Answer, ScriptedDirectory, entry};
use serde_json::json;
use tokio::task::JoinSet;

use crate::browser::{Browser, TestResponse};
use crate::factor::factors;
use crate::site::{PASSWORD, Site, test_storage};

const NEW: &str = "Another-Horse-8";

/// A site with a directory that has the entry `bob`, whose first login creates the account.
fn site() -> (Site, ScriptedDirectory) {
    site_with(|site| site)
}

fn site_with(change: impl FnOnce(Builder) -> Builder) -> (Site, ScriptedDirectory) {
    let directory = ScriptedDirectory::default();
    let mut bob = entry("bob");
    bob.email = Some("bob@example.com".into());
    directory.add(bob, PASSWORD);
    let used = Arc::new(directory.clone());
    let config =
        DirectoryConfig { first_login: FirstLogin::CreatesAccount, ..DirectoryConfig::new(used) };
    let site = Site::with(|site| change(site.factors(factors(&[])).directory(config)));
    (site, directory)
}

/// A browser in which bob is logged in.
async fn bob(site: &Site) -> Browser {
    let mut browser = site.browser();
    let response = browser.log_in("bob", PASSWORD).await;
    assert_eq!(response.status, 200, "{}", response.body);
    browser
}

fn assert_unavailable(response: &TestResponse) {
    response.assert_failure(503, "Connection");
    assert_eq!(response.header("retry-after"), Some("2"));
    assert!(
        response.body.contains("The directory does not respond right now"),
        "{}",
        response.body
    );
    assert!(!response.body.contains("as the test says"), "{}", response.body);
}

#[tokio::test]
async fn entry_logs_in_by_page_and_api() {
    let (site, _directory) = site();
    let mut page = site.browser();
    let fields = [("username", "bob"), ("password", PASSWORD), ("next", "/after")];
    let response = page.submit("/login", &fields).await;
    assert_eq!((response.status.as_u16(), response.location()), (302, Some("/after")));
    assert_eq!(page.whoami().await.as_deref(), Some("bob"));
    let mut api = site.browser();
    let response = api.log_in("BOB@example.com", PASSWORD).await;
    assert_eq!(response.json()["user"]["factor1"], json!("ldap"), "{}", response.body);
    assert_eq!(api.whoami().await.as_deref(), Some("bob"));
    let refused = site.browser().log_in("bob", "wrong").await;
    refused.assert_failure(401, "UsernameOrPasswordInvalid");
    refused.assert_no_session();
}

#[tokio::test]
async fn parallel_first_logins_create_one_account() {
    let (site, directory) = site();
    directory.alias("id-bob", "robert");
    let mut logins = JoinSet::new();
    for number in 0..8 {
        let (mut browser, name) = (site.browser(), if number % 2 == 0 { "bob" } else { "robert" });
        logins.spawn(async move { browser.log_in(name, PASSWORD).await });
    }
    let mut ids = Vec::new();
    for response in logins.join_all().await {
        assert_eq!(response.status, 200, "{}", response.body);
        ids.push(response.json()["user"]["id"].clone());
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(site.found("robert").await.is_none());
}

#[tokio::test]
async fn l1_wrong_password_of_a_directory_account_is_answered_as_of_any_other() {
    let (site, directory) = site();
    site.account("local", Role::User).await;
    bob(&site).await;
    directory.add(entry("gone"), PASSWORD);
    assert_eq!(site.browser().log_in("gone", PASSWORD).await.status, 200);
    directory.remove("id-gone");
    directory.add(entry("locked"), PASSWORD);
    directory.answer("id-locked", Answer::Mismatch(EntryRefusal::Locked));
    let mut shapes = Vec::new();
    for name in ["unknown", "local", "bob", "gone", "locked"] {
        let refused = site.browser().log_in(name, "wrong").await;
        refused.assert_failure(401, "UsernameOrPasswordInvalid");
        shapes.push(refused.shape());
    }
    assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
    assert_ne!(site.browser().log_in("local", PASSWORD).await.shape(), shapes[0]);
}

#[tokio::test]
async fn l16_directory_that_fails_is_503_at_every_door_and_local_users_are_not_affected() {
    let keys = ApiKeyConfig { enabled: true, ..ApiKeyConfig::default() };
    let (site, directory) = site_with(|site| site.api_keys(keys));
    site.account("ann", Role::User).await;
    let mut bob = bob(&site).await;
    site.clock.advance(Duration::from_hours(1));
    for kind in [DirectoryErrorKind::Unreachable, DirectoryErrorKind::Certificate] {
        directory.fail(kind);
        for name in ["bob", "unknown"] {
            let refused = site.browser().log_in(name, PASSWORD).await;
            assert_unavailable(&refused);
            refused.assert_no_session();
            let fields = [("username", name), ("password", PASSWORD)];
            let page = site.browser().submit("/login", &fields).await;
            page.assert_page(503, &format!("value=\"{name}\""));
            page.assert_no_session();
        }
        let change = json!({"old_password": PASSWORD, "new_password": NEW});
        let password = json!({ "password": PASSWORD });
        let factor = json!({"factor2": "totp", "password": PASSWORD});
        let key = json!({"name": "key", "password": PASSWORD});
        for (path, body) in [
            ("/api/changepassword", change),
            ("/api/reauthenticate", password.clone()),
            ("/api/changefactor2", factor),
            ("/api/createapikey", key),
            ("/api/deleteuser", password),
        ] {
            assert_unavailable(&bob.post(path, body).await);
        }
        assert_eq!(site.browser().log_in("ann", PASSWORD).await.status, 200);
        assert_eq!(bob.whoami().await.as_deref(), Some("bob"), "sessions go on");
    }
    directory.recover();
    let renewed = bob.post("/api/reauthenticate", json!({ "password": PASSWORD })).await;
    assert_eq!(renewed.status, 200, "{}", renewed.body);
}

#[tokio::test]
async fn second_factor_is_asked_for_after_the_password_of_the_directory() {
    let (site, _directory) = site();
    bob(&site).await;
    let enrolled = site.enrolled_browser("bob").await;
    let code = site.totp_code(&enrolled.secret);
    assert!(!site.logs_in_with("bob", "otp", "000000").await);
    assert!(site.logs_in_with("bob", "otp", &code).await);
}

#[tokio::test]
async fn password_is_changed_in_the_directory_by_page_and_api() {
    let (site, directory) = site();
    let mut browser = bob(&site).await;
    let body = json!({"old_password": "wrong", "new_password": NEW});
    let refused = browser.post("/api/changepassword", body).await;
    refused.assert_failure(401, "UsernameOrPasswordInvalid");
    let body = json!({"old_password": PASSWORD, "new_password": NEW});
    assert_eq!(browser.post("/api/changepassword", body).await.status, 200);
    site.browser().log_in("bob", PASSWORD).await.assert_failure(401, "UsernameOrPasswordInvalid");
    assert_eq!(site.browser().log_in("bob", NEW).await.status, 200);
    let fields = [("old_password", NEW), ("new_password", PASSWORD), ("repeat_password", PASSWORD)];
    directory.answer_changes(PasswordSet::Refused(Some("was used before".into())));
    let page = browser.submit("/changepassword", &fields).await;
    page.assert_page(401, "was used before");
    directory.answer_changes(PasswordSet::NotSupported);
    let page = browser.submit("/changepassword", &fields).await;
    page.assert_page(400, "Please change it there");
    assert!(!browser.get("/").await.body.contains("Change your password"));
    let mut ann = site.logged_in("ann").await;
    ann.get("/").await.assert_page(200, "Change your password");
}

#[tokio::test]
async fn response_says_that_the_password_is_changed_although_the_storage_fails() {
    let storage = test_storage();
    let directory = ScriptedDirectory::default();
    directory.add(entry("bob"), PASSWORD);
    let used = Arc::new(directory.clone());
    let config =
        DirectoryConfig { first_login: FirstLogin::CreatesAccount, ..DirectoryConfig::new(used) };
    let site = Site::over(storage.storage(), |site| site.directory(config));
    let mut browser = bob(&site).await;
    storage.fail_call("users.change");
    let body = json!({"old_password": PASSWORD, "new_password": NEW});
    let response = browser.post("/api/changepassword", body).await;
    response.assert_failure(503, "Connection");
    assert!(response.body.contains("Your password is changed already"), "{}", response.body);
    let fields = [("old_password", NEW), ("new_password", PASSWORD), ("repeat_password", PASSWORD)];
    let page = browser.submit("/changepassword", &fields).await;
    page.assert_page(503, "Your password is changed already");
    storage.recover();
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, 200);
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn password_that_must_be_changed_leads_to_the_page_for_it_and_then_to_the_login() {
    let (site, directory) = site();
    directory.answer("id-bob", Answer::MustChange);
    let mut browser = site.browser();
    let api = browser.log_in("bob", PASSWORD).await;
    api.assert_failure(403, "PasswordChangeNeeded");
    let fields = [("username", "bob"), ("password", PASSWORD)];
    let page = browser.submit("/login", &fields).await;
    let location = page.location().unwrap().to_owned();
    assert!(location.starts_with("/changepassword?required=true"), "{location}");
    assert_eq!(browser.whoami().await, None);
    let fields = [("old_password", PASSWORD), ("new_password", NEW), ("repeat_password", NEW)];
    let changed = browser.submit("/changepassword", &fields).await;
    assert_eq!(changed.status, 302, "{}", changed.body);
    assert_eq!(browser.whoami().await.as_deref(), Some("bob"));
    assert_eq!(site.browser().log_in("bob", NEW).await.status, 200);
}

#[tokio::test]
async fn required_change_of_a_new_entry_does_not_log_in_to_the_account_of_a_former_one() {
    let (site, directory) = site();
    bob(&site).await;
    directory.remove("id-bob");
    let mut new = entry("bob");
    new.id = "id-new-bob".into();
    directory.add(new, PASSWORD);
    directory.answer("id-new-bob", Answer::MustChangeUnread);
    let mut browser = site.browser();
    browser.log_in("bob", PASSWORD).await.assert_failure(403, "PasswordChangeNeeded");
    let body = json!({"old_password": PASSWORD, "new_password": NEW});
    let refused = browser.post("/api/changepassword", body).await;
    refused.assert_failure(401, "UsernameOrPasswordInvalid");
    assert_eq!(browser.whoami().await, None);
    let mut again = site.browser();
    again.log_in("bob", NEW).await.assert_failure(401, "UsernameOrPasswordInvalid");
}

#[tokio::test]
async fn login_that_the_directory_refuses_says_why_only_with_the_password() {
    let (site, directory) = site();
    for (reason, code) in [
        (EntryRefusal::Disabled, "UserNotActive"),
        (EntryRefusal::PasswordExpired, "PasswordResetNeeded"),
    ] {
        directory.answer("id-bob", Answer::Refused(reason));
        site.browser().log_in("bob", PASSWORD).await.assert_failure(403, code);
        let wrong = site.browser().log_in("bob", "wrong").await;
        wrong.assert_failure(401, "UsernameOrPasswordInvalid");
    }
}

#[tokio::test]
async fn forgotten_password_of_a_directory_account_is_not_reset_here() {
    let (site, _directory) = site_with(Builder::preview_messages);
    bob(&site).await;
    site.account_with("ann", "ann@example.com").await;
    let mut sent = Vec::new();
    for email in ["bob@example.com", "ann@example.com"] {
        let body = json!({ "email": email });
        let answer = site.browser().post("/api/requestpasswordreset", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        sent.extend(site.mail().await.into_iter().map(|mail| mail.to));
    }
    assert_eq!(sent, ["ann@example.com"]);
}

#[tokio::test]
async fn pages_of_a_directory_account_have_no_field_for_the_address() {
    let (site, _directory) = site();
    let mut browser = bob(&site).await;
    let page = browser.get("/updateuser").await;
    page.assert_page(200, "name=\"user_phone\"");
    assert!(!page.body.contains("user_email"), "{}", page.body);
    let body = json!({"user_email": "other@example.com", "user_phone": "+33612345678"});
    assert_eq!(browser.post("/api/updateuser", body).await.status, 200);
    let user = site.found("bob").await.unwrap().0;
    assert_eq!(user.email.as_deref(), Some("bob@example.com"));
    assert_eq!(user.extra["phone"], json!("+33612345678"));
    let mut ann = site.logged_in("ann").await;
    ann.get("/updateuser").await.assert_page(200, "user_email");
    site.clock.advance(Duration::from_hours(1));
    let page = browser.get("/reauthenticate").await;
    page.assert_page(200, "name=\"password\"");
}

#[tokio::test]
async fn administrators_create_accounts_of_entries_and_set_no_password_of_them() {
    let (site, directory) = site_with(Builder::admin_endpoints);
    site.account("ada", Role::Administrator).await;
    let mut ada = site.logged_in("ada").await;
    directory.add(entry("carol"), PASSWORD);
    let create = |name: &str| json!({"username": name, "factor1": "ldap"});
    let created = ada.post("/admin/api/createuser", create("carol")).await;
    assert_eq!(created.status, 200, "{}", created.body);
    assert_eq!(created.json()["user"]["factor1"], json!("ldap"));
    let id = created.json()["user"]["id"].to_string();
    let page = ada.get(&format!("/admin/user/{id}")).await;
    page.assert_page(200, "In the directory");
    assert!(!page.body.contains("Set a new password"), "{}", page.body);
    let local = site.account("dora", Role::User).await;
    let page = ada.get(&format!("/admin/user/{}", local.id)).await;
    page.assert_page(200, "Set a new password");
    assert!(!page.body.contains("In the directory"), "{}", page.body);
    let again = ada.post("/admin/api/createuser", create("carol")).await;
    again.assert_failure(400, "UserExists");
    let unknown = ada.post("/admin/api/createuser", create("unknown")).await;
    unknown.assert_failure(400, "FormEntry");
    let other = json!({"username": "dan", "factor1": "oidc", "password": PASSWORD});
    ada.post("/admin/api/createuser", other).await.assert_failure(400, "BadRequest");
    for (field, value) in [
        ("password", NEW),
        ("user_admin", "true"),
        ("user_admin", "false"),
        ("user_email", "bob@example.com"),
        ("factor2", "totp"),
    ] {
        let mut with_more = create("bob");
        with_more[field] = json!(value);
        let refused = ada.post("/admin/api/createuser", with_more).await;
        refused.assert_failure(400, "BadRequest");
    }
    let body = json!({"new_password": NEW, "repeat_password": NEW});
    let refused = ada.post(&format!("/admin/api/changepassword/{id}"), body).await;
    refused.assert_failure(400, "BadRequest");
    assert_eq!(site.browser().log_in("carol", PASSWORD).await.status, 200);
    directory.fail(DirectoryErrorKind::Unreachable);
    assert_unavailable(&ada.post("/admin/api/createuser", create("bob")).await);
    directory.recover();
    assert_eq!(ada.post("/admin/api/createuser", create("bob")).await.status, 200);
    assert_eq!(site.found("bob").await.unwrap().0.state, UserState::Active);
}

#[tokio::test]
async fn account_that_an_administrator_disables_too_is_not_enabled_with_its_entry() {
    let off = || json!({"state": "disabled"});
    for (bodies, is_back) in [
        (vec![], true),
        (vec![off()], false),
        (vec![json!({"state": "active"}), off()], false),
        (vec![json!({"state": "disabled", "user_email": "bob@example.org"})], false),
        (vec![json!({"user_email": "bob@example.org"})], true),
    ] {
        let (site, directory) = site_with(Builder::admin_endpoints);
        site.account("ada", Role::Administrator).await;
        let mut ada = site.logged_in("ada").await;
        bob(&site).await;
        directory.change("id-bob", |entry| entry.standing = Standing::Disabled);
        let synchronize = async || {
            let directory = site.crossauth.auth().directory.clone().unwrap();
            directory.sync(SyncMode::Apply).await.unwrap();
        };
        synchronize().await;
        let id = site.found("bob").await.unwrap().0.id;
        for body in &bodies {
            let path = format!("/admin/api/updateuser/{id}");
            let response = ada.post(&path, body.clone()).await;
            assert_eq!(response.status, 200, "{body} {}", response.body);
        }
        directory.change("id-bob", |entry| entry.standing = Standing::Active);
        synchronize().await;
        let expected = if is_back { UserState::Active } else { UserState::Disabled };
        assert_eq!(site.found("bob").await.unwrap().0.state, expected, "{bodies:?}");
        let status = if is_back { 200 } else { 403 };
        assert_eq!(site.browser().log_in("bob", PASSWORD).await.status, status, "{bodies:?}");
    }
}
