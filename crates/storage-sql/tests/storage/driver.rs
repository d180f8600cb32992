//! Tests of transactions, scans and closing for every driver.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{Created, Effects, Guard, StorageError, StorageErrorKind};
use crossauth_core::user::{NewUser, UserSecrets};
use crossauth_storage_sql::database::{MAX_SCAN_ROWS, Row, Statement, Value};

use crate::opened::{Driver, Opened};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Inserts a key of our own tables; takes its value.
pub(crate) fn insert() -> Statement {
    Statement::new("INSERT INTO crossauth_keys (value, created, data) VALUES (?, 0, '')")
}

pub(crate) async fn constraint_violation_rolls_back_the_whole_transaction<D: Driver>() {
    let opened = &Opened::<D>::open().await.database;
    let result: Result<(), _> = opened
        .database()
        .transaction((), |transaction, ()| {
            Box::pin(async move {
                for value in ["s:1", "s:2", "s:1"] {
                    transaction.execute(&insert(), &[Value::text(value)]).await?;
                }
                Ok(())
            })
        })
        .await;
    assert_eq!(result.unwrap_err().kind, StorageErrorKind::Conflict);
    let keys = opened.storage().keys;
    let left = keys.list_for_user(None, KeyPrefix::Session, None, 10).await.unwrap();
    assert_eq!(left, []);
}

pub(crate) async fn failed_statement_rolls_the_transaction_back_whatever_the_body_returns<
    D: Driver,
>() {
    let opened = &Opened::<D>::open().await.database;
    for ignore in [false, true] {
        let result: Result<(), _> = opened
            .database()
            .transaction(ignore, |transaction, ignore| {
                Box::pin(async move {
                    transaction.execute(&insert(), &[Value::text("s:1")]).await?;
                    let again = transaction.execute(&insert(), &[Value::text("s:1")]).await;
                    if *ignore { Ok(()) } else { again.map(drop) }
                })
            })
            .await;
        let expected = if ignore { StorageErrorKind::Bug } else { StorageErrorKind::Conflict };
        assert_eq!(result.unwrap_err().kind, expected);
        assert_eq!(opened.storage().keys.find("s:1").await.unwrap(), None);
    }
}

pub(crate) async fn panic_in_a_body_rolls_back<D: Driver>() {
    let opened = &Opened::<D>::open().await.database;
    let result: Result<(), StorageError> = opened
        .database()
        .transaction((), |transaction, ()| {
            Box::pin(async move {
                transaction.execute(&insert(), &[Value::text("s:1")]).await?;
                std::panic::resume_unwind(Box::new("on purpose"))
            })
        })
        .await;
    assert_eq!(result.unwrap_err().kind, StorageErrorKind::Bug);
    let keys = opened.storage().keys;
    assert_eq!(keys.find("s:1").await.unwrap(), None);
    keys.insert(&Key::new("s:1", None, NOW)).await.unwrap();
}

pub(crate) async fn scan_without_a_limit_is_a_bug<D: Driver>() {
    let opened = &Opened::<D>::open().await.database;
    let numbers = |last: usize| {
        Statement::new(format!(
            "WITH RECURSIVE numbers (n) AS \
             (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 200) \
             SELECT a.n FROM numbers AS a CROSS JOIN numbers AS b LIMIT {last}"
        ))
    };
    let scan = async |last| {
        opened.database().scan(&numbers(last), &[], |row| row.value(0).unwrap().integer()).await
    };
    assert_eq!(scan(MAX_SCAN_ROWS).await.unwrap().len(), MAX_SCAN_ROWS);
    assert_eq!(scan(MAX_SCAN_ROWS + 1).await.unwrap_err().kind, StorageErrorKind::Bug);
}

pub(crate) async fn closed_database_accepts_no_writes<D: Driver>() {
    let opened = &Opened::<D>::open().await.database;
    opened.ping().await.unwrap();
    opened.close().await;
    opened.close().await;
    let (bob, secrets) = (NewUser::named("bob"), UserSecrets::default());
    let created =
        opened.storage().users.create(&bob, &secrets, Guard::None, &Effects::default()).await;
    assert_eq!(created.unwrap_err().kind, StorageErrorKind::Unavailable);
}

/// A user and a row of the application, each of which is seen by what follows.
pub(crate) async fn stores_and_statements_of_an_application_are_committed_together<D: Driver>() {
    let opened = &Opened::<D>::open().await.database;
    let created = opened.transaction("bob", |transaction, name| {
        Box::pin(async move {
            let (bob, secrets) = (NewUser::named(*name), UserSecrets::default());
            let users = &transaction.storage().users;
            let created = users.create(&bob, &secrets, Guard::None, &Effects::default()).await?;
            transaction.execute(&insert(), &[Value::text("s:1")]).await?;
            assert!(transaction.storage().keys.find("s:1").await?.is_some());
            let count = Statement::new(
                "SELECT COUNT(*) FROM crossauth_users WHERE username_normalized = ?",
            );
            let decode = |row: &dyn Row| row.value(0)?.integer();
            assert_eq!(transaction.find(&count, &[Value::text(*name)], decode).await?, Some(1));
            Ok(created)
        })
    });
    assert!(matches!(created.await.unwrap(), Created::Done(..)));
    assert!(opened.storage().users.find_by_username("bob").await.unwrap().is_some());
    assert!(opened.storage().keys.find("s:1").await.unwrap().is_some());
}

pub(crate) async fn error_of_an_application_undoes_what_the_stores_did<D: Driver>() {
    let opened = &Opened::<D>::open().await.database;
    let result: Result<(), _> = opened
        .transaction((), |transaction, ()| {
            Box::pin(async move {
                let keys = &transaction.storage().keys;
                keys.insert(&Key::new("s:1", None, NOW)).await?;
                Err(StorageError::corrupt("on purpose"))
            })
        })
        .await;
    assert_eq!(result.unwrap_err().kind, StorageErrorKind::Corrupt);
    assert_eq!(opened.storage().keys.find("s:1").await.unwrap(), None);
}

pub(crate) async fn failure_of_a_store_fails_the_transaction_of_an_application<D: Driver>() {
    let opened = &Opened::<D>::open().await.database;
    let result: Result<(), _> = opened
        .transaction((), |transaction, ()| {
            Box::pin(async move {
                let keys = &transaction.storage().keys;
                keys.insert(&Key::new("s:1", None, NOW)).await?;
                let again = keys.insert(&Key::new("s:1", None, NOW)).await;
                assert_eq!(again.unwrap_err().kind, StorageErrorKind::Conflict);
                Ok(())
            })
        })
        .await;
    assert_eq!(result.unwrap_err().kind, StorageErrorKind::Conflict);
    assert_eq!(opened.storage().keys.find("s:1").await.unwrap(), None);
}
