//! What every driver promises about transactions and scans.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{StorageError, StorageErrorKind};
use crossauth_storage_sql::SqlStorage;
use crossauth_storage_sql::database::{Database, MAX_SCANNED, Statement, Value};

/// Makes a test of each promise; `$opened` opens our own tables, empty.
macro_rules! driver_tests {
    ($opened:expr) => {
        $crate::driver::driver_tests! { $opened;
            constraint_broken_halfway_undoes_the_whole_transaction
            failed_statement_undoes_the_transaction_whatever_the_body_returns
            body_that_panics_is_a_bug_and_undone
            scan_without_a_limit_is_a_bug
        }
    };
    ($opened:expr; $($promise:ident)+) => {$(
        #[tokio::test]
        async fn $promise() {
            let opened = $opened.await;
            $crate::driver::$promise(&opened.database).await;
        }
    )+};
}
pub(crate) use driver_tests;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Inserts a key of our own tables; takes its value.
pub(crate) fn insert() -> Statement {
    Statement::new("INSERT INTO crossauth_keys (value, created, data) VALUES (?, 0, '')")
}

pub(crate) async fn constraint_broken_halfway_undoes_the_whole_transaction<D: Database>(
    opened: &SqlStorage<D>,
) {
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

pub(crate) async fn failed_statement_undoes_the_transaction_whatever_the_body_returns<
    D: Database,
>(
    opened: &SqlStorage<D>,
) {
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

pub(crate) async fn body_that_panics_is_a_bug_and_undone<D: Database>(opened: &SqlStorage<D>) {
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

pub(crate) async fn scan_without_a_limit_is_a_bug<D: Database>(opened: &SqlStorage<D>) {
    let numbers = |last: usize| {
        Statement::new(format!(
            "WITH RECURSIVE numbers (n) AS \
             (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}) SELECT n FROM numbers"
        ))
    };
    let scan = async |last| {
        opened.database().scan(&numbers(last), &[], |row| row.value(0).unwrap().integer()).await
    };
    assert_eq!(scan(MAX_SCANNED).await.unwrap().len(), MAX_SCANNED);
    assert_eq!(scan(MAX_SCANNED + 1).await.unwrap_err().kind, StorageErrorKind::Bug);
}
