//! The prepared statements of a connection.
//!
//! The driver has a cache of its own, but reads the whole text of a statement at each use, to find
//! named parameters in it.

use std::collections::HashMap;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error};

use crate::database::Statement;

/// Maximum number of prepared statements per connection.
const MAX_PREPARED: usize = 256;

/// The prepared statements of a connection.
#[derive(Default)]
pub(super) struct Prepared(HashMap<Statement, mysql_async::Statement>);

impl Prepared {
    /// A statement, prepared now unless it was before.
    pub(super) async fn get(
        &mut self,
        conn: &mut Conn,
        statement: &Statement,
    ) -> Result<mysql_async::Statement, Error> {
        if let Some(prepared) = self.0.get(statement) {
            return Ok(prepared.clone());
        }
        if self.0.len() >= limit(conn) {
            for (_, prepared) in self.0.drain() {
                conn.close(prepared).await?;
            }
        }
        let prepared = conn.prep(statement.as_str()).await?;
        self.0.insert(statement.clone(), prepared.clone());
        Ok(prepared)
    }
}

/// As many as the driver keeps of a connection that the application has opened: it closes the oldest
/// ones when there are more.
fn limit(conn: &Conn) -> usize {
    match conn.opts().stmt_cache_size() {
        0 => MAX_PREPARED,
        size => size.min(MAX_PREPARED),
    }
}
