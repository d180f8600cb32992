//! Acts of administrators in the audit log.

use std::collections::BTreeSet;

use crossauth_axum::Access;
use crossauth_core::api_key::NewApiKey;
use crossauth_core::audit::Act;
use crossauth_core::caller::Actor;
use crossauth_core::storage::AuditFilter;
use http::Method;
use serde_json::{Value, json};

use super::user::of;
use crate::site::{PASSWORD, Site};

#[tokio::test]
async fn x14_g4_each_act_of_an_administrator_is_recorded() {
    let site = Site::with_every_feature();
    let mut ada = site.administrator("ada").await;
    let (own, _) = site.found("ada").await.unwrap();
    let bob = site.account_with("bob", "bob@x.org").await;
    let _browser = site.logged_in("bob").await;
    let listed = ada.get_json(&of("api/user", &bob)).await.json();
    let session = listed["sessions"][0]["id"].clone();
    let key = NewApiKey { owner: Some(&bob.id), ..NewApiKey::new("backup") };
    let key = site.crossauth.auth().api_keys.create(key).await.unwrap().key.id;
    let carol = json!({"username": "carol", "password": PASSWORD});
    let at = |name: &str| of(&format!("api/{name}"), &bob);
    let acts: [(String, Value, Act); 15] = [
        ("/admin/api/createuser".into(), carol, Act::UserCreated),
        (at("endsession"), json!({ "session": session }), Act::UserSessionsEnded),
        (at("endsessions"), json!({}), Act::UserSessionsEnded),
        (at("forgetdevice"), json!({"all": true}), Act::UserDevicesForgotten),
        (at("sendreset"), json!({}), Act::UserResetSent),
        (at("createapikey"), json!({"name": "more"}), Act::UserApiKeyCreated),
        (at("deleteapikey"), json!({ "key": key }), Act::UserApiKeyDeleted),
        (at("changepassword"), json!({"new_password": PASSWORD}), Act::UserPasswordSet),
        (at("updateuser"), json!({"user_phone": "+33612345678"}), Act::UserChanged),
        (at("updateuser"), json!({"user_admin": true}), Act::UserPromoted),
        (at("updateuser"), json!({"user_admin": false}), Act::UserDemoted),
        (at("updateuser"), json!({"state": "disabled"}), Act::UserDisabled),
        (at("updateuser"), json!({"state": "active"}), Act::UserEnabled),
        (at("resetfactor2"), json!({}), Act::UserFactorReset),
        (at("deleteuser"), json!({}), Act::UserDeleted),
    ];
    let mut used = BTreeSet::new();
    for (path, body, act) in acts {
        let response = ada.post(&path, body).await;
        assert_eq!(response.status, 200, "{path}: {}", response.body);
        let request_id = response.header("x-request-id").map(str::to_owned);
        let filter = AuditFilter { request_id, ..AuditFilter::default() };
        let entries = site.storage.audit.list(&filter, None, 10).await.unwrap();
        let found: Vec<_> = entries.iter().map(|entry| entry.act.clone()).collect();
        let entry = entries.iter().find(|entry| entry.act == act);
        let entry = entry.unwrap_or_else(|| panic!("{path}: no {act} in {found:?}"));
        assert_eq!(entry.actor, Actor::User { id: own.id.clone() }, "{path}");
        assert!(path.ends_with("createuser") || entry.userid.as_ref() == Some(&bob.id), "{path}");
        let name = if path.ends_with("createuser") { "carol" } else { "bob" };
        assert_eq!(entry.about.get("username").as_deref(), Some(name), "{path}: {act}");
        used.insert(path.replace(&format!("/{}", bob.id), "/{id}"));
    }
    let endpoints = site.crossauth.endpoints().into_iter();
    let acting = endpoints.filter(|it| {
        it.access == Access::AdminWithCsrfToken
            && it.method == Method::POST
            && it.path.starts_with("/admin/api/")
    });
    assert_eq!(acting.map(|it| it.path).collect::<BTreeSet<_>>(), used);
}
