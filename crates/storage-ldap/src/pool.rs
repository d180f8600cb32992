//! Connections to the servers: how many there are, which server is used, and which connections are
//! kept.

mod health;

use std::time::Duration;

use crossauth_core::directory::{DirectoryError, DirectoryErrorKind};
use crossauth_core::secret::Password;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tracing::warn;

use crate::connection::{Connection, Limits, Results, connect};
use crate::error::{is_outage, of_result, trouble};
use crate::message::{Outcome, Search};
use crate::policy;
use crate::server::{Server, connector, servers};
use crate::{OpenError, Options, ServiceAccount};
use health::{Admission, Health};

/// After this time, servers and firewalls may have forgotten a connection.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// The servers, and connections to them.
pub(crate) struct Pool {
    members: Vec<Member>,
    tls: Option<TlsConnector>,
    service: Option<ServiceAccount>,
    limits: Limits,
    permits: Semaphore,
    acquire_timeout: Duration,
    idle: Mutex<Vec<Idle>>,
}

/// A server, and what happened to it. The two kinds of calls have a health each: where the passwords of
/// users are verified slowly, searches may work, and where searches fail, passwords are not asked for.
struct Member {
    server: Server,
    searches: Mutex<Health>,
    binds: Mutex<Health>,
}

impl Member {
    fn new(server: Server) -> Self {
        Self { server, searches: Mutex::default(), binds: Mutex::default() }
    }

    fn health(&self, call: Call) -> &Mutex<Health> {
        match call {
            Call::Search => &self.searches,
            Call::Bind => &self.binds,
        }
    }
}

/// What a server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// A search, or another call as the service account.
    Search,
    /// A bind as a user.
    Bind,
}

/// A connection of the service account: the only kind that is kept. It is never used for a user.
struct Service {
    connection: Connection,
    /// The number of the server.
    server: usize,
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
    pub(crate) server: usize,
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

    fn succeeded(&self, server: usize, call: Call) {
        *self.members[server].health(call).lock() = Health::default();
    }

    fn failed(&self, server: usize, call: Call, error: &DirectoryError) {
        warn!("a directory server failed: {}", error.message);
        if call == Call::Search {
            self.idle.lock().retain(|idle| idle.service.server != server);
        }
        self.members[server].health(call).lock().fail(Instant::now(), error);
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
                    self.pool.failed(server, Call::Search, &error);
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
    pub(crate) async fn service_connection(&self) -> Result<Connection, DirectoryError> {
        let mut failures = Failures::default();
        for server in self.pool.order(Call::Search)? {
            match self.pool.open_service(server).await {
                Ok(service) => return Ok(service.connection),
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
    ) -> Result<Bound, DirectoryError> {
        let mut failures = Failures::default();
        for server in self.pool.order(Call::Bind)? {
            match self.bind_at(server, dn, password).await {
                Ok((connection, outcome)) => return Ok(Bound { connection, outcome, server }),
                Err(error) => {
                    self.note(server, Call::Bind, &error);
                    failures.add_outage(error)?;
                }
            }
        }
        Err(failures.into_error())
    }

    async fn bind_at(
        &self,
        server: usize,
        dn: &str,
        password: &Password,
    ) -> Result<(Connection, Outcome), DirectoryError> {
        let mut connection = self.pool.connect(&self.pool.members[server].server).await?;
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
    pub(crate) fn ended(&self, server: usize, error: Option<&DirectoryError>) {
        match error {
            Some(error) if is_outage(error) => self.pool.failed(server, Call::Bind, error),
            Some(_) | None => self.pool.succeeded(server, Call::Bind),
        }
    }

    fn note(&self, server: usize, call: Call, error: &DirectoryError) {
        if is_outage(error) {
            self.pool.failed(server, call, error);
        }
    }
}

/// The failures of several servers, as one error.
#[derive(Default)]
struct Failures(Vec<DirectoryError>);

impl Failures {
    /// Returns an error that another server would have, too.
    fn add_outage(&mut self, error: DirectoryError) -> Result<(), DirectoryError> {
        if !is_outage(&error) {
            return Err(error);
        }
        self.0.push(error);
        Ok(())
    }

    /// Of several kinds, those that have to be looked at by a person are named first.
    fn into_error(self) -> DirectoryError {
        use DirectoryErrorKind::{Certificate, Protocol, ServiceAccount, TimedOut, Unreachable};
        let is = |kind| self.0.iter().any(|error| error.kind == kind);
        let kind =
            [Certificate, ServiceAccount, Protocol, TimedOut].into_iter().find(|kind| is(*kind));
        let messages: Vec<_> = self.0.iter().map(|error| error.message.as_str()).collect();
        DirectoryError::new(kind.unwrap_or(Unreachable), messages.join("; "))
    }
}
