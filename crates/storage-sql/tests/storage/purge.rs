//! Expired keys are deleted by one process at a time, in steps that block no login,
//! for every database server.

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::key::Key;
use crossauth_core::storage::Storage;
use tokio::task::JoinSet;

use crate::driver::NOW;
use crate::opened::Opened;
use crate::server::{Holder, Server};

const STEP: u32 = 100;

async fn store_expired(storage: &Storage, count: u32) {
    for number in 0..count {
        let expires = Some(NOW - Duration::from_hours(1));
        let key = Key { expires, ..Key::new(format!("s:{number}"), None, NOW) };
        storage.keys.insert(&key).await.unwrap();
    }
}

pub(crate) async fn process_does_not_wait_for_another_one_that_deletes_expired_keys<S: Server>() {
    let opened = Opened::<S>::open().await;
    let storage = opened.storage();
    store_expired(&storage, 3).await;
    let lock = [S::LOCK_PURGE, "SELECT 1"];
    let holder = Holder::start(opened.database.database(), lock).await;
    assert_eq!(storage.keys.purge(NOW, STEP).await.unwrap(), 0);
    // Keys are stored and deleted as ever.
    storage.keys.insert(&Key::new("s:new", None, NOW)).await.unwrap();
    assert!(storage.keys.delete("s:0").await.unwrap());
    holder.release().await;
    assert_eq!(storage.keys.purge(NOW, STEP).await.unwrap(), 2);
    assert!(storage.keys.find("s:new").await.unwrap().is_some());
}

pub(crate) async fn concurrent_processes_delete_every_expired_key_once_in_steps<S: Server>() {
    let opened = Opened::<S>::open().await;
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
