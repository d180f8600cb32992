//! Databases of upstream.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::user::{NewUser, UserSecrets};
use crossauth_storage_sql::OpenWarning;
use crossauth_storage_sql::mysql::Mysql;
use crossauth_testkit::storage::create_user;
use serde_json::json;

use super::MysqlDatabase;
use crate::foreign::{NOW, Schema};
use crate::opened::Driver as _;

/// With UUIDs as bytes.
pub(crate) const BINARY_IDS: Schema = Schema {
    id: "binary(16) PRIMARY KEY",
    userid: "binary(16)",
    time: "datetime(3)",
    ..Mysql::CROSSAUTHJS
};

#[tokio::test]
async fn application_columns_of_many_types_are_fields() {
    let columns = "`first name` text, `why?` text, born date, seen timestamp NULL, woken time,
        rating decimal(20, 2), profile json, token uuid, photo blob, flags bit(12), \
        heard datetime(3), size double, full_name text AS (CONCAT(username, '?')),";
    let opened = MysqlDatabase::of_upstream(&Schema { columns, ..Mysql::CROSSAUTHJS }).await;
    let users = opened.storage().users;
    let extra = json!({
        "first name": "Bob", "why?": "because", "rating": 12_000_345, "size": 1.5,
        "profile": "{\"a\":1}", "token": "00112233-4455-6677-8899-aabbccddeeff",
    });
    let bob = NewUser { extra: extra.as_object().unwrap().clone(), ..NewUser::named("bob") };
    create_user(&opened.storage(), &bob, &UserSecrets::default()).await;
    opened.sql(
        "UPDATE users SET born = '2001-02-03', seen = '2026-01-01 00:00:00', woken = '07:00',
             photo = 'x', flags = 5, heard = '2026-01-01 00:00:00.5'",
    );
    let (bob, _) = users.find_by_username("bob").await.unwrap().unwrap().regardless_of_state();
    let read = serde_json::Value::Object(bob.extra);
    let expected = json!({
        "first name": "Bob", "why?": "because", "rating": 12_000_345, "size": 1.5,
        "profile": "{\"a\":1}", "token": "00112233-4455-6677-8899-aabbccddeeff",
        "born": "2001-02-03", "seen": "2026-01-01T00:00:00Z", "woken": "07:00:00.000000",
        "photo": "x", "flags": 5, "heard": "2026-01-01 00:00:00.500000",
    });
    assert_eq!(read, expected);
    let columns = opened.database.user_columns();
    assert!(columns.contains(&"woken") && !columns.contains(&"full_name"), "{columns:?}");
}

/// In the time zone of the connection, which is not that of the server.
#[tokio::test]
async fn times_in_the_type_of_the_database_are_in_no_zone() {
    let opened =
        MysqlDatabase::of_upstream(&Schema { time: "timestamp(3) NULL", ..Mysql::CROSSAUTHJS })
            .await;
    let keys = opened.storage().keys;
    keys.insert(&Key { expires: Some(NOW), ..Key::new("s:1", None, NOW) }).await.unwrap();
    let found = keys.find("s:1").await.unwrap().unwrap();
    assert_eq!((found.created, found.expires), (NOW, Some(NOW)));
    opened.sql(
        "SET time_zone = '+05:00';
         INSERT INTO `keys` (value, created) VALUES ('s:2', '2026-01-01 05:00:00.123')",
    );
    assert_eq!(keys.find("s:2").await.unwrap().unwrap().created, NOW);
    assert_eq!(keys.purge(NOW, 10).await.unwrap(), 0);
    let later = Timestamp::from_millis(NOW.as_millis() + 1);
    assert_eq!(keys.purge(later, 10).await.unwrap(), 1);
}

/// A time that is rounded up would be in the future.
#[tokio::test]
async fn times_are_cut_off_at_the_precision_of_their_column() {
    let opened =
        MysqlDatabase::of_upstream(&Schema { time: "datetime", ..Mysql::CROSSAUTHJS }).await;
    let keys = opened.storage().keys;
    let late = Timestamp::from_millis(1_767_225_600_900);
    keys.insert(&Key::new("s:1", None, late)).await.unwrap();
    let created = keys.find("s:1").await.unwrap().unwrap().created;
    assert_eq!(created, Timestamp::from_millis(1_767_225_600_000));
}

#[tokio::test]
async fn columns_that_end_in_2038_are_reported() {
    let opened =
        MysqlDatabase::of_upstream(&Schema { time: "timestamp(3) NOT NULL", ..Mysql::CROSSAUTHJS })
            .await;
    let columns = opened.database.warnings().iter().filter_map(|warning| {
        let OpenWarning::Until2038 { table, column } = warning else { return None };
        Some((table.as_str(), column.as_str()))
    });
    let columns: Vec<_> = columns.collect();
    let expected = [
        ("keys", "created"),
        ("keys", "expires"),
        ("keys", "lastactive"),
        ("apikey", "created"),
        ("apikey", "expires"),
    ];
    assert_eq!(columns, expected);
    // One that never expires has the last possible time.
    let key = Key { lastactive: Some(NOW), ..Key::new("s:1", None, NOW) };
    opened.storage().keys.insert(&key).await.unwrap();
    let expires = opened.storage().keys.find("s:1").await.unwrap().unwrap().expires;
    assert_eq!(expires, Some(Timestamp::from_secs(i64::from(i32::MAX))));
    assert_eq!(MysqlDatabase::of_upstream(&Mysql::CROSSAUTHJS).await.database.warnings(), []);
}
