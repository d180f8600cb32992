//! Logs: events on standard error, as text or JSON.

use std::io;
use std::panic::{self, PanicHookInfo};

use crossauth_axum::RequestId;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
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
        LogFormat::Text => {
            let lines = lines.with_ansi(false).map_event_format(Text);
            registry.with(lines.with_filter(ours)).init();
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).map_event_format(Json);
            registry.with(lines.with_filter(ours)).init();
        }
    }
    panic::set_hook(Box::new(log_panic));
}

/// A line of text, with the request that it is about at its end.
struct Text<F>(F);

impl<S, N, F: FormatEvent<S, N>> FormatEvent<S, N> for Text<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match RequestId::current() {
            Some(id) => writeln!(writer, "{} request={id}", line.trim_end()),
            None => writer.write_str(&line),
        }
    }
}

/// A JSON object, with the request that it is about as its first member.
struct Json<F>(F);

impl<S, N, F: FormatEvent<S, N>> FormatEvent<S, N> for Json<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match (RequestId::current(), line.strip_prefix('{')) {
            (Some(id), Some(members)) => write!(writer, "{{\"request\":\"{id}\",{members}"),
            _ => writer.write_str(&line),
        }
    }
}

/// Says where it happened. The message stays out: it can quote what a request brought.
fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    tracing::error!(location, "a part of the program panicked");
}
