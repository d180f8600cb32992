//! The audit log.

use std::sync::Arc;

use crossauth_storage_sql::database::{Database as _, Statement};
use tokio::sync::Notify;

use super::PostgresSchema;
use crate::audit;

#[tokio::test]
async fn g4_a_changed_a_removed_and_a_swapped_event_are_found() {
    let opened = PostgresSchema::open().await;
    audit::tampering_is_found(&opened.storage(), |sql| opened.sql(sql)).await;
}

#[tokio::test]
async fn g4_rows_that_cannot_be_decoded_stop_neither_chain_nor_verification_nor_lists() {
    let opened = PostgresSchema::open().await;
    audit::unreadable_rows_stop_nothing(&opened.storage(), |sql| opened.sql(sql)).await;
}

#[tokio::test]
async fn g4_personal_data_that_is_removed_without_a_record_is_found() {
    let opened = PostgresSchema::open().await;
    audit::personal_data_that_is_removed_is_found(&opened.storage(), |sql| opened.sql(sql)).await;
}

#[tokio::test]
async fn g5_an_act_of_an_administrator_that_cannot_be_recorded_does_not_happen() {
    let opened = PostgresSchema::open().await;
    let broken = async || opened.sql("ALTER TABLE crossauth_audit RENAME TO lost");
    let repair = async || opened.sql("ALTER TABLE lost RENAME TO crossauth_audit");
    audit::broken_log_stops_acts_of_administrators(&opened.storage(), broken, repair).await;
}

/// Fault 12: the log does not fail at once, but waits.
#[tokio::test]
async fn blocked_log_stops_acts_of_administrators_after_the_time_limit_of_locks() {
    let opened = PostgresSchema::open().await;
    let (locked, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (database, input) = (opened.database.database().clone(), (locked.clone(), release.clone()));
    let holder = async move {
        let lock = Statement::new("LOCK TABLE crossauth_audit IN ACCESS EXCLUSIVE MODE");
        database
            .transaction((lock, input), |transaction, (lock, (locked, release))| {
                Box::pin(async move {
                    transaction.execute(lock, &[]).await?;
                    locked.notify_one();
                    release.notified().await;
                    Ok(())
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
