//! Opening a database.

use crossauth_core::storage::StorageErrorKind;
use crossauth_core::user::{NewUser, UserSecrets};
use crossauth_storage_sql::postgres::{self, Options, Postgres};
use crossauth_storage_sql::{OpenError, TableMap};
use crossauth_testkit::postgres::server;
use crossauth_testkit::storage::create_user;

use super::PostgresSchema;
use crate::opened::Driver as _;
use crate::{counter, created};

#[tokio::test]
async fn older_schema_gets_the_columns_that_it_lacks() {
    let opened = PostgresSchema::open().await;
    opened.sql(created::OLDER);
    let migrated = postgres::open(&opened.place).await.unwrap();
    created::is_known_of_new_accounts_only(&migrated.storage()).await;
}

#[tokio::test]
async fn counters_of_an_older_schema_go_on() {
    let opened = PostgresSchema::open().await;
    opened.sql(counter::OLDER);
    let migrated = postgres::open(&opened.place).await.unwrap();
    counter::attempts_before_the_migration_count(&migrated.storage()).await;
}

#[tokio::test]
async fn plan_of_a_migration_says_what_it_changes_and_changes_nothing() {
    let address = server().empty_schema();
    let plan = async || Options::default().plan(&address).await;
    let before = plan().await.unwrap();
    let names: Vec<_> = before.groups.iter().map(|group| group.name).collect();
    assert_eq!(names, ["schema", "outbox", "protection", "audit", "accounts"]);
    assert_eq!(plan().await.unwrap(), before);
    let opened = PostgresSchema::open_at(address.clone(), TableMap::crossauth()).await;
    assert!(plan().await.unwrap().is_empty());
    opened.sql(created::OLDER);
    let older = plan().await.unwrap();
    let [accounts] = &*older.groups else { panic!("{older:?}") };
    assert_eq!((accounts.name, accounts.from), ("accounts", 1));
    assert!(accounts.statements[0].ends_with("ADD COLUMN created BIGINT"), "{accounts:?}");
    opened.sql("INSERT INTO crossauth_schema (tables, version) VALUES ('accounts', 1000)");
    let error = plan().await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 1000, .. }), "{error}");
}

#[tokio::test]
async fn plan_of_a_migration_is_refused_to_users_who_may_not_make_it() {
    let address = server().empty_schema();
    let schema = address.split("search_path=").nth(1).unwrap().trim_end_matches('\'');
    let role = format!("guest_{schema}");
    let grant = format!("CREATE ROLE {role}; GRANT USAGE ON SCHEMA {schema} TO {role}");
    server().execute(&address, &grant);
    let as_guest = address.replace("-c ", &format!("-c role={role} -c "));
    let plan = async |address: &str| Options::default().plan(address).await.unwrap_err();
    let error = plan(&as_guest).await.to_string();
    let expected = format!("the user {role} may not create tables in the schema {schema}");
    assert!(error.ends_with(&expected), "{error}");
    let read_only = address.replace("-c ", "-c default_transaction_read_only=on -c ");
    let error = plan(&read_only).await.to_string();
    assert!(error.ends_with("the database is read-only"), "{error}");
    server().execute(&address, &format!("GRANT CREATE ON SCHEMA {schema} TO {role}"));
    PostgresSchema::open_at(address.clone(), TableMap::crossauth()).await.sql(created::OLDER);
    let grant = format!("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}");
    server().execute(&address, &grant);
    let error = plan(&as_guest).await.to_string();
    assert!(
        error.contains(&format!("the user {role} does not own the table crossauth_")),
        "{error}"
    );
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
    let opened = PostgresSchema::of_upstream(&Postgres::CROSSAUTHJS).await;
    opened.database.ping().await.unwrap();
    let address = opened.place.replace("-c ", "-c default_transaction_read_only=on -c ");
    let read_only = PostgresSchema::open_at(address, TableMap::crossauthjs()).await;
    let error = read_only.database.ping().await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Unavailable);
}

#[tokio::test]
async fn application_may_open_the_connections() {
    let address = server().empty_schema();
    let opened = Options { connections: 1, ..Options::default() }.open_with(move || {
        let address = address.clone();
        async move {
            let connected = tokio_postgres::connect(&address, tokio_postgres::NoTls).await?;
            let (client, connection) = connected;
            tokio::spawn(connection);
            Ok(client)
        }
    });
    let opened = opened.await.unwrap();
    create_user(&opened.storage(), &NewUser::named("bob"), &UserSecrets::default()).await;
    opened.ping().await.unwrap();
}

#[tokio::test]
async fn connection_that_the_application_cannot_open_is_unavailable() {
    let opened = Options::default().open_with(|| async { Err("out of tokens".into()) });
    let OpenError::Storage(error) = opened.await.unwrap_err() else { panic!("it is of the store") };
    assert_eq!(error.kind, StorageErrorKind::Unavailable);
    assert!(error.to_string().contains("out of tokens"), "{error}");
}
