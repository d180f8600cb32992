//! The statements on the audit log, and the decoding of its rows.

use std::fmt::Write as _;

use crossauth_core::audit::{Act, AuditEntry, Personal};
use crossauth_core::caller::Actor;
use crossauth_core::clock::Timestamp;
use crossauth_core::storage::{AuditFilter, Chained, Link, StorageError, UnreadableEvent};
use crossauth_core::user::UserId;

use crate::database::{Row, Statement, Value};
use crate::record::IdKind;
use crate::schema::Schema;

/// Columns of an event, in the order of their decoding.
const ENTRY: &str = "id, created, act, actor, actor_user, actor_name, userid, request, detail, \
                     origin, origin_digest, about, about_digest";

/// The statements.
pub(crate) struct AuditSql {
    /// The kind of user ids, which are stored as text.
    id_kind: IdKind,
    pub(super) insert: Statement,
    pub(super) unchained: Statement,
    pub(super) unchained_after: Statement,
    pub(super) chained: Statement,
    pub(super) marks: Statement,
    pub(super) lock_mark: Statement,
    pub(super) set_mark: Statement,
    pub(super) link: Statement,
    pub(super) purge: Statement,
    pub(super) erase: Statement,
}

impl AuditSql {
    pub(crate) fn new(schema: &Schema) -> Self {
        let statement = |text: String| Statement::new(text);
        let dialect = schema.dialect;
        let key = dialect.quote("key");
        let marks = format!("SELECT name, number, hash, {key}, seal FROM crossauth_audit_marks");
        Self {
            id_kind: schema.users.id_kind,
            insert: statement(format!(
                "INSERT INTO crossauth_audit ({ENTRY}) VALUES ({})",
                ["?"; 13].join(", ")
            )),
            unchained: statement(format!(
                "SELECT {ENTRY} FROM crossauth_audit WHERE number IS NULL ORDER BY id LIMIT ?"
            )),
            unchained_after: statement(format!(
                "SELECT {ENTRY} FROM crossauth_audit WHERE number IS NULL AND id > ? \
                 ORDER BY id LIMIT ?"
            )),
            chained: statement(format!(
                "SELECT {ENTRY}, number, {key}, hash FROM crossauth_audit WHERE number > ? \
                 ORDER BY number LIMIT ?"
            )),
            lock_mark: statement(format!("{marks} WHERE name = ?{}", dialect.for_update())),
            marks: statement(marks),
            set_mark: statement(format!(
                "UPDATE crossauth_audit_marks SET number = ?, hash = ?, {key} = ?, seal = ? \
                 WHERE name = ?"
            )),
            link: statement(format!(
                "UPDATE crossauth_audit SET number = ?, {key} = ?, hash = ? WHERE id = ?"
            )),
            purge: Statement::new("DELETE FROM crossauth_audit WHERE number <= ?"),
            erase: dialect.update_some(
                "crossauth_audit",
                "origin = CASE WHEN actor_user = ? THEN NULL ELSE origin END, \
                 about = CASE WHEN userid = ? THEN NULL ELSE about END",
                "id",
                "(actor_user = ? AND origin IS NOT NULL OR userid = ? AND about IS NOT NULL)",
            ),
        }
    }

    /// The statement of a list, with its parameters.
    pub(super) fn list<'f>(
        filter: &'f AuditFilter,
        after: Option<&'f str>,
        limit: u32,
    ) -> (Statement, Vec<Value<'f>>) {
        let AuditFilter { user, act, from, until, request_id } = filter;
        let mut text = format!("SELECT {ENTRY} FROM crossauth_audit WHERE 1 = 1");
        let mut params = Vec::new();
        let mut add = |condition: &str, values: Vec<Value<'f>>| {
            // Writing to a text does not fail.
            let _ = write!(text, " AND {condition}");
            params.extend(values);
        };
        if let Some(user) = user {
            let id = Value::text(user.to_string());
            add("(userid = ? OR actor_user = ?)", vec![id.clone(), id]);
        }
        if let Some(act) = act {
            let length = i64::try_from(act.chars().count()).unwrap_or(i64::MAX);
            if act.ends_with('.') {
                add("substr(act, 1, ?) = ?", vec![length.into(), Value::text(act)]);
            } else {
                add("act = ?", vec![Value::text(act)]);
            }
        }
        if let Some(from) = from {
            add("created >= ?", vec![from.as_millis().into()]);
        }
        if let Some(until) = until {
            add("created < ?", vec![until.as_millis().into()]);
        }
        if let Some(request) = request_id {
            add("request = ?", vec![Value::text(request)]);
        }
        if let Some(after) = after {
            add("id < ?", vec![Value::text(after)]);
        }
        params.push(i64::from(limit).into());
        text.push_str(" ORDER BY id DESC LIMIT ?");
        (Statement::new(text), params)
    }

    pub(super) fn readable(&self, row: &dyn Row) -> Result<AuditEntry, UnreadableEvent> {
        self.entry(row).map_err(|error| unreadable(row, None, &error))
    }

    fn entry(&self, row: &dyn Row) -> Result<AuditEntry, StorageError> {
        let id = text(row, 0)?;
        let actor_user = self.user(row, 4)?;
        let actor = Actor::from_parts(&text(row, 3)?, actor_user, optional_text(row, 5)?);
        let bad_row = |what: &'static str| StorageError::bad_row(what);
        let detail = match &*text(row, 8)? {
            "" => serde_json::Map::new(),
            json => serde_json::from_str(json).map_err(|_| bad_row("its detail is not JSON"))?,
        };
        Ok(AuditEntry {
            created: Timestamp::from_millis(row.value(1)?.integer()?),
            act: Act::from(&*text(row, 2)?),
            actor: actor.ok_or_else(|| bad_row("its actor is unknown"))?,
            userid: self.user(row, 6)?,
            request_id: optional_text(row, 7)?,
            detail,
            origin: Personal::from_parts(text(row, 10)?, optional_text(row, 9)?),
            about: Personal::from_parts(text(row, 12)?, optional_text(row, 11)?),
            id,
        })
    }

    pub(super) fn chained(&self, row: &dyn Row) -> Result<Chained, UnreadableEvent> {
        let number = number(row, 13).map_err(|error| unreadable(row, None, &error))?;
        // Of a genuine event, neither is absent.
        let text = |column| optional_text(row, column).ok().flatten().unwrap_or_default();
        let link = Link { number, key: text(14), hash: text(15) };
        match self.entry(row) {
            Ok(entry) => Ok(Chained { link, entry }),
            Err(error) => Err(unreadable(row, Some(link), &error)),
        }
    }

    fn user(&self, row: &dyn Row, column: usize) -> Result<Option<UserId>, StorageError> {
        Ok(optional_text(row, column)?.map(|id| self.id_kind.read_text(id)))
    }
}

pub(super) fn integer(number: u64) -> Result<Value<'static>, StorageError> {
    i64::try_from(number).map(Value::Integer).map_err(StorageError::corrupt)
}

pub(super) fn number(row: &dyn Row, column: usize) -> Result<u64, StorageError> {
    let number = row.value(column)?.integer()?;
    let error = |_| StorageError::bad_row(format!("its number is {number}"));
    u64::try_from(number).map_err(error)
}

fn unreadable(row: &dyn Row, link: Option<Link>, error: &StorageError) -> UnreadableEvent {
    let id = text(row, 0).unwrap_or_default();
    UnreadableEvent { id, link, reason: error.source.to_string() }
}

pub(super) fn text(row: &dyn Row, column: usize) -> Result<String, StorageError> {
    let text = optional_text(row, column)?;
    text.ok_or_else(|| StorageError::bad_row("a column is null"))
}

fn optional_text(row: &dyn Row, column: usize) -> Result<Option<String>, StorageError> {
    let text = row.value(column)?.into_text().map_err(StorageError::bad_row)?;
    Ok(text.map(std::borrow::Cow::into_owned))
}

#[cfg(test)]
impl AuditSql {
    /// Every statement but the insert, the marks and the lists.
    pub(crate) fn all(&self) -> Vec<Statement> {
        let all = [
            &self.unchained,
            &self.unchained_after,
            &self.chained,
            &self.lock_mark,
            &self.link,
            &self.purge,
            &self.erase,
        ];
        all.into_iter().cloned().collect()
    }
}
