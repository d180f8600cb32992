//! Accounts whose row cannot be decoded.

use super::MysqlDatabase;
use crate::unreadable::{self, Damage};

const DAMAGE: Damage = Damage {
    damage: "UPDATE crossauth_users SET extra = 'no JSON' WHERE username = 'bob'",
    repair: "UPDATE crossauth_users SET extra = NULL WHERE username = 'bob'",
};

#[tokio::test]
async fn account_that_cannot_be_decoded_is_logged_out_disabled_and_deleted() {
    let opened = MysqlDatabase::open().await;
    let sql = |statement: &str| opened.sql(statement);
    unreadable::is_logged_out_disabled_and_deleted(&opened.storage(), sql, DAMAGE).await;
}

#[tokio::test]
async fn administrator_who_cannot_be_decoded_does_not_count() {
    let opened = MysqlDatabase::open().await;
    let sql = |statement: &str| opened.sql(statement);
    unreadable::administrator_does_not_count(&opened.storage(), sql, DAMAGE).await;
}

#[tokio::test]
async fn session_of_an_older_epoch_is_not_kept() {
    let opened = MysqlDatabase::open().await;
    unreadable::outdated_session_is_not_kept(&opened.storage(), |sql| opened.sql(sql)).await;
}
