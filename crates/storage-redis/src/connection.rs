//! The connection: multiplexed, reconnecting, and never waiting without bound.

mod sentinel;

use std::time::Duration;

use crossauth_core::storage::StorageError;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue, IntoConnectionInfo as _, Pipeline,
    ProtocolVersion, RedisError, RedisFuture, RedisResult, ScriptInvocation, TlsCertificates,
    TlsMode, Value,
};
use rustls::crypto::CryptoProvider;

use crate::{OpenError, Options};
use sentinel::{Sentinel, is_sentinel};

/// How often connecting is tried for one command.
const ATTEMPTS: usize = 2;

/// Time between two attempts to connect, at least.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection that all callers share.
#[derive(Clone)]
pub(crate) struct Connection {
    link: Link,
    /// Maximum time of a command, including connecting.
    limit: Duration,
}

#[derive(Clone)]
enum Link {
    Single(ConnectionManager),
    Sentinel(Sentinel),
    Cluster(ClusterConnection),
}

impl Connection {
    /// A connection to a server, to the master of a service, or to a cluster, which is made when it is
    /// used first.
    pub(crate) fn new(url: &str, options: &Options) -> Result<Self, OpenError> {
        let attempts = u32::try_from(ATTEMPTS).unwrap_or(u32::MAX);
        let limit = options.connection_timeout * attempts + options.response_timeout + PAUSE;
        Ok(Self { link: Link::new(url, options)?, limit })
    }

    /// Runs a script once.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StorageError> {
        let mut link = self.link.clone();
        self.limited(async move { script.invoke_async(&mut link).await }).await
    }

    /// Runs a command once.
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StorageError> {
        let mut link = self.link.clone();
        self.limited(async move { command.query_async(&mut link).await }).await
    }

    /// Runs a command that may run twice: again on a new connection if the server has closed this
    /// one, so that a restart of the server fails no request that comes after it.
    pub(crate) async fn read<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StorageError> {
        let mut link = self.link.clone();
        let reading = async move {
            match command.query_async(&mut link).await {
                Err(error) if error.is_connection_dropped() => command.query_async(&mut link).await,
                outcome => outcome,
            }
        };
        self.limited(reading).await
    }

    /// Whether the server refuses a command because the user may not use it or its names. Any other
    /// refusal of the command means that it is permitted.
    pub(crate) async fn is_forbidden(&self, command: &Cmd) -> Result<bool, StorageError> {
        let mut link = self.link.clone();
        let asking = async move {
            match command.query_async::<Value>(&mut link).await {
                Ok(_) => Ok(false),
                Err(error) => match error.code() {
                    Some("NOPERM") => Ok(true),
                    Some("ERR" | "NOSCRIPT" | "READONLY" | "MOVED" | "OOM" | "WRONGTYPE") => {
                        Ok(false)
                    }
                    Some(_) | None => Err(error),
                },
            }
        };
        self.limited(asking).await
    }

    /// Whether it is one to a cluster.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.link, Link::Cluster(_))
    }

    async fn limited<T>(
        &self,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, StorageError> {
        match tokio::time::timeout(self.limit, work).await {
            Ok(outcome) => outcome.map_err(|error| unavailable(&error)),
            Err(_) => Err(StorageError::unavailable("Redis does not respond")),
        }
    }
}

/// Sets the cryptography that the driver takes from the process, unless the application has set it:
/// the driver panics where the features of rustls leave the choice open.
fn choose_cryptography(url: &str) {
    if url.contains("rediss") && CryptoProvider::get_default().is_none() {
        // Another thread may have been faster.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

impl Link {
    fn new(url: &str, options: &Options) -> Result<Self, OpenError> {
        choose_cryptography(url);
        if is_sentinel(url) {
            return Sentinel::new(url, options).map(Self::Sentinel);
        }
        let nodes: Vec<ConnectionInfo> =
            url.split(',').map(|node| node_info(node.trim(), options)).collect::<Result<_, _>>()?;
        Ok(match <[ConnectionInfo; 1]>::try_from(nodes) {
            Ok([server]) => Self::Single(single(server, options)?),
            Err(nodes) => Self::Cluster(cluster(nodes, options)?),
        })
    }
}

/// The server may have lost its data, be full, read-only, loading, or forbid it: each may change, and
/// none of them says anything about the session.
fn unavailable(error: &RedisError) -> StorageError {
    StorageError::unavailable(format!("Redis: {error}"))
}

fn single(server: ConnectionInfo, options: &Options) -> RedisResult<ConnectionManager> {
    let client = match certificates(options, server.addr()) {
        Some(certificates) => Client::build_with_tls(server, certificates)?,
        None => Client::open(server)?,
    };
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(ATTEMPTS - 1)
        .set_min_delay(PAUSE)
        .set_connection_timeout(Some(options.connection_timeout))
        .set_response_timeout(Some(options.response_timeout));
    ConnectionManager::new_lazy_with_config(client, config)
}

fn cluster(nodes: Vec<ConnectionInfo>, options: &Options) -> RedisResult<ClusterConnection> {
    let first = nodes.first().map(|node| node.addr().clone());
    let mut builder = ClusterClient::builder(nodes)
        .retries(3)
        .tcp_settings(tcp_settings(options))
        .use_protocol(ProtocolVersion::RESP3);
    if let Some(certificates) = first.and_then(|node| certificates(options, &node)) {
        builder = builder.tls(TlsMode::Secure).certs(certificates);
    }
    let config = ClusterConfig::new()
        .set_connection_timeout(options.connection_timeout)
        .set_response_timeout(options.response_timeout);
    Ok(builder.build()?.get_pending_async_connection_with_config(config))
}

/// The trusted root certificates, if they are not those of the system.
fn certificates(options: &Options, server: &ConnectionAddr) -> Option<TlsCertificates> {
    let root_cert = Some(options.root_certificates.clone()?);
    let is_tls = matches!(server, ConnectionAddr::TcpTls { .. });
    is_tls.then_some(TlsCertificates { client_tls: None, root_cert })
}

fn node_info(url: &str, options: &Options) -> Result<ConnectionInfo, OpenError> {
    // Its error may repeat the URL, which may have a password.
    let info = url.into_connection_info().map_err(|_| OpenError::InvalidUrl)?;
    let mut settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    if let Some(password) = &options.password {
        settings = settings.set_password(password.expose());
    }
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp_settings(options)))
}

fn tcp_settings(options: &Options) -> TcpSettings {
    // A server that vanished without closing the connection is noticed after this time.
    let silence = options.connection_timeout + options.response_timeout;
    TcpSettings::default().set_nodelay(true).set_user_timeout(silence)
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(link) => link.req_packed_command(command),
            Self::Sentinel(link) => link.req_packed_command(command),
            Self::Cluster(link) => link.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(link) => link.req_packed_commands(pipeline, offset, count),
            Self::Sentinel(link) => link.req_packed_commands(pipeline, offset, count),
            Self::Cluster(link) => link.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(link) => link.get_db(),
            Self::Sentinel(link) => link.get_db(),
            Self::Cluster(link) => link.get_db(),
        }
    }
}
