//! Connections to the servers: how many there are, which server is used, and which connections are
//! kept.

mod failures;
mod health;
mod place;

use std::time::Duration;

use crossauth_core::directory::{DirectoryError, DirectoryErrorKind};
use crossauth_core::secret::Password;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tracing::warn;

use crate::connection::{Connection, Limits, Results, connect};
use crate::dn::Key;
use crate::error::{is_outage, of_result, trouble};
use crate::message::{Outcome, Search};
use crate::policy;
use crate::server::{Server, connector, servers};
use crate::{OpenError, Options, ServiceAccount};
use failures::Failures;
use health::{Admission, Health};
pub(crate) use place::Place;
use place::Places;

/// After this time, servers and firewalls may have forgotten a connection.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// The servers, and connections to them.
pub(crate) struct Pool {
    members: Vec<Member>,
    tls: Option<TlsConnector>,
    service: Option<ServiceAccount>,
    limits: Limits,
    permits: Semaphore,
    places: Places,
    acquire_timeout: Duration,
    idle: Mutex<Vec<Idle>>,
}

/// A server, and what happened to it. Each kind of calls has a health of its own: where the passwords of
/// users are verified or changed slowly, searches may work, and where searches fail, passwords are not
/// asked for.
struct Member {
    server: Server,
    searches: Mutex<Health>,
    binds: Mutex<Health>,
    changes: Mutex<Health>,
}

impl Member {
    fn new(server: Server) -> Self {
        let (searches, binds, changes) = <_>::default();
        Self { server, searches, binds, changes }
    }

    fn health(&self, call: Call) -> &Mutex<Health> {
        match call {
            Call::Search => &self.searches,
            Call::Bind => &self.binds,
            Call::Change => &self.changes,
        }
    }
}

/// What a server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// A search as the service account.
    Search,
    /// A bind as a user.
    Bind,
    /// A change of a password.
    Change,
}

/// A connection of the service account: the only kind that is kept. It is never used for a user.
pub(crate) struct Service {
    pub(crate) connection: Connection,
    /// The number of the server.
    pub(crate) server: usize,
}

struct Idle {
    service: Service,
    since: Instant,
}

/// The right to use connections, until it is dropped.
pub(crate) struct Turn<'p> {
    pool: &'p Pool,
    _permit: SemaphorePermit<'p>,
}

/// A connection on which a user has authenticated, or tried to.
pub(crate) struct Bound {
    pub(crate) connection: Connection,
    /// What the server says about the password.
    pub(crate) outcome: Outcome,
    /// The number of the server.
    server: usize,
    /// The name of the entry.
    key: Key,
}

impl Pool {
    pub(crate) fn new(options: &Options) -> Result<Self, OpenError> {
        let servers = servers(options)?;
        let tls = connector(&servers, options.ca.as_deref())?;
        Ok(Self {
            members: servers.into_iter().map(Member::new).collect(),
            tls,
            service: options.service.clone(),
            limits: Limits {
                connect_timeout: options.connect_timeout,
                operation_timeout: options.operation_timeout,
                max_entry_size: options.max_entry_size,
            },
            permits: Semaphore::new(options.connections),
            places: Places::new(options.connections),
            acquire_timeout: options.acquire_timeout,
            idle: Mutex::default(),
        })
    }

    /// Waits until connections may be used.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, DirectoryError> {
        match timeout(self.acquire_timeout, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(Turn { pool: self, _permit: permit }),
            Ok(Err(_)) | Err(_) => Err(DirectoryError::new(
                DirectoryErrorKind::Busy,
                format!("no connection became free within {:?}", self.acquire_timeout),
            )),
        }
    }

    /// Waits for a place among the logins of an entry. The turn is for others in the meantime.
    pub(crate) async fn seat<'p>(
        &'p self,
        turn: Turn<'p>,
        key: Key,
    ) -> Result<(Turn<'p>, Place<'p>), DirectoryError> {
        let mut place = self.places.queue(key);
        if place.is_taken() {
            return Ok((turn, place));
        }
        drop(turn);
        place.wait(self.acquire_timeout).await?;
        Ok((self.turn().await?, place))
    }

    pub(crate) const fn service(&self) -> Option<&ServiceAccount> {
        self.service.as_ref()
    }

    pub(crate) fn servers(&self) -> impl Iterator<Item = &Server> {
        self.members.iter().map(|member| &member.server)
    }

    /// A new connection to one server, for reports.
    pub(crate) async fn connect(&self, server: &Server) -> Result<Connection, DirectoryError> {
        connect(server, self.tls.as_ref(), self.limits).await
    }

    /// Authenticates as the service account, if there is one.
    pub(crate) async fn authenticate(
        &self,
        connection: &mut Connection,
    ) -> Result<(), DirectoryError> {
        let Some(account) = &self.service else { return Ok(()) };
        let outcome = connection.bind(&account.dn, &account.password).await?;
        if outcome.code == 0 {
            return Ok(());
        }
        let what = format!("{}: authentication as {}", connection.url(), account.dn);
        let mut error = of_result(&what, outcome.code, &outcome.text);
        // Also if the name is wrong, or the account is locked.
        if !matches!(error.kind, DirectoryErrorKind::Unreachable | DirectoryErrorKind::TimedOut) {
            error.kind = DirectoryErrorKind::ServiceAccount;
        }
        Err(error)
    }

    /// The numbers of the servers to try, in this order; an error if none is.
    fn order(&self, call: Call) -> Result<Vec<usize>, DirectoryError> {
        let now = Instant::now();
        let pause = self.limits.connect_timeout + self.limits.operation_timeout;
        let (mut first, mut last, mut reason) = (Vec::new(), Vec::new(), None);
        for (index, member) in self.members.iter().enumerate() {
            match member.health(call).lock().admit(now, pause) {
                Admission::First => first.push(index),
                Admission::Last => last.push(index),
                Admission::Refused(error) => {
                    let url = &member.server.url;
                    let message = format!("{url}: not tried again yet: {}", error.message);
                    reason = Some(DirectoryError { message, ..error });
                }
            }
        }
        first.append(&mut last);
        match reason {
            Some(error) if first.is_empty() => Err(error),
            Some(_) | None => Ok(first),
        }
    }

    /// The numbers of the servers that can be tried for a change, and for what it begins with.
    fn order_of_change(&self, first: Call) -> Result<Vec<usize>, DirectoryError> {
        let able = self.order(Call::Change)?;
        let mut order = self.order(first)?;
        order.retain(|server| able.contains(server));
        if order.is_empty() {
            let problem = "no server can be tried again yet";
            return Err(DirectoryError::new(DirectoryErrorKind::TimedOut, problem));
        }
        Ok(order)
    }

    fn succeeded(&self, server: usize, call: Call) {
        *self.members[server].health(call).lock() = Health::default();
    }

    /// `about` is the entry that was asked for, if it may be the cause.
    fn failed(&self, server: usize, call: Call, error: &DirectoryError, about: Option<&Key>) {
        warn!("a directory server failed: {}", error.message);
        if call == Call::Search {
            self.idle.lock().retain(|idle| idle.service.server != server);
        }
        self.members[server].health(call).lock().fail(Instant::now(), error, about);
    }

    /// A connection that was used before, and is likely to work.
    fn take_idle(&self) -> Option<Service> {
        let mut idle = self.idle.lock();
        idle.retain(|idle| idle.since.elapsed() < MAX_IDLE);
        idle.pop().map(|idle| idle.service)
    }

    async fn open_service(&self, server: usize) -> Result<Service, DirectoryError> {
        let mut connection = self.connect(&self.members[server].server).await?;
        self.authenticate(&mut connection).await?;
        Ok(Service { connection, server })
    }
}

impl Turn<'_> {
    /// Searches as the service account, on a kept connection if there is one. Tries other connections
    /// and servers if one fails: a search may be repeated.
    pub(crate) async fn search(&self, search: &Search) -> Result<Results, DirectoryError> {
        while let Some(service) = self.pool.take_idle() {
            let server = service.server;
            match self.search_on(service, search).await {
                // The server may end a kept connection at any time: that says nothing about it.
                Err(error) if error.kind == DirectoryErrorKind::Unreachable => {}
                Err(error) if is_outage(&error) => {
                    self.pool.failed(server, Call::Search, &error, None);
                    break;
                }
                found => return found,
            }
        }
        let mut failures = Failures::default();
        for server in self.pool.order(Call::Search)? {
            let found = match self.pool.open_service(server).await {
                Ok(service) => self.search_on(service, search).await,
                Err(error) => Err(error),
            };
            match found {
                Ok(found) => return Ok(found),
                Err(error) => {
                    self.note(server, Call::Search, &error);
                    failures.add_outage(error)?;
                }
            }
        }
        Err(failures.into_error())
    }

    /// Searches on a connection, and keeps it if it may be used again.
    async fn search_on(
        &self,
        mut service: Service,
        search: &Search,
    ) -> Result<Results, DirectoryError> {
        let found = service.connection.search(search).await?;
        let outcome = &found.outcome;
        if let Some(error) = trouble(service.connection.url(), outcome.code, &outcome.text) {
            return Err(error);
        }
        self.pool.succeeded(service.server, Call::Search);
        self.pool.idle.lock().push(Idle { service, since: Instant::now() });
        Ok(found)
    }

    /// A new connection that is authenticated as the service account, for a change.
    pub(crate) async fn service_for_change(&self) -> Result<Service, DirectoryError> {
        let mut failures = Failures::default();
        for server in self.pool.order_of_change(Call::Search)? {
            match self.pool.open_service(server).await {
                Ok(service) => return Ok(service),
                Err(error) => {
                    self.note(server, Call::Search, &error);
                    failures.add_outage(error)?;
                }
            }
        }
        Err(failures.into_error())
    }

    /// Authenticates on a new connection, which is never kept for others. Only a server that cannot
    /// answer is replaced by another one. [`ended`](Self::ended) says how it went on.
    pub(crate) async fn bind(
        &self,
        dn: &str,
        password: &Password,
        purpose: Call,
    ) -> Result<Bound, DirectoryError> {
        let (key, mut failures) = (Key::of(dn), Failures::default());
        let order = match purpose {
            Call::Change => self.pool.order_of_change(Call::Bind)?,
            Call::Bind | Call::Search => self.pool.order(Call::Bind)?,
        };
        for server in order {
            let (error, about) = match self.pool.connect(&self.pool.members[server].server).await {
                Ok(connection) => match Self::bind_on(connection, dn, password).await {
                    Ok((connection, outcome)) => {
                        return Ok(Bound { connection, outcome, server, key });
                    }
                    Err(error) => (error, Some(&key)),
                },
                Err(error) => (error, None),
            };
            if is_outage(&error) {
                self.pool.failed(server, Call::Bind, &error, about);
            }
            failures.add_outage(error)?;
        }
        Err(failures.into_error())
    }

    async fn bind_on(
        mut connection: Connection,
        dn: &str,
        password: &Password,
    ) -> Result<(Connection, Outcome), DirectoryError> {
        let outcome = connection.bind(dn, password).await?;
        let is_judged = !matches!(policy::judge(&outcome), Ok(None));
        match trouble(connection.url(), outcome.code, &outcome.text) {
            Some(error) if is_judged => drop(error),
            // It was not the service account that was refused.
            Some(error) if error.kind == DirectoryErrorKind::ServiceAccount => {
                return Err(DirectoryError { kind: DirectoryErrorKind::Protocol, ..error });
            }
            Some(error) => return Err(error),
            None => {}
        }
        Ok((connection, outcome))
    }

    /// What became of a connection of a user. A server that accepts passwords, and then does not answer
    /// on the same connection, is as useless as one that does not answer at all.
    pub(crate) fn ended(&self, bound: &Bound, call: Call, error: Option<&DirectoryError>) {
        if call == Call::Change {
            self.pool.succeeded(bound.server, Call::Bind);
        }
        self.ended_at(bound.server, call, &bound.key, error);
    }

    /// What became of a call about an entry.
    pub(crate) fn ended_at(
        &self,
        server: usize,
        call: Call,
        key: &Key,
        error: Option<&DirectoryError>,
    ) {
        match error {
            Some(error) if is_outage(error) => self.pool.failed(server, call, error, Some(key)),
            Some(_) | None => self.pool.succeeded(server, call),
        }
    }

    fn note(&self, server: usize, call: Call, error: &DirectoryError) {
        if is_outage(error) {
            self.pool.failed(server, call, error, None);
        }
    }
}
