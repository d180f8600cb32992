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
const SENDINGS: u32 = 10;

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

/// The counter of codes that are sent for an account.
pub(super) fn sending(id: &UserId) -> String {
    format!("send:{id}")
}

/// The counters of sending a code.
pub(super) fn sendings(id: &UserId, factor: &FactorName, recipient: Option<&str>) -> Vec<Charge> {
    let charge = |subject| Charge { subject, limit: SENDINGS, window: HOUR };
    let to = recipient.map(|to| charge(format!("send-to:{}", hash(&format!("{factor} {to}")))));
    [charge(sending(id))].into_iter().chain(to).collect()
}

/// The counter of codes that are sent again for one challenge.
pub(super) fn resending(pending: &Pending) -> Charge {
    let subject = format!("resend:{}", hash(&pending.challenge));
    Charge { subject, limit: RESENDINGS, window: CHALLENGE_WINDOW }
}
