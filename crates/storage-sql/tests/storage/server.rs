//! Database servers that the tests start, and the list of tests that hold for each of them.

use std::sync::Arc;

use crossauth_core::storage::StorageError;
use crossauth_storage_sql::database::{Database, Statement};
use crossauth_storage_sql::import::Source;
use crossauth_storage_sql::{MigrationPlan, SqlStorage, TableMap};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::opened::Driver;

/// The driver of a database server.
pub(crate) trait Server: Driver<Place = String> {
    /// The expression for the number of the connection.
    const CONNECTION: &'static str;

    /// Locks what a process holds that deletes expired keys.
    const LOCK_PURGE: &'static str;

    /// Locks the audit log, and unlocks it if the end of the transaction does not.
    const LOCK_AUDIT: [&'static str; 2];

    /// The call that ends a connection.
    fn kill(connection: &str) -> String;

    /// The call that waits.
    fn sleep(seconds: &str) -> String;

    /// Counts the statements that other connections execute and that contain `mark`.
    fn running(mark: &str) -> Statement;

    /// Our own tables in a new database, over one connection.
    async fn open_one() -> SqlStorage<Self>;

    async fn plan(place: &str) -> MigrationPlan;

    async fn source(place: &str, tables: TableMap) -> Source;
}

/// A transaction that holds a lock.
pub(crate) struct Holder {
    release: Arc<Notify>,
    transaction: JoinHandle<Result<(), StorageError>>,
}

impl Holder {
    /// Runs the first statement in a transaction, and the second when it is released.
    pub(crate) async fn start(database: &impl Database, statements: [&str; 2]) -> Self {
        let (locked, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let input = (statements.map(Statement::new), Arc::clone(&locked), Arc::clone(&release));
        let database = database.clone();
        let transaction = tokio::spawn(async move {
            database
                .transaction(input, |transaction, ([lock, unlock], locked, release)| {
                    Box::pin(async move {
                        transaction.exists(lock, &[]).await?;
                        locked.notify_one();
                        release.notified().await;
                        transaction.exists(unlock, &[]).await.map(drop)
                    })
                })
                .await
        });
        locked.notified().await;
        Self { release, transaction }
    }

    pub(crate) async fn release(self) {
        self.release.notify_one();
        self.transaction.await.unwrap().unwrap();
    }
}

/// Generates the tests that hold for every database server.
macro_rules! server_tests {
    ($server:ty) => {
        $crate::opened::driver_tests!($server);
        $crate::opened::driver_tests! { $server:
            audit:
                blocked_log_stops_acts_of_administrators_after_the_time_limit_of_locks;
            foreign:
                local_times_are_in_the_zone_of_the_map
                invalid_uuid_identifies_no_user
                numeric_ids_identify_users;
            import:
                databases_of_upstream_are_imported_and_stay_as_they_are;
            opening:
                missing_table_is_named
                ping_fails_if_a_table_is_missing;
            purge:
                process_does_not_wait_for_another_one_that_deletes_expired_keys
                concurrent_processes_delete_every_expired_key_once_in_steps;
            transaction:
                deadlocked_transaction_is_retried
                transaction_that_waits_for_a_lock_gives_up
                broken_connections_are_replaced
                lost_idle_connections_are_replaced
                abandoned_statement_does_not_hold_its_connection
                transaction_is_retried_after_a_lost_connection
                transaction_completes_after_its_caller_is_cancelled;
            unreadable:
                account_that_cannot_be_decoded_is_logged_out_disabled_and_deleted
                administrator_who_cannot_be_decoded_does_not_count;
        }
    };
}
pub(crate) use server_tests;
