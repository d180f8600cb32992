//! What works once: one-time keys, the steps of TOTP codes, and sessions that must be replaced.
//!
//! All checks precede the first write, so that a refusal leaves nothing behind. The row of the user
//! is locked in between.

use crossauth_core::storage::{StorageError, TotpStep, Uses};
use crossauth_core::user::UserId;

use crate::database::{Dialect, Row, Statement, Transaction, Value, Write};
use crate::key::KeySql;

/// The statements about steps of TOTP codes, whose table is ours in every database.
pub(crate) struct UsesSql {
    find: Statement,
    write: Statement,
    delete: Statement,
}

impl UsesSql {
    pub(crate) fn new(dialect: Dialect) -> Self {
        let or_update = dialect.or_update("userid", &["secret", "step"]);
        Self {
            find: Statement::new("SELECT secret, step FROM crossauth_totp_steps WHERE userid = ?"),
            write: Statement::new(format!(
                "INSERT INTO crossauth_totp_steps (userid, secret, step) VALUES (?, ?, ?) {or_update}"
            )),
            delete: Statement::new("DELETE FROM crossauth_totp_steps WHERE userid = ?"),
        }
    }

    /// Whether everything that a user, whose row is locked, uses up is there and unused.
    pub(crate) async fn are_unused(
        &self,
        transaction: &mut dyn Transaction,
        keys: &KeySql,
        id: &UserId,
        uses: Option<&Uses>,
    ) -> Result<bool, StorageError> {
        let Some(uses) = uses else { return Ok(true) };
        if let Some(key) = &uses.key {
            let found = keys.find_locked(transaction, key).await?;
            if found.is_none_or(|key| key.userid.as_ref() != Some(id)) {
                return Ok(false);
            }
        }
        match &uses.totp_step {
            Some(step) => self.is_later(transaction, id, step).await,
            None => Ok(true),
        }
    }

    async fn is_later(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        used: &TotpStep,
    ) -> Result<bool, StorageError> {
        let decode = |row: &dyn Row| {
            let secret = row.value(0)?.into_text().map_err(StorageError::bad_row)?;
            Ok((secret.unwrap_or_default().into_owned(), row.value(1)?.integer()?))
        };
        let params = [Value::text(id.to_string())];
        let last = transaction.find(&self.find, &params, decode).await?;
        Ok(last.is_none_or(|(secret, step)| {
            secret != used.secret || u64::try_from(step).is_ok_and(|step| step < used.step)
        }))
    }

    /// Uses up what [`Self::are_unused`].
    pub(crate) async fn use_up(
        &self,
        transaction: &mut dyn Transaction,
        keys: &KeySql,
        id: &UserId,
        uses: Option<&Uses>,
    ) -> Result<(), StorageError> {
        match self.writes(keys, id, uses)? {
            writes if writes.is_empty() => Ok(()),
            writes => transaction.execute_all(&writes).await,
        }
    }

    /// The statements of [`use_up`](Self::use_up).
    pub(crate) fn writes<'u>(
        &self,
        keys: &KeySql,
        id: &UserId,
        uses: Option<&'u Uses>,
    ) -> Result<Vec<Write<'u>>, StorageError> {
        let Some(uses) = uses else { return Ok(Vec::new()) };
        let mut writes: Vec<_> = uses.key.iter().map(|key| keys.deletion(key)).collect();
        if let Some(TotpStep { secret, step }) = &uses.totp_step {
            let step = i64::try_from(*step).map_err(StorageError::corrupt)?;
            let params =
                vec![Value::text(id.to_string()), Value::text(secret), Value::Integer(step)];
            writes.push(Write { statement: self.write.clone(), params });
        }
        Ok(writes)
    }

    /// Forgets the steps of a user who is deleted.
    pub(crate) async fn forget(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
    ) -> Result<(), StorageError> {
        transaction.execute(&self.delete, &[Value::text(id.to_string())]).await?;
        Ok(())
    }
}

/// Whether a session that must be replaced, if any, exists. Locks it.
pub(crate) async fn can_replace(
    transaction: &mut dyn Transaction,
    keys: &KeySql,
    replaced: Option<&str>,
    must_replace: bool,
) -> Result<bool, StorageError> {
    match replaced {
        _ if !must_replace => Ok(true),
        Some(value) => Ok(keys.find_locked(transaction, value).await?.is_some()),
        None => Ok(false),
    }
}

#[cfg(test)]
impl UsesSql {
    /// Every statement except the insert.
    pub(crate) fn all(&self) -> Vec<Statement> {
        [&self.find, &self.delete].map(Statement::clone).to_vec()
    }
}
