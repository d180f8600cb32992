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
use health::Health;

/// After this time, servers and firewalls may have forgotten a connection.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// The servers, and connections to them.
pub(crate) struct Pool {
    servers: Vec<(Server, Mutex<Health>)>,
    tls: Option<TlsConnector>,
    service: Option<ServiceAccount>,
    limits: Limits,
    permits: Semaphore,
    acquire_timeout: Duration,
    idle: Mutex<Vec<Idle>>,
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

impl Pool {
    pub(crate) fn new(options: &Options) -> Result<Self, OpenError> {
        let servers = servers(options)?;
        let tls = connector(&servers, options.ca.as_deref())?;
        Ok(Self {
            servers: servers.into_iter().map(|server| (server, Mutex::default())).collect(),
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
        self.servers.iter().map(|(server, _)| server)
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
    fn order(&self) -> Result<Vec<usize>, DirectoryError> {
        let now = Instant::now();
        let pause = self.limits.connect_timeout + self.limits.operation_timeout;
        let (mut first, mut last, mut reason) = (Vec::new(), Vec::new(), None);
        for (index, (server, health)) in self.servers.iter().enumerate() {
            match health.lock().admit(now, pause) {
                health::Admission::First => first.push(index),
                health::Admission::Last => last.push(index),
                health::Admission::Refused(error) => {
                    let message = format!("{}: not tried again yet: {}", server.url, error.message);
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

    fn succeeded(&self, server: usize) {
        *self.servers[server].1.lock() = Health::default();
    }

    fn failed(&self, server: usize, error: &DirectoryError) {
        warn!("a directory server failed: {}", error.message);
        self.idle.lock().retain(|idle| idle.service.server != server);
        self.servers[server].1.lock().fail(Instant::now(), error);
    }

    /// A connection that was used before, and is likely to work.
    fn take_idle(&self) -> Option<Service> {
        let mut idle = self.idle.lock();
        idle.retain(|idle| idle.since.elapsed() < MAX_IDLE);
        idle.pop().map(|idle| idle.service)
    }

    async fn open_service(&self, server: usize) -> Result<Service, DirectoryError> {
        let mut connection = self.connect(&self.servers[server].0).await?;
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
                    self.pool.failed(server, &error);
                    break;
                }
                found => return found,
            }
        }
        let mut failures = Failures::default();
        for server in self.pool.order()? {
            let found = match self.pool.open_service(server).await {
                Ok(service) => self.search_on(service, search).await,
                Err(error) => Err(error),
            };
            match found {
                Ok(found) => return Ok(found),
                Err(error) => {
                    self.note(server, &error);
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
        self.pool.succeeded(service.server);
        self.pool.idle.lock().push(Idle { service, since: Instant::now() });
        Ok(found)
    }

    /// A new connection that is authenticated as the service account, for a change.
    pub(crate) async fn service_connection(&self) -> Result<Connection, DirectoryError> {
        let mut failures = Failures::default();
        for server in self.pool.order()? {
            match self.pool.open_service(server).await {
                Ok(service) => return Ok(service.connection),
                Err(error) => {
                    self.note(server, &error);
                    failures.add_outage(error)?;
                }
            }
        }
        Err(failures.into_error())
    }

    /// Authenticates on a new connection, and returns it with what the server says. It is never kept
    /// for others. Only a server that cannot answer is replaced by another one.
    pub(crate) async fn bind(
        &self,
        dn: &str,
        password: &Password,
    ) -> Result<(Connection, Outcome), DirectoryError> {
        let mut failures = Failures::default();
        for server in self.pool.order()? {
            match self.bind_at(server, dn, password).await {
                Ok(bound) => {
                    self.pool.succeeded(server);
                    return Ok(bound);
                }
                Err(error) => {
                    self.note(server, &error);
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
        let mut connection = self.pool.connect(&self.pool.servers[server].0).await?;
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

    fn note(&self, server: usize, error: &DirectoryError) {
        if is_outage(error) {
            self.pool.failed(server, error);
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
