//! How often a use of the database waits for the server.

use crossauth_storage_sql::TableMap;
use crossauth_testkit::postgres::server;

use super::PostgresSchema;
use crate::proxy::{Counter, session_starts_in};

// On one thread, so that statements which are sent together arrive together.
#[tokio::test]
async fn session_starts_in_two_round_trips_and_is_checked_in_one() {
    let directory = tempfile::tempdir().unwrap();
    let address = server().empty_schema();
    let socket = server().socket();
    let (host, name) = (socket.parent().unwrap(), socket.file_name().unwrap());
    let counter = Counter::start(&directory.path().join(name), socket.clone());
    let host = host.display().to_string();
    let address = address.replace(&host, &directory.path().display().to_string());
    let opened = PostgresSchema::open_at(address, TableMap::crossauth()).await;
    // BEGIN, the lock of the user and the user as of the lock; the session, the end of the one that
    // it replaces and of the links that it revokes, the event, and COMMIT.
    session_starts_in(2, &opened.storage(), &counter, "s:'\\\"`?; -- ü \u{1f511}").await;
}
