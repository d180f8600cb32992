//! How often a use of the database waits for the server.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{SessionStart, Started};
use crossauth_core::user::{NewUser, StateChecks, UserSecrets};
use crossauth_storage_sql::TableMap;
use crossauth_testkit::postgres::server;
use crossauth_testkit::storage::create_user;
use tempfile::TempDir;

use super::PostgresSchema;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

// On one thread, so that statements which are sent together arrive together.
#[tokio::test]
async fn session_starts_in_five_round_trips_and_is_checked_in_one() {
    let counter = Counter::start();
    let opened = PostgresSchema::open_at(counter.address.clone(), TableMap::crossauth()).await;
    let storage = opened.storage();
    let bob = create_user(&storage, &NewUser::named("bob"), &UserSecrets::default()).await;
    let begin = async |value: &str, replaces: Option<&str>| {
        let start = SessionStart {
            key: &Key::new(value, Some(bob.id.clone()), NOW),
            replaces,
            must_replace: false,
            uses: None,
            credentials: None,
            checks: StateChecks::ALL,
            revoke: &[KeyPrefix::PasswordReset],
            issue: &[],
            send: &[],
            audit: &[],
        };
        assert!(matches!(storage.sessions.start(start).await.unwrap(), Started::Begun(_)));
    };
    // Statements are prepared at their first use.
    begin("s:1", None).await;
    begin("s:2", Some("s:1")).await;
    storage.sessions.find("s:2").await.unwrap().unwrap();
    counter.take();
    begin("s:3", Some("s:2")).await;
    // BEGIN; the lock of the user; the user as of the lock; the session, the one that it replaces
    // and the links that it revokes, together; COMMIT.
    assert_eq!(counter.take(), 5);
    assert!(storage.sessions.find("s:3").await.unwrap().is_some());
    assert_eq!(counter.take(), 1);
    assert!(storage.sessions.find("s:2").await.unwrap().is_none());
}

/// Stands between the driver and the server, and counts how often the driver speaks after the
/// server.
struct Counter {
    address: String,
    turns: Arc<AtomicUsize>,
    _directory: TempDir,
}

impl Counter {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = server().empty_schema();
        let host = address.split_once("host=").unwrap().1.split(' ').next().unwrap().to_owned();
        let listener = UnixListener::bind(directory.path().join(SOCKET)).unwrap();
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&turns);
        let own = address.replace(&host, &directory.path().display().to_string());
        thread::spawn(move || {
            for client in listener.incoming() {
                let server = UnixStream::connect(Path::new(&host).join(SOCKET)).unwrap();
                pass_on(client.unwrap(), server, &counted);
            }
        });
        Self { address: own, turns, _directory: directory }
    }

    fn take(&self) -> usize {
        self.turns.swap(0, Ordering::SeqCst)
    }
}

const SOCKET: &str = ".s.PGSQL.5432";

fn pass_on(client: UnixStream, server: UnixStream, turns: &Arc<AtomicUsize>) {
    let server_spoke = Arc::new(AtomicBool::new(true));
    let (turns, spoke) = (Arc::clone(turns), Arc::clone(&server_spoke));
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        copy(from, to, || {
            turns.fetch_add(usize::from(spoke.swap(false, Ordering::SeqCst)), Ordering::SeqCst);
        });
    });
    thread::spawn(move || copy(server, client, || server_spoke.store(true, Ordering::SeqCst)));
}

fn copy(mut from: UnixStream, mut to: UnixStream, before_each: impl Fn()) {
    let mut buffer = [0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        before_each();
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The other side may have closed it already.
    let _ = to.shutdown(std::net::Shutdown::Both);
}
