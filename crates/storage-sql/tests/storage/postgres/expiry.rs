//! Sessions where the settings of the server are other than usual.

use crossauth_storage_sql::TableMap;
use crossauth_testkit::postgres::server;

use super::PostgresSchema;
use crate::expiry;
use crate::foreign::Schema;
use crate::opened::Driver as _;
use crossauth_storage_sql::postgres::Postgres;

/// A role whose settings differ from the defaults in whatever could change how times, numbers or text
/// are written, read or compared, or when changes of others are seen.
fn odd_role(address: &str) -> String {
    server().execute(
        address,
        "DO $$ BEGIN
             IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'odd') THEN
                 CREATE ROLE odd SUPERUSER LOGIN;
             END IF;
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;",
    );
    let settings = "-c TimeZone=America/St_Johns -c DateStyle=German,DMY -c \
                    IntervalStyle=sql_standard -c extra_float_digits=-10 -c bytea_output=escape -c \
                    default_transaction_isolation=serializable -c array_nulls=off -c \
                    transform_null_equals=on -c ";
    let address = address.replace("user=postgres", "user=odd");
    address.replace("options='-c ", &format!("options='{settings}"))
}

async fn open_as_odd(opened: PostgresSchema, tables: TableMap) -> PostgresSchema {
    PostgresSchema::open_at(odd_role(&opened.place), tables).await
}

mod own {
    use super::*;

    async fn empty_storage() -> PostgresSchema {
        open_as_odd(PostgresSchema::open().await, TableMap::crossauth()).await
    }

    crossauth_testkit::key_store_tests!(empty_storage);
    crossauth_testkit::session_store_tests!(empty_storage);

    #[tokio::test]
    async fn expiry_is_exact() {
        expiry::is_exact(&empty_storage().await.storage()).await;
    }
}

mod pycrossauth {
    use super::*;

    async fn empty_storage() -> PostgresSchema {
        open_as_odd(
            PostgresSchema::of_upstream(&Postgres::PYCROSSAUTH).await,
            TableMap::pycrossauth(),
        )
        .await
    }

    crossauth_testkit::key_store_tests!(empty_storage);
    crossauth_testkit::session_store_tests!(empty_storage);

    #[tokio::test]
    async fn expiry_is_exact() {
        expiry::is_exact(&empty_storage().await.storage()).await;
    }
}

/// In the type of the database that has a zone.
#[tokio::test]
async fn expiry_in_timestamps_with_a_zone_is_exact() {
    let schema = Schema { time: "timestamptz", ..Postgres::CROSSAUTHJS };
    let opened =
        open_as_odd(PostgresSchema::of_upstream(&schema).await, TableMap::crossauthjs()).await;
    expiry::is_exact(&opened.storage()).await;
}
