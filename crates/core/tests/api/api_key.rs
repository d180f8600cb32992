//! API keys.

mod creation;

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::account::{AccountUpdate, Role};
use crossauth_core::api_key::{
    ApiKeyConfig, ApiKeyCreation, ApiKeyError, ApiKeyRefused, ApiKeyRequest, IssuedApiKey,
    NewApiKey,
};
use crossauth_core::crypto::{Signer, stored_value};
use crossauth_core::enrolment::Assurance;
use crossauth_core::hooks::Hooks;
use crossauth_core::key::{Key, KeyData, KeyPrefix};
use crossauth_core::reauthentication::PasswordRejection;
use crossauth_core::secret::{Password, ServerSecret};
use crossauth_core::session::Session;
use crossauth_core::storage::{Change, Effects, EndSessions};
use crossauth_core::user::{Refusal, User};
use serde_json::{Map, Value, json};

use crate::site::{OTHER, PASSWORD, Site};

const HOUR: Duration = Duration::from_hours(1);

fn site() -> Site {
    Site::with(|config| {
        config.api_keys = ApiKeyConfig {
            enabled: true,
            scopes: vec!["read".into(), "write".into()],
            edit_user_scope: Some("editUser".into()),
            max_lifetime: Some(10 * HOUR),
            max_per_user: 3,
            ..ApiKeyConfig::default()
        };
    })
}

async fn logged_in(site: &Site) -> Session {
    site.account("bob", Role::User).await;
    site.auth.sessions.check(&site.session("bob").await.cookie).await.unwrap()
}

fn request(name: &str) -> ApiKeyRequest<'static> {
    ApiKeyRequest { name: name.into(), ..ApiKeyRequest::default() }
}

async fn created(site: &Site, session: &Session, request: ApiKeyRequest<'_>) -> IssuedApiKey {
    let creation = site.auth.api_keys.create_own(session, request).await.unwrap();
    let ApiKeyCreation::Created(issued) = creation else { panic!("{creation:?}") };
    *issued
}

#[tokio::test]
async fn key_is_checked_with_one_round_trip() {
    let site = site();
    let session = logged_in(&site).await;
    let issued = created(&site, &session, request("backup")).await;
    site.storage.take_calls();
    let checked = site.auth.api_keys.check(&issued.token).await.unwrap();
    assert_eq!(site.storage.take_calls(), ["sessions.find"]);
    assert_eq!((&checked.key, checked.user), (&issued.key, session.user));
}

#[tokio::test]
async fn storage_and_debug_output_do_not_have_the_secret() {
    let site = site();
    let session = logged_in(&site).await;
    let issued = created(&site, &session, request("backup")).await;
    let keys = &site.storage.inner().keys;
    let stored = keys.list_for_user(issued.key.owner.as_ref(), KeyPrefix::ApiKey, None, 9).await;
    let (payload, signature) = issued.token.split_once('.').unwrap();
    let signer = Signer::danger_with_any_secret("a secret of tests, known to all");
    let now = issued.key.created;
    let secret = signer.unsign_payload(&issued.token, None, now).unwrap().remove("v").unwrap();
    let secret = secret.as_str().unwrap();
    assert_eq!(secret.len(), 22);
    for text in [
        format!("{stored:?}{:?}", stored.as_ref().unwrap()[0].data.as_text()),
        format!("{issued:?}"),
    ] {
        for part in [secret, payload, signature] {
            assert!(!text.contains(part), "{text}");
        }
    }
    let value = String::from(stored_value(KeyPrefix::ApiKey, secret));
    assert_eq!(stored.unwrap()[0].value, value);
}

#[tokio::test]
async fn deleted_expired_and_ownerless_keys_are_told_apart() {
    let site = site();
    let session = logged_in(&site).await;
    let keys = &site.auth.api_keys;
    let short = ApiKeyRequest { lifetime: Some(HOUR), ..request("short") };
    let short = created(&site, &session, short).await;
    let deleted = created(&site, &session, request("deleted")).await;
    let owner = deleted.key.owner.as_ref();
    assert_eq!(keys.list(owner).await.unwrap().len(), 2);
    assert!(keys.delete(None, &deleted.key.id).await.unwrap().is_none());
    assert_eq!(keys.delete(owner, &deleted.key.id).await.unwrap(), Some(deleted.key.clone()));
    assert!(keys.delete(owner, &deleted.key.id).await.unwrap().is_none());
    assert!(matches!(keys.check(&deleted.token).await, Err(ApiKeyRefused::Unknown)));
    site.clock.advance(Duration::from_millis(3_599_999));
    assert!(keys.check(&short.token).await.is_ok());
    site.clock.advance(Duration::from_millis(1));
    assert!(matches!(keys.check(&short.token).await, Err(ApiKeyRefused::Expired)));
    assert_eq!(keys.list(owner).await.unwrap(), []);
    let application = keys.create(NewApiKey::new("cron")).await.unwrap();
    assert_eq!(keys.check(&application.token).await.unwrap().user, None);
    assert_eq!(keys.list(None).await.unwrap(), [application.key]);
}

#[tokio::test]
async fn altered_tokens_are_refused_without_storage() {
    let site = site();
    let session = logged_in(&site).await;
    let token = created(&site, &session, request("backup")).await.token;
    let mut altered: Vec<String> = (0..token.len())
        .map(|place| {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    let (payload, signature) = token.split_once('.').unwrap();
    altered.extend([
        String::new(),
        ".".into(),
        payload.into(),
        format!("{payload}."),
        format!(".{signature}"),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}="),
        format!("{token}.{signature}"),
        token.to_uppercase(),
        token.to_lowercase(),
        token.repeat(20),
    ]);
    site.storage.take_calls();
    for token in altered {
        let refused = site.auth.api_keys.check(&token).await;
        assert!(matches!(refused, Err(ApiKeyRefused::Signature)), "{token}: {refused:?}");
    }
    assert_eq!(site.storage.take_calls(), Vec::<&str>::new());
    assert!(site.auth.api_keys.check(&token).await.is_ok());
}

/// Session cookies, password-reset tokens and other signed values have another form or kind.
#[tokio::test]
async fn other_signed_values_are_no_keys() {
    let site = site();
    site.account("bob", Role::User).await;
    let cookie = site.session("bob").await.cookie;
    let signer = Signer::danger_with_any_secret("a secret of tests, known to all");
    let now = site.auth.api_keys.create(NewApiKey::new("cron")).await.unwrap().key.created;
    let sign = |fields: &[(&str, Value)]| {
        signer.sign_payload(fields.iter().map(|(name, value)| (*name, value)), "salt", now)
    };
    let tokens = [
        cookie,
        sign(&[]),
        sign(&[("v", json!(""))]),
        sign(&[("v", json!(7))]),
        sign(&[("v", json!(["a"]))]),
        sign(&[("value", json!("a"))]),
    ];
    for token in tokens {
        let refused = site.auth.api_keys.check(&token).await;
        assert!(matches!(refused, Err(ApiKeyRefused::Signature)), "{token}: {refused:?}");
    }
}

#[tokio::test]
async fn key_is_refused_while_its_owner_is_disabled() {
    let site = site();
    let session = logged_in(&site).await;
    let token = created(&site, &session, request("backup")).await.token;
    let (keys, accounts) = (&site.auth.api_keys, &site.auth.accounts);
    let bob = session.user.as_ref().unwrap();
    accounts.disable("bob").await.unwrap();
    let refused = keys.check(&token).await;
    assert!(matches!(refused, Err(ApiKeyRefused::State(Refusal::NotActive))), "{refused:?}");
    accounts.enable("bob").await.unwrap();
    assert_eq!(keys.check(&token).await.unwrap().user.as_ref(), Some(bob));
    accounts.delete("bob").await.unwrap();
    assert!(matches!(keys.check(&token).await, Err(ApiKeyRefused::Unknown)));
}

#[tokio::test]
async fn user_gives_only_available_scopes_and_lifetimes() {
    let site = site();
    let session = logged_in(&site).await;
    let create = async |lifetime: Option<Duration>, scope: &[&str]| {
        let scope = scope.iter().map(|scope| (*scope).to_owned()).collect();
        let request = ApiKeyRequest { lifetime, scope, ..request("backup") };
        site.auth.api_keys.create_own(&session, request).await
    };
    for scope in ["admin", "READ", "read write", " read", ""] {
        let refused = create(None, &["read", scope]).await;
        assert!(
            matches!(&refused, Err(ApiKeyError::InvalidScope(it)) if it == scope),
            "{refused:?}"
        );
    }
    for lifetime in [Duration::ZERO, 10 * HOUR + Duration::from_secs(1), Duration::MAX] {
        let refused = create(Some(lifetime), &[]).await;
        assert!(matches!(refused, Err(ApiKeyError::InvalidLifetime { .. })), "{refused:?}");
    }
    let made = create(None, &["write", "editUser"]).await.unwrap();
    let ApiKeyCreation::Created(made) = made else { panic!("{made:?}") };
    assert_eq!(made.key.expires, Some(made.key.created + 10 * HOUR));
    assert_eq!(made.key.scope, ["write", "editUser"]);
    assert!(site.auth.api_keys.may_edit_user(&made.key) && !made.key.has_scope("read"));
}

#[tokio::test]
async fn stale_login_needs_the_password() {
    let site = site();
    let session = logged_in(&site).await;
    site.clock.advance(HOUR);
    let attempt = async |password: Option<&str>| {
        let assurance = Assurance { password: password.map(Password::new), factor: None };
        let request = ApiKeyRequest { assurance, ..request("backup") };
        site.auth.api_keys.create_own(&session, request).await.unwrap()
    };
    assert!(matches!(attempt(None).await, ApiKeyCreation::NeedsPassword));
    let wrong = attempt(Some(OTHER)).await;
    assert!(matches!(wrong, ApiKeyCreation::Rejected(PasswordRejection::Wrong)), "{wrong:?}");
    assert!(matches!(attempt(Some(PASSWORD)).await, ApiKeyCreation::Created(_)));
}

/// The request is checked with the credentials that were changed before it is executed.
#[tokio::test]
async fn no_key_is_created_with_credentials_that_were_just_changed() {
    let site = site();
    let session = logged_in(&site).await;
    let id = session.user.as_ref().unwrap().id.clone();
    site.storage.interrupt_after("users.find_by_id", move |storage| async move {
        let effects = Effects { sessions: EndSessions::All, ..Effects::default() };
        let change = Change { effects, ..Change::default() };
        storage.users.change(&id, &change).await.unwrap();
    });
    let creation = site.auth.api_keys.create_own(&session, request("backup")).await.unwrap();
    assert!(matches!(creation, ApiKeyCreation::NotLoggedIn), "{creation:?}");
    let owner = session.user.as_ref().map(|user| &user.id);
    assert_eq!(site.auth.api_keys.list(owner).await.unwrap(), []);
}

#[tokio::test]
async fn scope_that_the_owner_has_lost_does_not_count() {
    let of_owner = |user: &User| {
        let mut scopes = vec!["read".to_owned()];
        scopes.extend(user.admin.then(|| "write".to_owned()));
        scopes
    };
    let site = Site::with(|config| {
        config.hooks = Hooks { key_scopes: Some(Arc::new(of_owner)), ..Hooks::default() };
    });
    let boss = site.account("boss", Role::Administrator).await;
    site.account("other", Role::Administrator).await;
    let scope = vec!["read".to_owned(), "write".to_owned()];
    let new = NewApiKey { owner: Some(&boss.id), scope: scope.clone(), ..NewApiKey::new("key") };
    let token = site.auth.api_keys.create(new).await.unwrap().token;
    assert_eq!(site.auth.api_keys.check(&token).await.unwrap().key.scope, scope);
    let demoted = AccountUpdate { role: Some(Role::User), ..AccountUpdate::default() };
    site.auth.accounts.update("boss", demoted).await.unwrap();
    assert_eq!(site.auth.api_keys.check(&token).await.unwrap().key.scope, ["read"]);
}

#[tokio::test]
async fn keys_of_the_application_have_its_data_and_columns() {
    let site = site();
    let data = Map::from_iter([("bucket".to_owned(), json!({"name": "nightly", "n": 3}))]);
    let extra = Map::from_iter([("shared".to_owned(), json!(true))]);
    let new = NewApiKey {
        scope: vec!["backup".into()],
        data: data.clone(),
        extra: extra.clone(),
        ..NewApiKey::new("cron")
    };
    let issued = site.auth.api_keys.create(new).await.unwrap();
    let checked = site.auth.api_keys.check(&issued.token).await.unwrap().key;
    assert_eq!((checked.data, checked.extra), (data, extra));
    assert_eq!(checked.scope, ["backup"]);
    let reserved = Map::from_iter([("crossauth".to_owned(), json!(1))]);
    let new = NewApiKey { data: reserved, ..NewApiKey::new("other") };
    assert!(matches!(site.auth.api_keys.create(new).await, Err(ApiKeyError::Data(_))));
}

/// A token that TypeScript or Python made with the same secret, and its row.
#[tokio::test]
async fn tokens_of_upstream_are_accepted() {
    let secret = "ABCDEFGHIJKLMNOPQRSTUVWX";
    let site = Site::with(|config| {
        config.secret = ServerSecret::new(secret).unwrap();
    });
    let value = stored_value(KeyPrefix::ApiKey, "AAECAwQFBgcICQoLDA0ODw");
    let mut key = Key::new(
        &*value,
        None,
        site.auth.api_keys.create(NewApiKey::new("x")).await.unwrap().key.created,
    );
    key.extra.insert("name".into(), json!("upstream"));
    key.data = KeyData::from_text(r#"{"scope":["read",7,null,"write"],"more":1}"#);
    site.storage.inner().keys.insert(&key).await.unwrap();
    let python = "eyJ2IjogIkFBRUNBd1FGQmdjSUNRb0xEQTBPRHciLCAidCI6IDE3MDAwMDAwMDAwMDAsICJzIjogIlNBTFQifQ==.69f37d54d992c98c36d84a65cf72d84beb0f3f45173a760d6d0412d20a40b2c5";
    let typescript = "eyJ2IjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EdyIsInQiOjE3MDAwMDAwMDAwMDAsInMiOiJTQUxUIn0.NIc17aFWnu7gh-iCyFPRNgMYizYFIJwh3btBgsj8EMw";
    for token in [python, typescript] {
        let checked = site.auth.api_keys.check(token).await.unwrap().key;
        assert_eq!((checked.name.as_str(), checked.owner), ("upstream", None));
        assert_eq!(checked.scope, ["read", "write"]);
    }
}

#[tokio::test]
async fn use_is_recorded_once_a_minute_off_the_request() {
    let site = site();
    let session = logged_in(&site).await;
    let issued = created(&site, &session, request("backup")).await;
    let owner = issued.key.owner.as_ref();
    let tasks = tokio::spawn(site.auth.tasks());
    let start = issued.key.created;
    for (wait, recorded) in [(0, Some(0)), (59, None), (1, Some(60)), (30, None), (30, Some(120))] {
        site.clock.advance(Duration::from_secs(wait));
        site.storage.take_calls();
        site.auth.api_keys.check(&issued.token).await.unwrap();
        match recorded {
            Some(after) => {
                let at = start + Duration::from_secs(after);
                assert_eq!(site.storage.next_touch().await, Some(at));
                let listed = site.auth.api_keys.list(owner).await.unwrap();
                assert_eq!(listed[0].last_used, Some(at));
            }
            None => assert_eq!(site.storage.take_calls(), ["sessions.find"]),
        }
    }
    tasks.abort();
}

#[tokio::test]
async fn broken_row_or_store_is_not_an_unknown_key() {
    let site = site();
    let token = site.auth.api_keys.create(NewApiKey::new("cron")).await.unwrap().token;
    site.storage.fail_call_with_bad_row("sessions.find");
    let refused = site.auth.api_keys.check(&token).await;
    assert!(matches!(refused, Err(ApiKeyRefused::Unreadable)), "{refused:?}");
    site.storage.fail();
    let refused = site.auth.api_keys.check(&token).await;
    assert!(matches!(refused, Err(ApiKeyRefused::Storage(_))), "{refused:?}");
    site.storage.recover();
    assert!(site.auth.api_keys.check(&token).await.is_ok());
}
