//! Opening a database.

use crossauth_core::storage::{StorageErrorKind, UserQuery};
use crossauth_core::user::{NewUser, UserSecrets};
use crossauth_storage_sql::postgres::{self, Options};
use crossauth_storage_sql::{OpenError, TableMap};
use crossauth_testkit::postgres::server;
use crossauth_testkit::storage::create_user;

use super::{PostgresSchema, foreign};
use crate::{counter, created};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_migrations_succeed() {
    let address = server().empty_schema();
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let address = address.clone();
            tokio::spawn(async move {
                let storage = postgres::open(&address).await.unwrap().storage();
                let user = NewUser::named(format!("user{number}"));
                create_user(&storage, &user, &UserSecrets::default()).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let storage = postgres::open(&address).await.unwrap().storage();
    assert_eq!(storage.users.list(&UserQuery::first(100)).await.unwrap().users.len(), 8);
}

#[tokio::test]
async fn older_schema_gets_the_columns_that_it_lacks() {
    let opened = PostgresSchema::open().await;
    opened.sql(created::OLDER);
    let migrated = postgres::open(&opened.address).await.unwrap();
    created::is_known_of_new_accounts_only(&migrated.storage()).await;
}

#[tokio::test]
async fn counters_of_an_older_schema_go_on() {
    let opened = PostgresSchema::open().await;
    opened.sql(counter::OLDER);
    let migrated = postgres::open(&opened.address).await.unwrap();
    counter::attempts_before_the_migration_count(&migrated.storage()).await;
}

#[tokio::test]
async fn newer_schema_is_refused() {
    let opened = PostgresSchema::open().await;
    opened.sql("INSERT INTO crossauth_schema (tables, version) VALUES ('accounts', 1000)");
    let error = postgres::open(&opened.address).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 1000, .. }), "{error}");
}

#[tokio::test]
async fn missing_table_is_named() {
    let address = server().empty_schema();
    let options = Options { tables: TableMap::pycrossauth(), ..Options::default() };
    let error = options.open(&address).await.unwrap_err();
    assert!(matches!(&error, OpenError::MissingTable { table } if table == "User"), "{error}");
}

#[tokio::test]
async fn server_that_does_not_answer_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let address = format!("host={} user=postgres", directory.path().display());
    let error = postgres::open(&address).await.unwrap_err();
    let OpenError::Storage(error) = error else { panic!("{error}") };
    assert_eq!(error.kind, StorageErrorKind::Unavailable);
}

#[tokio::test]
async fn ping_fails_on_a_read_only_database() {
    let opened = foreign::open(&foreign::CROSSAUTHJS).await;
    opened.database.ping().await.unwrap();
    let address = opened.address.replace("-c ", "-c default_transaction_read_only=on -c ");
    let read_only = PostgresSchema::open_at(address, TableMap::crossauthjs()).await;
    let error = read_only.database.ping().await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Unavailable);
}

#[tokio::test]
async fn ping_fails_if_a_table_is_missing() {
    let opened = PostgresSchema::open().await;
    opened.sql("DROP TABLE crossauth_user_secrets, crossauth_keys, crossauth_users");
    opened.database.ping().await.unwrap_err();
}
