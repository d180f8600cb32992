//! Limits: how often secrets may be tried and messages sent. All of them are declared here, with
//! their defaults in [`LimitConfig`] and their subjects in `limit/door.rs`; the arithmetic is in
//! `docs/explanation/limits.md`.
//!
//! An attempt is charged to its counters and committed before it is made, and a success gives the
//! charge back, so that neither parallel attempts nor a crash avoid the count, and success costs
//! nothing. A refused attempt is not judged, not even a correct one, and is not charged.
//!
//! A door that tests a secret or sends a message has a method in `door.rs` with its counters, which
//! the use case passes to `Limits::charge`.

mod door;

use std::sync::Arc;
use std::time::Duration;

use crate::audit::Audit;
use crate::clock::{Clock, Timestamp};
use crate::crypto::{InvalidKey, Mac};
use crate::known_browser::KnownBrowsers;
use crate::secret::ServerSecret;
use crate::storage::{AttemptStore, Charge, Charged, StorageError};
use crate::user::UserId;

pub(crate) use door::{Client, Code, LoginDoor};

/// How often something is allowed: `count` times at once, and then one time in each `window / count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How often it is allowed at once.
    pub count: u32,
    /// The time in which it is allowed that often again.
    pub window: Duration,
}

impl Rate {
    /// So many times an hour.
    pub const fn per_hour(count: u32) -> Self {
        Self { count, window: Duration::from_hours(1) }
    }
}

/// Whether loopback addresses are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Loopback {
    /// As others: a trusted proxy reports the addresses of clients.
    Limited,
    /// They are not: a proxy on the same machine, which is not trusted to report addresses, has one
    /// for all clients.
    #[default]
    Unlimited,
}

/// How often secrets may be tried and messages sent; `None` for no limit.
///
/// An address is one of IPv4, or a /64 network of IPv6. Successful attempts do not count, unless
/// stated otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitConfig {
    /// Logins to one account, from anywhere except [known browsers](crate::known_browser).
    pub logins_per_account: Option<Rate>,
    /// Logins to one account from one address.
    pub logins_per_account_and_address: Option<Rate>,
    /// Logins from one address, except from known browsers.
    pub logins_per_address: Option<Rate>,
    /// Logins to one account from one known browser.
    pub logins_per_browser: Option<Rate>,
    /// Passwords that logged-in users must type once more, for one account.
    pub passwords_per_account: Option<Rate>,
    /// Codes of second factors for one account: each for logins, for recovery codes, for
    /// confirmations and for set-ups, and for logins from each known browser.
    pub codes_per_account: Option<Rate>,
    /// Codes of second factors at logins from one address, except from known browsers.
    pub codes_per_address: Option<Rate>,
    /// Tokens of links that do not exist, from one address.
    pub links_per_address: Option<Rate>,
    /// API keys that do not exist, from one address.
    pub keys_per_address: Option<Rate>,
    /// Sign-ups from one address, successful or not.
    pub signups_per_address: Option<Rate>,
    /// Requests for mail from one address by visitors who are not logged in.
    pub mails_per_address: Option<Rate>,
    /// Messages of one kind to one account, and links of one kind to one new address.
    pub mails_per_account: Option<Rate>,
    /// Codes sent for logins and sign-ups from one address, and not used.
    pub codes_sent_per_address: Option<Rate>,
    /// Codes sent for one account, and to one address or number, and not used.
    pub codes_sent_per_account: Option<Rate>,
    /// Codes sent to one address or number, used or not.
    pub codes_sent_per_recipient: Option<Rate>,
    /// Whether loopback addresses are limited.
    pub loopback: Loopback,
}

impl Default for LimitConfig {
    fn default() -> Self {
        let per_hour = |count| Some(Rate::per_hour(count));
        Self {
            logins_per_account: per_hour(20),
            logins_per_account_and_address: per_hour(10),
            logins_per_address: per_hour(50),
            logins_per_browser: per_hour(10),
            passwords_per_account: per_hour(10),
            codes_per_account: per_hour(10),
            codes_per_address: per_hour(50),
            links_per_address: per_hour(50),
            keys_per_address: per_hour(50),
            signups_per_address: per_hour(50),
            mails_per_address: per_hour(20),
            mails_per_account: per_hour(5),
            codes_sent_per_address: per_hour(30),
            codes_sent_per_account: per_hour(10),
            codes_sent_per_recipient: per_hour(60),
            loopback: Loopback::default(),
        }
    }
}

/// Attempts that were charged and may be made.
#[derive(Debug)]
#[must_use]
pub(crate) struct Admitted(Vec<Charge>);

impl Admitted {
    /// The subjects of the counters.
    pub(crate) fn into_charges(self) -> Vec<Charge> {
        self.0
    }
}

/// A limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// When the next attempt is allowed.
    pub(crate) retry_at: Timestamp,
}

/// Charges attempts.
pub(crate) struct Limits {
    pub(crate) browsers: Arc<KnownBrowsers>,
    config: LimitConfig,
    attempts: Arc<dyn AttemptStore>,
    audit: Arc<Audit>,
    clock: Arc<dyn Clock>,
    /// Hides what was typed as a name, which may be a password.
    names: Mac,
}

impl Limits {
    pub(crate) fn new(
        secret: &ServerSecret,
        config: LimitConfig,
        browsers: Arc<KnownBrowsers>,
        (attempts, audit): (Arc<dyn AttemptStore>, Arc<Audit>),
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidKey> {
        let names = Mac::from_secret(secret, "limited-name")?;
        Ok(Self { browsers, config, attempts, audit, clock, names })
    }

    /// Charges an attempt, on the account `user` if there is one, to its counters, unless one has
    /// reached its limit; the audit log gets the refusal.
    pub(crate) async fn charge(
        &self,
        charges: Vec<Charge>,
        user: Option<&UserId>,
    ) -> Result<Result<Admitted, TooMany>, StorageError> {
        if charges.is_empty() {
            return Ok(Ok(Admitted(charges)));
        }
        match self.attempts.charge(&charges, self.clock.now()).await? {
            Charged::Ok => Ok(Ok(Admitted(charges))),
            Charged::Exhausted { subject, retry_at } => {
                // A subject has ids, addresses and hashes, and no secrets.
                tracing::warn!(subject, "limit reached");
                self.audit.record_refusal(&subject, user).await;
                Ok(Err(TooMany { retry_at }))
            }
        }
    }

    /// Gives the charges of a successful attempt back. If that fails, they stay: the attempt itself
    /// must not fail for it.
    pub(crate) async fn give_back(&self, charges: &[Charge]) {
        if charges.is_empty() {
            return;
        }
        if let Err(error) = self.attempts.refund(charges, self.clock.now()).await {
            tracing::warn!(%error, "the charge of a successful attempt cannot be given back");
        }
    }
}
