//! Requests for mail by visitors who are not logged in: to reset a password, to verify an address,
//! or to sign up with an address that has an account.
//!
//! The answer to such a request must not reveal whether there is an account, neither by its
//! content nor by its time. A request therefore only looks up the account and is added to a queue in
//! memory, whether or not there is one; the [background tasks](crate::Auth::tasks) do the rest. A
//! request that a crash interrupts is lost, and its user can repeat it.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::caller::Caller;
use crate::clock::{Clock, Timestamp};
use crate::crypto::hash;
use crate::email_verification::EmailVerification;
use crate::message::MessageKind;
use crate::password_reset::PasswordReset;
use crate::storage::{AttemptStore, Charge, Charged, StorageError, StorageErrorKind};
use crate::user::UserId;

/// Maximum number of requests that wait.
const CAPACITY: usize = 1000;

/// How often a request is tried while the store is unavailable.
const ATTEMPTS: u32 = 5;

/// Messages of one kind to one account within [`WINDOW`].
const LIMIT: u32 = 5;
const WINDOW: Duration = Duration::from_hours(1);

/// A request, for the account that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MailRequest {
    /// There is no account.
    Nothing,
    /// A link that resets the password of an account.
    ResetPassword(UserId),
    /// A link that verifies the address of an account.
    VerifyEmail(UserId),
    /// A notice to the owner of this address that it was used in another sign-up.
    AddressInUse(String),
}

/// The queue.
#[derive(Default)]
pub(crate) struct MailRequests {
    waiting: Mutex<VecDeque<(MailRequest, Caller)>>,
    added: Notify,
}

impl MailRequests {
    /// Adds a request. An error if too many wait: that is the same with and without an account.
    pub(crate) fn add(&self, request: MailRequest) -> Result<(), StorageError> {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= CAPACITY {
            return Err(StorageError::unavailable("too many requests for mail are waiting"));
        }
        waiting.push_back((request, Caller::current()));
        drop(waiting);
        self.added.notify_one();
        Ok(())
    }

    fn next(&self) -> Option<(MailRequest, Caller)> {
        self.waiting.lock().pop_front()
    }
}

/// Handles the requests in the queue.
pub(crate) struct MailRequestWorker {
    pub(crate) requests: Arc<MailRequests>,
    /// Held while requests are handled.
    pub(crate) handling: tokio::sync::Mutex<()>,
    pub(crate) attempts: Arc<dyn AttemptStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) verification: Arc<EmailVerification>,
    pub(crate) reset: Arc<PasswordReset>,
}

impl MailRequestWorker {
    /// Handles requests for as long as the worker exists, which this future does not keep alive.
    pub(crate) async fn run(worker: Weak<Self>, requests: Arc<MailRequests>) {
        while let Some(worker) = worker.upgrade() {
            worker.handle_waiting().await;
            drop(worker);
            requests.added.notified().await;
        }
    }

    /// Handles all requests that wait, after the one that another caller is handling.
    pub(crate) async fn handle_waiting(&self) {
        let _handling = self.handling.lock().await;
        while let Some((request, caller)) = self.requests.next() {
            let mut pause = Duration::from_secs(1);
            for attempt in 1..=ATTEMPTS {
                match caller.clone().run(self.handle(&request)).await {
                    Ok(()) => break,
                    Err(error)
                        if error.kind == StorageErrorKind::Unavailable && attempt < ATTEMPTS =>
                    {
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                    Err(error) => {
                        tracing::error!(%error, "a request for mail was dropped");
                        break;
                    }
                }
            }
        }
    }

    async fn handle(&self, request: &MailRequest) -> Result<(), StorageError> {
        match request {
            MailRequest::Nothing => self.charge_nothing().await,
            MailRequest::ResetPassword(user) => self.reset.send_link(user).await,
            MailRequest::VerifyEmail(user) => self.verification.send_link(user).await,
            MailRequest::AddressInUse(address) => self.verification.tell_owner(address).await,
        }
    }
}

impl MailRequestWorker {
    /// Writes to the store as for an account that has got too many messages: how busy the store is
    /// must not reveal whether there is an account.
    async fn charge_nothing(&self) -> Result<(), StorageError> {
        let charge = Charge { subject: "mail:none".to_owned(), limit: LIMIT, window: WINDOW };
        self.attempts.charge(&[charge], self.clock.now()).await.map(|_| ())
    }
}

/// Charges a message of one kind to an account and, where its user has typed the address, to that:
/// many accounts send no more to an address than one.
pub(crate) async fn charge(
    attempts: &dyn AttemptStore,
    kind: &MessageKind,
    user: &UserId,
    typed: Option<&str>,
    now: Timestamp,
) -> Result<Charged, StorageError> {
    let kind = kind.as_str();
    let address = typed.map(|address| format!("mail:{kind}:to:{}", hash(&address.to_lowercase())));
    let subjects = [format!("mail:{kind}:{user}")].into_iter().chain(address);
    let limits: Vec<Charge> =
        subjects.map(|subject| Charge { subject, limit: LIMIT, window: WINDOW }).collect();
    let charged = attempts.charge(&limits, now).await?;
    if charged != Charged::Ok {
        tracing::warn!(%user, kind, "too many messages to one account; this one is not sent");
    }
    Ok(charged)
}
