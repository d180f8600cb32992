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
use crate::clock::Clock;
use crate::deps::Deps;
use crate::email_verification::EmailVerification;
use crate::limit::{Limits, TooMany};
use crate::password_reset::{PasswordReset, ResetRequestError};
use crate::storage::{StorageError, StorageErrorKind};
use crate::user::UserId;
use crate::visitor::Visitor;

/// Maximum number of requests that wait.
const CAPACITY: usize = 1000;

/// How often a request is tried while the store is unavailable.
const ATTEMPTS: u32 = 5;

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
pub(crate) struct MailRequests {
    waiting: Mutex<VecDeque<(MailRequest, Caller)>>,
    added: Notify,
    limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
}

impl MailRequests {
    pub(crate) fn new(deps: &Deps) -> Self {
        Self {
            waiting: Mutex::default(),
            added: Notify::default(),
            limits: deps.limits.clone(),
            clock: deps.clock.clone(),
        }
    }

    /// Charges a request to the network of its visitor, whether or not there is an account.
    pub(crate) async fn admit(&self, visitor: Visitor<'_>) -> Result<(), ResetRequestError> {
        match self.limits.charge(self.limits.mail_request(visitor), None).await? {
            Ok(_) => Ok(()),
            Err(TooMany { retry_at }) => {
                Err(ResetRequestError::TooMany { wait: retry_at.since(self.clock.now()) })
            }
        }
    }

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
    pub(crate) limits: Arc<Limits>,
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
        self.limits.charge(self.limits.no_mail(), None).await.map(drop)
    }
}
