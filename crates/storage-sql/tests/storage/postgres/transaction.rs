//! Transactions with failing connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossauth_core::key::Key;
use crossauth_core::storage::{StorageErrorKind, UpdateDataError};
use crossauth_storage_sql::database::{Database, Row, Statement, Value, Write};
use crossauth_storage_sql::postgres::Options;
use crossauth_testkit::postgres::server;
use tokio::sync::{Barrier, Notify};
use tokio::time::timeout;

use super::PostgresSchema;
use crate::driver::{NOW, driver_tests, insert};

driver_tests!(PostgresSchema::open());

/// Two transactions that deadlock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlocked_transaction_is_retried() {
    let opened = PostgresSchema::open().await;
    for value in ["a", "b"] {
        opened.storage().keys.insert(&Key::new(value, None, NOW)).await.unwrap();
    }
    let both = Arc::new(Barrier::new(2));
    let tasks = [["a", "b"], ["b", "a"]].map(|order| {
        let database = opened.database.database().clone();
        let first = std::sync::atomic::AtomicBool::new(true);
        let input = (order, Arc::clone(&both), first);
        tokio::spawn(async move {
            database
                .transaction(input, |transaction, (order, both, first)| {
                    Box::pin(async move {
                        let statement = Statement::new(
                            "UPDATE crossauth_keys SET created = created + 1 WHERE value = ?",
                        );
                        for (place, value) in order.iter().enumerate() {
                            transaction.execute(&statement, &[Value::text(*value)]).await?;
                            let meet = first.swap(false, std::sync::atomic::Ordering::SeqCst);
                            if place == 0 && meet {
                                both.wait().await;
                            }
                        }
                        Ok(())
                    })
                })
                .await
        })
    });
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    for value in ["a", "b"] {
        let key = opened.storage().keys.find(value).await.unwrap().unwrap();
        assert_eq!(key.created.as_millis(), NOW.as_millis() + 2);
    }
}

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
async fn transaction_that_waits_for_a_lock_gives_up() {
    let opened = PostgresSchema::open().await;
    let keys = opened.storage().keys;
    keys.insert(&Key::new("a", None, NOW)).await.unwrap();
    let (locked, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (database, input) = (opened.database.database().clone(), (locked.clone(), release.clone()));
    let holder = tokio::spawn(async move {
        let lock = Statement::new("SELECT 1 FROM crossauth_keys FOR UPDATE");
        database
            .transaction((lock, input), |transaction, (lock, (locked, release))| {
                Box::pin(async move {
                    assert!(transaction.exists(lock, &[]).await?);
                    locked.notify_one();
                    release.notified().await;
                    Ok(())
                })
            })
            .await
    });
    locked.notified().await;
    let error = timeout(Duration::from_secs(30), keys.update_data("a", &[])).await.unwrap();
    let Err(UpdateDataError::Storage(error)) = error else { panic!("{error:?}") };
    assert_eq!(error.kind, StorageErrorKind::Unavailable, "{error}");
    release.notify_one();
    holder.await.unwrap().unwrap();
    keys.update_data("a", &[]).await.unwrap();
}

#[tokio::test]
async fn limits_of_a_transaction_end_with_it() {
    let options = Options { connections: 1, ..Options::default() };
    let opened = options.open(&server().empty_schema()).await.unwrap();
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

#[tokio::test]
async fn broken_connections_are_replaced() {
    let opened = PostgresSchema::open().await;
    let keys = opened.storage().keys;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND query LIKE '%unmistakable%'";
    for number in 0..3 {
        let mark = Statement::new("SELECT 'unmistakable' || ?");
        let database = opened.database.database();
        database.find(&mark, &[Value::text("x")], |_| Ok(())).await.unwrap();
        opened.sql(kill);
        let value = format!("s:{number}");
        if number == 0 {
            assert_eq!(keys.find(&value).await.unwrap(), None);
        } else {
            keys.insert(&Key::new(&value, None, NOW)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn lost_idle_connections_are_replaced() {
    let opened = PostgresSchema::open().await;
    let database = opened.database.database();
    // Long enough for each to use a separate connection.
    let wait = Statement::new("SELECT 'indisputable', pg_sleep(0.2)");
    let tie_up = || database.find(&wait, &[], |_| Ok(()));
    let _ = tokio::join!(tie_up(), tie_up(), tie_up());
    opened.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE pid <> pg_backend_pid() AND query LIKE '%indisputable%'",
    );
    assert_eq!(opened.storage().keys.find("s:1").await.unwrap(), None);
}

#[tokio::test]
async fn abandoned_statement_does_not_hold_its_connection() {
    let options = Options { connections: 1, ..Options::default() };
    let database = options.open(&server().empty_schema()).await.unwrap();
    let (keys, database) = (database.storage().keys, database.database());
    let endless = Statement::new("SELECT 'interminable', pg_sleep(3600)");
    // By the caller.
    let find = timeout(Duration::from_millis(200), database.find(&endless, &[], |_| Ok(())));
    assert!(find.await.is_err());
    assert_eq!(keys.find("s:1").await.unwrap(), None);
    // By the pool.
    let error = database.find(&endless, &[], |_| Ok(())).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Unavailable);
    assert_eq!(keys.find("s:1").await.unwrap(), None);
    // The server does not go on with them.
    let running = Statement::new(
        "SELECT count(*) > 0 FROM pg_stat_activity
         WHERE pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%interminable%'",
    );
    let is_running = async || {
        let decode = |row: &dyn Row| Ok(row.value(0)? == Value::Bool(true));
        database.find(&running, &[], decode).await.unwrap().unwrap()
    };
    timeout(Duration::from_secs(30), async { while is_running().await {} }).await.unwrap();
}

#[tokio::test]
async fn transaction_is_retried_after_a_lost_connection() {
    let opened = PostgresSchema::open().await;
    let database = opened.database.database();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    database
        .transaction(counted, |transaction, attempts| {
            Box::pin(async move {
                transaction.execute(&insert(), &[Value::text("s:1")]).await?;
                if attempts.fetch_add(1, Ordering::SeqCst) == 0 {
                    let end = Statement::new("SELECT pg_terminate_backend(pg_backend_pid())");
                    transaction.execute(&end, &[]).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
    assert!(opened.storage().keys.find("s:1").await.unwrap().is_some());
}

#[tokio::test]
async fn transaction_completes_after_its_caller_is_cancelled() {
    let opened = PostgresSchema::open().await;
    let database = opened.database.database();
    let (entered, gate) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let input = (Arc::clone(&entered), Arc::clone(&gate));
    let transaction = database.transaction(input, |transaction, (entered, gate)| {
        Box::pin(async move {
            entered.wait().await;
            gate.wait().await;
            transaction.execute(&insert(), &[Value::text("s:1")]).await
        })
    });
    tokio::select! {
        _ = transaction => panic!("it waits at the gate"),
        _ = entered.wait() => {}
    }
    gate.wait().await;
    opened.database.close().await;
    let again =
        PostgresSchema::open_at(opened.address, crossauth_storage_sql::TableMap::crossauth());
    assert!(again.await.storage().keys.find("s:1").await.unwrap().is_some());
}
