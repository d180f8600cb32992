//! The baseline of the checks of sessions and API keys: the minimum that an Axum application can do
//! to find the user of a request.
//!
//! One route, no layer; one prepared query by primary key on one connection per core, with the same
//! driver, settings and allocator as the server's; the same JSON. Cookie or key is used unchanged:
//! nothing is signed, hashed, expired, counted or logged, and no header is added.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::routing::get;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row};
use serde::Serialize;

use crate::baseline::{self, JSON};
use crate::measure::session_check::PATH;

/// The query of the server, with the same columns.
const QUERY: &str = "\
    SELECT k.value, k.userid, k.created, k.expires, k.lastactive, k.data, k.extra, \
        u.id, u.username, u.username_normalized, u.email, u.email_normalized, u.state, \
        u.factor1, u.factor2, u.admin, u.created, u.extra \
    FROM crossauth_keys k LEFT JOIN crossauth_users u ON u.id = k.userid WHERE k.value = ?1";

/// Serves until the process is terminated.
pub(crate) fn serve(address: &str, database: &Path) -> Result<()> {
    let readers = Arc::new(Readers::open(database)?);
    let router = Router::new().route(PATH, get(user)).with_state(readers);
    baseline::serve(address, async { Ok(router) })
}

#[derive(Serialize)]
struct Found {
    ok: bool,
    user: User,
}

#[derive(Serialize)]
struct User {
    id: i64,
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    state: String,
    factor1: String,
    factor2: String,
    admin: bool,
}

async fn user(
    State(readers): State<Arc<Readers>>,
    request: Request,
) -> Result<([(HeaderName, HeaderValue); 1], Vec<u8>), StatusCode> {
    let headers = request.headers();
    let stored = session(headers).or_else(|| key(headers)).ok_or(StatusCode::UNAUTHORIZED)?;
    let found = readers.find(stored).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let user = found.ok_or(StatusCode::UNAUTHORIZED)?;
    let body = serde_json::to_vec(&Found { ok: true, user });
    Ok(([JSON], body.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?))
}

fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    cookies.split("; ").find_map(|cookie| cookie.strip_prefix("SESSIONID="))
}

fn key(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("ApiKey ")
}

/// Connections for reading, one per core.
struct Readers(Vec<Mutex<Connection>>);

impl Readers {
    fn open(database: &Path) -> Result<Self> {
        let cores = thread::available_parallelism()?.get();
        (0..cores).map(|_| Ok(Mutex::new(reader(database)?))).collect::<Result<_>>().map(Self)
    }

    fn any(&self) -> MutexGuard<'_, Connection> {
        self.0.iter().find_map(Mutex::try_lock).unwrap_or_else(|| self.0[0].lock())
    }

    fn find(&self, stored: &str) -> rusqlite::Result<Option<User>> {
        self.any().prepare_cached(QUERY)?.query_row([stored], decode).optional()
    }
}

fn reader(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    Ok(connection)
}

fn decode(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(7)?,
        username: row.get(8)?,
        email: row.get(10)?,
        state: row.get(12)?,
        factor1: row.get(13)?,
        factor2: row.get(14)?,
        admin: row.get(15)?,
    })
}
