//! Databases that a test opens, and the list of tests that hold for every driver.

use crossauth_core::storage::Storage;
use crossauth_storage_sql::database::Database;
use crossauth_storage_sql::{OpenError, SqlStorage, TableMap};
use crossauth_testkit::upstream::Engine;

use crate::foreign::Schema;

/// A driver, and how tests get databases for it.
pub(crate) trait Driver: Database {
    const ENGINE: Engine;

    /// The tables of Crossauth for Python, and for TypeScript as it may be configured.
    const PYCROSSAUTH: Schema;
    const CROSSAUTHJS: Schema;

    /// The type of an id that the database generates.
    const SERIAL: &'static str;

    /// The type of text that is compared by its bytes.
    const TEXT: &'static str;

    /// The collation of normalized names.
    const COLLATE: &'static str = "";

    /// The end of `CREATE TABLE`.
    const TABLE_OPTIONS: &'static str = "";

    /// Where a database is. It may be deleted when this is dropped.
    type Place: Send + Sync + 'static;

    /// The place of a new database without tables.
    fn empty() -> Self::Place;

    fn execute(place: &Self::Place, statements: &str);

    fn open(
        place: &Self::Place,
        tables: TableMap,
    ) -> impl Future<Output = Result<SqlStorage<Self>, OpenError>> + Send;

    /// A name in quotes.
    fn quoted(name: &str) -> String {
        match Self::ENGINE {
            Engine::Sqlite | Engine::Postgres => format!("\"{name}\""),
            Engine::Mysql => format!("`{name}`"),
        }
    }
}

/// The stores in a new database.
pub(crate) struct Opened<D: Driver> {
    pub(crate) database: SqlStorage<D>,
    pub(crate) place: D::Place,
}

impl<D: Driver> Opened<D> {
    /// Our own tables.
    pub(crate) async fn open() -> Self {
        Self::open_at(D::empty(), TableMap::crossauth()).await
    }

    /// Tables created by `ddl`.
    pub(crate) async fn mapped(tables: TableMap, ddl: &str) -> Self {
        let place = D::empty();
        D::execute(&place, ddl);
        Self::open_at(place, tables).await
    }

    pub(crate) async fn open_at(place: D::Place, tables: TableMap) -> Self {
        Self { database: D::open(&place, tables).await.unwrap(), place }
    }

    pub(crate) fn storage(&self) -> Storage {
        self.database.storage()
    }

    pub(crate) fn sql(&self, statements: &str) {
        D::execute(&self.place, statements);
    }
}

/// Generates the tests that hold for every driver, or those that are listed.
macro_rules! driver_tests {
    ($driver:ty: $($module:ident: $($rule:ident)+;)+) => {$($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $rule() {
            $crate::$module::$rule::<$driver>().await;
        }
    )+)+};
    ($driver:ty) => {
        $crate::opened::driver_tests! { $driver:
            audit:
                g4_a_changed_a_removed_and_a_swapped_event_are_found
                g4_rows_that_cannot_be_decoded_stop_neither_chain_nor_verification_nor_lists
                g4_personal_data_that_is_removed_without_a_record_is_found
                g5_an_act_of_an_administrator_that_cannot_be_recorded_does_not_happen;
            driver:
                constraint_violation_rolls_back_the_whole_transaction
                failed_statement_rolls_the_transaction_back_whatever_the_body_returns
                panic_in_a_body_rolls_back
                scan_without_a_limit_is_a_bug
                closed_database_accepts_no_writes
                stores_and_statements_of_an_application_are_committed_together
                error_of_an_application_undoes_what_the_stores_did
                failure_of_a_store_fails_the_transaction_of_an_application;
            expiry:
                expiry_is_exact;
            foreign:
                names_that_are_addresses_of_others_are_found_by_the_query_of_the_guide;
            mapped:
                collations_of_a_language_find_no_other_account
                ids_of_every_type_identify_users
                numbers_beyond_the_type_of_the_column_identify_no_user
                text_is_tried_as_a_number_if_configured
                usernames_may_be_ids
                columns_of_joined_tables_are_fields
                joined_columns_never_replace_those_of_users
                every_table_and_column_may_have_another_name
                times_in_every_form_are_compared_and_read_back
                local_times_follow_the_clock_changes_of_their_zone;
            opening:
                concurrent_migrations_succeed
                newer_schema_is_refused;
            unreadable:
                session_of_an_older_epoch_is_not_kept;
            upstream:
                databases_of_upstream_are_served_in_place;
        }
    };
}
pub(crate) use driver_tests;
