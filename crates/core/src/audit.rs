//! The audit log: who did what, on whom, from where and when.
//!
//! A use case makes an event with [`Audit::event`] and passes it to the operation of the store, which
//! writes it in the transaction of the act. Refusals and failed attempts, which change nothing, are
//! [recorded](Audit::record) on their own. Afterwards, a background task adds events to a hash
//! chain, in batches, so that no transaction waits for another's.
//!
//! Applications record their own acts in the same log:
//!
//! ```
//! use crossauth_core::Auth;
//! use crossauth_core::audit::Act;
//! use crossauth_core::storage::StorageError;
//! use crossauth_core::user::User;
//!
//! async fn invoice_paid(auth: &Auth, user: &User, number: u32) -> Result<(), StorageError> {
//!     let event = auth.audit.event(Act::Custom("invoice.paid".into()));
//!     auth.audit.record(event.about(user).detail("number", number)).await
//! }
//! ```

mod act;
mod chain;
mod count;
mod entry;
mod problem;
mod refusal;
mod verify;

use std::fmt;
use std::net::IpAddr;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crate::caller::{Actor, Caller};
use crate::clock::{Clock, Timestamp};
use crate::crypto::InvalidKey;
use crate::random::Random;
use crate::secret::ServerSecret;
use crate::storage::{AuditFilter, AuditStore, StorageError};
use crate::user::UserId;

pub use act::Act;
use chain::ChainKey;
pub(crate) use chain::chain_loop;
use count::Counters;
pub use entry::{AuditEntry, AuditEvent, Personal, Recording};
pub use problem::Problem;
use refusal::Refusals;
pub use verify::LogVerification;

/// How long events are kept unless [configured](AuditConfig::retention).
pub const RETENTION: Duration = Duration::from_hours(400 * 24);

/// Number of events that are handled per step.
const STEP: u32 = 500;

/// Configuration of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditConfig {
    /// Which acts do not happen if they cannot be recorded.
    pub required: RequiredActs,
    /// How long events are kept; `None` for ever.
    pub retention: Option<Duration>,
}

impl Default for AuditConfig {
    /// The acts of administrators, and [`RETENTION`].
    fn default() -> Self {
        Self { required: RequiredActs::Administrative, retention: Some(RETENTION) }
    }
}

/// Which acts do not happen if they cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequiredActs {
    /// None.
    None,
    /// Those of administrators.
    Administrative,
    /// All.
    All,
}

/// Records events, and lists, verifies and erases them.
pub struct Audit {
    store: Arc<dyn AuditStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    key: ChainKey,
    refusals: Refusals,
    counters: Counters,
    /// How many events could not be chained because they cannot be decoded.
    unreadable: AtomicUsize,
    config: AuditConfig,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Audit {
    pub(crate) fn new(
        store: Arc<dyn AuditStore>,
        (clock, random): (Arc<dyn Clock>, Arc<dyn Random>),
        secret: &ServerSecret,
        config: AuditConfig,
    ) -> Result<Self, InvalidKey> {
        let key = ChainKey::new(secret)?;
        let (refusals, counters) = (Refusals::default(), Counters::default());
        let unreadable = AtomicUsize::new(0);
        Ok(Self { store, clock, random, key, refusals, counters, unreadable, config })
    }

    /// An event of the [current caller](Caller::current), to be passed to the operation of the
    /// store, or to [`record`](Self::record).
    pub fn event(&self, act: Act) -> AuditEvent {
        self.event_of(act, Caller::current())
    }

    /// Same as [`event`](Self::event), of another caller.
    pub fn event_of(&self, act: Act, caller: Caller) -> AuditEvent {
        self.counters.count(&act);
        let is_required = match self.config.required {
            RequiredActs::None => false,
            RequiredActs::Administrative => act.is_administrative(),
            RequiredActs::All => true,
        };
        let recording = if is_required { Recording::Required } else { Recording::BestEffort };
        AuditEvent::new(act, caller, self.clock.now(), &*self.random, recording)
    }

    /// Stores an event on its own. If that fails, it is an error only where the act must be
    /// recorded; otherwise the failure is logged.
    pub async fn record(&self, event: AuditEvent) -> Result<(), StorageError> {
        match self.store.append(slice::from_ref(&event)).await {
            Err(error) if event.recording == Recording::BestEffort => {
                let (act, user) = (&event.entry.act, event.entry.userid.as_ref());
                let user = user.map(tracing::field::display);
                tracing::error!(%act, user, %error, "an event is missing from the audit log");
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Records that a limit refused an attempt: for each `subject`, the name of the exhausted counter,
    /// at most once a minute, so that an attack does not fill the log. Pass `None` for an attempt on
    /// no known account.
    pub async fn record_refusal(&self, subject: &str, user: Option<&UserId>) {
        let now = self.clock.now();
        if !self.refusals.is_first(subject, now) {
            self.counters.count(&Act::LimitRefused);
            return;
        }
        let event = self.event(Act::LimitRefused).detail("limit", kind_of_counter(subject));
        let event = match address_of_counter(subject) {
            Some(of) => event.detail("of", of),
            None => event,
        };
        let event = match user {
            Some(user) => event.on(user),
            None => event,
        };
        if let Err(error) = self.record(event).await {
            tracing::error!(%error, "a refusal is missing from the audit log");
        }
    }

    /// Records that an API key was refused: for each network at most once a minute.
    pub(crate) async fn record_failed_key(&self, network: Option<IpAddr>, reason: &str) {
        let network = network.map_or_else(String::new, |network| network.to_string());
        if !self.refusals.is_first(&format!("api-key:{network}"), self.clock.now()) {
            self.counters.count(&Act::ApiKeyFailed);
            return;
        }
        let event = self.event(Act::ApiKeyFailed).detail("reason", reason);
        if let Err(error) = self.record(event).await {
            tracing::error!(%error, "a refused API key is missing from the audit log");
        }
    }

    /// Records that the events of a filter are exported as a file in this format.
    ///
    /// The account, the act and the id of a request in the filter are recorded if the log has events
    /// of each. Other text in their place is not: it may be personal data, and could not be erased.
    pub async fn record_export(
        &self,
        filter: &AuditFilter,
        format: &str,
    ) -> Result<(), StorageError> {
        let AuditFilter { user, act, from, until, request_id } = filter;
        let all = AuditFilter::default;
        let of_user = AuditFilter { user: user.clone(), ..all() };
        let of_act = AuditFilter { act: act.clone(), ..all() };
        let of_request = AuditFilter { request_id: request_id.clone(), ..all() };
        let time = |time: &Option<Timestamp>| {
            time.map(|it| it.to_rfc3339().unwrap_or_else(|| it.as_millis().to_string()))
        };
        let parts = [
            ("user", self.if_known(user.as_ref().map(UserId::to_string), &of_user).await?),
            ("act", self.if_known(act.clone(), &of_act).await?),
            ("from", time(from)),
            ("until", time(until)),
            ("request", self.if_known(request_id.clone(), &of_request).await?),
        ];
        let event = self.event(Act::AuditExported).detail("format", format);
        let event = parts.into_iter().fold(event, |event, (name, part)| match part {
            Some(part) => event.detail(name, entry::shortened(&part)),
            None => event,
        });
        self.record(event).await
    }

    /// The text of a filter if the log has an event of it, otherwise `unknown`.
    async fn if_known(
        &self,
        text: Option<String>,
        filter: &AuditFilter,
    ) -> Result<Option<String>, StorageError> {
        let Some(text) = text else { return Ok(None) };
        let is_known = !self.store.list(filter, None, 1).await?.is_empty();
        Ok(Some(if is_known { text } else { "unknown".to_owned() }))
    }

    /// Lists up to `limit` events, the newest first, starting after the id `after`.
    pub async fn list(
        &self,
        filter: &AuditFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StorageError> {
        self.store.list(filter, after, limit).await
    }

    /// Erases the personal data of a user, who was deleted, from all events: names, network addresses
    /// and browsers. The log says that this was done, and can still be verified. Returns the number
    /// of events.
    pub async fn erase(&self, user: &UserId) -> Result<u64, StorageError> {
        // First, so that nothing is erased without it.
        self.record(self.event(Act::AuditErased).on(user)).await?;
        let mut erased = 0;
        loop {
            let step = self.store.erase(user, STEP).await?;
            erased += step;
            if step < u64::from(STEP) {
                break;
            }
        }
        Ok(erased)
    }

    /// How often each act was to be recorded since the start, by its name; those of the application
    /// as `custom`. A refusal by a limit counts each time, and an act counts even if it then fails.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        self.counters.read()
    }

    /// The caller of background tasks.
    pub(crate) fn system() -> Caller {
        Caller::new(Actor::System)
    }
}

/// The kind of a counter: how its name begins.
fn kind_of_counter(subject: &str) -> &str {
    subject.split([':', '@']).next().unwrap_or_default()
}

/// What a counter of a network address counts; `None` for other counters. The address itself is
/// personal data, and with that of the actor.
fn address_of_counter(subject: &str) -> Option<&'static str> {
    let (counted, network) = subject.rsplit_once('@')?;
    network.parse::<IpAddr>().ok()?;
    Some(if counted.contains(':') { "account and address" } else { "address" })
}

#[cfg(test)]
mod tests;
