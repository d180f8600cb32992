//! Transactions with failing connections, for every database server.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossauth_core::key::Key;
use crossauth_core::storage::{StorageError, StorageErrorKind, UpdateDataError};
use crossauth_storage_sql::TableMap;
use crossauth_storage_sql::database::{Row, Statement, Value};
use tokio::sync::Barrier;
use tokio::time::timeout;

use crate::driver::{NOW, insert};
use crate::opened::Opened;
use crate::server::{Holder, Server};

/// Two transactions that deadlock.
pub(crate) async fn deadlocked_transaction_is_retried<S: Server>() {
    let opened = Opened::<S>::open().await;
    for value in ["a", "b"] {
        opened.storage().keys.insert(&Key::new(value, None, NOW)).await.unwrap();
    }
    let both = Arc::new(Barrier::new(2));
    let tasks = [["a", "b"], ["b", "a"]].map(|order| {
        let database = opened.database.database().clone();
        let first = AtomicBool::new(true);
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
                            let meet = first.swap(false, Ordering::SeqCst);
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

pub(crate) async fn transaction_that_waits_for_a_lock_gives_up<S: Server>() {
    let opened = Opened::<S>::open().await;
    let keys = opened.storage().keys;
    keys.insert(&Key::new("a", None, NOW)).await.unwrap();
    let lock = ["SELECT 1 FROM crossauth_keys FOR UPDATE", "SELECT 1"];
    let holder = Holder::start(opened.database.database(), lock).await;
    let error = timeout(Duration::from_secs(30), keys.update_data("a", &[])).await.unwrap();
    let Err(UpdateDataError::Storage(error)) = error else { panic!("{error:?}") };
    assert_eq!(error.kind, StorageErrorKind::Unavailable, "{error}");
    holder.release().await;
    keys.update_data("a", &[]).await.unwrap();
}

pub(crate) async fn broken_connections_are_replaced<S: Server>() {
    let opened = Opened::<S>::open().await;
    let keys = opened.storage().keys;
    for number in 0..3 {
        let own = Statement::new(format!("SELECT {}", S::CONNECTION));
        let own = opened.database.database().find(&own, &[], id).await.unwrap().unwrap();
        kill(&opened, own);
        let value = format!("s:{number}");
        if number == 0 {
            assert_eq!(keys.find(&value).await.unwrap(), None);
        } else {
            keys.insert(&Key::new(&value, None, NOW)).await.unwrap();
        }
    }
}

pub(crate) async fn lost_idle_connections_are_replaced<S: Server>() {
    let opened = Opened::<S>::open().await;
    let database = opened.database.database();
    // Long enough for each to use a separate connection.
    let wait = Statement::new(format!("SELECT {}, {}", S::CONNECTION, S::sleep("0.2")));
    let tie_up = || database.find(&wait, &[], id);
    let (a, b, c) = tokio::join!(tie_up(), tie_up(), tie_up());
    for own in [a, b, c] {
        kill(&opened, own.unwrap().unwrap());
    }
    assert_eq!(opened.storage().keys.find("s:1").await.unwrap(), None);
}

pub(crate) async fn abandoned_statement_does_not_hold_its_connection<S: Server>() {
    let database = S::open_one().await;
    let (keys, database) = (database.storage().keys, database.database());
    let endless = Statement::new(format!("SELECT 'interminable', {}", S::sleep("3600")));
    // By the caller.
    let find = timeout(Duration::from_millis(200), database.find(&endless, &[], |_| Ok(())));
    assert!(find.await.is_err());
    assert_eq!(keys.find("s:1").await.unwrap(), None);
    // By the pool.
    let error = database.find(&endless, &[], |_| Ok(())).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Unavailable);
    assert_eq!(keys.find("s:1").await.unwrap(), None);
    // The server does not go on with them.
    let running = S::running("interminable");
    let is_running = async || database.find(&running, &[], id).await.unwrap().unwrap() > 0;
    timeout(Duration::from_secs(30), async { while is_running().await {} }).await.unwrap();
}

pub(crate) async fn transaction_is_retried_after_a_lost_connection<S: Server>() {
    let opened = Opened::<S>::open().await;
    let database = opened.database.database();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    database
        .transaction(counted, |transaction, attempts| {
            Box::pin(async move {
                transaction.execute(&insert(), &[Value::text("s:1")]).await?;
                if attempts.fetch_add(1, Ordering::SeqCst) == 0 {
                    let end = Statement::new(S::kill(S::CONNECTION));
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

pub(crate) async fn transaction_completes_after_its_caller_is_cancelled<S: Server>() {
    let opened = Opened::<S>::open().await;
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
    let again = Opened::<S>::open_at(opened.place, TableMap::crossauth()).await;
    assert!(again.storage().keys.find("s:1").await.unwrap().is_some());
}

fn id(row: &dyn Row) -> Result<i64, StorageError> {
    row.value(0)?.integer()
}

fn kill<S: Server>(opened: &Opened<S>, connection: i64) {
    opened.sql(&S::kill(&connection.to_string()));
}
