//! What a connection to Redis finds: its version, its settings, and missing rights.

use std::collections::BTreeMap;

use crossauth_core::storage::StorageError;
use redis::{Value, cmd};

use crate::connection::Connection;

/// What a connection to Redis finds. Nothing is written to find it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Examination {
    /// Product and version of the server, such as `Redis 7.0.15`; `None` if the user may not ask.
    pub server: Option<String>,
    /// What does not work, or makes trouble.
    pub problems: Vec<ServerProblem>,
}

/// A problem with Redis, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerProblem {
    /// The user lacks rights.
    #[error(
        "its user may not use {}: add {} and ~{prefix}* to the user with ACL SETUSER",
        commands.join(", "),
        commands.iter().map(|it| format!("+{}", it.to_lowercase())).collect::<Vec<_>>().join(" ")
    )]
    MissingRights {
        /// The commands that were refused.
        commands: Vec<&'static str>,
        /// What all names begin with.
        prefix: String,
    },
    /// The server copies another one, and takes no writes.
    #[error("it is a replica, which takes no writes: name its master, or its sentinels")]
    Replica,
    /// The server is a node of a cluster, but one URL means a single server.
    #[error("it is a node of a cluster: name several of its nodes, separated by commas")]
    Cluster,
    /// The version of the server is not supported.
    #[error("this version is not supported: upgrade to Redis 6.2 or later, or to Valkey")]
    Unsupported,
    /// A setting with which sessions can be lost.
    #[error("its setting {name} is {value}: {consequence}")]
    Unsafe {
        /// Name of the setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What happens, and which value is right.
        consequence: &'static str,
    },
    /// Version and settings could not be read.
    #[error("its user may not use INFO, so its settings are not checked: add +info to the user")]
    Unknown,
}

impl ServerProblem {
    /// Whether Redis cannot be used before the problem is solved.
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::Unsafe { .. } | Self::Unknown)
    }
}

/// The commands that the stores and their scripts use, with arguments after the name with which they
/// change nothing: those that would write are refused because of the arguments.
const COMMANDS: [(&str, &[&str]); 20] = [
    ("EXISTS", &[]),
    ("HDEL", &["field"]),
    ("HGET", &["field"]),
    ("HGETALL", &[]),
    ("HINCRBY", &["field", "no number"]),
    ("HMGET", &["field"]),
    ("HSET", &["field", "value", "incomplete"]),
    ("PERSIST", &[]),
    ("PEXPIRE", &["1"]),
    ("PTTL", &[]),
    ("SET", &["value", "PX", "no number"]),
    ("UNLINK", &[]),
    ("ZADD", &["no number", "member"]),
    ("ZCARD", &[]),
    ("ZRANGE", &["0", "0"]),
    ("ZRANGEBYSCORE", &["0", "0"]),
    ("ZREM", &["member"]),
    ("ZREMRANGEBYRANK", &["0", "0"]),
    ("ZREVRANGEBYSCORE", &["0", "0"]),
    ("ZSCORE", &["member"]),
];

/// Examines the server.
pub(crate) async fn examine(
    connection: &Connection,
    prefix: &str,
) -> Result<Examination, StorageError> {
    let Some(info) = info(connection).await? else {
        let mut problems = missing_rights(connection, prefix).await?;
        problems.push(ServerProblem::Unknown);
        return Ok(Examination { server: None, problems });
    };
    let get = |name: &str| info.get(name).map_or("", String::as_str);
    let server = match info.get("valkey_version") {
        Some(version) => format!("Valkey {version}"),
        None => format!("Redis {}", get("redis_version")),
    };
    let server = Some(server);
    let is_cluster = connection.is_cluster();
    if !is_cluster && get("redis_mode") == "cluster" {
        return Ok(Examination { server, problems: vec![ServerProblem::Cluster] });
    }
    let mut problems = missing_rights(connection, prefix).await?;
    if is_before(get("redis_version"), [6, 2]) {
        problems.push(ServerProblem::Unsupported);
    }
    if !is_cluster && get("role") == "slave" {
        problems.push(ServerProblem::Replica);
    }
    problems.extend(unsafe_settings(get));
    Ok(Examination { server, problems })
}

fn unsafe_settings<'i>(get: impl Fn(&str) -> &'i str) -> Vec<ServerProblem> {
    let mut found = Vec::new();
    let policy = get("maxmemory_policy");
    if !matches!(policy, "" | "noeviction") {
        found.push(ServerProblem::Unsafe {
            name: "maxmemory-policy",
            value: policy.to_owned(),
            consequence: "sessions are deleted when memory is short; set it to noeviction",
        });
    }
    if get("aof_enabled") == "0" {
        found.push(ServerProblem::Unsafe {
            name: "appendonly",
            value: "no".to_owned(),
            consequence: "a restart logs out all users, or those since the last snapshot; set it to \
                          yes",
        });
    }
    found
}

fn is_before(version: &str, least: [u32; 2]) -> bool {
    let numbers: Vec<u32> = version.split('.').map_while(|it| it.parse().ok()).take(2).collect();
    numbers.len() == 2 && numbers.as_slice() < least.as_slice()
}

async fn missing_rights(
    connection: &Connection,
    prefix: &str,
) -> Result<Vec<ServerProblem>, StorageError> {
    let name = format!("{prefix}examination");
    let mut commands = Vec::new();
    for (command, arguments) in COMMANDS {
        let request = cmd(command).arg(&name).arg(arguments).take();
        if connection.is_forbidden(&request).await? {
            commands.push(command);
        }
    }
    let no_script = "0".repeat(40);
    let script = cmd("EVALSHA").arg(no_script).arg(1).arg(&name).take();
    if connection.is_forbidden(&script).await? {
        commands.push("EVALSHA");
    }
    let load = cmd("SCRIPT").arg("LOAD").arg("return 1").take();
    if connection.is_forbidden(&load).await? {
        commands.push("SCRIPT");
    }
    let prefix = prefix.to_owned();
    let is_any = !commands.is_empty();
    Ok(is_any.then_some(ServerProblem::MissingRights { commands, prefix }).into_iter().collect())
}

/// What the server says about itself; of a cluster, one of its nodes. `None` if it is forbidden.
async fn info(connection: &Connection) -> Result<Option<BTreeMap<String, String>>, StorageError> {
    let info = cmd("INFO");
    if connection.is_forbidden(&info).await? {
        return Ok(None);
    }
    let text = text(connection.query(&info).await?);
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    Ok(Some(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()))
}

/// The text of a response, or of the first node in that of a cluster.
fn text(response: Value) -> String {
    if let Value::Map(nodes) = response {
        return nodes.into_iter().next().map_or(String::new(), |(_, node)| text(node));
    }
    redis::from_redis_value(response).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_versions_are_recognised() {
        for (version, is_early) in [
            ("6.0.16", true),
            ("5.0.3", true),
            ("6.2.0", false),
            ("7.0.15", false),
            ("10.1.2", false),
            ("", false),
        ] {
            assert_eq!(is_before(version, [6, 2]), is_early, "{version}");
        }
    }
}
