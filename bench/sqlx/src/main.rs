//! Runs the query of a session check over sqlx, and prints how many were run a second.
//!
//! Arguments: the URL of the database, a file with a stored value a line, milliseconds, and how many
//! tasks query at the same time, each with a connection of its own.

use std::error::Error;
use std::time::{Duration, Instant};

use sqlx::mysql::MySqlPoolOptions;
use sqlx::postgres::PgPoolOptions;
use sqlx::{MySqlPool, PgPool, Row as _};

type Failure = Box<dyn Error + Send + Sync>;

const QUERY: &str = "\
    SELECT k.userid, k.created, k.expires, k.lastactive, k.data, k.epoch, k.extra, \
        u.id, u.username, u.username_normalized, u.email, u.email_normalized, u.state, \
        u.factor1, u.factor2, u.admin, u.created, u.credential_epoch, u.extra \
    FROM crossauth_keys AS k LEFT JOIN crossauth_users AS u ON u.id = k.userid WHERE k.value = ";

#[derive(Clone)]
enum Pool {
    Postgres(PgPool, String),
    Mysql(MySqlPool, String),
}

impl Pool {
    async fn open(url: &str, connections: u32) -> Result<Self, Failure> {
        Ok(if url.starts_with("mysql:") {
            let pool = MySqlPoolOptions::new().max_connections(connections).connect(url).await?;
            Self::Mysql(pool, format!("{QUERY}?"))
        } else {
            let pool = PgPoolOptions::new().max_connections(connections).connect(url).await?;
            Self::Postgres(pool, format!("{QUERY}$1"))
        })
    }

    /// The name of the user of a session.
    async fn username(&self, value: &str) -> Result<String, Failure> {
        Ok(match self {
            Self::Postgres(pool, query) => {
                sqlx::query(query).bind(value).fetch_one(pool).await?.try_get(8)?
            }
            Self::Mysql(pool, query) => {
                // Text in a binary collation is bytes to it.
                sqlx::query(query).bind(value).fetch_one(pool).await?.try_get_unchecked(8)?
            }
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, file, millis, tasks] = &arguments[..] else {
        return Err("usage: crossauth-bench-sqlx URL FILE MILLISECONDS TASKS".into());
    };
    let (time, tasks) = (Duration::from_millis(millis.parse()?), tasks.parse::<u32>()?);
    let text = std::fs::read_to_string(file)?;
    let values: Vec<String> = text.lines().map(str::to_owned).collect();
    let pool = Pool::open(url, tasks).await?;
    // Opens the connections and prepares the statement.
    run(&pool, &values, tasks, Duration::from_millis(200)).await?;
    println!("{}", run(&pool, &values, tasks, time).await?);
    Ok(())
}

/// Queries a second.
async fn run(
    pool: &Pool,
    values: &[String],
    tasks: u32,
    time: Duration,
) -> Result<f64, Failure> {
    let (start, mut running) = (Instant::now(), Vec::new());
    for task in 0..tasks as usize {
        let (pool, values) = (pool.clone(), values.to_vec());
        running.push(tokio::spawn(async move {
            let mut count = 0_u32;
            for value in values.iter().cycle().skip(task * 997) {
                if start.elapsed() >= time {
                    break;
                }
                pool.username(value).await?;
                count += 1;
            }
            Ok::<_, Failure>(count)
        }));
    }
    let mut count = 0;
    for task in running {
        count += task.await??;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
