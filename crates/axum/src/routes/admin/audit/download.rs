//! `audit.csv`, `audit.jsonl`: events of the audit log as a file.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use crossauth_core::audit::AuditEntry;
use crossauth_core::storage::{AuditFilter, StorageError};
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, Method};

use super::{AuditEventBody, Wanted};
use crate::crossauth::Crossauth;
use crate::headers;
use crate::request::RequestInfo;
use crate::routes::HandlerResult;

/// Events that are read at a time.
const STEP: u32 = 500;

const COLUMNS: &str = "id,time,act,actor,actorId,actorName,username,address,userAgent,userid,\
     account,requestId,detail\r\n";

/// A format of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

impl Format {
    /// The ending of the name of the file.
    fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }
}

/// `GET audit.csv`
pub(crate) async fn csv(info: RequestInfo, request: Request) -> HandlerResult {
    download(info, request.method(), Format::Csv).await
}

/// `GET audit.jsonl`
pub(crate) async fn json_lines(info: RequestInfo, request: Request) -> HandlerResult {
    download(info, request.method(), Format::JsonLines).await
}

/// The events are read while the file is sent. The first are read before, so that a store that fails
/// is an error and no empty file; a failure afterwards breaks the connection off.
async fn download(info: RequestInfo, method: &Method, format: Format) -> HandlerResult {
    let filter = Wanted::read(&info).filter(&info).await?;
    if method == Method::HEAD {
        // Nothing is read, so the length is not known either.
        let unread = Body::from_stream(stream::empty::<Result<Bytes, StorageError>>());
        return Ok(file(&info, format, unread));
    }
    let audit = &info.crossauth.auth().audit;
    audit.record_export(&filter, format.name()).await?;
    let first = audit.list(&filter, None, STEP).await?;
    let begin = match format {
        Format::Csv => COLUMNS.to_owned(),
        Format::JsonLines => String::new(),
    };
    let reading = Reading { crossauth: info.crossauth.clone(), filter, format, page: first };
    let state = (Some(begin), Some(reading));
    let body = Body::from_stream(stream::try_unfold(state, async |(begin, reading)| {
        if let Some(begin) = begin {
            return Ok(Some((Bytes::from(begin), (None, reading))));
        }
        let Some(reading) = reading else { return Ok(None) };
        let (chunk, rest) = reading.next().await?;
        Ok::<_, StorageError>(Some((chunk, (None, rest))))
    }));
    Ok(file(&info, format, body))
}

/// A download that goes on.
struct Reading {
    crossauth: Crossauth,
    filter: AuditFilter,
    format: Format,
    /// The events that are sent next.
    page: Vec<AuditEntry>,
}

impl Reading {
    /// The text of the present events, and what follows.
    async fn next(mut self) -> Result<(Bytes, Option<Self>), StorageError> {
        let last = self.page.last().map(|event| event.id.clone());
        let is_full = u32::try_from(self.page.len()) == Ok(STEP);
        let lines = std::mem::take(&mut self.page).into_iter().map(|event| match self.format {
            Format::Csv => line_of_csv(event),
            Format::JsonLines => line_of_json(event),
        });
        let chunk = Bytes::from(lines.collect::<String>());
        let Some(last) = last.filter(|_| is_full) else { return Ok((chunk, None)) };
        let read = self.crossauth.auth().audit.list(&self.filter, Some(&last), STEP).await;
        self.page = read.inspect_err(|error| {
            tracing::error!(%error, "a download of the audit log is incomplete");
        })?;
        Ok((chunk, Some(self)))
    }
}

fn file(info: &RequestInfo, format: Format, body: Body) -> Response {
    let (media_type, disposition) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
        Format::JsonLines => {
            ("application/x-ndjson; charset=utf-8", "attachment; filename=\"audit.jsonl\"")
        }
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers::json(headers, info.crossauth.config());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    response
}

fn line_of_json(event: AuditEntry) -> String {
    let line = serde_json::to_string(&AuditEventBody::from(event));
    line.map(|line| line + "\n").unwrap_or_default()
}

fn line_of_csv(event: AuditEntry) -> String {
    let origin = |name: &str| event.origin.get(name).unwrap_or_default();
    let cells = [
        event.id.clone(),
        event.created.to_rfc3339().unwrap_or_default(),
        event.act.as_str().to_owned(),
        event.actor.kind().to_owned(),
        event.actor.user().map(ToString::to_string).unwrap_or_default(),
        event.actor.name().unwrap_or_default().to_owned(),
        origin("username"),
        origin("address"),
        origin("userAgent"),
        event.userid.as_ref().map(ToString::to_string).unwrap_or_default(),
        event.about.get("username").unwrap_or_default(),
        event.request_id.clone().unwrap_or_default(),
        serde_json::Value::Object(event.detail).to_string(),
    ];
    cells.map(|text| cell(&text)).join(",") + "\r\n"
}

/// Characters with which a formula begins in a spreadsheet, and their full-width forms.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A cell as in RFC 4180. Spreadsheets execute a cell that begins like a formula, and split lines at
/// other characters than commas, even within quotes, where the language of the computer or its user
/// selects so. So `'` makes text of what begins like a formula after any of these characters.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len() + 2);
    cell.push('"');
    let mut is_start = true;
    for character in text.chars() {
        if is_start && FORMULA.contains(&character) {
            cell.push('\'');
        }
        let is_quote = character == '"';
        let separates = matches!(character, ',' | ';' | '|')
            || character.is_whitespace()
            || character.is_control();
        is_start = separates || is_start && is_quote;
        cell.push(character);
        if is_quote {
            cell.push('"');
        }
    }
    cell.push('"');
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted() {
        assert_eq!(cell("a \"b\", c\nd"), "\"a \"\"b\"\", c\nd\"");
        for text in
            ["", "a-b", "a=b", "a@b.example", "Mozilla/5.0 (X11; Linux x86_64)", "{\"a\":-1}"]
        {
            assert_eq!(cell(text), format!("\"{}\"", text.replace('"', "\"\"")));
        }
    }

    #[test]
    fn text_begins_no_formula_whatever_separates_cells_and_whether_quotes_do_not() {
        for formula in ["=1+1", "+1", "-1", "@A1", "\u{ff1d}1+1"] {
            assert_eq!(cell(formula), format!("\"'{formula}\""));
            for separator in [',', ';', '\t', '|', ' ', '\r', '\n', '\u{a0}', '\u{b}'] {
                for quote in ["", "\"", "\"\""] {
                    let written = cell(&format!("a{separator}{quote}{formula}"));
                    let quote = quote.repeat(2);
                    assert_eq!(written, format!("\"a{separator}{quote}'{formula}\""));
                }
            }
        }
    }
}
