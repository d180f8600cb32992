//! API keys in databases of upstream.

use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyData, KeyPrefix, NAME_FIELD};
use crossauth_core::storage::{Inserted, NamedKey};
use crossauth_core::user::{NewUser, StateChecks, UserId, UserSecrets};
use crossauth_storage_sql::TableMap;
use crossauth_testkit::storage::create_user;
use serde_json::json;

use super::{CROSSAUTHJS, PYCROSSAUTH, SqliteFile};

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

async fn insert(opened: &SqliteFile, key: &Key) -> Inserted {
    let (kind, checks) = (KeyPrefix::ApiKey, StateChecks::ALL);
    let named = NamedKey { key, kind, max: 5, credentials: None, checks, send: &[], audit: &[] };
    opened.storage().keys.insert_named(named).await.unwrap()
}

fn backup(owner: Option<UserId>) -> Key {
    let mut key = Key::new("api:1", owner, NOW);
    key.extra.insert(NAME_FIELD.into(), json!("backup"));
    key.data = KeyData::from_text(r#"{"scope":["read"]}"#);
    key
}

#[tokio::test]
async fn keys_of_upstream_are_found_in_their_own_table() {
    for (schema, created) in [(PYCROSSAUTH, "1767225600.5"), (CROSSAUTHJS, "1767225600500")] {
        let opened = SqliteFile::of_upstream(&schema).await;
        let bob = NewUser::named("bob");
        let bob = create_user(&opened.storage(), &bob, &UserSecrets::default()).await;
        opened.sql(&format!(
            "INSERT INTO ApiKey (name, value, userid, created, data)
                 VALUES ('backup', 'api:1', 1, {created}, '{{\"scope\":[\"read\"]}}');
             INSERT INTO {} (value, userid, created) VALUES ('api:2', 1, 0)",
            schema.names[2]
        ));
        let storage = opened.storage();
        let found = storage.sessions.find("api:1").await.unwrap().unwrap();
        let (key, user) = found.admit_in_any_epoch(StateChecks::ALL).unwrap();
        assert_eq!((key.name(), user), (Some("backup"), Some(bob.clone())));
        assert_eq!(key.created, NOW + Duration::from_millis(500));
        assert_eq!(storage.sessions.find("api:2").await.unwrap(), None);
        let listed = storage.keys.list_for_user(Some(&bob.id), KeyPrefix::ApiKey, None, 9).await;
        assert_eq!(listed.unwrap(), [key]);
        assert!(storage.keys.delete("api:1").await.unwrap());
        assert_eq!(storage.keys.find("api:1").await.unwrap(), None);
    }
}

#[tokio::test]
async fn use_of_a_key_is_not_recorded_where_upstream_has_no_column_for_it() {
    let opened = SqliteFile::of_upstream(&CROSSAUTHJS).await;
    assert_eq!(insert(&opened, &backup(None)).await, Inserted::Done);
    opened.storage().keys.touch("api:1", NOW).await.unwrap();
    let key = opened.storage().keys.find("api:1").await.unwrap();
    assert_eq!(key, Some(backup(None)));
}

#[tokio::test]
async fn expired_keys_are_purged_from_both_tables() {
    let opened = SqliteFile::of_upstream(&CROSSAUTHJS).await;
    let keys = opened.storage().keys;
    for value in ["api:1", "s:1", "s:2"] {
        let expired = Key { value: value.into(), expires: Some(NOW), ..backup(None) };
        keys.insert(&expired).await.unwrap();
    }
    let later = NOW + Duration::from_secs(1);
    assert_eq!(keys.purge(later, 2).await.unwrap(), 2);
    assert_eq!(keys.purge(later, 2).await.unwrap(), 1);
    assert_eq!(keys.find("api:1").await.unwrap(), None);
}

/// Without a table for API keys and without a column for their name, as Prisma's `Key` has it.
#[tokio::test]
async fn name_is_kept_in_the_data_where_there_is_no_column_for_it() {
    let opened = SqliteFile::of_upstream(&CROSSAUTHJS).await;
    opened.sql(
        "DROP TABLE apikey; DROP TABLE keys;
         CREATE TABLE keys (
            id integer PRIMARY KEY, value text NOT NULL UNIQUE, userid integer,
            created integer NOT NULL, expires integer NOT NULL, lastactive integer, data text
         )",
    );
    let opened = SqliteFile::open_at(opened.place, TableMap::crossauthjs()).await;
    let bob = NewUser::named("bob");
    let bob = create_user(&opened.storage(), &bob, &UserSecrets::default()).await;
    let key = backup(Some(bob.id));
    assert_eq!(insert(&opened, &key).await, Inserted::Done);
    let found = opened.storage().keys.find("api:1").await.unwrap().unwrap();
    assert_eq!((found.name(), &found.data), (Some("backup"), &key.data));
    assert!(found.expires.is_some_and(|expires| expires > NOW + Duration::from_hours(24 * 365)));
    let second = Key { value: "api:2".into(), ..key };
    assert_eq!(insert(&opened, &second).await, Inserted::NameTaken);
    let select = "SELECT data FROM keys";
    let written: String = opened.connection().query_row(select, [], |row| row.get(0)).unwrap();
    let written: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written, json!({"scope": ["read"], "crossauth": {"name": "backup"}}));
}
