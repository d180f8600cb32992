//! Columns that the database compares by the rules of a language.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{Created, Effects, Guard};
use crossauth_core::user::{NewUser, UserSecrets};
use crossauth_storage_sql::TableMap;
use crossauth_testkit::storage::create_user;
use crossauth_testkit::upstream::Engine;

use crate::opened::{Driver, Opened};

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

/// Text that the database takes for the same, and normalization does not.
fn equal<D: Driver>() -> (&'static str, [&'static str; 2]) {
    match D::ENGINE {
        // Without what normalization removes, which is all that it ignores.
        Engine::Sqlite => ("", ["COLLATE RTRIM", "bob "]),
        Engine::Postgres => (
            "CREATE COLLATION language (provider = icu, locale = 'und-u-ks-level1', \
             deterministic = false);",
            ["COLLATE language", "ßob"],
        ),
        Engine::Mysql => ("", ["COLLATE utf8mb4_unicode_ci", "ßob"]),
    }
}

pub(crate) async fn collations_of_a_language_find_no_other_account<D: Driver>() {
    let (before, [collate, stored]) = equal::<D>();
    let sought = if D::ENGINE == Engine::Sqlite { "bob" } else { "ssob" };
    let (keys, text) = (D::quoted("keys"), format!("varchar(128) {collate}"));
    let end = if D::ENGINE == Engine::Mysql { "DEFAULT CHARSET = utf8mb4" } else { "" };
    let sql = format!(
        "{before}
         CREATE TABLE users (
             id {id}, username {text}, username_normalized {text} UNIQUE,
             email {text}, email_normalized {text} UNIQUE, state varchar(32) DEFAULT 'active',
             factor1 varchar(32) DEFAULT 'password', factor2 varchar(32) DEFAULT ''
         ) {end};
         CREATE TABLE usersecrets (userid integer UNIQUE, password varchar(255)) {end};
         CREATE TABLE {keys} (
             value {text} UNIQUE, userid integer NULL, created bigint, expires bigint, data text
         ) {end};
         INSERT INTO users (username, username_normalized, email, email_normalized)
             VALUES ('{stored}', '{stored}', '{stored}@x.org{space}', '{stored}@x.org{space}');
         INSERT INTO {keys} (value, created) VALUES ('s:{stored}', 0);",
        id = D::SERIAL,
        space = if D::ENGINE == Engine::Sqlite { " " } else { "" },
    );
    let opened = Opened::<D>::mapped(TableMap::crossauthjs(), &sql).await;
    assert_eq!(opened.database.warnings(), []);
    let users = &opened.storage().users;
    let address = format!("{sought}@x.org");
    assert_eq!(users.find_by_username(sought).await.unwrap(), None);
    assert_eq!(users.find_by_email(&address).await.unwrap(), None);
    assert_eq!(users.find_id(sought).await.unwrap(), None);
    assert_eq!(users.find_id(&address).await.unwrap(), None);
    assert!(users.find_by_username(stored).await.unwrap().is_some());
    assert!(
        users.find_by_username(&stored.to_uppercase().replace("SS", "ß")).await.unwrap().is_some()
    );
    // The unique index would refuse it.
    let new = NewUser::named(sought);
    let created =
        users.create(&new, &UserSecrets::default(), Guard::None, &Effects::default()).await;
    assert_eq!(created.unwrap(), Created::UsernameTaken);
    let carol = NewUser { email: Some("carol@x.org".into()), ..NewUser::named("carol") };
    create_user(&opened.storage(), &carol, &UserSecrets::default()).await;
    assert!(users.find_by_email("CAROL@x.org").await.unwrap().is_some());

    let (keys, sessions) = (&opened.storage().keys, &opened.storage().sessions);
    let other = format!("s:{sought}");
    assert_eq!(keys.find(&other).await.unwrap(), None);
    assert_eq!(sessions.find(&other).await.unwrap(), None);
    assert!(sessions.find(&format!("s:{stored}")).await.unwrap().is_some());
    for value in ["s:exact", "S:other"] {
        keys.insert(&Key::new(value, None, NOW)).await.unwrap();
        assert!(keys.find(value).await.unwrap().is_some());
    }
    let listed = keys.list_for_user(None, KeyPrefix::Session, None, 9).await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|key| key.value).collect();
    assert_eq!(listed, ["s:exact".to_owned(), format!("s:{stored}")]);
}
