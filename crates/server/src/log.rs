//! Logs: events on standard error, as text or JSON.

mod queue;

use std::panic::{self, PanicHookInfo};

use anyhow::Context as _;
use crossauth_axum::RequestScope;
use crossauth_settings::Settings;
use crossauth_settings::section::{LogFormat, LogLevel};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{fmt, util::SubscriberInitExt as _};

use crate::metrics::CountEvents;
pub(crate) use queue::Flush;
use queue::Queue;

/// Starts logging, including panics. A thread writes the lines; dropping the result waits for it.
pub(crate) fn start(settings: &Settings) -> anyhow::Result<Flush> {
    let (queue, flush) = Queue::start().context("cannot start the log thread")?;
    let level = match settings.log.level {
        LogLevel::None => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // Only our crates: traces of other crates contain headers, including cookies.
    let ours = Targets::new().with_target("crossauth", level);
    let lines = fmt::layer().with_writer(queue);
    let counted = Targets::new().with_target("crossauth", LevelFilter::WARN);
    let registry = tracing_subscriber::registry().with(CountEvents.with_filter(counted));
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
    Ok(flush)
}

/// Adds the request id, the client's address and the pseudonym of the user to an event: at the end
/// of a line of text, or as the first members of a JSON object.
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
        let Some(RequestScope { id, client, .. }) = RequestScope::current() else {
            return self.event.format_event(context, writer, event);
        };
        let user = RequestScope::user_hash();
        let mut line = String::new();
        self.event.format_event(context, Writer::new(&mut line), event)?;
        match self.format {
            LogFormat::Text => {
                write!(writer, "{} request={id}", line.trim_end())?;
                client.iter().try_for_each(|client| write!(writer, " client={client}"))?;
                user.iter().try_for_each(|user| write!(writer, " user_hash={user}"))?;
                writer.write_char('\n')
            }
            LogFormat::Json => {
                write!(writer, "{{\"request\":\"{id}\",")?;
                client.iter().try_for_each(|it| write!(writer, "\"client\":\"{it}\","))?;
                user.iter().try_for_each(|it| write!(writer, "\"user_hash\":\"{it}\","))?;
                writer.write_str(line.strip_prefix('{').unwrap_or(&line))
            }
        }
    }
}

/// Logs the location of a panic, but not its message, which can quote data of a request.
fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    tracing::error!(location, "panic");
}
