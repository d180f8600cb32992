//! Mapped tables with names, types and further tables as applications have them, for every database.

pub(crate) mod collation;
pub(crate) mod id;
pub(crate) mod join;
pub(crate) mod name;
pub(crate) mod time;

use crossauth_core::storage::Storage;
use crossauth_storage_sql::{OpenWarning, TableMap};
use crossauth_testkit::upstream::Engine;

/// A database that was opened.
pub(crate) struct Opened {
    pub(crate) storage: Storage,
    pub(crate) warnings: Vec<OpenWarning>,
    /// Runs SQL in it.
    pub(crate) sql: Box<dyn Fn(&str)>,
}

/// Opens databases of one engine.
pub(crate) trait Open {
    const ENGINE: Engine;

    /// Opens a new database with tables created by `sql`.
    async fn open(map: TableMap, sql: &str) -> Opened;
}

/// A name in quotes.
fn quoted<O: Open>(name: &str) -> String {
    match O::ENGINE {
        Engine::Sqlite | Engine::Postgres => format!("\"{name}\""),
        Engine::Mysql => format!("`{name}`"),
    }
}

/// Every test of mapped tables on the databases that a type opens.
macro_rules! mapped_tests {
    ($open:ty: $($module:ident::$test:ident,)+) => {
        $(
            #[tokio::test]
            async fn $test() {
                $crate::mapped::$module::$test::<$open>().await;
            }
        )+
    };
    ($open:ty) => {
        $crate::mapped::mapped_tests! { $open:
            collation::collations_of_a_language_find_no_other_account,
            id::ids_of_every_type_identify_users,
            id::numbers_beyond_the_type_of_the_column_identify_no_user,
            id::text_is_tried_as_a_number_if_configured,
            id::usernames_may_be_ids,
            join::columns_of_joined_tables_are_fields,
            join::joined_columns_never_replace_those_of_users,
            name::every_table_and_column_may_have_another_name,
            time::times_in_every_form_are_compared_and_read_back,
            time::local_times_follow_the_clock_changes_of_their_zone,
        }
    };
}

pub(crate) use mapped_tests;
