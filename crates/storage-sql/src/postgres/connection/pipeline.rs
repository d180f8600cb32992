//! Statements of a transaction that are sent together.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::BytesMut;
use futures_util::FutureExt;
use futures_util::future::{join, join3, maybe_done};
use tokio_postgres::types::ToSql as _;
use tokio_postgres::{Client, Error, Row};

use super::super::value::Param;
use super::PostgresConnection;
use crate::database::{Statement, Value, Write};

impl PostgresConnection {
    /// Runs statements that change rows, in one round trip once they are prepared. After an error
    /// in a transaction the server runs none of the others.
    pub(super) async fn send_writes(&mut self, writes: &[Write<'_>]) -> Result<(), Error> {
        let mut prepared = Vec::with_capacity(writes.len());
        for write in writes {
            prepared.push(self.prepare(&write.statement).await?);
        }
        let results = send_all(&self.client, &prepared, writes).await;
        for (result, write) in results.into_iter().zip(writes) {
            self.drop_outdated(&write.statement, result)?;
        }
        Ok(())
    }

    /// Runs statements that change rows, and commits, in one round trip once they are prepared.
    /// After an error the server rolls back instead. The error has the position of the statement.
    /// `None` if a parameter cannot be encoded: none of the statements was sent.
    pub(super) async fn send_writes_and_commit(
        &mut self,
        writes: &[Write<'_>],
    ) -> Option<Result<(), (usize, Error)>> {
        self.is_busy = true;
        let mut prepared = Vec::with_capacity(writes.len());
        for (position, write) in writes.iter().enumerate() {
            match self.prepare(&write.statement).await {
                Ok(statement) => prepared.push(statement),
                Err(error) => {
                    self.is_busy = false;
                    return Some(Err((position, error)));
                }
            }
        }
        // The driver does not send a statement whose parameter it cannot encode. The others would be
        // committed without it.
        if !prepared.iter().zip(writes).all(|(prepared, write)| can_encode(prepared, write)) {
            self.is_busy = false;
            return None;
        }
        // Both are sent when first polled, in this order.
        let (results, committed) =
            join(send_all(&self.client, &prepared, writes), self.client.batch_execute("COMMIT"))
                .await;
        self.is_busy = false;
        self.in_transaction &= committed.is_err();
        for (position, (result, write)) in results.into_iter().zip(writes).enumerate() {
            if let Err(error) = self.drop_outdated(&write.statement, result) {
                return Some(Err((position, error)));
            }
        }
        Some(committed.map_err(|error| (writes.len(), error)))
    }

    /// Runs two statements that return rows, in one round trip once they are prepared, after
    /// `begin`, which begins a transaction. Without it they run in the one that has begun.
    pub(super) async fn query_both(
        &mut self,
        begin: Option<&str>,
        [first, second]: [&Statement; 2],
        params: &[Value<'_>],
    ) -> Result<[Vec<Row>; 2], Error> {
        self.is_busy = true;
        let result = self.send_both(begin, [first, second], params).await;
        self.is_busy = false;
        let (opened, rows) = result?;
        opened?;
        let [first_rows, second_rows] = rows;
        let first_rows = self.drop_outdated(first, first_rows)?;
        Ok([first_rows, self.drop_outdated(second, second_rows)?])
    }

    async fn send_both(
        &mut self,
        begin: Option<&str>,
        [first, second]: [&Statement; 2],
        params: &[Value<'_>],
    ) -> Result<(Result<(), Error>, [Result<Vec<Row>, Error>; 2]), Error> {
        let (first, second) = (self.prepare(first).await?, self.prepare(second).await?);
        let begin = async {
            match begin {
                Some(begin) => self.client.batch_execute(begin).await,
                None => Ok(()),
            }
        };
        // Each is sent when first polled, in this order.
        let (opened, first, second) = join3(
            begin,
            self.read(&first, params, usize::MAX),
            self.read(&second, params, usize::MAX),
        )
        .await;
        Ok((opened, [first, second]))
    }
}

/// Whether a statement takes each of its parameters.
fn can_encode(prepared: &tokio_postgres::Statement, write: &Write<'_>) -> bool {
    let mut encoded = BytesMut::new();
    let mut params = prepared.params().iter().zip(&write.params);
    prepared.params().len() == write.params.len()
        && params.all(|(ty, value)| Param(value).to_sql(ty, &mut encoded).is_ok())
}

/// Sends statements without waiting for the results in between.
async fn send_all(
    client: &Client,
    prepared: &[tokio_postgres::Statement],
    writes: &[Write<'_>],
) -> Vec<Result<u64, Error>> {
    // Each is sent when first polled, in the order of this list.
    let sent = prepared.iter().zip(writes).map(|(prepared, write)| {
        maybe_done(Box::pin(client.execute_raw(prepared, write.params.iter().map(Param))))
    });
    let mut sent: Vec<_> = sent.collect();
    poll_fn(|cx| {
        let mut pending = false;
        for result in &mut sent {
            pending |= result.poll_unpin(cx).is_pending();
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    sent.iter_mut().filter_map(|result| Pin::new(result).take_output()).collect()
}
