//! An LDAP server that follows a script, for what a proper server does not do: answers that are
//! malformed, endless, late or for another request, connections that break off, TLS that is not
//! offered; and, as [`ActiveDirectory`], for what only Active Directory does.
//!
//! ```no_run
//! use crossauth_testkit::ldap::{Action, Answer, Encryption, Server};
//!
//! // Accepts every password, and finds nothing.
//! let server = Server::start(Encryption::None, |request| {
//!     vec![Action::Send(Answer::result(request, 0, "").encode())]
//! });
//! assert_eq!(server.requests(), []);
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "a server that does not start panics")]

mod active;
mod answer;
pub mod ber;
mod connection;
mod filter;
mod request;

use std::collections::HashMap;
use std::fmt;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

pub use active::{ActiveDirectory, Person};
pub use answer::{Answer, PASSWORD_POLICY, nested};
pub use request::{Operation, PASSWORD_MODIFY, Request, START_TLS};

use crate::authority::Authority;
use connection::Connection;

/// How connections are encrypted.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Encryption<'a> {
    /// Not at all.
    None,
    /// If the script answers to StartTLS by [`Action::StartTls`].
    StartTls(&'a Authority),
    /// From the beginning.
    Implicit(&'a Authority),
}

/// What the server does after a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Sends these octets.
    Send(Vec<u8>),
    /// Sends these octets again and again, until the client closes the connection.
    Repeat(Vec<u8>),
    /// Sends these octets one by one, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Goes on with TLS.
    StartTls,
    /// Does nothing more on this connection, until the client closes it.
    Wait,
    /// Closes the connection.
    Close,
}

impl From<Answer> for Action {
    fn from(answer: Answer) -> Self {
        Self::Send(answer.encode())
    }
}

type Script = dyn Fn(&Request) -> Vec<Action> + Send + Sync;

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    tls: connection::Tls,
    is_over: AtomicBool,
    accepted: AtomicUsize,
    sent: AtomicUsize,
    open: Mutex<HashMap<usize, TcpStream>>,
    requests: Mutex<Vec<Request>>,
}

impl Server {
    /// Starts a server on a free port of the loopback interface.
    pub fn start(
        encryption: Encryption<'_>,
        script: impl Fn(&Request) -> Vec<Action> + Send + Sync + 'static,
    ) -> Self {
        Self::start_at(0, encryption, script)
    }

    /// Starts a server on this port, such as that of one that has ended.
    pub fn start_at(
        port: u16,
        encryption: Encryption<'_>,
        script: impl Fn(&Request) -> Vec<Action> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            tls: connection::Tls::new(encryption),
            is_over: AtomicBool::new(false),
            accepted: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            open: Mutex::default(),
            requests: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Self { port, shared }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL, without or with TLS from the beginning.
    pub fn url(&self) -> String {
        let scheme = if self.shared.tls.is_implicit() { "ldaps" } else { "ldap" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The requests so far, in their order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().clone()
    }

    /// The names of the binds so far, in their order.
    pub fn binds(&self) -> Vec<String> {
        let requests = self.shared.requests.lock();
        requests.iter().filter_map(Request::bind_name).map(str::to_owned).collect()
    }

    /// The number of connections so far.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// The number of connections that the client has not closed.
    pub fn open(&self) -> usize {
        self.shared.open.lock().len()
    }

    /// The number of octets that the clients have taken so far.
    pub fn sent(&self) -> usize {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Breaks off all connections, as a firewall or a restart does.
    pub fn break_off(&self) {
        for stream in self.shared.open.lock().values() {
            // The client may have closed it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts connections, which then closes the port.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.break_off();
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((stream, _)) = listener.accept() {
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            let number = self.accepted.fetch_add(1, Ordering::SeqCst) + 1;
            self.open.lock().insert(number, stream.try_clone().unwrap());
            let shared = Arc::clone(self);
            thread::spawn(move || {
                // A connection that fails is closed, which is all that a client can notice.
                let _ = shared.serve(number, stream);
                shared.open.lock().remove(&number);
            });
        }
    }

    fn serve(&self, number: usize, stream: TcpStream) -> std::io::Result<()> {
        let mut connection = Connection::new(stream, &self.tls, &self.sent)?;
        loop {
            let message = ber::Element::read(&mut connection)?;
            let is_encrypted = connection.is_encrypted();
            let Some(request) = Request::parse(&message, number, is_encrypted) else {
                return Ok(());
            };
            self.requests.lock().push(request.clone());
            if request.operation == Operation::Unbind {
                return Ok(());
            }
            for action in (self.script)(&request) {
                match action {
                    Action::Send(octets) => connection.send(&octets)?,
                    Action::Repeat(octets) => loop {
                        connection.send(&octets)?;
                    },
                    Action::Drip(octets, pause) => connection.drip(&octets, pause)?,
                    Action::StartTls => connection.start_tls(&self.tls)?,
                    Action::Wait => return connection.wait(),
                    Action::Close => return Ok(()),
                }
            }
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
