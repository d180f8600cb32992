//! What the server logs.

use super::section;
use crate::kind::{Choice, Flag, words};

/// What the server logs.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// The least important events that are logged.
    pub level: LogLevel,
    /// The form of the log.
    pub format: LogFormat,
    /// Whether every request is logged.
    pub access: bool,
}

/// The least important events to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Nothing.
    None,
    /// Failures.
    Error,
    /// What may fail soon.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// What led to it.
    Debug,
    /// Everything.
    Trace,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
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
    /// The least important events to log.
    "log.level": Choice<LogLevel> => level;
    /// The form of the log on standard error.
    "log.format": Choice<LogFormat> => format;
    /// Whether every request is logged.
    "log.access": Flag => access;
} }
