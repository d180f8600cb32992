//! Limits of request bodies, and of attempts and messages.

use crossauth_axum::BodyLimits;
use crossauth_core::limit::LimitConfig;

use super::section;
use crate::kind::{ByteSize, OptionalRate, Span};
use crate::rule::Rules;

section! { LimitConfig {
    /// Logins to one account, from anywhere except browsers on which its user has logged in before.
    /// As for all these limits: so many at once and then one in each fraction of the time, which is
    /// three minutes for `20/h`; successful ones do not count.
    "limits.logins_per_account": OptionalRate => logins_per_account;
    /// Logins to one account from one IPv4 address or one /64 network of IPv6.
    "limits.logins_per_account_and_address": OptionalRate => logins_per_account_and_address;
    /// Logins from one IPv4 address or one /64 network of IPv6, except from browsers on which the
    /// user has logged in before. As for all limits by address, loopback addresses are limited only
    /// with `limits.trusted_proxies`.
    "limits.logins_per_address": OptionalRate => logins_per_address;
    /// Logins to one account from one browser on which its user has logged in before.
    "limits.logins_per_browser": OptionalRate => logins_per_browser;
    /// Passwords that the logged-in user of one account must type once more.
    "limits.passwords_per_account": OptionalRate => passwords_per_account;
    /// Codes of second factors for one account: each for logins, for recovery codes, for
    /// confirmations of requests, for set-ups, and for logins from each known browser.
    "limits.codes_per_account": OptionalRate => codes_per_account;
    /// Codes of second factors at logins from one address.
    "limits.codes_per_address": OptionalRate => codes_per_address;
    /// Links with a token that does not exist, from one address.
    "limits.links_per_address": OptionalRate => links_per_address;
    /// API keys that do not exist, from one address.
    "limits.keys_per_address": OptionalRate => keys_per_address;
    /// Sign-ups from one address, successful or not.
    "limits.signups_per_address": OptionalRate => signups_per_address;
    /// Requests for mail, such as to reset a password, from one address.
    "limits.mails_per_address": OptionalRate => mails_per_address;
    /// E-mails of one kind to one account.
    "limits.mails_per_account": OptionalRate => mails_per_account;
    /// Codes that are sent for logins and sign-ups from one address and are not used.
    "limits.codes_sent_per_address": OptionalRate => codes_sent_per_address;
    /// Codes that are sent for one account, or to one address or number, and are not used.
    "limits.codes_sent_per_account": OptionalRate => codes_sent_per_account;
    /// Codes that are sent to one address or number, used or not.
    "limits.codes_sent_per_recipient": OptionalRate => codes_sent_per_recipient;
} }

section! { BodyLimits {
    /// Maximum size of a request body, at least 1 KiB.
    "limits.body": ByteSize => size;
    /// Maximum time from the head of a request to its response; at least 100 ms.
    "limits.request_timeout": Span => time;
} }

pub(crate) fn check(limits: &BodyLimits, rules: &mut Rules<'_>) {
    rules.require(
        limits.size >= 1024,
        &["limits.body"],
        "must be at least 1KiB: forms would be refused",
    );
    rules.require(
        limits.time.as_millis() >= 100,
        &["limits.request_timeout"],
        "must be at least 100ms: requests would time out",
    );
}
