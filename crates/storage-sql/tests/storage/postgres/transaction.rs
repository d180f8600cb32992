//! Transactions.

use crossauth_core::key::Key;
use crossauth_core::storage::StorageErrorKind;
use crossauth_storage_sql::database::{Database, Statement, Value, Write};
use crossauth_storage_sql::postgres::Postgres;

use super::PostgresSchema;
use crate::driver::NOW;
use crate::server::Server as _;

#[tokio::test]
async fn last_statements_with_an_invalid_parameter_commit_nothing() {
    let opened = PostgresSchema::open().await;
    let keys = opened.storage().keys;
    keys.insert(&Key::new("a", None, NOW)).await.unwrap();
    let statements = [
        Statement::new("DELETE FROM crossauth_keys WHERE value = ?"),
        Statement::new("UPDATE crossauth_keys SET created = ?"),
    ];
    let failed = opened.database.database().transaction(statements, |transaction, statements| {
        Box::pin(async move {
            let [delete, update] = statements.clone();
            let writes = [
                Write { statement: delete, params: vec![Value::text("a")] },
                Write { statement: update, params: vec![Value::text("no number")] },
            ];
            match transaction.execute_last(&writes).await {
                Err((1, error)) => Err::<(), _>(error),
                result => panic!("{result:?}"),
            }
        })
    });
    assert_eq!(failed.await.unwrap_err().kind, StorageErrorKind::Corrupt);
    assert!(keys.find("a").await.unwrap().is_some());
}

#[tokio::test]
async fn limits_of_a_transaction_end_with_it() {
    let opened = Postgres::open_one().await;
    let database = opened.database();
    let are = |lock: &str, idle: &str| {
        Statement::new(format!(
            "SELECT 1 WHERE current_setting('lock_timeout') = '{lock}'
             AND current_setting('idle_in_transaction_session_timeout') = '{idle}'"
        ))
    };
    let are_set = database
        .transaction(are("5s", "30s"), |transaction, are_set| {
            Box::pin(async move { transaction.exists(are_set, &[]).await })
        })
        .await;
    assert!(are_set.unwrap());
    assert!(database.find(&are("0", "0"), &[], |_| Ok(())).await.unwrap().is_some());
}
