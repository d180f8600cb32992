//! Sessions on a server whose time zone and SQL mode are unusual: that of the tests.

use super::{MysqlDatabase, foreign};
use crate::expiry;

#[tokio::test]
async fn expiry_is_exact() {
    expiry::is_exact(&MysqlDatabase::open().await.storage()).await;
}

#[tokio::test]
async fn expiry_in_times_of_the_database_is_exact() {
    for time in ["datetime(6)", "datetime(3)", "timestamp(3) NULL", "bigint"] {
        let schema = foreign::Schema { time, ..foreign::CROSSAUTHJS };
        expiry::is_exact(&foreign::open(&schema).await.storage()).await;
    }
}
