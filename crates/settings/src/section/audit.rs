//! The audit log.

use crossauth_core::audit::{AuditConfig, RequiredActs};

use super::section;
use crate::kind::{Choice, OptionalSpan, words};

words! { RequiredActs, "`none`, `admin` or `all`" {
    "none" = RequiredActs::None;
    "admin" = RequiredActs::Administrative;
    "all" = RequiredActs::All;
} }

section! { AuditConfig {
    /// Which acts do not happen if they cannot be recorded in the audit log: none, those of
    /// administrators, or all. Other acts happen, and the log of the server says that the event is
    /// missing.
    "audit.required": Choice<RequiredActs> => required;
    /// How long events of the audit log are kept; 0 for ever.
    "audit.retention": OptionalSpan => retention;
} }
