//! Unusual rows of mapped databases.

use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::storage::{Effects, Guard, StorageErrorKind};
use crossauth_core::user::{FactorName, NewUser, StateChecks, UserId, UserSecrets, UserState};
use crossauth_storage_sql::sqlite::Options;
use crossauth_storage_sql::{OpenWarning, TableMap};
use crossauth_testkit::storage::create_user;

use super::{CROSSAUTHJS, PYCROSSAUTH, SqliteFile};
use crate::foreign::Schema;

/// 2026-01-01T00:00:00Z
const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);
const DAY: Duration = Duration::from_hours(24);

const PAST: [&str; 6] = [
    "1577836800.0",
    "'2020-01-01 00:00:00.000000'",
    "'2020-01-01T00:00:00'",
    "'2020-01-01 00:00:00 +00:00'",
    "'2020-01-01'",
    "'1577836800'",
];

const FUTURE: [&str; 4] =
    ["4102444800.5", "'2100-01-01T00:00:00.123456'", "'2100-01-01 00:00'", "'4102444800'"];

/// A Python database with a text column for times and a session for each moment of expiry.
async fn expiring(moments: &[&str]) -> SqliteFile {
    let opened = SqliteFile::of_upstream(&Schema { time: "text", ..PYCROSSAUTH }).await;
    for (number, expires) in moments.iter().enumerate() {
        opened.sql(&format!(
            "INSERT INTO Key (value, created, expires) VALUES ('s:{number}', 0, {expires})"
        ));
    }
    opened
}

#[tokio::test]
async fn expired_keys_are_purged_in_every_time_format() {
    let opened = expiring(&[&PAST[..], &FUTURE[..], &["NULL", "'never'"]].concat()).await;
    let keys = opened.storage().keys;
    assert_eq!(keys.purge(NOW, 100).await.unwrap(), 6);
    let left: i64 =
        opened.connection().query_row("SELECT COUNT(*) FROM Key", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 6);
    for number in 6..10 {
        let key = keys.find(&format!("s:{number}")).await.unwrap().unwrap();
        assert!(key.expires.unwrap() > NOW);
    }
}

#[tokio::test]
async fn key_is_found_by_its_creation_however_it_is_written() {
    for created in PAST {
        let opened = SqliteFile::of_upstream(&Schema { time: "text", ..PYCROSSAUTH }).await;
        opened.sql(&format!("INSERT INTO Key (value, created) VALUES ('s:1', {created})"));
        let keys = opened.storage().keys;
        assert!(keys.any_created(NOW - DAY * 7 * 365, NOW).await.unwrap(), "{created}");
        assert!(!keys.any_created(NOW - DAY * 365, NOW).await.unwrap(), "{created}");
    }
}

#[tokio::test]
async fn last_use_moves_forward_in_every_time_format() {
    let opened = expiring(&["NULL", "NULL", "NULL"]).await;
    opened.sql("UPDATE Key SET lastactive = '2020-01-01 00:00:00' WHERE value = 's:0'");
    opened.sql("UPDATE Key SET lastactive = '2026-01-01 00:00:30' WHERE value = 's:1'");
    opened.sql("UPDATE Key SET lastactive = '2100-01-01 00:00:00' WHERE value = 's:2'");
    let keys = opened.storage().keys;
    for value in ["s:0", "s:1", "s:2"] {
        keys.touch(value, NOW).await.unwrap();
    }
    let lastactive = async |value| keys.find(value).await.unwrap().unwrap().lastactive.unwrap();
    assert_eq!(lastactive("s:0").await, NOW);
    assert_eq!(lastactive("s:1").await, NOW + Duration::from_secs(30));
    assert_eq!(lastactive("s:2").await, NOW, "a clock was wrong");
}

#[tokio::test]
async fn undecodable_row_is_reported_and_skipped() {
    let opened = expiring(&["NULL", "'soon'", "''", "'0000-00-00 00:00:00'", "x'00'"]).await;
    let storage = opened.storage();
    for number in 1..5 {
        let value = format!("s:{number}");
        let error = storage.sessions.find(&value).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::BadRow, "{error}");
        assert!(error.to_string().contains(&value), "{error}");
        assert_eq!(storage.keys.find(&value).await.unwrap_err().kind, StorageErrorKind::BadRow);
    }
    assert!(storage.sessions.find("s:0").await.unwrap().is_some());
}

#[tokio::test]
async fn null_empty_and_none_mean_no_second_factor() {
    let opened = SqliteFile::of_upstream(&PYCROSSAUTH).await;
    for (name, factor2, expected) in [
        ("a", "NULL", None),
        ("b", "''", None),
        ("c", "'none'", None),
        ("d", "'totp'", Some("totp")),
        ("e", "'hardwarekey'", Some("hardwarekey")),
    ] {
        opened.sql(&format!(
            "INSERT INTO User (username, username_normalized, factor2)
                 VALUES ('{name}', '{name}', {factor2})"
        ));
        let user = opened.storage().users.find_by_username(name).await.unwrap().unwrap();
        assert_eq!(user.has_second_factor(), expected.is_some(), "{factor2}");
        let (user, _) = user.regardless_of_state();
        assert_eq!(user.factor2, expected.map(FactorName::from), "{factor2}");
        assert!(user.factor1.is_password());
        assert_eq!(serde_json::to_value(&user).unwrap()["factor2"], expected.unwrap_or_default());
    }
}

#[tokio::test]
async fn nulls_in_rows_from_before_the_column_are_decoded() {
    let schema = Schema { state: "varchar(32)", ..PYCROSSAUTH };
    let opened = SqliteFile::of_upstream(&schema).await;
    opened.sql(
        "INSERT INTO User (username, username_normalized, email, state, factor2)
             VALUES ('Bob', NULL, 'Bob@x.com', NULL, NULL);
         INSERT INTO Key (value, userid, created) VALUES ('s:1', 1, 0)",
    );
    let storage = opened.storage();
    let session = storage.sessions.find("s:1").await.unwrap().unwrap();
    let (_, user) = session.admit(StateChecks::ALL).unwrap();
    let user = user.unwrap();
    assert_eq!((user.username.as_str(), user.state), ("Bob", UserState::Active));
    assert_eq!((user.email.as_deref(), user.created), (Some("Bob@x.com"), None));
    // As upstream does.
    assert_eq!(storage.users.find_by_username("bob").await.unwrap(), None);
}

#[tokio::test]
async fn id_type_is_that_of_the_stored_value() {
    let uuid = "00112233-4455-6677-8899-aabbccddeeff";
    let cases = [
        ("NUMERIC PRIMARY KEY", "7", UserId::Integer(7)),
        ("SERIAL PRIMARY KEY", "7", UserId::Integer(7)),
        ("UNSIGNED BIG SERIAL PRIMARY KEY", "7", UserId::Integer(7)),
        ("PRIMARY KEY", "7", UserId::Integer(7)),
        ("BIGINT PRIMARY KEY", "1234567890123456789", UserId::Integer(1_234_567_890_123_456_789)),
        ("PRIMARY KEY", "'seven'", UserId::Text("seven".into())),
        ("varchar(36) PRIMARY KEY", "'7'", UserId::Text("7".into())),
        ("INT_TEXT_BLOB PRIMARY KEY", "'seven'", UserId::Text("seven".into())),
        ("BLOB PRIMARY KEY", "x'00112233445566778899aabbccddeeff'", UserId::Text(uuid.into())),
    ];
    for (declared, id, expected) in cases {
        let opened =
            SqliteFile::of_upstream(&Schema { id: declared, userid: "", ..CROSSAUTHJS }).await;
        opened.sql(&format!(
            "INSERT INTO users (id, username, username_normalized) VALUES ({id}, 'Bob', 'bob');
             INSERT INTO usersecrets (userid, password) VALUES ({id}, 'hash')"
        ));
        let again = reopen(&opened, TableMap::crossauthjs()).await;
        let users = again.storage().users;
        let (bob, secrets) =
            users.find_by_username("bob").await.unwrap().unwrap().regardless_of_state();
        assert_eq!(bob.id, expected, "{declared}");
        assert_eq!(secrets.password.as_deref(), Some("hash"), "{declared}");
        assert!(users.find_by_id(&bob.id).await.unwrap().is_some(), "{declared}");
        let key = Key::new("s:1", Some(bob.id.clone()), NOW);
        again.storage().keys.insert(&key).await.unwrap();
        assert!(again.storage().sessions.find("s:1").await.unwrap().is_some(), "{declared}");
        let other = [UserId::Integer(8), UserId::Text("8".into())];
        for id in other {
            assert_eq!(users.find_by_id(&id).await.unwrap(), None, "{declared}");
        }
    }
}

#[tokio::test]
async fn new_ids_have_the_type_of_existing_ids() {
    let schema = Schema { id: "BLOB PRIMARY KEY", userid: "BLOB", ..CROSSAUTHJS };
    let opened = SqliteFile::of_upstream(&schema).await;
    opened.sql(
        "INSERT INTO users (id, username, username_normalized)
             VALUES (x'00112233445566778899aabbccddeeff', 'Bob', 'bob')",
    );
    let again = reopen(&opened, TableMap::crossauthjs()).await;
    assert_eq!(again.warnings(), []);
    let users = again.storage().users;
    let eve = NewUser::named("eve");
    let eve = create_user(&again.storage(), &eve, &UserSecrets::default()).await;
    assert!(users.find_by_id(&eve.id).await.unwrap().is_some());
    let length: i64 = opened
        .connection()
        .query_row("SELECT length(id) FROM users WHERE username = 'eve'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(length, 16);
}

#[tokio::test]
async fn integer_ids_that_are_not_assigned_are_reported() {
    let opened =
        SqliteFile::of_upstream(&Schema { id: "NUMERIC PRIMARY KEY", ..CROSSAUTHJS }).await;
    let [warning] = opened.database.warnings() else { panic!("one warning is expected") };
    assert!(matches!(warning, OpenWarning::IdNotAssigned { column, .. } if column == "id"));
    let users = opened.storage().users;
    let (eve, none) = (NewUser::named("eve"), UserSecrets::default());
    users.create(&eve, &none, Guard::None, &Effects::default()).await.unwrap_err();
    assert_eq!(users.find_by_username("eve").await.unwrap(), None);
}

#[tokio::test]
async fn local_times_use_the_configured_zone_or_cause_a_warning() {
    let opened = expiring(&["'2026-01-01 01:00:00'"]).await;
    let without = reopen(&opened, TableMap::pycrossauth()).await;
    assert!(matches!(without.warnings(), [OpenWarning::TimeZone { table }] if table == "Key"));
    let zone = Some("Europe/Vienna".to_owned());
    let with = reopen(&opened, TableMap { time_zone: zone, ..TableMap::pycrossauth() }).await;
    assert_eq!(with.warnings(), []);
    let key = with.storage().keys.find("s:0").await.unwrap().unwrap();
    assert_eq!(key.expires, Some(NOW));
    assert_eq!(with.storage().keys.purge(NOW, 10).await.unwrap(), 0);
    assert_eq!(with.storage().keys.purge(NOW + Duration::from_millis(1), 10).await.unwrap(), 1);
}

#[tokio::test]
async fn application_columns_hold_any_value() {
    let opened = SqliteFile::of_upstream(&Schema { columns: "note blob,", ..CROSSAUTHJS }).await;
    opened.sql(
        "INSERT INTO users (username, username_normalized, note, phone)
             VALUES ('Bob', 'bob', x'ff00fe', CAST(x'e9' AS text))",
    );
    let users = opened.storage().users;
    let (bob, _) = users.find_by_username("bob").await.unwrap().unwrap().regardless_of_state();
    assert_eq!(bob.username, "Bob");
}

async fn reopen(
    opened: &SqliteFile,
    tables: TableMap,
) -> crossauth_storage_sql::SqlStorage<crossauth_storage_sql::sqlite::Sqlite> {
    Options { tables, ..Options::default() }.open(opened.path()).await.unwrap()
}
