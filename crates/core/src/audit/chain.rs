//! The hash chain: each event gets a number and a keyed hash over itself and the hash before.
//!
//! The key is derived from the server's secret, so that a person who can write to the database, but
//! does not have the secret, can neither change events nor make a chain that fits. What the chain
//! cannot show: events that were removed before they were chained, which takes seconds, and that the
//! whole log was replaced by an older copy of itself. For the latter, compare the end of the chain
//! with one that was noted elsewhere.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};

use super::{Audit, AuditEntry, STEP};
use crate::clock::Timestamp;
use crate::crypto::encoding::encode;
use crate::crypto::{InvalidKey, derive};
use crate::secret::ServerSecret;
use crate::storage::{Link, Mark, Marks, StorageError};

/// Time between two batches.
const INTERVAL: Duration = Duration::from_secs(5);

/// Length of the name of a key, in characters.
const KEY_NAME_LEN: usize = 12;

/// A boundary of the chain, which a mark names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Boundary {
    /// The last event that was deleted because of its age.
    Start,
    /// The last event.
    End,
}

/// The key of hashes and seals.
pub(super) struct ChainKey {
    key: hmac::Key,
    name: String,
}

impl ChainKey {
    pub(super) fn new(secret: &ServerSecret) -> Result<Self, InvalidKey> {
        let bytes = derive(secret.expose().as_bytes(), "audit").ok_or(InvalidKey)?;
        let key = hmac::Key::new(HMAC_SHA256, bytes.as_ref());
        let mut name = encode(hmac::sign(&key, b"name"));
        name.truncate(KEY_NAME_LEN);
        Ok(Self { key, name })
    }

    /// Identifies the key.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The hash of an event with this number after the event with the hash `before`.
    pub(super) fn hash(&self, before: &str, number: u64, entry: &AuditEntry) -> String {
        let AuditEntry { id, created, act, actor, userid, request_id, detail, origin, about } =
            entry;
        let optional =
            |text: Option<String>| text.map_or_else(String::new, |text| format!("={text}"));
        let mut detail: Vec<_> =
            detail.iter().map(|(name, value)| (name, value.to_string())).collect();
        // A map may or may not keep the order of the text, by a feature of its crate.
        detail.sort();
        let fields = [
            "event".to_owned(),
            before.to_owned(),
            number.to_string(),
            id.clone(),
            created.as_millis().to_string(),
            act.as_str().to_owned(),
            actor.kind().to_owned(),
            optional(actor.user().map(ToString::to_string)),
            optional(actor.name().map(str::to_owned)),
            optional(userid.as_ref().map(ToString::to_string)),
            optional(request_id.clone()),
            origin.digest().to_owned(),
            about.digest().to_owned(),
        ];
        let detail = detail.into_iter().flat_map(|(name, value)| [name.clone(), value]);
        self.sign(fields.into_iter().chain(detail))
    }

    /// A mark with its seal, which is of this boundary only: else a copy of the end would serve as
    /// the start of a chain whose events were removed.
    pub(super) fn mark(&self, boundary: Boundary, number: u64, hash: String) -> Mark {
        let boundary = match boundary {
            Boundary::Start => "start",
            Boundary::End => "end",
        };
        let seal = self.sign([boundary.to_owned(), number.to_string(), hash.clone()]);
        Mark { number, hash, key: self.name.clone(), seal }
    }

    /// A keyed hash of texts, each with its length, so that none can be moved into the next.
    fn sign(&self, fields: impl IntoIterator<Item = String>) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        for field in fields {
            context.update(&(field.len() as u64).to_be_bytes());
            context.update(field.as_bytes());
        }
        encode(context.sign())
    }
}

impl Audit {
    /// Adds the events that wait to the hash chain; returns their number. The [background
    /// tasks](crate::Auth::tasks) do so every few seconds. Of several nodes, one adds a batch.
    pub async fn extend_chain(&self) -> Result<u64, StorageError> {
        let (mut added, mut unreadable, mut after) = (0, 0, None::<String>);
        loop {
            // Read before the events: if another node chains these, the end is not this one any more.
            let Marks { end, .. } = self.store.marks().await?;
            let waiting = self.store.unchained(after.as_deref(), STEP).await?;
            let (mut number, mut hash) = (end.number, end.hash.clone());
            let mut links = Vec::with_capacity(waiting.len());
            for entry in waiting.iter().flatten() {
                number += 1;
                hash = self.key.hash(&hash, number, entry);
                let key = self.key.name().to_owned();
                links.push((entry.id.clone(), Link { number, key, hash: hash.clone() }));
            }
            unreadable += waiting.len() - links.len();
            let end_after = self.key.mark(Boundary::End, number, hash);
            if !links.is_empty() && !self.store.chain(&end, &links, &end_after).await? {
                // Another node is adding the same events.
                return Ok(added);
            }
            added += links.len() as u64;
            after = waiting.last().map(|event| match event {
                Ok(entry) => entry.id.clone(),
                Err(event) => event.id.clone(),
            });
            // Those without an id that can be read are the last ones.
            if waiting.len() < STEP as usize || after.as_deref().is_none_or(str::is_empty) {
                self.report_unreadable(unreadable);
                return Ok(added);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Logs that events cannot be chained, if there are more than before.
    fn report_unreadable(&self, count: usize) {
        if count > self.unreadable.swap(count, Ordering::Relaxed) {
            tracing::error!(
                count,
                "events of the audit log cannot be decoded, and are not in its hash chain; \
                 `crossauth audit verify` lists them"
            );
        }
    }

    /// Deletes events of the chain that are older than the configured time, the oldest first;
    /// returns their number. `now` is a time that is not later than the present.
    pub(crate) async fn purge(&self, now: Timestamp) -> Result<u64, StorageError> {
        let Some(retention) = self.config.retention else { return Ok(0) };
        let mut removed = 0;
        loop {
            let Marks { start, .. } = self.store.marks().await?;
            let page = self.store.chained(Some(start.number), STEP).await?;
            let mut last = None;
            for chained in page.iter().flatten() {
                let created = chained.entry.created;
                if created < now - retention {
                    last = Some(chained);
                } else if created <= now {
                    break;
                }
                // A clock was wrong then: the next event decides.
            }
            let Some(last) = last else { return Ok(removed) };
            let next = self.key.mark(Boundary::Start, last.link.number, last.link.hash.clone());
            if !self.store.purge(&start, &next).await? {
                return Ok(removed);
            }
            removed += next.number - start.number;
            tokio::task::yield_now().await;
        }
    }
}

/// Extends the chain every few seconds, while `audit` is in use.
pub(crate) async fn chain_loop(audit: Weak<Audit>) {
    let mut has_failed = false;
    while let Some(audit) = audit.upgrade() {
        has_failed = extend(audit, has_failed).await;
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Extends the chain; returns whether that failed. Logs the first of several failures.
async fn extend(audit: Arc<Audit>, has_failed: bool) -> bool {
    match audit.extend_chain().await {
        Ok(added) => {
            if added > 0 {
                tracing::debug!(added, "events were added to the hash chain of the audit log");
            }
            false
        }
        Err(error) => {
            if !has_failed {
                tracing::warn!(%error, "cannot extend the hash chain of the audit log; trying again");
            }
            true
        }
    }
}
