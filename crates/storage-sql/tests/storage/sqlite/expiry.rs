//! Sessions at the edge of their expiry.

use crossauth_storage_sql::sqlite::Options;

use super::SqliteFile;
use crate::expiry;

#[tokio::test]
async fn expiry_is_exact() {
    expiry::is_exact(&SqliteFile::open(Options::default()).await.storage()).await;
}
