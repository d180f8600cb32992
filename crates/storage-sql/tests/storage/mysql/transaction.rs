//! Transactions with failing connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossauth_core::key::Key;
use crossauth_core::storage::{StorageErrorKind, UpdateDataError};
use crossauth_storage_sql::database::{Database, Row, Statement, Value};
use crossauth_storage_sql::mysql::Options;
use crossauth_testkit::mysql::server;
use tokio::sync::{Barrier, Notify};
use tokio::time::timeout;

use super::MysqlDatabase;
use crate::driver::{NOW, driver_tests, insert};

driver_tests!(MysqlDatabase::open());

/// Two transactions that deadlock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlocked_transaction_is_retried() {
    let opened = MysqlDatabase::open().await;
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
async fn transaction_that_waits_for_a_lock_gives_up() {
    let opened = MysqlDatabase::open().await;
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

/// The server of the tests has other settings.
#[tokio::test]
async fn connections_do_not_depend_on_the_settings_of_the_server() {
    let opened = MysqlDatabase::open().await;
    let settings = Statement::new(
        "SELECT @@SESSION.sql_mode NOT LIKE '%ANSI_QUOTES%' \
             AND @@SESSION.sql_mode LIKE '%STRICT_ALL_TABLES%', \
         @@SESSION.time_zone = '+00:00', @@SESSION.autocommit, \
         @@SESSION.tx_isolation = 'READ-COMMITTED', 'a' <> 'A', \
         @@SESSION.innodb_lock_wait_timeout = 2 AND @@SESSION.lock_wait_timeout = 5, \
         @@GLOBAL.sql_mode LIKE '%ANSI_QUOTES%' AND @@GLOBAL.autocommit = 0",
    );
    let decode = |row: &dyn Row| (0..7).map(|column| row.value(column)?.integer()).collect();
    let found: Option<Vec<i64>> =
        opened.database.database().find(&settings, &[], decode).await.unwrap();
    assert_eq!(found, Some(vec![1; 7]));
}

#[tokio::test]
async fn broken_connections_are_replaced() {
    let opened = MysqlDatabase::open().await;
    let keys = opened.storage().keys;
    for number in 0..3 {
        let database = opened.database.database();
        kill_connection(database, opened.url.clone()).await;
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
    let opened = MysqlDatabase::open().await;
    let database = opened.database.database();
    // Long enough for each to use a separate connection.
    let wait = Statement::new("SELECT CONNECTION_ID(), SLEEP(0.2)");
    let tie_up = || database.find(&wait, &[], |row| row.value(0)?.integer());
    let (a, b, c) = tokio::join!(tie_up(), tie_up(), tie_up());
    for id in [a, b, c] {
        opened.sql(&format!("KILL {}", id.unwrap().unwrap()));
    }
    assert_eq!(opened.storage().keys.find("s:1").await.unwrap(), None);
}

#[tokio::test]
async fn abandoned_statement_does_not_hold_its_connection() {
    let options = Options { connections: 1, ..Options::default() };
    let database = options.open(&server().empty_database()).await.unwrap();
    let (keys, database) = (database.storage().keys, database.database());
    let endless = Statement::new("SELECT 'interminable', SLEEP(3600)");
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
        "SELECT COUNT(*) FROM information_schema.processlist \
         WHERE id <> CONNECTION_ID() AND info LIKE '%interminable%'",
    );
    let is_running = async || {
        let decode = |row: &dyn Row| row.value(0)?.integer();
        database.find(&running, &[], decode).await.unwrap().unwrap() > 0
    };
    timeout(Duration::from_secs(30), async { while is_running().await {} }).await.unwrap();
}

#[tokio::test]
async fn transaction_is_retried_after_a_lost_connection() {
    let opened = MysqlDatabase::open().await;
    let database = opened.database.database();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    database
        .transaction(counted, |transaction, attempts| {
            Box::pin(async move {
                transaction.execute(&insert(), &[Value::text("s:1")]).await?;
                if attempts.fetch_add(1, Ordering::SeqCst) == 0 {
                    let end = Statement::new("KILL CONNECTION_ID()");
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
    let opened = MysqlDatabase::open().await;
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
    let again = MysqlDatabase::open_at(opened.url, crossauth_storage_sql::TableMap::crossauth());
    assert!(again.await.storage().keys.find("s:1").await.unwrap().is_some());
}

/// Ends the session of an idle connection of a pool.
async fn kill_connection(database: &impl Database, url: String) {
    let id = Statement::new("SELECT CONNECTION_ID()");
    let id = database.find(&id, &[], |row| row.value(0)?.integer()).await.unwrap().unwrap();
    server().execute(&url, &format!("KILL {id}"));
}
