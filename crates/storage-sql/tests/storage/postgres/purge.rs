//! Expired keys are deleted by one process at a time, in steps that block no login.

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::key::Key;
use crossauth_core::storage::Storage;
use crossauth_storage_sql::database::{Database, Statement};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::PostgresSchema;
use crate::driver::NOW;

/// What a process holds that deletes.
const LOCK: &str = "SELECT 1 WHERE pg_try_advisory_xact_lock(
    7236837140222 + 'crossauth_schema'::regclass::oid::bigint)";

const STEP: u32 = 100;

async fn store_expired(storage: &Storage, count: u32) {
    for number in 0..count {
        let expires = Some(NOW - Duration::from_hours(1));
        let key = Key { expires, ..Key::new(format!("s:{number}"), None, NOW) };
        storage.keys.insert(&key).await.unwrap();
    }
}

#[tokio::test]
async fn process_does_not_wait_for_another_one_that_deletes_expired_keys() {
    let opened = PostgresSchema::open().await;
    let storage = opened.storage();
    store_expired(&storage, 3).await;
    let (locked, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (database, input) = (opened.database.database().clone(), (locked.clone(), release.clone()));
    let holder = tokio::spawn(async move {
        database
            .transaction((Statement::new(LOCK), input), |transaction, (lock, (locked, release))| {
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
    assert_eq!(storage.keys.purge(NOW, STEP).await.unwrap(), 0);
    // Keys are stored and deleted as ever.
    storage.keys.insert(&Key::new("s:new", None, NOW)).await.unwrap();
    assert!(storage.keys.delete("s:0").await.unwrap());
    release.notify_one();
    holder.await.unwrap().unwrap();
    assert_eq!(storage.keys.purge(NOW, STEP).await.unwrap(), 2);
    assert!(storage.keys.find("s:new").await.unwrap().is_some());
}

#[tokio::test]
async fn concurrent_processes_delete_every_expired_key_once_in_steps() {
    let opened = PostgresSchema::open().await;
    let storage = opened.storage();
    store_expired(&storage, 5 * STEP).await;
    let mut processes = JoinSet::new();
    for _ in 0..4 {
        let keys = Arc::clone(&storage.keys);
        processes.spawn(async move {
            let mut removed = 0;
            for _ in 0..5 {
                let step = keys.purge(NOW, STEP).await.unwrap();
                assert!(step <= u64::from(STEP), "{step}");
                removed += step;
            }
            removed
        });
    }
    let mut removed: u64 = processes.join_all().await.iter().sum();
    assert!(removed >= u64::from(STEP), "one of them always deletes");
    for _ in 0..5 {
        removed += storage.keys.purge(NOW, STEP).await.unwrap();
    }
    assert_eq!(removed, u64::from(5 * STEP));
}
