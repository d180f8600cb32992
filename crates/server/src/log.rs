//! Logs: events on standard error, as text or JSON.

use std::io;
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::{fmt, util::SubscriberInitExt as _};

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
    let ours = Targets::new().with_target("crossauth", level);
    let lines = fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry();
    match settings.log_format {
        LogFormat::Text => registry.with(lines.with_ansi(false).with_filter(ours)).init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_filter(ours)).init(),
    }
    panic::set_hook(Box::new(log_panic));
}

/// Says where it happened. The message stays out: it can quote what a request brought.
fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    tracing::error!(location, "a part of the program panicked");
}
