//! `createapikey/{id}` and `apikeys/{id}`: API keys that an administrator creates for a user.

use crossauth_core::account::Role;
use crossauth_core::audit::Act;
use crossauth_core::message::MessageKind;
use crossauth_core::storage::AuditFilter;
use crossauth_core::user::User;
use serde_json::json;

use super::user::of;
use crate::api_key::header;
use crate::browser::Browser;
use crate::site::Site;

/// A site with the administrator ada, and the account bob.
async fn site() -> (Site, Browser, User) {
    let site = Site::with_keys();
    let ada = site.administrator("ada").await;
    let bob = site.account_with("bob", "bob@example.com").await;
    (site, ada, bob)
}

#[tokio::test]
async fn key_is_created_listed_and_acts_for_the_user_who_is_told() {
    let (site, mut ada, bob) = site().await;
    let body = json!({ "name": "backup", "expires_in": 3600, "scope": "read write" });
    let made = ada.post(&of("api/createapikey", &bob), body).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let made = made.json();
    assert_eq!(made["apiKey"]["scope"], json!(["read", "write"]));
    let token = header(made["token"].as_str().unwrap());
    assert_eq!(site.get_with("/app/any", &token).await.body, "bob");
    let mail = site.one_mail(MessageKind::ApiKeyCreated, "bob@example.com").await;
    assert_eq!((mail.variable("username"), mail.variable("key")), ("bob", "backup"));
    let listed = ada.get_json(&of("api/apikeys", &bob)).await.json();
    assert_eq!(listed["apiKeys"][0]["id"], made["apiKey"]["id"]);
    let mut own = site.logged_in("bob").await;
    assert_eq!(own.get_json("/api/apikeys").await.json()["apiKeys"][0]["name"], json!("backup"));
    let page = ada.get(&of("apikeys", &bob)).await;
    assert_eq!(page.location(), Some(&*format!("{}#keys", of("user", &bob))));
    assert_eq!(ada.get_json("/api/apikeys").await.json()["apiKeys"], json!([]));
}

#[tokio::test]
async fn page_creates_a_key_and_shows_it_once() {
    let (site, mut ada, bob) = site().await;
    ada.get(&of("user", &bob)).await.assert_page(200, &of("createapikey", &bob));
    let form = format!("{}?next=/after", of("createapikey", &bob));
    ada.get(&form).await.assert_page(200, "90 days");
    let fields = [("name", "Nightly <backup>"), ("scope", "read"), ("scope", "write")];
    let made = ada.submit(&form, &fields).await;
    made.assert_page(200, "not shown again");
    let text = made.text();
    let token = text.split("translate=\"no\">").nth(1).unwrap();
    let token = token.split('<').next().unwrap().trim().to_owned();
    assert_eq!(site.get_with("/app/any", &header(&token)).await.body, "bob");
    assert!(!ada.get(&of("user", &bob)).await.text().contains(&token));
    let again = ada.submit(&of("createapikey", &bob), &fields).await;
    again.assert_page(400, "that of another key");
    assert!(again.body.contains("value=\"read\" checked"), "{}", again.body);
    let refused = ada.submit(&of("createapikey", &bob), &[("name", "x"), ("scope", "admin")]).await;
    refused.assert_page(400, "\"admin\" is not available");
    let refused =
        ada.submit(&of("createapikey", &bob), &[("name", "x"), ("expires_in", "0")]).await;
    refused.assert_page(400, "Lifetime must be at most");
}

/// An administrator does not give what the user could not.
#[tokio::test]
async fn k2_key_has_at_most_the_scopes_and_the_lifetime_of_the_user() {
    let (site, mut ada, bob) = site().await;
    let path = of("api/createapikey", &bob);
    for (body, code, field) in [
        (json!({ "name": "x", "scope": ["admin"] }), "InvalidScope", "scope"),
        (json!({ "name": "x", "scope": "read *" }), "InvalidScope", "scope"),
        (json!({ "name": "x", "expires_in": 24 * 91 * 3600 }), "FormEntry", "expires_in"),
        (json!({ "name": "x", "expires_in": 0 }), "FormEntry", "expires_in"),
        (json!({ "name": "a\u{202E}b" }), "FormEntry", "name"),
    ] {
        let refused = ada.post(&path, body).await;
        refused.assert_failure(400, code);
        assert!(refused.json()["fieldErrors"][field].is_array(), "{}", refused.body);
    }
    ada.post(&path, json!({})).await.assert_failure(400, "BadRequest");
    ada.post(&path, json!({ "name": "x", "scope": { "a": 1 } }))
        .await
        .assert_failure(400, "BadRequest");
    site.crossauth.auth().accounts.disable("bob").await.unwrap();
    ada.post(&path, json!({ "name": "x" })).await.assert_failure(400, "BadRequest");
    for id in ["999", "no-one"] {
        let path = format!("/admin/api/createapikey/{id}");
        ada.post(&path, json!({ "name": "x" })).await.assert_failure(404, "UserNotExist");
        let path = format!("/admin/api/apikeys/{id}");
        ada.get_json(&path).await.assert_failure(404, "UserNotExist");
    }
    assert_eq!(ada.get_json(&of("api/apikeys", &bob)).await.json()["apiKeys"], json!([]));
    assert!(site.mail().await.is_empty());
}

/// A stolen session of an administrator makes no key of the administrator without the factor.
#[tokio::test]
async fn key_of_the_own_account_is_not_made_without_its_factor() {
    let site = Site::with_keys();
    let ada = site.account("ada", Role::Administrator).await;
    let mut browser = site.enrolled_browser("ada").await.browser;
    let refused = browser.post(&of("api/createapikey", &ada), json!({ "name": "x" })).await;
    refused.assert_failure(403, "Forbidden");
    assert!(refused.body.contains("use /createapikey,"), "{}", refused.body);
    assert_eq!(browser.get_json("/api/apikeys").await.json()["apiKeys"], json!([]));
    let page = browser.get(&of("user", &ada)).await;
    page.assert_page(200, "href=\"/createapikey\"");
    assert!(!page.text().contains(&of("createapikey", &ada)), "{}", page.body);
    let mut eve = site.administrator("eve").await;
    let path = of("api/createapikey", &site.found("eve").await.unwrap().0);
    assert_eq!(eve.post(&path, json!({ "name": "x" })).await.status, 200);
    let acts = site.storage.audit.list(&AuditFilter::default(), None, 100).await.unwrap();
    assert!(acts.iter().any(|entry| entry.act == Act::ApiKeyCreated), "by the user");
    assert!(acts.iter().all(|entry| entry.act != Act::UserApiKeyCreated));
}

#[tokio::test]
async fn pages_promise_a_notice_only_to_users_with_an_address() {
    let site = Site::with_every_feature();
    let mut ada = site.administrator("ada").await;
    let bob = site.account_with("bob", "bob@example.com").await;
    let eve = site.account("eve", Role::User).await;
    for name in ["createapikey", "changepassword", "resetfactor2"] {
        ada.get(&of(name, &bob)).await.assert_page(200, "notified by email");
        let page = ada.get(&of(name, &eve)).await;
        assert_eq!(page.status, 200, "{name}");
        assert!(!page.text().contains("notified"), "{name}: {}", page.body);
    }
}
