//! Databases of upstream.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::storage::{Deleted, Effects, Guard, StorageErrorKind};
use crossauth_core::user::{NewUser, UserId, UserSecrets};
use crossauth_storage_sql::sqlite::Options;
use crossauth_storage_sql::{OpenError, OpenWarning, TableMap};
use crossauth_testkit::conformance::{KEY_FIELDS, USER_FIELDS};
use crossauth_testkit::storage::create_user;
use rusqlite::Connection;
use serde_json::{Map, json};

use super::SqliteFile;
use crate::guide;

/// Differences between the schemas of upstream.
pub(crate) struct Schema {
    pub(crate) tables: fn() -> TableMap,
    pub(crate) names: [&'static str; 3],
    pub(crate) id: &'static str,
    pub(crate) userid: &'static str,
    pub(crate) time: &'static str,
    pub(crate) state: &'static str,
    pub(crate) email: &'static str,
}

pub(crate) const PYCROSSAUTH: Schema = Schema {
    tables: TableMap::pycrossauth,
    names: ["User", "UserSecrets", "Key"],
    id: "integer PRIMARY KEY AUTOINCREMENT",
    userid: "integer",
    time: "datetime",
    state: "varchar(32) NOT NULL DEFAULT 'active'",
    email: "varchar(128) UNIQUE",
};

pub(crate) const CROSSAUTHJS: Schema = Schema {
    tables: TableMap::crossauthjs,
    names: ["users", "usersecrets", "keys"],
    id: "integer PRIMARY KEY AUTOINCREMENT",
    userid: "",
    time: "integer",
    state: "varchar(32) NOT NULL DEFAULT 'active'",
    email: "varchar(128) UNIQUE",
};

/// Creates the schema, with `optional` columns of users, and opens it.
pub(crate) async fn open(schema: &Schema, optional: &str) -> SqliteFile {
    SqliteFile::mapped((schema.tables)(), &ddl(schema, optional)).await
}

/// Opens the file again, after a change of its tables.
pub(crate) async fn reopen(opened: SqliteFile, schema: &Schema) -> SqliteFile {
    let SqliteFile { database, directory } = opened;
    drop(database);
    let options = Options { tables: (schema.tables)(), ..Options::default() };
    SqliteFile {
        database: options.open(directory.path().join("test.db")).await.unwrap(),
        directory,
    }
}

fn ddl(
    Schema { names: [users, secrets, keys], id, userid, time, state, email, .. }: &Schema,
    optional: &str,
) -> String {
    let columns = |fields: &[(&str, &str)]| {
        fields
            .iter()
            .fold(String::new(), |all, (name, sql_type)| all + ", " + *name + " " + *sql_type)
    };
    let (user_fields, key_fields) = (columns(&USER_FIELDS), columns(&KEY_FIELDS));
    format!(
        "CREATE TABLE {users} (
            id {id}, {optional}
            username varchar(128) NOT NULL UNIQUE, username_normalized varchar(128) UNIQUE,
            email {email}, email_normalized varchar(128) UNIQUE,
            state {state},
            factor1 varchar(32) NOT NULL DEFAULT 'password', factor2 varchar(32) DEFAULT '' {user_fields}
        );
        CREATE TABLE {secrets} (
            userid {userid} UNIQUE REFERENCES {users} (id),
            password varchar(256) NOT NULL, totpsecret varchar(256) DEFAULT ''
        );
        CREATE TABLE {keys} (
            id integer PRIMARY KEY AUTOINCREMENT, value text NOT NULL UNIQUE,
            userid {userid} NULL REFERENCES {users} (id),
            created {time} NOT NULL, expires {time}, lastactive {time}, data text {key_fields}
        );
        CREATE TABLE apikey (
            id integer PRIMARY KEY AUTOINCREMENT, name varchar(128) NOT NULL,
            value text NOT NULL UNIQUE, userid {userid} NULL REFERENCES {users} (id),
            created {time} NOT NULL, expires {time}, data text, UNIQUE (userid, name)
        );"
    )
}

#[tokio::test]
async fn names_that_are_addresses_of_others_are_found_by_the_query_of_the_guide() {
    for schema in [&PYCROSSAUTH, &CROSSAUTHJS] {
        let opened = open(schema, "").await;
        let users = schema.names[0];
        for (id, username, email) in guide::USERS {
            opened.sql(&format!(
                "INSERT INTO {users} (id, username, email) VALUES ({id}, '{username}', {email})"
            ));
        }
        let found = guide::ambiguous_names(opened.database.database(), users).await;
        assert_eq!(found, guide::expected());
    }
}

#[tokio::test]
async fn rows_of_upstream_are_decoded() {
    let opened = open(&PYCROSSAUTH, "dummyfield varchar(32) NOT NULL DEFAULT '',").await;
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
        let opened = open(&schema, "").await;
        opened.storage().keys.insert(&key).await.unwrap();
        let select = format!("SELECT CAST(created AS text) FROM {}", schema.names[2]);
        let written: String = opened.connection().query_row(&select, [], |row| row.get(0)).unwrap();
        assert_eq!(written, expected);
    }
}

#[tokio::test]
async fn without_an_admin_column_no_user_is_admin() {
    let opened = open(&CROSSAUTHJS, "").await;
    let storage = opened.storage();
    let root = NewUser { admin: true, ..NewUser::named("root") };
    let root = create_user(&storage, &root, &UserSecrets::default()).await;
    assert!(!root.admin);
    assert!(!storage.users.has_admin().await.unwrap());
}

#[tokio::test]
async fn misspelt_time_of_last_use_is_an_application_field() {
    let opened = open(&PYCROSSAUTH, "").await;
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
    let opened = open(&PYCROSSAUTH, "").await;
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
    let opened = open(&CROSSAUTHJS, columns).await;
    let reported: Vec<_> = opened.database.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(reported[0].contains("column \"tenant\" of the table \"users\""), "{reported:?}");
}

#[tokio::test]
async fn required_address_is_reported() {
    let opened = open(&Schema { email: "varchar(128) NOT NULL UNIQUE", ..CROSSAUTHJS }, "").await;
    let expected = OpenWarning::RequiredColumn { table: "users".into(), column: "email".into() };
    assert_eq!(opened.database.warnings(), [expected]);
}

#[tokio::test]
async fn application_columns_of_any_name_are_fields() {
    const NAMES: [&str; 7] =
        ["first-name", "Full Name", "größe", "why?", "a\"b", "select", "'; DROP TABLE users; --"];
    let columns = NAMES.map(|name| format!("\"{}\" text,", name.replace('"', "\"\""))).concat();
    let opened = open(&CROSSAUTHJS, &columns).await;
    let users = opened.storage().users;
    let extra: Map<_, _> = NAMES.iter().map(|name| (name.to_string(), json!(*name))).collect();
    let bob = NewUser { extra: extra.clone(), ..NewUser::named("bob") };
    create_user(&opened.storage(), &bob, &UserSecrets::default()).await;
    let (bob, _) = users.find_by_username("bob").await.unwrap().unwrap().regardless_of_state();
    assert_eq!(bob.extra, extra);
}

#[tokio::test]
async fn dependent_rows_are_deleted_with_their_user() {
    let opened = open(&CROSSAUTHJS, "").await;
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
    let opened = open(&CROSSAUTHJS, "").await;
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
    let opened = open(&CROSSAUTHJS, "").await;
    for name in ["", "users\"; DROP TABLE users; --", "a b", "naïve", "a\0b"] {
        let mut tables = TableMap::crossauthjs();
        tables.users.username_normalized = name.into();
        let error = Options { tables, ..Options::default() }.open(opened.path()).await.unwrap_err();
        assert!(matches!(&error, OpenError::Identifier { name: refused } if refused == name));
    }
}

impl SqliteFile {
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("test.db")
    }

    /// A separate connection.
    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    pub(crate) fn sql(&self, statements: &str) {
        self.connection().execute_batch(statements).unwrap();
    }
}
