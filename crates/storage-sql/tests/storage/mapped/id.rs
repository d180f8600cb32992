//! Ids of users.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::storage::{Change, Changed, Deleted, Effects, Guard};
use crossauth_core::user::{NewUser, UserId, UserSecrets, UserUpdate};
use crossauth_storage_sql::TableMap;
use crossauth_testkit::storage::create_user;
use crossauth_testkit::upstream::Engine;

use crate::opened::{Driver, Opened};

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

/// Tables with this type of ids.
fn ddl<D: Driver>(id: &str) -> String {
    let keys = D::quoted("keys");
    format!(
        "CREATE TABLE users (
             id {id} PRIMARY KEY, username varchar(128) UNIQUE, username_normalized varchar(128),
             email varchar(128), email_normalized varchar(128), state varchar(32) DEFAULT 'active',
             factor1 varchar(32) DEFAULT 'password', factor2 varchar(32) DEFAULT ''
         );
         CREATE TABLE usersecrets (userid {id} UNIQUE, password varchar(255));
         CREATE TABLE {keys} (
             value varchar(255) UNIQUE, userid {id} NULL, created bigint, expires bigint, data text
         );"
    )
}

async fn open_with<D: Driver>(map: TableMap, id: &str, value: &str) -> Opened<D> {
    let bob = format!(
        "INSERT INTO users (id, username, username_normalized) VALUES ({value}, 'Bob', 'bob');
         INSERT INTO usersecrets VALUES ({value}, 'hash');"
    );
    Opened::<D>::mapped(map, &format!("{}{bob}", ddl::<D>(id))).await
}

pub(crate) async fn ids_of_every_type_identify_users<D: Driver>() {
    let uuid = "00112233-4455-6677-8899-aabbccddeeff";
    let number = UserId::Integer;
    let text = |id: &str| UserId::Text(id.to_owned());
    let mut cases = vec![
        ("smallint", "32767", number(32767)),
        ("integer", "-7", number(-7)),
        ("bigint", "1234567890123456789", number(1_234_567_890_123_456_789)),
        ("numeric(20)", "12345678901234567", number(12_345_678_901_234_567)),
        ("varchar(64)", "'uid=bob,dc=example'", text("uid=bob,dc=example")),
        ("varchar(64)", "'007'", text("007")),
        ("char(36)", "'00112233-4455-6677-8899-aabbccddeeff'", text(uuid)),
    ];
    match D::ENGINE {
        Engine::Sqlite => cases.push(("blob", "x'00112233445566778899aabbccddeeff'", text(uuid))),
        Engine::Postgres => {
            cases.push(("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", text(uuid)));
        }
        Engine::Mysql => {
            cases.push(("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", text(uuid)));
            cases.push(("binary(16)", "x'00112233445566778899aabbccddeeff'", text(uuid)));
            cases.push(("tinyint", "-7", number(-7)));
            cases.push(("mediumint unsigned", "16777215", number(16_777_215)));
            cases.push(("bigint unsigned", "9223372036854775807", number(i64::MAX)));
        }
    }
    for (sql_type, value, id) in cases {
        let opened = open_with::<D>(TableMap::crossauthjs(), sql_type, value).await;
        let (users, keys) = (&opened.storage().users, &opened.storage().keys);
        let bob = users.find_by_username("bob").await.unwrap().unwrap();
        assert_eq!(users.find_by_id(&id).await.unwrap().as_ref(), Some(&bob), "{sql_type}");
        let (bob, secrets) = bob.regardless_of_state();
        assert_eq!((&bob.id, secrets.password.as_deref()), (&id, Some("hash")), "{sql_type}");
        keys.insert(&Key::new("s:1", Some(id.clone()), NOW)).await.unwrap();
        assert!(opened.storage().sessions.find("s:1").await.unwrap().is_some(), "{sql_type}");
        let deleted = users.delete(&id, Guard::None, &Effects::default()).await.unwrap();
        assert!(matches!(deleted, Deleted::Done(_)), "{sql_type}: {deleted:?}");
        assert_eq!(keys.find("s:1").await.unwrap(), None, "{sql_type}");
    }
}

pub(crate) async fn numbers_beyond_the_type_of_the_column_identify_no_user<D: Driver>() {
    for sql_type in ["smallint", "integer", "bigint", "numeric(20)"] {
        let opened = open_with::<D>(TableMap::crossauthjs(), sql_type, "7").await;
        let users = &opened.storage().users;
        assert!(users.find_by_id(&UserId::Integer(7)).await.unwrap().is_some());
        for other in [8, 32768, -32769, 1 << 31, i64::MAX, i64::MIN, 65536 + 7, (1 << 32) + 7] {
            let id = UserId::Integer(other);
            assert_eq!(users.find_by_id(&id).await.unwrap(), None, "{sql_type} {other}");
            let change = Change::default();
            assert_eq!(users.change(&id, &change).await.unwrap(), Changed::NoSuchUser);
        }
        for other in ["", "bob", "7 ", "7.0", "99999999999999999999", "x'7'"] {
            let id = UserId::Text(other.into());
            assert_eq!(users.find_by_id(&id).await.unwrap(), None, "{sql_type} {other}");
        }
    }
}

pub(crate) async fn text_is_tried_as_a_number_if_configured<D: Driver>() {
    for force_id_to_number in [true, false] {
        let map = || TableMap { force_id_to_number, ..TableMap::crossauthjs() };
        let numbers = open_with::<D>(map(), "bigint", "7").await;
        let texts = open_with::<D>(map(), "varchar(36)", "'7'").await;
        for (opened, own, other) in [
            (numbers, UserId::Integer(7), UserId::Text("7".into())),
            (texts, UserId::Text("7".into()), UserId::Integer(7)),
        ] {
            let users = &opened.storage().users;
            let bob = users.find_by_id(&own).await.unwrap();
            assert!(bob.is_some());
            let found = users.find_by_id(&other).await.unwrap();
            assert_eq!(found, bob.filter(|_| force_id_to_number), "{other:?}");
        }
    }
}

/// With the setting `id_column = "username"`, as upstream documents it.
pub(crate) async fn usernames_may_be_ids<D: Driver>() {
    let mut map = TableMap::crossauthjs();
    map.users.id = "username".into();
    let ddl = ddl::<D>("varchar(128)").replace("id varchar(128) PRIMARY KEY, ", "");
    let bob = "INSERT INTO users (username, username_normalized) VALUES ('Bob', 'bob');
               INSERT INTO usersecrets VALUES ('Bob', 'hash');";
    let opened = Opened::<D>::mapped(map, &format!("{ddl}{bob}")).await;
    let users = &opened.storage().users;
    let bob = users.find_by_username("BOB").await.unwrap().unwrap().regardless_of_state();
    assert_eq!(bob.0.id, UserId::Text("Bob".into()));
    assert_eq!(bob.1.password.as_deref(), Some("hash"));
    let secrets = UserSecrets { password: Some("hash".into()), totpsecret: None };
    let zoe = create_user(&opened.storage(), &NewUser::named("Zoe"), &secrets).await;
    assert_eq!(zoe.id, UserId::Text("Zoe".into()));
    opened.storage().keys.insert(&Key::new("s:1", Some(zoe.id.clone()), NOW)).await.unwrap();
    assert!(opened.storage().sessions.find("s:1").await.unwrap().is_some());
    let rename = |name: &str| {
        let user = UserUpdate { username: Some(name.into()), ..UserUpdate::default() };
        Change { user, ..Change::default() }
    };
    assert_eq!(users.change(&zoe.id, &rename("Eve")).await.unwrap(), Changed::NotAllowed);
    let unchanged = users.change(&zoe.id, &rename("Zoe")).await.unwrap();
    assert!(matches!(unchanged, Changed::Done(_)), "{unchanged:?}");
    let deleted = users.delete(&zoe.id, Guard::None, &Effects::default()).await.unwrap();
    assert!(matches!(deleted, Deleted::Done(_)), "{deleted:?}");
    assert_eq!(opened.storage().keys.find("s:1").await.unwrap(), None);
}
