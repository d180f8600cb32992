//! How often codes may be tried and sent.
//!
//! The arithmetic is in `docs/explanation/second-factors.md`.

use std::time::Duration;

use super::Pending;
use crate::crypto::hash;
use crate::factor::Purpose;
use crate::storage::Charge;
use crate::user::{FactorName, UserId};

/// Wrong codes for one challenge.
const PER_CHALLENGE: u32 = 5;

/// How long those are counted: longer than any challenge can be answered.
const CHALLENGE_WINDOW: Duration = Duration::from_hours(1);

/// Wrong codes for one account in an hour, whatever logins they belong to.
const PER_ACCOUNT: u32 = 10;

/// Codes sent for one account, and to one address or number, in an hour, without one being used.
const UNUSED: u32 = 10;

/// Codes sent to one address or number in an hour, used or not.
const TOTAL: u32 = 60;

/// Codes sent again for one challenge.
const RESENDINGS: u32 = 3;

const HOUR: Duration = Duration::from_hours(1);

/// The counters of a response.
pub(super) fn answer(pending: &Pending, purpose: Purpose) -> Vec<Charge> {
    let what = match purpose {
        // A mistake at set-up must not keep the user from logging in.
        Purpose::SetUp => "setup",
        Purpose::Login | Purpose::Confirmation => "factor",
    };
    let challenge = hash(&pending.challenge);
    vec![
        Charge {
            subject: format!("challenge:{challenge}"),
            limit: PER_CHALLENGE,
            window: CHALLENGE_WINDOW,
        },
        Charge { subject: format!("{what}:{}", pending.userid), limit: PER_ACCOUNT, window: HOUR },
    ]
}

/// An address or number to which a factor sends, hashed.
pub(super) struct Recipient(String);

impl Recipient {
    pub(super) fn new(factor: &FactorName, to: &str) -> Self {
        Self(hash(&format!("{factor} {to}")))
    }

    /// The counter of all codes, used or not.
    pub(super) fn total(&self) -> Charge {
        Charge { subject: format!("send-to:all:{}", self.0), limit: TOTAL, window: HOUR }
    }
}

/// The counters of sending a code that is not used.
pub(super) fn unused(id: &UserId, to: Option<&Recipient>, purpose: Purpose) -> Vec<Charge> {
    let charge = |subject| Charge { subject, limit: UNUSED, window: HOUR };
    let to = to.map(|Recipient(to)| match purpose {
        // Anybody can sign up with any number, which must not keep its owner from logging in.
        Purpose::SetUp => format!("send-to:setup:{to}"),
        Purpose::Login | Purpose::Confirmation => format!("send-to:{to}"),
    });
    [format!("send:{id}")].into_iter().chain(to).map(charge).collect()
}

/// The counter of codes that are sent again for one challenge.
pub(super) fn resending(pending: &Pending) -> Charge {
    let subject = format!("resend:{}", hash(&pending.challenge));
    Charge { subject, limit: RESENDINGS, window: CHALLENGE_WINDOW }
}
