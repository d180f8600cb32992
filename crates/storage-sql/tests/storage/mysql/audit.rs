//! The audit log.

use std::sync::Arc;

use crossauth_storage_sql::database::{Database as _, Statement};
use tokio::sync::Notify;

use super::MysqlDatabase;
use crate::audit;

#[tokio::test]
async fn g4_a_changed_a_removed_and_a_swapped_event_are_found() {
    let opened = MysqlDatabase::open().await;
    audit::tampering_is_found(&opened.storage(), |sql| opened.sql(sql)).await;
}

#[tokio::test]
async fn g5_an_act_of_an_administrator_that_cannot_be_recorded_does_not_happen() {
    let opened = MysqlDatabase::open().await;
    let broken = async || opened.sql("ALTER TABLE crossauth_audit RENAME TO lost");
    let repair = async || opened.sql("ALTER TABLE lost RENAME TO crossauth_audit");
    audit::broken_log_stops_acts_of_administrators(&opened.storage(), broken, repair).await;
}

/// Fault 12: the log does not fail at once, but waits.
#[tokio::test]
async fn blocked_log_stops_acts_of_administrators_after_the_time_limit_of_locks() {
    let opened = MysqlDatabase::open().await;
    let (locked, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (database, input) = (opened.database.database().clone(), (locked.clone(), release.clone()));
    let holder = async move {
        let [lock, unlock] =
            ["LOCK TABLES crossauth_audit WRITE", "UNLOCK TABLES"].map(Statement::new);
        database
            .transaction((lock, unlock, input), |transaction, (lock, unlock, (locked, release))| {
                Box::pin(async move {
                    transaction.execute(lock, &[]).await?;
                    locked.notify_one();
                    release.notified().await;
                    transaction.execute(unlock, &[]).await.map(drop)
                })
            })
            .await
            .unwrap();
    };
    let held = std::sync::Mutex::new(None);
    let broken = async || {
        *held.lock().unwrap() = Some(tokio::spawn(holder));
        locked.notified().await;
    };
    let repair = async || {
        release.notify_one();
        let held = held.lock().unwrap().take().unwrap();
        held.await.unwrap();
    };
    audit::broken_log_stops_acts_of_administrators(&opened.storage(), broken, repair).await;
}
