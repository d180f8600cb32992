//! Limits of request bodies.

use crossauth_axum::BodyLimits;

use super::section;
use crate::kind::{ByteSize, Span};
use crate::rule::Rules;

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
