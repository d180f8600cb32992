//! Counts how often the use of a database waits for the server, for every database.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crossauth_core::audit::Act;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{KeyPlace, SessionStart, Started, Storage};
use crossauth_core::user::{NewUser, StateChecks, UserSecrets};
use crossauth_testkit::storage::create_user;

use crate::driver::NOW;

/// Stands between the driver and the server, and counts how often the driver speaks after the
/// server.
pub(crate) struct Counter(Arc<AtomicUsize>);

impl Counter {
    /// Listens at the socket `own`, and passes on to the socket of the server.
    pub(crate) fn start(own: &Path, server: PathBuf) -> Self {
        let listener = UnixListener::bind(own).unwrap();
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&turns);
        thread::spawn(move || {
            for client in listener.incoming() {
                pass_on(client.unwrap(), UnixStream::connect(&server).unwrap(), &counted);
            }
        });
        Self(turns)
    }

    /// The number since the last call.
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

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

/// Starts sessions in this number of round trips, and checks them in one. `odd` is the value of the
/// last.
pub(crate) async fn session_starts_in(
    round_trips: usize,
    storage: &Storage,
    counter: &Counter,
    odd: &str,
) {
    let bob = create_user(storage, &NewUser::named("bob"), &UserSecrets::default()).await;
    let log = crate::audit::auth(storage).audit;
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
    assert_eq!(counter.take(), round_trips);
    assert!(storage.sessions.find("s:3").await.unwrap().is_some());
    assert_eq!(counter.take(), 1);
    assert!(storage.sessions.find("s:2").await.unwrap().is_none());
    // No value can end its literal.
    begin(odd, None).await;
    let found = storage.sessions.find(odd).await.unwrap().unwrap();
    assert_eq!(found.admit(StateChecks::ALL).unwrap().0.value, odd);
}
