//! The baseline of a session check on a database server: one prepared query by primary key, through
//! the same driver, on a connection of its own for each task.
//!
//! It decodes the user and nothing else: no signature, digest, expiry, epoch or state is checked.

use anyhow::{Context as _, Result};
use crossauth_core::crypto::stored_value;
use crossauth_core::key::KeyPrefix;
use mysql_async::prelude::{FromValue, Queryable as _};
use redis::aio::MultiplexedConnection;
use tokio_postgres::NoTls;

use crate::engine::{Engine, Product};

/// The columns that the check of the server reads.
const QUERY: &str = "\
    SELECT k.userid, k.created, k.expires, k.lastactive, k.data, k.epoch, k.extra, \
        u.id, u.username, u.username_normalized, u.email, u.email_normalized, u.state, \
        u.factor1, u.factor2, u.admin, u.created, u.credential_epoch, u.extra \
    FROM crossauth_keys AS k LEFT JOIN crossauth_users AS u ON u.id = k.userid WHERE k.value = ";

/// The query beside Redis, which has the key.
const USER_QUERY: &str = "\
    SELECT u.id, u.username, u.username_normalized, u.email, u.email_normalized, u.state, \
        u.factor1, u.factor2, u.admin, u.created, u.credential_epoch, u.extra \
    FROM crossauth_users AS u WHERE u.id = $1 \
        AND NOT EXISTS (SELECT 1 FROM crossauth_keys AS k WHERE k.value = $2)";

/// What a task queries with.
pub(crate) enum Bare {
    /// PostgreSQL.
    Postgres(tokio_postgres::Client, tokio_postgres::Statement),
    /// MariaDB.
    Mariadb(Box<mysql_async::Conn>, mysql_async::Statement),
    /// Redis, then PostgreSQL.
    Redis(MultiplexedConnection, tokio_postgres::Client, tokio_postgres::Statement),
}

/// The user of a session.
#[expect(dead_code, reason = "decoded for the cost")]
#[derive(Debug)]
pub(crate) struct User {
    id: i64,
    username: String,
    email: Option<String>,
    state: String,
    factor1: String,
    factor2: String,
    admin: bool,
}

impl Bare {
    /// Connects to a database.
    pub(crate) async fn connect(engine: &Engine) -> Result<Self> {
        Ok(match engine.product {
            Product::Postgres => {
                let client = postgres(engine).await?;
                let statement = client.prepare(&format!("{QUERY}$1")).await?;
                Self::Postgres(client, statement)
            }
            Product::Mariadb => {
                let opts = mysql_async::Opts::from_url(&engine.address)?;
                let mut conn = mysql_async::Conn::new(opts).await?;
                let statement = conn.prep(format!("{QUERY}?")).await?;
                Self::Mariadb(Box::new(conn), statement)
            }
        })
    }

    /// With a connection to Redis, which tasks share.
    pub(crate) async fn connect_to_redis(
        engine: &Engine,
        redis: MultiplexedConnection,
    ) -> Result<Self> {
        let client = postgres(engine).await?;
        let statement = client.prepare(USER_QUERY).await?;
        Ok(Self::Redis(redis, client, statement))
    }

    /// The user of the session with a stored value. In Redis, it has the name `prefix` and value.
    pub(crate) async fn find(&mut self, prefix: &str, value: &str) -> Result<User> {
        match self {
            Self::Postgres(client, statement) => {
                user(&client.query_one(&*statement, &[&value]).await?, 7)
            }
            Self::Mariadb(conn, statement) => {
                let row: Option<mysql_async::Row> = conn.exec_first(&*statement, (value,)).await?;
                let mut row = row.context("no such session")?;
                Ok(User {
                    id: taken(&mut row, 7)?,
                    username: taken(&mut row, 8)?,
                    email: taken(&mut row, 10)?,
                    state: taken(&mut row, 12)?,
                    factor1: taken(&mut row, 13)?,
                    factor2: taken(&mut row, 14)?,
                    admin: taken(&mut row, 15)?,
                })
            }
            Self::Redis(redis, client, statement) => {
                let fields: std::collections::HashMap<String, String> = redis::cmd("HGETALL")
                    .arg(format!("{prefix}{value}"))
                    .query_async(redis)
                    .await?;
                let id = fields.get("u").and_then(|id| id.strip_prefix('i'));
                let id: i64 = id.context("the session has no user")?.parse()?;
                let end = stored_value(KeyPrefix::EndedSession, value);
                user(&client.query_one(&*statement, &[&id, &end.as_str()]).await?, 0)
            }
        }
    }
}

async fn postgres(engine: &Engine) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(&engine.address, NoTls).await?;
    // If it ends with an error, the client reports that error, too.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

fn taken<T: FromValue>(row: &mut mysql_async::Row, column: usize) -> Result<T> {
    row.take(column).context("a column is absent")
}

/// The user in a row whose column `first` is their id.
fn user(row: &tokio_postgres::Row, first: usize) -> Result<User> {
    Ok(User {
        id: row.try_get(first)?,
        username: row.try_get(first + 1)?,
        email: row.try_get(first + 3)?,
        state: row.try_get(first + 5)?,
        factor1: row.try_get(first + 6)?,
        factor2: row.try_get(first + 7)?,
        admin: row.try_get(first + 8)?,
    })
}
