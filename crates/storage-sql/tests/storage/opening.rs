//! Opening a database, for every database.

use std::sync::Arc;

use crossauth_core::storage::UserQuery;
use crossauth_core::user::{NewUser, UserSecrets};
use crossauth_storage_sql::{OpenError, TableMap};
use crossauth_testkit::storage::create_user;

use crate::opened::{Driver, Opened};
use crate::server::Server;

pub(crate) async fn concurrent_migrations_succeed<D: Driver>() {
    let place = Arc::new(D::empty());
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let place = Arc::clone(&place);
            tokio::spawn(async move {
                let storage = D::open(&place, TableMap::crossauth()).await.unwrap().storage();
                let user = NewUser::named(format!("user{number}"));
                create_user(&storage, &user, &UserSecrets::default()).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let storage = D::open(&place, TableMap::crossauth()).await.unwrap().storage();
    assert_eq!(storage.users.list(&UserQuery::first(100)).await.unwrap().users.len(), 8);
}

pub(crate) async fn newer_schema_is_refused<D: Driver>() {
    let opened = Opened::<D>::open().await;
    opened.sql("INSERT INTO crossauth_schema (tables, version) VALUES ('accounts', 1000)");
    let error = D::open(&opened.place, TableMap::crossauth()).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 1000, .. }), "{error}");
}

pub(crate) async fn missing_table_is_named<S: Server>() {
    let error = S::open(&S::empty(), TableMap::pycrossauth()).await.unwrap_err();
    assert!(matches!(&error, OpenError::MissingTable { table } if table == "User"), "{error}");
}

pub(crate) async fn ping_fails_if_a_table_is_missing<S: Server>() {
    let opened = Opened::<S>::open().await;
    opened.sql("DROP TABLE crossauth_user_secrets, crossauth_keys, crossauth_users");
    opened.database.ping().await.unwrap_err();
}
