//! How often a use of the database waits for the server.

use crossauth_core::audit::Act;
use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{KeyPlace, SessionStart, Started};
use crossauth_core::user::{NewUser, StateChecks, UserSecrets};
use crossauth_storage_sql::TableMap;
use crossauth_testkit::mysql::server;
use crossauth_testkit::storage::create_user;

use super::MysqlDatabase;
use crate::proxy::Counter;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

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
    let storage = opened.storage();
    let bob = create_user(&storage, &NewUser::named("bob"), &UserSecrets::default()).await;
    let log = crate::audit::auth(&storage).audit;
    let begin = async |value: &str, replaces: Option<&str>| {
        let start = SessionStart {
            key: &Key::new(value, Some(bob.id.clone()), NOW),
            replaces,
            place: KeyPlace::Here,
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
    // START TRANSACTION; the user, whose row is locked; the session, the end of the one that it
    // replaces and of the links that it revokes, the event, and COMMIT, together.
    assert_eq!(counter.take(), 3);
    assert!(storage.sessions.find("s:3").await.unwrap().is_some());
    assert_eq!(counter.take(), 1);
    assert!(storage.sessions.find("s:2").await.unwrap().is_none());
    // No value can end its literal.
    let odd = "s:'\\\"`?; -- ü \u{1f511}\0";
    begin(odd, None).await;
    let found = storage.sessions.find(odd).await.unwrap().unwrap();
    assert_eq!(found.admit(StateChecks::ALL).unwrap().0.value, odd);
}
