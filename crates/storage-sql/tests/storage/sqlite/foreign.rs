//! Databases of upstream.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::storage::{Deleted, Effects, Guard, StorageErrorKind};
use crossauth_core::user::{NewUser, UserId, UserSecrets};
use crossauth_storage_sql::sqlite::Options;
use crossauth_storage_sql::{OpenError, OpenWarning, TableMap};
use crossauth_testkit::storage::create_user;
use serde_json::{Map, json};

use super::{CROSSAUTHJS, PYCROSSAUTH, SqliteFile};
use crate::foreign::Schema;

#[tokio::test]
async fn rows_of_upstream_are_decoded() {
    let opened = SqliteFile::of_upstream(&Schema {
        columns: "dummyfield varchar(32) NOT NULL DEFAULT '',",
        ..PYCROSSAUTH
    })
    .await;
    opened.sql(
        "INSERT INTO User (username, username_normalized, phone) VALUES ('Bob', 'bob', '1');
         INSERT INTO UserSecrets (userid, password) VALUES (1, 'pbkdf2:…');
         INSERT INTO Key (value, userid, created, expires, data)
             VALUES ('s:1', 1, 1767225600.123, '2026-01-01 01:00:00.000500', '{\"a\":1}');",
    );
    let storage = opened.storage();
    let key = storage.keys.find("s:1").await.unwrap().unwrap();
    assert_eq!(key.userid, Some(UserId::Integer(1)));
    assert_eq!(key.created, Timestamp::from_millis(1_767_225_600_123));
    assert_eq!(key.expires, Some(Timestamp::from_secs(1_767_229_200)));
    let bob = storage.users.find_by_username("BOB").await.unwrap().unwrap();
    let (bob, secrets) = bob.regardless_of_state();
    assert_eq!((bob.factor1.as_str(), bob.admin), ("password", false));
    assert_eq!(bob.extra.get("phone"), Some(&json!("1")));
    assert_eq!(bob.extra.get("dummyfield"), Some(&json!("")));
    let expected = UserSecrets { password: Some("pbkdf2:…".into()), totpsecret: None };
    assert_eq!(secrets, expected);
}

#[tokio::test]
async fn times_are_written_in_the_format_of_each_upstream() {
    let key = Key::new("s:1", None, Timestamp::from_millis(1_767_225_600_123));
    for (schema, expected) in [(PYCROSSAUTH, "1767225600.123"), (CROSSAUTHJS, "1767225600123")] {
        let opened = SqliteFile::of_upstream(&schema).await;
        opened.storage().keys.insert(&key).await.unwrap();
        let select = format!("SELECT CAST(created AS text) FROM {}", schema.names[2]);
        let written: String = opened.connection().query_row(&select, [], |row| row.get(0)).unwrap();
        assert_eq!(written, expected);
    }
}

#[tokio::test]
async fn without_an_admin_column_no_user_is_admin() {
    let opened = SqliteFile::of_upstream(&CROSSAUTHJS).await;
    let storage = opened.storage();
    let root = NewUser { admin: true, ..NewUser::named("root") };
    let root = create_user(&storage, &root, &UserSecrets::default()).await;
    assert!(!root.admin);
    assert!(!storage.users.has_admin().await.unwrap());
}

#[tokio::test]
async fn misspelt_time_of_last_use_is_an_application_field() {
    let opened = SqliteFile::of_upstream(&PYCROSSAUTH).await;
    opened.sql("ALTER TABLE Key RENAME COLUMN lastactive TO lsatactive");
    let path = opened.path();
    let options = Options { tables: TableMap::pycrossauth(), ..Options::default() };
    let storage = options.open(path).await.unwrap().storage();
    let now = Timestamp::from_secs(1_767_225_600);
    storage.keys.insert(&Key::new("s:1", None, now)).await.unwrap();
    storage.keys.touch("s:1", now).await.unwrap();
    assert_eq!(storage.keys.find("s:1").await.unwrap().unwrap().lastactive, None);
}

#[tokio::test]
async fn application_field_without_a_column_is_refused() {
    let opened = SqliteFile::of_upstream(&PYCROSSAUTH).await;
    let new = NewUser {
        extra: json!({"shoesize": 43}).as_object().unwrap().clone(),
        ..NewUser::named("bob")
    };
    let users = opened.storage().users;
    let created =
        users.create(&new, &UserSecrets::default(), Guard::None, &Effects::default()).await;
    let error = created.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Corrupt);
    assert_eq!(opened.storage().users.find_by_username("bob").await.unwrap(), None);
}

#[tokio::test]
async fn required_column_of_the_application_is_reported() {
    let columns = "tenant text NOT NULL, region text NOT NULL DEFAULT 'eu', note text,";
    let opened = SqliteFile::of_upstream(&Schema { columns, ..CROSSAUTHJS }).await;
    let reported: Vec<_> = opened.database.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(reported[0].contains("column \"tenant\" of the table \"users\""), "{reported:?}");
}

#[tokio::test]
async fn required_address_is_reported() {
    let opened =
        SqliteFile::of_upstream(&Schema { email: "varchar(128) NOT NULL UNIQUE", ..CROSSAUTHJS })
            .await;
    let expected = OpenWarning::RequiredColumn { table: "users".into(), column: "email".into() };
    assert_eq!(opened.database.warnings(), [expected]);
}

#[tokio::test]
async fn application_columns_of_any_name_are_fields() {
    const NAMES: [&str; 7] =
        ["first-name", "Full Name", "größe", "why?", "a\"b", "select", "'; DROP TABLE users; --"];
    let columns = NAMES.map(|name| format!("\"{}\" text,", name.replace('"', "\"\""))).concat();
    let opened = SqliteFile::of_upstream(&Schema { columns: columns.leak(), ..CROSSAUTHJS }).await;
    let users = opened.storage().users;
    let extra: Map<_, _> = NAMES.iter().map(|name| (name.to_string(), json!(*name))).collect();
    let bob = NewUser { extra: extra.clone(), ..NewUser::named("bob") };
    create_user(&opened.storage(), &bob, &UserSecrets::default()).await;
    let (bob, _) = users.find_by_username("bob").await.unwrap().unwrap().regardless_of_state();
    assert_eq!(bob.extra, extra);
}

#[tokio::test]
async fn dependent_rows_are_deleted_with_their_user() {
    let opened = SqliteFile::of_upstream(&CROSSAUTHJS).await;
    let users = opened.storage().users;
    let bob = NewUser::named("bob");
    let bob = create_user(&opened.storage(), &bob, &UserSecrets::default()).await;
    opened.sql("INSERT INTO apikey (userid, name, value, created) VALUES (1, 'key', 'api:1', 0)");
    let deleted = users.delete(&bob.id, Guard::None, &Effects::default()).await.unwrap();
    assert_eq!(deleted, Deleted::Done(Box::new(bob)));
    let left: i64 =
        opened.connection().query_row("SELECT COUNT(*) FROM apikey", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn missing_table_or_column_is_named() {
    let opened = SqliteFile::of_upstream(&CROSSAUTHJS).await;
    let path = opened.path();
    let open = async |tables: TableMap| {
        Options { tables, ..Options::default() }.open(&path).await.unwrap_err()
    };
    let mut no_table = TableMap::crossauthjs();
    no_table.keys.table = "sessions".into();
    let error = open(no_table).await;
    assert!(matches!(&error, OpenError::MissingTable { table } if table == "sessions"), "{error}");
    let mut no_column = TableMap::crossauthjs();
    no_column.users.username = "login".into();
    let error = open(no_column).await;
    assert_eq!(error.to_string(), "the table \"users\" has no column \"login\"");
}

#[tokio::test]
async fn invalid_identifiers_are_rejected() {
    let opened = SqliteFile::of_upstream(&CROSSAUTHJS).await;
    for name in ["", "users\"; DROP TABLE users; --", "a b", "naïve", "a\0b"] {
        let mut tables = TableMap::crossauthjs();
        tables.users.username_normalized = name.into();
        let error = Options { tables, ..Options::default() }.open(opened.path()).await.unwrap_err();
        assert!(matches!(&error, OpenError::Identifier { name: refused } if refused == name));
    }
}
