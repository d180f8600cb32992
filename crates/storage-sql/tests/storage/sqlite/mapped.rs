//! Mapped tables.

use crossauth_storage_sql::TableMap;
use crossauth_testkit::upstream::Engine;

use super::SqliteFile;
use crate::mapped::{Open, Opened, mapped_tests};

struct Sqlite;

impl Open for Sqlite {
    const ENGINE: Engine = Engine::Sqlite;

    async fn open(map: TableMap, sql: &str) -> Opened {
        let opened = SqliteFile::mapped(map, sql).await;
        let (storage, warnings) = (opened.storage(), opened.database.warnings().to_vec());
        Opened { storage, warnings, sql: Box::new(move |sql| opened.sql(sql)) }
    }
}

mapped_tests!(Sqlite);
