//! Databases of upstream as applications have them.

use crossauth_testkit::upstream::{Engine, Upstream};

use super::SqliteFile;
use crate::upstream;

#[tokio::test]
async fn databases_of_upstream_are_served_in_place() {
    for upstream in Upstream::on(Engine::Sqlite) {
        let (map, sql) = (upstream::table_map(upstream), upstream::sql(upstream));
        let opened = SqliteFile::mapped(map, &sql).await;
        upstream::is_served_in_place(&opened.storage(), upstream).await;
    }
}
