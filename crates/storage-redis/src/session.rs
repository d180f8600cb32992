//! Sessions in Redis: each is a hash under its value, and each user has an index of theirs.
//!
//! A session is stored before it is listed in the index, so an entry without a session is one whose
//! session has ended, and can be removed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{CLOCK_SKEW, Key, KeyData};
use crossauth_core::storage::{KeyPosition, StorageError, StorageErrorKind};
use crossauth_core::user::UserId;
use futures_util::future::{join_all, try_join_all};
use redis::cmd;

use crate::connection::Connection;
use crate::examination::{Examination, examine};
use crate::record::{Held, decode, encode, encode_id, encode_prepared, entry, value_of};
use crate::script::Scripts;

/// How long a prepared session waits for the commit in SQL, which takes seconds at most.
const PREPARED: Duration = Duration::from_mins(2);

/// How often confirming a session is tried.
const CONFIRMATIONS: usize = 3;

/// How many entries of an index are read at once.
const BATCH: usize = 100;

/// The outcome of replacing the data of a session.
pub(crate) enum Replaced {
    /// The data was replaced.
    Done,
    /// It has been changed since it was read.
    Changed,
    /// There is no such session.
    NotFound,
}

/// The owner of a session, with the credential epoch in which it began.
#[derive(Clone, Copy)]
pub(crate) struct Owned<'a> {
    pub(crate) owner: &'a UserId,
    pub(crate) epoch: u64,
}

/// The sessions in Redis.
pub(crate) struct Sessions {
    connection: Connection,
    scripts: Arc<Scripts>,
    prefix: String,
}

impl Sessions {
    pub(crate) fn new(connection: Connection, scripts: Arc<Scripts>, prefix: String) -> Self {
        Self { connection, scripts, prefix }
    }

    fn name(&self, value: &str) -> String {
        format!("{}{value}", self.prefix)
    }

    fn index_name(&self, owner: &UserId) -> String {
        format!("{}u:{}", self.prefix, encode_id(owner))
    }

    /// Finds a session, in one round trip.
    pub(crate) async fn find(&self, value: &str) -> Result<Option<Held>, StorageError> {
        let command = cmd("HGETALL").arg(self.name(value)).take();
        let fields: HashMap<String, String> = self.connection.read(&command).await?;
        decode(value, &fields)
    }

    /// Stores a session that is not valid before it is confirmed; returns whether its value was
    /// free.
    pub(crate) async fn prepare(&self, key: &Key) -> Result<bool, StorageError> {
        self.store(&key.value, &encode_prepared(key), Some(PREPARED)).await
    }

    /// Stores a session; returns whether its value was free.
    pub(crate) async fn insert(&self, key: &Key) -> Result<bool, StorageError> {
        let is_new = self.store(&key.value, &encode(key), lifetime(key)).await?;
        if let Some(owner) = key.userid.as_ref().filter(|_| is_new) {
            self.list_under(owner, key).await?;
        }
        Ok(is_new)
    }

    async fn store(
        &self,
        value: &str,
        fields: &[(&str, String)],
        lifetime: Option<Duration>,
    ) -> Result<bool, StorageError> {
        let mut script = self.scripts.insert.key(self.name(value));
        script.arg(millis(lifetime));
        for (name, value) in fields {
            script.arg(*name).arg(value);
        }
        Ok(self.connection.run::<u8>(&script).await? == 1)
    }

    /// Makes a prepared session valid. If that fails, it is unknown whether it is valid.
    pub(crate) async fn confirm(
        &self,
        key: &Key,
        owned: Option<Owned<'_>>,
    ) -> Result<(), StorageError> {
        let mut attempt = 1;
        loop {
            match self.confirm_once(key, owned).await {
                Err(_) if attempt < CONFIRMATIONS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn confirm_once(&self, key: &Key, owned: Option<Owned<'_>>) -> Result<(), StorageError> {
        let mut script = self.scripts.confirm.key(self.name(&key.value));
        script.arg(millis(lifetime(key)));
        match owned {
            Some(Owned { owner, epoch }) => script.arg(encode_id(owner)).arg(epoch),
            None => script.arg("").arg(""),
        };
        if self.connection.run::<u8>(&script).await? == 0 {
            return Err(StorageError::unavailable("Redis has lost a session that was beginning"));
        }
        match owned {
            Some(Owned { owner, .. }) => self.list_under(owner, key).await,
            None => Ok(()),
        }
    }

    async fn list_under(&self, owner: &UserId, key: &Key) -> Result<(), StorageError> {
        let mut script = self.scripts.index.key(self.index_name(owner));
        script.arg(key.created.as_millis()).arg(entry(key)).arg(millis(lifetime(key)));
        self.connection.run::<()>(&script).await
    }

    /// Deletes a prepared session. It ends by itself if that fails.
    pub(crate) async fn discard(&self, value: &str) {
        tidy(self.connection.query(cmd("UNLINK").arg(self.name(value))).await);
    }

    /// Deletes a session that has ended. It is not valid any more even if that fails.
    pub(crate) async fn remove(&self, key: &Key) {
        tidy(self.connection.query(cmd("UNLINK").arg(self.name(&key.value))).await);
        if let Some(owner) = &key.userid {
            self.forget(owner, &[entry(key)]).await;
        }
    }

    /// Removes entries from the index of a user.
    async fn forget(&self, owner: &UserId, entries: &[String]) {
        if entries.is_empty() {
            return;
        }
        let command = cmd("ZREM").arg(self.index_name(owner)).arg(entries).take();
        tidy(self.connection.query(&command).await);
    }

    /// Replaces the data of a session that has not been changed since it was found.
    pub(crate) async fn replace_data(
        &self,
        held: &Held,
        data: &KeyData,
    ) -> Result<Replaced, StorageError> {
        let mut script = self.scripts.change.key(self.name(&held.key.value));
        script.arg(held.version).arg(data.as_text());
        Ok(match self.connection.run::<i8>(&script).await? {
            1 => Replaced::Done,
            0 => Replaced::Changed,
            _ => Replaced::NotFound,
        })
    }

    /// Records that a session was used.
    pub(crate) async fn touch(&self, value: &str, at: Timestamp) -> Result<(), StorageError> {
        let mut script = self.scripts.touch.key(self.name(value));
        script.arg(at.as_millis()).arg((at + CLOCK_SKEW).as_millis());
        self.connection.run::<()>(&script).await
    }

    /// Gives a session of the credential epoch that has just ended the new one.
    pub(crate) async fn renew(&self, value: &str, owned: Owned<'_>) -> Result<bool, StorageError> {
        let Owned { owner, epoch } = owned;
        let Some(ended) = epoch.checked_sub(1) else { return Ok(false) };
        let mut script = self.scripts.renew.key(self.name(value));
        script.arg(encode_id(owner)).arg(ended).arg(epoch);
        Ok(self.connection.run::<u8>(&script).await? == 1)
    }

    /// Deletes the sessions of a user that began before `epoch`; all of them if the user is gone.
    /// They are not valid any more even if that fails.
    pub(crate) async fn end_older(&self, owner: &UserId, epoch: Option<u64>) {
        let epoch = epoch.unwrap_or(u64::MAX);
        if let Err(error) = self.try_end_older(owner, epoch).await {
            tracing::warn!(%error, user = %owner, "cannot delete what is left of ended sessions");
        }
    }

    async fn try_end_older(&self, owner: &UserId, epoch: u64) -> Result<(), StorageError> {
        let command = cmd("ZRANGE").arg(self.index_name(owner)).arg(0).arg(-1).take();
        let entries: Vec<String> = self.connection.read(&command).await?;
        for batch in entries.chunks(BATCH) {
            let ended = try_join_all(batch.iter().map(|entry| async move {
                let mut script = self.scripts.end_older.key(self.name(value_of(entry)));
                script.arg(epoch);
                Ok::<_, StorageError>(self.connection.run::<u8>(&script).await? == 1)
            }));
            let ended = ended.await?;
            let gone = batch.iter().zip(ended).filter(|(_, ended)| *ended);
            let gone: Vec<String> = gone.map(|(entry, _)| entry.clone()).collect();
            self.forget(owner, &gone).await;
        }
        Ok(())
    }

    /// Lists sessions of a user, the newest first, starting after `after`. A session that cannot be
    /// decoded is left out.
    pub(crate) async fn list(
        &self,
        owner: &UserId,
        after: Option<KeyPosition<'_>>,
        limit: usize,
    ) -> Result<Vec<Key>, StorageError> {
        let (mut found, mut gone, mut read) = (Vec::new(), Vec::new(), 0);
        let latest = after.map_or("+inf".into(), |after| after.created.as_millis().to_string());
        while found.len() < limit {
            let mut command = cmd("ZREVRANGEBYSCORE");
            command.arg(self.index_name(owner)).arg(&latest).arg("-inf");
            command.arg("LIMIT").arg(read).arg(BATCH);
            let entries: Vec<String> = self.connection.read(&command).await?;
            let is_last = entries.len() < BATCH;
            read += entries.len();
            let sessions = join_all(entries.iter().map(|entry| self.find(value_of(entry)))).await;
            for (entry, session) in entries.into_iter().zip(sessions) {
                match session {
                    Ok(Some(Held { key, .. })) => {
                        if after.is_none_or(|after| KeyPosition::from(&key) < after) {
                            found.push(key);
                        }
                    }
                    Ok(None) => gone.push(entry),
                    Err(error) if error.kind == StorageErrorKind::BadRow => {
                        tracing::warn!(%error, "left out of a list");
                    }
                    Err(error) => return Err(error),
                }
            }
            if is_last {
                break;
            }
        }
        self.forget(owner, &gone).await;
        found.truncate(limit);
        Ok(found)
    }

    /// What a connection to the server finds.
    pub(crate) async fn examine(&self) -> Result<Examination, StorageError> {
        examine(&self.connection, &self.prefix).await
    }

    /// Whether the server takes a write.
    pub(crate) async fn ping(&self) -> Result<(), StorageError> {
        let command = cmd("SET").arg(self.name("ping")).arg(1).arg("PX").arg(1000).take();
        self.connection.read(&command).await
    }
}

fn tidy(outcome: Result<(), StorageError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "cannot delete what is left of an ended session");
    }
}

/// How long the server keeps a session, from its creation to its expiry: a session that keeps the age
/// of the one that it replaces is kept longer, and refused when it has expired.
fn lifetime(key: &Key) -> Option<Duration> {
    // One that has expired already is kept for a moment, so that it is found expired.
    key.expires.map(|expires| expires.since(key.created).max(Duration::from_mins(1)))
}

/// Milliseconds for a script; 0 for no limit.
fn millis(lifetime: Option<Duration>) -> u64 {
    lifetime.map_or(0, |it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX).clamp(1, MAX_MILLIS))
}

/// A hundred years.
const MAX_MILLIS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
