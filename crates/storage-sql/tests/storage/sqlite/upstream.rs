//! Databases of upstream as applications have them.

use crossauth_storage_sql::sqlite::Options;
use crossauth_testkit::upstream::{Engine, Upstream};
use rusqlite::Connection;

use super::SqliteFile;
use crate::upstream;

async fn open(upstream: Upstream) -> SqliteFile {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    Connection::open(&path).unwrap().execute_batch(&upstream::sql(upstream)).unwrap();
    let options = Options { tables: upstream::table_map(upstream), ..Options::default() };
    SqliteFile { database: options.open(path).await.unwrap(), directory }
}

#[tokio::test]
async fn databases_of_upstream_are_served_in_place() {
    for upstream in Upstream::on(Engine::Sqlite) {
        let opened = open(upstream).await;
        upstream::is_served_in_place(&opened.storage(), upstream).await;
    }
}
