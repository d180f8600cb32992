//! Limits of request bodies.

use crossauth_axum::BodyLimits;

use super::section;
use crate::kind::{ByteSize, Span};
use crate::rule::Rules;

section! { BodyLimits {
    /// The largest request body, at least 1 KiB.
    "limits.body": ByteSize => size;
    /// How long a request may take, from its head to its answer; at least 100 ms.
    "limits.request_timeout": Span => time;
} }

pub(crate) fn check(limits: &BodyLimits, rules: &mut Rules<'_>) {
    rules.require(
        limits.size >= 1024,
        &["limits.body"],
        "must be at least 1KiB: with less no form gets through",
    );
    rules.require(
        limits.time.as_millis() >= 100,
        &["limits.request_timeout"],
        "must be at least 100ms: with less no request gets through",
    );
}
