//! Rows that are written and read back many at a time.

use std::collections::HashMap;

use crossauth_core::storage::StorageError;

use crate::database::{Database, Row, Statement, Transaction, Value, Write};

/// How many values a look-up has; fewer are filled up, so that there is one statement.
const LOOKED_UP: usize = 125;
/// How many rows are written by one statement.
const WRITTEN: [usize; 3] = [125, 25, 5];
/// Maximum size of the rows of one statement, in bytes.
const MAX_SIZE: usize = 1 << 20;
/// How many rows are counted at once, so that no statement takes long.
const COUNTED: i64 = 50_000;

/// Rows of one table.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) table: &'static str,
    /// Quoted names; the first is the key.
    pub(super) columns: Vec<String>,
    pub(super) values: Vec<Vec<Value<'static>>>,
}

impl Rows {
    pub(super) fn of(table: &'static str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { table, columns, values: Vec::new() }
    }

    /// Writes the rows, reads them back, and compares each.
    pub(super) async fn write(
        &self,
        transaction: &mut dyn Transaction,
    ) -> Result<(), StorageError> {
        let mut writes = Vec::new();
        let mut rest = &*self.values;
        while !rest.is_empty() {
            let size = WRITTEN.into_iter().find(|&size| rest.len() >= size && fits(&rest[..size]));
            let (rows, after) = rest.split_at(size.unwrap_or(1));
            let params = rows.iter().flatten().cloned().collect();
            writes.push(Write { statement: self.insert(rows.len()), params });
            rest = after;
        }
        transaction.execute_all(&writes).await?;
        self.verify(transaction).await
    }

    fn insert(&self, rows: usize) -> Statement {
        let marks = format!("({})", vec!["?"; self.columns.len()].join(", "));
        let (table, columns) = (self.table, self.columns.join(", "));
        let marks = vec![marks; rows].join(", ");
        Statement::new(format!("INSERT INTO {table} ({columns}) VALUES {marks}"))
    }

    async fn verify(&self, transaction: &mut dyn Transaction) -> Result<(), StorageError> {
        let [key, ..] = &*self.columns else { return Ok(()) };
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let keys: Vec<_> = self.values.iter().filter_map(|row| row.first().cloned()).collect();
        let found = find_among(transaction, self.table, &columns, key, &keys).await?;
        let found: HashMap<_, _> =
            found.into_iter().filter_map(|row| Some((text(row.first()?), row))).collect();
        for row in &self.values {
            let read = row.first().and_then(|key| found.get(&text(key)));
            let is_same = read.is_some_and(|read| {
                read.len() == row.len() && read.iter().zip(row).all(|(read, it)| is_same(read, it))
            });
            if !is_same {
                let message = format!("a row of {} is not what was written", self.table);
                return Err(StorageError::corrupt(message));
            }
        }
        Ok(())
    }
}

/// Whether rows are small enough for one statement.
fn fits(rows: &[Vec<Value<'_>>]) -> bool {
    let size = |value: &Value<'_>| match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Real(_) | Value::Time(_) => 8,
    };
    rows.iter().flatten().map(size).sum::<usize>() <= MAX_SIZE
}

/// A key for a map.
fn text(value: &Value<'_>) -> String {
    format!("{value:?}")
}

/// Whether a value is what was written; not every database has booleans.
fn is_same(read: &Value<'_>, written: &Value<'_>) -> bool {
    match (read, written) {
        (Value::Integer(read), Value::Bool(written)) => (*read != 0) == *written,
        _ => read == written,
    }
}

/// The statement that finds rows by one of [`LOOKED_UP`] values, and the parameters of each run.
fn look_up<'v>(
    table: &str,
    columns: &[&str],
    key: &str,
    values: &'v [Value<'static>],
) -> (Statement, impl Iterator<Item = Vec<Value<'static>>> + use<'v>) {
    let (columns, marks) = (columns.join(", "), vec!["?"; LOOKED_UP].join(", "));
    let statement = format!("SELECT {columns} FROM {table} WHERE {key} IN ({marks})");
    let params = values.chunks(LOOKED_UP).map(|chunk| {
        let last = chunk.last().cloned().unwrap_or(Value::Null);
        chunk.iter().cloned().chain(std::iter::repeat(last)).take(LOOKED_UP).collect()
    });
    (Statement::new(statement), params)
}

fn owned(row: &dyn Row, columns: usize) -> Result<Vec<Value<'static>>, StorageError> {
    (0..columns).map(|column| row.value(column).map(Value::into_owned)).collect()
}

/// The rows of a table whose key is among these values.
pub(super) async fn find_among(
    transaction: &mut dyn Transaction,
    table: &str,
    columns: &[&str],
    key: &str,
    values: &[Value<'static>],
) -> Result<Vec<Vec<Value<'static>>>, StorageError> {
    let (statement, runs) = look_up(table, columns, key, values);
    let mut found = Vec::new();
    for params in runs {
        let width = columns.len();
        found.extend(transaction.list(&statement, &params, |row| owned(row, width)).await?);
    }
    Ok(found)
}

/// As [`find_among`], outside of a transaction.
pub(super) async fn scan_among(
    database: &impl Database,
    table: &str,
    columns: &[&str],
    key: &str,
    values: &[Value<'static>],
) -> Result<Vec<Vec<Value<'static>>>, StorageError> {
    let (statement, runs) = look_up(table, columns, key, values);
    let (mut found, width) = (Vec::new(), columns.len());
    for params in runs {
        let rows = database.scan(&statement, &params, move |row: &dyn Row| owned(row, width));
        for row in rows.await? {
            found.push(row?);
        }
    }
    Ok(found)
}

/// The condition for rows after a key, and the order of rows.
pub(super) fn range(key: &str, after: Option<&Value<'static>>) -> String {
    let after = if after.is_some() { format!("AND {key} > ?") } else { String::new() };
    format!("WHERE {key} IS NOT NULL {after} ORDER BY {key}")
}

/// The number of rows of a table whose key is not null.
pub(super) async fn count(
    database: &impl Database,
    table: &str,
    key: &str,
) -> Result<u64, StorageError> {
    let (mut counted, mut after) = (0, None);
    loop {
        let range = range(key, after.as_ref());
        let last = format!("SELECT {key} FROM {table} {range} LIMIT 1 OFFSET {}", COUNTED - 1);
        if let Some(last) = first(database, last, after.as_slice()).await? {
            counted += COUNTED;
            after = Some(last);
            continue;
        }
        let rest = format!(
            "SELECT COUNT(*) FROM (SELECT {key} FROM {table} {range} LIMIT {COUNTED}) AS rest"
        );
        let rest = first(database, rest, after.as_slice()).await?;
        counted += rest.map_or(Ok(0), |rest| rest.integer())?;
        return u64::try_from(counted).map_err(StorageError::corrupt);
    }
}

/// The first column of the first row of a statement.
pub(super) async fn first(
    database: &impl Database,
    statement: String,
    params: &[Value<'_>],
) -> Result<Option<Value<'static>>, StorageError> {
    let decode = |row: &dyn Row| row.value(0).map(Value::into_owned);
    let found = database.scan(&Statement::new(statement), params, decode).await?;
    found.into_iter().next().transpose()
}
