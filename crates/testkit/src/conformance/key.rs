//! Rules for key stores.

use std::time::Duration;

use crossauth_core::key::{Key, KeyData, KeyPrefix};
use crossauth_core::storage::{KeyPosition, Storage, StorageErrorKind};
use crossauth_core::user::{StateChecks, UserId};
use serde_json::json;

use super::sample::{
    HOSTILE, HOUR, NOW, create_bob, create_named, fields, insert_key, present, race, without_epoch,
};

/// Every field is stored.
pub(super) async fn inserted_key_is_found_whole(storage: &Storage) {
    let bob = create_bob(storage).await;
    let key = Key {
        expires: Some(NOW + HOUR),
        lastactive: Some(NOW),
        data: KeyData::from_text(r#"{"a":1}"#),
        ..Key::new("s:1", Some(bob.id), NOW)
    };
    storage.keys.insert(&key).await.unwrap();
    assert_eq!(storage.keys.find("s:1").await.unwrap().map(without_epoch), Some(key));
    let bare = insert_key(storage, "s:2", None).await;
    assert_eq!(storage.keys.find("s:2").await.unwrap(), Some(bare));
}

/// Values are not normalized, trimmed, or matched as patterns.
pub(super) async fn values_are_compared_exactly(storage: &Storage) {
    insert_key(storage, "s:aÅ%", None).await;
    for value in ["s:AÅ%", "s:aA\u{30A}%", "s:aÅ% ", " s:aÅ%", "s:aÅ", "s:aÅx", "%", ""] {
        assert_eq!(storage.keys.find(value).await.unwrap(), None, "{value}");
        assert!(!storage.keys.delete(value).await.unwrap(), "{value}");
    }
    insert_key(storage, "s:AÅ%", None).await;
    assert_eq!(present(storage, &["s:aÅ%", "s:AÅ%"]).await, ["s:aÅ%", "s:AÅ%"]);
}

/// A second key of the same value is refused.
pub(super) async fn taken_value_conflicts_and_the_first_key_stays(storage: &Storage) {
    let first = insert_key(storage, "s:1", None).await;
    let second = Key { expires: Some(NOW), ..first.clone() };
    let error = storage.keys.insert(&second).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Conflict);
    assert_eq!(storage.keys.find("s:1").await.unwrap(), Some(first));
}

/// Of concurrent deletions exactly one finds the key.
pub(super) async fn one_of_many_deletions_finds_the_key(storage: &Storage) {
    insert_key(storage, "p:1", None).await;
    let results = race(50, |_| {
        let keys = storage.keys.clone();
        async move { keys.delete("p:1").await.unwrap() }
    })
    .await;
    assert_eq!(results.into_iter().filter(|found| *found).count(), 1);
}

/// Deleting a key deletes only that key; deleting an absent key is not an error.
pub(super) async fn deleting_one_key_leaves_the_others(storage: &Storage) {
    let bob = create_bob(storage).await;
    insert_key(storage, "s:1", Some(&bob.id)).await;
    insert_key(storage, "s:2", Some(&bob.id)).await;
    assert!(storage.keys.delete("s:1").await.unwrap());
    assert!(!storage.keys.delete("s:1").await.unwrap());
    assert_eq!(present(storage, &["s:1", "s:2"]).await, ["s:2"]);
}

/// A key has an existing owner or none.
pub(super) async fn key_without_an_existing_owner_is_refused(storage: &Storage) {
    for id in [UserId::Integer(999_999), UserId::Text("unknown".into())] {
        let error = storage.keys.insert(&Key::new("s:1", Some(id), NOW)).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Corrupt);
        assert_eq!(storage.keys.find("s:1").await.unwrap(), None);
    }
}

/// Lists contain the keys of one kind, and of one owner or without owner.
pub(super) async fn keys_are_listed_by_owner_and_kind(storage: &Storage) {
    let bob = create_bob(storage).await;
    let carol = create_named(storage, "carol").await;
    for (value, owner) in [
        ("s:2", Some(&bob)),
        ("s:1", Some(&bob)),
        ("p:3", Some(&bob)),
        ("S:4", Some(&bob)),
        ("setup:5", None),
        ("app:6", None),
        ("s:7", None),
    ] {
        insert_key(storage, value, owner.map(|user| &user.id)).await;
    }
    let list = async |id, prefix| -> Vec<String> {
        let keys = storage.keys.list_for_user(id, prefix, None, 10).await.unwrap();
        keys.into_iter().map(|key| key.value).collect()
    };
    assert_eq!(list(Some(&bob.id), KeyPrefix::Session).await, ["s:2", "s:1"]);
    assert_eq!(list(Some(&bob.id), KeyPrefix::PasswordReset).await, ["p:3"]);
    assert_eq!(list(Some(&bob.id), KeyPrefix::ApiKey).await, [""; 0]);
    assert_eq!(list(Some(&carol.id), KeyPrefix::Session).await, [""; 0]);
    let absent = [UserId::Integer(999_999), UserId::Text("x".into())];
    for id in &absent {
        assert_eq!(list(Some(id), KeyPrefix::Session).await, [""; 0]);
    }
    assert_eq!(list(None, KeyPrefix::ApplicationToken).await, ["app:6"]);
    assert_eq!(list(None, KeyPrefix::Setup).await, ["setup:5"]);
}

/// Pages follow one another from the newest key to the oldest, without gap or overlap, also when
/// the last key of a page has been deleted.
pub(super) async fn keys_are_listed_in_pages_from_the_newest(storage: &Storage) {
    let bob = create_bob(storage).await;
    for (owner, kind) in [
        (None, KeyPrefix::ApplicationToken),
        (Some(&bob.id), KeyPrefix::ApplicationToken),
        (Some(&bob.id), KeyPrefix::Session),
    ] {
        let (kind_text, suffix) = (kind.as_str(), if owner.is_some() { "bob" } else { "" });
        // Created at the same or different times, in another order than that of the values.
        for (value, age) in [("b", 1), ("e", 3), ("a", 2), ("d", 2), ("c", 2)] {
            let created = NOW - HOUR * age;
            let key = Key::new(format!("{kind_text}{value}{suffix}"), owner.cloned(), created);
            storage.keys.insert(&key).await.unwrap();
        }
        let mut seen: Vec<Key> = Vec::new();
        loop {
            let after = seen.last().map(KeyPosition::from);
            let page = storage.keys.list_for_user(owner, kind, after, 2).await.unwrap();
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break };
            storage.keys.delete(&last.value).await.unwrap();
            seen.extend(page);
        }
        let name = |key: &Key| key.value.trim_start_matches(kind_text).chars().next();
        let seen: String = seen.iter().filter_map(name).collect();
        assert_eq!(seen, "bdcae");
    }
    insert_key(storage, "app:x", None).await;
    let none =
        storage.keys.list_for_user(None, KeyPrefix::ApplicationToken, None, 0).await.unwrap();
    assert_eq!(none, []);
}

/// The recorded time of last use never decreases.
pub(super) async fn touch_moves_forward_only(storage: &Storage) {
    insert_key(storage, "s:1", None).await;
    insert_key(storage, "s:2", None).await;
    let keys = &storage.keys;
    let second = Duration::from_secs(1);
    for (at, expected) in [(NOW, NOW), (NOW + second, NOW + second), (NOW, NOW + second)] {
        keys.touch("s:1", at).await.unwrap();
        assert_eq!(keys.find("s:1").await.unwrap().unwrap().lastactive, Some(expected));
    }
    keys.touch("s:9", NOW).await.unwrap();
    assert_eq!(keys.find("s:9").await.unwrap(), None);
    assert_eq!(keys.find("s:2").await.unwrap().unwrap().lastactive, None);
}

/// A time of last use far in the future, from a wrong clock, is corrected.
pub(super) async fn touch_corrects_a_use_ahead_of_the_clock(storage: &Storage) {
    let ahead = Key { lastactive: Some(NOW + HOUR), ..Key::new("s:1", None, NOW) };
    storage.keys.insert(&ahead).await.unwrap();
    storage.keys.touch("s:1", NOW).await.unwrap();
    assert_eq!(storage.keys.find("s:1").await.unwrap().unwrap().lastactive, Some(NOW));
}

/// Purging deletes expired keys only, up to a limit.
pub(super) async fn purge_removes_expired_keys_up_to_its_limit(storage: &Storage) {
    let all = ["app:old1", "app:old2", "app:old3", "app:now", "app:later", "app:never"];
    let ages = [Some(NOW - HOUR * 3), Some(NOW - HOUR * 2), Some(NOW - HOUR), Some(NOW)];
    let later = [Some(NOW + HOUR), None];
    for (value, expires) in all.iter().zip(ages.into_iter().chain(later)) {
        let key = Key { expires, ..Key::new(*value, None, NOW) };
        storage.keys.insert(&key).await.unwrap();
    }
    assert_eq!(storage.keys.purge(NOW, 0).await.unwrap(), 0);
    assert_eq!(storage.keys.purge(NOW, 2).await.unwrap(), 2);
    assert_eq!(present(storage, &all).await.len(), 4);
    assert_eq!(storage.keys.purge(NOW, 100).await.unwrap(), 1);
    assert_eq!(present(storage, &all).await, ["app:now", "app:later", "app:never"]);
    assert_eq!(storage.keys.purge(NOW, 100).await.unwrap(), 0);
}

/// The first moment of a period belongs to it, the last does not.
pub(super) async fn key_is_found_by_when_it_was_created(storage: &Storage) {
    let any = async |from, until| storage.keys.any_created(from, until).await.unwrap();
    assert!(!any(NOW - HOUR, NOW + HOUR).await);
    insert_key(storage, "app:1", None).await;
    for (from, until, found) in [
        (NOW - HOUR, NOW + HOUR, true),
        (NOW, NOW + HOUR, true),
        (NOW - HOUR, NOW, false),
        (NOW + HOUR, NOW + HOUR * 2, false),
        (NOW + HOUR, NOW - HOUR, false),
    ] {
        assert_eq!(any(from, until).await, found, "{from:?} {until:?}");
    }
}

/// Application fields keep their type; null is the same as absent.
pub(super) async fn application_fields_survive(storage: &Storage) {
    let extra = fields([("name", json!("laptop")), ("uses", json!(3)), ("shared", json!(false))]);
    let key = Key { extra: extra.clone(), ..Key::new("app:1", None, NOW) };
    storage.keys.insert(&key).await.unwrap();
    assert_eq!(storage.keys.find("app:1").await.unwrap().unwrap().extra, extra);
    let session = storage.sessions.find("app:1").await.unwrap().unwrap();
    assert_eq!(session.admit(StateChecks::ALL).unwrap().0.extra, extra);
    let key = Key { extra: fields([("name", json!(null))]), ..Key::new("app:2", None, NOW) };
    storage.keys.insert(&key).await.unwrap();
    assert_eq!(storage.keys.find("app:2").await.unwrap().unwrap().extra, fields([]));
}

/// Text is stored unchanged, including SQL and control characters.
pub(super) async fn hostile_text_survives(storage: &Storage) {
    for text in HOSTILE {
        let key = Key {
            data: KeyData::from_text(text),
            extra: fields([("name", json!(text))]),
            ..Key::new(text, None, NOW)
        };
        storage.keys.insert(&key).await.unwrap();
        assert_eq!(storage.keys.find(text).await.unwrap().as_ref(), Some(&key));
        assert_eq!(storage.keys.find(text).await.unwrap(), Some(key));
    }
}
