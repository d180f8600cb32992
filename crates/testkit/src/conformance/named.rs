//! Rules for keys that have a name of their owner's, such as API keys.

use crossauth_core::key::{Key, KeyData, KeyPrefix, NAME_FIELD};
use crossauth_core::storage::{Effects, Guard, Inserted, NamedKey, Storage, StorageErrorKind};
use crossauth_core::user::{Refusal, StateChecks, UserId, UserState, UserUpdate};
use serde_json::json;

use super::outbox::message;
use super::sample::{
    HOSTILE, HOUR, NOW, change, create_bob, create_named, found, insert_key, password_change,
    present, race, update, without_epoch,
};

fn named(value: &str, owner: Option<&UserId>, name: &str) -> Key {
    let mut key = Key::new(value, owner.cloned(), NOW);
    key.extra.insert(NAME_FIELD.into(), json!(name));
    key
}

fn insertion(key: &Key, max: u32) -> NamedKey<'_> {
    let (kind, checks) = (KeyPrefix::ApiKey, StateChecks::ALL);
    NamedKey { key, kind, max, credentials: None, checks, send: &[], audit: &[] }
}

async fn insert(storage: &Storage, key: &Key) -> Inserted {
    storage.keys.insert_named(insertion(key, 10)).await.unwrap()
}

/// Name, data and owner are found by value, in the list, and with the user.
pub(super) async fn named_key_is_found_whole(storage: &Storage) {
    let bob = create_bob(storage).await;
    let key = Key {
        expires: Some(NOW + HOUR),
        data: KeyData::from_text(r#"{"scope":["read"]}"#),
        ..named("api:1", Some(&bob.id), "backup")
    };
    assert_eq!(insert(storage, &key).await, Inserted::Done);
    assert_eq!(storage.keys.find("api:1").await.unwrap().map(without_epoch), Some(key.clone()));
    let listed = storage.keys.list_for_user(Some(&bob.id), KeyPrefix::ApiKey, None, 10).await;
    let listed: Vec<Key> = listed.unwrap().into_iter().map(without_epoch).collect();
    assert_eq!(listed, std::slice::from_ref(&key));
    let session = storage.sessions.find("api:1").await.unwrap().unwrap();
    let (found, user) = session.admit_in_any_epoch(StateChecks::ALL).unwrap();
    assert_eq!((without_epoch(found), user), (key, Some(bob)));
}

/// Names are kept whatever their characters.
pub(super) async fn hostile_names_survive(storage: &Storage) {
    let bob = create_bob(storage).await;
    for (number, name) in HOSTILE.iter().enumerate() {
        let key = named(&format!("api:{number}"), Some(&bob.id), name);
        assert_eq!(insert(storage, &key).await, Inserted::Done, "{name}");
        let found = storage.keys.find(&key.value).await.unwrap().unwrap();
        assert_eq!(found.name(), Some(*name));
    }
}

/// A name is unique for its owner only.
pub(super) async fn name_of_another_key_is_taken(storage: &Storage) {
    let (bob, amy) = (create_bob(storage).await, create_named(storage, "amy").await);
    assert_eq!(insert(storage, &named("api:1", Some(&bob.id), "backup")).await, Inserted::Done);
    let second = named("api:2", Some(&bob.id), "backup");
    assert_eq!(insert(storage, &second).await, Inserted::NameTaken);
    assert_eq!(insert(storage, &named("api:3", Some(&amy.id), "backup")).await, Inserted::Done);
    assert_eq!(insert(storage, &named("api:4", Some(&bob.id), "other")).await, Inserted::Done);
    assert_eq!(insert(storage, &named("api:5", None, "backup")).await, Inserted::Done);
    assert_eq!(insert(storage, &named("api:6", None, "backup")).await, Inserted::Done);
    let all = ["api:1", "api:2", "api:3", "api:4", "api:5", "api:6"];
    assert_eq!(present(storage, &all).await, ["api:1", "api:3", "api:4", "api:5", "api:6"]);
}

/// Sessions and other kinds of keys do not count.
pub(super) async fn number_of_named_keys_is_limited(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "s:1", Some(&bob.id)).await;
    for (value, name, outcome) in [
        ("api:1", "a", Inserted::Done),
        ("api:2", "b", Inserted::Done),
        ("api:3", "c", Inserted::TooMany),
    ] {
        let key = named(value, Some(&bob.id), name);
        assert_eq!(storage.keys.insert_named(insertion(&key, 2)).await.unwrap(), outcome);
    }
    assert!(storage.keys.delete("api:1").await.unwrap());
    let key = named("api:3", Some(&bob.id), "a");
    assert_eq!(storage.keys.insert_named(insertion(&key, 2)).await.unwrap(), Inserted::Done);
}

/// The name of an expired key is free, and the key is deleted.
pub(super) async fn expired_named_key_gives_way(storage: &Storage) {
    let (bob, amy) = (create_bob(storage).await, create_named(storage, "amy").await);
    for (value, owner) in [("api:1", &bob.id), ("api:2", &amy.id)] {
        let expired = Key { expires: Some(NOW - HOUR), ..named(value, Some(owner), "backup") };
        storage.keys.insert(&expired).await.unwrap();
    }
    let key = named("api:3", Some(&bob.id), "backup");
    assert_eq!(storage.keys.insert_named(insertion(&key, 1)).await.unwrap(), Inserted::Done);
    assert_eq!(present(storage, &["api:1", "api:2", "api:3"]).await, ["api:2", "api:3"]);
}

/// A taken value is a conflict, and the first key stays.
pub(super) async fn taken_value_of_a_named_key_conflicts(storage: &Storage) {
    let bob = create_bob(storage).await;
    let first = named("api:1", Some(&bob.id), "backup");
    assert_eq!(insert(storage, &first).await, Inserted::Done);
    let second = named("api:1", Some(&bob.id), "other");
    let error = storage.keys.insert_named(insertion(&second, 10)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Conflict);
    assert_eq!(storage.keys.find("api:1").await.unwrap().map(without_epoch), Some(first));
}

/// A message about a key is stored exactly if the key is, and is about its owner.
pub(super) async fn message_about_a_named_key_is_sent_if_it_is_stored(storage: &Storage) {
    let bob = create_bob(storage).await;
    for (value, name, id, outcome) in [
        ("api:1", "backup", "stored", Some(Inserted::Done)),
        ("api:2", "backup", "name is taken", Some(Inserted::NameTaken)),
        ("api:1", "other", "value is taken", None),
        ("api:3", "other", "stored", None),
    ] {
        let key = named(value, Some(&bob.id), name);
        let sending = NamedKey { send: &[message(id)], ..insertion(&key, 10) };
        let inserted = storage.keys.insert_named(sending).await;
        let kind = inserted.as_ref().err().map(|error| error.kind);
        assert_eq!(kind.is_some(), outcome.is_none(), "{id}: {inserted:?}");
        assert!(kind.is_none_or(|kind| kind == StorageErrorKind::Conflict), "{id}: {kind:?}");
        assert_eq!(inserted.ok(), outcome, "{id}");
    }
    let anonymous = named("api:4", None, "backup");
    let sending = NamedKey { send: &[message("of no user")], ..insertion(&anonymous, 10) };
    assert_eq!(storage.keys.insert_named(sending).await.unwrap(), Inserted::Done);
    assert_eq!(present(storage, &["api:1", "api:2", "api:3", "api:4"]).await, ["api:1", "api:4"]);
    let claimed = storage.outbox.claim(NOW, NOW + HOUR, 10).await.unwrap();
    let mut sent: Vec<_> =
        claimed.into_iter().map(|queued| (queued.message.id, queued.message.userid)).collect();
    sent.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(sent, [("of no user".to_owned(), None), ("stored".to_owned(), Some(bob.id))]);
}

/// A key is not stored for an absent or disabled owner, or one with other credentials.
pub(super) async fn named_key_needs_the_checked_owner(storage: &Storage) {
    let absent = named("api:1", Some(&UserId::Integer(999_999)), "backup");
    assert_eq!(insert(storage, &absent).await, Inserted::NoSuchUser);
    let bob = create_bob(storage).await;
    let credentials = found(storage, &bob.id).await.credentials();
    change(storage, &bob.id, &password_change("another hash")).await;
    let key = named("api:1", Some(&bob.id), "backup");
    let checked = NamedKey { credentials: Some(&credentials), ..insertion(&key, 10) };
    assert_eq!(storage.keys.insert_named(checked).await.unwrap(), Inserted::CredentialsChanged);
    let disabled = UserUpdate { state: Some(UserState::Disabled), ..UserUpdate::default() };
    update(storage, &bob.id, &disabled).await;
    assert_eq!(insert(storage, &key).await, Inserted::Refused(Refusal::NotActive));
    assert_eq!(present(storage, &["api:1"]).await, Vec::<&str>::new());
    let active = UserUpdate { state: Some(UserState::Active), ..UserUpdate::default() };
    update(storage, &bob.id, &active).await;
    let credentials = found(storage, &bob.id).await.credentials();
    let checked = NamedKey { credentials: Some(&credentials), ..insertion(&key, 10) };
    assert_eq!(storage.keys.insert_named(checked).await.unwrap(), Inserted::Done);
}

/// A key outlives a change of credentials, and is refused while its owner is disabled.
pub(super) async fn api_key_is_checked_with_its_owner(storage: &Storage) {
    let bob = create_bob(storage).await;
    assert_eq!(insert(storage, &named("api:1", Some(&bob.id), "backup")).await, Inserted::Done);
    change(storage, &bob.id, &password_change("another hash")).await;
    let found = async || {
        let found = storage.sessions.find("api:1").await.unwrap();
        found.map(|found| found.admit_in_any_epoch(StateChecks::ALL).map(|(_, user)| user))
    };
    assert_eq!(found().await, Some(Ok(Some(bob.clone()))));
    let disabled = UserUpdate { state: Some(UserState::Disabled), ..UserUpdate::default() };
    update(storage, &bob.id, &disabled).await;
    assert_eq!(found().await, Some(Err(Refusal::NotActive)));
    storage.users.delete(&bob.id, Guard::None, &Effects::default()).await.unwrap();
    assert_eq!(found().await, None);
    assert_eq!(present(storage, &["api:1"]).await, Vec::<&str>::new());
}

/// Of concurrent keys with one name, one is stored.
pub(super) async fn one_of_many_keys_gets_a_name(storage: &Storage) {
    let bob = create_bob(storage).await;
    let outcomes = race(20, |number| {
        let (keys, id) = (storage.keys.clone(), bob.id.clone());
        async move {
            let key = named(&format!("api:{number}"), Some(&id), "backup");
            keys.insert_named(insertion(&key, 10)).await.unwrap()
        }
    })
    .await;
    let done = outcomes.iter().filter(|outcome| **outcome == Inserted::Done).count();
    assert_eq!(done, 1, "{outcomes:?}");
}

/// Concurrent creations do not exceed the limit.
pub(super) async fn concurrent_keys_do_not_exceed_their_limit(storage: &Storage) {
    let bob = create_bob(storage).await;
    let outcomes = race(20, |number| {
        let (keys, id) = (storage.keys.clone(), bob.id.clone());
        async move {
            let key = named(&format!("api:{number}"), Some(&id), &format!("name {number}"));
            keys.insert_named(insertion(&key, 3)).await.unwrap()
        }
    })
    .await;
    let done = outcomes.iter().filter(|outcome| **outcome == Inserted::Done).count();
    assert_eq!(done, 3, "{outcomes:?}");
}
