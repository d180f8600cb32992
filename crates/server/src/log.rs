//! Logs: events on standard error, as text or JSON.

use std::io;
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::settings::Settings;
use crate::settings::choice::{LogFormat, LogLevel};

/// Begins logging, panics included.
pub(crate) fn start(settings: &Settings) {
    let level = match settings.log_level {
        LogLevel::None => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // Only our own crates: others' traces show headers, and with them cookies.
    let filter =
        EnvFilter::builder().parse_lossy(format!("off,crossauth={level},crossauth_core={level}"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Text => subscriber.with_ansi(false).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    panic::set_hook(Box::new(log_panic));
}

/// Says where it happened. The message stays out: it can quote what a request brought.
fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    tracing::error!(location, "a part of the program panicked");
}
