//! Connections that are lost while they are idle, for every database server (field report 38).

use std::future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossauth_core::key::Key;
use crossauth_core::storage::StorageErrorKind;
use crossauth_storage_sql::SqlStorage;
use crossauth_storage_sql::database::{Database, Statement};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, watch};
use tokio::task::AbortHandle;

use crate::driver::NOW;

/// How many connections are lost.
const CONNECTIONS: usize = 10;

/// How long the pool waits for a server that is silent.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// Passes connections on to a server of the loopback interface.
pub(crate) struct Proxy {
    port: u16,
    passed: Arc<Mutex<Vec<AbortHandle>>>,
    silence: watch::Sender<()>,
}

impl Proxy {
    pub(crate) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let passed = Arc::new(Mutex::new(Vec::new()));
        let (silence, _) = watch::channel(());
        let started = Self { port, passed: Arc::clone(&passed), silence: silence.clone() };
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                // Dropping it resets the connection.
                client.set_zero_linger().unwrap();
                let mut silenced = silence.subscribe();
                let task = tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        // The sockets stay open.
                        _ = silenced.changed() => future::pending().await,
                    }
                });
                passed.lock().unwrap().push(task.abort_handle());
            }
        });
        started
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Resets every connection; returns their number.
    pub(crate) fn reset(&self) -> usize {
        let passed = std::mem::take(&mut *self.passed.lock().unwrap());
        passed.iter().for_each(AbortHandle::abort);
        passed.len()
    }

    /// Passes nothing on any more over the present connections, which stay open, as after a failure
    /// of the network or of the machine of the server.
    pub(crate) fn silence(&self) {
        self.silence.send(()).unwrap();
    }
}

/// After all connections fell silent, one call fails, and those after it succeed: not each connection
/// costs a call.
pub(crate) async fn silence_fails_one_call<D: Database>(opened: &SqlStorage<D>, proxy: &Proxy) {
    let storage = opened.storage();
    open_all(opened.database()).await;
    storage.keys.insert(&Key::new("s:silent", None, NOW)).await.unwrap();
    assert!(storage.sessions.find("s:silent").await.unwrap().is_some());
    proxy.silence();
    let failed = storage.sessions.find("s:silent").await.unwrap_err();
    assert_eq!(failed.kind, StorageErrorKind::Unavailable);
    for _ in 0..CONNECTIONS {
        assert!(storage.sessions.find("s:silent").await.unwrap().is_some());
    }
    open_all(opened.database()).await;
    proxy.silence();
    let failed = storage.keys.insert(&Key::new("s:late", None, NOW)).await.unwrap_err();
    assert_eq!(failed.kind, StorageErrorKind::Unavailable);
    storage.keys.insert(&Key::new("s:later", None, NOW)).await.unwrap();
}

/// After `cut`, which ends all connections, the next calls succeed at the first try: one alone, and a
/// hundred at once.
pub(crate) async fn next_calls_succeed<D: Database>(opened: &SqlStorage<D>, cut: impl Fn()) {
    let (keys, sessions) = (opened.storage().keys, opened.storage().sessions);
    open_all(opened.database()).await;
    cut();
    assert!(sessions.find("s:absent").await.unwrap().is_none());
    open_all(opened.database()).await;
    cut();
    keys.insert(&Key::new("s:first", None, NOW)).await.unwrap();
    for round in 0..3 {
        open_all(opened.database()).await;
        cut();
        let calls: Vec<_> = (0..100)
            .map(|number| {
                let (keys, sessions) = (Arc::clone(&keys), Arc::clone(&sessions));
                tokio::spawn(async move {
                    if number % 2 == 0 {
                        assert!(sessions.find("s:first").await.unwrap().is_some());
                    } else {
                        let value = format!("s:{round}-{number}");
                        keys.insert(&Key::new(value, None, NOW)).await.unwrap();
                    }
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
    }
}

/// Opens as many connections as the pool has, and returns them to it.
async fn open_all(database: &impl Database) {
    let all = Arc::new(Barrier::new(CONNECTIONS));
    let users = (0..CONNECTIONS).map(|_| {
        let (database, all) = (database.clone(), Arc::clone(&all));
        tokio::spawn(async move {
            let statement = Statement::new("SELECT 1");
            let use_one =
                database.transaction((statement, all), |transaction, (statement, all)| {
                    Box::pin(async move {
                        assert!(transaction.exists(statement, &[]).await?);
                        all.wait().await;
                        Ok(())
                    })
                });
            use_one.await.unwrap();
        })
    });
    for user in users.collect::<Vec<_>>() {
        user.await.unwrap();
    }
}
