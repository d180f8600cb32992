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
use crate::report::printable;
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
/// of a line of text, or as the first members of a JSON object. Escapes what is not printed in a line
/// of text: data of others, such as a name in a directory, must not begin a line of its own.
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
        let mut line = String::new();
        self.event.format_event(context, Writer::new(&mut line), event)?;
        match self.format {
            LogFormat::Text => {
                writer.write_str(&printable(line.trim_end()))?;
                if let Some(RequestScope { id, client, .. }) = RequestScope::current() {
                    write!(writer, " request={id}")?;
                    client.iter().try_for_each(|client| write!(writer, " client={client}"))?;
                    let user = RequestScope::user_hash();
                    user.iter().try_for_each(|user| write!(writer, " user_hash={user}"))?;
                }
                writer.write_char('\n')
            }
            LogFormat::Json => {
                let Some(RequestScope { id, client, .. }) = RequestScope::current() else {
                    return writer.write_str(&line);
                };
                write!(writer, "{{\"request\":\"{id}\",")?;
                client.iter().try_for_each(|it| write!(writer, "\"client\":\"{it}\","))?;
                let user = RequestScope::user_hash();
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn data_of_others_begins_no_line_and_reverses_none() {
        let buffer = Buffer::default();
        let written = buffer.clone();
        let lines = fmt::layer().with_ansi(false).with_writer(move || written.clone());
        let lines = lines.map_event_format(|event| WithRequest { event, format: LogFormat::Text });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            let hostile = "cn=a\n2026-01-01 forged\u{2028}\u{202E}\u{1b}[2J\r\t";
            tracing::warn!(dn = hostile, "{hostile}");
            tracing::warn!("der Rücken, \"zitiert\"");
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = text.split('\n').collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].matches("forged").count() == 2, "{text}");
        assert!(!lines[0].contains(['\u{2028}', '\u{202E}', '\u{1b}', '\r', '\t']), "{text}");
        assert!(lines[1].ends_with("der Rücken, \"zitiert\""), "{text}");
    }
}
