//! The audit log in memory.

use async_trait::async_trait;

use super::{MemoryStorage, State};
use crate::audit::{AuditEntry, AuditEvent};
use crate::storage::{
    AuditFilter, AuditStore, Chained, Link, Mark, Marks, StorageError, UnreadableEvent,
};
use crate::user::UserId;

/// An event, and its place in the chain.
pub(super) struct Recorded {
    entry: AuditEntry,
    link: Option<Link>,
}

#[async_trait]
impl AuditStore for MemoryStorage {
    async fn append(&self, events: &[AuditEvent]) -> Result<(), StorageError> {
        self.state.lock().record(events, None);
        Ok(())
    }

    async fn list(
        &self,
        filter: &AuditFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StorageError> {
        let state = self.state.lock();
        let events = state.audit.iter().rev();
        let older = events.filter(|(id, _)| after.is_none_or(|after| id.as_str() < after));
        let entries = older.map(|(_, recorded)| &recorded.entry);
        Ok(entries.filter(|entry| matches(filter, entry)).take(limit as usize).cloned().collect())
    }

    async fn unchained(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Result<AuditEntry, UnreadableEvent>>, StorageError> {
        let state = self.state.lock();
        let free = state.audit.iter().filter(|(id, recorded)| {
            recorded.link.is_none() && after.is_none_or(|after| id.as_str() > after)
        });
        Ok(free.take(limit as usize).map(|(_, recorded)| Ok(recorded.entry.clone())).collect())
    }

    async fn chained(
        &self,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Result<Chained, UnreadableEvent>>, StorageError> {
        let state = self.state.lock();
        let chained = state.audit.values().filter_map(|recorded| {
            let link = recorded.link.clone();
            let link = link.filter(|link| after.is_none_or(|after| link.number > after))?;
            Some(Chained { link, entry: recorded.entry.clone() })
        });
        let mut chained: Vec<_> = chained.collect();
        chained.sort_by_key(|one| one.link.number);
        chained.truncate(limit as usize);
        Ok(chained.into_iter().map(Ok).collect())
    }

    async fn marks(&self) -> Result<Marks, StorageError> {
        Ok(self.state.lock().audit_marks.clone())
    }

    async fn chain(
        &self,
        before: &Mark,
        links: &[(String, Link)],
        end: &Mark,
    ) -> Result<bool, StorageError> {
        let mut state = self.state.lock();
        if state.audit_marks.end != *before {
            return Ok(false);
        }
        for (id, link) in links {
            let Some(recorded) = state.audit.get_mut(id) else {
                return Err(StorageError::corrupt("an event disappeared"));
            };
            recorded.link = Some(link.clone());
        }
        state.audit_marks.end = end.clone();
        Ok(true)
    }

    async fn purge(&self, before: &Mark, start: &Mark) -> Result<bool, StorageError> {
        let mut state = self.state.lock();
        if state.audit_marks.start != *before {
            return Ok(false);
        }
        state.audit.retain(|_, recorded| {
            recorded.link.as_ref().is_none_or(|link| link.number > start.number)
        });
        state.audit_marks.start = start.clone();
        Ok(true)
    }

    async fn erase(&self, user: &UserId, limit: u32) -> Result<u64, StorageError> {
        let mut erased = 0;
        for recorded in self.state.lock().audit.values_mut() {
            let AuditEntry { actor, userid, origin, about, .. } = &mut recorded.entry;
            let acts = actor.user() == Some(user) && origin.text().is_some();
            let is_about = userid.as_ref() == Some(user) && about.text().is_some();
            if erased == u64::from(limit) || !(acts || is_about) {
                continue;
            }
            if acts {
                origin.erase();
            }
            if is_about {
                about.erase();
            }
            erased += 1;
        }
        Ok(erased)
    }
}

fn matches(filter: &AuditFilter, entry: &AuditEntry) -> bool {
    let AuditFilter { user, act, from, until, request_id } = filter;
    let is_user =
        |user: &UserId| entry.userid.as_ref() == Some(user) || entry.actor.user() == Some(user);
    let name = entry.act.as_str();
    let is_act = |act: &String| name == act || act.ends_with('.') && name.starts_with(act.as_str());
    user.as_ref().is_none_or(is_user)
        && act.as_ref().is_none_or(is_act)
        && from.is_none_or(|from| entry.created >= from)
        && until.is_none_or(|until| entry.created < until)
        && (request_id.is_none() || entry.request_id == *request_id)
}

impl State {
    /// Records events, those about no account as about `userid`.
    pub(super) fn record(&mut self, events: &[AuditEvent], userid: Option<&UserId>) {
        for AuditEvent { entry, .. } in events {
            let mut entry = entry.clone();
            entry.userid = entry.userid.or_else(|| userid.cloned());
            self.audit.insert(entry.id.clone(), Recorded { entry, link: None });
        }
    }
}
