//! Group commit, and concurrent reads.

use crossauth_core::key::{Key, KeyData};
use crossauth_core::storage::{StorageError, StorageErrorKind};
use crossauth_storage_sql::database::{Database, Statement, Value};
use crossauth_storage_sql::sqlite::memory;

use super::SqliteFile;
use crate::driver::{NOW, insert};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_transaction_does_not_roll_back_its_group() {
    let opened = SqliteFile::open().await;
    let tasks: Vec<_> = (0..300)
        .map(|number| {
            let database = opened.database.database().clone();
            tokio::spawn(async move {
                database
                    .transaction(number, |transaction, number| {
                        Box::pin(async move {
                            let value = [Value::text(format!("s:{number}"))];
                            transaction.execute(&insert(), &value).await?;
                            if number % 3 == 0 {
                                return Err(StorageError::conflict("on purpose"));
                            }
                            Ok(*number)
                        })
                    })
                    .await
            })
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        let result = task.await.unwrap();
        let stored = opened.storage().keys.find(&format!("s:{number}")).await.unwrap().is_some();
        match result {
            Ok(returned) => assert!(returned == number && stored && number % 3 != 0),
            Err(error) => {
                assert!(!stored && number % 3 == 0);
                assert_eq!(error.source.to_string(), "on purpose");
            }
        }
    }
}

#[tokio::test]
async fn body_that_awaits_another_future_is_rolled_back() {
    let opened = SqliteFile::open().await;
    let result: Result<(), _> = opened
        .database
        .database()
        .transaction((), |transaction, ()| {
            Box::pin(async move {
                transaction.execute(&insert(), &[Value::text("s:1")]).await?;
                std::future::pending().await
            })
        })
        .await;
    assert_eq!(result.unwrap_err().kind, StorageErrorKind::Bug);
    assert_eq!(opened.storage().keys.find("s:1").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_reads_see_acknowledged_writes() {
    let opened = SqliteFile::with_readers(2).await;
    let tasks: Vec<_> = (0..32)
        .map(|task| {
            let keys = opened.storage().keys;
            tokio::spawn(async move {
                for number in 0..20 {
                    let value = format!("s:{task}:{number}");
                    keys.insert(&Key::new(&value, None, NOW)).await.unwrap();
                    assert!(keys.find(&value).await.unwrap().is_some());
                    assert!(keys.delete(&value).await.unwrap());
                    assert!(keys.find(&value).await.unwrap().is_none());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn reads_cannot_write() {
    for storage in [SqliteFile::open().await.database, memory().await.unwrap()] {
        let (database, value) = (storage.database(), [Value::text("s:1")]);
        let found = database.find(&insert(), &value, |_| Ok(())).await;
        assert_eq!(found.unwrap_err().kind, StorageErrorKind::Bug);
        let scanned = database.scan(&insert(), &value, |_| ()).await;
        assert_eq!(scanned.unwrap_err().kind, StorageErrorKind::Bug);
        assert_eq!(storage.storage().keys.find("s:1").await.unwrap(), None);
    }
}

#[tokio::test]
async fn key_of_a_deleted_user_is_rejected() {
    let opened = SqliteFile::open().await;
    let owner = Some(crossauth_core::user::UserId::Integer(7));
    let error = opened.storage().keys.insert(&Key::new("s:1", owner, NOW)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Corrupt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_is_unavailable_and_keeps_acknowledged_writes() {
    let opened = SqliteFile::open().await;
    let limit = async |pages: u32| {
        let pragma = Statement::new(format!("PRAGMA max_page_count = {pages}"));
        let database = opened.database.database();
        let set = database
            .transaction(pragma, |transaction, pragma| Box::pin(transaction.exists(pragma, &[])));
        set.await.unwrap();
    };
    limit(64).await;
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let keys = opened.storage().keys;
            let data = KeyData::from_text("x".repeat(4000));
            let key = Key { data, ..Key::new(format!("s:{number}"), None, NOW) };
            tokio::spawn(async move { (keys.insert(&key).await, key) })
        })
        .collect();
    let mut refused = Vec::new();
    for task in tasks {
        let (result, key) = task.await.unwrap();
        match result {
            Ok(()) => assert!(opened.storage().keys.find(&key.value).await.unwrap().is_some()),
            Err(error) => {
                assert_eq!(error.kind, StorageErrorKind::Unavailable, "{error}");
                refused.push(key);
            }
        }
    }
    assert!(!refused.is_empty());
    limit(10_000).await;
    for key in refused {
        assert_eq!(opened.storage().keys.find(&key.value).await.unwrap(), None);
        opened.storage().keys.insert(&key).await.unwrap();
    }
}
