//! How often a use of the database waits for the server.

use crossauth_storage_sql::TableMap;
use crossauth_testkit::mysql::server;

use super::MysqlDatabase;
use crate::proxy::{Counter, session_starts_in};

#[tokio::test]
async fn session_starts_in_three_round_trips_and_is_checked_in_one() {
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join("socket");
    let counter = Counter::start(&own, server().socket());
    let url = server().empty_database();
    let (database, _) = url.split_once('?').unwrap();
    let socket = own.display().to_string().replace('/', "%2F");
    let url = format!("{database}?socket={socket}");
    let opened = MysqlDatabase::open_at(url, TableMap::crossauth()).await;
    // START TRANSACTION; the user, whose row is locked; the session, the end of the one that it
    // replaces and of the links that it revokes, the event, and COMMIT, together.
    session_starts_in(3, &opened.storage(), &counter, "s:'\\\"`?; -- ü \u{1f511}\0").await;
}
