//! A transaction of the application in which the stores take part.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use crossauth_core::storage::{Storage, StorageError, StorageErrorKind};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::database::{
    BoxFuture, Database, Dialect, EachRow, MAX_SCAN_ROWS, Row, Statement, Transaction, Value,
};
use crate::open::stores;
use crate::outbox::Enqueued;
use crate::schema::Schema;

/// A running transaction of the application; see [`SqlStorage::transaction`].
///
/// [`SqlStorage::transaction`]: crate::SqlStorage::transaction
#[derive(Clone)]
pub struct InTransaction {
    storage: Storage,
    database: Joined,
}

impl std::fmt::Debug for InTransaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InTransaction").finish_non_exhaustive()
    }
}

impl InTransaction {
    /// The stores, whose changes are part of the transaction.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Runs a statement of the application that changes rows. Returns the number of rows that
    /// matched.
    pub async fn execute(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, StorageError> {
        self.database.execute(statement, params).await
    }

    /// Runs a statement of the application that returns rows, and decodes the first.
    pub async fn find<T>(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        decode: impl FnOnce(&dyn Row) -> Result<T, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        let rows = self.database.query(statement, params).await?;
        rows.first().map(|row| decode(row)).transpose()
    }
}

/// Runs `body` in a transaction.
pub(crate) async fn run<I, T, F>(
    transaction: &mut dyn Transaction,
    schema: &Arc<Schema>,
    input: &I,
    body: &F,
) -> Result<T, StorageError>
where
    F: for<'t> Fn(&'t InTransaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>,
{
    let (sender, mut requests) = mpsc::unbounded_channel();
    let failure = Arc::default();
    let database =
        Joined { dialect: schema.dialect, requests: sender, failure: Arc::clone(&failure) };
    let storage = stores(&database, schema, &Enqueued::default());
    let handle = InTransaction { storage, database };
    let mut work = pin!(body(&handle, input));
    let result = loop {
        // The driver of SQLite polls once, so nothing here may wait for anything else.
        let next = poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Err(result)),
            Poll::Pending => requests.poll_recv(cx).map(Ok),
        });
        match next.await {
            Err(result) => break result,
            Ok(Some(request)) => request.serve(transaction).await,
            Ok(None) => break Err(ended()),
        }
    };
    match failure.lock().take() {
        Some(error) if result.is_ok() => Err(error),
        Some(_) | None => result,
    }
}

fn ended() -> StorageError {
    StorageError::bug("the transaction has ended")
}

/// A statement that the transaction runs.
enum Request {
    Execute {
        statement: Statement,
        params: Vec<Value<'static>>,
        answer: oneshot::Sender<Result<u64, StorageError>>,
    },
    Query {
        statement: Statement,
        params: Vec<Value<'static>>,
        answer: oneshot::Sender<Result<Vec<OwnedRow>, StorageError>>,
    },
}

impl Request {
    async fn serve(self, transaction: &mut dyn Transaction) {
        // The requester may have given up.
        match self {
            Self::Execute { statement, params, answer } => {
                drop(answer.send(transaction.execute(&statement, &params).await));
            }
            Self::Query { statement, params, answer } => {
                let mut rows = Vec::new();
                let mut each = |row: &dyn Row| {
                    rows.push(OwnedRow::new(row));
                    Ok(ControlFlow::Continue(()))
                };
                let result = transaction.query(&statement, &params, &mut each).await;
                drop(answer.send(result.map(|()| rows)));
            }
        }
    }
}

/// A copy of a row. What cannot be decoded is an error where it is read.
struct OwnedRow(Vec<Result<Value<'static>, (StorageErrorKind, String)>>);

impl OwnedRow {
    fn new(row: &dyn Row) -> Self {
        let copy = |column| {
            let value = row.value(column).map(Value::into_owned);
            value.map_err(|error| (error.kind, error.source.to_string()))
        };
        Self((0..row.width()).map(copy).collect())
    }
}

impl Row for OwnedRow {
    fn value(&self, column: usize) -> Result<Value<'_>, StorageError> {
        match self.0.get(column) {
            Some(Ok(value)) => Ok(value.clone()),
            Some(Err((kind, source))) => {
                Err(StorageError { kind: *kind, source: source.clone().into() })
            }
            None => Err(StorageError::bug("a row has fewer columns")),
        }
    }

    fn width(&self) -> usize {
        self.0.len()
    }
}

/// A database whose statements all run in one transaction.
#[derive(Clone)]
struct Joined {
    dialect: Dialect,
    requests: mpsc::UnboundedSender<Request>,
    /// The first error of a change, after which nothing is committed.
    failure: Arc<Mutex<Option<StorageError>>>,
}

impl Joined {
    async fn execute(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, StorageError> {
        let (answer, answered) = oneshot::channel();
        let (statement, params) = owned(statement, params);
        self.send(Request::Execute { statement, params, answer })?;
        answered.await.map_err(|_| ended())?
    }

    async fn query(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<Vec<OwnedRow>, StorageError> {
        let (answer, answered) = oneshot::channel();
        let (statement, params) = owned(statement, params);
        self.send(Request::Query { statement, params, answer })?;
        answered.await.map_err(|_| ended())?
    }

    fn send(&self, request: Request) -> Result<(), StorageError> {
        self.requests.send(request).map_err(|_| ended())
    }
}

fn owned(statement: &Statement, params: &[Value<'_>]) -> (Statement, Vec<Value<'static>>) {
    (statement.clone(), params.iter().cloned().map(Value::into_owned).collect())
}

impl Database for Joined {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    async fn find<T, F>(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        decode: F,
    ) -> Result<Option<T>, StorageError>
    where
        T: Send,
        F: FnOnce(&dyn Row) -> Result<T, StorageError> + Send,
    {
        let rows = self.query(statement, params).await?;
        rows.first().map(|row| decode(row)).transpose()
    }

    async fn scan<T, F>(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        mut decode: F,
    ) -> Result<Vec<T>, StorageError>
    where
        T: Send + 'static,
        F: FnMut(&dyn Row) -> T + Send + 'static,
    {
        let rows = self.query(statement, params).await?;
        if rows.len() > MAX_SCAN_ROWS {
            return Err(StorageError::bug("a scan returns too many rows: it needs a LIMIT"));
        }
        Ok(rows.iter().map(|row| decode(row)).collect())
    }

    async fn transaction<I, T, F>(&self, input: I, body: F) -> Result<T, StorageError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>
            + Send
            + Sync
            + 'static,
    {
        let mut nested = Nested(self.clone());
        let result = body(&mut nested, &input).await;
        if let Err(error) = &result {
            let source = error.source.to_string().into();
            self.failure.lock().get_or_insert(StorageError { kind: error.kind, source });
        }
        result
    }

    async fn ping(&self) -> Result<(), StorageError> {
        Ok(())
    }

    async fn close(&self) {}
}

/// What a store does as one transaction, as a part of the whole.
struct Nested(Joined);

#[async_trait]
impl Transaction for Nested {
    async fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, StorageError> {
        self.0.execute(statement, params).await
    }

    async fn query(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<(), StorageError> {
        for row in &self.0.query(statement, params).await? {
            if each(row)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
