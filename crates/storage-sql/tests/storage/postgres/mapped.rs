//! Mapped tables.

use crossauth_storage_sql::TableMap;
use crossauth_testkit::upstream::Engine;

use super::PostgresSchema;
use crate::mapped::{Open, Opened, mapped_tests};

struct Postgres;

impl Open for Postgres {
    const ENGINE: Engine = Engine::Postgres;

    async fn open(map: TableMap, sql: &str) -> Opened {
        let opened = PostgresSchema::mapped(map, sql).await;
        let (storage, warnings) = (opened.storage(), opened.database.warnings().to_vec());
        Opened { storage, warnings, sql: Box::new(move |sql| opened.sql(sql)) }
    }
}

mapped_tests!(Postgres);
