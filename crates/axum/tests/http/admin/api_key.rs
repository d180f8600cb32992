//! API keys of a user, on the page of the user and `deleteapikey/{id}`.

use crossauth_core::account::Role;
use crossauth_core::api_key::{IssuedApiKey, NewApiKey};
use crossauth_core::user::User;
use serde_json::json;

use super::user::of;
use crate::api_key::header;
use crate::browser::Browser;
use crate::site::Site;

/// A site with the administrator ada, and the account bob.
async fn site() -> (Site, Browser, User) {
    let site = Site::with_every_feature();
    let ada = site.administrator("ada").await;
    let bob = site.account("bob", Role::User).await;
    (site, ada, bob)
}

async fn key(site: &Site, owner: Option<&User>, name: &str) -> IssuedApiKey {
    let (owner, scope) = (owner.map(|user| &user.id), vec!["read".into()]);
    let new = NewApiKey { owner, scope, ..NewApiKey::new(name) };
    site.crossauth.auth().api_keys.create(new).await.unwrap()
}

#[tokio::test]
async fn keys_of_a_user_are_listed_without_their_secrets() {
    let (site, mut ada, bob) = site().await;
    let issued = key(&site, Some(&bob), "Nightly <backup>").await;
    key(&site, None, "key of none").await;
    let json = ada.get_json(&of("api/user", &bob)).await;
    let keys = &json.json()["apiKeys"];
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    assert_eq!(keys[0]["id"], json!(issued.key.id));
    assert_eq!(
        (&keys[0]["name"], &keys[0]["scope"]),
        (&json!("Nightly <backup>"), &json!(["read"]))
    );
    assert!(keys[0]["created"].is_string() && keys[0]["expires"].is_null());
    assert!(keys[0]["lastUsed"].is_null(), "{keys}");
    let page = ada.get(&of("user", &bob)).await;
    let confirmation =
        ada.get(&format!("{}?key={}", of("deleteapikey", &bob), issued.key.id)).await;
    for text in ["without expiry", "No use recorded", "May: read", &issued.key.id] {
        page.assert_page(200, text);
    }
    confirmation.assert_page(200, "This cannot be undone");
    for page in [&page, &confirmation] {
        assert!(page.body.contains("Nightly &lt;backup&gt;"), "{}", page.body);
    }
    let mut parts = issued.token.split('.');
    assert!(
        parts.all(|part| [&json, &page, &confirmation].iter().all(|it| !it.body.contains(part)))
    );
}

#[tokio::test]
async fn key_is_deleted_and_refused_from_then_on() {
    let (site, mut ada, bob) = site().await;
    let (first, second) =
        (key(&site, Some(&bob), "one").await, key(&site, Some(&bob), "two").await);
    for issued in [&first, &second] {
        assert_eq!(site.get_with("/api/getcsrftoken", &header(&issued.token)).await.status, 200);
    }
    let deleted = ada.post(&of("api/deleteapikey", &bob), json!({ "key": first.key.id })).await;
    assert_eq!(deleted.json(), json!({ "ok": true }));
    let page = ada.submit(&of("deleteapikey", &bob), &[("key", &second.key.id)]).await;
    let to = format!("{}?done=apikey", of("user", &bob));
    assert_eq!(page.location(), Some(&*to));
    ada.get(&to).await.assert_page(200, "The API key has been deleted");
    for issued in [&first, &second] {
        let refused = site.get_with("/api/getcsrftoken", &header(&issued.token)).await;
        refused.assert_failure(401, "InvalidKey");
    }
    assert_eq!(ada.get_json(&of("api/user", &bob)).await.json()["apiKeys"], json!([]));
}

/// The same for a key of another user, one of none, and one that does not exist.
#[tokio::test]
async fn x2_only_keys_of_the_user_in_the_path_are_found() {
    let (site, mut ada, bob) = site().await;
    let carol = site.account("carol", Role::User).await;
    let kept = [key(&site, Some(&carol), "hers").await, key(&site, None, "of none").await];
    let ids = [&*kept[0].key.id, &kept[1].key.id, "x", "", "%00", "a'b"];
    for id in ids {
        let answer = ada.post(&of("api/deleteapikey", &bob), json!({ "key": id })).await;
        answer.assert_failure(404, "BadRequest");
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let page = ada.get(&format!("{}?key={id}", of("deleteapikey", &bob))).await;
        page.assert_page(404, "no such key");
    }
    ada.post(&of("api/deleteapikey", &bob), json!({})).await.assert_failure(400, "BadRequest");
    for issued in &kept {
        assert_eq!(site.get_with("/api/getcsrftoken", &header(&issued.token)).await.status, 200);
    }
    for id in ["999", "no-one"] {
        let path = format!("/admin/api/deleteapikey/{id}");
        let answer = ada.post(&path, json!({ "key": kept[0].key.id })).await;
        answer.assert_failure(404, "UserNotExist");
    }
}

#[tokio::test]
async fn without_keys_of_users_there_are_no_such_routes() {
    let site = Site::administered();
    let mut ada = site.administrator("ada").await;
    let bob = site.account("bob", Role::User).await;
    key(&site, Some(&bob), "backup").await;
    assert!(site.crossauth.endpoints().iter().all(|it| !it.path.contains("apikey")));
    let answer = ada.post(&of("api/deleteapikey", &bob), json!({ "key": "x" })).await;
    assert_eq!(answer.status, 404, "{}", answer.body);
    assert!(!ada.get(&of("user", &bob)).await.body.contains("deleteapikey"));
    assert_eq!(ada.get_json(&of("api/user", &bob)).await.json()["apiKeys"], json!([]));
}
