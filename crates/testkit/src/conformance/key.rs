//! Rules for key stores.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyData, KeyFilter, KeyUpdate};
use crossauth_core::storage::{Storage, StorageErrorKind};
use crossauth_core::user::{Patch, UserId};
use serde_json::{Value, json};

use super::sample::{
    HOSTILE, HOUR, NOW, fields, insert_bob, insert_key, insert_named, present, race,
};

/// Every field comes back.
pub async fn inserted_key_is_found_whole(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let key = Key {
        expires: Some(NOW + HOUR),
        lastactive: Some(NOW),
        data: KeyData::from_text(r#"{"a":1}"#),
        ..Key::new("s:1", Some(bob.id), NOW)
    };
    storage.keys.insert(&key).await.unwrap();
    assert_eq!(storage.keys.find("s:1").await.unwrap(), Some(key));
    let bare = insert_key(storage, "s:2", None).await;
    assert_eq!(storage.keys.find("s:2").await.unwrap(), Some(bare));
}

/// Values are neither normalised nor trimmed nor patterns.
pub async fn values_are_compared_exactly(storage: &Storage) {
    insert_key(storage, "s:aÅ%", None).await;
    for value in ["s:AÅ%", "s:aA\u{30A}%", "s:aÅ% ", " s:aÅ%", "s:aÅ", "s:aÅx", "%", ""] {
        assert_eq!(storage.keys.find(value).await.unwrap(), None, "{value}");
        assert_eq!(storage.keys.take(value).await.unwrap(), None, "{value}");
        assert!(!storage.keys.delete(value).await.unwrap(), "{value}");
    }
    insert_key(storage, "s:AÅ%", None).await;
    assert_eq!(present(storage, &["s:aÅ%", "s:AÅ%"]).await, ["s:aÅ%", "s:AÅ%"]);
}

/// A second key of the same value is refused.
pub async fn taken_value_conflicts_and_the_first_key_stays(storage: &Storage) {
    let first = insert_key(storage, "s:1", None).await;
    let second = Key { expires: Some(NOW), ..first.clone() };
    let error = storage.keys.insert(&second).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Conflict);
    assert_eq!(storage.keys.find("s:1").await.unwrap(), Some(first));
}

/// A partial update writes what it names and nothing else.
pub async fn missing_fields_stay_and_null_clears(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let mut key = Key {
        expires: Some(NOW + HOUR),
        lastactive: Some(NOW),
        data: KeyData::from_text("{}"),
        extra: fields([("name", json!("laptop")), ("uses", json!(3))]),
        ..Key::new("s:1", Some(bob.id.clone()), NOW)
    };
    storage.keys.insert(&key).await.unwrap();
    insert_key(storage, "s:2", Some(&bob.id)).await;

    assert_eq!(updated(storage, &KeyUpdate::default()).await, key);
    let change = KeyUpdate {
        expires: Patch::Clear,
        extra: fields([("uses", json!(null)), ("shared", json!(true))]),
        ..KeyUpdate::default()
    };
    key.expires = None;
    key.extra = fields([("name", json!("laptop")), ("shared", json!(true))]);
    assert_eq!(updated(storage, &change).await, key);
    let change = KeyUpdate {
        userid: Patch::Clear,
        lastactive: Patch::Clear,
        expires: Patch::Set(NOW),
        data: Some(KeyData::from_text(r#"{"b":2}"#)),
        ..KeyUpdate::default()
    };
    key.userid = None;
    key.lastactive = None;
    key.expires = Some(NOW);
    key.data = KeyData::from_text(r#"{"b":2}"#);
    assert_eq!(updated(storage, &change).await, key);
    let change = KeyUpdate { userid: Patch::Set(bob.id.clone()), ..KeyUpdate::default() };
    key.userid = Some(bob.id.clone());
    assert_eq!(updated(storage, &change).await, key);
    let other = storage.keys.find("s:2").await.unwrap();
    assert_eq!(other, Some(Key::new("s:2", Some(bob.id), NOW)));
}

async fn updated(storage: &Storage, change: &KeyUpdate) -> Key {
    assert!(storage.keys.update("s:1", change).await.unwrap());
    storage.keys.find("s:1").await.unwrap().unwrap()
}

/// Updating what is not there says so, even where nothing is to change.
pub async fn update_of_an_absent_key_finds_none(storage: &Storage) {
    let change = KeyUpdate { expires: Patch::Set(NOW), ..KeyUpdate::default() };
    assert!(!storage.keys.update("s:1", &change).await.unwrap());
    assert!(!storage.keys.update("s:1", &KeyUpdate::default()).await.unwrap());
    assert_eq!(storage.keys.find("s:1").await.unwrap(), None);
}

/// What is taken is returned whole and gone.
pub async fn key_is_taken_once(storage: &Storage) {
    let key = insert_key(storage, "e:1", None).await;
    insert_key(storage, "e:2", None).await;
    assert_eq!(storage.keys.take("e:1").await.unwrap(), Some(key));
    assert_eq!(storage.keys.take("e:1").await.unwrap(), None);
    assert_eq!(present(storage, &["e:1", "e:2"]).await, ["e:2"]);
}

/// Of takers at once, one gets the key.
pub async fn one_of_many_takers_gets_the_key(storage: &Storage) {
    let key = insert_key(storage, "p:1", None).await;
    let results = race(50, |_| {
        let keys = storage.keys.clone();
        async move { keys.take("p:1").await.unwrap() }
    })
    .await;
    assert_eq!(results.into_iter().flatten().collect::<Vec<_>>(), [key]);
}

/// Deleting a key concerns that key only, and deleting none is no error.
pub async fn deleting_one_key_leaves_the_others(storage: &Storage) {
    let bob = insert_bob(storage).await;
    insert_key(storage, "s:1", Some(&bob.id)).await;
    insert_key(storage, "s:2", Some(&bob.id)).await;
    assert!(storage.keys.delete("s:1").await.unwrap());
    assert!(!storage.keys.delete("s:1").await.unwrap());
    assert_eq!(present(storage, &["s:1", "s:2"]).await, ["s:2"]);
}

/// Keys of others, and of nobody, are not the owner's.
pub async fn all_keys_of_exactly_one_owner_are_deleted(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let carol = insert_named(storage, "carol").await;
    let all = ["s:b1", "s:b2", "p:b3", "s:c1", "s:n1", "p:n2"];
    for (value, owner) in all.iter().zip([Some(&bob), Some(&bob), Some(&bob), Some(&carol)]) {
        insert_key(storage, value, owner.map(|user| &user.id)).await;
    }
    insert_key(storage, "s:n1", None).await;
    insert_key(storage, "p:n2", None).await;
    let delete = async |id: Option<&UserId>, prefix: &str| {
        storage.keys.delete_all_for_user(id, prefix, None).await.unwrap()
    };
    assert_eq!(delete(Some(&bob.id), "s:").await, 2);
    assert_eq!(present(storage, &all).await, ["p:b3", "s:c1", "s:n1", "p:n2"]);
    assert_eq!(delete(None, "s:").await, 1);
    assert_eq!(present(storage, &all).await, ["p:b3", "s:c1", "p:n2"]);
    assert_eq!(delete(Some(&UserId::Integer(999_999)), "").await, 0);
    assert_eq!(delete(Some(&UserId::Text("nobody".into())), "").await, 0);
    assert_eq!(delete(None, "").await, 1);
    assert_eq!(present(storage, &all).await, ["p:b3", "s:c1"]);
    assert_eq!(delete(Some(&bob.id), "").await, 1);
    assert_eq!(present(storage, &all).await, ["s:c1"]);
}

/// A prefix has no wildcards and no ignored case.
pub async fn prefix_is_plain_text(storage: &Storage) {
    let all = ["a%b", "axb", "a_b", "A%b", "xa%", "😀%b", "😀_b"];
    for value in all {
        insert_key(storage, value, None).await;
    }
    let delete =
        async |prefix: &str| storage.keys.delete_all_for_user(None, prefix, None).await.unwrap();
    assert_eq!(delete("%").await, 0);
    assert_eq!(delete("a%").await, 1);
    assert_eq!(present(storage, &all).await, ["axb", "a_b", "A%b", "xa%", "😀%b", "😀_b"]);
    assert_eq!(delete("a_").await, 1);
    assert_eq!(present(storage, &all).await, ["axb", "A%b", "xa%", "😀%b", "😀_b"]);
    assert_eq!(delete("😀_").await, 1);
    assert_eq!(present(storage, &all).await, ["axb", "A%b", "xa%", "😀%b"]);
}

/// One key may be kept.
pub async fn excepted_key_stays(storage: &Storage) {
    let bob = insert_bob(storage).await;
    for value in ["s:1", "s:2", "s:3"] {
        insert_key(storage, value, Some(&bob.id)).await;
    }
    let keys = &storage.keys;
    assert_eq!(keys.delete_all_for_user(Some(&bob.id), "s:", Some("s:2")).await.unwrap(), 2);
    assert_eq!(present(storage, &["s:1", "s:2", "s:3"]).await, ["s:2"]);
    assert_eq!(keys.delete_all_for_user(Some(&bob.id), "s:", Some("s:9")).await.unwrap(), 1);
}

/// A filter's fields must all match.
pub async fn delete_matching_wants_every_field(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let carol = insert_named(storage, "carol").await;
    let all = ["s:1", "s:2", "s:3"];
    for (value, owner) in all.iter().zip([&bob, &bob, &carol]) {
        insert_key(storage, value, Some(&owner.id)).await;
    }
    let filter = |value: &str, owner: &UserId| KeyFilter {
        value: Some(value.into()),
        userid: Patch::Set(owner.clone()),
        ..KeyFilter::default()
    };
    let keys = &storage.keys;
    assert_eq!(keys.delete_matching(&filter("s:1", &carol.id)).await.unwrap(), 0);
    assert_eq!(keys.delete_matching(&filter("s:1", &bob.id)).await.unwrap(), 1);
    assert_eq!(present(storage, &all).await, ["s:2", "s:3"]);
    let owner = KeyFilter { userid: Patch::Set(bob.id), ..KeyFilter::default() };
    assert_eq!(keys.delete_matching(&owner).await.unwrap(), 1);
    assert_eq!(present(storage, &all).await, ["s:3"]);
}

/// Null chooses the keys without an owner, and only those.
pub async fn delete_matching_knows_null(storage: &Storage) {
    let bob = insert_bob(storage).await;
    insert_key(storage, "s:1", Some(&bob.id)).await;
    insert_key(storage, "s:2", None).await;
    let anonymous = KeyFilter { userid: Patch::Clear, ..KeyFilter::default() };
    let one = KeyFilter { value: Some("s:1".into()), ..anonymous.clone() };
    assert_eq!(storage.keys.delete_matching(&one).await.unwrap(), 0);
    assert_eq!(storage.keys.delete_matching(&anonymous).await.unwrap(), 1);
    assert_eq!(present(storage, &["s:1", "s:2"]).await, ["s:1"]);
}

/// Application fields choose keys, by type too; null chooses those without.
pub async fn delete_matching_chooses_by_application_field(storage: &Storage) {
    let all = ["api:1", "api:2", "api:3", "api:4"];
    for (value, name) in all.iter().zip([json!("x"), json!("y"), json!(null), json!("x")]) {
        let extra = fields([("name", name), ("shared", json!(*value == "api:1"))]);
        let key = Key { extra, ..Key::new(*value, None, NOW) };
        storage.keys.insert(&key).await.unwrap();
    }
    let delete = async |extra| {
        let filter = KeyFilter { extra, ..KeyFilter::default() };
        storage.keys.delete_matching(&filter).await.unwrap()
    };
    assert_eq!(delete(fields([("name", json!("z"))])).await, 0);
    assert_eq!(delete(fields([("name", json!("y")), ("shared", json!(true))])).await, 0);
    assert_eq!(delete(fields([("name", json!("x")), ("shared", json!(true))])).await, 1);
    assert_eq!(present(storage, &all).await, ["api:2", "api:3", "api:4"]);
    assert_eq!(delete(fields([("name", Value::Null)])).await, 1);
    assert_eq!(present(storage, &all).await, ["api:2", "api:4"]);
}

/// A filter that says nothing deletes nothing.
pub async fn filter_without_fields_matches_none(storage: &Storage) {
    insert_key(storage, "s:1", None).await;
    assert_eq!(storage.keys.delete_matching(&KeyFilter::default()).await.unwrap(), 0);
    assert_eq!(present(storage, &["s:1"]).await, ["s:1"]);
}

/// Lists hold one owner's keys, or nobody's, newest first.
pub async fn keys_of_exactly_one_owner_are_listed_newest_first(storage: &Storage) {
    let bob = insert_bob(storage).await;
    let carol = insert_named(storage, "carol").await;
    for (value, owner, age) in
        [("s:1", Some(&bob), 2), ("s:2", Some(&bob), 0), ("s:3", Some(&bob), 1), ("s:4", None, 0)]
    {
        let created = NOW - HOUR * age;
        let key = Key::new(value, owner.map(|user| user.id.clone()), created);
        storage.keys.insert(&key).await.unwrap();
    }
    let list = async |id| -> Vec<String> {
        let keys = storage.keys.list_for_user(id).await.unwrap();
        keys.into_iter().map(|key| key.value).collect()
    };
    assert_eq!(list(Some(&bob.id)).await, ["s:2", "s:3", "s:1"]);
    assert_eq!(list(Some(&carol.id)).await, [""; 0]);
    assert_eq!(list(None).await, ["s:4"]);
}

/// No list is without bound.
pub async fn list_ends_at_a_thousand(storage: &Storage) {
    race(1002, |number| {
        let keys = storage.keys.clone();
        let created = Timestamp::from_secs(i64::try_from(number).unwrap());
        async move { keys.insert(&Key::new(format!("s:{number}"), None, created)).await.unwrap() }
    })
    .await;
    let keys = storage.keys.list_for_user(None).await.unwrap();
    assert_eq!(keys.len(), 1000);
    assert_eq!((keys[0].value.as_str(), keys[999].value.as_str()), ("s:1001", "s:2"));
}

/// The time of last use never goes back.
pub async fn touch_moves_forward_only(storage: &Storage) {
    insert_key(storage, "s:1", None).await;
    insert_key(storage, "s:2", None).await;
    let keys = &storage.keys;
    for (at, expected) in [(NOW, NOW), (NOW + HOUR, NOW + HOUR), (NOW, NOW + HOUR)] {
        keys.touch("s:1", at).await.unwrap();
        assert_eq!(keys.find("s:1").await.unwrap().unwrap().lastactive, Some(expected));
    }
    keys.touch("s:9", NOW).await.unwrap();
    assert_eq!(keys.find("s:9").await.unwrap(), None);
    assert_eq!(keys.find("s:2").await.unwrap().unwrap().lastactive, None);
}

/// Purging takes what is past its time, a bounded number at once, and nothing else.
pub async fn purge_removes_expired_keys_up_to_its_limit(storage: &Storage) {
    let all = ["s:old1", "s:old2", "s:old3", "s:now", "s:later", "s:never"];
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
    assert_eq!(present(storage, &all).await, ["s:now", "s:later", "s:never"]);
    assert_eq!(storage.keys.purge(NOW, 100).await.unwrap(), 0);
}

/// Application fields come back with their type; null is the same as absent.
pub async fn application_fields_survive(storage: &Storage) {
    let extra = fields([("name", json!("laptop")), ("uses", json!(3)), ("shared", json!(false))]);
    let key = Key { extra: extra.clone(), ..Key::new("api:1", None, NOW) };
    storage.keys.insert(&key).await.unwrap();
    assert_eq!(storage.keys.find("api:1").await.unwrap().unwrap().extra, extra);
    assert_eq!(storage.sessions.find("api:1").await.unwrap().unwrap().key.extra, extra);
    let key = Key { extra: fields([("name", json!(null))]), ..Key::new("api:2", None, NOW) };
    storage.keys.insert(&key).await.unwrap();
    assert_eq!(storage.keys.take("api:2").await.unwrap().unwrap().extra, fields([]));
}

/// Text is data, whatever it looks like.
pub async fn hostile_text_survives(storage: &Storage) {
    for text in HOSTILE {
        let key = Key {
            data: KeyData::from_text(text),
            extra: fields([("name", json!(text))]),
            ..Key::new(text, None, NOW)
        };
        storage.keys.insert(&key).await.unwrap();
        assert_eq!(storage.keys.find(text).await.unwrap().as_ref(), Some(&key));
        let deleted = storage.keys.delete_all_for_user(None, text, Some(text)).await.unwrap();
        assert_eq!(deleted, 0, "{text}");
        assert_eq!(storage.keys.take(text).await.unwrap(), Some(key));
    }
}
