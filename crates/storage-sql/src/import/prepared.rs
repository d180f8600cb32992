//! Rows of the source as they will be written.

use crossauth_core::storage::StorageError;

use super::source::SourceRow;
use super::{BATCH, Finding, Part};
use crate::database::Value;

/// Rows that were read together.
#[derive(Clone)]
pub(super) struct Batch<T> {
    pub(super) items: Vec<T>,
    /// Number of rows that were read.
    pub(super) read: u64,
    /// The key of the last row; `None` if there are no more.
    pub(super) last: Option<Value<'static>>,
    pub(super) findings: Vec<Finding>,
}

impl<T> Batch<T> {
    /// Decides about each row: returns what to write, or why the row cannot be taken.
    pub(super) fn of<R>(
        rows: Vec<SourceRow<R>>,
        part: Part,
        mut prepare: impl FnMut(&SourceRow<R>, &R) -> Result<Result<T, String>, StorageError>,
    ) -> Result<Self, StorageError> {
        let is_last = u32::try_from(rows.len()) != Ok(BATCH);
        let last = rows.last().map(|row| row.position.clone()).filter(|_| !is_last);
        let mut batch = Self { items: Vec::new(), read: 0, last, findings: Vec::new() };
        let mut previous = None;
        for row in rows {
            if previous.as_ref() == Some(&row.position) {
                let reason = "there are several rows of it; the first was taken";
                batch.findings.push(Finding::changed(part, row.id, reason));
                continue;
            }
            batch.read += 1;
            match &row.record {
                Err(reason) => batch.findings.push(Finding::refused(part, row.id.clone(), reason)),
                Ok(record) => match prepare(&row, record)? {
                    Err(reason) => {
                        batch.findings.push(Finding::refused(part, row.id.clone(), reason));
                    }
                    Ok(item) => {
                        batch.items.push(item);
                        let lossy = row.lossy.iter().map(|column| {
                            let reason = format!("column {column:?} is not text and was changed");
                            Finding::changed(part, row.id.clone(), reason)
                        });
                        batch.findings.extend(lossy);
                    }
                },
            }
            previous = Some(row.position);
        }
        Ok(batch)
    }
}

/// What is wrong with a text that is to be stored: its length in characters, or a character that the
/// database does not store.
pub(super) fn check_text(
    what: &str,
    text: &str,
    max: usize,
    refuses_nul: bool,
) -> Result<(), String> {
    if text.chars().nth(max).is_some() {
        return Err(format!("{what} is longer than {max} characters"));
    }
    if refuses_nul && text.contains('\0') {
        return Err(format!("{what} contains a NUL character"));
    }
    Ok(())
}
