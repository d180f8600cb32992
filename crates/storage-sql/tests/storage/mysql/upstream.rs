//! Databases of upstream as applications have them.

use crossauth_testkit::upstream::{Engine, Upstream};

use super::MysqlDatabase;
use crate::upstream;

async fn open(upstream: Upstream) -> MysqlDatabase {
    MysqlDatabase::mapped(upstream::table_map(upstream), &upstream::sql(upstream)).await
}

#[tokio::test]
async fn databases_of_upstream_are_served_in_place() {
    for upstream in Upstream::on(Engine::Mysql) {
        let opened = open(upstream).await;
        upstream::is_served_in_place(&opened.storage(), upstream).await;
    }
}
