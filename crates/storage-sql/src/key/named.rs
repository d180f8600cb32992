//! Storing a key under a name of its owner.

use std::sync::Arc;

use crossauth_core::audit::AuditEvent;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::message::Message;
use crossauth_core::storage::{CredentialVersion, Inserted, NamedKey, StorageError};
use crossauth_core::user::{StateChecks, UserId};

use super::statement::KeySql;
use super::{SqlKeyStore, skip_bad_rows};
use crate::database::{Database, Row, Transaction, Value};
use crate::user::UserSql;

/// An owned [`NamedKey`], for a transaction.
pub(super) struct OwnedNamedKey {
    key: Key,
    kind: KeyPrefix,
    max: usize,
    credentials: Option<CredentialVersion>,
    checks: StateChecks,
    send: Vec<Message>,
    audit: Vec<AuditEvent>,
}

impl From<NamedKey<'_>> for OwnedNamedKey {
    fn from(named: NamedKey<'_>) -> Self {
        let NamedKey { key, kind, max, credentials, checks, send, audit } = named;
        let (key, credentials) = (key.clone(), credentials.cloned());
        let (max, send, audit) = (max as usize, send.to_vec(), audit.to_vec());
        Self { key, kind, max, credentials, checks, send, audit }
    }
}

impl<D: Database> SqlKeyStore<D> {
    pub(super) async fn insert_named_once(
        &self,
        named: NamedKey<'_>,
    ) -> Result<Inserted, StorageError> {
        let statements = (Arc::clone(&self.sql), Arc::clone(&self.users));
        let logs = (Arc::clone(&self.outbox), Arc::clone(&self.audit));
        let input = (statements, logs, OwnedNamedKey::from(named));
        self.database
            .transaction(input, |transaction, ((sql, users), (outbox, log), named)| {
                Box::pin(async move {
                    let outcome = sql.insert_named(transaction, users, named).await?;
                    if outcome == Inserted::Done {
                        let owner = named.key.userid.as_ref();
                        outbox.insert(transaction, &named.send, owner).await?;
                        log.record(transaction, &named.audit, owner).await?;
                    }
                    Ok(outcome)
                })
            })
            .await
    }
}

impl KeySql {
    /// Stores the key unless its name is taken or its owner has too many. The row of the owner is
    /// locked, so that concurrent calls for one owner run one after the other.
    async fn insert_named(
        &self,
        transaction: &mut dyn Transaction,
        users: &UserSql,
        named: &OwnedNamedKey,
    ) -> Result<Inserted, StorageError> {
        let key = &named.key;
        let Some(id) = &key.userid else {
            self.insert(transaction, key, None, None).await?;
            return Ok(Inserted::Done);
        };
        let Some(owner) = users.lock(transaction, id).await?.into_user()? else {
            return Ok(Inserted::NoSuchUser);
        };
        if named.credentials.as_ref().is_some_and(|checked| *checked != owner.credentials()) {
            return Ok(Inserted::CredentialsChanged);
        }
        if let Some(refusal) = owner.refusal(named.checks) {
            return Ok(Inserted::Refused(refusal));
        }
        let others = self.owned(transaction, id, named.kind).await?;
        let (expired, live): (Vec<Key>, Vec<Key>) =
            others.into_iter().partition(|other| other.is_expired(key.created));
        if live.iter().any(|other| other.name() == key.name()) {
            return Ok(Inserted::NameTaken);
        }
        if live.len() >= named.max {
            return Ok(Inserted::TooMany);
        }
        for other in &expired {
            self.delete(transaction, &other.value).await?;
        }
        self.insert(transaction, key, Some(id), owner.epoch()).await?;
        Ok(Inserted::Done)
    }

    /// The keys of a kind that a user has, without those that cannot be decoded.
    async fn owned(
        &self,
        transaction: &mut dyn Transaction,
        owner: &UserId,
        kind: KeyPrefix,
    ) -> Result<Vec<Key>, StorageError> {
        let sql = self.of(kind.as_str());
        let mut params = vec![self.schema.users.lookup_id(owner)];
        params.extend(super::prefix_params(kind));
        params.push(Value::Integer(i64::MAX));
        let decode = |row: &dyn Row| Ok(sql.decode(row));
        skip_bad_rows(transaction.list(&sql.list_owned.first, &params, decode).await?)
    }
}
