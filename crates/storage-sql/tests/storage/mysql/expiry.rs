//! Sessions on a server whose time zone and SQL mode are unusual: that of the tests.

use crossauth_storage_sql::mysql::Mysql;

use super::MysqlDatabase;
use crate::expiry;
use crate::foreign::Schema;
use crate::opened::Driver as _;

#[tokio::test]
async fn expiry_in_times_of_the_database_is_exact() {
    for time in ["datetime(6)", "datetime(3)", "timestamp(3) NULL", "bigint"] {
        let schema = Schema { time, ..Mysql::CROSSAUTHJS };
        expiry::is_exact(&MysqlDatabase::of_upstream(&schema).await.storage()).await;
    }
}
