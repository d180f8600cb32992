//! Logs: events on standard error, as text or JSON.

use std::io;
use std::panic::{self, PanicHookInfo};

use crossauth_axum::RequestId;
use crossauth_settings::{LogFormat, LogLevel, Settings};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{fmt, util::SubscriberInitExt as _};

/// Begins logging, panics included.
pub(crate) fn start(settings: &Settings) {
    let level = match settings.log.level {
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
    let format = settings.log.format;
    match format {
        LogFormat::Text => {
            let lines = lines.with_ansi(false);
            let lines = lines.map_event_format(|event| WithRequest { event, format });
            registry.with(lines.with_filter(ours)).init();
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            let lines = lines.map_event_format(|event| WithRequest { event, format });
            registry.with(lines.with_filter(ours)).init();
        }
    }
    panic::set_hook(Box::new(log_panic));
}

/// An event with the request that it is about: at the end of a line of text, as the first member
/// of a JSON object.
struct WithRequest<F> {
    event: F,
    format: LogFormat,
}

impl<S, N, F: FormatEvent<S, N>> FormatEvent<S, N> for WithRequest<F>
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
        let Some(id) = RequestId::current() else {
            return self.event.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.event.format_event(context, Writer::new(&mut line), event)?;
        match self.format {
            LogFormat::Text => writeln!(writer, "{} request={id}", line.trim_end()),
            LogFormat::Json => {
                let members = line.strip_prefix('{').unwrap_or(&line);
                write!(writer, "{{\"request\":\"{id}\",{members}")
            }
        }
    }
}

/// Says where it happened. The message stays out: it can quote what a request brought.
fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    tracing::error!(location, "a part of the program panicked");
}
