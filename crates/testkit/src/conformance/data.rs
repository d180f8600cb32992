//! Rules for the data of keys.

use crossauth_core::key::{DataChange, DataError, Key, KeyData};
use crossauth_core::storage::{Storage, UpdateDataError};
use serde_json::{Value, json};

use super::sample::{NOW, insert_key, race};

/// Paths address nested objects; other values stay.
pub(super) async fn data_is_changed_by_path(storage: &Storage) {
    let data = json!({"part1": {"part2": "text"}, "other": [1]}).to_string();
    let key = Key { data: KeyData::from_text(data), ..Key::new("s:1", None, NOW) };
    storage.keys.insert(&key).await.unwrap();
    let change = async |changes: &[DataChange]| -> Value {
        storage.keys.update_data("s:1", changes).await.unwrap();
        let key = storage.keys.find("s:1").await.unwrap().unwrap();
        Value::Object(key.data.object().unwrap())
    };
    let set = [
        DataChange::set("part1.part2", json!({"part3": 3, "part4": null})),
        DataChange::set("part1.part5", "five"),
    ];
    assert_eq!(
        change(&set).await,
        json!({"part1": {"part2": {"part3": 3, "part4": null}, "part5": "five"}, "other": [1]})
    );
    let remove = [DataChange::remove("part1.part2.part3"), DataChange::remove("absent.too")];
    assert_eq!(
        change(&remove).await,
        json!({"part1": {"part2": {"part4": null}, "part5": "five"}, "other": [1]})
    );
}

/// If one change of several cannot be made, it is an error and none is made.
pub(super) async fn failed_data_change_has_no_effect(storage: &Storage) {
    let absent = storage.keys.update_data("s:9", &[DataChange::set("a", 1)]).await;
    assert!(matches!(absent, Err(UpdateDataError::NotFound)), "{absent:?}");
    for (value, data, path, expected) in [
        ("s:1", r#"{"a":1}"#, "a.b", DataError::Path),
        ("s:2", r#"{"a":1}"#, "x.y", DataError::Path),
        ("e:3", "bob@example.com", "a", DataError::Format),
    ] {
        let key = Key { data: KeyData::from_text(data), ..Key::new(value, None, NOW) };
        storage.keys.insert(&key).await.unwrap();
        let changes = [DataChange::set("first", 1), DataChange::set(path, 1)];
        match storage.keys.update_data(value, &changes).await {
            Err(UpdateDataError::Data(error)) => assert_eq!(error, expected),
            other => panic!("{value}: {other:?}"),
        }
        assert_eq!(storage.keys.find(value).await.unwrap(), Some(key));
    }
}

/// Concurrent changes all take effect.
pub(super) async fn no_change_to_data_is_lost(storage: &Storage) {
    insert_key(storage, "s:1", None).await;
    race(50, |number| {
        let keys = storage.keys.clone();
        let change = DataChange::set(format!("field{number}"), number);
        async move { keys.update_data("s:1", &[change]).await.unwrap() }
    })
    .await;
    let data = storage.keys.find("s:1").await.unwrap().unwrap().data.object().unwrap();
    assert_eq!(data.len(), 50);
    assert!((0..50).all(|number| data[&format!("field{number}")] == json!(number)));
}

/// Data that is not a JSON object is stored unchanged.
pub(super) async fn data_round_trips(storage: &Storage) {
    for (number, text) in ["", "bob@example.com", "{}", "{ \"a\" : 1 }"].into_iter().enumerate() {
        let value = format!("e:{number}");
        let key = Key { data: KeyData::from_text(text), ..Key::new(&value, None, NOW) };
        storage.keys.insert(&key).await.unwrap();
        assert_eq!(storage.keys.find(&value).await.unwrap().unwrap().data.as_text(), text);
    }
}
