//! Mapped tables.

use crossauth_storage_sql::TableMap;
use crossauth_testkit::upstream::Engine;

use super::MysqlDatabase;
use crate::mapped::{Open, Opened, mapped_tests};

struct Mysql;

impl Open for Mysql {
    const ENGINE: Engine = Engine::Mysql;

    async fn open(map: TableMap, sql: &str) -> Opened {
        let opened = MysqlDatabase::mapped(map, sql).await;
        let (storage, warnings) = (opened.storage(), opened.database.warnings().to_vec());
        Opened { storage, warnings, sql: Box::new(move |sql| opened.sql(sql)) }
    }
}

mapped_tests!(Mysql);
