//! Logging.

use super::section;
use crate::kind::{Choice, Flag, words};

/// Logging.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Log {
    /// Minimum level of logged events.
    pub level: LogLevel,
    /// Format of the log.
    pub format: LogFormat,
    /// Whether to log every request.
    pub access: bool,
}

/// Minimum level of logged events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Nothing.
    None,
    /// Failures.
    Error,
    /// Problems that may become failures.
    Warn,
    /// Events such as a start or a new account.
    #[default]
    Info,
    /// Details for finding the cause of a problem.
    Debug,
    /// Everything.
    Trace,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Lines of text.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

words! { LogLevel, "`none`, `error`, `warn`, `info`, `debug` or `trace`" {
    "none" = LogLevel::None;
    "error" = LogLevel::Error;
    "warn" = LogLevel::Warn;
    "info" = LogLevel::Info;
    "debug" = LogLevel::Debug;
    "trace" = LogLevel::Trace;
} }

words! { LogFormat, "`text` or `json`" {
    "text" = LogFormat::Text;
    "json" = LogFormat::Json;
} }

section! { Log {
    /// Minimum level of logged events.
    "log.level": Choice<LogLevel> => level;
    /// Format of the log on standard error.
    "log.format": Choice<LogFormat> => format;
    /// Whether to log every request.
    "log.access": Flag => access;
} }
