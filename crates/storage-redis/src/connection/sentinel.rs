//! A connection to the master that the sentinels name.

use std::sync::Arc;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline,
    ProtocolVersion, RedisError, RedisFuture, RedisResult, ServerErrorKind, TlsMode, Value,
};
use tokio::sync::Mutex;

use super::{certificates, node_info, tcp_settings};
use crate::{OpenError, Options};

/// The port of sentinels.
const PORT: u16 = 26379;

/// Reconnects to the new master after a failover.
#[derive(Clone)]
pub(super) struct Sentinel {
    state: Arc<Mutex<State>>,
    config: AsyncConnectionConfig,
}

struct State {
    client: SentinelClient,
    current: Option<MultiplexedConnection>,
    /// Which connection it is: an earlier one is not dropped again.
    number: u64,
}

/// Whether the URL names sentinels: `redis+sentinel://user@host:26379,host/service`, or
/// `rediss+sentinel://`.
pub(super) fn is_sentinel(url: &str) -> bool {
    url.starts_with("redis+sentinel://") || url.starts_with("rediss+sentinel://")
}

impl Sentinel {
    pub(super) fn new(url: &str, options: &Options) -> Result<Self, OpenError> {
        let (nodes, service) = parse(url, options)?;
        let first = nodes.first().ok_or(OpenError::InvalidUrl)?;
        let (settings, is_tls) =
            (first.redis_settings(), matches!(first.addr(), ConnectionAddr::TcpTls { .. }));
        let addresses = nodes.iter().map(|node| node.addr().clone());
        let mut builder =
            SentinelClientBuilder::new(addresses, service, SentinelServerType::Master)?
                .set_client_to_redis_protocol(ProtocolVersion::RESP3)
                .set_client_to_redis_db(settings.db())
                .set_client_to_redis_tcp_settings(tcp_settings(options))
                .set_client_to_sentinel_tcp_settings(tcp_settings(options));
        if let Some(username) = settings.username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if is_tls {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = certificates(options, first.addr()) {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connection_timeout))
            .set_response_timeout(Some(options.response_timeout));
        let state = State { client: builder.build()?, current: None, number: 0 };
        Ok(Self { state: Arc::new(Mutex::new(state)), config })
    }

    /// The connection, made if there is none.
    async fn connection(&self) -> RedisResult<(u64, MultiplexedConnection)> {
        let mut state = self.state.lock().await;
        if let Some(current) = &state.current {
            return Ok((state.number, current.clone()));
        }
        let made = state.client.get_async_connection_with_config(&self.config).await?;
        state.current = Some(made.clone());
        state.number += 1;
        Ok((state.number, made))
    }

    /// Drops the connection if it is closed, or leads to a server that is not the master any more.
    async fn judge<T>(&self, number: u64, outcome: &RedisResult<T>) {
        let Err(error) = outcome else { return };
        let is_lost = error.is_unrecoverable_error() || error.is_timeout() || is_demoted(error);
        let mut state = self.state.lock().await;
        if is_lost && state.number == number {
            state.current = None;
        }
    }
}

fn is_demoted(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
    )
}

impl ConnectionLike for Sentinel {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let (number, mut connection) = self.connection().await?;
            let outcome = connection.send_packed_command(command).await;
            self.judge(number, &outcome).await;
            outcome
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let (number, mut connection) = self.connection().await?;
            let outcome = connection.send_packed_commands(pipeline, offset, count).await;
            self.judge(number, &outcome).await;
            outcome
        })
    }

    fn get_db(&self) -> i64 {
        0
    }
}

/// The sentinels, with the settings for the servers, and the name of the service.
fn parse(url: &str, options: &Options) -> Result<(Vec<ConnectionInfo>, String), OpenError> {
    let (scheme, rest) = url.split_once("+sentinel://").ok_or(OpenError::InvalidUrl)?;
    let (authority, path) = rest.split_once('/').ok_or(OpenError::InvalidUrl)?;
    let (service, database) = path.split_once('/').unwrap_or((path, "0"));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    if service.is_empty() {
        return Err(OpenError::InvalidUrl);
    }
    let node = |host: &str| {
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let port = if has_port { String::new() } else { format!(":{PORT}") };
        node_info(&format!("{scheme}://{user}{host}{port}/{database}"), options)
    };
    let nodes = hosts.split(',').map(|host| node(host.trim())).collect::<Result<_, _>>()?;
    Ok((nodes, service.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_names_sentinels_service_and_user() {
        let url = "redis+sentinel://ada:p%40ss@one,two:26380/main/3";
        let (nodes, service) = parse(url, &Options::default()).unwrap();
        let shown: Vec<String> = nodes.iter().map(|node| node.addr().to_string()).collect();
        assert_eq!((&*service, shown), ("main", vec!["one:26379".into(), "two:26380".into()]));
        let settings = nodes[0].redis_settings();
        assert_eq!((settings.username(), settings.password()), (Some("ada"), Some("p@ss")));
        assert_eq!(settings.db(), 3);
        for url in ["redis+sentinel://one", "redis+sentinel://one/", "redis+sentinel:///main"] {
            assert!(matches!(parse(url, &Options::default()), Err(OpenError::InvalidUrl)), "{url}");
        }
    }
}
