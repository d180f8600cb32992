//! Connections.

use crossauth_storage_sql::database::{Database, Row, Statement};

use super::MysqlDatabase;

/// The server of the tests has other settings.
#[tokio::test]
async fn connections_do_not_depend_on_the_settings_of_the_server() {
    let opened = MysqlDatabase::open().await;
    let settings = Statement::new(
        "SELECT @@SESSION.sql_mode NOT LIKE '%ANSI_QUOTES%' \
             AND @@SESSION.sql_mode LIKE '%STRICT_ALL_TABLES%', \
         @@SESSION.time_zone = '+00:00', @@SESSION.autocommit, \
         @@SESSION.tx_isolation = 'READ-COMMITTED', 'a' <> 'A', \
         @@SESSION.innodb_lock_wait_timeout = 2 AND @@SESSION.lock_wait_timeout = 5, \
         @@GLOBAL.sql_mode LIKE '%ANSI_QUOTES%' AND @@GLOBAL.autocommit = 0",
    );
    let decode = |row: &dyn Row| (0..7).map(|column| row.value(column)?.integer()).collect();
    let found: Option<Vec<i64>> =
        opened.database.database().find(&settings, &[], decode).await.unwrap();
    assert_eq!(found, Some(vec![1; 7]));
}
