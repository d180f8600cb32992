//! Databases of upstream.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::storage::StorageErrorKind;
use crossauth_core::user::{NewUser, UserId, UserSecrets};
use crossauth_storage_sql::{OpenWarning, TableMap};
use crossauth_testkit::conformance::{KEY_FIELDS, USER_FIELDS};
use crossauth_testkit::storage::create_user;
use serde_json::json;

use super::PostgresSchema;
use crate::guide;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_123);

/// Differences between the schemas of upstream.
pub(crate) struct Schema {
    pub(crate) tables: fn() -> TableMap,
    pub(crate) names: [&'static str; 3],
    pub(crate) id: &'static str,
    pub(crate) userid: &'static str,
    pub(crate) time: &'static str,
}

pub(crate) const PYCROSSAUTH: Schema = Schema {
    tables: TableMap::pycrossauth,
    names: ["\"User\"", "\"UserSecrets\"", "\"Key\""],
    id: "serial PRIMARY KEY",
    userid: "integer",
    time: "timestamp",
};

/// With UUIDs, as it may be configured.
pub(crate) const CROSSAUTHJS: Schema = Schema {
    tables: TableMap::crossauthjs,
    names: ["users", "usersecrets", "keys"],
    id: "uuid PRIMARY KEY",
    userid: "uuid",
    time: "bigint",
};

pub(crate) async fn open(schema: &Schema) -> PostgresSchema {
    PostgresSchema::mapped((schema.tables)(), &ddl(schema, "")).await
}

fn ddl(schema: &Schema, columns: &str) -> String {
    let Schema { names: [users, secrets, keys], id, userid, time, .. } = schema;
    let fields = |fields: &[(&str, &str)]| {
        fields.iter().fold(String::new(), |all, (name, ty)| format!("{all}, {name} {ty}"))
    };
    let (user_fields, key_fields) = (fields(&USER_FIELDS), fields(&KEY_FIELDS));
    format!(
        "CREATE TABLE {users} (
            id {id}, {columns} admin boolean,
            username varchar(128) NOT NULL UNIQUE,
            username_normalized varchar(128) COLLATE \"C\" UNIQUE,
            email varchar(128) UNIQUE, email_normalized varchar(128) UNIQUE,
            state varchar(255) DEFAULT 'active',
            factor1 varchar(255) DEFAULT 'password', factor2 varchar(255) DEFAULT '' {user_fields}
        );
        CREATE TABLE {secrets} (
            userid {userid} UNIQUE REFERENCES {users} (id),
            password varchar(256) NOT NULL, totpsecret varchar(256) DEFAULT ''
        );
        CREATE TABLE {keys} (
            id serial PRIMARY KEY, value text COLLATE \"C\" NOT NULL UNIQUE,
            userid {userid} NULL REFERENCES {users} (id),
            created {time} NOT NULL, expires {time}, lastactive {time}, data text {key_fields}
        );
        CREATE TABLE \"ApiKey\" (
            id serial PRIMARY KEY, name varchar(128) NOT NULL,
            value text COLLATE \"C\" NOT NULL UNIQUE,
            userid {userid} NULL REFERENCES {users} (id),
            created {time} NOT NULL, expires {time}, data text, UNIQUE (userid, name)
        );"
    )
}

#[tokio::test]
async fn names_that_are_addresses_of_others_are_found_by_the_query_of_the_guide() {
    for schema in [&PYCROSSAUTH, &CROSSAUTHJS] {
        let opened = open(schema).await;
        let users = schema.names[0];
        for (id, username, email) in guide::USERS {
            let id = match schema.userid {
                "uuid" => format!("'00000000-0000-0000-0000-00000000000{id}'"),
                _ => id.to_string(),
            };
            opened.sql(&format!(
                "INSERT INTO {users} (id, username, email) VALUES ({id}, '{username}', {email})"
            ));
        }
        let found = guide::ambiguous_names(opened.database.database(), users).await;
        assert_eq!(found, guide::expected());
    }
}

#[tokio::test]
async fn application_columns_of_many_types_are_fields() {
    let columns = "\"first name\" text, \"why?\" text, born date, seen timestamptz, rating numeric,
        profile jsonb, token uuid, photo bytea, address inet, tags text[], grid integer[],
        woken time, pause interval, mood mood, period daterange, spot point, few few,";
    let types = "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN few AS smallint[];";
    let ddl = format!("{types}{}", ddl(&CROSSAUTHJS, columns));
    let opened = PostgresSchema::mapped(TableMap::crossauthjs(), &ddl).await;
    let users = opened.storage().users;
    let extra = json!({
        "first name": "Bob", "why?": "because", "rating": 12_000_345,
        "profile": "{\"a\":1}", "token": "00112233-4455-6677-8899-aabbccddeeff",
    });
    let bob = NewUser { extra: extra.as_object().unwrap().clone(), ..NewUser::named("bob") };
    create_user(&opened.storage(), &bob, &UserSecrets::default()).await;
    opened.sql(
        "UPDATE users SET born = '2001-02-03', seen = '2026-01-01 00:00:00+00',
             photo = 'x', address = '::1', tags = '{a,\"b c\",NULL}', grid = '{{1,2},{3,4}}',
             woken = '07:00', pause = '1 day', mood = 'ok', period = '[2026-01-01,2026-02-01)',
             spot = '(1,2)', few = '{7}'",
    );
    let (bob, _) = users.find_by_username("bob").await.unwrap().unwrap().regardless_of_state();
    let read = serde_json::Value::Object(bob.extra);
    let expected = json!({
        "first name": "Bob", "why?": "because", "rating": 12_000_345,
        "profile": "{\"a\": 1}", "token": "00112233-4455-6677-8899-aabbccddeeff",
        "born": "2001-02-03", "seen": "2026-01-01T00:00:00Z", "photo": "x",
        "address": "::1", "tags": ["a", "b c", null], "grid": [[1, 2], [3, 4]],
        "woken": "07:00:00", "pause": "1 day", "mood": "ok", "few": [7],
        "period": "[2026-01-01,2026-02-01)", "spot": "(1,2)",
    });
    assert_eq!(read, expected);
    let columns = opened.database.user_columns();
    assert!(columns.contains(&"address") && !columns.contains(&"username"), "{columns:?}");
}

#[tokio::test]
async fn local_times_are_in_the_zone_of_the_map() {
    let opened = open(&PYCROSSAUTH).await;
    opened.storage().keys.insert(&Key::new("s:1", None, NOW)).await.unwrap();
    let tables = TableMap::pycrossauth();
    let without = PostgresSchema::open_at(opened.address.clone(), tables.clone()).await;
    assert!(matches!(without.database.warnings(), [OpenWarning::TimeZone { .. }]));
    let tables = TableMap { time_zone: Some("+02:00".into()), ..tables };
    let with = PostgresSchema::open_at(opened.address.clone(), tables).await;
    assert_eq!(with.database.warnings(), []);
    let keys = with.storage().keys;
    let created = keys.find("s:1").await.unwrap().unwrap().created;
    assert_eq!(NOW.as_millis() - created.as_millis(), 2 * 3_600_000);
    keys.insert(&Key { expires: Some(NOW), ..Key::new("s:2", None, NOW) }).await.unwrap();
    assert_eq!(keys.find("s:2").await.unwrap().unwrap().created, NOW);
    assert_eq!(keys.purge(NOW, 10).await.unwrap(), 0);
    let later = Timestamp::from_millis(NOW.as_millis() + 1);
    assert_eq!(keys.purge(later, 10).await.unwrap(), 1);
}

#[tokio::test]
async fn invalid_uuid_identifies_no_user() {
    let opened = open(&CROSSAUTHJS).await;
    let users = opened.storage().users;
    for id in [UserId::Text("bob".into()), UserId::Text(String::new()), UserId::Integer(7)] {
        assert_eq!(users.find_by_id(&id).await.unwrap(), None);
        let key = Key::new("s:1", Some(id), NOW);
        let error = opened.storage().keys.insert(&key).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn numeric_ids_identify_users() {
    let schema = Schema { id: "numeric PRIMARY KEY", userid: "numeric", ..CROSSAUTHJS };
    let opened = open(&schema).await;
    opened.sql(
        "INSERT INTO users (id, username, username_normalized)
             VALUES (12345678901234567, 'Bob', 'bob')",
    );
    let opened = PostgresSchema::open_at(opened.address, TableMap::crossauthjs()).await;
    let key = Key::new("s:1", Some(UserId::Integer(12_345_678_901_234_567)), NOW);
    opened.storage().keys.insert(&key).await.unwrap();
    assert!(opened.storage().sessions.find("s:1").await.unwrap().is_some());
}
