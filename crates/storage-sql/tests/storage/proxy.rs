//! Counts how often the use of a database waits for the server, for every database.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

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
