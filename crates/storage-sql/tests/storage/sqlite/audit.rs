//! The audit log.

use crossauth_storage_sql::sqlite::Options;

use super::SqliteFile;
use crate::audit;

#[tokio::test]
async fn g4_a_changed_a_removed_and_a_swapped_event_are_found() {
    let opened = SqliteFile::open(Options::default()).await;
    audit::tampering_is_found(&opened.storage(), |sql| opened.sql(sql)).await;
}

#[tokio::test]
async fn g4_rows_that_cannot_be_decoded_stop_neither_chain_nor_verification_nor_lists() {
    let opened = SqliteFile::open(Options::default()).await;
    audit::unreadable_rows_stop_nothing(&opened.storage(), |sql| opened.sql(sql)).await;
}

#[tokio::test]
async fn g4_personal_data_that_is_removed_without_a_record_is_found() {
    let opened = SqliteFile::open(Options::default()).await;
    audit::personal_data_that_is_removed_is_found(&opened.storage(), |sql| opened.sql(sql)).await;
}

#[tokio::test]
async fn g5_an_act_of_an_administrator_that_cannot_be_recorded_does_not_happen() {
    let opened = SqliteFile::open(Options::default()).await;
    let broken = async || opened.sql("ALTER TABLE crossauth_audit RENAME TO lost");
    let repair = async || opened.sql("ALTER TABLE lost RENAME TO crossauth_audit");
    audit::broken_log_stops_acts_of_administrators(&opened.storage(), broken, repair).await;
}
