//! How often a use of the database waits for the server.

use crossauth_core::audit::Act;
use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{KeyPlace, SessionStart, Started};
use crossauth_core::user::{NewUser, StateChecks, UserSecrets};
use crossauth_storage_sql::TableMap;
use crossauth_testkit::postgres::server;
use crossauth_testkit::storage::create_user;

use super::PostgresSchema;
use crate::proxy::Counter;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

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
    let storage = opened.storage();
    let bob = create_user(&storage, &NewUser::named("bob"), &UserSecrets::default()).await;
    let log = crate::audit::auth(&storage).audit;
    let begin = async |value: &str, replaces: Option<&str>| {
        let start = SessionStart {
            key: &Key::new(value, Some(bob.id.clone()), NOW),
            place: KeyPlace::Here,
            replaces,
            must_replace: false,
            uses: None,
            credentials: None,
            checks: StateChecks::ALL,
            revoke: &[KeyPrefix::PasswordReset],
            issue: &[],
            send: &[],
            audit: &[log.event(Act::LoginSucceeded)],
        };
        assert!(matches!(storage.sessions.start(start).await.unwrap(), Started::Begun(_)));
    };
    // Statements are prepared at their first use.
    begin("s:1", None).await;
    begin("s:2", Some("s:1")).await;
    storage.sessions.find("s:2").await.unwrap().unwrap();
    counter.take();
    begin("s:3", Some("s:2")).await;
    // BEGIN, the lock of the user and the user as of the lock; the session, the end of the one that
    // it replaces and of the links that it revokes, the event, and COMMIT.
    assert_eq!(counter.take(), 2);
    assert!(storage.sessions.find("s:3").await.unwrap().is_some());
    assert_eq!(counter.take(), 1);
    assert!(storage.sessions.find("s:2").await.unwrap().is_none());
}
